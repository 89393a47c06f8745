//! C12: versions of a scheme on record: published once, in force by time, also after a restart.

use ledger_core::answer::Answer;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use ledger_service::PublishRequest;

use crate::world::*;

/// The scheme of these tests as another version: from an instant on, with another least top-up and price.
fn version(version: u32, from: Timestamp, minimum: &str, price: &str) -> String {
    let text = SchemePolicy::builtin_text("usms").unwrap();
    text.replacen("zone = ", "void_window_hours = 24\nzone = ", 1)
        .replacen("version = 1", &format!("version = {version}"), 1)
        .replacen(
            "effective_from = \"2000-01-01T00:00:00+08:00\"",
            &format!("effective_from = \"{from}\""),
            1,
        )
        .replacen("minimum = \"2.00\"", &format!("minimum = \"{minimum}\""), 1)
        .replacen("price = \"0.01\"", &format!("price = \"{price}\""), 1)
}

async fn publish(
    world: &World,
    reference: &str,
    text: String,
    priced: Option<Timestamp>,
) -> Answer {
    let request = PublishRequest {
        key: key(reference),
        actor: actor("operator"),
        received_at: start(),
        text,
    };
    world
        .ledger
        .publish_scheme(request, priced)
        .await
        .unwrap()
        .answer
}

fn version_of(answer: &Answer) -> u32 {
    match answer {
        Answer::Published(published) => published.version,
        other => panic!("not published: {other:?}"),
    }
}

#[tokio::test]
async fn c12_a_published_version_holds_from_its_first_instant_on_also_after_a_restart() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    let text = version(2, hour(14), "5.00", "0.02");
    assert_eq!(
        version_of(&publish(&world, "office/p1", text, Some(start())).await),
        2
    );
    for round in ["before", "after"] {
        let early = top_up(&format!("bank/early-{round}"), "E100", "2");
        world.receipt(early).await;
        let mut late = top_up(&format!("bank/late-{round}"), "E100", "4.99");
        late.received_at = hour(14);
        // The account's newest event is then at hour 14, so the late one comes last.
        if round == "after" {
            assert_eq!(world.refusal(late).await, "TOP_UP_BELOW_MINIMUM");
        }
        world.restart().await;
    }
    let named = world.ledger.policies().named("usms").unwrap();
    assert_eq!(named.policy_version(), "usms@2");
    assert_eq!(named.earlier().unwrap().policy_version(), "usms@1");
}

#[tokio::test]
async fn c12_consumption_is_priced_by_the_version_of_its_time_and_names_it() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.receipt(top_up("bank/r1", "E100", "10")).await;
    let text = version(2, hour(14), "2.00", "0.02");
    publish(&world, "office/p1", text, Some(start())).await;
    let half = reading("E100", hour(5), "50");
    let across = reading("E100", hour(23), "150");
    world.deliver_at(1, hour(23), vec![half, across]).await;
    // 50 kWh and half of 100 at 0.01, the other half at 0.02.
    assert_eq!(world.balance("a1").await, money("8"));
    let metas: Vec<String> = world
        .events()
        .await
        .iter()
        .filter(|event| event.kind.as_ref() == "consumption-charged.v1")
        .map(|event| String::from_utf8(event.meta.to_vec()).unwrap())
        .collect();
    assert!(metas[0].contains("\"p\":\"usms@1\""), "{metas:?}");
    assert!(metas[1].contains("\"p\":\"usms@2\""), "{metas:?}");
    let view = world.ledger.account(&account("a1")).await.unwrap().unwrap();
    assert_eq!(
        view.account.wallet(Utility::Electricity).unwrap().balance,
        money("8")
    );
}

#[tokio::test]
async fn c12_a_version_is_published_once_and_refused_when_lower_changed_or_reaching_back() {
    let world = World::new().await;
    let two = version(2, hour(14), "5.00", "0.01");
    let first = publish(&world, "office/p1", two.clone(), None).await;
    assert_eq!(publish(&world, "office/p1", two.clone(), None).await, first);
    assert_eq!(publish(&world, "office/p2", two, None).await, first);
    assert_eq!(world.count("scheme-published.v1").await, 1);
    for (reference, text, priced, refused) in [
        (
            "office/p3",
            version(2, hour(14), "6.00", "0.01"),
            None,
            "SCHEME_CONFLICT",
        ),
        (
            "office/p4",
            version(1, hour(38), "6.00", "0.01"),
            None,
            "SCHEME_VERSION_TOO_LOW",
        ),
        (
            "office/p5",
            version(3, hour(38), "6.00", "0.01"),
            Some(hour(38)),
            "SCHEME_PRICED_ALREADY",
        ),
        ("office/p6", "name = 1".to_owned(), None, "SCHEME_INVALID"),
        (
            "office/p7",
            version(3, hour(38), "6.00", "0.01").replacen("\"usms\"", "\"atlantis\"", 1),
            None,
            "UNKNOWN_SCHEME",
        ),
    ] {
        let answer = publish(&world, reference, text, priced).await;
        assert_eq!(code(&answer), refused, "{reference}");
    }
    let three = version(3, hour(38), "6.00", "0.01");
    assert_eq!(
        version_of(&publish(&world, "office/p8", three, Some(hour(20))).await),
        3
    );
}
