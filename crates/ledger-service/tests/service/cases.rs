//! E14 over several streams: an execution cut short between the account's opening and its own record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_store::memory::Fault;
use ledger_core::answer::Answer;
use ledger_core::application::{ApplicationCommand as C, ApplyFor, Kind, Officer, PayCharge};
use ledger_core::command::Source;
use ledger_core::ids::{ApplicationId, OpaqueRef};
use ledger_service::{CaseRequest, CaseStep, Reply, ServiceError};

use crate::world::*;

fn reference(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

async fn send(world: &World, name: &str, command: C) -> Result<Reply, ServiceError> {
    let id = ApplicationId::parse("AP-1").unwrap();
    let request = CaseRequest {
        key: key(&format!("office/{name}")),
        actor: actor("clerk-1"),
        by: Officer::ALL.to_vec(),
        received_at: hour(1),
        step: CaseStep::Application(id, command),
    };
    world.ledger.case(request).await
}

fn stage(reply: &Reply) -> &str {
    match &reply.answer {
        Answer::Step(step) => &step.stage,
        other => panic!("{other:?}"),
    }
}

fn execute() -> C {
    C::Execute {
        report: reference("report-1"),
    }
}

/// An application with its order, of consumer 22-1.
async fn ordered() -> World {
    let world = World::new().await;
    let form = ApplyFor {
        kind: Kind::General,
        scheme: "usms".to_owned(),
        class: "residential".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        applicant: reference("person-7"),
        document: reference("form-1"),
        until: None,
    };
    let pay = PayCharge {
        amount: money("350"),
        source: Source::NotTaken,
        number: account("22-1"),
    };
    for (n, command) in [
        C::Enter {
            form,
            advance: None,
        },
        C::ServeInspection {
            letter: reference("letter-1"),
        },
        C::SubmitEstimate {
            charges: money("350"),
            recommended: true,
            document: reference("estimate-1"),
        },
        C::Sanction,
        C::ServeDemandNote {
            note: reference("note-1"),
            lateral: false,
        },
        C::PayCharge(pay),
        C::IssueOrder {
            order: reference("order-1"),
        },
    ]
    .into_iter()
    .enumerate()
    {
        let reply = send(&world, &format!("step-{n}"), command).await.unwrap();
        assert!(matches!(reply.answer, Answer::Step(_)), "{reply:?}");
    }
    world
}

#[tokio::test]
async fn e14_an_execution_cut_short_after_the_opening_is_finished_by_sending_it_again() {
    let mut world = ordered().await;
    assert_eq!(world.refusal(open("22-1")).await, "NUMBER_TAKEN");
    let armed = AtomicBool::new(true);
    world.store.set_fault_hook(Some(Arc::new(move |commit| {
        let mut streams = commit.appends.iter().map(|append| append.stream.as_str());
        let touches = streams.any(|stream| stream.starts_with("application-"));
        if touches && armed.swap(false, Ordering::SeqCst) {
            Fault::Stopped("power cut".to_owned())
        } else {
            Fault::None
        }
    })));
    assert!(send(&world, "execute", execute()).await.is_err());
    world.store.set_fault_hook(None);
    world.start_again().await;
    assert_eq!(world.count("account-opened.v1").await, 1, "it is open");
    // Where commits are of one stream, the start has finished what the key names.
    let begun = !crate::CAPABILITIES.atomic_over_streams;
    let executed = world.count("connection-executed.v1").await;
    assert_eq!(executed, usize::from(begun));
    let reply = send(&world, "execute", execute()).await.unwrap();
    assert_eq!(stage(&reply), "LIVE");
    let again = send(&world, "execute", execute()).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(world.count("account-opened.v1").await, 1);
    assert_eq!(world.count("connection-executed.v1").await, 1);
    let view = world.ledger.account(&account("22-1")).await.unwrap();
    assert_eq!(view.unwrap().account.scheme(), "usms");
}

#[tokio::test]
async fn e14_a_reserved_number_is_no_account_and_nobody_elses() {
    let world = ordered().await;
    let taken = staff(
        "office/n-1",
        "22-1",
        ledger_core::command::Command::Renumber {
            to: account("22-2"),
        },
        hour(2),
    );
    assert_eq!(
        world.refusal(taken).await,
        "UNKNOWN_ACCOUNT",
        "a reserved number is no account yet"
    );
    world.done(open("a-1")).await;
    let to = account("22-1");
    let renumber = ledger_core::command::Command::Renumber { to };
    let renumber = staff("office/n-2", "a-1", renumber, hour(2));
    assert_eq!(world.refusal(renumber).await, "NUMBER_TAKEN");
}
