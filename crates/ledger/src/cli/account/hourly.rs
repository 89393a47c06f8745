//! `ledger account consumption --hourly`: an account's consumption by local hour, folded from its history.

use command_api::pb;
use ledger_core::event::{Event, decode};
use ledger_core::hourly::HourlyConsumption;
use ledger_core::ids::MeterNumber;
use ledger_core::num::Quantity;
use ledger_core::time::{LocalDate, Timestamp, Zone};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::cli::client::{Connected, account_named, unit, utility_name, zone_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::local::local_time;
use crate::output::table::{Set, Table};

/// Hours between two local dates, inclusive.
#[derive(Debug, Clone, Copy)]
struct Days {
    from: LocalDate,
    to: LocalDate,
}

struct Line {
    meter: String,
    utility: i32,
    hour: Timestamp,
    quantity: Quantity,
}

/// Prints every hour of each meter between two dates.
pub(super) async fn run(
    connected: &Connected,
    account: &pb::GetAccountResponse,
    (from, to): (&str, &str),
    globals: &Globals,
) -> Result<Exit, Failure> {
    let zone = zone_of(&connected.settings, &account.scheme)?;
    let days = Days {
        from: date("--from", from)?,
        to: date("--to", to)?,
    };
    let mut meters: Vec<(&pb::Meter, HourlyConsumption)> = Vec::new();
    for meter in &account.meters {
        // A number that came back stands several times; its hours are told once.
        if meters.iter().all(|(known, _)| known.meter != meter.meter) {
            let number = MeterNumber::parse(&meter.meter)
                .map_err(|error| Failure::damaged("BAD_ANSWER", error.to_string()))?;
            meters.push((meter, HourlyConsumption::of(number, zone.clone())));
        }
    }
    fold_history(connected, &account.account_id, &mut meters).await?;
    let lines: Vec<Line> = meters
        .iter()
        .flat_map(|(meter, hours)| lines(meter, hours, &zone, days))
        .collect();
    globals.console.answer(
        || text(&lines, &zone),
        || lines.iter().map(|line| value(line, &zone)).collect(),
    )?;
    Ok(Exit::Done)
}

async fn fold_history(
    connected: &Connected,
    account: &str,
    meters: &mut [(&pb::Meter, HourlyConsumption)],
) -> Result<(), Failure> {
    let request = pb::ReadHistoryRequest {
        account: Some(account_named(account)),
        from_revision: 0,
        limit: 0,
    };
    let mut history = connected
        .client
        .queries()
        .read_history(request)
        .await?
        .into_inner();
    while let Some(stored) = history.message().await? {
        let event = decode(&stored.kind, stored.data.as_bytes())
            .map_err(|error| Failure::damaged("BAD_ANSWER", error.to_string()))?;
        if let Event::Account(event) = event {
            for (_, hours) in meters.iter_mut() {
                hours.take(&event);
            }
        }
    }
    Ok(())
}

fn lines<'a>(
    meter: &'a pb::Meter,
    hours: &'a HourlyConsumption,
    zone: &'a Zone,
    days: Days,
) -> impl Iterator<Item = Line> + 'a {
    hours
        .hours()
        .filter(move |(hour, _)| (days.from..=days.to).contains(&zone.date_of(*hour)))
        .map(|(hour, quantity)| Line {
            meter: meter.meter.clone(),
            utility: meter.utility,
            hour,
            quantity,
        })
}

fn date(flag: &str, text: &str) -> Result<LocalDate, Failure> {
    LocalDate::parse(text)
        .map_err(|error| Failure::usage("BAD_DATE", format!("flag {flag}: {error}")))
}

fn text(lines: &[Line], zone: &Zone) -> String {
    let heads = [
        ("meter", Set::Left),
        ("hour from", Set::Left),
        ("quantity", Set::Point),
        ("unit", Set::Left),
    ];
    let mut table = Table::new(&heads, "no consumption");
    for line in lines {
        let hour = local_time(zone, line.hour);
        table.row(vec![
            line.meter.clone(),
            hour,
            line.quantity.to_string(),
            unit(line.utility).to_owned(),
        ]);
    }
    format!("{}\ntimes are local in {}", table.text(), zone.name())
}

fn value(line: &Line, zone: &Zone) -> Value {
    json!({
        "meter": line.meter,
        "utility": utility_name(line.utility),
        "hour": line.hour,
        "local_hour": local_time(zone, line.hour),
        "quantity": line.quantity,
    })
}
