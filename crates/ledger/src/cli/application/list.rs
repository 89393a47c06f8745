//! `ledger application list`: the register of applications.

use clap::Args;
use command_api::pb;
use ledger_core::time::Zone;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect, shown, told};
use crate::compose::policies;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::csv::csv;
use crate::output::table::{Set, Table};

/// Rows asked for at once; the server's largest page.
const PAGE_ROWS: u32 = 1_000;

/// Which applications.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger application list --stage SFS           what awaits the AE's sanction
  ledger application list --csv > register.csv")]
pub(super) struct ListArgs {
    /// This one only.
    #[arg(long, value_name = "ID")]
    application: Option<String>,
    /// At this stage, such as SFS or AVP.
    #[arg(long)]
    stage: Option<String>,
    /// Of this applicant's record.
    #[arg(long)]
    applicant: Option<String>,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: &ListArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let mut client = connected.client.applications();
    let mut request = pb::ListApplicationsRequest {
        application: args.application.clone().unwrap_or_default(),
        stage: args.stage.clone().unwrap_or_default(),
        applicant: args.applicant.clone().unwrap_or_default(),
        page_size: PAGE_ROWS,
        page_token: String::new(),
        at_least: String::new(),
    };
    let mut rows = Vec::new();
    loop {
        let page = client
            .list_applications(request.clone())
            .await?
            .into_inner();
        rows.extend(page.applications);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let policies = policies(&connected.settings)?;
    let zone = policies.default_policy().zone().clone();
    if args.csv {
        let text = csv(&HEADS, rows.iter().map(|row| cells(row, &zone)));
        globals.console.line(&text)?;
        return Ok(Exit::Done);
    }
    globals
        .console
        .answer(|| text(&rows, &zone), || rows.iter().map(value).collect())?;
    Ok(Exit::Done)
}

const HEADS: [&str; 10] = [
    "application",
    "stage",
    "kind",
    "class",
    "applicant",
    "begun",
    "changed",
    "demanded",
    "number",
    "reason",
];

/// What people see of an application, in the order of [`HEADS`].
fn cells(row: &pb::Application, zone: &Zone) -> Vec<String> {
    vec![
        row.application.clone(),
        row.stage.clone(),
        row.kind.clone(),
        row.class.clone(),
        row.applicant.clone(),
        shown(zone, row.begun_at.as_ref()),
        shown(zone, row.changed_at.as_ref()),
        row.demanded.clone(),
        row.number.clone(),
        row.reason.clone(),
    ]
}

fn text(rows: &[pb::Application], zone: &Zone) -> String {
    let heads = HEADS.map(|head| {
        let set = if head == "demanded" {
            Set::Point
        } else {
            Set::Left
        };
        (head, set)
    });
    let mut table = Table::new(&heads, "no applications");
    for row in rows {
        table.row(cells(row, zone));
    }
    table.text()
}

fn value(row: &pb::Application) -> Value {
    json!({
        "application": row.application,
        "stage": row.stage,
        "kind": row.kind,
        "scheme": row.scheme,
        "class": row.class,
        "applicant": row.applicant,
        "until": row.until,
        "reason": row.reason,
        "document": row.document,
        "demanded": row.demanded,
        "held": row.held,
        "number": row.number,
        "receipt": row.receipt,
        "begun_at": told(row.begun_at.as_ref()),
        "changed_at": told(row.changed_at.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e14_the_register_of_applications_is_read_at_a_glance() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let row = pb::Application {
            application: "AP-1".to_owned(),
            kind: "general".to_owned(),
            class: "domestic".to_owned(),
            applicant: "person-7".to_owned(),
            stage: "DNP".to_owned(),
            demanded: "1350".to_owned(),
            begun_at: at(1_773_104_400),
            changed_at: at(1_773_190_800),
            ..pb::Application::default()
        };
        let zone = Zone::named("Asia/Kolkata").unwrap();
        insta::assert_snapshot!(text(&[row], &zone));
    }
}
