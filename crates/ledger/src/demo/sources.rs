//! Where the town's readings come from: real files, or a generator.
//!
//! A file's household is an account with one meter. An electricity meter is installed half an hour
//! before its first label, at zero, as its register begins; a water meter one hour before its earliest
//! reading, at that reading's value.

use std::collections::BTreeMap;
use std::path::Path;

use ledger_core::command::Reading;
use ledger_core::ids::{AccountId, MeterNumber};
use ledger_core::num::Quantity;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility;

use super::args::DemoArgs;
use super::generate;
use super::timeline::Timeline;
use super::town::{ExchangePlan, Household, MeterPlan, Town, debt_of, habit_of};
use crate::failure::Failure;
use crate::import::{Entry, Format, Rows};
use crate::output::Console;
use crate::output::progress::Progress;

/// A town and its readings.
pub(crate) struct Story {
    /// Who lives there.
    pub(crate) town: Town,
    /// What their meters send.
    pub(crate) timeline: Timeline,
    /// Real files: chunks by count, and every row must be accounted for.
    pub(crate) from_files: bool,
    /// Lines of the files that are no readings.
    pub(crate) bad_lines: u64,
}

/// Reads or makes the town's readings.
pub(crate) fn story(
    args: &DemoArgs,
    policy: &SchemePolicy,
    console: Console,
) -> Result<Story, Failure> {
    if args.electricity.is_none() && args.water.is_none() {
        let (town, timeline) = generate::town(args.seed, args.households, args.days(), policy);
        return Ok(Story {
            town,
            timeline,
            from_files: false,
            bad_lines: 0,
        });
    }
    let mut story = Story {
        town: Town::default(),
        timeline: Timeline::default(),
        from_files: true,
        bad_lines: 0,
    };
    let files = [
        (
            args.electricity.as_deref(),
            Format::Sgsc,
            Utility::Electricity,
        ),
        (args.water.as_deref(), Format::Daiad, Utility::Water),
    ];
    for (file, format, utility) in files {
        if let Some(file) = file {
            read_file(&mut story, file, (format, utility), policy, console)?;
        }
    }
    Ok(story)
}

/// What the installation of a file's meter needs to know.
struct Seen {
    earliest: Timestamp,
    value: Quantity,
    newest: Reading,
}

fn read_file(
    story: &mut Story,
    file: &Path,
    (format, utility): (Format, Utility),
    policy: &SchemePolicy,
    console: Console,
) -> Result<(), Failure> {
    let mut meters: BTreeMap<MeterNumber, Seen> = BTreeMap::new();
    let rows = Rows::open(file, format, policy.zone(), Some(utility))?;
    let progress = Progress::begin(console, "reading the file", "rows", 0);
    for entry in rows {
        match entry? {
            Entry::Bad(bad) => {
                console.note(&format!(
                    "{}, line {}: {}",
                    file.display(),
                    bad.line,
                    bad.reason
                ));
                story.bad_lines += 1;
            }
            Entry::Row(row) => {
                note(&mut meters, &row.reading);
                story.timeline.add(utility, row.reading);
            }
        }
        progress.add(1);
    }
    progress.end();
    let first = story.town.households.len();
    for (n, (number, seen)) in meters.into_iter().enumerate() {
        if utility == Utility::Electricity && n == 0 {
            story
                .town
                .exchanges
                .push(exchange_after(&number, &seen.newest));
        }
        let household = household(first + n, number, &seen, utility)?;
        story.town.households.push(household);
    }
    Ok(())
}

fn note(meters: &mut BTreeMap<MeterNumber, Seen>, reading: &Reading) {
    let seen = meters.entry(reading.meter.clone()).or_insert_with(|| Seen {
        earliest: reading.read_at,
        value: reading.value,
        newest: reading.clone(),
    });
    if reading.read_at < seen.earliest {
        seen.earliest = reading.read_at;
        seen.value = reading.value;
    }
    if reading.read_at > seen.newest.read_at {
        seen.newest = reading.clone();
    }
}

/// After its last real reading, at the same instant and value, so that no reading is added to the file's.
fn exchange_after(number: &MeterNumber, newest: &Reading) -> ExchangePlan {
    ExchangePlan {
        old: number.clone(),
        new: super::town::meter_number('X', 0),
        at: newest.read_at,
        final_value: newest.value,
    }
}

fn household(
    n: usize,
    number: MeterNumber,
    seen: &Seen,
    utility: Utility,
) -> Result<Household, Failure> {
    let account = AccountId::parse(&format!("home-{number}"))
        .map_err(|error| Failure::usage("DEMO_FILE", error.to_string()))?;
    let (before, first_value, interval_min) = match utility {
        Utility::Electricity => (Millis::minutes(30), Quantity::ZERO, 30),
        Utility::Water => (Millis::hours(1), seen.value, 60),
    };
    let installed_at = seen.earliest - before;
    let meter = MeterPlan {
        utility,
        number,
        installed_at,
        first_value,
        interval_min,
    };
    Ok(Household {
        account,
        meters: vec![meter],
        habit: habit_of(n),
        debt: debt_of(n),
    })
}
