//! C16, C13: credit taken back, credit paid out or moved when an account is closed.

use ledger_core::answer::Answer;
use ledger_core::command::{
    CloseTo, Command, FinalReading, Source, TopUp, VoidTopUp, VoidableTopUp,
};
use ledger_core::event::AccountEvent;
use ledger_core::ids::{AccountId, ChannelId, Reference};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Month;
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, bnd, local, meter, q};

const START: &str = "2026-03-01 08:00:00";
const LATER: &str = "2026-03-10 08:00:00";

fn last(number: &str, value: &str) -> FinalReading {
    FinalReading {
        meter: meter(number),
        value: q(value),
        force: None,
    }
}

fn close(finals: &[FinalReading]) -> Command {
    Command::CloseAccount {
        finals: finals.to_vec(),
        to: CloseTo::PayOut(ChannelId::parse("office").unwrap()),
    }
}

fn closed(story: &Story) -> ledger_core::event::AccountClosed {
    let found = story.events.iter().find_map(|e| match e {
        AccountEvent::AccountClosed(c) => Some(c.clone()),
        _ => None,
    });
    found.expect("the account was closed")
}

#[test]
fn c16_closing_charges_the_final_readings_and_pays_the_credit_out_once() {
    let mut story = Story::running(START, "20", "10");
    story.done(LATER, close(&[last(E, "100"), last(W, "10")]));
    let event = closed(&story);
    let out: Vec<_> = event.w.iter().map(|w| (w.u, w.out)).collect();
    assert_eq!(out, [(Electricity, bnd("19")), (Water, bnd("8.9"))]);
    assert_eq!(story.refused(LATER, close(&[])).code(), "ACCOUNT_CLOSED");
}

#[test]
fn c16_closing_takes_the_debt_first_from_its_own_utility_then_from_the_other() {
    let mut story = Story::running(START, "20", "5");
    let start = Month::parse("2026-04").unwrap();
    let agree = Command::AgreeDebt {
        utility: Water,
        principal: bnd("12"),
        instalment: bnd("6"),
        start,
    };
    story.done(LATER, agree);
    story.done(LATER, close(&[last(E, "0"), last(W, "0")]));
    let event = closed(&story);
    let lines: Vec<_> = event.w.iter().map(|w| (w.u, w.debt, w.out)).collect();
    assert_eq!(
        lines,
        [
            (Water, bnd("5"), bnd("0")),
            (Electricity, bnd("7"), bnd("13"))
        ]
    );
    assert!(!story.account.debt().unwrap().is_open());
}

#[test]
fn c16_what_is_left_below_a_cent_goes_to_rounding() {
    let mut story = Story::running(START, "20", "5");
    story.done(LATER, close(&[last(E, "0.237"), last(W, "0")]));
    let wallet = closed(&story)
        .w
        .into_iter()
        .find(|w| w.u == Electricity)
        .unwrap();
    assert_eq!((wallet.out, wallet.rest), (bnd("19.99"), bnd("0.00763")));
}

#[test]
fn c16_a_negative_wallet_is_covered_by_the_other_or_refuses_the_closing() {
    let mut story = Story::running(START, "20", "2");
    story.read("2026-03-08 08:00:00", W, "54");
    story.done("2026-03-08 09:00:00", close(&[last(E, "0"), last(W, "54")]));
    assert_eq!(
        closed(&story).w.iter().map(|w| w.out).collect::<Vec<_>>(),
        [bnd("16.06"), bnd("0")]
    );

    let mut story = Story::running(START, "2", "2");
    story.read("2026-03-08 08:00:00", W, "54");
    let before = story.account.clone();
    let refused = story.refused("2026-03-08 09:00:00", close(&[last(E, "0"), last(W, "54")]));
    assert_eq!(refused.code(), "ACCOUNT_OWES");
    assert_eq!(
        story.account, before,
        "a refused closing leaves nothing behind"
    );
}

#[test]
fn c16_closing_needs_the_final_reading_of_each_meter() {
    let mut story = Story::running(START, "20", "2");
    assert_eq!(
        story.refused(LATER, close(&[last(E, "0")])).code(),
        "FINAL_READING_MISSING"
    );
}

#[test]
fn c16_moved_credit_arrives_once() {
    let mut story = Story::running(START, "20", "2");
    let accept = Command::AcceptMovedCredit {
        from: AccountId::parse("A0").unwrap(),
        credit: vec![(Electricity, bnd("3")), (Water, bnd("0"))],
    };
    assert_eq!(story.done(LATER, accept.clone()), ["credit-moved-in.v1"]);
    assert!(
        story.done(LATER, accept).is_empty(),
        "repeating it does nothing"
    );
    assert_eq!(story.balance(Electricity), bnd("23"));
}

fn with_void_window(hours: u32) -> Story {
    let mut story = Story::with_meters(START);
    let text = crate::story::scheme_text("usms");
    let text = text.replacen(
        "zone = \"Asia/Brunei\"",
        &format!("zone = \"Asia/Brunei\"\nvoid_window_hours = {hours}"),
        1,
    );
    story.policy = SchemePolicy::from_toml(&text).unwrap();
    story
}

fn void(story: &mut Story, at: &str) -> Answer {
    story
        .send(
            at,
            Command::VoidTopUp(VoidTopUp {
                reference: Reference::parse("r9").unwrap(),
            }),
        )
        .answer
}

fn topped_up(story: &mut Story, amount: &str) {
    let receipt = story.top_up(START, E, amount);
    story.voidable = Some(VoidableTopUp {
        receipt: receipt.number,
        utility: receipt.utility,
        amount: receipt.amount,
        at: local(START),
        first: receipt.first,
        arrears: receipt.arrears,
        repaid: receipt.repaid,
        withdrawn: receipt.withdrawn,
    });
}

#[test]
fn c16_a_top_up_can_be_voided_once_while_unspent_and_within_the_window() {
    let mut story = with_void_window(1);
    topped_up(&mut story, "10");
    assert!(matches!(
        void(&mut story, "2026-03-01 08:30:00"),
        Answer::Receipt(_)
    ));
    assert_eq!(story.balance(Electricity), bnd("0"));
    assert!(
        !story.account.wallet(Electricity).unwrap().first_top_up,
        "it no longer counts as the first"
    );
    assert_eq!(
        void(&mut story, "2026-03-01 08:31:00")
            .refusal()
            .unwrap()
            .code(),
        "NOT_VOIDABLE"
    );
}

#[test]
fn c16_a_spent_or_late_or_not_allowed_void_is_refused() {
    let mut spent = with_void_window(1);
    topped_up(&mut spent, "10");
    spent.read("2026-03-01 08:10:00", E, "1");
    assert_eq!(
        void(&mut spent, "2026-03-01 08:30:00")
            .refusal()
            .unwrap()
            .code(),
        "NOT_VOIDABLE"
    );

    let mut late = with_void_window(1);
    topped_up(&mut late, "10");
    assert_eq!(
        void(&mut late, "2026-03-01 09:00:01")
            .refusal()
            .unwrap()
            .code(),
        "NOT_VOIDABLE"
    );

    let mut none = Story::with_meters(START);
    topped_up(&mut none, "10");
    assert_eq!(
        void(&mut none, "2026-03-01 08:00:01")
            .refusal()
            .unwrap()
            .code(),
        "NOT_VOIDABLE"
    );
}

#[test]
fn c13_money_from_suspense_counts_at_its_own_time_and_names_its_own_channel() {
    let mut story = Story::with_meters(START);
    let key = ledger_core::ids::CommandKey {
        channel: ChannelId::parse("bank1").unwrap(),
        reference: Reference::parse("lost-1").unwrap(),
    };
    let top_up = TopUp {
        meter: meter(E),
        amount: bnd("5"),
        source: Source::Suspense(key),
    };
    story.send(LATER, Command::TopUp(top_up));
    let Some(AccountEvent::CreditToppedUp(event)) = story.events.last() else {
        panic!("credited")
    };
    assert_eq!(
        (event.pay.ch.as_str(), event.pay.rf.as_str(), event.pay.sus),
        ("bank1", "lost-1", true)
    );
}
