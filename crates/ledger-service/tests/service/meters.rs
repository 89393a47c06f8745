//! Who holds a meter number (C5), and what that means for readings and money.

use crate::world::*;
use ledger_core::answer::{Answer, ReadingOutcome};
use ledger_core::ids::AccountId;
use ledger_service::{LedgerConfig, MeterHolder};

fn holder(world: &World, number: &str) -> MeterHolder {
    world.ledger.meter_holder(&meter(number)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c5_of_many_claims_on_one_number_at_once_one_wins_and_the_others_are_told_who() {
    let world = World::new().await;
    let names: Vec<String> = (0..10).map(|n| format!("a{n}")).collect();
    for name in &names {
        world.done(open(name)).await;
    }
    let claims = names
        .iter()
        .map(|name| world.submit(install(name, "E100", start())));
    let replies = futures::future::join_all(claims).await;
    let winners: Vec<&AccountId> = replies
        .iter()
        .filter_map(|reply| match &reply.answer {
            Answer::Done { account } => Some(account),
            _ => None,
        })
        .collect();
    assert_eq!(winners.len(), 1, "{replies:?}");
    for reply in replies
        .iter()
        .filter(|reply| reply.answer.refusal().is_some())
    {
        assert_eq!(code(&reply.answer), "METER_TAKEN");
        let told = reply.answer.refusal().unwrap().to_string();
        assert!(told.contains(winners[0].as_str()), "{told}");
    }
    assert_eq!(world.count("meter-installed.v1").await, 1);
    assert_eq!(world.count("meter-claimed.v1").await, 1);
    assert_eq!(holder(&world, "E100").account, *winners[0]);
    assert!(world.ledger.doctor().await.unwrap().is_empty());
}

#[tokio::test]
async fn c5_after_an_installation_returned_the_next_call_finds_the_meter() {
    let world = World::new().await;
    for n in 0..50 {
        let (id, number) = (format!("a{n}"), format!("E1{n:03}"));
        world.household(&id, &number).await;
        world
            .receipt(top_up(&format!("bank/r{n}"), &number, "10"))
            .await;
    }
}

#[tokio::test]
async fn c5_a_final_reading_frees_the_number_but_not_for_the_time_before_it() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.done(open("a2")).await;
    world.done(remove("a1", "E100", hour(5), "7")).await;
    assert_eq!(
        world.refusal(top_up("bank/r1", "E100", "10")).await,
        "METER_REMOVED"
    );
    let mut early = install("a2", "E100", hour(4));
    early.received_at = hour(6);
    assert_eq!(world.refusal(early).await, "BAD_INPUT", "a1 held it then");
    world.done(install("a2", "E100", hour(6))).await;
    assert_eq!(holder(&world, "E100").account, account("a2"));
}

#[tokio::test]
async fn c5_a_late_reading_belongs_to_whoever_held_the_meter_when_it_was_read() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    world.done(open("a2")).await;
    world.deliver(1, vec![reading("E100", hour(2), "2")]).await;
    world.done(remove("a1", "E100", hour(5), "5")).await;
    world.done(install_from("a2", "E100", hour(8), "5")).await;
    let readings = vec![
        reading("E100", hour(3), "3"),
        reading("E100", hour(6), "5"),
        reading("E100", hour(9), "6"),
    ];
    let outcomes = world.deliver(2, readings.clone()).await;
    assert_eq!(
        outcomes[0],
        ReadingOutcome::Corrected { amount: money("0") },
        "a reading of the former holder"
    );
    assert!(
        matches!(&outcomes[1], ReadingOutcome::Refused(r) if r.code() == "READING_AFTER_REMOVAL")
    );
    assert!(matches!(&outcomes[2], ReadingOutcome::Accepted { .. }));
    let late = world
        .events()
        .await
        .into_iter()
        .find(|event| event.kind.as_ref() == "consumption-corrected.v1");
    assert_eq!(late.unwrap().stream.as_str(), "account-a1");
    world.restart().await;
    let again = world.deliver(2, readings).await;
    let classes = |outcomes: &[ReadingOutcome]| -> Vec<_> {
        outcomes.iter().map(std::mem::discriminant).collect()
    };
    assert_eq!(
        classes(&again),
        classes(&outcomes),
        "also after a restart, from the log alone"
    );
}

#[tokio::test]
async fn c5_an_exchange_frees_the_old_number_and_takes_the_new_one() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    world.done(open("a3")).await;
    let exchange = |reference: &str, new: &str| {
        let command = ledger_core::command::ExchangeMeter {
            old: last("E100", "4"),
            new: meter(new),
            register: None,
            at: hour(4),
            first_value: quantity("0"),
        };
        staff(
            reference,
            "a1",
            ledger_core::command::Command::ExchangeMeter(command),
            hour(4),
        )
    };
    assert_eq!(
        world.refusal(exchange("office/x1", "E200")).await,
        "METER_TAKEN"
    );
    assert_eq!(
        holder(&world, "E100").until,
        None,
        "a refused exchange frees nothing"
    );
    world.done(exchange("office/x2", "E300")).await;
    assert_eq!(holder(&world, "E300").account, account("a1"));
    assert_eq!(holder(&world, "E100").until, Some(hour(4)));
    world.done(install("a3", "E100", hour(5))).await;
    world.receipt(top_up("bank/r1", "E300", "10")).await;
    assert_eq!(world.balance("a1").await, money("9.96"));
}

#[tokio::test]
async fn the_directory_starts_from_its_file_and_reads_only_what_came_since() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("directory");
    let config = LedgerConfig {
        directory_file: Some(path.clone()),
        ..LedgerConfig::default()
    };
    let mut world = World::with(config, None).await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    world.done(remove("a2", "E200", hour(1), "0")).await;
    world.restart().await;
    let written = std::fs::read_to_string(&path).unwrap();
    let tail = world.store.len() - 1;
    assert!(
        written
            .lines()
            .next()
            .unwrap()
            .contains(&format!("[{tail},{tail}]")),
        "{written}"
    );
    assert_eq!(written.lines().count(), 3, "a head and two meters");
    // What came after the file was written is found in the log.
    world.done(install("a2", "E200", hour(2))).await;
    world.start_again().await;
    assert_eq!(holder(&world, "E200").until, None);
    assert_eq!(holder(&world, "E100").account, account("a1"));
    // The file of another store is not used.
    world.ledger.shutdown().await;
    let other = World::with(world.config.clone(), None).await;
    assert_eq!(other.ledger.meter_holder(&meter("E100")), None);
}

#[tokio::test]
async fn another_process_on_a_shared_store_sees_what_the_first_installed() {
    let shared = event_store::Capabilities {
        atomic_over_streams: true,
        shared_with_others: true,
    };
    let clock = std::sync::Arc::new(event_store::SystemClock);
    let store = event_store::MemoryStore::with_capabilities(clock, shared);
    let config = LedgerConfig::default();
    let first = ledger_on(&store, &config, None).await;
    let second = ledger_on(&store, &config, None).await;
    first.submit(open("a1")).await.unwrap();
    first.submit(install("a1", "E100", start())).await.unwrap();
    let found = async {
        while second.meter_holder(&meter("E100")).is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), found)
        .await
        .unwrap();
    let reply = second
        .submit(top_up("bank/r1", "E100", "10"))
        .await
        .unwrap();
    let again = first.submit(top_up("bank/r1", "E100", "10")).await.unwrap();
    assert_eq!((reply.answer, again.duplicate), (again.answer, true));
}
