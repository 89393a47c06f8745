//! Lists of consumers: belated, due for disconnection, due for reconnection, permanently disconnected.

use ledger_core::command::{BillingCommand, Command, OpeningDeposit};
use projections::queries::PageOf;

use crate::common::*;
use crate::office::{Office, ask, cells};

/// Three consumers: one pays in February, one does not, one never does.
async fn three() -> Office {
    let mut office = Office::new();
    for id in ["ebcm-1", "ebcm-2", "ebcm-3"] {
        office.open(id, "domestic", "2026-01-10 08:00:00").await;
        office.tick(id, "2026-02-01 00:00:00").await;
        office.read(id, "2026-02-05 09:00:00", "100").await;
    }
    let owed = office
        .account("ebcm-1")
        .billing()
        .unwrap()
        .dues()
        .payable(2);
    office
        .pay("ebcm-1", "2026-02-06 09:00:00", &owed.to_string())
        .await;
    for id in ["ebcm-1", "ebcm-2", "ebcm-3"] {
        office.tick(id, "2026-03-01 00:00:00").await;
    }
    office
}

#[tokio::test]
async fn e5_a_belated_consumer_is_due_for_disconnection_from_the_21st() {
    let office = three().await;
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let name = "due-for-disconnection";
    let on_the_20th = ask(&snapshot, name, &office.on("2026-03-20"));
    assert!(on_the_20th.rows.items.is_empty(), "{on_the_20th:?}");
    let on_the_21st = ask(&snapshot, name, &office.on("2026-03-21"));
    assert_eq!(
        cells(
            name,
            &on_the_21st,
            &["account", "status", "payable_to", "why"]
        ),
        [
            ["ebcm-2", "BLTD", "2026-03-20", "belated"],
            ["ebcm-3", "BLTD", "2026-03-20", "belated"]
        ]
    );
    let mut ahead = office.on("2026-03-01");
    ahead.as_of = Some(day("2026-03-21"));
    assert_eq!(ask(&snapshot, name, &ahead).rows, on_the_21st.rows);
    let mut back = office.on("2026-03-21");
    back.as_of = Some(day("2026-03-20"));
    let refused = snapshot.report(projections::queries::reports::named(name).unwrap(), &back);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("lies before today")
    );
}

#[tokio::test]
async fn e3_who_is_belated_and_what_all_of_them_owe_is_listed_page_by_page() {
    let office = three().await;
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let mut question = office.on("2026-03-02");
    question.page = PageOf::first(1);
    let first = ask(&snapshot, "belated", &question);
    assert_eq!(cells("belated", &first, &["account"]), [["ebcm-2"]]);
    let owed = |id: &str| office.account(id).billing().unwrap().dues().balance();
    let total = &first.totals[0];
    assert_eq!(
        (total.name.as_str(), total.currency.as_str()),
        ("dues", "INR")
    );
    assert_eq!(
        total.value.to_string(),
        (owed("ebcm-2") + owed("ebcm-3")).to_string(),
        "the total is over all pages"
    );
    question.page.after = first.rows.next;
    let second = ask(&snapshot, "belated", &question);
    assert_eq!(cells("belated", &second, &["account"]), [["ebcm-3"]]);
    assert!(second.rows.next.is_none() && second.totals.is_empty());
}

/// Of the three one has paid after the cut, one never did until it was final.
async fn paid_and_final() -> Office {
    let mut office = three().await;
    for id in ["ebcm-2", "ebcm-3"] {
        office.tick(id, "2026-04-01 00:00:00").await;
    }
    let owed = office
        .account("ebcm-2")
        .billing()
        .unwrap()
        .dues()
        .payable(2);
    office
        .pay("ebcm-2", "2026-04-10 10:00:00", &owed.to_string())
        .await;
    for month in ["05", "06", "07", "08", "09"] {
        office
            .tick("ebcm-3", &format!("2026-{month}-01 00:00:00"))
            .await;
    }
    office
}

#[tokio::test]
async fn e7_who_paid_after_the_cut_waits_for_the_je() {
    let office = paid_and_final().await;
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let question = office.on("2026-09-02");
    let waiting = ask(&snapshot, "due-for-reconnection", &question);
    assert_eq!(
        cells(
            "due-for-reconnection",
            &waiting,
            &["account", "status", "dues", "cut_in"]
        ),
        [["ebcm-2", "PNR1", "0", "2026-03"]]
    );
}

#[tokio::test]
async fn e8_who_never_paid_is_for_recovery_and_counted_as_final() {
    let office = paid_and_final().await;
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let question = office.on("2026-09-02");
    let over = ask(&snapshot, "permanently-disconnected", &question);
    assert_eq!(
        cells(
            "permanently-disconnected",
            &over,
            &["account", "status", "oldest_month"]
        ),
        [["ebcm-3", "PDNP", "2026-02"]]
    );
    let counts = ask(&snapshot, "consumer-counts", &question);
    let shown = cells(
        "consumer-counts",
        &counts,
        &["at", "month", "status", "consumers"],
    );
    assert!(
        shown.contains(
            &["close", "2026-02", "BLTD", "2"]
                .map(str::to_owned)
                .to_vec()
        ),
        "{shown:?}"
    );
    assert!(
        shown.contains(&["now", "", "PDNP", "1"].map(str::to_owned).to_vec()),
        "{shown:?}"
    );
}

#[tokio::test]
async fn e5_whoever_the_close_cut_is_reported_with_its_month() {
    let mut office = three().await;
    let cut = BillingCommand::CutConsumer { reading: None };
    office.ask("ebcm-2", "2026-03-21 10:00:00", cut).await;
    for id in ["ebcm-2", "ebcm-3"] {
        office.tick(id, "2026-04-01 00:00:00").await;
    }
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let off = ask(&snapshot, "disconnected", &office.on("2026-04-02"));
    assert_eq!(
        cells("disconnected", &off, &["account", "status", "cut_in"]),
        [["ebcm-2", "DIS1", ""], ["ebcm-3", "DIS1", "2026-03"]],
        "the JE cut one, the close the other"
    );
}

#[tokio::test]
async fn e14_a_temporary_connection_that_owes_is_due_after_the_20th() {
    let mut office = Office::new();
    let open = ledger_core::command::OpenAccount {
        scheme: Some("ebcm".to_owned()),
        class: "domestic".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        customer: None,
    };
    let until = day("2026-06-30");
    let open = Command::billing(BillingCommand::OpenTemporary {
        open,
        until,
        deposit: OpeningDeposit::None,
    });
    office.done("ebcm-9", "2026-05-02 08:00:00", open).await;
    let fee = BillingCommand::PostMiscellaneous {
        kind: ledger_core::event::MiscellaneousKind::Testing,
        amount: money("25"),
        document: crate::OpaqueRef::parse("doc-1").unwrap(),
    };
    office.ask("ebcm-9", "2026-05-03 08:00:00", fee).await;
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let name = "due-for-disconnection";
    assert!(
        ask(&snapshot, name, &office.on("2026-05-20"))
            .rows
            .items
            .is_empty()
    );
    let due = ask(&snapshot, name, &office.on("2026-05-21"));
    assert_eq!(
        cells(name, &due, &["account", "why", "dues"]),
        [["ebcm-9", "temporary", "25"]]
    );
}

#[tokio::test]
async fn k4_a_bill_past_its_last_day_is_due_for_disconnection() {
    let mut office = Office::new();
    office
        .open("kplc-1", "domestic", "2026-01-05 08:00:00")
        .await;
    office.read("kplc-1", "2026-02-05 08:00:00", "20").await;
    let due = office
        .account("kplc-1")
        .billing()
        .unwrap()
        .oldest_due()
        .unwrap();
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let name = "due-for-disconnection";
    let asked = |today: String| ask(&snapshot, name, &office.on(&today));
    assert!(asked(due.to_string()).rows.items.is_empty());
    let shown = asked(due.next().to_string());
    assert_eq!(
        cells(name, &shown, &["account", "status", "payable_to", "why"]),
        [[
            "kplc-1".to_owned(),
            String::new(),
            due.to_string(),
            "bill-overdue".to_owned()
        ]]
    );
}
