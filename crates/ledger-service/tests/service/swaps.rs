//! U11 and U16 over several streams: an old account is taken over once, and a swap's steps are finished
//! after a crash between the account and the work order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::world::*;
use event_store::memory::Fault;
use ledger_core::account::LegacyStage;
use ledger_core::answer::Answer;
use ledger_core::command::{Command, RegisterLegacy, RegisterMeter};
use ledger_core::event::{Obstacle, PaidBefore};
use ledger_core::ids::{OpaqueRef, WorkOrderId};
use ledger_core::scheme::LegacyBalance;
use ledger_core::time::Month;
use ledger_core::utility::Utility;
use ledger_core::workorder::{
    DebtTerms, IssueWorkOrder, ReadOldMeter, SettleOldAccount, WorkOrderCommand,
};
use ledger_service::{Reply, ServiceError, WorkOrderRequest};

fn reference(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

fn register(id: &str, old: &str) -> ledger_service::CommandRequest {
    let register = RegisterLegacy {
        utility: Utility::Electricity,
        from: reference(old),
        balance: LegacyBalance::Units(quantity("120.5")),
        photo: Some(reference("photo-1")),
        refund: false,
    };
    let name = format!("office/legacy-{id}-{old}");
    staff(&name, id, Command::RegisterLegacyCredit(register), hour(1))
}

/// Sends a step of work order `wo-1`, each under a reference of its own.
async fn send(
    world: &World,
    name: &str,
    at: i64,
    command: WorkOrderCommand,
) -> Result<Reply, ServiceError> {
    let request = WorkOrderRequest {
        key: key(&format!("office/{name}")),
        actor: actor("clerk-1"),
        received_at: hour(at),
        order: WorkOrderId::parse("wo-1").unwrap(),
        command,
    };
    world.ledger.work_order(request).await
}

async fn step(world: &World, name: &str, at: i64, command: WorkOrderCommand) {
    let reply = send(world, name, at, command).await.unwrap();
    assert!(
        matches!(reply.answer, Answer::Done { .. }),
        "{name}: {reply:?}"
    );
}

async fn refusal(world: &World, name: &str, at: i64, command: WorkOrderCommand) -> &'static str {
    code(&send(world, name, at, command).await.unwrap().answer)
}

fn issue(id: &str) -> WorkOrderCommand {
    WorkOrderCommand::Issue(IssueWorkOrder {
        account: account(id),
        utility: Utility::Electricity,
        before: PaidBefore::Prepaid,
        from: reference("old-1"),
        old_meter: reference("M-1"),
        installer: None,
    })
}

fn read() -> WorkOrderCommand {
    WorkOrderCommand::Read(ReadOldMeter {
        at: hour(25),
        value: quantity("48211.4"),
        credit: Some(LegacyBalance::Units(quantity("120.5"))),
        photo: reference("photo-1"),
    })
}

fn install_new(number: &str) -> WorkOrderCommand {
    WorkOrderCommand::Install(RegisterMeter {
        meter: meter(number),
        register: None,
        at: hour(25),
        first_value: quantity("0"),
    })
}

fn settle() -> WorkOrderCommand {
    WorkOrderCommand::Settle(SettleOldAccount {
        bill: None,
        refund: false,
        debt: Some(DebtTerms {
            principal: money("240"),
            instalment: money("20"),
            start: Month::parse("2026-04").unwrap(),
        }),
    })
}

/// An open account without meters, and its work order with an appointment the day after.
async fn appointed() -> World {
    let world = World::new().await;
    world.done(open("a1")).await;
    step(&world, "w-issue", 0, issue("a1")).await;
    step(
        &world,
        "w-appoint",
        0,
        WorkOrderCommand::Appoint { at: hour(24) },
    )
    .await;
    world
}

/// The next commit that touches a work order fails, as by a crash.
fn crash_at_the_work_order(world: &World) {
    let left = AtomicUsize::new(1);
    world.store.set_fault_hook(Some(Arc::new(move |commit| {
        let touches = commit
            .appends
            .iter()
            .any(|append| append.stream.as_str().starts_with("workorder-"));
        let hit = touches
            && left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                .is_ok();
        if hit {
            Fault::Stopped("power cut".to_owned())
        } else {
            Fault::None
        }
    })));
}

#[tokio::test]
async fn u11_one_old_account_is_taken_over_by_one_account_only() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    world.done(register("a1", "old-1")).await;
    assert_eq!(
        world.refusal(register("a2", "old-1")).await,
        "LEGACY_CREDIT_TAKEN"
    );
    world.done(register("a2", "old-2")).await;
    let reply = world.submit(register("a1", "old-1")).await;
    assert!(reply.duplicate, "the same command is answered as before");
    assert_eq!(world.count("legacy-credit-claimed.v1").await, 2);
}

#[tokio::test]
async fn u16_a_swap_drives_the_accounts_own_commands() {
    let world = appointed().await;
    step(
        &world,
        "w-rain",
        23,
        WorkOrderCommand::Prevent {
            why: Obstacle::Rain,
        },
    )
    .await;
    step(
        &world,
        "w-again",
        23,
        WorkOrderCommand::Appoint { at: hour(25) },
    )
    .await;
    step(&world, "w-read", 25, read()).await;
    step(&world, "w-install", 25, install_new("E100")).await;
    step(&world, "w-activate", 25, WorkOrderCommand::Activate).await;
    step(&world, "w-settle", 25, settle()).await;
    let document = reference("grf-1");
    step(
        &world,
        "w-return",
        700,
        WorkOrderCommand::Return { document },
    )
    .await;
    let view = world.ledger.account(&account("a1")).await.unwrap().unwrap();
    let wallet = view.account.wallet(Utility::Electricity).unwrap();
    assert!(wallet.grace_until.is_some(), "activated");
    assert_eq!(view.account.debt().unwrap().balance(), money("240"));
    let legacy = &view.account.legacy()[0];
    assert_eq!(
        (legacy.from.as_str(), legacy.stage),
        ("old-1", LegacyStage::Registered)
    );
    assert_eq!(
        world.ledger.meter_holder(&meter("E100")).unwrap().account,
        account("a1")
    );
}

#[tokio::test]
async fn u16_a_step_cut_short_between_account_and_work_order_is_finished_by_sending_it_again() {
    for same_reference in [true, false] {
        let mut world = appointed().await;
        step(&world, "w-read", 25, read()).await;
        crash_at_the_work_order(&world);
        assert!(
            send(&world, "w-install", 25, install_new("E100"))
                .await
                .is_err()
        );
        world.store.set_fault_hook(None);
        world.start_again().await;
        assert_eq!(
            world.count("meter-installed.v1").await,
            1,
            "the account took it"
        );
        if !crate::CAPABILITIES.atomic_over_streams {
            let taken = world.count("new-meter-installed.v1").await;
            assert_eq!(taken, 1, "the start has finished what the key names");
            continue;
        }
        assert_eq!(
            world.count("new-meter-installed.v1").await,
            0,
            "the work order did not"
        );
        assert_eq!(
            refusal(&world, "w-activate", 25, WorkOrderCommand::Activate).await,
            "WRONG_WORK_ORDER_STEP"
        );
        assert_eq!(
            refusal(&world, "w-other", 26, install_new("E101")).await,
            "WORK_ORDER_STEP_DIFFERS"
        );
        let name = if same_reference {
            "w-install"
        } else {
            "w-install-2"
        };
        step(&world, name, 26, install_new("E100")).await;
        assert_eq!(world.count("meter-installed.v1").await, 1);
        assert_eq!(world.count("new-meter-installed.v1").await, 1);
        step(&world, "w-activate", 26, WorkOrderCommand::Activate).await;
    }
}

#[tokio::test]
async fn u16_what_the_account_refuses_the_work_order_does_not_record() {
    let world = appointed().await;
    world.household("a2", "E100").await;
    step(&world, "w-read", 25, read()).await;
    assert_eq!(
        refusal(&world, "w-install", 25, install_new("E100")).await,
        "METER_TAKEN"
    );
    step(&world, "w-install", 25, install_new("E101")).await;
    let reply = send(&world, "w-install", 26, install_new("E101"))
        .await
        .unwrap();
    assert!(reply.duplicate);
    assert_eq!(
        refusal(&world, "w-install", 26, install_new("E102")).await,
        "KEY_CONFLICT"
    );
}

#[tokio::test]
async fn u16_a_work_order_is_issued_for_an_open_account_and_once() {
    let world = World::new().await;
    assert_eq!(
        refusal(&world, "w-1", 0, issue("a1")).await,
        "UNKNOWN_ACCOUNT"
    );
    world.done(open("a1")).await;
    step(&world, "w-2", 0, issue("a1")).await;
    assert_eq!(
        refusal(&world, "w-3", 0, issue("a1")).await,
        "WORK_ORDER_EXISTS"
    );
}
