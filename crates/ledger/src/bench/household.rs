//! Accounts for measurements, and what they are sent: opened, metered, activated and topped up before any
//! time is taken; then readings, one half hour after the other.
//!
//! Everything goes through the ledger's own door. Absent on purpose: events made by hand.

use futures::stream::{self, StreamExt, TryStreamExt};
use ledger_core::answer::Answer;
use ledger_core::command::{Command, InstallMeter, OpenAccount, Source};
use ledger_core::ids::{AccountId, Actor, ChannelId, CommandKey, MeterNumber, Reference};
use ledger_core::num::{Money, Quantity};
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility;
use ledger_service::{Ask, CommandRequest, Ledger, Target};

use crate::bench::events::{Dice, account_name, meter_name};
use crate::failure::Failure;
use crate::output::Console;
use crate::output::progress::Progress;

/// Accounts being set up at once: enough to fill group commits, far below the service's queue.
const SETUP_IN_FLIGHT: usize = 2_048;
/// Credit of each account at the start, in cents: more than any measurement uses up.
const CREDIT_CENTS: i64 = 50_000;
/// Minutes between two readings of a meter.
const INTERVAL_MIN: i64 = 30;
/// Most use in an interval, thousandths of a kWh.
const USE_MAX_MILLI: usize = 2_000;
/// Senders of readings: head-ends of a small country.
const GATEWAYS: usize = 16;

/// Opens `accounts` accounts at `at`, each with an active electricity meter and credit.
///
/// # Errors
/// When the ledger refuses or fails.
pub(crate) async fn populate(
    ledger: &Ledger,
    accounts: usize,
    at: Timestamp,
    console: Console,
) -> Result<(), Failure> {
    let total = u64::try_from(accounts).unwrap_or(u64::MAX);
    let progress = Progress::begin(console, "setting up", "accounts", total);
    stream::iter(0..accounts)
        .map(|number| household(ledger, number, at))
        .buffer_unordered(SETUP_IN_FLIGHT)
        .try_for_each(|()| {
            progress.add(1);
            futures::future::ready(Ok(()))
        })
        .await?;
    progress.end();
    Ok(())
}

async fn household(ledger: &Ledger, number: usize, at: Timestamp) -> Result<(), Failure> {
    for (step, target, ask) in steps(number, at)? {
        let what = |problem: String| format!("setting up account {number}, {step}: {problem}");
        let request = request(&format!("{step}-{number}"), at, (target, ask))?;
        let reply = ledger
            .submit(request)
            .await
            .map_err(|error| Failure::unavailable("BENCH_SETUP", what(error.to_string())))?;
        if let Answer::Refused(rejection) = reply.answer {
            let refused = what(format!("refused with {}", rejection.code()));
            return Err(Failure::damaged("BENCH_SETUP", refused));
        }
    }
    Ok(())
}

type Step = (&'static str, Target, Ask);

/// What makes an account ready for readings and money, in order.
fn steps(number: usize, at: Timestamp) -> Result<[Step; 4], Failure> {
    let account = AccountId::parse(&account_name(number)).map_err(|error| made_up(&error))?;
    let meter = MeterNumber::parse(&meter_name(number)).map_err(|error| made_up(&error))?;
    let open = OpenAccount {
        scheme: None,
        class: "residential".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        customer: None,
    };
    let install = InstallMeter {
        utility: Utility::Electricity,
        meter: meter.clone(),
        register: None,
        at,
        first_value: Quantity::from_units(0),
    };
    let top_up = Ask::TopUp {
        amount: Money::from_cents(CREDIT_CENTS),
        source: Source::NotTaken,
    };
    let to_meter = Target::Meter(meter.to_string());
    let staff = |step, command| {
        let target = Target::Account(account.clone());
        (step, target, Ask::Command(command))
    };
    Ok([
        staff("open", Command::OpenAccount(open)),
        staff("install", Command::InstallMeter(install)),
        staff("activate", Command::ActivateMeter { meter }),
        ("credit", to_meter, top_up),
    ])
}

fn request(
    reference: &str,
    received_at: Timestamp,
    (target, ask): (Target, Ask),
) -> Result<CommandRequest, Failure> {
    let key = CommandKey {
        channel: ChannelId::parse("office").map_err(|error| made_up(&error))?,
        reference: Reference::parse(reference).map_err(|error| made_up(&error))?,
    };
    let actor = Actor::parse("office-clerk").map_err(|error| made_up(&error))?;
    Ok(CommandRequest {
        key,
        actor,
        received_at,
        target,
        ask,
    })
}

/// Data made here is well formed; a parser that says otherwise is a fault of this program.
pub(crate) fn made_up(error: &dyn std::fmt::Display) -> Failure {
    Failure::damaged("BENCH_DATA", format!("made-up data is refused: {error}"))
}

/// A reading as a meter sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Number of the account and its meter.
    pub(crate) number: usize,
    /// When.
    pub(crate) at: Timestamp,
    /// Register, thousandths of a kWh.
    pub(crate) milli: u64,
}

impl Shown {
    /// As a head-end writes it.
    pub(crate) fn json(&self) -> String {
        let (whole, rest) = (self.milli / 1_000, self.milli % 1_000);
        format!(
            r#"{{"meter":"{}","read_at":"{}","value":"{whole}.{rest:03}"}}"#,
            meter_name(self.number),
            self.at
        )
    }
}

/// The meters of the accounts, and what they show next.
#[derive(Debug)]
pub(crate) struct Meters {
    installed: Timestamp,
    registers: Vec<u64>,
    order: Vec<usize>,
    /// Readings given so far, over all meters.
    given: usize,
    dice: Dice,
}

impl Meters {
    /// The meters of [`populate`], read in an order that is not that of their numbers.
    pub(crate) fn new(accounts: usize, installed: Timestamp) -> Self {
        let mut dice = Dice::new(7);
        let mut order: Vec<usize> = (0..accounts).collect();
        for place in (1..accounts).rev() {
            order.swap(place, dice.below(place + 1));
        }
        Self {
            installed,
            registers: vec![0; accounts],
            order,
            given: 0,
            dice,
        }
    }

    /// The sender of the next reading: neighbours in the order share one.
    pub(crate) fn subject(&self) -> String {
        format!(
            "meter.readings.electricity.gw-{:02}",
            self.given / 100 % GATEWAYS
        )
    }
}

impl Iterator for Meters {
    type Item = Shown;

    /// Every meter once, then every meter half an hour later.
    fn next(&mut self) -> Option<Shown> {
        let meters = self.order.len().max(1);
        let (round, place) = (self.given / meters, self.given % meters);
        let number = *self.order.get(place)?;
        let register = self.registers.get_mut(number)?;
        *register += u64::try_from(self.dice.below(USE_MAX_MILLI)).unwrap_or(0);
        let minutes = i64::try_from(round + 1).ok()? * INTERVAL_MIN;
        self.given += 1;
        Some(Shown {
            number,
            at: self.installed + Millis::minutes(minutes),
            milli: *register,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meter_is_read_once_in_each_half_hour() {
        let start = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let seen: Vec<Shown> = Meters::new(50, start).take(100).collect();
        let (first, second) = seen.split_at(50);
        let mut numbers: Vec<usize> = first.iter().map(|shown| shown.number).collect();
        assert_ne!(
            numbers,
            (0..50).collect::<Vec<_>>(),
            "not in the order of their numbers"
        );
        numbers.sort_unstable();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
        assert!(
            first
                .iter()
                .all(|shown| shown.at.to_string() == "2026-03-01T00:30:00Z")
        );
        assert!(
            second
                .iter()
                .all(|shown| shown.at.to_string() == "2026-03-01T01:00:00Z")
        );
    }

    #[test]
    fn a_reading_is_written_as_a_head_end_writes_it() {
        let at = Timestamp::parse("2026-03-01T00:30:00Z").unwrap();
        let shown = Shown {
            number: 12,
            at,
            milli: 1_045,
        };
        assert_eq!(
            shown.json(),
            r#"{"meter":"E00000012","read_at":"2026-03-01T00:30:00Z","value":"1.045"}"#
        );
    }
}
