//! K2, K3, K4, K5, K6, K8: customers who read their own meters, and disconnection runs.

use ledger_core::account::Supply;
use ledger_core::answer::ReadingOutcome;
use ledger_core::command::{BillingCommand, Command};
use ledger_core::event::{AccountEvent, BillRaised, BillingEvent, SupplyReason};
use ledger_core::postings::LedgerAccount;

use crate::story::{Story, date, document, money, open_of, q};

/// A domestic customer of Kenya Power, its register at zero.
fn customer(at: &str) -> Story {
    let mut story = Story::of("kplc");
    story.done(at, Command::OpenAccount(open_of("domestic")));
    story.install(at);
    story
}

fn bills(story: &Story) -> Vec<BillRaised> {
    let of = story.log.iter().filter_map(|(event, _)| match event {
        AccountEvent::Billing(BillingEvent::BillRaised(bill)) => Some(bill.clone()),
        _ => None,
    });
    of.collect()
}

fn refused(outcome: ReadingOutcome) -> ledger_core::rejection::Rejection {
    match outcome {
        ReadingOutcome::Refused(refusal) => refusal,
        other => panic!("was not refused: {other:?}"),
    }
}

fn run(story: &Story, began: &str) -> BillingCommand {
    BillingCommand::CutForDues {
        run_began_at: story.local(began),
    }
}

#[test]
fn k2_a_self_reading_makes_the_bill_at_once_from_the_units_before() {
    let mut story = customer("2024-01-01 00:00:00");
    let outcome = story.read("2024-01-31 08:00:00", "20");
    assert!(matches!(outcome, ReadingOutcome::Accepted { .. }));
    // 20 kWh at 12.24 are 244.80, VAT 16% 39.17 (39.168).
    let bill = bills(&story).pop().unwrap();
    assert_eq!(
        (bill.n, bill.a, bill.due),
        (1, money("283.97"), date("2024-02-14"))
    );
    assert_eq!(story.dues(), money("283.97"));
    let tax = LedgerAccount::TaxPayable("vat".to_owned());
    assert_eq!(story.control(&tax), money("-39.17"));
}

#[test]
fn c3_the_rounding_of_a_bill_at_the_reading_is_posted_with_the_bill() {
    let mut story = customer("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "8.8765");
    // 108.64836 and VAT 17.38 are 126.02836: the bill is 126.03.
    let bill = bills(&story).pop().unwrap();
    assert_eq!((bill.a, bill.rd), (money("126.03"), money("0.00164")));
    assert_eq!(story.control(&LedgerAccount::Rounding), money("-0.00164"));
    story.pay("2024-02-01 08:00:00", "126.03");
    assert_eq!(story.dues(), money("0"));
}

#[test]
fn k2_no_estimate_is_billed_and_no_month_closed() {
    let mut story = customer("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "20");
    story.tick("2024-12-31 08:00:00");
    assert_eq!(story.count("consumption-estimated.v1"), 0);
    assert_eq!(story.count("month-closed.v1"), 0);
    assert_eq!(
        story
            .account
            .next_due(&story.policy, story.account.newest_at()),
        None
    );
}

#[test]
fn k2_any_amount_may_be_paid_and_the_excess_is_credit_for_the_next_bill() {
    let mut story = customer("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "20");
    assert_eq!(
        story.pay("2024-02-01 08:00:00", "83.97").balance,
        money("200")
    );
    assert_eq!(
        story.pay("2024-02-02 08:00:00", "300").balance,
        money("-100")
    );
    story.read("2024-02-29 08:00:00", "40");
    assert_eq!(story.payable(), money("183.97"));
    let zero = story.refused("2024-03-01 08:00:00", Story::pay_command("0", None));
    assert_eq!(zero.code(), "BAD_INPUT");
}

#[test]
fn k3_a_self_reading_below_the_one_before_is_refused_and_opens_a_query() {
    let mut story = customer("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "20");
    let refusal = refused(story.read("2024-02-29 08:00:00", "19.99"));
    assert_eq!(refusal.code(), "SELF_READING_BELOW");
    assert!(refusal.to_string().contains("query 1"), "{refusal}");
    assert_eq!(story.count("reading-quarantined.v1"), 0);
    assert_eq!(story.billing().open_queries().len(), 1);
    let again = refused(story.read("2024-02-29 08:00:00", "19.99"));
    assert_eq!(
        again, refusal,
        "the same reading again finds the same query"
    );
    assert_eq!(story.count("query-raised.v1"), 1);
}

#[test]
fn k3_a_self_reading_above_five_times_the_mean_and_100_units_is_refused() {
    let mut story = customer("2024-01-01 00:00:00");
    for (at, value) in [
        ("2024-01-31", "21"),
        ("2024-02-29", "42"),
        ("2024-03-31", "63"),
    ] {
        story.read(&format!("{at} 08:00:00"), value);
    }
    let mut at_the_limit = story.clone();
    let outcome = at_the_limit.read("2024-04-30 08:00:00", "168");
    assert!(
        matches!(outcome, ReadingOutcome::Accepted { .. }),
        "105 is five times the mean of 21"
    );
    let refusal = refused(story.read("2024-04-30 08:00:00", "168.001"));
    assert_eq!(refusal.code(), "SELF_READING_HIGH");
    assert_eq!(bills(&story).len(), 3);
    let spread = story.read("2024-06-30 08:00:00", "300");
    assert!(
        matches!(spread, ReadingOutcome::Accepted { .. }),
        "237 over three months are 79 each"
    );
}

#[test]
fn k3_without_a_month_before_there_is_no_test_and_under_100_units_none_either() {
    let mut story = customer("2024-01-01 00:00:00");
    assert!(matches!(
        story.read("2024-01-31 08:00:00", "900"),
        ReadingOutcome::Accepted { .. }
    ));
    let mut small = customer("2024-01-01 00:00:00");
    small.read("2024-01-31 08:00:00", "2");
    let outcome = small.read("2024-02-29 08:00:00", "102");
    assert!(matches!(outcome, ReadingOutcome::Accepted { quantity, .. } if quantity == q("100")));
}

#[test]
fn k4_a_payment_after_the_run_began_takes_the_account_out_of_it() {
    let mut story = customer("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "20");
    let early = run(&story, "2024-02-14 06:00:00");
    assert_eq!(
        story.refused("2024-02-14 07:00:00", early).code(),
        "TOO_EARLY"
    );
    story.pay("2024-02-15 08:00:00", "1");
    let late = run(&story, "2024-02-15 06:00:00");
    assert_eq!(
        story.refused("2024-02-15 09:00:00", late).code(),
        "PAID_SINCE_RUN"
    );
    let next = run(&story, "2024-02-16 06:00:00");
    story.ask("2024-02-16 06:30:00", next.clone());
    assert_eq!(story.supply(), Supply::Off(SupplyReason::DuesUnpaid));
    assert_eq!(
        story.refused("2024-02-16 06:31:00", next).code(),
        "SUPPLY_ALREADY"
    );
}

#[test]
fn k4_a_cut_that_the_meter_has_not_confirmed_is_taken_back_by_any_payment() {
    let mut story = customer("2024-01-01 00:00:00");
    story.meters_confirm = false;
    story.read("2024-01-31 08:00:00", "20");
    let cut = run(&story, "2024-02-16 06:00:00");
    story.ask("2024-02-16 06:30:00", cut);
    story.pay("2024-02-16 06:31:00", "1");
    assert_eq!(story.supply(), Supply::On);
    assert_eq!(story.count("supply-reconnection-ordered.v1"), 1);
}

#[test]
fn k4_who_owes_nothing_or_nothing_overdue_is_not_cut() {
    let mut story = customer("2024-01-01 00:00:00");
    let cut = run(&story, "2024-01-02 06:00:00");
    assert_eq!(
        story.refused("2024-01-02 06:30:00", cut).code(),
        "NOTHING_OWED"
    );
    story.read("2024-01-31 08:00:00", "20");
    story.read("2024-02-20 08:00:00", "30");
    story.pay("2024-02-21 08:00:00", "283.97");
    let cut = run(&story, "2024-02-22 06:00:00");
    let refusal = story.refused("2024-02-22 06:30:00", cut);
    assert_eq!(
        refusal.code(),
        "TOO_EARLY",
        "the older bill is paid, the newer is not overdue"
    );
}

#[test]
fn k8_paid_in_full_after_a_cut_reconnects_by_itself_and_a_part_does_not() {
    let mut story = customer("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "20");
    let cut = run(&story, "2024-02-16 06:00:00");
    story.ask("2024-02-16 06:30:00", cut);
    story.pay("2024-02-17 08:00:00", "83.97");
    assert_eq!(story.supply(), Supply::Off(SupplyReason::DuesUnpaid));
    story.pay("2024-02-17 09:00:00", "200");
    assert_eq!(story.supply(), Supply::On);
}

#[test]
fn k6_a_query_is_raised_answered_and_settled() {
    let mut story = customer("2024-01-01 00:00:00");
    let raise = BillingCommand::RaiseQuery {
        document: document("query-text-1"),
    };
    assert_eq!(story.ask("2024-01-05 08:00:00", raise), ["query-raised.v1"]);
    let answer = |settled| BillingCommand::AnswerQuery {
        query: 1,
        document: document("answer-1"),
        settled,
    };
    story.ask("2024-01-06 08:00:00", answer(false));
    assert_eq!(story.billing().open_queries().len(), 1);
    story.ask("2024-01-07 08:00:00", answer(true));
    assert!(story.billing().open_queries().is_empty());
    assert_eq!(
        story.refused("2024-01-08 08:00:00", answer(true)).code(),
        "NO_SUCH_QUERY"
    );
}

#[test]
fn c16_a_customer_that_leaves_pays_the_last_bill_and_gets_credit_back() {
    let close = |value: &str| Command::CloseAccount {
        finals: crate::story::last(value).into_iter().collect(),
        to: ledger_core::command::CloseTo::PayOut(
            ledger_core::ids::ChannelId::parse("office").unwrap(),
        ),
    };
    let mut story = customer("2024-01-01 00:00:00");
    let owes = story.refusal("2024-01-31 08:00:00", close("20"));
    assert_eq!(owes.code(), "ACCOUNT_OWES");
    story.pay("2024-01-31 09:00:00", "300");
    let kinds = story.done("2024-01-31 10:00:00", close("20"));
    assert!(kinds.contains(&"credit-paid-out.v1"), "{kinds:?}");
    assert_eq!(story.dues(), money("0"));
}
