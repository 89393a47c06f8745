//! Standing properties over random histories: what was folded live, in pieces, across restarts, is what
//! the log gives when folded at once; and both say what the core's own accounts say.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod author;
#[path = "../common/mod.rs"]
mod common;

use author::{Author, Step};
use common::*;
use ledger_core::account::{Account, Lifecycle, Supply};
use ledger_core::debt::DebtPlan;
use ledger_core::event::*;
use ledger_core::ids::*;
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility;
use projections::queries::{Book, DueKind, PageOf, Snapshot, StatementRange};
use projections::{SchemeFacts, verify};
use proptest::prelude::*;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..3_u8, 0..24_u8, 1..500_000_u32, 0..3_000_u16), 20..160)
}

/// What the read model says of an account is what the core's account says.
fn agree(snapshot: &Snapshot, author: &Author, policy: &SchemePolicy) {
    for (id, state) in &author.log.accounts {
        let wallets = snapshot.balances(id).unwrap();
        for wallet in state.wallets() {
            let row = wallets
                .iter()
                .find(|w| w.utility == wallet.utility)
                .unwrap();
            assert_eq!(row.credit, wallet.balance, "{id} {}", wallet.utility);
            assert_eq!(
                row.turn_from, wallet.negative_since,
                "{id} {}",
                wallet.utility
            );
            assert_eq!(
                row.first_top_up_at.is_some(),
                wallet.first_top_up,
                "{id} {}",
                wallet.utility
            );
            let supply = snapshot.supply(id).unwrap();
            let supply = supply.iter().find(|s| s.utility == wallet.utility).unwrap();
            assert_eq!(supply.on, wallet.supply == Supply::On, "{id}");
            assert_eq!(supply.unconfirmed, wallet.open_order.is_some(), "{id}");
            assert_eq!(supply.order, wallet.orders, "{id}");
            let range = StatementRange {
                book: Some(Book::of(wallet.utility)),
                ..Default::default()
            };
            let lines = snapshot
                .statement(id, range, PageOf::first(1_000))
                .unwrap()
                .items;
            assert_eq!(
                lines.last().map_or(Money::ZERO, |l| l.balance),
                wallet.balance,
                "{id}"
            );
            assert_eq!(
                lines.iter().map(|l| l.amount).sum::<Money>(),
                wallet.balance,
                "{id}"
            );
        }
        let debt = snapshot.debt(id, local(author.now).month()).unwrap();
        assert_eq!(
            debt.as_ref().map(|d| d.balance),
            state.debt().map(DebtPlan::balance),
            "{id}"
        );
        assert_eq!(
            debt.map(|d| d.due),
            state.debt().map(|d| d.due(local(author.now).month())),
            "{id}"
        );
        nothing_due_is_missed(snapshot, author, state, policy);
    }
}

/// The account's own next deadline, where it would do something, is among what is due then.
fn nothing_due_is_missed(
    snapshot: &Snapshot,
    author: &Author,
    state: &Account,
    policy: &SchemePolicy,
) {
    let newest = state.newest_at();
    let acted = author.newest_deadline.get(state.id()) == Some(&newest);
    let after = if acted { newest } else { newest.just_before() };
    let Some(at) = state.next_due(policy, after) else {
        return;
    };
    let due = snapshot
        .due_before(at, 1_000, &|_| SchemeFacts::of(policy))
        .unwrap();
    let named = |kind| {
        due.iter()
            .any(|d| d.account == *state.id() && d.kind == kind && d.at <= at)
    };
    let ends = state
        .wallets()
        .iter()
        .filter(|w| w.grace_until == Some(at))
        .collect::<Vec<_>>();
    for wallet in &ends {
        if wallet.supply == Supply::On && !wallet.first_top_up {
            assert!(
                named(DueKind::FirstTopUp),
                "{} at {at}: {due:?}",
                state.id()
            );
        }
        if wallet.supply == Supply::On && !wallet.balance.is_positive() && wallet.utility == E {
            assert!(named(DueKind::NoCredit), "{} at {at}: {due:?}", state.id());
        }
    }
    if ends.is_empty() {
        assert!(named(DueKind::Transfer), "{} at {at}: {due:?}", state.id());
    }
}

/// Plain SQL over the two integers of each amount gives the exact sums.
fn sql_sums_are_exact(author: &Author) {
    let conn = rusqlite::Connection::open(author.log.path()).unwrap();
    let sum = |sql: &str| -> Money {
        conn.query_row(sql, [], |row| {
            Ok(Money::from_parts(row.get(0)?, row.get(1)?))
        })
        .unwrap()
    };
    let credit: Money = author
        .log
        .accounts
        .values()
        .flat_map(Account::wallets)
        .map(|w| w.balance)
        .sum();
    assert_eq!(
        sum("SELECT ifnull(sum(credit_micro), 0), ifnull(sum(credit_rest), 0) FROM balances"),
        credit
    );
    let lines = "SELECT ifnull(sum(amount_micro), 0), ifnull(sum(amount_rest), 0) FROM statement_lines WHERE book <> 'debt'";
    assert_eq!(sum(lines), credit);
    let days = sum(
        "SELECT ifnull(sum(charge_micro), 0), ifnull(sum(charge_rest), 0) FROM consumption_daily",
    );
    let months = sum(
        "SELECT ifnull(sum(charge_micro), 0), ifnull(sum(charge_rest), 0) FROM consumption_monthly",
    );
    assert_eq!(days, months);
}

async fn live_is_rebuilt(steps: Vec<Step>) {
    let policy = SchemePolicy::builtin("usms").unwrap();
    let mut author = Author::new();
    let third = steps.len() / 3;
    // Followed live, a step at a time.
    let models = author.log.start().await;
    for (n, step) in steps[..third].iter().enumerate() {
        author.step(*step).await;
        if n % 7 == 0 {
            author.log.wait(&models).await;
        }
    }
    models.close().await;
    drop(models);
    // Written while nobody followed, caught up in one piece, closed again.
    for step in &steps[third..2 * third] {
        author.step(*step).await;
    }
    author.log.caught_up().await.close().await;
    let models = author.log.caught_up().await;
    for step in &steps[2 * third..] {
        author.step(*step).await;
        author.log.wait(&models).await;
    }
    let snapshot = models.snapshot().unwrap();
    agree(&snapshot, &author, &policy);
    assert!(snapshot.trial_balance().unwrap().balanced);
    for control in snapshot.control_accounts().unwrap() {
        assert!(control.ties(), "{control:?}");
    }
    drop(snapshot);
    sql_sums_are_exact(&author);
    let report = verify(&author.log.store(), &author.log.path())
        .await
        .unwrap();
    assert!(report.equal(), "{report:?}");
    assert_eq!(u128::from(report.events), author.log.written);
    assert_eq!(report.accounts, author.log.accounts.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn c1_what_is_folded_live_across_restarts_is_what_the_log_gives_at_once(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(live_is_rebuilt(steps));
    }
}
