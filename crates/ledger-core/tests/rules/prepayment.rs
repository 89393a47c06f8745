//! P1–P8: people with arrears join, top up, draw emergency credit, and are free of their arrears at last.

use ledger_core::account::{Supply, initial_credit_stream};
use ledger_core::answer::{Answer, Receipt};
use ledger_core::command::{
    CloseTo, Command, DeliverCredit, FinalReading, JoinScheme, PayDebt, Source, VoidTopUp,
    VoidableTopUp,
};
use ledger_core::event::{AccountEvent, DeliveryWay, SupplyReason};
use ledger_core::ids::{ChannelId, OpaqueRef, ReceiptNumber, Reference};
use ledger_core::num::Money;
use ledger_core::postings::{self, LedgerAccount};
use ledger_core::rejection::Rejection;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Millis;
use ledger_core::utility::Utility::{self, Electricity};
use proptest::prelude::*;

use crate::story::{E, Story, bnd as sgd, local, meter, scheme_text};

const START: &str = "2026-03-02 08:00:00";
const LATER: &str = "2026-03-02 09:00:00";

fn opaque(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

/// A customer who fulfils both conditions.
fn joiner(arrears: &str) -> JoinScheme {
    JoinScheme {
        utility: Electricity,
        person: opaque("person-1"),
        application: opaque("form-1"),
        disconnected: true,
        cannot_pay_minimum: true,
        broken_plans: 2,
        arrears: sgd(arrears),
        arrears_from: opaque("SP-1"),
    }
}

/// An open account under a changed scheme: each pair is a text and what stands instead.
fn under(edits: &[(&str, &str)]) -> Story {
    let mut text = scheme_text("payu");
    for (old, new) in edits {
        assert!(text.contains(old), "{old:?} is in the scheme's file");
        text = text.replacen(old, new, 1);
    }
    Story::under(
        SchemePolicy::from_toml(&text).unwrap(),
        START,
        "residential",
    )
}

/// Joined with arrears, meter active, credit S$5.00.
fn joined(arrears: &str) -> Story {
    set_up(under(&[]), arrears)
}

fn set_up(mut story: Story, arrears: &str) -> Story {
    story.done(START, Command::JoinScheme(joiner(arrears)));
    story.install(START, Electricity, E, "0");
    story.activate(START, E);
    story
}

/// Uses energy so that the credit changes by `money` exactly, at S$0.20 a kWh.
fn use_up(story: &mut Story, at: &str, money: &str) {
    let used = sgd(money).scaled() / sgd("0.20").scaled();
    assert_eq!(
        sgd("0.20") * i64::try_from(used).unwrap(),
        sgd(money),
        "whole kWh"
    );
    let base = story.account.meter_of(Electricity).unwrap().base.value;
    let units = i32::try_from(used).unwrap();
    let value = base + ledger_core::num::Quantity::from_units(units);
    story.read(at, E, &value.to_string());
}

fn draw() -> Command {
    Command::DrawEmergencyCredit { meter: meter(E) }
}

fn credit(story: &Story) -> Money {
    story.balance(Electricity)
}

fn lent(story: &Story) -> Money {
    story.account.wallet(Electricity).unwrap().emergency
}

fn arrears(story: &Story) -> Money {
    story.account.arrears().unwrap().left
}

#[test]
fn p1_joining_asks_for_both_conditions_and_moves_the_arrears_in_as_debt() {
    let mut story = under(&[]);
    for (case, join) in [
        (
            "not cut",
            JoinScheme {
                disconnected: false,
                ..joiner("400")
            },
        ),
        (
            "can pay",
            JoinScheme {
                cannot_pay_minimum: false,
                ..joiner("400")
            },
        ),
        (
            "one broken plan",
            JoinScheme {
                broken_plans: 1,
                ..joiner("400")
            },
        ),
    ] {
        let refused = story.refused(START, Command::JoinScheme(join));
        assert_eq!(refused.code(), "NOT_ELIGIBLE", "{case}");
    }
    let kinds = story.done(START, Command::JoinScheme(joiner("400")));
    assert_eq!(
        kinds,
        [
            "scheme-joined.v1",
            "arrears-moved-in.v1",
            "initial-credit-granted.v1"
        ]
    );
    assert_eq!(arrears(&story), sgd("400"));
    let again = story.refused(START, Command::JoinScheme(joiner("400")));
    assert_eq!(again, Rejection::AlreadyJoined);
}

#[test]
fn p1_a_scheme_may_be_content_with_one_of_the_conditions() {
    let mut story = under(&[("conditions = \"all\"", "conditions = \"any\"")]);
    let neither = JoinScheme {
        disconnected: false,
        broken_plans: 1,
        ..joiner("400")
    };
    assert_eq!(
        story.refused(START, Command::JoinScheme(neither)).code(),
        "NOT_ELIGIBLE"
    );
    let one = JoinScheme {
        disconnected: false,
        ..joiner("400")
    };
    story.done(START, Command::JoinScheme(one));
}

#[test]
fn p1_only_residential_accounts_may_join_and_only_with_arrears() {
    let text = scheme_text("payu").replacen("class = \"residential\"", "class = \"commercial\"", 1);
    let policy = SchemePolicy::from_toml(&text).unwrap();
    let mut story = Story::under(policy, START, "commercial");
    let refused = story.refused(START, Command::JoinScheme(joiner("400")));
    assert_eq!(refused.code(), "NOT_ELIGIBLE");
    let mut story = under(&[]);
    assert_eq!(
        story
            .refused(START, Command::JoinScheme(joiner("0")))
            .code(),
        "BAD_INPUT"
    );
    assert_eq!(
        story
            .refused(START, Command::JoinScheme(joiner("0.001")))
            .code(),
        "TOO_FINE"
    );
}

#[test]
fn p2_a_first_time_joiner_gets_five_dollars_from_the_utility_once_for_each_person() {
    let story = joined("400");
    assert_eq!(credit(&story), sgd("5"));
    assert!(!story.account.wallet(Electricity).unwrap().first_top_up);
    let mut second = under(&[]);
    second.initial_credit_claimed = true;
    let kinds = second.done(START, Command::JoinScheme(joiner("400")));
    assert_eq!(kinds, ["scheme-joined.v1", "arrears-moved-in.v1"]);
    assert_eq!(
        initial_credit_stream("payu", &opaque("person-1")).unwrap(),
        "initial-credit-payu.person-1"
    );
}

#[test]
fn p3_a_top_up_is_ten_to_two_hundred_and_fifty_dollars_and_comes_after_joining() {
    let mut story = under(&[]);
    story.install(START, Electricity, E, "0");
    let early = story.refused(START, Story::top_up_command(E, "10"));
    assert_eq!(early, Rejection::NotJoined);
    assert_eq!(story.refused(START, draw()), Rejection::NotJoined);
    let mut story = joined("400");
    assert_eq!(
        story.refused(START, Story::top_up_command(E, "9.99")),
        Rejection::TopUpBelowMinimum { minimum: sgd("10") }
    );
    assert_eq!(
        story.refused(START, Story::top_up_command(E, "250.01")),
        Rejection::TopUpAboveMaximum {
            maximum: sgd("250")
        }
    );
    story.top_up(START, E, "10");
    story.top_up(START, E, "250");
}

#[test]
fn p4_twenty_percent_of_the_whole_amount_goes_to_the_arrears_and_a_fraction_of_a_cent_to_credit() {
    let mut story = joined("400");
    for (amount, share) in [
        ("10", "2"),
        ("10.01", "2"),
        ("10.04", "2"),
        ("10.05", "2.01"),
        ("250", "50"),
    ] {
        let (before, owed) = (credit(&story), arrears(&story));
        let receipt = story.top_up(START, E, amount);
        assert_eq!(receipt.arrears, sgd(share), "{amount}");
        assert_eq!(owed - arrears(&story), sgd(share), "{amount}");
        assert_eq!(
            credit(&story) - before,
            sgd(amount) - sgd(share),
            "{amount}"
        );
    }
}

#[test]
fn p4_the_split_takes_no_more_than_is_left_and_stops_when_the_arrears_are_gone() {
    let mut story = joined("2.50");
    assert_eq!(story.top_up(START, E, "10").arrears, sgd("2"));
    assert_eq!(story.top_up(START, E, "10").arrears, sgd("0.5"));
    assert_eq!(story.top_up(START, E, "10").arrears, sgd("0"));
    assert_eq!(credit(&story), sgd("5") + sgd("8") + sgd("9.5") + sgd("10"));
    assert!(arrears(&story).is_zero());
}

#[test]
fn p4_arrears_can_also_be_paid_by_themselves_but_not_beyond_what_is_left() {
    let mut story = joined("30");
    let Answer::Receipt(receipt) = story.pay_debt(START, "25") else {
        panic!("paid")
    };
    assert_eq!((receipt.balance, arrears(&story)), (sgd("5"), sgd("5")));
    let pay = |amount: &str| {
        Command::PayDebt(PayDebt {
            amount: sgd(amount),
            source: Source::NotTaken,
        })
    };
    assert_eq!(
        story.refused(START, pay("5.01")),
        Rejection::AboveDebt { left: sgd("5") }
    );
    story.pay_debt(START, "5");
    assert_eq!(story.refused(START, pay("1")), Rejection::NoDebt);
}

#[test]
fn p5_emergency_credit_is_drawn_below_one_dollar_once_until_it_is_repaid() {
    let mut story = joined("400");
    use_up(&mut story, LATER, "4");
    let at_one = story.refused(LATER, draw());
    assert_eq!(
        at_one,
        Rejection::CreditNotLow {
            balance: sgd("1"),
            below: sgd("1")
        }
    );
    use_up(&mut story, "2026-03-02 10:00:00", "0.20");
    assert_eq!(
        story.done("2026-03-02 10:00:00", draw()),
        ["emergency-credit-drawn.v1"]
    );
    assert_eq!((credit(&story), lent(&story)), (sgd("3.8"), sgd("3")));
    use_up(&mut story, "2026-03-02 11:00:00", "3.40");
    let twice = story.refused("2026-03-02 11:00:00", draw());
    assert_eq!(twice, Rejection::EmergencyCreditDrawn { lent: sgd("3") });
}

#[test]
fn p5_the_used_part_is_repaid_from_the_credited_share_and_the_unused_part_withdrawn() {
    let mut story = joined("400");
    use_up(&mut story, LATER, "4.20");
    story.done(LATER, draw());
    // Own credit 0.80 first, then 1.20 of the emergency credit.
    use_up(&mut story, "2026-03-02 10:00:00", "2.00");
    assert_eq!(credit(&story), sgd("1.8"));
    let receipt = story.top_up("2026-03-02 11:00:00", E, "10");
    assert_eq!(
        (receipt.arrears, receipt.repaid, receipt.withdrawn),
        (sgd("2"), sgd("1.2"), sgd("1.8"))
    );
    assert_eq!((credit(&story), lent(&story)), (sgd("6.8"), sgd("0")));
    use_up(&mut story, "2026-03-02 12:00:00", "6.00");
    story.done("2026-03-02 12:00:00", draw());
}

#[test]
fn p5_supply_stops_when_credit_and_emergency_credit_are_used_up_and_the_rest_is_netted() {
    let mut story = joined("400");
    use_up(&mut story, LATER, "4.20");
    story.done(LATER, draw());
    use_up(&mut story, "2026-03-02 10:00:00", "5.00");
    assert_eq!(credit(&story), sgd("-1.2"));
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    let receipt = story.top_up("2026-03-02 11:00:00", E, "10");
    assert_eq!((receipt.repaid, receipt.withdrawn), (sgd("3"), sgd("0")));
    assert_eq!(
        (credit(&story), story.supply(Electricity)),
        (sgd("3.8"), Supply::On)
    );
}

#[test]
fn p5_a_fraction_of_a_cent_that_was_used_is_repaid_exactly() {
    let mut story = joined("400");
    story.read(LATER, E, "24.001");
    story.done(LATER, draw());
    story.read("2026-03-02 10:00:00", E, "30.123456");
    // 30.123456 kWh cost 6.0246912; own credit was 5.00, so 1.0246912 is of the emergency credit.
    let receipt = story.top_up("2026-03-02 11:00:00", E, "10");
    assert_eq!(receipt.repaid, sgd("1.0246912"));
    assert_eq!(credit(&story), sgd("6.9753088"));
}

#[test]
fn p5_supply_returns_with_a_draw_after_it_stopped() {
    let mut story = joined("400");
    use_up(&mut story, LATER, "5");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    story.done(LATER, draw());
    assert_eq!(story.supply(Electricity), Supply::On);
}

#[test]
fn p6_a_customer_of_the_scheme_pays_the_tariff_of_every_other_customer_of_the_class() {
    let mut story = joined("400");
    story.read(LATER, E, "10");
    assert_eq!(credit(&story), sgd("3"));
    let policy = SchemePolicy::from_toml(&scheme_text("payu")).unwrap();
    let tariff = policy
        .tariff_for(Electricity, "residential", local(START))
        .unwrap();
    assert!(!tariff.is_verified(), "the source does not state it");
}

fn deliver(receipt: &ReceiptNumber, by: DeliveryWay) -> Command {
    Command::DeliverCredit(DeliverCredit {
        meter: meter(E),
        receipt: receipt.clone(),
        by,
        at: local(LATER),
    })
}

#[test]
fn p7_a_value_is_taken_in_once_by_key_or_by_network_whichever_comes_first() {
    for (first, second) in [
        (DeliveryWay::Key, DeliveryWay::Network),
        (DeliveryWay::Network, DeliveryWay::Key),
    ] {
        let mut story = joined("400");
        let receipt = story.top_up(START, E, "10");
        let other = story.top_up(START, E, "20");
        assert_eq!(
            story.done(LATER, deliver(&receipt.number, first)),
            ["credit-delivered.v1"]
        );
        let Some(AccountEvent::CreditDelivered(event)) = story.events.last() else {
            panic!("delivered")
        };
        assert_eq!(event.a, sgd("8"));
        let again = story.refused(LATER, deliver(&receipt.number, second));
        assert_eq!(again.code(), "NOTHING_TO_DELIVER");
        assert_eq!(story.account.undelivered()[0].receipt, other.number);
        assert_eq!(credit(&story), sgd("29"), "the wallet was credited at once");
    }
}

#[test]
fn p7_a_way_that_the_scheme_does_not_have_delivers_nothing() {
    let mut story = set_up(
        under(&[("ways = [\"key\", \"network\"]", "ways = [\"key\"]")]),
        "400",
    );
    let receipt = story.top_up(START, E, "10");
    let refused = story.refused(LATER, deliver(&receipt.number, DeliveryWay::Network));
    assert_eq!(refused.code(), "NOT_OFFERED");
    story.done(LATER, deliver(&receipt.number, DeliveryWay::Key));
}

#[test]
fn p8_at_zero_supply_stops_and_above_zero_it_returns_by_itself() {
    let mut story = joined("400");
    assert_eq!(story.supply(Electricity), Supply::On);
    use_up(&mut story, LATER, "4.80");
    assert_eq!(story.supply(Electricity), Supply::On);
    use_up(&mut story, "2026-03-02 10:00:00", "0.20");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    story.top_up("2026-03-02 10:30:00", E, "10");
    assert_eq!(story.supply(Electricity), Supply::On);
}

#[test]
fn u12_while_arrears_are_left_no_debt_agreement_is_made_and_none_moves_in_beside_one() {
    let mut story = set_up(
        under(&[("[readings]", "[debt]\ngate = true\n\n[readings]")]),
        "400",
    );
    let agree = Command::AgreeDebt {
        utility: Electricity,
        principal: sgd("10"),
        instalment: sgd("5"),
        start: crate::story::month("2026-03"),
    };
    assert_eq!(
        story.refused(START, agree.clone()),
        Rejection::DebtInForce { left: sgd("400") }
    );
    let mut story = under(&[("[readings]", "[debt]\ngate = true\n\n[readings]")]);
    story.done(START, agree);
    let refused = story.refused(START, Command::JoinScheme(joiner("400")));
    assert_eq!(refused, Rejection::DebtInForce { left: sgd("10") });
}

fn close(value: &str) -> Command {
    Command::CloseAccount {
        finals: vec![FinalReading {
            meter: meter(E),
            value: value.parse().unwrap(),
            force: None,
        }],
        to: CloseTo::PayOut(ChannelId::parse("office").unwrap()),
    }
}

#[test]
fn c16_closing_repays_emergency_credit_and_arrears_first() {
    let mut story = joined("7.50");
    use_up(&mut story, LATER, "4.20");
    story.done(LATER, draw());
    let owes = story.refused(LATER, close("21"));
    assert_eq!(owes, Rejection::AccountOwes { owed: sgd("6.70") });
    story.top_up(LATER, E, "20");
    // 0.80 own and 16.00 credited; the arrears are down to 3.50.
    story.done("2026-03-03 08:00:00", close("21"));
    let Some(AccountEvent::AccountClosed(closed)) = story.events.last() else {
        panic!("closed")
    };
    assert_eq!(
        (closed.w[0].arr, closed.w[0].out),
        (sgd("3.50"), sgd("13.30"))
    );
    assert!(story.account.arrears().unwrap().left.is_zero());

    let mut story = joined("1");
    use_up(&mut story, LATER, "1");
    use_up(&mut story, "2026-03-02 10:00:00", "3.20");
    story.done("2026-03-02 10:00:00", draw());
    story.pay_debt("2026-03-02 10:00:00", "1");
    story.done("2026-03-03 08:00:00", close("21"));
    let Some(AccountEvent::AccountClosed(closed)) = story.events.last() else {
        panic!("closed")
    };
    assert_eq!((closed.w[0].em, closed.w[0].out), (sgd("3"), sgd("0.8")));
}

fn voidable(story: &mut Story, receipt: &Receipt) {
    story.voidable = Some(VoidableTopUp {
        receipt: receipt.number.clone(),
        utility: receipt.utility,
        amount: receipt.amount,
        at: receipt.at,
        first: receipt.first,
        arrears: receipt.arrears,
        repaid: receipt.repaid,
        withdrawn: receipt.withdrawn,
    });
}

fn void() -> Command {
    Command::VoidTopUp(VoidTopUp {
        reference: Reference::parse("r1").unwrap(),
    })
}

#[test]
fn c16_a_void_undoes_the_arrears_share_and_the_emergency_share_too() {
    let window = ("# void_window_hours = 24", "void_window_hours = 24");
    let mut story = set_up(under(&[window]), "400");
    use_up(&mut story, LATER, "4.20");
    story.done(LATER, draw());
    use_up(&mut story, "2026-03-02 10:00:00", "2.00");
    let before = (credit(&story), lent(&story), arrears(&story));
    let receipt = story.top_up("2026-03-02 11:00:00", E, "10");
    voidable(&mut story, &receipt);
    let Answer::Receipt(_) = story.send("2026-03-02 11:30:00", void()).answer else {
        panic!("voided")
    };
    assert_eq!((credit(&story), lent(&story), arrears(&story)), before);
    assert!(story.account.undelivered().is_empty());
    assert_eq!(
        story.refused("2026-03-02 11:31:00", void()).code(),
        "NOT_VOIDABLE"
    );
}

#[test]
fn c16_what_a_top_up_credited_must_be_unspent_the_arrears_share_set_aside() {
    let window = ("# void_window_hours = 24", "void_window_hours = 24");
    let mut story = set_up(under(&[window]), "400");
    use_up(&mut story, LATER, "5");
    let receipt = story.top_up("2026-03-02 10:00:00", E, "10");
    voidable(&mut story, &receipt);
    use_up(&mut story, "2026-03-02 10:30:00", "0.20");
    assert_eq!(
        story.refused("2026-03-02 11:00:00", void()).code(),
        "NOT_VOIDABLE"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Use(i64),
    TopUp(i64),
    Draw,
    PayArrears(i64),
    Void,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0i64..9_000_000).prop_map(Step::Use),
        4 => (900i64..3_000).prop_map(Step::TopUp),
        3 => Just(Step::Draw),
        1 => (1i64..900).prop_map(Step::PayArrears),
        2 => Just(Step::Void),
    ]
}

fn run(arrears: i64, steps: &[Step]) -> Story {
    let window = ("# void_window_hours = 24", "void_window_hours = 24");
    let mut story = set_up(under(&[window]), &Money::from_cents(arrears).to_string());
    let mut now = local(LATER);
    let mut register = 0;
    for step in steps {
        now += Millis::minutes(30);
        let command = match step {
            Step::Use(micro) => {
                register += micro;
                Command::RecordReading(ledger_core::command::Reading {
                    meter: meter(E),
                    register: None,
                    read_at: now,
                    value: ledger_core::num::Quantity::from_micro(register),
                })
            }
            Step::TopUp(cents) => Story::top_up_command(E, &Money::from_cents(*cents).to_string()),
            Step::Draw => draw(),
            Step::PayArrears(cents) => Command::PayDebt(PayDebt {
                amount: Money::from_cents(*cents),
                source: Source::NotTaken,
            }),
            Step::Void => void(),
        };
        if let Answer::Receipt(receipt) = story.send_at(now, command).answer
            && matches!(step, Step::TopUp(_))
        {
            voidable(&mut story, &receipt);
        }
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn p4_p5_money_is_conserved_and_every_split_exact_over_random_top_ups_and_draws(
        arrears in 1i64..5_000, steps in prop::collection::vec(step(), 1..60),
    ) {
        let story = run(arrears, &steps);
        let id = story.account.id().clone();
        let sum_of = |wanted: &dyn Fn(&LedgerAccount) -> bool| -> Money {
            let lines = story.events.iter().flat_map(|e| postings::of_account(&id, e));
            lines.filter(|line| wanted(&line.account)).map(|line| line.amount).sum()
        };
        prop_assert!(sum_of(&|_| true).is_zero());
        let wallet = story.account.wallet(Utility::Electricity).unwrap();
        prop_assert_eq!(sum_of(&|a| matches!(a, LedgerAccount::CustomerCredit(..))), -wallet.balance);
        prop_assert_eq!(sum_of(&|a| matches!(a, LedgerAccount::EmergencyLent(..))), wallet.emergency);
        let left = story.account.arrears().unwrap().left;
        prop_assert_eq!(sum_of(&|a| matches!(a, LedgerAccount::DebtReceivable(_))), left);
        prop_assert!(!left.is_negative() && !wallet.emergency.is_negative());
        let policy = story.policy.emergency().unwrap();
        prop_assert!(wallet.emergency <= policy.amount, "drawn once until it is repaid");
        for event in &story.events {
            let AccountEvent::CreditToppedUp(e) = event else { continue };
            prop_assert!(e.arr.has_decimals_at_most(2) && !e.arr.is_negative());
            prop_assert!(e.arr * 5 <= e.a, "never more than a fifth of the whole amount");
            prop_assert!(!e.rep.is_negative() && !e.wd.is_negative() && e.rep + e.wd <= policy.amount);
            prop_assert_eq!(e.net(), e.a - e.arr - e.rep - e.wd);
        }
    }
}
