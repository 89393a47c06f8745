//! `ledger account consumption`: consumption and charge of an account's meters by day or month; by hour in
//! [`super::hourly`].

use clap::Args;
use command_api::pb;
use ledger_core::time::LocalDate;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::cli::account::hourly;
use crate::cli::client::{ServerArgs, account_named, connect, unit, utility_name};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table};

/// Which time of which account.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Dates and months are local to the account's scheme.

Examples:
  ledger account consumption A-1001 --from 2026-03-01 --to 2026-03-31
  ledger account consumption A-1001 --hourly --from 2026-03-01 --to 2026-03-01
  ledger account consumption A-1001 --monthly --from 2026-01 --to 2026-12")]
pub(crate) struct ConsumptionArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    /// First date (or month with --monthly).
    #[arg(long, value_name = "DATE")]
    from: String,
    /// Last date (or month with --monthly), inclusive.
    #[arg(long, value_name = "DATE")]
    to: String,
    /// By billing month instead of by day.
    #[arg(long)]
    monthly: bool,
    /// By local hour instead of by day, folded from the account's history.
    #[arg(long, conflicts_with = "monthly")]
    hourly: bool,
    #[command(flatten)]
    server: ServerArgs,
}

struct Line {
    meter: String,
    utility: i32,
    period: String,
    readings: u64,
    quantity: String,
    charge: String,
}

pub(super) async fn run(args: &ConsumptionArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let mut queries = connected.client.queries();
    let request = pb::GetAccountRequest {
        account: Some(account_named(&args.account)),
        at_least: String::new(),
    };
    let account = queries.get_account(request).await?.into_inner();
    if args.hourly {
        return hourly::run(&connected, &account, (&args.from, &args.to), globals).await;
    }
    let mut lines = Vec::new();
    let mut asked: Vec<&str> = Vec::new();
    for meter in &account.meters {
        // A number that came back stands several times; its consumption is told once.
        if asked.contains(&meter.meter.as_str()) {
            continue;
        }
        asked.push(&meter.meter);
        if args.monthly {
            let request = pb::GetMonthlyConsumptionRequest {
                meter: meter.meter.clone(),
                from_month: month_of(&args.from),
                to_month: month_of(&args.to),
                at_least: String::new(),
            };
            let months = queries
                .get_monthly_consumption(request)
                .await?
                .into_inner()
                .months;
            lines.extend(months.into_iter().map(|month| of_month(meter, month)));
        } else {
            let request = pb::GetDailyConsumptionRequest {
                meter: meter.meter.clone(),
                from_date: args.from.clone(),
                to_date: args.to.clone(),
                at_least: String::new(),
            };
            let days = queries
                .get_daily_consumption(request)
                .await?
                .into_inner()
                .days;
            lines.extend(days.into_iter().map(|day| of_day(meter, day)));
        }
    }
    globals.console.answer(
        || text(&lines, args.monthly),
        || lines.iter().map(value).collect(),
    )?;
    Ok(Exit::Done)
}

/// A month as it is, or the one that a date lies in.
fn month_of(text: &str) -> String {
    LocalDate::parse(text).map_or_else(|_| text.to_owned(), |date| date.month().to_string())
}

fn of_day(meter: &pb::Meter, day: pb::DayConsumption) -> Line {
    Line {
        meter: meter.meter.clone(),
        utility: meter.utility,
        period: day.date,
        readings: day.readings,
        quantity: day.quantity,
        charge: day.charge,
    }
}

fn of_month(meter: &pb::Meter, month: pb::MonthConsumption) -> Line {
    Line {
        meter: meter.meter.clone(),
        utility: meter.utility,
        period: month.month,
        readings: month.readings,
        quantity: month.quantity,
        charge: month.charge,
    }
}

fn text(lines: &[Line], monthly: bool) -> String {
    let mut table = Table::new(
        &[
            ("meter", Set::Left),
            (if monthly { "month" } else { "date" }, Set::Left),
            ("readings", Set::Right),
            ("quantity", Set::Point),
            ("unit", Set::Left),
            ("charge", Set::Point),
        ],
        "no consumption",
    );
    for line in lines {
        table.row(vec![
            line.meter.clone(),
            line.period.clone(),
            line.readings.to_string(),
            line.quantity.clone(),
            unit(line.utility).to_owned(),
            with_decimals(&line.charge, 2),
        ]);
    }
    table.text()
}

fn value(line: &Line) -> Value {
    json!({
        "meter": line.meter,
        "utility": utility_name(line.utility),
        "period": line.period,
        "readings": line.readings,
        "quantity": line.quantity,
        "charge": line.charge,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_stands_for_its_month_where_months_are_asked_for() {
        assert_eq!(month_of("2026-03-05"), "2026-03");
        assert_eq!(month_of("2026-03"), "2026-03");
        assert_eq!(
            month_of("March"),
            "March",
            "the server says what is wrong with it"
        );
    }
}
