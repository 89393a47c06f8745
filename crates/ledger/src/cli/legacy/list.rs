//! `ledger legacy list`: credit of old accounts, pending, overdue and settled.

use clap::{Args, ValueEnum};
use command_api::pb;
use ledger_core::time::Zone;
use serde_json::{Value, json};

use super::UtilityName;
use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect, shown, told, unit, utility_name};
use crate::compose::policies;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::csv::csv;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table};

/// Rows asked for at once; the server's largest page.
const PAGE_ROWS: u32 = 1_000;

/// Which credit.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Overdue is what is pending after the last day of its term, as of the scheme's
local day.

Examples:
  ledger legacy list --overdue
  ledger legacy list --state pending --utility water --csv > pending.csv
  ledger legacy list --account A-1001 --json")]
pub(super) struct ListArgs {
    /// Of this account.
    #[arg(long)]
    account: Option<String>,
    /// Of this utility.
    #[arg(long)]
    utility: Option<UtilityName>,
    /// In this state.
    #[arg(long)]
    state: Option<StateName>,
    /// Pending beyond its term only.
    #[arg(long)]
    overdue: bool,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateName {
    /// Neither credited nor refunded.
    Pending,
    /// Credited.
    Credited,
    /// Refunded.
    Refunded,
}

impl StateName {
    const fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Credited => "credited",
            Self::Refunded => "refunded",
        }
    }
}

pub(super) async fn run(args: &ListArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let mut client = connected.client.legacy();
    let mut request = pb::ListLegacyCreditsRequest {
        account_id: args.account.clone().unwrap_or_default(),
        utility: args
            .utility
            .map_or(pb::Utility::Unspecified, pb::Utility::from)
            .into(),
        state: args
            .state
            .map(StateName::code)
            .unwrap_or_default()
            .to_owned(),
        overdue_only: args.overdue,
        page_size: PAGE_ROWS,
        page_token: String::new(),
        at_least: String::new(),
    };
    let mut rows = Vec::new();
    loop {
        let page = client
            .list_legacy_credits(request.clone())
            .await?
            .into_inner();
        rows.extend(page.credits);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if args.csv {
        globals.console.line(&as_csv(&rows))?;
        return Ok(Exit::Done);
    }
    let zone = policies(&connected.settings)?
        .default_policy()
        .zone()
        .clone();
    globals
        .console
        .answer(|| text(&rows, &zone), || rows.iter().map(value).collect())?;
    Ok(Exit::Done)
}

/// The balance with its unit, where it has one.
fn balance(credit: &pb::LegacyCredit) -> String {
    if credit.units.is_empty() {
        with_decimals(&credit.amount, 2)
    } else {
        format!("{} {}", credit.units, unit(credit.utility))
    }
}

fn state(credit: &pb::LegacyCredit) -> &str {
    if credit.overdue {
        "overdue"
    } else {
        &credit.state
    }
}

fn text(rows: &[pb::LegacyCredit], zone: &Zone) -> String {
    let registered = format!("registered ({})", zone.name());
    let mut table = Table::new(
        &[
            ("due", Set::Left),
            ("state", Set::Left),
            ("account", Set::Left),
            ("utility", Set::Left),
            ("old account", Set::Left),
            ("balance", Set::Right),
            ("choice", Set::Left),
            ("settled", Set::Point),
            (registered.as_str(), Set::Left),
        ],
        "no credit of old accounts",
    );
    for credit in rows {
        let settled = if credit.settled.is_empty() {
            String::new()
        } else {
            with_decimals(&credit.settled, 2)
        };
        table.row(vec![
            credit.due.clone(),
            state(credit).to_owned(),
            credit.account_id.clone(),
            utility_name(credit.utility).to_owned(),
            credit.old_account.clone(),
            balance(credit),
            if credit.refund { "refund" } else { "transfer" }.to_owned(),
            settled,
            shown(zone, credit.registered_at.as_ref()),
        ]);
    }
    table.text()
}

fn as_csv(rows: &[pb::LegacyCredit]) -> String {
    let heads = [
        "due",
        "state",
        "overdue",
        "account",
        "class",
        "utility",
        "old_account",
        "units",
        "amount",
        "refund",
        "settled",
        "rate",
        "photo",
    ];
    let cells = rows.iter().map(|credit| {
        vec![
            credit.due.clone(),
            credit.state.clone(),
            credit.overdue.to_string(),
            credit.account_id.clone(),
            credit.class.clone(),
            utility_name(credit.utility).to_owned(),
            credit.old_account.clone(),
            credit.units.clone(),
            credit.amount.clone(),
            credit.refund.to_string(),
            credit.settled.clone(),
            credit.rate.clone(),
            credit.photo.clone(),
        ]
    });
    csv(&heads, cells)
}

fn value(credit: &pb::LegacyCredit) -> Value {
    json!({
        "account": credit.account_id,
        "class": credit.class,
        "utility": utility_name(credit.utility),
        "old_account": credit.old_account,
        "units": credit.units,
        "amount": credit.amount,
        "photo": credit.photo,
        "refund": credit.refund,
        "registered_at": told(credit.registered_at.as_ref()),
        "due": credit.due,
        "state": credit.state,
        "overdue": credit.overdue,
        "settled_at": told(credit.settled_at.as_ref()),
        "settled": credit.settled,
        "rate": credit.rate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<pb::LegacyCredit> {
        let row = |utility: pb::Utility, units: &str, amount: &str| pb::LegacyCredit {
            account_id: "A-1001".to_owned(),
            class: "residential".to_owned(),
            utility: utility.into(),
            old_account: "OLD-77".to_owned(),
            units: units.to_owned(),
            amount: amount.to_owned(),
            due: "2026-07-18".to_owned(),
            state: "pending".to_owned(),
            registered_at: Some(prost_types::Timestamp {
                seconds: 1_783_908_000,
                nanos: 0,
            }),
            ..pb::LegacyCredit::default()
        };
        let mut water = row(pb::Utility::Water, "", "8.4");
        water.refund = true;
        water.state = "refunded".to_owned();
        water.settled = "8.4".to_owned();
        let mut late = row(pb::Utility::Electricity, "120.5", "");
        late.overdue = true;
        vec![late, water]
    }

    #[test]
    fn u11_overdue_old_credit_is_seen_at_a_glance() {
        let zone = Zone::named("Asia/Brunei").unwrap();
        insta::assert_snapshot!(text(&rows(), &zone));
    }

    #[test]
    fn u11_the_list_is_a_table_for_spreadsheets_too() {
        let text = as_csv(&rows());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "2026-07-18,pending,true,A-1001,residential,electricity,OLD-77,120.5,,false,,,"
        );
        assert_eq!(lines.len(), 3);
    }
}
