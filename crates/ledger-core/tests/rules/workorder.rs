//! U16: the swap of an old meter for a new one, as a work order.

use ledger_core::command::{Command, RegisterMeter};
use ledger_core::event::{Obstacle, PaidBefore, WorkOrderEvent};
use ledger_core::ids::{AccountId, OpaqueRef};
use ledger_core::rejection::Rejection;
use ledger_core::scheme::{LegacyBalance, SchemePolicy};
use ledger_core::utility::Utility::Electricity;
use ledger_core::workorder::{
    DebtTerms, EDGES, IssueWorkOrder, ReadOldMeter, SettleOldAccount, Stage, Step, WorkOrder,
    WorkOrderCommand, decide, drives, next,
};

use crate::story::{E, bnd, local, meter, month, q};

/// A Monday.
const MONDAY: &str = "2026-03-09 09:00:00";
const TUESDAY: &str = "2026-03-10 09:00:00";

fn reference(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

struct Swap {
    order: WorkOrder,
    policy: SchemePolicy,
}

impl Swap {
    fn new() -> Self {
        Self {
            order: WorkOrder::default(),
            policy: crate::common::scheme("usms"),
        }
    }

    /// Issued on Monday at nine.
    fn issued(before: PaidBefore) -> Self {
        let mut swap = Self::new();
        swap.done(MONDAY, issue(before));
        swap
    }

    /// With an appointment on Tuesday at nine.
    fn appointed(before: PaidBefore) -> Self {
        let mut swap = Self::issued(before);
        swap.done(MONDAY, WorkOrderCommand::Appoint { at: local(TUESDAY) });
        swap
    }

    fn send(&mut self, at: &str, command: &WorkOrderCommand) -> Result<WorkOrderEvent, Rejection> {
        let event = decide(&self.order, &self.policy, local(at), command)?;
        let at = local(at).max(self.order.newest_at());
        self.order.evolve(&event, at);
        Ok(event)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a story hands its commands over"
    )]
    fn done(&mut self, at: &str, command: WorkOrderCommand) -> WorkOrderEvent {
        self.send(at, &command).unwrap()
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a story hands its commands over"
    )]
    fn refused(&mut self, at: &str, command: WorkOrderCommand) -> &'static str {
        self.send(at, &command).unwrap_err().code()
    }
}

fn issue(before: PaidBefore) -> WorkOrderCommand {
    WorkOrderCommand::Issue(IssueWorkOrder {
        account: AccountId::parse("A1").unwrap(),
        utility: Electricity,
        before,
        from: reference("old-1"),
        old_meter: reference("M-1"),
        installer: None,
    })
}

fn read(at: &str, credit: Option<&str>) -> WorkOrderCommand {
    WorkOrderCommand::Read(ReadOldMeter {
        at: local(at),
        value: q("48211.4"),
        credit: credit.map(|units| LegacyBalance::Units(q(units))),
        photo: reference("photo-1"),
    })
}

fn install(at: &str) -> WorkOrderCommand {
    WorkOrderCommand::Install(RegisterMeter {
        meter: meter(E),
        register: None,
        at: local(at),
        first_value: q("0"),
    })
}

fn settle(bill: Option<&str>, debt: bool) -> WorkOrderCommand {
    WorkOrderCommand::Settle(SettleOldAccount {
        bill: bill.map(reference),
        refund: false,
        debt: debt.then(|| DebtTerms {
            principal: bnd("240"),
            instalment: bnd("20"),
            start: month("2026-04"),
        }),
    })
}

/// One command of each step, at a time at which the policy has nothing against it.
fn any_of(step: Step) -> WorkOrderCommand {
    match step {
        Step::Issue => issue(PaidBefore::Prepaid),
        Step::Appoint => WorkOrderCommand::Appoint {
            at: local("2026-03-12 09:00:00"),
        },
        Step::Move => WorkOrderCommand::Move {
            at: local("2026-03-14 09:00:00"),
        },
        Step::Prevent => WorkOrderCommand::Prevent {
            why: Obstacle::Rain,
        },
        Step::Read => read(MONDAY, Some("10")),
        Step::Install => install(MONDAY),
        Step::Activate => WorkOrderCommand::Activate,
        Step::Settle => settle(None, false),
        Step::Return => WorkOrderCommand::Return {
            document: reference("grf-1"),
        },
        Step::Cancel => WorkOrderCommand::Cancel {
            why: "given up".to_owned(),
        },
    }
}

#[test]
fn u16_a_work_order_goes_the_ways_of_its_table_and_no_other() {
    // All stages that can be reached, each by one path of commands.
    let mut reached = vec![(Stage::Unissued, Swap::new().order)];
    let mut place = 0;
    let mut taken = Vec::new();
    while let Some((stage, order)) = reached.get(place).cloned() {
        place += 1;
        for step in Step::ALL {
            let mut swap = Swap::new();
            swap.order = order.clone();
            let decided = swap.send(MONDAY, &any_of(step));
            match next(stage, step) {
                None => assert!(decided.is_err(), "{stage:?} takes no {step:?}"),
                Some(to) => {
                    decided.unwrap_or_else(|e| panic!("{stage:?} takes {step:?}: {e}"));
                    assert_eq!(swap.order.stage(), to);
                    taken.push((stage, step, to));
                    if reached.iter().all(|(known, _)| *known != to) {
                        reached.push((to, swap.order));
                    }
                }
            }
        }
    }
    assert_eq!(reached.len(), Stage::ALL.len(), "every stage is reached");
    assert_eq!(taken.len(), EDGES.len(), "every edge is taken");
}

#[test]
fn u16_a_prepaid_meter_is_swapped_step_by_step_and_its_credit_registered() {
    let mut swap = Swap::appointed(PaidBefore::Prepaid);
    swap.done(
        "2026-03-10 09:10:00",
        read("2026-03-10 09:05:00", Some("120.5")),
    );
    let installing = install("2026-03-10 09:30:00");
    let driven = drives(&swap.order, &installing);
    assert!(
        matches!(driven.as_slice(), [("install", Command::InstallMeter(i))] if i.utility == Electricity && i.meter == meter(E))
    );
    swap.done("2026-03-10 09:31:00", installing);
    let driven = drives(&swap.order, &WorkOrderCommand::Activate);
    assert!(matches!(
        driven.as_slice(),
        [("activate", Command::ActivateMeter { .. })]
    ));
    swap.done("2026-03-10 09:35:00", WorkOrderCommand::Activate);
    let settling = settle(None, true);
    let driven = drives(&swap.order, &settling);
    let [
        ("credit", Command::RegisterLegacyCredit(credit)),
        ("debt", Command::AgreeDebt { principal, .. }),
    ] = driven.as_slice()
    else {
        panic!("{driven:?}")
    };
    assert_eq!(credit.balance, LegacyBalance::Units(q("120.5")));
    assert_eq!(credit.photo, Some(reference("photo-1")));
    assert_eq!(*principal, bnd("240"));
    swap.done("2026-03-10 09:40:00", settling);
    swap.done(
        "2026-03-31 09:40:00",
        WorkOrderCommand::Return {
            document: reference("grf-1"),
        },
    );
    assert_eq!(swap.order.stage(), Stage::Returned);
}

#[test]
fn u16_postpaid_before_names_the_final_bill_and_prepaid_before_has_none() {
    let mut swap = Swap::appointed(PaidBefore::Postpaid);
    assert_eq!(swap.refused(TUESDAY, read(TUESDAY, Some("5"))), "BAD_INPUT");
    swap.done(TUESDAY, read(TUESDAY, None));
    swap.done(TUESDAY, install(TUESDAY));
    swap.done(TUESDAY, WorkOrderCommand::Activate);
    assert_eq!(swap.refused(TUESDAY, settle(None, false)), "BAD_INPUT");
    swap.done(TUESDAY, settle(Some("bill-1"), false));
    assert!(drives(&swap.order, &settle(Some("bill-1"), false)).is_empty());

    let mut swap = Swap::appointed(PaidBefore::Prepaid);
    swap.done(TUESDAY, read(TUESDAY, None));
    swap.done(TUESDAY, install(TUESDAY));
    swap.done(TUESDAY, WorkOrderCommand::Activate);
    assert_eq!(
        swap.refused(TUESDAY, settle(Some("bill-1"), false)),
        "BAD_INPUT"
    );
}

#[test]
fn u16_no_appointment_and_no_installation_on_sundays_and_public_holidays() {
    let mut swap = Swap::issued(PaidBefore::Prepaid);
    for closed in ["2026-03-15 10:00:00", "2026-07-15 10:00:00"] {
        let at = local(closed);
        assert_eq!(
            swap.refused(MONDAY, WorkOrderCommand::Appoint { at }),
            "NO_INSTALLATION_DAY",
            "{closed}"
        );
    }
    let friday = local("2026-03-13 10:00:00");
    swap.done(MONDAY, WorkOrderCommand::Appoint { at: friday });
    let sunday = "2026-03-15 10:00:00";
    assert_eq!(
        swap.refused(sunday, read(sunday, None)),
        "NO_INSTALLATION_DAY"
    );
    let past = local("2026-03-08 10:00:00");
    assert_eq!(
        swap.refused(MONDAY, WorkOrderCommand::Move { at: past }),
        "BAD_INPUT"
    );
}

#[test]
fn u16_moving_an_appointment_needs_24_hours_notice() {
    let later = WorkOrderCommand::Move {
        at: local("2026-03-12 09:00:00"),
    };
    let mut swap = Swap::appointed(PaidBefore::Prepaid);
    assert_eq!(
        swap.refused("2026-03-09 09:00:00.001", later.clone()),
        "NOTICE_TOO_SHORT"
    );
    swap.done(MONDAY, later);
    assert_eq!(swap.order.stage(), Stage::Appointed);
}

#[test]
fn u16_what_prevents_an_installation_is_recorded_and_a_new_appointment_made() {
    for why in [
        Obstacle::NoCoverage,
        Obstacle::Rain,
        Obstacle::Flood,
        Obstacle::NobodyHome,
    ] {
        let mut swap = Swap::appointed(PaidBefore::Prepaid);
        let event = swap.done(TUESDAY, WorkOrderCommand::Prevent { why });
        assert!(matches!(event, WorkOrderEvent::Prevented(e) if e.why == why));
        assert_eq!(
            swap.refused(TUESDAY, read(TUESDAY, None)),
            "WRONG_WORK_ORDER_STEP",
            "nothing is installed without a new appointment"
        );
        let at = local("2026-03-10 15:00:00");
        swap.done(TUESDAY, WorkOrderCommand::Appoint { at });
        assert_eq!(swap.order.stage(), Stage::Appointed);
    }
}

#[test]
fn u16_the_new_meter_is_not_installed_before_the_old_one_was_read() {
    let mut swap = Swap::appointed(PaidBefore::Prepaid);
    assert_eq!(
        swap.refused(TUESDAY, install(TUESDAY)),
        "WRONG_WORK_ORDER_STEP"
    );
    swap.done("2026-03-10 10:00:00", read("2026-03-10 09:30:00", None));
    assert_eq!(
        swap.refused("2026-03-10 10:00:00", install("2026-03-10 09:29:59")),
        "BAD_INPUT"
    );
    assert_eq!(
        swap.refused("2026-03-10 10:00:00", install("2026-03-10 10:05:01")),
        "BAD_INPUT"
    );
}

#[test]
fn u16_an_unknown_work_order_takes_only_its_issue_and_that_once() {
    let mut swap = Swap::new();
    assert_eq!(
        swap.refused(MONDAY, WorkOrderCommand::Activate),
        "UNKNOWN_WORK_ORDER"
    );
    swap.done(MONDAY, issue(PaidBefore::Prepaid));
    assert_eq!(
        swap.refused(MONDAY, issue(PaidBefore::Prepaid)),
        "WORK_ORDER_EXISTS"
    );
}
