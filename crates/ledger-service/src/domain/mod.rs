//! `LedgerDomain`: the ledger as `transact` sees it.
//!
//! States are accounts (the pure core folds and decides), gateways (how far their deliveries are
//! recorded) and desks (no state at all). What stands in other streams – key claims, meter claims, money
//! in suspense – is evidence, and what is written there goes into the same commit.
//!
//! * `evidence` – what must be known, and how it is read;
//! * `encode` – from facts to bytes;
//! * `account` – decisions of accounts; `meters`, `numbers` – their claims of either; `keys` – what became of a key;
//! * `legacy` – claims of old accounts;
//! * `desk`, `gateway`, `workorder`, `cases` – the others.

mod account;
mod cases;
mod desk;
mod encode;
mod evidence;
mod gateway;
mod keys;
mod legacy;
mod meters;
mod numbers;
mod workorder;

use event_store::transact::{Decision, Domain, Evidence, Needs, PastEvent, Probe};
use event_store::{RecordedEvent, StreamName};
use ledger_core::account::{Account, Lifecycle};
use ledger_core::application::Application;
use ledger_core::complaint::Complaint;
use ledger_core::event::{AccountEvent, Event, decode};
use ledger_core::ids::AccountId;
use ledger_core::workorder::WorkOrder;
use serde::{Deserialize, Serialize};

pub(crate) use self::account::move_of;
use self::encode::Kinds;
pub(crate) use self::keys::{answer_of, answered};
pub(crate) use self::numbers::opens;
use crate::meta;
use crate::policies::Policies;
use crate::task::{Task, Verdict, prefix};

/// Changes with every change of the states' form beside the account's own.
const STATE_VERSION: &str = "ledger-service-state-1";

/// A folded stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// `account-<id>`
    Account(Box<Account>),
    /// `gateway-<id>`: the newest sequence recorded.
    Gateway {
        /// `None` before the first record.
        recorded_up_to: Option<u64>,
    },
    /// `workorder-<id>`
    WorkOrder(Box<WorkOrder>),
    /// `account-<number>` of a number that was given later: whose it is (K1).
    Number(AccountId),
    /// `application-<id>`
    Application(Box<Application>),
    /// `complaint-<id>`
    Complaint(Box<Complaint>),
    /// A desk, or the stream of something that is never decided here.
    Desk,
}

/// The domain.
pub(crate) struct LedgerDomain {
    policies: Policies,
    kinds: Kinds,
}

impl LedgerDomain {
    pub(crate) fn new(policies: Policies) -> Self {
        Self {
            policies,
            kinds: Kinds::new(),
        }
    }

    pub(crate) const fn policies(&self) -> &Policies {
        &self.policies
    }

    fn evolve_account(
        &self,
        account: &mut Account,
        event: &AccountEvent,
        meta: &[u8],
    ) -> Result<(), String> {
        if let AccountEvent::AccountOpened(opened) = event {
            self.must_know(&opened.scheme)?;
        }
        account.evolve(event, meta::stamp(meta)?);
        Ok(())
    }

    fn must_know(&self, scheme: &str) -> Result<(), String> {
        if self.policies.named(scheme).is_some() {
            return Ok(());
        }
        Err(format!(
            "the account belongs to scheme {scheme:?}, which is not configured: add it and start again"
        ))
    }
}

impl Domain for LedgerDomain {
    type State = State;
    type Command = Task;
    type Answer = Verdict;

    fn stream(&self, task: &Task) -> StreamName {
        task.stream().clone()
    }

    fn initial(&self, stream: &StreamName) -> State {
        let name = stream.as_str();
        if let Some(id) = name.strip_prefix(prefix::ACCOUNT) {
            let id = AccountId::parse(id);
            assert!(id.is_ok(), "an account's stream is named after a parsed id");
            return id.map_or(State::Desk, |id| State::Account(Box::new(Account::new(id))));
        }
        if name.starts_with(prefix::GATEWAY) {
            State::Gateway {
                recorded_up_to: None,
            }
        } else if name.starts_with(prefix::WORK_ORDER) {
            State::WorkOrder(Box::default())
        } else if name.starts_with(prefix::APPLICATION) {
            State::Application(Box::default())
        } else if name.starts_with(prefix::COMPLAINT) {
            State::Complaint(Box::default())
        } else {
            State::Desk
        }
    }

    fn evolve(&self, state: &mut State, event: PastEvent<'_>) -> Result<(), String> {
        let state_is_new =
            matches!(state, State::Account(account) if account.lifecycle() == Lifecycle::Unborn);
        let place = || format!("event {} ({})", event.revision, event.kind);
        let decoded =
            decode(event.kind, event.data).map_err(|error| format!("{}: {error}", place()))?;
        if let (true, Event::Number(given)) = (state_is_new, &decoded) {
            *state = State::Number(given.account.clone());
            return Ok(());
        }
        match (state, decoded) {
            (State::Account(account), Event::Account(fact)) => self
                .evolve_account(account, &fact, event.meta)
                .map_err(|error| format!("{}: {error}", place())),
            (State::Gateway { recorded_up_to }, Event::Gateway(received)) => {
                *recorded_up_to = Some(received.seq.1);
                Ok(())
            }
            (State::Account(account), Event::Reserved(fact))
                if account.lifecycle() == Lifecycle::Unborn =>
            {
                account.reserve(fact.application);
                Ok(())
            }
            (State::Application(application), Event::Application(fact)) => {
                let stamp =
                    meta::stamp(event.meta).map_err(|error| format!("{}: {error}", place()))?;
                application.evolve(&fact, stamp.at);
                Ok(())
            }
            (State::Complaint(complaint), Event::Complaint(fact)) => {
                let stamp =
                    meta::stamp(event.meta).map_err(|error| format!("{}: {error}", place()))?;
                complaint.evolve(&fact, stamp.at);
                Ok(())
            }
            (State::WorkOrder(order), Event::WorkOrder(fact)) => {
                let stamp =
                    meta::stamp(event.meta).map_err(|error| format!("{}: {error}", place()))?;
                order.evolve(&fact, stamp.at);
                Ok(())
            }
            (
                State::Account(_)
                | State::Gateway { .. }
                | State::WorkOrder(_)
                | State::Number(_)
                | State::Application(_)
                | State::Complaint(_)
                | State::Desk,
                Event::Account(_)
                | Event::Meter(_)
                | Event::Key(_)
                | Event::Suspense(_)
                | Event::Gateway(_)
                | Event::InitialCredit(_)
                | Event::Scheme(_)
                | Event::Legacy(_)
                | Event::WorkOrder(_)
                | Event::Reserved(_)
                | Event::Application(_)
                | Event::Complaint(_)
                | Event::Number(_),
            ) => Err(format!(
                "{} does not belong to this kind of stream",
                place()
            )),
        }
    }

    fn needs(&self, state: &State, task: &Task, known: &Evidence) -> Needs {
        match (state, task) {
            (State::Account(account), Task::Reading(task)) => {
                evidence::needs_of_reading(account, &self.policies, task, known)
            }
            (State::Account(account), Task::Keyed(task)) => {
                evidence::needs_of_keyed(account, &self.policies, task, known)
            }
            (State::Desk, Task::Desk(task)) => evidence::needs_of_desk(task, known),
            (State::WorkOrder(_), Task::WorkOrder(task)) => workorder::needs(task, known),
            (State::Number(_), Task::Keyed(task)) => numbers::needs(task, known),
            (State::Application(_) | State::Complaint(_), Task::Case(task)) => {
                cases::needs(task, known)
            }
            (
                State::Account(_)
                | State::Gateway { .. }
                | State::WorkOrder(_)
                | State::Number(_)
                | State::Application(_)
                | State::Complaint(_)
                | State::Desk,
                Task::Reading(_)
                | Task::Keyed(_)
                | Task::Bare(_)
                | Task::Desk(_)
                | Task::Gateway(_)
                | Task::WorkOrder(_)
                | Task::Case(_),
            ) => Needs::nothing(),
        }
    }

    fn probe(&self, task: &Task, event: &RecordedEvent) -> Probe {
        match task {
            Task::Reading(task) => evidence::probe_reading(task, event),
            Task::Keyed(_)
            | Task::Bare(_)
            | Task::Desk(_)
            | Task::Gateway(_)
            | Task::WorkOrder(_)
            | Task::Case(_) => Probe::Unrelated,
        }
    }

    fn decide(&self, state: &mut State, task: &Task, evidence: &Evidence) -> Decision<Verdict> {
        match (state, task) {
            (State::Account(account), Task::Reading(task)) => {
                self.decide_reading(account, task, evidence)
            }
            (State::Account(account), Task::Keyed(task)) => {
                self.decide_keyed(account, task, evidence)
            }
            (State::Application(application), Task::Case(task)) => {
                self.decide_application(application, task, evidence)
            }
            (State::Complaint(complaint), Task::Case(task)) => {
                self.decide_complaint(complaint, task, evidence)
            }
            (State::Number(holder), Task::Keyed(task)) => numbers::decide(holder, task, evidence),
            (State::Account(account), Task::Bare(task)) => self.decide_bare(account, task),
            (State::Desk, Task::Desk(task)) => self.decide_at_desk(task, evidence),
            (State::Gateway { recorded_up_to }, Task::Gateway(task)) => {
                self.decide_delivery(recorded_up_to, task)
            }
            (State::WorkOrder(order), Task::WorkOrder(task)) => {
                self.decide_work_order(order, task, evidence)
            }
            (
                State::Account(_)
                | State::Gateway { .. }
                | State::WorkOrder(_)
                | State::Number(_)
                | State::Application(_)
                | State::Complaint(_)
                | State::Desk,
                Task::Reading(_)
                | Task::Keyed(_)
                | Task::Bare(_)
                | Task::Desk(_)
                | Task::Gateway(_)
                | Task::WorkOrder(_)
                | Task::Case(_),
            ) => Decision::answer(Verdict::Damaged(format!(
                "{} has another kind of state",
                task.stream()
            ))),
        }
    }

    fn snapshot(&self, state: &State) -> Option<Vec<u8>> {
        match state {
            State::Account(_) | State::Gateway { .. } => serde_json::to_vec(state).ok(),
            State::WorkOrder(_)
            | State::Number(_)
            | State::Application(_)
            | State::Complaint(_)
            | State::Desk => None,
        }
    }

    fn restore(&self, stream: &StreamName, bytes: &[u8]) -> Option<State> {
        let state: State = serde_json::from_slice(bytes).ok()?;
        let fits = match (&state, self.initial(stream)) {
            (State::Account(account), State::Account(empty)) => {
                account.id() == empty.id() && self.policies.named(account.scheme()).is_some()
            }
            (State::Gateway { .. }, State::Gateway { .. }) => true,
            (
                State::Account(_)
                | State::Gateway { .. }
                | State::WorkOrder(_)
                | State::Number(_)
                | State::Application(_)
                | State::Complaint(_)
                | State::Desk,
                State::Account(_)
                | State::Gateway { .. }
                | State::WorkOrder(_)
                | State::Number(_)
                | State::Application(_)
                | State::Complaint(_)
                | State::Desk,
            ) => false,
        };
        fits.then_some(state)
    }

    fn schema_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(STATE_VERSION.as_bytes())
            .update(b"|")
            .update(Account::state_version().as_bytes());
        *hasher.finalize().as_bytes()
    }
}
