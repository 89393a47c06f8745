//! The whole service under simulation: routing, keys, claims, the log in memory, and the read models that
//! follow it in a database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use event_store::{Direction, EventStore, MemoryStore, Position};
use ledger_core::account::Account;
use ledger_core::answer::Answer;
use ledger_core::command::{BillingCommand, Command};
use ledger_core::event::{Event, Meta, decode, kind_of};
use ledger_core::ids::{AccountId, Actor};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Month, Timestamp};
use ledger_service::{
    Ask as ServiceAsk, CommandRequest, Delivery, Ledger, LedgerConfig, Policies, Target, TimeSource,
};
use projections::{ReadModels, Settings, Snapshot, verify};
use tokio::runtime::Runtime;

use crate::machine::{Ask, Entry, Said, entry, key};
use crate::watch::{Finding, Watch};

/// How long the read models may lag behind the log.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(60);

/// A service in memory and its read models.
pub(crate) struct Whole {
    runtime: Runtime,
    store: MemoryStore,
    ledger: Ledger,
    models: ReadModels,
    /// Up to where the log was looked at.
    seen: Option<Position>,
    folder: tempfile::TempDir,
    actor: Actor,
}

impl Whole {
    pub(crate) fn of(policy: SchemePolicy, start: Timestamp) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let store = MemoryStore::new();
        let folder = tempfile::tempdir().unwrap();
        let log: Arc<dyn EventStore> = Arc::new(store.clone());
        let policies = Policies::new(vec![policy]).unwrap();
        let time = TimeSource::simulated(start);
        let config = LedgerConfig::default();
        let ledger = Ledger::start(Arc::clone(&log), None, policies, time, config);
        let ledger = runtime.block_on(ledger).unwrap();
        let settings = Settings::at(&folder.path().join("read.db"));
        let models = runtime.block_on(ReadModels::start(log, settings)).unwrap();
        Self {
            runtime,
            store,
            ledger,
            models,
            seen: None,
            folder,
            actor: Actor::parse("simulation").unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("read.db")
    }

    pub(crate) fn ask(&mut self, account: &mut Account, at: Timestamp, ask: Ask) -> Said {
        let id = account.id().clone();
        let answer = match ask {
            Ask::Keyed {
                channel,
                reference,
                command,
            } => self.keyed(&id, at, (channel, &reference), command),
            Ask::Reading(reading, seq) => {
                let delivery = Delivery {
                    seq,
                    received_at: at,
                    readings: vec![reading],
                };
                let recorded = self.ledger.record_readings(&self.actor, vec![delivery]);
                let mut outcomes = self.runtime.block_on(recorded).remove(0).unwrap();
                Answer::Reading(outcomes.remove(0))
            }
            Ask::Confirm(Command::ConfirmOrder {
                meter,
                order,
                at: done,
            }) => {
                let confirmed = self
                    .ledger
                    .confirm_order(&self.actor, at, (meter, order, done));
                self.runtime.block_on(confirmed).unwrap().answer
            }
            Ask::Confirm(other) => panic!("{other:?} confirms nothing"),
            Ask::Tick => {
                let mut ticked = self
                    .runtime
                    .block_on(self.ledger.tick(vec![id.clone()], at));
                ticked.remove(0).unwrap().answer
            }
        };
        let view = self.runtime.block_on(self.ledger.account(&id)).unwrap();
        if let Some(view) = view {
            *account = view.account;
        }
        let log = self.news_of(account);
        Said { answer, log }
    }

    fn keyed(
        &self,
        id: &AccountId,
        at: Timestamp,
        (channel, reference): (&str, &str),
        command: Command,
    ) -> Answer {
        let (target, ask) = match command {
            Command::TopUp(top_up) => {
                let (amount, source) = (top_up.amount, top_up.source);
                let target = Target::Meter(top_up.meter.to_string());
                (target, ServiceAsk::TopUp { amount, source })
            }
            Command::PayDebt(pay) => {
                let (amount, source) = (pay.amount, pay.source);
                (
                    Target::Account(id.clone()),
                    ServiceAsk::PayDebt { amount, source },
                )
            }
            Command::Billing(billing) => (Target::Account(id.clone()), billing_ask(*billing)),
            other => (Target::Account(id.clone()), ServiceAsk::Command(other)),
        };
        let request = CommandRequest {
            key: key(channel, reference),
            actor: self.actor.clone(),
            received_at: at,
            target,
            ask,
        };
        self.runtime
            .block_on(self.ledger.submit(request))
            .unwrap()
            .answer
    }

    /// What the log says of the account since it was looked at last.
    fn news_of(&mut self, account: &Account) -> Vec<Entry> {
        let read = self
            .store
            .read_all(self.seen, Direction::Forwards, usize::MAX);
        let events = self.runtime.block_on(read).unwrap();
        let mut log = Vec::new();
        for stored in events {
            self.seen = Some(stored.position);
            let of = stored.stream.as_str().strip_prefix("account-");
            if of != Some(account.id().as_str()) {
                continue;
            }
            let event = decode(&stored.kind, &stored.data).unwrap();
            let kind = kind_of(&event);
            let Event::Account(event) = event else {
                panic!("{kind} stands in an account's stream")
            };
            let meta: Meta = serde_json::from_slice(&stored.meta).unwrap();
            log.push(entry(account, event, kind, meta.stamp()));
        }
        log
    }

    /// The read models say what the accounts say, and the books that they keep balance.
    pub(crate) fn check(&self, watches: &[&Watch], month: Month) -> Result<(), Finding> {
        if let Some(seen) = self.seen {
            let caught_up = self.models.wait_for(seen, CAUGHT_UP_WITHIN);
            self.runtime.block_on(caught_up).unwrap();
        }
        let snapshot = self.models.snapshot().unwrap();
        let balance = snapshot.trial_balance().unwrap();
        must(
            balance.balanced,
            "C2: the read model's trial balance",
            || format!("{balance:?}"),
        )?;
        for control in snapshot.control_accounts().unwrap() {
            must(
                control.ties(),
                "C2: the read model's control accounts",
                || format!("{control:?}"),
            )?;
        }
        for watch in watches {
            agrees(&snapshot, watch, month).map_err(|f| f.of(watch.account()))?;
        }
        Ok(())
    }

    /// What was followed live is what the log gives at once, and nothing was left half done.
    pub(crate) fn check_all(&self) -> Result<(), Finding> {
        let log: Arc<dyn EventStore> = Arc::new(self.store.clone());
        let report = self.runtime.block_on(verify(&log, &self.path())).unwrap();
        must(report.equal(), "C1: live is rebuilt", || {
            format!("{report:?}")
        })?;
        let left = self.runtime.block_on(self.ledger.doctor()).unwrap();
        must(left.is_empty(), "C5: nothing is left half done", || {
            format!("{left:?}")
        })
    }

    pub(crate) fn close(self) {
        self.runtime.block_on(async {
            self.models.close().await;
            self.ledger.shutdown().await;
        });
    }
}

fn agrees(snapshot: &Snapshot, watch: &Watch, month: Month) -> Result<(), Finding> {
    let (account, id) = (watch.account(), watch.account().id());
    let rows = snapshot.balances(id).unwrap();
    for wallet in account.wallets() {
        let row = rows.iter().find(|row| row.utility == wallet.utility);
        let shown = row.map(|row| row.credit).unwrap_or_default();
        must(
            shown == wallet.balance,
            "C2: the read model's balances",
            || format!("{} shows {shown}, has {}", wallet.utility, wallet.balance),
        )?;
    }
    let shown = snapshot
        .debt(id, month)
        .unwrap()
        .map(|d| (d.balance, d.due, d.months_left, d.period));
    let told = watch
        .debt_at(month)
        .map(|d| (d.balance, d.due, d.months_left, d.period));
    must(shown == told, "U12: the read model's debts", || {
        format!("in {month} shows {shown:?}, is {told:?}")
    })?;
    if let Some(billing) = account.billing() {
        let row = snapshot.consumer(id).unwrap();
        let shown = row.map(|row| (row.status, row.dues, row.deposit));
        let has = (
            billing.status(),
            billing.dues().balance(),
            billing.deposit(),
        );
        must(shown == Some(has), "E1: the read model's consumers", || {
            format!("shows {shown:?}, has {has:?}")
        })?;
    }
    Ok(())
}

fn must(holds: bool, check: &'static str, what: impl FnOnce() -> String) -> Result<(), Finding> {
    if holds {
        Ok(())
    } else {
        Err(Finding::new(check, what()))
    }
}

/// Payments of postpaid accounts have an ask of their own.
fn billing_ask(command: BillingCommand) -> ServiceAsk {
    match command {
        BillingCommand::PayBill(pay) => ServiceAsk::PayBill(pay),
        BillingCommand::PayDeposit { amount, source } => ServiceAsk::PayDeposit { amount, source },
        other => ServiceAsk::Command(Command::billing(other)),
    }
}
