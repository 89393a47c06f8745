//! C13, E1, E4, K3: a bill is shown before it is paid, each line explained, and nothing is recorded.

use ledger_core::account::{BillPart, BillQuote, quote_bill};
use ledger_core::command::{BillingCommand, Facts, Reading};
use ledger_core::ids::{Actor, ChannelId, CommandKey, Reference};
use ledger_core::num::Money;
use ledger_core::rejection::Rejection;
use ledger_core::status::Status;

use crate::story::{Story, document, money, open_of, q};

fn quote(story: &Story, at: &str, reading: Option<&Reading>) -> Result<BillQuote, Rejection> {
    let facts = Facts {
        account: story.account.id().clone(),
        received_at: story.local(at),
        actor: Actor::parse("quote").unwrap(),
        key: Some(CommandKey {
            channel: ChannelId::parse("counter").unwrap(),
            reference: Reference::parse("quote").unwrap(),
        }),
        delivery: 0,
        prior: None,
        course: None,
        voidable: None,
        initial_credit_claimed: false,
    };
    quote_bill(&story.account, &story.policy, &facts, reading)
}

fn with(story: &Story, at: &str, value: &str) -> Result<BillQuote, Rejection> {
    quote(story, at, Some(&story.reading(at, value)))
}

fn lines(quote: &BillQuote) -> Vec<(String, Money)> {
    let named = quote.lines.iter().map(|line| {
        let text = match &line.what {
            BillPart::Forward(kind) => format!("brought forward {}", kind.as_str()),
            BillPart::Charge(charge) => charge.source.to_string(),
            other => other.as_str().to_owned(),
        };
        (text, line.amount)
    });
    named.collect()
}

#[test]
fn e1_a_bill_is_shown_line_by_line_before_it_is_paid_and_is_then_that_bill() {
    let mut story = Story::live("2026-01-31 23:00:00");
    let rent = BillingCommand::PostMiscellaneous {
        kind: ledger_core::event::MiscellaneousKind::MeterRent,
        amount: money("12.50"),
        document: document("rent-1"),
    };
    story.ask("2026-02-02 08:00:00", rent);
    let before = story.account.clone();
    let shown = with(&story, "2026-02-10 10:00:00", "150.237").unwrap();
    assert_eq!(story.account, before, "nothing is recorded");
    let sum: Money = shown.lines.iter().map(|line| line.amount).sum();
    assert_eq!((sum, shown.units), (shown.amount, Some(q("150.237"))));
    assert_eq!(shown.status, Some(Status::Live));
    let told = lines(&shown);
    assert_eq!(
        told[0],
        ("brought forward miscellaneous".to_owned(), money("12.5"))
    );
    assert!(
        told.iter()
            .any(|(text, _)| text == "block 2, above 100 to 200"),
        "{told:?}"
    );
    assert!(told.iter().any(|(text, _)| text == "rounding"), "{told:?}");
    assert_eq!(shown.refusal, None);
    let receipt = story.pay_with("2026-02-10 10:00:00", &shown.amount.to_string(), "150.237");
    assert_eq!(receipt.balance, money("0"));
}

#[test]
fn e1_a_bill_that_cannot_be_paid_today_is_shown_with_the_reason() {
    let story = Story::live("2026-01-31 23:00:00");
    let late = with(&story, "2026-02-26 10:00:00", "80").unwrap();
    assert_eq!(
        late.refusal.map(|no| no.code()),
        Some("OUTSIDE_PAYMENT_WINDOW")
    );
    assert_eq!(late.amount, money("80"));
    let unread = quote(&story, "2026-02-10 10:00:00", None).unwrap();
    assert_eq!(
        unread.refusal.map(|no| no.code()),
        Some("READING_OF_MONTH_MISSING")
    );
    assert!(unread.lines.is_empty());
}

#[test]
fn e4_a_quote_shows_the_estimates_that_the_reading_takes_back() {
    let mut story = Story::live("2026-01-31 23:00:00");
    story.pay_with("2026-02-10 10:00:00", "80", "80");
    // March is unpaid and estimated at its close; April comes with a reading.
    story.tick("2026-04-01 00:00:00");
    let shown = with(&story, "2026-04-10 10:00:00", "230").unwrap();
    let told = lines(&shown);
    let estimate = told
        .iter()
        .find(|(text, _)| text == "brought forward estimate")
        .unwrap();
    let reversed = told
        .iter()
        .find(|(text, _)| text == "estimates-reversed")
        .unwrap();
    assert_eq!(estimate.1, -reversed.1);
    assert!(
        told.iter()
            .any(|(text, _)| text == "brought forward surcharge"),
        "{told:?}"
    );
    let receipt = story.pay_with("2026-04-10 10:00:00", &shown.amount.to_string(), "230");
    assert_eq!(receipt.balance, money("0"));
}

#[test]
fn k2_credit_is_on_the_quote_and_nothing_has_to_be_paid_while_it_lasts() {
    let mut story = Story::of("kplc");
    story.done(
        "2024-01-01 00:00:00",
        ledger_core::command::Command::OpenAccount(open_of("domestic")),
    );
    story.install("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "20");
    story.pay("2024-02-01 08:00:00", "1000");
    let shown = with(&story, "2024-02-29 08:00:00", "40").unwrap();
    let told = lines(&shown);
    assert_eq!(told[0], ("credit".to_owned(), money("-716.03")));
    assert_eq!((shown.amount, shown.refusal), (money("-432.06"), None));
    assert!(
        told.iter().any(|(text, _)| text.starts_with("vat 16%")),
        "{told:?}"
    );
}

#[test]
fn k3_a_quote_of_an_implausible_reading_opens_no_query_and_does_not_say_so() {
    let mut story = Story::of("kplc");
    story.done(
        "2024-01-01 00:00:00",
        ledger_core::command::Command::OpenAccount(open_of("domestic")),
    );
    story.install("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "20");
    let refusal = with(&story, "2024-02-29 08:00:00", "19").unwrap_err();
    assert_eq!(refusal.code(), "SELF_READING_BELOW");
    assert!(
        refusal
            .to_string()
            .ends_with("sent with a payment it opens a query"),
        "{refusal}"
    );
    assert!(story.billing().open_queries().is_empty());
}

#[test]
fn k3_a_payment_with_an_implausible_reading_is_refused_whole_and_its_query_stays_open() {
    let mut story = Story::of("kplc");
    story.done(
        "2024-01-01 00:00:00",
        ledger_core::command::Command::OpenAccount(open_of("domestic")),
    );
    story.install("2024-01-01 00:00:00");
    story.read("2024-01-31 08:00:00", "20");
    let below = Story::pay_command("283.97", Some(story.reading("2024-02-05 08:00:00", "19")));
    let refusal = story.refused("2024-02-05 08:00:00", below);
    assert!(
        refusal.to_string().ends_with("query 1 is open on it"),
        "{refusal}"
    );
    assert_eq!(story.billing().open_queries().len(), 1);
    assert_eq!(
        (story.dues(), story.count("bill-paid.v1")),
        (money("283.97"), 0)
    );
    assert_eq!(story.refolded(), story.account);
}

#[test]
fn e1_there_is_no_bill_where_there_is_no_account_or_none_is_billed() {
    let unborn = Story::of("ebcm");
    assert_eq!(
        quote(&unborn, "2026-02-10 10:00:00", None)
            .unwrap_err()
            .code(),
        "UNKNOWN_ACCOUNT"
    );
    let mut prepaid = Story::of("usms");
    let open = ledger_core::command::Command::OpenAccount(open_of("residential"));
    prepaid.done("2026-01-01 08:00:00", open);
    assert_eq!(
        quote(&prepaid, "2026-02-10 10:00:00", None)
            .unwrap_err()
            .code(),
        "NOT_OFFERED"
    );
}
