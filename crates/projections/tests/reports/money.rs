//! Reports of money: ages of what is owed, debt periods, revenue by month, settlement, receipts.

use ledger_core::command::{BillingCommand, Command, Source, TopUp};
use ledger_core::num::Money;

use crate::common::*;
use crate::office::{Office, ask, cells};

#[tokio::test]
async fn e3_dues_age_from_the_end_of_their_month_and_sum_to_what_is_owed() {
    let mut office = Office::new();
    office
        .open("ebcm-1", "domestic", "2026-01-10 08:00:00")
        .await;
    office.tick("ebcm-1", "2026-02-01 00:00:00").await;
    office.read("ebcm-1", "2026-02-05 09:00:00", "100").await;
    for month in ["03", "04", "05"] {
        office
            .tick("ebcm-1", &format!("2026-{month}-01 00:00:00"))
            .await;
    }
    let owed = office.account("ebcm-1").billing().unwrap().dues().balance();
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let aged = ask(&snapshot, "aged-debt", &office.on("2026-05-15"));
    let columns = [
        "days_0_30",
        "days_31_60",
        "days_61_90",
        "over_90",
        "balance",
        "oldest_due",
    ];
    let shown = cells("aged-debt", &aged, &columns).remove(0);
    let sum: Money = shown[..4].iter().map(|text| money(text)).sum();
    assert_eq!(sum, owed);
    assert_eq!((money(&shown[4]), shown[5].as_str()), (owed, "2026-03-01"));
    assert!(
        money(&shown[2]).is_positive(),
        "February's since March 1st, 75 days: {shown:?}"
    );
    assert_eq!(aged.ties.len(), 2);
    let mut other = office.on("2026-05-15");
    other.scheme = Some("kplc".to_owned());
    let none = ask(&snapshot, "aged-debt", &other);
    assert!(none.rows.items.is_empty());
    assert_eq!(
        none.ties[0].elsewhere, owed,
        "what was not asked for is elsewhere"
    );
}

#[tokio::test]
async fn u12_debt_periods_are_as_of_the_month_and_tie_to_what_is_receivable() {
    let mut office = Office::new();
    office
        .open("usms-1", "residential", "2026-01-05 08:00:00")
        .await;
    let agree = Command::AgreeDebt {
        utility: W,
        principal: money("100"),
        instalment: money("25"),
        start: month("2026-02"),
    };
    office.done("usms-1", "2026-01-06 08:00:00", agree).await;
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let columns = ["balance", "due", "months_left", "debt_period"];
    let shown = |today: &str| {
        let answer = ask(&snapshot, "debt-periods", &office.on(today));
        cells("debt-periods", &answer, &columns).remove(0)
    };
    assert_eq!(shown("2026-02-10"), ["100", "25", "4", "4"]);
    assert_eq!(
        shown("2026-04-10"),
        ["100", "75", "4", "6"],
        "two months missed"
    );
}

#[tokio::test]
async fn c2_revenue_is_told_by_month_and_account_of_the_chart_and_is_all_of_it() {
    let mut office = Office::new();
    office
        .open("ebcm-1", "domestic", "2026-01-10 08:00:00")
        .await;
    office.read("ebcm-1", "2026-01-31 09:00:00", "60").await;
    office.read("ebcm-1", "2026-02-20 09:00:00", "160").await;
    office.tick("ebcm-1", "2026-05-01 00:00:00").await;
    let fee = BillingCommand::PostMiscellaneous {
        kind: ledger_core::event::MiscellaneousKind::Testing,
        amount: money("25"),
        document: crate::OpaqueRef::parse("doc-1").unwrap(),
    };
    office.ask("ebcm-1", "2026-05-03 08:00:00", fee).await;
    office
        .open("usms-2", "residential", "2026-01-05 08:00:00")
        .await;
    office.read("usms-2", "2026-02-01 00:00:00", "100").await;
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let all = ask(&snapshot, "revenue", &office.on("2026-05-04"));
    let rows = cells(
        "revenue",
        &all,
        &["scheme", "month", "ledger_account", "line"],
    );
    let has = |wanted: [&str; 4]| rows.iter().any(|row| row.iter().eq(wanted.iter()));
    assert!(
        has(["ebcm", "2026-01", "revenue:electricity", "energy"]),
        "{rows:?}"
    );
    assert!(has(["ebcm", "2026-05", "fees", "fee"]), "{rows:?}");
    assert!(
        has(["ebcm", "2026-02", "surcharge", "surcharge"]),
        "{rows:?}"
    );
    assert!(
        has(["usms", "2026-01", "revenue:electricity", "energy"]),
        "{rows:?}"
    );
    let accounts: Vec<&str> = all
        .ties
        .iter()
        .map(|tie| tie.ledger_account.as_str())
        .collect();
    let trial = snapshot.trial_balance().unwrap();
    for line in trial.lines {
        let name = line.ledger_account.as_str();
        let is_income = [
            "revenue:",
            "surcharge",
            "fees",
            "tax-payable:",
            "levy-payable:",
            "rounding",
        ]
        .iter()
        .any(|kind| name.starts_with(kind));
        assert_eq!(is_income, accounts.contains(&name), "{name}");
    }
    assert!(all.ties.iter().all(|tie| tie.elsewhere.is_zero()));
    let mut may = office.on("2026-05-04");
    may.from_month = Some(month("2026-05"));
    let part = ask(&snapshot, "revenue", &may);
    assert!(part.rows.items.len() < all.rows.items.len());
}

#[tokio::test]
async fn c14_settlement_and_the_register_of_receipts_tie_to_the_channel() {
    let mut office = Office::new();
    office
        .open("usms-1", "residential", "2026-01-05 08:00:00")
        .await;
    for (day, amount) in [("05", "20"), ("06", "5.50")] {
        let top_up = TopUp {
            meter: Office::meter("usms-1"),
            amount: money(amount),
            source: Source::NotTaken,
        };
        office
            .done(
                "usms-1",
                &format!("2026-01-{day} 12:00:00"),
                Command::TopUp(top_up),
            )
            .await;
    }
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let mut question = office.on("2026-01-07");
    let settled = ask(&snapshot, "channel-settlement", &question);
    assert_eq!(
        cells(
            "channel-settlement",
            &settled,
            &["channel", "date", "lines", "total", "ties"]
        ),
        [
            ["counter", "2026-01-05", "1", "20", "yes"],
            ["counter", "2026-01-06", "1", "5.5", "yes"]
        ]
    );
    question.from_day = Some(day("2026-01-06"));
    let register = ask(&snapshot, "receipts", &question);
    assert_eq!(
        cells(
            "receipts",
            &register,
            &["date", "time", "account", "amount", "balance"]
        ),
        [[
            "2026-01-06",
            "2026-01-06T12:00:00+08:00",
            "usms-1",
            "5.5",
            "25.5"
        ]]
    );
    assert_eq!(register.ties[0].elsewhere, money("20"));
}

#[tokio::test]
async fn k6_trends_compare_each_month_with_the_one_before_and_the_year_before() {
    let mut office = Office::new();
    office
        .open("usms-1", "residential", "2025-01-01 00:00:00")
        .await;
    for (at, value) in [
        ("2025-02-01 00:00:00", "100"),
        ("2025-03-01 00:00:00", "300"),
        ("2026-02-01 00:00:00", "3640"),
        ("2026-03-01 00:00:00", "3740"),
    ] {
        office.read("usms-1", at, value).await;
    }
    let models = office.log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let mut question = office.on("2026-03-02");
    question.from_month = Some(month("2026-02"));
    let columns = [
        "month",
        "quantity",
        "change",
        "year_before",
        "year_change",
        "year_change_percent",
    ];
    for name in ["consumption-trends", "consumption-totals"] {
        let trends = ask(&snapshot, name, &question);
        let shown = cells(name, &trends, &columns);
        assert_eq!(shown[0][0], "2026-02");
        assert_eq!(
            (
                shown[0][1].as_str(),
                shown[0][3].as_str(),
                shown[0][5].as_str()
            ),
            ("100", "200", "-50.0"),
            "{name}"
        );
    }
    question.from_month = Some(month("2025-02"));
    question.to_month = Some(month("2025-02"));
    let first = ask(&snapshot, "consumption-trends", &question);
    let shown = cells(
        "consumption-trends",
        &first,
        &["quantity", "month_before", "change_percent", "year_before"],
    );
    assert_eq!(shown, [["200", "100", "100.0", ""]]);
}
