//! The seeded simulation: a town of each scheme through three years on a simulated clock.
//!
//! Meters are read daily, one in twenty hourly; readings come in order, late, twice, garbled, in a heap,
//! or are nobody's. People pay, miss payments, are cut and come back, exchange meters, leave. After each
//! month the books balance and tie, every account is the fold of its facts, every account-month is closed
//! once, debts are what the rule says, and nobody was cut whose payment was recorded.
//!
//! The large town runs the core's decisions on facts written and read back as they are stored; a small one
//! runs the whole service with its read models. Each house has dice of its own, so a finding is seen again
//! with its house alone: the failure says how. What is planted wrong is found (`planted`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_arguments,
    reason = "a test says what it expects and stops where that fails"
)]

mod books;
mod debts;
mod dice;
mod faults;
mod house;
mod machine;
mod meters;
mod moving;
mod office;
mod people;
mod planted;
mod settings;
mod tally;
mod town;
mod watch;
mod whole;

use ledger_core::scheme::SchemePolicy;

use crate::machine::{Core, Machine};
use crate::settings::Settings;
use crate::tally::Tally;
use crate::town::Town;
use crate::whole::Whole;

/// Accounts of a large town, and of the small one that runs the whole service.
const LARGE: usize = 1_000;
const SMALL: usize = 20;
/// Three years for the large one, a year for the small one.
const MONTHS: usize = 36;
const SMALL_MONTHS: usize = 12;

/// Plays a town on a machine; fails with the finding and how to see it again.
fn play(policy: SchemePolicy, mut machine: Machine, (settings, test): (&Settings, &str)) -> Tally {
    println!("{}", settings.again(test, None));
    let mut town = Town::of(policy, settings);
    if let Err(found) = town.live(&mut machine, settings) {
        let again = settings.again(test, found.house);
        panic!("{}\nto see it again: {again}", found.finding);
    }
    if let Machine::Whole(whole) = machine {
        whole.close();
    }
    println!("{}", town.tally);
    town.tally
}

fn large(scheme: &str, test: &str) {
    let policy = SchemePolicy::builtin(scheme).unwrap();
    let settings = Settings::chosen(LARGE, MONTHS);
    let core = Machine::Core(Box::new(Core::of(policy.clone(), None)));
    let tally = play(policy.clone(), core, (&settings, test));
    if settings.plays_all(LARGE, MONTHS) {
        everything_happened(&policy, &tally);
    }
}

fn small(scheme: &str, test: &str) {
    let policy = SchemePolicy::builtin(scheme).unwrap();
    let settings = Settings::chosen(SMALL, SMALL_MONTHS);
    let start = policy.zone().start_of_month(settings.first_month());
    let whole = Machine::Whole(Box::new(Whole::of(policy.clone(), start)));
    play(policy, whole, (&settings, test));
}

/// What a town of this scheme sees in its years.
fn everything_happened(policy: &SchemePolicy, tally: &Tally) {
    let mut wanted = vec![
        "reading accepted",
        "reading duplicate",
        "reading kept aside",
        "reading foreign",
        "receipt",
        "command refused",
        "meter-exchanged.v1",
        "supply-disconnection-ordered.v1",
        "supply-reconnection-ordered.v1",
        "meter-order-confirmed.v1",
        "meter-order-repeated.v1",
    ];
    if policy.top_up().is_some() {
        wanted.extend(["credit-topped-up.v1", "account-closed.v1"]);
    }
    if policy.transfer().is_some() {
        wanted.push("credit-transferred.v1");
    }
    if policy.debt().is_some() {
        wanted.extend(["debt-agreed.v1", "debt-paid.v1", "debt-rescheduled.v1"]);
        wanted.push("payment missed");
    }
    if policy.emergency().is_some() {
        wanted.extend(["emergency-credit-drawn.v1", "scheme-joined.v1"]);
    }
    if let Some(billing) = policy.billing() {
        wanted.extend(["bill-paid.v1", "payment missed"]);
        if billing.status.is_some() {
            wanted.extend(["month-closed.v1", "consumer-reconnected.v1"]);
            wanted.extend(["connection-ended.v1", "bill-stopped.v1"]);
        } else {
            wanted.push("taken out of a run by a payment");
        }
    }
    let missing: Vec<_> = wanted.iter().filter(|what| tally.of(what) == 0).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}\n{tally}");
}

#[test]
fn c2_k4_e17_a_town_of_usms_holds_for_three_years() {
    large("usms", "c2_k4_e17_a_town_of_usms_holds_for_three_years");
}

#[test]
fn c1_c2_the_whole_service_holds_for_a_year_of_usms() {
    small("usms", "c1_c2_the_whole_service_holds_for_a_year_of_usms");
}

#[test]
fn c2_k4_e17_a_town_of_payu_holds_for_three_years() {
    large("payu", "c2_k4_e17_a_town_of_payu_holds_for_three_years");
}

#[test]
fn c1_c2_the_whole_service_holds_for_a_year_of_payu() {
    small("payu", "c1_c2_the_whole_service_holds_for_a_year_of_payu");
}

#[test]
fn c2_k4_e17_a_town_of_kplc_holds_for_three_years() {
    large("kplc", "c2_k4_e17_a_town_of_kplc_holds_for_three_years");
}

#[test]
fn c1_c2_the_whole_service_holds_for_a_year_of_kplc() {
    small("kplc", "c1_c2_the_whole_service_holds_for_a_year_of_kplc");
}

#[test]
fn c2_k4_e17_a_town_of_ebcm_holds_for_three_years() {
    large("ebcm", "c2_k4_e17_a_town_of_ebcm_holds_for_three_years");
}

#[test]
fn c1_c2_the_whole_service_holds_for_a_year_of_ebcm() {
    small("ebcm", "c1_c2_the_whole_service_holds_for_a_year_of_ebcm");
}
