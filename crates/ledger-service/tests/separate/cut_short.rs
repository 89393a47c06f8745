//! A process that dies between the commits of one command: at every such point, for every kind of command
//! that writes to several streams.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event_store::EventStore;
use event_store::memory::Fault;
use ledger_core::answer::Answer;
use ledger_core::application::Officer;
use ledger_core::command::{CloseTo, Command, ExchangeMeter, Source};
use ledger_core::complaint::{ComplaintCommand, ComplaintKind};
use ledger_core::ids::{ComplaintId, OpaqueRef};
use ledger_core::scheme::SchemePolicy;
use ledger_service::{
    Ask, CaseRequest, CaseStep, CommandRequest, KeyStatus, PublishRequest, QuoteRequest, Reply,
    ServiceError, Target,
};

use crate::world::*;

/// A command that writes to several streams, in a world made ready for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    TopUp,
    TakenForNobody,
    TakenButRefused,
    Install,
    Exchange,
    Close,
    Allocate,
    Return,
    Renumber,
}

const SCENARIOS: [Scenario; 9] = [
    Scenario::TopUp,
    Scenario::TakenForNobody,
    Scenario::TakenButRefused,
    Scenario::Install,
    Scenario::Exchange,
    Scenario::Close,
    Scenario::Allocate,
    Scenario::Return,
    Scenario::Renumber,
];

fn exchange(id: &str, old: &str, new: &str) -> CommandRequest {
    let exchange = ExchangeMeter {
        old: last(old, "0"),
        new: meter(new),
        register: None,
        at: hour(2),
        first_value: quantity("0"),
    };
    let command = Command::ExchangeMeter(exchange);
    staff("office/exchange", id, command, hour(2))
}

impl Scenario {
    /// The key under which it comes.
    const fn key(self) -> &'static str {
        match self {
            Self::TopUp => "bank/r1",
            Self::TakenForNobody => "bank/r2",
            Self::TakenButRefused => "bank/r3",
            Self::Install => "office/install",
            Self::Exchange => "office/exchange",
            Self::Close => "office/close-a1",
            Self::Allocate => "office/s1",
            Self::Return => "office/s2",
            Self::Renumber => "office/renumber",
        }
    }

    /// A world in which it can be asked.
    async fn world(self) -> World {
        let world = World::new().await;
        world.household("a1", "E100").await;
        world.done(open("a2")).await;
        world.household("a3", "E300").await;
        world.receipt(top_up("bank/first", "E100", "5")).await;
        let suspended = world.submit(taken("bank/waits", "E999", "10")).await;
        assert!(matches!(suspended.answer, Answer::Suspended(_)));
        if self == Self::TakenButRefused {
            world
                .done(close(
                    "a3",
                    vec![last("E300", "0")],
                    CloseTo::PayOut(key("office/x").channel),
                    hour(1),
                ))
                .await;
        }
        world
    }

    async fn ask(self, world: &World) -> Result<Reply, ServiceError> {
        let mut request = match self {
            Self::TopUp => top_up("bank/r1", "E100", "10"),
            Self::TakenForNobody => taken("bank/r2", "E998", "10"),
            Self::TakenButRefused => taken("bank/r3", "E300", "10"),
            Self::Install => install("a2", "E200", hour(1)),
            Self::Exchange => exchange("a1", "E100", "E101"),
            Self::Close => close(
                "a1",
                vec![last("E100", "0")],
                CloseTo::Move(account("a3")),
                hour(2),
            ),
            Self::Allocate => top_up_from(
                "office/s1",
                "E100",
                "10",
                Source::Suspense(key("bank/waits")),
            ),
            Self::Return => {
                let request = return_of("office/s2", "bank/waits");
                return world.ledger.return_suspense(request).await;
            }
            Self::Renumber => {
                let command = Command::Renumber { to: account("n1") };
                staff("office/renumber", "a1", command, hour(2))
            }
        };
        request.key = key(self.key());
        world.try_submit(request).await
    }
}

/// After so many commits of the command the process is gone: nothing more of it is written.
fn die_after(world: &World, commits: usize) {
    let left = AtomicUsize::new(commits);
    world.store.set_fault_hook(Some(Arc::new(move |_| {
        let lives = left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
            .is_ok();
        if lives {
            Fault::None
        } else {
            Fault::Stopped("the process is gone".to_owned())
        }
    })));
}

/// What the log says, without the traces of how it came to be: what counts of each stream.
async fn effect(world: &World) -> BTreeMap<String, Vec<(String, String)>> {
    let mut streams: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for event in world.events().await {
        let said = (
            event.kind.to_string(),
            String::from_utf8_lossy(&event.data).into_owned(),
        );
        let stream = streams.entry(event.stream.to_string()).or_default();
        if event.stream.as_str().starts_with("key-") {
            stream.clear();
        }
        stream.push(said);
    }
    streams
}

/// The effect of a scenario that nothing disturbs, and the number of its commits.
async fn undisturbed(
    scenario: Scenario,
) -> (BTreeMap<String, Vec<(String, String)>>, Answer, usize) {
    let world = scenario.world().await;
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    world.store.set_fault_hook(Some(Arc::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Fault::None
    })));
    let reply = scenario.ask(&world).await.unwrap();
    assert!(!reply.duplicate, "{scenario:?}");
    (
        effect(&world).await,
        reply.answer,
        commits.load(Ordering::SeqCst),
    )
}

#[tokio::test]
async fn c4_a_command_cut_short_anywhere_is_finished_when_it_comes_again_with_the_one_answer() {
    for scenario in SCENARIOS {
        let (wanted, answer, commits) = undisturbed(scenario).await;
        assert!(
            commits >= 2,
            "{scenario:?} writes several commits: {commits}"
        );
        for cut in 0..commits {
            let world = scenario.world().await;
            // Another process runs all the time; it is told nothing but what is in the store.
            let other = ledger_on(&world.store, &world.config, None).await;
            die_after(&world, cut);
            let first = scenario.ask(&world).await;
            // A closing is one command, and the arrival of its credit another.
            if scenario != Scenario::Close || first.is_err() {
                assert_eq!(
                    first.unwrap_err().code(),
                    "STORE_UNAVAILABLE",
                    "{scenario:?} {cut}"
                );
            }
            world.store.set_fault_hook(None);
            let world = World {
                ledger: other,
                ..world
            };
            let reply = scenario.ask(&world).await.unwrap();
            assert_eq!(reply.answer, answer, "{scenario:?} cut after {cut}");
            assert_eq!(reply.duplicate, cut > 0, "{scenario:?} cut after {cut}");
            world.ledger.sweep().await;
            assert_eq!(effect(&world).await, wanted, "{scenario:?} cut after {cut}");
            let again = scenario.ask(&world).await.unwrap();
            assert!(again.duplicate && again.answer == answer, "{scenario:?}");
            assert!(world.ledger.doctor().await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn c4_a_command_cut_short_anywhere_is_finished_by_the_next_start_without_its_sender() {
    for scenario in SCENARIOS {
        let (wanted, answer, commits) = undisturbed(scenario).await;
        for cut in 0..commits {
            let mut world = scenario.world().await;
            let before = effect(&world).await;
            die_after(&world, cut);
            let first = scenario.ask(&world).await;
            assert!(first.is_err() || scenario == Scenario::Close);
            world.store.set_fault_hook(None);
            world.start_again().await;
            let stands = effect(&world).await;
            assert_eq!(
                &stands,
                if cut == 0 { &before } else { &wanted },
                "{scenario:?} cut after {cut}"
            );
            let status = world.ledger.key_status(&key(scenario.key())).await.unwrap();
            match status {
                KeyStatus::Unknown => assert_eq!(cut, 0),
                KeyStatus::Answered { answer: told, .. } => assert_eq!(*told, answer),
            }
        }
    }
}

#[tokio::test]
async fn c4_what_others_do_to_the_account_in_between_neither_loses_nor_doubles_a_command() {
    for scenario in SCENARIOS {
        let (_, answer, commits) = undisturbed(scenario).await;
        for cut in 1..commits {
            let world = scenario.world().await;
            let other = ledger_on(&world.store, &world.config, None).await;
            die_after(&world, cut);
            drop(scenario.ask(&world).await);
            world.store.set_fault_hook(None);
            let world = World {
                ledger: other,
                ..world
            };
            // The account goes on before the command comes again: it may take the command's place, or find
            // it locked and finish it.
            let paid = world.submit(top_up("bank/between", "E100", "20")).await;
            match (scenario, &paid.answer) {
                (_, Answer::Receipt(_)) => {}
                // The command was finished first, and the meter is gone.
                (Scenario::Exchange | Scenario::Close, Answer::Refused(_)) => {}
                other => panic!("{scenario:?} cut after {cut}: {other:?}"),
            }
            let reply = scenario.ask(&world).await.unwrap();
            let same_kind =
                std::mem::discriminant(&reply.answer) == std::mem::discriminant(&answer);
            assert!(same_kind, "{scenario:?} cut after {cut}: {reply:?}");
            let again = scenario.ask(&world).await.unwrap();
            assert!(
                again.duplicate && again.answer == reply.answer,
                "{scenario:?}"
            );
            world.ledger.sweep().await;
            assert!(
                world.ledger.doctor().await.unwrap().is_empty(),
                "{scenario:?}"
            );
            for kind in [
                "suspense-allocated.v1",
                "suspense-returned.v1",
                "meter-exchanged.v1",
                "account-closed.v1",
                "account-renumbered.v1",
            ] {
                assert!(world.count(kind).await <= 1, "{scenario:?} {kind}");
            }
        }
    }
}

#[tokio::test]
async fn c5_a_meter_that_another_account_took_in_between_leaves_no_claim_and_no_lock() {
    let world = World::new().await;
    for id in ["a1", "a2"] {
        world.done(open(id)).await;
    }
    let other = ledger_on(&world.store, &world.config, None).await;
    // The key and the lock of the account are written, the meter is not.
    die_after(&world, 2);
    assert!(
        world
            .try_submit(install("a1", "E100", start()))
            .await
            .is_err()
    );
    world.store.set_fault_hook(None);
    let reply = other.submit(install("a2", "E100", start())).await.unwrap();
    assert!(matches!(reply.answer, Answer::Done { .. }), "{reply:?}");
    let world = World {
        ledger: other,
        ..world
    };
    assert_eq!(
        world.refusal(install("a1", "E100", start())).await,
        "METER_TAKEN"
    );
    world.done(install("a1", "E101", start())).await;
    assert!(world.ledger.doctor().await.unwrap().is_empty());
    assert_eq!(world.count("transact-dropped.v1").await, 1);
}

#[tokio::test]
async fn c4_a_history_with_a_claim_that_never_counted_may_be_copied_to_a_store_of_whole_commits() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let other = ledger_on(&world.store, &world.config, None).await;
    die_after(&world, 1);
    let payment = || top_up("bank/r1", "E100", "10");
    assert!(world.try_submit(payment()).await.is_err());
    world.store.set_fault_hook(None);
    // Another payment takes its place before anybody has finished it.
    let between = other.submit(top_up("bank/r2", "E100", "20")).await;
    assert!(matches!(between.unwrap().answer, Answer::Receipt(_)));
    let copy = event_store::MemoryStore::new();
    for event in world.all_events().await {
        let append = event_store::StreamAppend {
            stream: event.stream,
            expected: event_store::Expected::Any,
            events: vec![event_store::NewEvent {
                id: event.id,
                kind: event.kind,
                data: event.data,
                meta: event.meta,
            }],
        };
        let appends = vec![append];
        let written = copy.append(vec![event_store::Commit { appends }]).await;
        assert!(written[0].is_ok());
    }
    let copied = ledger_on(&copy, &world.config, None).await;
    for (ledger, balance) in [(&copied, "30"), (&other, "30")] {
        let reply = ledger.submit(payment()).await.unwrap();
        assert!(matches!(reply.answer, Answer::Receipt(_)), "{reply:?}");
        let view = ledger.account(&account("a1")).await.unwrap().unwrap();
        let wallet = view
            .account
            .wallet(ledger_core::utility::Utility::Electricity);
        assert_eq!(wallet.unwrap().balance, money(balance));
    }
}

#[tokio::test]
async fn c5_a_refusal_is_not_served_from_what_another_process_has_changed() {
    let world = World::new().await;
    let other = ledger_on(&world.store, &world.config, None).await;
    world.household("a1", "E100").await;
    // The other process was never told of the meter; it must find it, at once and every time.
    for round in 0..50 {
        let number = format!("E2{round:02}");
        let id = format!("b{round}");
        world.household(&id, &number).await;
        let request = top_up(&format!("bank/{round}"), &number, "10");
        let reply = other.submit(request).await.unwrap();
        assert!(matches!(reply.answer, Answer::Receipt(_)), "{reply:?}");
        // And the credit it has given is there for the first.
        let view = world.ledger.account(&account(&id)).await.unwrap().unwrap();
        let wallet = view
            .account
            .wallet(ledger_core::utility::Utility::Electricity);
        assert_eq!(wallet.unwrap().balance, money("10"));
    }
}

#[tokio::test]
async fn c13_a_quote_and_a_complaint_are_by_what_another_process_has_just_written() {
    let world = World::new().await;
    let other = ledger_on(&world.store, &world.config, None).await;
    for round in 0..50 {
        let (id, meter) = (format!("b{round}"), format!("E2{round:02}"));
        world.household(&id, &meter).await;
        let number = account(&format!("n{round}"));
        let renumber = Command::Renumber { to: number.clone() };
        world
            .done(staff(&format!("office/n{round}"), &id, renumber, hour(2)))
            .await;
        let ask = || Ask::TopUp {
            amount: money("10"),
            source: Source::Taken,
        };
        let quote = |target, ask| QuoteRequest {
            target,
            ask,
            received_at: hour(3),
        };
        let quoted = other.quote(quote(Target::Meter(meter), ask())).await;
        assert_eq!(quoted.unwrap().unwrap().account, account(&id));
        let complaint = ComplaintId::parse(&format!("c{round}")).unwrap();
        let record = ComplaintCommand::Record {
            kind: ComplaintKind::Meter,
            account: Some(number),
            document: OpaqueRef::parse("letter-1").unwrap(),
        };
        let request = CaseRequest {
            key: key(&format!("office/c{round}")),
            actor: actor("clerk-1"),
            by: vec![Officer::Bcc],
            received_at: hour(3),
            step: CaseStep::Complaint(complaint.clone(), record),
        };
        let reply = other.case(request).await.unwrap();
        assert!(!matches!(reply.answer, Answer::Refused(_)), "{reply:?}");
        let stored = world.events().await.pop().unwrap();
        let said = String::from_utf8_lossy(&stored.data).into_owned();
        assert!(said.contains(&format!("\"{id}\"")), "{said}");
    }
}

#[tokio::test]
async fn c12_a_version_published_by_another_process_is_gone_by_from_the_next_command_on() {
    let world = World::new().await;
    let other = ledger_on(&world.store, &world.config, None).await;
    let before = SchemePolicy::builtin_text("usms").unwrap();
    for version in 2..12_u32 {
        // Midnights of Brunei.
        let hours = 14 + 24 * i64::from(version);
        let from = format!("effective_from = \"{}\"", hour(hours));
        let text = before
            .replacen("version = 1", &format!("version = {version}"), 1)
            .replacen("effective_from = \"2000-01-01T00:00:00+08:00\"", &from, 1);
        let request = PublishRequest {
            key: key(&format!("office/p{version}")),
            actor: actor("operator"),
            received_at: start(),
            text,
        };
        let reply = world.ledger.publish_scheme(request, None).await.unwrap();
        assert!(matches!(reply.answer, Answer::Published(_)), "{reply:?}");
        // Whatever comes next is decided by it.
        other.submit(open(&format!("a{version}"))).await.unwrap();
        let served = other.policies().named("usms").unwrap();
        assert_eq!(served.policy_version(), format!("usms@{version}"));
    }
}
