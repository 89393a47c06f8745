//! The clock and the quotes: what is due acts without a command's help, and nothing changes by asking.

use crate::world::*;
use event_store::EventStore;
use futures::future::{BoxFuture, FutureExt};
use ledger_core::command::{Command, Source};
use ledger_core::ids::AccountId;
use ledger_core::time::Timestamp;
use ledger_service::clock::round;
use ledger_service::{Ask, ClockConfig, DueSource, QuotePart, QuoteRequest, Target};

struct Due(Vec<AccountId>);

impl DueSource for Due {
    fn due_before(
        &self,
        _: Timestamp,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<AccountId>, String>> {
        let due = self.0.iter().take(max).cloned().collect();
        async move { Ok(due) }.boxed()
    }
}

async fn activated(world: &World) {
    world.household("a1", "E100").await;
    let activate = Command::ActivateMeter {
        meter: meter("E100"),
    };
    world
        .done(staff("office/act", "a1", activate, start()))
        .await;
}

#[tokio::test]
async fn c6_a_deadline_acts_as_of_its_due_time_however_late_the_clock_comes() {
    let mut streams = Vec::new();
    for (late, clock) in [(73, true), (500, true), (500, false)] {
        let world = World::new().await;
        activated(&world).await;
        let due = Due(vec![account("a1")]);
        if clock {
            world.ledger.time().stamp(Some(hour(late))).unwrap();
            let done = round(&world.ledger, &due, &ClockConfig::default())
                .await
                .unwrap();
            assert_eq!((done.ticked, done.failed), (1, 0));
        } else {
            world
                .deliver_at(
                    1,
                    hour(late),
                    vec![reading("E999", hour(1), "1"), reading("E100", hour(0), "0")],
                )
                .await;
        }
        let events = world.events().await;
        let cut = events
            .iter()
            .find(|event| event.kind.as_ref() == "supply-disconnection-ordered.v1")
            .unwrap();
        assert!(String::from_utf8_lossy(&cut.meta).contains(&format!("\"at\":\"{}\"", hour(72))));
        streams.push((cut.id, cut.data.clone(), cut.meta.clone()));
    }
    assert!(streams.iter().all(|cut| *cut == streams[0]), "{streams:?}");
}

#[tokio::test]
async fn c6_a_tick_with_nothing_due_writes_nothing() {
    let world = World::new().await;
    activated(&world).await;
    let before = world.store.len();
    let config = ClockConfig::default();
    for _ in 0..3 {
        round(
            &world.ledger,
            &Due(vec![account("a1"), account("nobody")]),
            &config,
        )
        .await
        .unwrap();
    }
    assert_eq!(world.store.len(), before);
}

#[tokio::test]
async fn c13_a_payment_is_explained_to_the_cent_and_nothing_is_recorded() {
    let world = World::new().await;
    activated(&world).await;
    world.deliver(1, vec![reading("E100", hour(1), "90")]).await;
    let before = world.store.tail().await.unwrap();
    let quote = |ask: Ask, target: Target| {
        let request = QuoteRequest {
            target,
            ask,
            received_at: hour(2),
        };
        world.ledger.quote(request)
    };
    let top_up = |amount: &str| Ask::TopUp {
        amount: money(amount),
        source: Source::Taken,
    };
    let e100 = || Target::Meter("E100".to_owned());
    let quoted = quote(top_up("10"), e100()).await.unwrap().unwrap();
    let lines: Vec<_> = quoted
        .lines
        .iter()
        .map(|line| (line.what, line.amount))
        .collect();
    assert_eq!(
        lines,
        [
            (QuotePart::OwedCredit, money("0.9")),
            (QuotePart::Credit, money("9.1"))
        ]
    );
    assert_eq!(quoted.balance, money("9.1"));
    let refused = quote(top_up("1"), e100()).await.unwrap().unwrap_err();
    assert_eq!(refused.code(), "TOP_UP_BELOW_MINIMUM");
    let unknown = quote(top_up("10"), Target::Meter("E999".to_owned()))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(unknown.code(), "UNKNOWN_METER");
    assert_eq!(world.store.tail().await.unwrap(), before);

    world.done(agree_debt("a1", "90", "30", "2026-03")).await;
    let pay = Ask::PayDebt {
        amount: money("50"),
        source: Source::NotTaken,
    };
    let quoted = quote(pay, Target::Account(account("a1")))
        .await
        .unwrap()
        .unwrap();
    let lines: Vec<_> = quoted
        .lines
        .iter()
        .map(|line| (line.what, line.amount))
        .collect();
    assert_eq!(
        lines,
        [
            (QuotePart::InstalmentDue, money("30")),
            (QuotePart::DebtAhead, money("20"))
        ]
    );
    assert_eq!(quoted.balance, money("40"));
}
