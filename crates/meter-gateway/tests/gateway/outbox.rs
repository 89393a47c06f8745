//! Out: each notification and order exactly once, and the meters' answers.

use meter_gateway::GatewayHandle;

use crate::world::*;

fn kinds(messages: &[(String, serde_json::Value)]) -> Vec<&str> {
    messages
        .iter()
        .map(|(subject, _)| subject.as_str())
        .collect()
}

async fn until_published(world: &World, stream: &str, count: usize) {
    until(&format!("{count} messages in {stream}"), || async {
        world.messages(stream).await.len() >= count
    })
    .await;
}

/// Uses up credit: 700 kWh cost 6 for the first 600 and 8 for the rest.
async fn use_up(world: &World, gateway: &GatewayHandle) {
    world
        .send("electricity", reading("E100", hour(80), "400"))
        .await;
    let last = world
        .send("electricity", reading("E100", hour(90), "700"))
        .await;
    until_recorded(gateway, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u5_a_notice_goes_out_once_when_credit_falls_to_five() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.top_up("t1", "E100", "10", hour(1)).await;
    let gateway = world.gateway().await;
    for (h, value) in [(10, "400"), (11, "500"), (12, "550")] {
        let last = world
            .send("electricity", reading("E100", hour(h), value))
            .await;
        until_recorded(&gateway, last).await;
    }
    until_published(&world, "NOTIFICATIONS", 2).await;
    gateway.stop().await.unwrap();
    let notices = world.messages("NOTIFICATIONS").await;
    assert_eq!(kinds(&notices), ["notify.receipt", "notify.low-credit"]);
    assert_eq!(notices[0].1["amount"], "10");
    assert_eq!(notices[0].1["meter"], "E100");
    assert_eq!(
        notices[0].1["by"],
        serde_json::json!(["sms", "e-mail"]),
        "u4: purchase details go by both"
    );
    assert_eq!(notices[1].1["account"], "a1");
    assert_eq!(notices[1].1["utility"], "electricity");
    assert_eq!(notices[1].1["credit"], "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_notifications_and_orders_appear_once_across_restarts_and_crashes() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    world.top_up("t1", "E100", "10", hour(1)).await;
    let gateway = world.gateway().await;
    use_up(&world, &gateway).await;
    until_published(&world, "METER_ORDERS", 1).await;
    until_published(&world, "NOTIFICATIONS", 3).await;
    drop(gateway);
    world.start_again().await;
    let gateway = world.gateway().await;
    world.top_up("t2", "E100", "20", hour(100)).await;
    until_published(&world, "NOTIFICATIONS", 5).await;
    world.nats.kill();
    world.top_up("t3", "E100", "30", hour(101)).await;
    world.nats.resume().unwrap();
    until_published(&world, "NOTIFICATIONS", 6).await;
    gateway.stop().await.unwrap();
    let gateway = world.gateway().await;
    world.top_up("t4", "E100", "40", hour(102)).await;
    until_published(&world, "NOTIFICATIONS", 7).await;
    gateway.stop().await.unwrap();

    let notices = world.messages("NOTIFICATIONS").await;
    let ids: std::collections::BTreeSet<String> = notices
        .iter()
        .map(|(subject, m)| format!("{subject} {}", m["id"]))
        .collect();
    assert_eq!(ids.len(), notices.len(), "no two are the same");
    let receipts: Vec<&str> = notices
        .iter()
        .filter(|(s, _)| s == "notify.receipt")
        .map(|(_, m)| m["reference"].as_str().unwrap())
        .collect();
    assert_eq!(receipts, ["t1", "t2", "t3", "t4"]);
    let disconnected = notices
        .iter()
        .filter(|(s, _)| s == "notify.disconnected")
        .count();
    let reconnected = notices
        .iter()
        .filter(|(s, _)| s == "notify.reconnected")
        .count();
    assert_eq!(
        (disconnected, reconnected, notices.len()),
        (1, 1, 7),
        "{:?}",
        kinds(&notices)
    );
    let orders = world.messages("METER_ORDERS").await;
    assert_eq!(
        kinds(&orders),
        ["meter.orders.E100"],
        "the newest order of a meter is kept"
    );
    assert_eq!(orders[0].1["action"], "reconnect");
    assert_eq!(orders[0].1["order"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_of_two_processes_that_publish_one_is_stopped_and_nothing_appears_twice() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let mut config = world.config();
    config.partition = "one".to_owned();
    let mut first = world.gateway_with(config.clone()).await;
    config.partition = "two".to_owned();
    let mut second = world.gateway_with(config).await;
    for n in 0..40 {
        world.top_up(&format!("t{n}"), "E100", "10", hour(1)).await;
    }
    let error = tokio::select! {
        ended = first.ended() => ended.unwrap_err(),
        ended = second.ended() => ended.unwrap_err(),
    };
    assert_eq!(error.code(), "OUTBOX_OWNED_BY_ANOTHER", "{error}");
    until_published(&world, "NOTIFICATIONS", 40).await;
    let references: std::collections::BTreeSet<String> = world
        .messages("NOTIFICATIONS")
        .await
        .iter()
        .map(|(_, m)| m["reference"].to_string())
        .collect();
    assert_eq!(references.len(), 40);
    assert_eq!(world.messages("NOTIFICATIONS").await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_refuses_a_stream_of_another_log_or_one_that_was_emptied() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    world.top_up("t1", "E100", "10", hour(1)).await;
    let gateway = world.gateway().await;
    until_published(&world, "NOTIFICATIONS", 1).await;
    gateway.stop().await.unwrap();
    let stream = world.js.get_stream("NOTIFICATIONS").await.unwrap();
    stream.purge().await.unwrap();
    let mut gateway = world.gateway().await;
    let error = gateway.ended().await.unwrap_err();
    assert_eq!(error.code(), "OUTBOX_CHECKPOINT_UNUSABLE", "{error}");

    // A person says where to go on; from then on the stream says it again.
    let mut config = world.config();
    config.outbox_continue_after = event_store::EventStore::tail(&world.store).await.unwrap();
    let gateway = world.gateway_with(config).await;
    world.top_up("t2", "E100", "20", hour(2)).await;
    until_published(&world, "NOTIFICATIONS", 1).await;
    gateway.stop().await.unwrap();
    assert_eq!(
        world.messages("NOTIFICATIONS").await[0].1["reference"],
        "t2"
    );

    world.store = event_store::MemoryStore::new();
    world.start_again().await;
    let mut gateway = world.gateway().await;
    let error = gateway.ended().await.unwrap_err();
    assert_eq!(error.code(), "OUTBOX_CHECKPOINT_UNUSABLE", "{error}");
    assert!(error.to_string().contains("made from log"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_without_a_message_are_bridged_by_a_checkpoint_that_replaces_the_one_before() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let gateway = world.gateway().await;
    let mut last = 0;
    for batch in 0..25 {
        let many: Vec<String> = (0..2_000)
            .map(|n| {
                reading(
                    "E100",
                    hour(0) + ledger_core::time::Millis::seconds(batch * 2_000 + n + 1),
                    "0",
                )
            })
            .collect();
        last = world
            .send_received("electricity", format!("[{}]", many.join(",")), hour(20))
            .await;
    }
    until_recorded(&gateway, last).await;
    until("a checkpoint is written", || async {
        kinds(&world.messages("NOTIFICATIONS").await) == ["ledger.outbox.notifications"]
            && kinds(&world.messages("METER_ORDERS").await) == ["ledger.outbox.orders"]
            && world
                .js
                .get_stream("NOTIFICATIONS")
                .await
                .unwrap()
                .cached_info()
                .state
                .last_sequence
                == 2
    })
    .await;
    world.top_up("t1", "E100", "10", hour(1)).await;
    until_published(&world, "NOTIFICATIONS", 2).await;
    gateway.stop().await.unwrap();
    assert_eq!(
        kinds(&world.messages("NOTIFICATIONS").await),
        ["ledger.outbox.notifications", "notify.receipt"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_a_meter_confirms_its_order_and_a_stale_answer_is_a_dead_letter() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.top_up("t1", "E100", "10", hour(1)).await;
    let gateway = world.gateway().await;
    use_up(&world, &gateway).await;
    until_published(&world, "METER_ORDERS", 1).await;
    let order = world.messages("METER_ORDERS").await.remove(0).1;
    assert_eq!(
        (&order["action"], &order["order"]),
        (&"disconnect".into(), &1.into())
    );
    let answer = |meter: &str, order: u64| {
        format!(
            r#"{{"meter":"{meter}","order":{order},"at":"{}"}}"#,
            hour(90)
        )
    };
    for (payload, reason) in [
        (answer("E100", 7), Some("order-superseded")),
        (answer("E999", 1), Some("unknown-meter")),
        ("{}".to_owned(), Some("bad-order-ack")),
        (answer("E100", 1), None),
        (answer("E100", 1), None),
    ] {
        let before = world.dead_letters().await.len();
        let taken = gateway.stats().order_acks;
        world
            .js
            .publish("meter.order-acks.he1", payload.clone().into())
            .await
            .unwrap()
            .await
            .unwrap();
        match reason {
            Some(reason) => {
                until(&format!("{payload} is rejected"), || async {
                    world.dead_letters().await.len() > before
                })
                .await;
                assert_eq!(world.dead_letters().await[before].reason, reason);
            }
            None => {
                until("it is taken", || async {
                    gateway.stats().order_acks > taken
                })
                .await;
            }
        }
    }
    assert_eq!(world.count("meter-order-confirmed.v1").await, 1);
    gateway.stop().await.unwrap();
}
