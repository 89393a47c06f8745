//! A small world for the service's tests: a store in memory, a ledger on it, and commands in few words.

use std::sync::Arc;

use event_store::snapshot::SnapshotStore;
use event_store::transact::{TransactConfig, is_bookkeeping};
use event_store::{Direction, EventStore, MemoryStore, RecordedEvent};
use ledger_core::answer::{Answer, ReadingOutcome, Receipt};
use ledger_core::command::{
    CloseTo, Command, FinalReading, InstallMeter, OpenAccount, Reading, Source,
};
use ledger_core::ids::{
    AccountId, Actor, ChannelId, CommandKey, MeterNumber, OpaqueRef, Reference,
};
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Month, Timestamp};
use ledger_core::utility::Utility;
use ledger_service::{
    Ask, CommandRequest, Delivery, Ledger, LedgerConfig, Policies, Reply, ReturnRequest,
    ServiceError, Target, TimeSource,
};

/// 2026-03-02 10:00 in Brunei, a Monday.
pub(crate) fn start() -> Timestamp {
    Timestamp::parse("2026-03-02T02:00:00Z").unwrap()
}

pub(crate) fn hour(hours: i64) -> Timestamp {
    start() + Millis::hours(hours)
}

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub(crate) fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

pub(crate) fn account(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

pub(crate) fn meter(number: &str) -> MeterNumber {
    MeterNumber::parse(number).unwrap()
}

pub(crate) fn actor(name: &str) -> Actor {
    Actor::parse(name).unwrap()
}

/// `bank/r1`
pub(crate) fn key(text: &str) -> CommandKey {
    let (channel, reference) = text.split_once('/').unwrap();
    CommandKey {
        channel: ChannelId::parse(channel).unwrap(),
        reference: Reference::parse(reference).unwrap(),
    }
}

/// The built-in scheme, in which a channel may void within a day.
pub(crate) fn policy() -> SchemePolicy {
    let text = SchemePolicy::builtin_text("usms").unwrap();
    let text = text.replacen("zone = ", "void_window_hours = 24\nzone = ", 1);
    SchemePolicy::from_toml(&text).unwrap()
}

pub(crate) fn policies() -> Policies {
    let text = SchemePolicy::builtin_text("payu").unwrap();
    let text = text.replacen("zone = ", "void_window_hours = 24\nzone = ", 1);
    let payu = SchemePolicy::from_toml(&text).unwrap();
    let ebcm = SchemePolicy::builtin("ebcm").unwrap();
    Policies::new(vec![policy(), payu, ebcm]).unwrap()
}

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) snapshots: Option<Arc<dyn SnapshotStore>>,
    pub(crate) config: LedgerConfig,
    pub(crate) ledger: Ledger,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(LedgerConfig::default(), None).await
    }

    pub(crate) async fn with(
        config: LedgerConfig,
        snapshots: Option<Arc<dyn SnapshotStore>>,
    ) -> Self {
        let clock = Arc::new(event_store::SystemClock);
        let store = MemoryStore::with_capabilities(clock, crate::CAPABILITIES);
        let ledger = ledger_on(&store, &config, snapshots.clone()).await;
        Self {
            store,
            snapshots,
            config,
            ledger,
        }
    }

    /// One account in memory at a time.
    pub(crate) async fn forgetful() -> Self {
        let transact = TransactConfig {
            shards: 1,
            accounts_max: 1,
            ..TransactConfig::default()
        };
        Self::with(
            LedgerConfig {
                transact,
                ..LedgerConfig::default()
            },
            None,
        )
        .await
    }

    /// Ends the process in order and starts another on the same store.
    pub(crate) async fn restart(&mut self) {
        self.ledger.shutdown().await;
        self.start_again().await;
    }

    /// Starts another process on the same store, whatever became of the first.
    pub(crate) async fn start_again(&mut self) {
        self.ledger = ledger_on(&self.store, &self.config, self.snapshots.clone()).await;
    }

    pub(crate) async fn try_submit(&self, request: CommandRequest) -> Result<Reply, ServiceError> {
        self.ledger.submit(request).await
    }

    pub(crate) async fn submit(&self, request: CommandRequest) -> Reply {
        self.try_submit(request).await.unwrap()
    }

    pub(crate) async fn done(&self, request: CommandRequest) {
        let reply = self.submit(request).await;
        assert!(matches!(reply.answer, Answer::Done { .. }), "{reply:?}");
    }

    pub(crate) async fn receipt(&self, request: CommandRequest) -> Receipt {
        match self.submit(request).await.answer {
            Answer::Receipt(receipt) => receipt,
            other => panic!("no receipt: {other:?}"),
        }
    }

    /// The refusal's code.
    pub(crate) async fn refusal(&self, request: CommandRequest) -> &'static str {
        code(&self.submit(request).await.answer)
    }

    /// An open account with an electricity meter, installed at the start.
    pub(crate) async fn household(&self, id: &str, number: &str) {
        self.done(open(id)).await;
        self.done(install(id, number, start())).await;
    }

    pub(crate) async fn balance(&self, id: &str) -> Money {
        let view = self.ledger.account(&account(id)).await.unwrap().unwrap();
        view.account
            .wallet(Utility::Electricity)
            .map_or(Money::ZERO, |wallet| wallet.balance)
    }

    /// Everything that says something of the domain.
    pub(crate) async fn events(&self) -> Vec<RecordedEvent> {
        let mut events = self.all_events().await;
        events.retain(|event| !is_bookkeeping(&event.kind));
        events
    }

    pub(crate) async fn all_events(&self) -> Vec<RecordedEvent> {
        self.store
            .read_all(None, Direction::Forwards, usize::MAX)
            .await
            .unwrap()
    }

    pub(crate) async fn count(&self, kind: &str) -> usize {
        self.all_events()
            .await
            .iter()
            .filter(|event| event.kind.as_ref() == kind)
            .count()
    }

    pub(crate) async fn deliver(&self, seq: u64, readings: Vec<Reading>) -> Vec<ReadingOutcome> {
        let received_at = readings
            .iter()
            .map(|r| r.read_at)
            .max()
            .unwrap_or_else(start);
        self.deliver_at(seq, received_at, readings).await
    }

    pub(crate) async fn deliver_at(
        &self,
        seq: u64,
        received_at: Timestamp,
        readings: Vec<Reading>,
    ) -> Vec<ReadingOutcome> {
        let delivery = Delivery {
            seq,
            received_at,
            readings,
        };
        let mut all = self
            .ledger
            .record_readings(&actor("gw-1"), vec![delivery])
            .await;
        all.remove(0).unwrap()
    }
}

pub(crate) async fn ledger_on(
    store: &MemoryStore,
    config: &LedgerConfig,
    snapshots: Option<Arc<dyn SnapshotStore>>,
) -> Ledger {
    let time = TimeSource::simulated(start());
    let store: Arc<dyn EventStore> = Arc::new(store.clone());
    Ledger::start(store, snapshots, policies(), time, config.clone())
        .await
        .unwrap()
}

pub(crate) fn code(answer: &Answer) -> &'static str {
    match answer {
        Answer::Refused(refusal) => refusal.code(),
        other => panic!("not refused: {other:?}"),
    }
}

fn request(reference: &str, target: Target, ask: Ask, at: Timestamp) -> CommandRequest {
    CommandRequest {
        key: key(reference),
        actor: actor("clerk-1"),
        received_at: at,
        target,
        ask,
    }
}

pub(crate) fn staff(reference: &str, id: &str, command: Command, at: Timestamp) -> CommandRequest {
    request(
        reference,
        Target::Account(account(id)),
        Ask::Command(command),
        at,
    )
}

pub(crate) fn open(id: &str) -> CommandRequest {
    let open = OpenAccount {
        scheme: None,
        class: "residential".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        customer: None,
    };
    staff(
        &format!("office/open-{id}"),
        id,
        Command::OpenAccount(open),
        start(),
    )
}

pub(crate) fn install(id: &str, number: &str, at: Timestamp) -> CommandRequest {
    install_from(id, number, at, "0")
}

pub(crate) fn install_from(id: &str, number: &str, at: Timestamp, first: &str) -> CommandRequest {
    let utility = if number.starts_with('W') {
        Utility::Water
    } else {
        Utility::Electricity
    };
    let install = InstallMeter {
        utility,
        meter: meter(number),
        register: None,
        at,
        first_value: quantity(first),
    };
    let reference = format!("office/install-{id}-{number}-{}", at.as_millis());
    staff(&reference, id, Command::InstallMeter(install), at)
}

pub(crate) fn last(number: &str, value: &str) -> FinalReading {
    FinalReading {
        meter: meter(number),
        value: quantity(value),
        force: None,
    }
}

pub(crate) fn remove(id: &str, number: &str, at: Timestamp, value: &str) -> CommandRequest {
    let reference = format!("office/remove-{id}-{number}-{}", at.as_millis());
    staff(
        &reference,
        id,
        Command::RemoveMeter {
            last: last(number, value),
            at,
        },
        at,
    )
}

pub(crate) fn close(
    id: &str,
    finals: Vec<FinalReading>,
    to: CloseTo,
    at: Timestamp,
) -> CommandRequest {
    staff(
        &format!("office/close-{id}"),
        id,
        Command::CloseAccount { finals, to },
        at,
    )
}

pub(crate) fn agree_debt(
    id: &str,
    principal: &str,
    instalment: &str,
    month: &str,
) -> CommandRequest {
    let command = Command::AgreeDebt {
        utility: Utility::Water,
        principal: money(principal),
        instalment: money(instalment),
        start: Month::parse(month).unwrap(),
    };
    staff(&format!("office/debt-{id}"), id, command, start())
}

pub(crate) fn top_up(reference: &str, number: &str, amount: &str) -> CommandRequest {
    top_up_from(reference, number, amount, Source::NotTaken)
}

pub(crate) fn taken(reference: &str, number: &str, amount: &str) -> CommandRequest {
    top_up_from(reference, number, amount, Source::Taken)
}

pub(crate) fn top_up_from(
    reference: &str,
    number: &str,
    amount: &str,
    source: Source,
) -> CommandRequest {
    let ask = Ask::TopUp {
        amount: money(amount),
        source,
    };
    request(reference, Target::Meter(number.to_owned()), ask, hour(1))
}

pub(crate) fn pay_debt(reference: &str, id: &str, amount: &str) -> CommandRequest {
    let ask = Ask::PayDebt {
        amount: money(amount),
        source: Source::NotTaken,
    };
    request(reference, Target::Account(account(id)), ask, hour(1))
}

pub(crate) fn return_of(reference: &str, item: &str) -> ReturnRequest {
    ReturnRequest {
        key: key(reference),
        actor: actor("clerk-1"),
        received_at: hour(2),
        item: key(item),
        document: OpaqueRef::parse("doc-1").unwrap(),
    }
}

pub(crate) fn reading(number: &str, at: Timestamp, value: &str) -> Reading {
    Reading {
        meter: meter(number),
        register: None,
        read_at: at,
        value: quantity(value),
    }
}
