//! The status machine, explored exhaustively: every command at every phase of every month, from every
//! state that can be reached, until there is nothing new. It shows every edge of the table, and no other.

use std::collections::{BTreeSet, VecDeque};

use ledger_core::account::Account;
use ledger_core::command::{BillingCommand, Command, Source};
use ledger_core::event::{AccountEvent, BillingEvent};
use ledger_core::status::{EDGES, Standing, Status, Step, draw};
use ledger_core::time::Month;

use crate::story::{Story, date, document, last, money, month};

/// Days on which something may happen: within the payment days, after the 20th, after the payment days.
const PHASES: [u32; 3] = [10, 22, 27];
/// Larger than what is reached: a bound against a fault of the test itself.
const STATES_MAX: usize = 20_000;

/// Where the exploration stands: an account at a phase of a month.
#[derive(Clone)]
struct Node {
    story: Story,
    month: Month,
    phase: usize,
}

/// What decides what can happen next, relative to the month: two nodes alike are one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    status: Status,
    counted: bool,
    owes: bool,
    in_credit: bool,
    has_base: bool,
    live_now: bool,
    paid_now: bool,
    read_now: bool,
    estimated: bool,
    bound: bool,
    deposit: bool,
    phase: usize,
}

fn key(node: &Node) -> Key {
    let billing = node.story.billing();
    let now = node.month;
    let free_from = billing.since().plus_months(36);
    Key {
        status: node.story.status(),
        counted: billing.standing().is_some_and(|s| s.is_counted(now)),
        owes: node.story.payable().is_positive(),
        in_credit: node.story.payable().is_negative(),
        has_base: billing.newest_charge().is_some_and(|c| !c.is_zero()),
        live_now: billing.became_live_in(now),
        paid_now: billing.paid_in(now),
        read_now: billing.usage().read_in() >= Some(now),
        estimated: !billing.estimates().is_empty(),
        bound: now.first_day() < free_from,
        deposit: !billing.deposit().is_zero(),
        phase: node.phase,
    }
}

/// An edge that was seen, by the step that the event means.
type Seen = BTreeSet<(Status, Step, Status)>;

/// What an event means for a status.
fn step_of(event: &AccountEvent, before: Status) -> Option<Step> {
    let AccountEvent::Billing(event) = event else {
        return None;
    };
    match event {
        BillingEvent::BillPaid(e) if e.full => Some(Step::DuesPaid),
        BillingEvent::SecurityDepositUsed(e) if e.full => Some(Step::DuesPaid),
        BillingEvent::SecurityDepositPaid(_) if before == Status::Stsd => Some(Step::DepositPaid),
        BillingEvent::MonthClosed(_) => Some(Step::MonthClosed),
        BillingEvent::ConsumerDisconnected(_) => Some(Step::Disconnected),
        BillingEvent::ConsumerReconnected(_) => Some(Step::Reconnected),
        BillingEvent::ConnectionEnded(e) if e.owing => Some(Step::EndedOwing),
        BillingEvent::ConnectionEnded(_) => Some(Step::EndedPaid),
        BillingEvent::BillStopped(e) if e.owing => Some(Step::StoppedOwing),
        BillingEvent::BillStopped(_) => Some(Step::StoppedPaid),
        BillingEvent::ConsumerReactivated(_) => Some(Step::Reactivated),
        BillingEvent::TemporaryConnectionExtended(_) => Some(Step::Extended),
        _ => None,
    }
}

/// Folds the facts one by one and notes how each moved the status. A close that leaves a live consumer
/// live (paid), or counts already, moves along no edge.
fn note(seen: &mut Seen, story: &Story, from: usize) {
    let mut account = Account::new(story.account.id().clone());
    for (at, (event, stamp)) in story.log.iter().enumerate() {
        let before = account
            .billing()
            .and_then(ledger_core::account::Billing::standing);
        account.evolve(event, *stamp);
        let Some(before) = before.filter(|_| at >= from) else {
            continue;
        };
        let (was, is) = (before.status(), account.status().unwrap());
        match step_of(event, was) {
            Some(Step::MonthClosed) if was == is && stays_by_rule(event, before) => {}
            // Paying what came after the status had settled moves nothing.
            Some(Step::DuesPaid)
                if was == is && ledger_core::status::next(was, Step::DuesPaid).is_none() => {}
            Some(step) => {
                seen.insert((was, step, is));
            }
            None => assert_eq!(was, is, "{event:?} moved a status"),
        }
    }
}

fn stays_by_rule(event: &AccountEvent, before: Standing) -> bool {
    let AccountEvent::Billing(BillingEvent::MonthClosed(e)) = event else {
        return false;
    };
    before.is_counted(e.b) || (before.status() == Status::Live && !e.un)
}

/// Everything that can be asked at a phase.
fn commands(node: &Node, at: &str) -> Vec<Command> {
    let owed = node.story.payable();
    let value = node
        .story
        .account
        .meters()
        .last()
        .map_or(0, |m| m.base.value.micro() / 1_000_000);
    let next = (value + 3).to_string();
    let reading = node.story.reading(at, &next);
    let all = owed.max(money("0")).to_string();
    let adjust = |amount: String| BillingCommand::Adjust {
        amount: money(&amount),
        document: document("c-1"),
    };
    let mut commands = vec![
        Story::pay_command(&all, None),
        Story::pay_command(&all, Some(reading.clone())),
        Story::pay_command("0.01", None),
        BillingCommand::CutConsumer { reading: None },
        BillingCommand::CutConsumer {
            reading: Some(reading.clone()),
        },
        BillingCommand::ReconnectConsumer,
        BillingCommand::EndConnection { last: last(&next) },
        BillingCommand::EndConnection {
            last: last(&value.to_string()),
        },
        BillingCommand::EndConnection { last: None },
        BillingCommand::StopBill { reading: None },
        BillingCommand::Reactivate,
        BillingCommand::ExtendTemporary {
            until: date("2099-01-01"),
        },
        BillingCommand::PayDeposit {
            amount: money("1000") - node.story.billing().deposit(),
            source: Source::NotTaken,
        },
        BillingCommand::UseDeposit,
        adjust("5".to_owned()),
    ];
    if owed.is_positive() {
        commands.push(adjust(format!("-{owed}")));
    }
    let mut commands: Vec<Command> = commands.into_iter().map(Command::billing).collect();
    commands.push(Command::RecordReading(reading));
    commands
}

fn at(node: &Node) -> String {
    format!("{}-{:02} 08:00:00", node.month, PHASES[node.phase])
}

/// What each command that changes something leads to, and the next phase.
fn successors(node: &Node) -> Vec<Node> {
    let noon = at(node);
    let mut next = Vec::new();
    for command in commands(node, &noon) {
        let mut story = node.story.clone();
        let before = story.log.len();
        story.send(&noon, command);
        if story.log.len() > before {
            next.push(Node {
                story,
                ..node.clone()
            });
        }
    }
    let (month, phase) = if node.phase + 1 < PHASES.len() {
        (node.month, node.phase + 1)
    } else {
        (node.month.next(), 0)
    };
    let mut later = Node {
        story: node.story.clone(),
        month,
        phase,
    };
    let time = at(&later);
    later.story.tick(&time);
    next.push(later);
    next
}

#[test]
fn e1_e9_every_edge_of_the_status_table_is_reached_and_no_other() {
    let opened = "2026-01-10 08:00:00";
    let starts = [
        Story::live(opened),
        Story::listed(opened, "government"),
        Story::imported(opened),
        Story::temporary(opened, "2026-12-31"),
    ];
    let mut seen = Seen::new();
    let mut known = BTreeSet::new();
    let mut queue: VecDeque<Node> = starts
        .into_iter()
        .map(|story| Node {
            story,
            month: month("2026-01"),
            phase: 0,
        })
        .collect();
    while let Some(node) = queue.pop_front() {
        let government = node.story.account.profile().class == "government";
        let was_over = node.story.status().is_over();
        for next in successors(&node) {
            note(&mut seen, &next.story, node.story.log.len());
            if was_over && next.month != node.month {
                let over = next.story.status();
                seen.insert((node.story.status(), Step::MonthClosed, over));
            }
            if known.insert((government, key(&next))) {
                queue.push_back(next);
            }
        }
        assert!(known.len() < STATES_MAX, "the exploration ends");
    }
    let table: Seen = EDGES.iter().copied().collect();
    let missing: Vec<_> = table.difference(&seen).collect();
    let foreign: Vec<_> = seen.difference(&table).collect();
    assert!(foreign.is_empty(), "not in the table: {foreign:?}");
    assert!(missing.is_empty(), "never reached: {missing:?}");
    let reached: BTreeSet<Status> = known.iter().map(|(_, key)| key.status).collect();
    assert_eq!(reached.len(), Status::ALL.len(), "every status is reached");
    println!("{} states, {} edges", known.len(), seen.len());
}

#[test]
fn e1_the_drawing_of_the_status_machine_is_the_codes_own() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/status-machine.md");
    let drawn = draw();
    let stored = std::fs::read_to_string(page).unwrap_or_default();
    if stored == drawn {
        return;
    }
    let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/status-machine.md");
    std::fs::write(fresh, drawn).unwrap();
    panic!("docs/status-machine.md is not what the table says; the new drawing is {fresh}");
}
