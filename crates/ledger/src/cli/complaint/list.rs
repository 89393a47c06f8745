//! `ledger complaint list`: the daily register, and pendency by age.

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

/// Which complaints.
#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// This one only.
    #[arg(long, value_name = "ID")]
    complaint: Option<String>,
    /// Of this account.
    #[arg(long)]
    account: Option<String>,
    /// Recorded on this local date: the daily register.
    #[arg(long, value_name = "DATE")]
    day: Option<String>,
    /// Only those that are not rectified, the oldest first.
    #[arg(long)]
    pending: bool,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: &ListArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let mut client = connected.client.complaints();
    let mut request = pb::ListComplaintsRequest {
        complaint: args.complaint.clone().unwrap_or_default(),
        account_id: args.account.clone().unwrap_or_default(),
        day: args.day.clone().unwrap_or_default(),
        pending_only: args.pending,
        page_size: PAGE_ROWS,
        page_token: String::new(),
        at_least: String::new(),
    };
    let mut rows = Vec::new();
    loop {
        let page = client.list_complaints(request.clone()).await?.into_inner();
        rows.extend(page.complaints);
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

const HEADS: [&str; 9] = [
    "complaint",
    "kind",
    "account",
    "stage",
    "recorded",
    "age in days",
    "steps",
    "newest step",
    "document",
];

/// What people see of a complaint, in the order of [`HEADS`].
fn cells(row: &pb::Complaint, zone: &Zone) -> Vec<String> {
    let newest = row.actions.last();
    let age = if row.rectified_at.is_some() {
        String::new()
    } else {
        row.age_days.to_string()
    };
    vec![
        row.complaint.clone(),
        row.kind.clone(),
        row.account_id.clone(),
        row.stage.clone(),
        shown(zone, row.recorded_at.as_ref()),
        age,
        row.actions.len().to_string(),
        newest.map_or_else(String::new, |action| action.what.clone()),
        row.document.clone(),
    ]
}

fn text(rows: &[pb::Complaint], zone: &Zone) -> String {
    let heads = HEADS.map(|head| {
        let set = match head {
            "age in days" | "steps" => Set::Right,
            _ => Set::Left,
        };
        (head, set)
    });
    let mut table = Table::new(&heads, "no complaints");
    for row in rows {
        table.row(cells(row, zone));
    }
    table.text()
}

fn value(row: &pb::Complaint) -> Value {
    let actions = row.actions.iter().map(|action| {
        json!({
            "at": told(action.at.as_ref()),
            "day": action.day,
            "what": action.what,
        })
    });
    json!({
        "complaint": row.complaint,
        "kind": row.kind,
        "account": row.account_id,
        "document": row.document,
        "stage": row.stage,
        "day": row.day,
        "age_days": row.age_days,
        "recorded_at": told(row.recorded_at.as_ref()),
        "changed_at": told(row.changed_at.as_ref()),
        "rectified_at": told(row.rectified_at.as_ref()),
        "actions": actions.collect::<Vec<Value>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e16_what_is_pending_is_read_at_a_glance() {
        let row = pb::Complaint {
            complaint: "C-1".to_owned(),
            kind: "supply".to_owned(),
            account_id: "L-77".to_owned(),
            document: "call-17".to_owned(),
            stage: "under-way".to_owned(),
            age_days: 3,
            recorded_at: Some(prost_types::Timestamp {
                seconds: 1_773_104_400,
                nanos: 0,
            }),
            actions: vec![pb::ComplaintAction {
                what: "line staff sent".to_owned(),
                ..pb::ComplaintAction::default()
            }],
            ..pb::Complaint::default()
        };
        let zone = Zone::named("Asia/Kolkata").unwrap();
        insta::assert_snapshot!(text(&[row], &zone));
    }
}
