//! E1, E2, E4, E18: bills at payment, parts and wholes, adjustments, protests.

use ledger_core::account::Supply;
use ledger_core::command::{BillingCommand, Command, PayBill, Source};
use ledger_core::event::{AccountEvent, BillingEvent, MiscellaneousKind, SupplyReason};
use ledger_core::postings::LedgerAccount;
use ledger_core::status::Status;

use crate::story::{Story, date, document, money, open_of, q};

#[test]
fn e1_the_bill_is_made_at_payment_from_a_self_reading_and_paid_in_full() {
    let mut story = Story::live("2026-01-05 08:00:00");
    // 640 of the 866 hours lie in January: 110.854503 kWh there (100 at 1.00, the rest at 1.50) and
    // 39.145497 in February, together 155.4272515.
    let receipt = story.pay_with("2026-02-10 10:00:00", "155.43", "150");
    assert_eq!(receipt.balance, money("0"));
    assert_eq!(story.status(), Status::Live);
    assert_eq!(receipt.number.as_str(), "L100-000001");
    assert_eq!(story.dues(), money("0"));
}

#[test]
fn e1_a_payment_that_is_not_the_bill_is_refused_whole_and_names_the_bill() {
    let mut story = Story::live("2026-01-31 23:00:00");
    let before = story.account.clone();
    let reading = story.reading("2026-02-10 10:00:00", "80");
    let command = Story::pay_command("79.99", Some(reading));
    let refusal = story.refused("2026-02-10 10:00:00", command);
    assert_eq!(refusal.code(), "NOT_THE_BILL");
    assert!(refusal.to_string().contains("80"), "{refusal}");
    let mut expected = before;
    // The month that ended in between was closed; nothing else stayed.
    assert_ne!(story.account, expected);
    expected.clone_from(&story.refolded());
    assert_eq!(story.account, expected);
    assert_eq!(story.count("consumption-charged.v1"), 0);
    story.pay_with("2026-02-10 10:00:00", "80", "80");
}

#[test]
fn e1_a_current_bill_is_paid_from_day_1_to_day_25_only() {
    let mut story = Story::live("2026-01-31 08:00:00");
    for (at, ok) in [
        ("2026-02-01 00:00:00", true),
        ("2026-02-25 23:59:59", true),
        ("2026-02-26 00:00:00", false),
        ("2026-02-28 23:59:59", false),
        ("2026-03-01 00:00:00", true),
    ] {
        let mut other = story.clone();
        let reading = other.reading(at, "0");
        let decided = other.send(at, Command::billing(Story::pay_command("0", Some(reading))));
        assert_eq!(decided.answer.refusal().is_none(), ok, "{at}");
        if let Some(refusal) = decided.answer.refusal() {
            assert_eq!(refusal.code(), "OUTSIDE_PAYMENT_WINDOW");
        }
        if at.starts_with("2026-02-28") {
            story.pay_with("2026-02-20 08:00:00", "0", "0");
        }
    }
}

#[test]
fn e1_a_live_consumer_needs_a_reading_of_the_month_and_may_pay_several_times() {
    let mut story = Story::live("2026-01-05 08:00:00");
    story.read("2026-01-31 08:00:00", "26");
    let refusal = story.refused("2026-02-02 08:00:00", Story::pay_command("26", None));
    assert_eq!(refusal.code(), "READING_OF_MONTH_MISSING");
    story.pay_with("2026-02-02 09:00:00", "28", "28");
    story.pay_with("2026-02-20 09:00:00", "18", "46");
    assert_eq!(story.count("bill-paid.v1"), 2);
}

#[test]
fn e1_a_bill_at_or_below_zero_is_confirmed_with_a_zero_receipt_and_its_credit_carried() {
    let mut story = Story::live("2026-01-05 08:00:00");
    let adjust = BillingCommand::Adjust {
        amount: money("-30"),
        document: document("complaint-1"),
    };
    story.ask("2026-02-02 08:00:00", adjust);
    let receipt = story.pay_with("2026-02-02 09:00:00", "0", "28");
    assert_eq!((receipt.amount, receipt.balance), (money("0"), money("-2")));
    assert!(
        story
            .billing()
            .paid_in(ledger_core::time::Month::parse("2026-02").unwrap())
    );
    story.tick("2026-03-01 00:00:00");
    assert_eq!(story.status(), Status::Live);
}

#[test]
fn e1_others_pay_in_parts_on_any_day_oldest_first_and_never_more_than_the_dues() {
    let mut story = Story::imported("2026-01-05 08:00:00");
    let refusal = story.refused("2026-01-28 08:00:00", Story::pay_command("100.01", None));
    assert_eq!(refusal.code(), "ABOVE_DUES");
    story.pay("2026-01-28 08:00:00", "40");
    assert_eq!((story.status(), story.dues()), (Status::Blog, money("60")));
    assert_eq!(
        story
            .refused("2026-01-28 08:00:01", Story::pay_command("0", None))
            .code(),
        "BAD_INPUT"
    );
    story.pay("2026-01-29 08:00:00", "60");
    assert_eq!(story.status(), Status::Pnr1);
    let more = story.refused("2026-01-29 08:00:01", Story::pay_command("0.01", None));
    assert_eq!(more.code(), "ABOVE_DUES");
}

#[test]
fn c3_the_rounding_of_a_bill_at_payment_is_posted_with_the_payment_that_clears_it() {
    let mut story = Story::live("2026-01-05 08:00:00");
    let receipt = story.pay_with("2026-02-02 09:00:00", "10.24", "10.237");
    assert_eq!(receipt.balance, money("0"));
    assert_eq!(story.control(&LedgerAccount::Rounding), money("-0.003"));
    assert_eq!(story.dues(), money("0"));
    story.pay_with("2026-03-02 09:00:00", "0.5", "10.741");
    assert_eq!(story.control(&LedgerAccount::Rounding), money("0.001"));
}

#[test]
fn c9_a_payments_own_reading_that_is_implausible_refuses_the_payment_whole() {
    let mut story = Story::live("2026-01-05 08:00:00");
    story.pay_with("2026-02-02 09:00:00", "28", "28");
    let drop = story.reading("2026-03-02 09:00:00", "20");
    let refusal = story.refused("2026-03-02 09:00:00", Story::pay_command("1", Some(drop)));
    assert_eq!(refusal.code(), "IMPLAUSIBLE_READING");
    let conflict = story.reading("2026-02-02 09:00:00", "29");
    let refusal = story.refused(
        "2026-03-02 09:00:01",
        Story::pay_command("1", Some(conflict)),
    );
    assert_eq!(refusal.code(), "IMPLAUSIBLE_READING");
    assert_eq!(story.count("reading-quarantined.v1"), 0);
    assert_eq!(story.count("conflicting-reading-kept.v1"), 0);
}

#[test]
fn e2_a_paid_bill_does_not_change_and_a_difference_is_counted_in_the_next() {
    let mut story = Story::live("2026-01-05 08:00:00");
    story.pay_with("2026-02-02 09:00:00", "28", "28");
    let paid = story.log.clone();
    let adjust = BillingCommand::Adjust {
        amount: money("-5.5"),
        document: document("complaint-7"),
    };
    assert_eq!(
        story.ask("2026-02-12 09:00:00", adjust),
        ["bill-adjusted.v1"]
    );
    assert_eq!(story.log[..paid.len()], paid[..]);
    story.pay_with("2026-03-02 09:00:00", "22.5", "56");
}

#[test]
fn e2_a_payment_may_be_made_under_protest_with_its_complaint() {
    let mut story = Story::live("2026-01-05 08:00:00");
    let reading = story.reading("2026-02-02 09:00:00", "28");
    let pay = BillingCommand::PayBill(PayBill {
        amount: money("28"),
        reading: Some(reading),
        protest: Some(document("complaint-114")),
        source: Source::NotTaken,
    });
    story.paid("2026-02-02 09:00:00", pay);
    let protest = story.log.iter().find_map(|(event, _)| match event {
        AccountEvent::Billing(BillingEvent::BillPaid(paid)) => paid.prot.clone(),
        _ => None,
    });
    assert_eq!(protest, Some(document("complaint-114")));
}

#[test]
fn e18_a_miscellaneous_bill_is_posted_to_fees_and_paid_with_the_next_bill() {
    let mut story = Story::live("2026-01-05 08:00:00");
    let rent = BillingCommand::PostMiscellaneous {
        kind: MiscellaneousKind::MeterRent,
        amount: money("20"),
        document: document("misc-1"),
    };
    assert_eq!(
        story.ask("2026-02-02 08:00:00", rent),
        ["month-closed.v1", "miscellaneous-billed.v1"]
    );
    story.pay_with("2026-02-02 09:00:00", "48", "28");
    assert_eq!(story.control(&LedgerAccount::Fees), money("-20"));
}

#[test]
fn e18_a_deposit_is_paid_once_used_against_dues_and_what_is_left_goes_back() {
    let mut story = Story::imported("2026-01-05 08:00:00");
    let deposit = |amount: &str| BillingCommand::PayDeposit {
        amount: money(amount),
        source: Source::NotTaken,
    };
    assert_eq!(
        story.refused("2026-01-06 08:00:00", deposit("999")).code(),
        "NOT_THE_DEPOSIT"
    );
    let receipt = story.paid("2026-01-06 08:00:00", deposit("1000"));
    assert_eq!(receipt.kind, ledger_core::answer::ReceiptKind::Deposit);
    assert_eq!(
        story.refused("2026-01-06 08:01:00", deposit("1000")).code(),
        "NOTHING_OWED"
    );
    story.ask("2026-01-07 08:00:00", BillingCommand::UseDeposit);
    assert_eq!(
        (story.status(), story.billing().deposit()),
        (Status::Pnr1, money("900"))
    );
    story.ask(
        "2026-01-08 08:00:00",
        BillingCommand::EndConnection { last: None },
    );
    let out = BillingCommand::PayOut {
        channel: ledger_core::ids::ChannelId::parse("office").unwrap(),
    };
    assert_eq!(
        story.ask("2026-01-09 08:00:00", out.clone()),
        ["security-deposit-returned.v1"]
    );
    assert_eq!(
        story.refused("2026-01-10 08:00:00", out).code(),
        "NOTHING_OWED"
    );
}

#[test]
fn e4_a_reading_reverses_all_estimates_since_the_last_one_and_bills_by_reading() {
    let mut story = Story::live("2026-01-01 00:00:00");
    story.pay_with("2026-01-20 08:00:00", "60", "60");
    story.tick("2026-03-25 08:00:00");
    assert_eq!(story.billing().estimates().len(), 1);
    assert_eq!(story.dues(), money("61.2"));
    let kinds = {
        let reading = story.reading("2026-03-25 08:00:00", "150");
        let decided = story.send("2026-03-25 08:00:00", Command::RecordReading(reading));
        crate::story::kinds(&decided)
    };
    assert_eq!(kinds, ["estimates-reversed.v1", "consumption-charged.v1"]);
    assert_eq!(story.dues(), money("91.2"), "the surcharge of 1.20 stays");
    assert!(story.billing().estimates().is_empty());
}

#[test]
fn e4_an_estimate_that_was_paid_is_reversed_all_the_same() {
    let mut story = Story::live("2026-01-01 00:00:00");
    story.pay_with("2026-01-20 08:00:00", "60", "60");
    story.pay("2026-03-10 08:00:00", "61.2");
    assert_eq!(story.status(), Status::Live);
    story.read("2026-03-25 08:00:00", "150");
    assert_eq!(
        story.dues(),
        money("30"),
        "90 by reading, less 60 that were paid"
    );
}

#[test]
fn e15_an_own_reading_is_taken_like_any_other() {
    let mut story = Story::live("2026-01-05 08:00:00");
    let outcome = story.read("2026-01-20 08:00:00", "15");
    assert_eq!(
        outcome,
        ledger_core::answer::ReadingOutcome::Accepted {
            quantity: q("15"),
            amount: money("15")
        }
    );
    assert_eq!(story.dues(), money("15"));
}

#[test]
fn c4_what_a_prepaid_scheme_has_is_refused_here_and_the_other_way_round() {
    let mut story = Story::live("2026-01-05 08:00:00");
    let at = "2026-01-06 08:00:00";
    let number = crate::story::meter(crate::story::M);
    for command in [
        Command::ActivateMeter {
            meter: number.clone(),
        },
        Command::Disconnect {
            meter: number.clone(),
        },
        Command::Reconnect { meter: number },
        Command::billing(BillingCommand::CutForDues {
            run_began_at: story.local(at),
        }),
    ] {
        assert_eq!(story.refusal(at, command).code(), "NOT_OFFERED");
    }
    let mut prepaid = Story::of("usms");
    prepaid.done(at, Command::OpenAccount(open_of("residential")));
    for command in [
        Story::pay_command("5", None),
        BillingCommand::ReconnectConsumer,
        BillingCommand::ExtendTemporary {
            until: date("2026-05-01"),
        },
    ] {
        assert_eq!(prepaid.refused(at, command).code(), "NOT_OFFERED");
    }
    assert_eq!(story.supply(), Supply::On);
    assert_ne!(story.supply(), Supply::Off(SupplyReason::DuesUnpaid));
}
