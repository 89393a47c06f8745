//! What stops in between: NATS away, a crash between record and acknowledgement, a stream that is new
//! or has lost messages. Nothing is lost, nothing is charged or counted twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use event_store::memory::Fault;
use ledger_core::utility::Utility;

use crate::world::*;

/// Readings of one meter, an hour apart, 1 kWh each.
async fn send_hours(world: &World, hours: std::ops::RangeInclusive<i64>) -> u64 {
    let mut last = 0;
    for h in hours {
        last = world
            .send("electricity", reading("E100", hour(h), &h.to_string()))
            .await;
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_is_killed_and_comes_back_and_every_reading_is_charged_once() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let last = send_hours(&world, 1..=40).await;
    until_recorded(&gateway, last).await;
    send_hours(&world, 41..=60).await;
    world.nats.kill();
    tokio::time::sleep(Duration::from_secs(5)).await;
    until("the gateway has noticed", || async {
        !gateway.stats().consuming
    })
    .await;
    world.nats.resume().unwrap();
    let last = send_hours(&world, 61..=100).await;
    until_recorded(&gateway, last).await;

    let (e, _, bad) = world.counted().await;
    assert_eq!(
        (e.acc, e.total(), bad),
        (100, 100, 0),
        "{:?}",
        gateway.stats()
    );
    assert_eq!(world.balance("a1", Utility::Electricity).await, money("-1"));
    assert!(gateway.stats().sessions >= 2);
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_starts_before_nats_waits_for_it() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    world.nats.kill();
    let gateway = world.gateway().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.nats.resume().unwrap();
    let last = send_hours(&world, 1..=3).await;
    until_recorded(&gateway, last).await;
    assert_eq!(world.counted().await.0.acc, 3);
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_a_crash_between_the_charge_and_its_record_counts_the_redelivery_once() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let last = send_hours(&world, 1..=5).await;
    until_recorded(&gateway, last).await;
    // From here on the record of a delivery never gets through.
    let attempts = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&attempts);
    world.store.set_fault_hook(Some(Arc::new(move |commit| {
        if commit
            .appends
            .iter()
            .any(|append| append.stream.as_str().starts_with("gateway-"))
        {
            seen.fetch_add(1, Ordering::SeqCst);
            return Fault::InDoubtBeforeCommit;
        }
        Fault::None
    })));
    let last = send_hours(&world, 6..=10).await;
    until("a reading is charged and its record is tried", || async {
        world.count("consumption-charged.v1").await > 5 && attempts.load(Ordering::SeqCst) > 0
    })
    .await;
    drop(gateway);
    world.store.set_fault_hook(None);
    let before = world.count("readings-received.v1").await;
    world.start_again().await;

    let gateway = world.gateway().await;
    until_recorded(&gateway, last).await;
    let (e, _, _) = world.counted().await;
    assert_eq!(
        (e.acc, e.total()),
        (10, 10),
        "charged once and counted once, as charged"
    );
    assert_eq!(world.count("consumption-charged.v1").await, 10);
    assert!(world.count("readings-received.v1").await > before);
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_late_delays_the_readings_and_loses_none() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let left = Arc::new(AtomicUsize::new(25));
    world.store.set_fault_hook(Some(Arc::new(move |_| {
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
            Ok(n) if n % 2 == 0 => Fault::InDoubtAfterCommit,
            Ok(_) => Fault::InDoubtBeforeCommit,
            Err(_) => Fault::None,
        }
    })));
    let last = send_hours(&world, 1..=30).await;
    until_recorded(&gateway, last).await;
    let (e, _, _) = world.counted().await;
    assert_eq!((e.acc, e.total()), (30, 30));
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_made_anew_starts_its_sequences_anew_and_its_readings_are_charged() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let last = send_hours(&world, 1..=5).await;
    until_recorded(&gateway, last).await;
    world.js.delete_stream("METER_READINGS").await.unwrap();
    until("the gateway makes the stream again", || async {
        world.js.get_stream("METER_READINGS").await.is_ok()
    })
    .await;
    let last = send_hours(&world, 6..=8).await;
    assert_eq!(last, 3);
    until("all are charged", || async {
        world.counted().await.0.acc == 8
    })
    .await;
    assert_eq!(world.counted().await.0.total(), 8);
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_its_newest_messages_and_reuses_their_sequences_loses_no_new_reading() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let last = send_hours(&world, 1..=5).await;
    until_recorded(&gateway, last).await;
    // The files as they are now come back after more was stored: what a power cut does without a sync.
    world.nats.kill();
    let copy = world.nats.copy_files().unwrap();
    world.nats.resume().unwrap();
    let last = send_hours(&world, 6..=10).await;
    until_recorded(&gateway, last).await;
    world.nats.kill();
    world.nats.restore_files(&copy).unwrap();
    world.nats.resume().unwrap();
    let last = send_hours(&world, 11..=17).await;
    assert_eq!(last, 12, "sequences 6 to 10 are used again");
    until("the new readings are charged", || async {
        world.counted().await.0.acc == 17
    })
    .await;
    let (e, _, _) = world.counted().await;
    assert_eq!((e.acc, e.total()), (17, 17));
    assert_eq!(
        world.balance("a1", Utility::Electricity).await,
        money("-0.17")
    );
    gateway.stop().await.unwrap();
}
