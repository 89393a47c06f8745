//! The checks are checked: each fault that is planted is found, by the check that is there for it.

use ledger_core::scheme::SchemePolicy;

use crate::faults::{Fault, Wrong};
use crate::machine::{Core, Machine};
use crate::settings::Settings;
use crate::town::Town;

/// The check that stops a small town of a scheme in which something goes wrong; none when nothing does.
fn stopped_by(scheme: &str, wrong: Option<Wrong>) -> Option<&'static str> {
    let policy = SchemePolicy::builtin(scheme).unwrap();
    let settings = Settings::fixed(40, 12);
    let core = Core::of(policy.clone(), wrong.map(Fault::of));
    let mut machine = Machine::Core(Box::new(core));
    let lived = Town::of(policy, &settings).live(&mut machine, &settings);
    lived.err().map(|found| found.finding.check)
}

const SCHEMES: [&str; 4] = ["usms", "payu", "kplc", "ebcm"];

#[test]
fn c2_a_posting_off_by_a_cent_is_found_also_when_both_legs_are() {
    for scheme in SCHEMES {
        assert_eq!(stopped_by(scheme, None), None, "{scheme}");
        let one = stopped_by(scheme, Some(Wrong::PostingOffByACent));
        assert_eq!(one, Some("C2: every fact balances"), "{scheme}");
        let both = stopped_by(scheme, Some(Wrong::BothLegsOffByACent));
        let tied = "C2: the control accounts tie";
        let taken = "C14: channels owe what they took";
        assert!(
            both == Some(tied) || both == Some(taken),
            "{scheme}: {both:?}"
        );
    }
}

#[test]
fn k4_an_order_that_is_sent_although_a_payment_was_recorded_is_found() {
    for scheme in SCHEMES {
        assert_eq!(
            stopped_by(scheme, Some(Wrong::OrderedOffAfterAPayment)),
            Some("K4: nobody is cut whose payment was recorded"),
            "{scheme}"
        );
    }
}

#[test]
fn e17_an_account_month_that_is_closed_twice_is_found() {
    assert_eq!(
        stopped_by("ebcm", Some(Wrong::MonthClosedTwice)),
        Some("E17: each account-month is closed once")
    );
}

#[test]
fn c4_a_payment_that_is_answered_and_forgotten_is_found() {
    for scheme in SCHEMES {
        assert_eq!(
            stopped_by(scheme, Some(Wrong::PaymentForgotten)),
            Some("C14: channels owe what they took"),
            "{scheme}"
        );
    }
}

#[test]
fn u12_an_instalment_that_counts_in_another_month_is_found() {
    assert_eq!(
        stopped_by("usms", Some(Wrong::InstalmentInAnotherMonth)),
        Some("U12: months left and debt period")
    );
}

#[test]
fn c6_an_account_that_changes_without_a_fact_is_found() {
    for scheme in ["usms", "payu"] {
        assert_eq!(
            stopped_by(scheme, Some(Wrong::ChangedWithoutAFact)),
            Some("C6: a balance is its fold"),
            "{scheme}"
        );
    }
}

#[test]
fn c8_units_that_are_charged_twice_are_found() {
    for scheme in SCHEMES {
        assert_eq!(
            stopped_by(scheme, Some(Wrong::UnitsChargedTwice)),
            Some("C8: each unit is charged once"),
            "{scheme}"
        );
    }
}
