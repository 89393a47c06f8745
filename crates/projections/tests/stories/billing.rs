//! Consumers and their bills: rows, lines, what is left, and pages from the newest on.

use ledger_core::account::Billing;
use ledger_core::tariff::LineKind;
use projections::queries::{BillView, ConsumerFilter, PageOf};

use super::*;

fn listed() -> AccountEvent {
    AccountEvent::Billing(BillingEvent::ConsumerListed(ConsumerListed {
        k: Listing::Billed,
        u: E,
        b: month("2026-03"),
        d: day("2026-03-01"),
        a: money("0"),
        until: None,
        dep: money("0"),
    }))
}

/// A reading's charge of `energy` and 16% of it, owed in a month.
fn read(
    id: &AccountId,
    at: Timestamp,
    b: &str,
    (units, energy, tax): (&str, &str, &str),
) -> AccountEvent {
    let (energy, tax) = (money(energy), money(tax));
    let event = consumed(id, at, E, qty(units), energy + tax);
    let AccountEvent::ConsumptionCharged(mut e) = event else {
        panic!("a charge")
    };
    e.b = Some(month(b));
    e.x = vec![LinePart(month(b), LineKind::Tax, "vat".to_owned(), tax)];
    AccountEvent::ConsumptionCharged(e)
}

fn raised(n: u32, b: &str, a: &str, rd: &str) -> AccountEvent {
    AccountEvent::Billing(BillingEvent::BillRaised(BillRaised {
        n,
        b: month(b),
        a: money(a),
        rd: money(rd),
        due: day("2026-04-14"),
    }))
}

fn paid(rc: &str, a: &str, at: Timestamp) -> AccountEvent {
    AccountEvent::Billing(BillingEvent::BillPaid(BillPaid {
        u: E,
        a: money(a),
        rd: money("0"),
        b: month("2026-04"),
        rc: ReceiptNumber::parse(rc).unwrap(),
        pay: pay("bank", rc, local(at)),
        full: false,
        prot: None,
    }))
}

fn lines(bill: &BillView) -> Vec<(&str, Money)> {
    bill.lines
        .iter()
        .map(|l| (l.kind.as_str(), l.amount))
        .collect()
}

#[tokio::test]
async fn k2_bills_are_listed_with_their_lines_and_what_is_left_of_each() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    let hour = |n: i64| start + Millis::hours(n);
    log.open(&a, start).await;
    for (n, event) in (1..).zip([
        listed(),
        read(&a, hour(2), "2026-03", ("10", "122.4", "19.584")),
        raised(1, "2026-03", "141.98", "-0.004"),
        read(&a, hour(4), "2026-03", ("5", "61.2", "9.79")),
        raised(2, "2026-03", "70.99", "0"),
        paid("P-1", "150", hour(6)),
    ]) {
        log.fact(&a, hour(n), event).await;
    }
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let page = snapshot.bills(&a, PageOf::first(2)).unwrap();
    let kinds: Vec<&str> = page.items.iter().map(|b| b.kind.as_str()).collect();
    assert_eq!(kinds, ["paid", "raised"], "newest first");
    assert_eq!(
        lines(&page.items[0]),
        [("consumption", money("150"))],
        "one item a month and kind"
    );
    assert_eq!(page.items[1].left, Some(money("62.97")));
    let next = PageOf {
        after: page.next,
        limit: 2,
    };
    let rest = snapshot.bills(&a, next).unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let first = &rest.items[0];
    assert_eq!((first.number, first.left), (1, Some(money("0"))));
    assert_eq!(
        lines(first),
        [
            ("energy", money("122.4")),
            ("tax", money("19.584")),
            ("rounding", money("-0.004"))
        ]
    );
    assert_eq!(
        first.lines.iter().map(|l| l.amount).sum::<Money>(),
        first.amount
    );
    let owing = snapshot
        .consumers(ConsumerFilter::Owing, PAGE)
        .unwrap()
        .items;
    assert_eq!(owing[0].dues, money("62.97"));
    assert_eq!(owing[0].oldest_due, Some(day("2026-04-14")));
    let core: &Billing = log.accounts[&a].billing().unwrap();
    assert_eq!(core.dues().balance(), owing[0].dues, "as decisions see it");
}

#[tokio::test]
async fn k2_what_a_reading_charged_is_known_to_its_bill_also_after_a_restart_between_them() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    let hour = |n: i64| start + Millis::hours(n);
    log.open(&a, start).await;
    log.fact(&a, hour(1), listed()).await;
    let charged = read(&a, hour(2), "2026-03", ("10", "122.4", "19.58"));
    log.fact(&a, hour(2), charged).await;
    let models = log.caught_up().await;
    models.close().await;
    log.fact(&a, hour(3), raised(1, "2026-03", "141.98", "0"))
        .await;
    let models = log.caught_up().await;
    let bills = models.snapshot().unwrap().bills(&a, PAGE).unwrap().items;
    assert_eq!(
        lines(&bills[0]),
        [("energy", money("122.4")), ("tax", money("19.58"))]
    );
}
