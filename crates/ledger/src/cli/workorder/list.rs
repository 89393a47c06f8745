//! `ledger workorder list`: where work orders stand, by their appointments.

use clap::Args;
use command_api::pb;
use ledger_core::time::Zone;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect, shown, told, utility_name};
use crate::compose::policies;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::csv::csv;
use crate::output::table::{Set, Table};

/// Rows asked for at once; the server's largest page.
const PAGE_ROWS: u32 = 1_000;

/// Which work orders.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Stages: open, appointed, prevented, read, installed, activated, settled,
returned, cancelled.

Examples:
  ledger workorder list --day 2026-03-10
  ledger workorder list --stage settled --csv > to-return.csv
  ledger workorder list --account A-1001 --json")]
pub(super) struct ListArgs {
    /// This one only.
    #[arg(long, value_name = "ID")]
    work_order: Option<String>,
    /// Of this account.
    #[arg(long)]
    account: Option<String>,
    /// At this stage.
    #[arg(long)]
    stage: Option<String>,
    /// With an appointment on this local date.
    #[arg(long, value_name = "DATE")]
    day: Option<String>,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: &ListArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let mut client = connected.client.work_orders();
    let mut request = pb::ListWorkOrdersRequest {
        work_order: args.work_order.clone().unwrap_or_default(),
        account_id: args.account.clone().unwrap_or_default(),
        stage: args.stage.clone().unwrap_or_default(),
        day: args.day.clone().unwrap_or_default(),
        page_size: PAGE_ROWS,
        page_token: String::new(),
        at_least: String::new(),
    };
    let mut rows = Vec::new();
    loop {
        let page = client.list_work_orders(request.clone()).await?.into_inner();
        rows.extend(page.work_orders);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let zone = policies(&connected.settings)?
        .default_policy()
        .zone()
        .clone();
    if args.csv {
        globals.console.line(&as_csv(&rows, &zone))?;
        return Ok(Exit::Done);
    }
    globals
        .console
        .answer(|| text(&rows, &zone), || rows.iter().map(value).collect())?;
    Ok(Exit::Done)
}

fn before(order: &pb::WorkOrder) -> &'static str {
    match pb::PaidBefore::try_from(order.paid_before) {
        Ok(pb::PaidBefore::Prepaid) => "prepaid",
        Ok(pb::PaidBefore::Postpaid) => "postpaid",
        Ok(pb::PaidBefore::Unspecified) | Err(_) => "unknown",
    }
}

/// What people see of a work order, in the order of [`HEADS`].
fn cells(order: &pb::WorkOrder, zone: &Zone) -> Vec<String> {
    let prevented = match order.prevented {
        0 => String::new(),
        times => format!("{times}x {}", order.obstacle),
    };
    vec![
        order.work_order.clone(),
        order.stage.clone(),
        shown(zone, order.appointment.as_ref()),
        order.account_id.clone(),
        utility_name(order.utility).to_owned(),
        before(order).to_owned(),
        order.old_meter.clone(),
        order.meter.clone(),
        prevented,
        order.installer.clone(),
    ]
}

const HEADS: [&str; 10] = [
    "work order",
    "stage",
    "appointment",
    "account",
    "utility",
    "before",
    "old meter",
    "new meter",
    "prevented",
    "installer",
];

fn text(rows: &[pb::WorkOrder], zone: &Zone) -> String {
    let heads = HEADS.map(|head| (head, Set::Left));
    let mut table = Table::new(&heads, "no work orders");
    for order in rows {
        table.row(cells(order, zone));
    }
    table.text()
}

fn as_csv(rows: &[pb::WorkOrder], zone: &Zone) -> String {
    csv(&HEADS, rows.iter().map(|order| cells(order, zone)))
}

fn value(order: &pb::WorkOrder) -> Value {
    json!({
        "work_order": order.work_order,
        "account": order.account_id,
        "utility": utility_name(order.utility),
        "paid_before": before(order),
        "old_account": order.old_account,
        "old_meter": order.old_meter,
        "installer": order.installer,
        "stage": order.stage,
        "appointment": told(order.appointment.as_ref()),
        "appointment_day": order.appointment_day,
        "prevented": order.prevented,
        "obstacle": order.obstacle,
        "meter": order.meter,
        "photo": order.photo,
        "document": order.document,
        "issued_at": told(order.issued_at.as_ref()),
        "changed_at": told(order.changed_at.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u16_work_orders_are_listed_with_what_prevented_them() {
        let order = pb::WorkOrder {
            work_order: "WO-1".to_owned(),
            account_id: "A-1001".to_owned(),
            utility: pb::Utility::Electricity.into(),
            paid_before: pb::PaidBefore::Prepaid.into(),
            old_account: "OLD-77".to_owned(),
            old_meter: "M-4711".to_owned(),
            installer: "team-3".to_owned(),
            stage: "appointed".to_owned(),
            appointment: Some(prost_types::Timestamp {
                seconds: 1_773_104_400,
                nanos: 0,
            }),
            prevented: 1,
            obstacle: "rain".to_owned(),
            ..pb::WorkOrder::default()
        };
        let zone = Zone::named("Asia/Brunei").unwrap();
        insta::assert_snapshot!(text(&[order], &zone));
    }
}
