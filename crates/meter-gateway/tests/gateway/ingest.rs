//! Readings in: charged, told apart, refused with a reason, never lost.

use ledger_core::event::ReadingCounts;
use ledger_core::time::{Timestamp, Zone};
use ledger_core::utility::Utility;
use meter_gateway::dead_letters::DeadLetters;

use crate::world::*;

fn electricity(acc: u64) -> ReadingCounts {
    ReadingCounts {
        acc,
        ..ReadingCounts::none(Utility::Electricity)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_readings_one_by_one_and_in_batches_are_charged_and_acknowledged() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    world.meter("a2", "W200").await;
    let gateway = world.gateway().await;
    world
        .send("electricity", reading("E100", hour(1), "100"))
        .await;
    let batch = [
        reading("E100", hour(2), "150"),
        reading("E200", hour(1), "10"),
    ]
    .join(",");
    world
        .send("electricity", format!(r#"{{"readings":[{batch}]}}"#))
        .await;
    let last = world
        .send("water", format!("[{}]", reading("W200", hour(24), "2")))
        .await;
    until_recorded(&gateway, last).await;

    assert_eq!(
        world.balance("a1", Utility::Electricity).await,
        money("-1.5")
    );
    assert_eq!(
        world.balance("a2", Utility::Electricity).await,
        money("-0.1")
    );
    assert_eq!(world.balance("a2", Utility::Water).await, money("-0.22"));
    let (e, w, bad) = world.counted().await;
    assert_eq!((e, w.acc, bad), (electricity(3), 1, 0));
    let stream = world.js.get_stream("METER_READINGS").await.unwrap();
    until("everything is acknowledged", || async {
        let info = stream.consumer_info("ledger-all").await.unwrap();
        info.ack_floor.stream_sequence == last && info.num_ack_pending == 0
    })
    .await;
    let stats = gateway.stats();
    assert_eq!(
        (stats.messages, stats.readings, stats.waiting_in_stream),
        (3, 4, 0)
    );
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_repeats_conflicts_late_and_future_readings_are_told_apart_and_counted() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let first = reading("E100", hour(2), "20");
    world.send("electricity", first.clone()).await;
    // The same again in another message, and twice within one.
    world.send("electricity", format!("[{first}]")).await;
    world
        .send(
            "electricity",
            format!("[{0},{0}]", reading("E100", hour(3), "30")),
        )
        .await;
    world
        .send("electricity", reading("E100", hour(3), "31"))
        .await;
    let sequence = world
        .send("electricity", reading("E100", hour(5), "50"))
        .await;
    until_recorded(&gateway, sequence).await;
    world
        .send("electricity", reading("E100", hour(4), "40"))
        .await;
    world
        .send("electricity", reading("E100", hour(6), "9000"))
        .await;
    let last = world
        .send("electricity", reading("E100", hour(24 * 31), "60"))
        .await;
    until_recorded(&gateway, last).await;

    let (e, _, bad) = world.counted().await;
    let expected = ReadingCounts {
        acc: 3,
        dup: 2,
        con: 1,
        late: 1,
        quar: 1,
        refu: 1,
        u: Utility::Electricity,
    };
    assert_eq!((e, bad), (expected, 0));
    assert_eq!(
        world.balance("a1", Utility::Electricity).await,
        money("-0.5")
    );
    let letters = world.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason, "reading-from-future");
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_is_a_dead_letter_with_its_reason_and_its_neighbours_are_charged() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let good = reading("E100", hour(1), "10");
    let fine = reading("E100", hour(2), "0.1234567");
    let stranger = reading("E999", hour(1), "10");
    world
        .send(
            "electricity",
            format!(r#"{{"readings":[{fine},{good},{stranger}]}}"#),
        )
        .await;
    world.send("electricity", "not a reading").await;
    world.send("gas", good).await;
    let last = world.send("water", stranger.clone()).await;
    until_recorded(&gateway, last).await;

    let (e, w, bad) = world.counted().await;
    assert_eq!(
        (e.acc, e.refu, w.refu, bad),
        (1, 1, 1, 3),
        "an unknown meter counts under the subject's utility"
    );
    let mut letters = world.dead_letters().await;
    letters.sort_by_key(|l| (l.source_sequence, l.reason.clone()));
    let told: Vec<(u64, &str)> = letters
        .iter()
        .map(|l| (l.source_sequence, l.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, "unknown-meter"),
            (1, "value-too-fine"),
            (2, "not-json"),
            (3, "bad-subject"),
            (4, "unknown-meter")
        ]
    );
    assert_eq!(
        letters[1].payload,
        fine.as_bytes(),
        "one reading of a batch is its own dead letter"
    );
    assert_eq!(letters[1].field.as_deref(), Some("value"));
    assert!(
        letters[1].explanation.contains("at most 6"),
        "{}",
        letters[1].explanation
    );
    assert_eq!(letters[0].source_subject, "meter.readings.electricity.he1");
    assert_eq!(letters[4].payload, stranger.as_bytes());
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_replayed_once_and_then_charged() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let last = world
        .send("electricity", reading("E200", hour(1), "10"))
        .await;
    until_recorded(&gateway, last).await;
    let letters = DeadLetters::open(&world.connection()).await.unwrap();
    let listed = letters.list(0, 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].replayed), (1, false));

    world.household("a2", "E200").await;
    let sent = letters.replay(listed[0].sequence, false).await.unwrap();
    assert_eq!(sent, last + 1);
    until_recorded(&gateway, sent).await;
    assert_eq!(
        world.balance("a2", Utility::Electricity).await,
        money("-0.1")
    );
    assert!(letters.list(0, 10).await.unwrap()[0].replayed);
    let again = letters.replay(listed[0].sequence, false).await.unwrap_err();
    assert_eq!(again.code(), "NOT_REPLAYABLE");
    let (mark, missing) = (listed[0].sequence + 1, listed[0].sequence + 2);
    for no in [mark, missing] {
        assert_eq!(
            letters.replay(no, false).await.unwrap_err().code(),
            "NOT_REPLAYABLE"
        );
    }
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_messages_that_crossed_within_a_batch_are_charged_and_not_merely_kept() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    world.readings_stream().await;
    world
        .send("electricity", reading("E100", hour(3), "30"))
        .await;
    world
        .send(
            "electricity",
            format!(
                "[{},{}]",
                reading("E100", hour(1), "10"),
                reading("E200", hour(1), "5")
            ),
        )
        .await;
    let last = world
        .send("electricity", reading("E100", hour(2), "20"))
        .await;
    let gateway = world.gateway().await;
    until_recorded(&gateway, last).await;
    assert_eq!(gateway.stats().batches, 1, "what waited is one batch");
    assert_eq!(world.counted().await.0, electricity(4));
    assert_eq!(world.count("consumption-charged.v1").await, 4);
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused_while_the_first_consumes_and_let_in_after_it() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let first = world.gateway().await;
    until("the first consumes", || async { first.stats().consuming }).await;
    let mut second = world.gateway().await;
    let refused = second.ended().await.unwrap_err();
    assert_eq!(refused.code(), "READINGS_OWNED_BY_ANOTHER", "{refused}");
    assert!(
        refused.to_string().contains("stop that process"),
        "{refused}"
    );

    first.stop().await.unwrap();
    let third = world.gateway().await;
    let last = world
        .send("electricity", reading("E100", hour(1), "10"))
        .await;
    until_recorded(&third, last).await;
    assert_eq!(world.counted().await.0, electricity(1));
    third.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_share_the_readings_by_subject() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.meter("a1", "W100").await;
    let mut config = world.config();
    (config.partition, config.filter) = ("water".to_owned(), "meter.readings.water.*".to_owned());
    let water = world.gateway_with(config.clone()).await;
    (config.partition, config.filter) = (
        "power".to_owned(),
        "meter.readings.electricity.*".to_owned(),
    );
    config.outbox = false;
    let power = world.gateway_with(config).await;
    let e = world
        .send("electricity", reading("E100", hour(1), "10"))
        .await;
    let w = world.send("water", reading("W100", hour(24), "1")).await;
    until_recorded(&power, e).await;
    until_recorded(&water, w).await;
    let (electric, wet, _) = world.counted().await;
    assert_eq!((electric.acc, wet.acc), (1, 1));
    assert_eq!((power.stats().readings, water.stats().readings), (1, 1));
    power.stop().await.unwrap();
    water.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_a_local_time_shown_twice_is_the_second_when_the_meter_was_read_at_the_first() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    let mut config = world.config();
    config.zone = Zone::named("Europe/Berlin").unwrap();
    let gateway = world.gateway_with(config).await;
    let at = |text: &str| Timestamp::parse(text).unwrap();
    // Clocks went back at 01:00 UTC: 02:30 was 00:30 UTC, and an hour later 01:30 UTC.
    let local = |meter: &str, value: u32| {
        format!(r#"{{"meter":"{meter}","read_at":"2026-10-25T02:30:00","value":"{value}"}}"#)
    };
    let received = at("2026-10-25T12:00:00Z");
    let first = world
        .send_received("electricity", local("E100", 10), received)
        .await;
    until_recorded(&gateway, first).await;
    world
        .send_received("electricity", local("E100", 11), received)
        .await;
    let both = format!("[{},{}]", local("E200", 5), local("E200", 6));
    let last = world.send_received("electricity", both, received).await;
    until_recorded(&gateway, last).await;

    let mut charged: Vec<(String, String)> = Vec::new();
    for event in world.events().await {
        if event.kind.as_ref() == "consumption-charged.v1" {
            let told: serde_json::Value = serde_json::from_slice(&event.data).unwrap();
            charged.push((
                told["m"].as_str().unwrap().into(),
                told["t"].as_str().unwrap().into(),
            ));
        }
    }
    charged.sort();
    let (one, two) = ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z");
    let expected = [("E100", one), ("E100", two), ("E200", one), ("E200", two)];
    assert_eq!(charged, expected.map(|(m, t)| (m.to_owned(), t.to_owned())));
    gateway.stop().await.unwrap();
}
