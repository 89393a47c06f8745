//! Following a store: waiting, stopping, refusing what does not belong, rebuilding, verifying.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::time::{Duration, Instant};

use common::*;
use event_store::{EventStore, Position};
use ledger_core::event::{AccountEvent, DebtPaid};
use ledger_core::ids::ReceiptNumber;
use ledger_core::time::Millis;
use projections::queries::PageOf;
use projections::{ReadModelError, ReadModels, Settings, rebuild, stored_position, verify};

const SOON: Duration = Duration::from_secs(30);

async fn small() -> Log {
    let mut log = Log::new();
    let start = time("2026-03-01T00:00:00Z");
    for name in ["a1", "a2", "a3"] {
        log.open(&account(name), start).await;
        log.top_up(&account(name), start + Millis::hours(1), E, "10")
            .await;
    }
    log
}

fn change(log: &Log, sql: &str) {
    let conn = rusqlite::Connection::open(log.path()).unwrap();
    assert!(
        conn.execute(sql, []).unwrap() > 0,
        "{sql} changes something"
    );
}

async fn refused(log: &Log) -> ReadModelError {
    ReadModels::start(log.store(), Settings::at(&log.path()))
        .await
        .map(|_| ())
        .unwrap_err()
}

#[tokio::test]
async fn at_least_a_token_comes_true_on_an_idle_log() {
    let log = small().await;
    let models = log.start().await;
    models.wait_for(log.last.unwrap(), SOON).await.unwrap();
    assert_eq!(models.snapshot().unwrap().position().unwrap(), log.last);
    assert_eq!(models.status().position, log.last);
    let beyond = Position {
        commit: 1_000,
        prepare: 1_000,
    };
    let error = models
        .wait_for(beyond, Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "READ_MODEL_BEHIND");
    assert!(error.safe_to_retry());
}

#[tokio::test]
async fn a_write_is_read_by_whoever_waits_for_its_token() {
    let mut log = small().await;
    let models = log.caught_up().await;
    let at = time("2026-03-02T00:00:00Z");
    for n in 1..=20 {
        log.top_up(&account("a1"), at + Millis::hours(n), E, "1")
            .await;
        log.wait(&models).await;
        let wallet = models
            .snapshot()
            .unwrap()
            .balance(&account("a1"), E)
            .unwrap()
            .unwrap();
        assert_eq!(wallet.top_ups, u64::try_from(n).unwrap() + 1);
    }
}

/// Read models that let what is new wait so long for more.
async fn at_pace(log: &Log, commit_every: Duration) -> ReadModels {
    let settings = Settings {
        commit_every,
        ..Settings::at(&log.path())
    };
    ReadModels::start(log.store(), settings).await.unwrap()
}

/// Looks, without waiting as a reader does, until the read models stand at `position`.
async fn seen(models: &ReadModels, position: Option<Position>) {
    let began = Instant::now();
    while models.status().position != position {
        assert!(began.elapsed() < SOON, "{:?}", models.status());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Longer than any test: whoever waits for the pace to act waits in vain.
const NEVER: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_reader_who_waits_for_his_write_is_not_kept_waiting_for_more() {
    let mut log = small().await;
    let models = at_pace(&log, NEVER).await;
    log.wait(&models).await;
    let at = time("2026-03-02T00:00:00Z");
    for n in 1..=5 {
        log.top_up(&account("a1"), at + Millis::hours(n), E, "1")
            .await;
        log.wait(&models).await;
    }
    assert_eq!(models.status().position, log.last);
    log.top_up(&account("a1"), at + Millis::hours(6), E, "1")
        .await;
    let (one, other) = tokio::join!(
        models.wait_for(log.last.unwrap(), SOON),
        models.wait_for(log.last.unwrap(), SOON)
    );
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn a_write_after_a_quiet_time_is_shown_although_nobody_asks_and_nothing_follows() {
    let mut log = small().await;
    let models = at_pace(&log, NEVER).await;
    seen(&models, log.last).await;
    log.top_up(&account("a1"), time("2026-03-02T00:00:00Z"), E, "1")
        .await;
    seen(&models, log.last).await;
}

#[tokio::test]
async fn what_follows_is_shown_when_the_pace_says_so_although_nobody_asks() {
    let mut log = small().await;
    let models = at_pace(&log, Duration::from_millis(40)).await;
    let at = time("2026-03-02T00:00:00Z");
    for n in 1..=10 {
        log.top_up(&account("a1"), at + Millis::hours(n), E, "1")
            .await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    seen(&models, log.last).await;
}

#[tokio::test]
async fn a_reader_who_gave_up_hurries_nobody_any_more() {
    let mut log = small().await;
    let models = at_pace(&log, NEVER).await;
    let beyond = Position {
        commit: 1_000,
        prepare: 1_000,
    };
    let waited = models.wait_for(beyond, Duration::from_millis(20)).await;
    assert_eq!(waited.unwrap_err().code(), "READ_MODEL_BEHIND");
    let at = time("2026-03-02T00:00:00Z");
    log.top_up(&account("a1"), at, E, "1").await;
    seen(&models, log.last).await;
    let shown = log.last;
    log.top_up(&account("a1"), at + Millis::hours(1), E, "1")
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(models.status().position, shown, "it waits for more");
    log.wait(&models).await;
}

#[tokio::test]
async fn closing_commits_what_still_waits_for_more() {
    let mut log = small().await;
    let models = at_pace(&log, NEVER).await;
    log.wait(&models).await;
    let at = time("2026-03-02T00:00:00Z");
    for n in 1..=3 {
        log.top_up(&account("a1"), at + Millis::hours(n), E, "1")
            .await;
        tokio::task::yield_now().await;
    }
    models.close().await;
    assert_eq!(stored_position(&log.path()).unwrap(), log.last);
    assert!(verify(&log.store(), &log.path()).await.unwrap().equal());
}

#[tokio::test]
async fn a_snapshot_stays_as_it_was_while_the_fold_goes_on() {
    let mut log = small().await;
    let models = log.caught_up().await;
    let before = models.snapshot().unwrap();
    let seen = before.balance(&account("a1"), E).unwrap();
    log.top_up(&account("a1"), time("2026-03-02T00:00:00Z"), E, "5")
        .await;
    log.wait(&models).await;
    assert_eq!(before.balance(&account("a1"), E).unwrap(), seen);
    assert_ne!(
        models
            .snapshot()
            .unwrap()
            .balance(&account("a1"), E)
            .unwrap(),
        seen
    );
}

#[tokio::test]
async fn an_unknown_kind_stops_the_fold_with_position_and_kind_and_keeps_what_came_before() {
    let mut log = small().await;
    let good = log.last.unwrap();
    let bad = log
        .raw(
            "account-a1",
            "moon-landed.v1",
            "{}",
            r#"{"at":"2026-03-02T00:00:00Z","by":"x"}"#,
        )
        .await
        .position;
    log.top_up(&account("a1"), time("2026-03-02T00:00:00Z"), E, "5")
        .await;
    let models = log.start().await;
    let error = models.wait_for(bad, SOON).await.unwrap_err();
    let ReadModelError::Stopped(stopped) = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (stopped.position, stopped.kind.as_str()),
        (bad, "moon-landed.v1")
    );
    assert_eq!(
        models.snapshot().map(|_| ()).unwrap_err().code(),
        "READ_MODEL_STOPPED"
    );
    assert_eq!(models.status().position, Some(good));
}

#[tokio::test]
async fn a_fact_that_contradicts_the_facts_before_it_stops_the_fold() {
    let mut log = small().await;
    let paid = DebtPaid {
        u: W,
        a: money("5"),
        b: month("2026-03"),
        rc: ReceiptNumber::parse("D1").unwrap(),
        pay: pay("bank", "d1", day("2026-03-02")),
    };
    log.fact(
        &account("a1"),
        time("2026-03-02T00:00:00Z"),
        AccountEvent::DebtPaid(paid),
    )
    .await;
    let models = log.start().await;
    let error = models.wait_for(log.last.unwrap(), SOON).await.unwrap_err();
    assert!(
        error.to_string().contains("never agreed") && error.to_string().contains("debt-paid.v1"),
        "{error}"
    );
}

#[tokio::test]
async fn an_account_that_was_never_opened_stops_the_fold() {
    let mut log = Log::new();
    let event = ledger_core::event::Event::Account(consumed(
        &account("a9"),
        time("2026-03-01T00:00:00Z"),
        E,
        qty("1"),
        money("1"),
    ));
    log.other("account-a9", time("2026-03-01T00:00:00Z"), event)
        .await;
    let models = log.start().await;
    let error = models.wait_for(log.last.unwrap(), SOON).await.unwrap_err();
    assert!(
        error.to_string().contains("before it was opened"),
        "{error}"
    );
}

#[tokio::test]
async fn a_checkpoint_of_another_store_epoch_or_schema_or_beyond_the_log_is_refused() {
    for (sql, code) in [
        (
            "UPDATE checkpoint SET store = 'another'",
            "READ_MODEL_OTHER_STORE",
        ),
        ("UPDATE checkpoint SET epoch = 9", "READ_MODEL_OTHER_EPOCH"),
        (
            "UPDATE checkpoint SET commit_position = 900, prepare_position = 900",
            "READ_MODEL_BEYOND_TAIL",
        ),
        (
            "UPDATE projections SET version = 0 WHERE name = 'supply'",
            "READ_MODEL_REBUILD_NEEDED",
        ),
    ] {
        let log = small().await;
        log.caught_up().await.close().await;
        change(&log, sql);
        let error = refused(&log).await;
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("rebuild"), "{error}");
        rebuild(&log.store(), &log.path(), &mut |_| {})
            .await
            .unwrap();
        let models = log.caught_up().await;
        assert_eq!(
            models
                .snapshot()
                .unwrap()
                .accounts(PageOf::first(10))
                .unwrap()
                .items
                .len(),
            3
        );
    }
}

#[tokio::test]
async fn two_that_write_one_file_are_noticed() {
    let mut log = small().await;
    let models = log.caught_up().await;
    change(
        &log,
        "UPDATE checkpoint SET commit_position = 1, prepare_position = 1",
    );
    log.top_up(&account("a1"), time("2026-03-02T00:00:00Z"), E, "5")
        .await;
    let error = models.wait_for(log.last.unwrap(), SOON).await.unwrap_err();
    assert_eq!(error.code(), "READ_MODEL_IN_USE");
}

#[tokio::test]
async fn verify_names_the_accounts_whose_rows_are_not_what_the_log_says() {
    let log = small().await;
    let models = log.caught_up().await;
    assert!(verify(&log.store(), &log.path()).await.unwrap().equal());
    let of_a2 = "account_no = (SELECT account_no FROM accounts WHERE account = 'a2')";
    change(
        &log,
        &format!(
            "UPDATE balances SET credit_rest = credit_rest + 1 WHERE utility = 'e' AND {of_a2}"
        ),
    );
    let report = verify(&log.store(), &log.path()).await.unwrap();
    assert_eq!(report.differing, ["a2"]);
    change(&log, "UPDATE trial_balance SET postings = postings + 1");
    let report = verify(&log.store(), &log.path()).await.unwrap();
    assert_eq!(report.differing, ["(rows of no account)", "a2"]);
    drop(models);
}

#[tokio::test]
async fn what_was_counted_of_locks_and_their_ends_outlives_a_restart() {
    let mut log = small().await;
    for _ in 0..3 {
        for kind in ["transact-begun.v1", "transact-dropped.v1"] {
            log.raw("account-a1", kind, "{}", "").await;
        }
        log.caught_up().await.close().await;
        let report = verify(&log.store(), &log.path()).await.unwrap();
        assert!(report.equal(), "{report:?}");
    }
}

#[tokio::test]
async fn a_rebuild_compares_switches_and_keeps_the_old_file() {
    let log = small().await;
    log.caught_up().await.close().await;
    let mut told = Vec::new();
    let report = rebuild(&log.store(), &log.path(), &mut |progress| {
        told.push(progress);
    })
    .await
    .unwrap();
    assert_eq!((report.position, report.compared_at), (log.last, log.last));
    assert_eq!(told.last().unwrap().position, log.last);
    assert!(log.path().with_extension("db.previous").exists());
    assert!(!log.path().with_extension("db.rebuilding").exists());
    assert!(verify(&log.store(), &log.path()).await.unwrap().equal());
}

#[tokio::test]
async fn a_rebuild_that_differs_stops_and_leaves_the_old_file_in_place() {
    let log = small().await;
    log.caught_up().await.close().await;
    change(
        &log,
        "UPDATE balances SET credit_micro = 1 WHERE utility = 'e'",
    );
    let error = rebuild(&log.store(), &log.path(), &mut |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.code(), "READ_MODEL_DIFFERS");
    assert!(error.to_string().contains("a1, a2, a3"), "{error}");
    let wrong = log
        .caught_up()
        .await
        .snapshot()
        .unwrap()
        .balance(&account("a1"), E)
        .unwrap()
        .unwrap();
    assert_eq!(wrong.credit, money("0.000001"), "nothing was switched");
}

#[tokio::test]
async fn a_live_rebuild_serves_before_during_and_after() {
    let mut log = small().await;
    let models = log.caught_up().await;
    log.top_up(&account("a1"), time("2026-03-02T00:00:00Z"), E, "5")
        .await;
    log.wait(&models).await;
    let asked = models.clone();
    let report = models
        .rebuild(&mut |_| {
            let wallet = asked
                .snapshot()
                .unwrap()
                .balance(&account("a1"), E)
                .unwrap()
                .unwrap();
            assert_eq!(wallet.credit, money("15"));
        })
        .await
        .unwrap();
    assert_eq!(report.position, log.last);
    log.top_up(&account("a1"), time("2026-03-03T00:00:00Z"), E, "5")
        .await;
    log.wait(&models).await;
    let wallet = models
        .snapshot()
        .unwrap()
        .balance(&account("a1"), E)
        .unwrap()
        .unwrap();
    assert_eq!(wallet.credit, money("20"));
    assert!(verify(&log.store(), &log.path()).await.unwrap().equal());
}

#[tokio::test]
async fn all_readers_busy_is_said_and_safe_to_retry() {
    let log = small().await;
    let settings = Settings {
        readers_max: 1,
        ..Settings::at(&log.path())
    };
    let models = ReadModels::start(log.store(), settings).await.unwrap();
    log.wait(&models).await;
    let held = models.snapshot().unwrap();
    let began = Instant::now();
    let error = models.snapshot().map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "READ_MODEL_BUSY");
    assert!(error.safe_to_retry() && began.elapsed() < Duration::from_secs(10));
    drop(held);
    assert!(models.snapshot().is_ok());
}

#[tokio::test]
async fn an_empty_store_has_empty_read_models() {
    let log = Log::new();
    let models = log.start().await;
    assert_eq!(models.status().position, None);
    assert_eq!(log.store.tail().await.unwrap(), None);
    let snapshot = models.snapshot().unwrap();
    assert_eq!(snapshot.totals().unwrap().accounts, 0);
    assert!(snapshot.trial_balance().unwrap().balanced);
    assert_eq!(snapshot.balance(&account("nobody"), E).unwrap(), None);
}

#[tokio::test]
async fn every_question_of_the_readme_is_answered_in_plain_sql() {
    let log = small().await;
    let models = log.caught_up().await;
    let conn = rusqlite::Connection::open(log.path()).unwrap();
    let readme = include_str!("../README.md");
    let questions: Vec<&str> = readme
        .split("```sql")
        .skip(1)
        .filter_map(|part| part.split("```").next())
        .collect();
    assert!(questions.len() >= 6, "{}", questions.len());
    let mut rows = 0;
    for sql in questions {
        let mut statement = conn.prepare(sql).unwrap();
        let mut found = statement.query([]).unwrap();
        while found.next().unwrap().is_some() {
            rows += 1;
        }
    }
    assert!(rows > 3, "{rows}");
    drop(models);
}
