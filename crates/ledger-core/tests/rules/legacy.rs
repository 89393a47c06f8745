//! U10, U11, U17: credit of older systems, and who is responsible for payments.

use ledger_core::account::{LegacyStage, Supply};
use ledger_core::command::{
    ChangeResponsible, CloseTo, Command, CreditLegacy, LegacyValue, RegisterLegacy,
};
use ledger_core::event::{AccountEvent, ResponsibleAs, SupplyReason};
use ledger_core::ids::{ChannelId, OpaqueRef};
use ledger_core::num::Price;
use ledger_core::postings::{LedgerAccount, of_account};
use ledger_core::scheme::LegacyBalance;
use ledger_core::time::LocalDate;
use ledger_core::utility::Utility::{self, Electricity, Water};

use crate::story::{E, Story, bnd, q};

/// 2026-07-13, a Monday; the Wednesday is a holiday, the Friday no working day.
const MONDAY: &str = "2026-07-13 10:00:00";

fn reference(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

fn register(utility: Utility, balance: LegacyBalance, refund: bool) -> Command {
    Command::RegisterLegacyCredit(RegisterLegacy {
        utility,
        from: reference("old-1"),
        balance,
        photo: Some(reference("photo-1")),
        refund,
    })
}

fn units(text: &str) -> Command {
    register(Electricity, LegacyBalance::Units(q(text)), false)
}

fn amount(text: &str, refund: bool) -> Command {
    register(Water, LegacyBalance::Amount(bnd(text)), refund)
}

fn credit(utility: Utility, value: LegacyValue) -> Command {
    Command::CreditLegacyCredit(CreditLegacy {
        utility,
        from: reference("old-1"),
        value,
    })
}

fn refund() -> Command {
    Command::RefundLegacyCredit {
        utility: Water,
        from: reference("old-1"),
        by: ChannelId::parse("office").unwrap(),
    }
}

fn due(story: &Story) -> LocalDate {
    let due = story.events.iter().rev().find_map(|event| match event {
        AccountEvent::LegacyCreditRegistered(e) => Some(e.due),
        _ => None,
    });
    due.unwrap()
}

fn day(text: &str) -> LocalDate {
    LocalDate::parse(text).unwrap()
}

#[test]
fn u10_a_balance_below_10000_kwh_is_due_in_three_working_days_and_not_before_72_hours() {
    let mut story = Story::with_meters(MONDAY);
    story.done(MONDAY, units("9999.999999"));
    assert_eq!(
        due(&story),
        day("2026-07-18"),
        "the 14th, the 16th and the 18th are working days"
    );
    let mut story = Story::with_meters("2026-07-20 10:00:00");
    story.done("2026-07-20 10:00:00", units("5"));
    assert_eq!(
        due(&story),
        day("2026-07-23"),
        "three working days and 72 hours end on the same day"
    );
    let late = "2026-07-20 23:30:00";
    let mut story = Story::with_meters(late);
    story.done(late, units("5"));
    assert_eq!(due(&story), day("2026-07-23"), "72 hours, and not one more");
}

#[test]
fn u10_a_balance_of_10000_kwh_or_more_is_overdue_after_four_weeks() {
    let mut story = Story::with_meters(MONDAY);
    story.done(MONDAY, units("10000"));
    assert_eq!(due(&story), day("2026-08-10"));
}

#[test]
fn u10_the_officer_states_exactly_one_of_rate_and_amount() {
    let mut story = Story::with_meters(MONDAY);
    story.done(MONDAY, units("120.5"));
    let none = story.refused(MONDAY, credit(Electricity, LegacyValue::AsRegistered));
    assert_eq!(none.code(), "BAD_INPUT");
    let rate = LegacyValue::Rate(Price::parse("0.08").unwrap());
    story.done("2026-07-14 10:00:00", credit(Electricity, rate));
    assert_eq!(story.balance(Electricity), bnd("9.64"), "120.5 times 0.08");
    assert_eq!(story.account.legacy()[0].stage, LegacyStage::Credited);
    let mut story = Story::with_meters(MONDAY);
    story.done(MONDAY, units("120.5"));
    story.done(MONDAY, credit(Electricity, LegacyValue::Amount(bnd("9"))));
    assert_eq!(story.balance(Electricity), bnd("9"));
}

#[test]
fn u11_a_balance_of_water_needs_no_photograph() {
    let mut story = Story::with_meters(MONDAY);
    let water = Command::RegisterLegacyCredit(RegisterLegacy {
        utility: Water,
        from: reference("old-2"),
        balance: LegacyBalance::Amount(bnd("5")),
        photo: None,
        refund: false,
    });
    story.done(MONDAY, water);
}

#[test]
fn u10_registration_needs_the_photograph_and_the_measure_of_the_old_meter() {
    let mut story = Story::with_meters(MONDAY);
    let bare = Command::RegisterLegacyCredit(RegisterLegacy {
        utility: Electricity,
        from: reference("old-1"),
        balance: LegacyBalance::Units(q("5")),
        photo: None,
        refund: false,
    });
    assert_eq!(story.refused(MONDAY, bare).code(), "BAD_INPUT");
    for wrong in [
        units("0"),
        register(Electricity, LegacyBalance::Amount(bnd("5")), false),
        register(Water, LegacyBalance::Units(q("5")), false),
        amount("5.001", false),
    ] {
        let code = story.refused(MONDAY, wrong).code();
        assert!(["BAD_INPUT", "TOO_FINE"].contains(&code), "{code}");
    }
    assert!(story.account.legacy().is_empty());
}

#[test]
fn u11_a_large_water_balance_is_due_in_six_calendar_months_and_a_small_one_in_four_weeks() {
    for (balance, last) in [
        ("6.01", "2027-02-28"),
        ("6.00", "2026-09-28"),
        ("0.01", "2026-09-28"),
    ] {
        let mut story = Story::with_meters("2026-08-31 10:00:00");
        story.done("2026-08-31 10:00:00", amount(balance, false));
        assert_eq!(due(&story), day(last), "{balance}");
    }
}

#[test]
fn u11_only_a_residential_balance_above_six_may_be_refunded() {
    let mut story = Story::with_meters(MONDAY);
    let small = story.refused(MONDAY, amount("6.00", true));
    assert_eq!(small.code(), "LEGACY_CHOICE");
    let mut commercial = Story::of_class(MONDAY, "commercial", None);
    commercial.install(MONDAY, Water, crate::story::W, "0");
    let refused = commercial.refused(MONDAY, amount("60", true));
    assert_eq!(refused.code(), "LEGACY_CHOICE");
    commercial.done(MONDAY, amount("60", false));
    commercial.done(MONDAY, credit(Water, LegacyValue::AsRegistered));
    assert_eq!(commercial.balance(Water), bnd("60"), "always transferred");
}

#[test]
fn u11_the_customer_chooses_and_the_choice_binds_what_is_done() {
    let mut story = Story::with_meters(MONDAY);
    story.done(MONDAY, amount("8.40", false));
    assert_eq!(story.refused(MONDAY, refund()).code(), "LEGACY_CHOICE");
    let choose = |refund| Command::ChooseLegacyCredit {
        utility: Water,
        from: reference("old-1"),
        refund,
    };
    assert!(story.done(MONDAY, choose(false)).is_empty(), "no change");
    story.done(MONDAY, choose(true));
    let credited = story.refused(MONDAY, credit(Water, LegacyValue::AsRegistered));
    assert_eq!(credited.code(), "LEGACY_CHOICE");
    story.done("2026-12-01 10:00:00", refund());
    assert_eq!(
        story.balance(Water),
        bnd("0"),
        "no credit, the money went out"
    );
    let lines = of_account(story.account.id(), story.events.last().unwrap());
    assert_eq!(lines[0].account, LedgerAccount::LegacyClearing(Water));
    assert_eq!(
        lines[1].account,
        LedgerAccount::ChannelReceivable(ChannelId::parse("office").unwrap())
    );
    assert_eq!(story.account.legacy()[0].stage, LegacyStage::Refunded);
}

#[test]
fn u11_old_credit_is_entered_exactly_once_per_old_account_and_utility() {
    let mut story = Story::with_meters(MONDAY);
    story.done(MONDAY, amount("8.40", false));
    let again = story.refused(MONDAY, amount("8.40", false));
    assert_eq!(again.code(), "LEGACY_CREDIT_KNOWN");
    story.done(MONDAY, units("5"));
    story.done(MONDAY, credit(Water, LegacyValue::AsRegistered));
    let twice = story.refused(MONDAY, credit(Water, LegacyValue::AsRegistered));
    assert_eq!(twice.code(), "LEGACY_CREDIT_SETTLED");
    assert_eq!(
        story.refused(MONDAY, refund()).code(),
        "LEGACY_CREDIT_SETTLED"
    );
    assert_eq!(story.balance(Water), bnd("8.4"));
    let known = story.refused(MONDAY, amount("1", false));
    assert_eq!(known.code(), "LEGACY_CREDIT_KNOWN");
}

#[test]
fn u10_an_amount_entered_in_one_step_is_registered_and_credited() {
    let mut story = Story::with_meters(MONDAY);
    let enter = || Command::EnterLegacyCredit {
        utility: Electricity,
        amount: bnd("12"),
        from: reference("old-1"),
    };
    let kinds = story.done(MONDAY, enter());
    assert_eq!(
        kinds,
        ["legacy-credit-registered.v1", "legacy-credit-entered.v1"]
    );
    assert_eq!(
        story.refused(MONDAY, enter()).code(),
        "LEGACY_CREDIT_SETTLED"
    );
    let unknown = story.refused(MONDAY, credit(Water, LegacyValue::AsRegistered));
    assert_eq!(unknown.code(), "UNKNOWN_LEGACY_CREDIT");
}

#[test]
fn u8_u10_legacy_credit_above_zero_reconnects_once_the_first_top_up_was_made() {
    let mut story = Story::running("2026-07-01 10:00:00", "2", "2");
    story.read("2026-07-09 10:00:00", E, "300");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    story.done(MONDAY, units("100"));
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit),
        "registered is not credited"
    );
    story.done(MONDAY, credit(Electricity, LegacyValue::Amount(bnd("8"))));
    assert_eq!(story.supply(Electricity), Supply::On);
}

#[test]
fn u11_an_account_with_pending_old_credit_is_not_closed() {
    let mut story = Story::with_meters(MONDAY);
    story.done(MONDAY, amount("8.40", false));
    let close = || Command::CloseAccount {
        finals: [E, crate::story::W]
            .map(|number| ledger_core::command::FinalReading {
                meter: crate::story::meter(number),
                value: q("0"),
                force: None,
            })
            .to_vec(),
        to: CloseTo::PayOut(ChannelId::parse("office").unwrap()),
    };
    let refused = story.refused("2026-07-14 10:00:00", close());
    assert_eq!(refused.code(), "LEGACY_CREDIT_PENDING");
    story.done(
        "2026-07-14 10:00:00",
        credit(Water, LegacyValue::AsRegistered),
    );
    story.done("2026-07-15 10:00:00", close());
}

#[test]
fn u17_owner_or_tenant_is_changed_with_the_documents_references() {
    let mut story = Story::opened(MONDAY);
    assert_eq!(story.account.responsible(), None);
    let change = |documents: Vec<OpaqueRef>| {
        Command::ChangeResponsible(ChangeResponsible {
            role: ResponsibleAs::Tenant,
            person: reference("person-8"),
            documents,
        })
    };
    assert_eq!(
        story.refused(MONDAY, change(Vec::new())).code(),
        "BAD_INPUT"
    );
    let nine = (0..9).map(|n| reference(&format!("doc-{n}"))).collect();
    assert_eq!(story.refused(MONDAY, change(nine)).code(), "BAD_INPUT");
    story.done(
        MONDAY,
        change(vec![reference("ic-front"), reference("ic-back")]),
    );
    let now = story.account.responsible().unwrap();
    assert_eq!(
        (now.role, now.person.as_str()),
        (ResponsibleAs::Tenant, "person-8")
    );
}
