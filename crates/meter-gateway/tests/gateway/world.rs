//! A small world for the gateway's tests: a NATS server, a store in memory, a ledger, and few words.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use event_store::{Direction, EventStore, MemoryStore, RecordedEvent};
use ledger_core::answer::Answer;
use ledger_core::command::{Command, InstallMeter, OpenAccount, Source};
use ledger_core::event::{Event, ReadingCounts, decode};
use ledger_core::ids::{AccountId, Actor, ChannelId, CommandKey, MeterNumber, Reference};
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Timestamp, Zone};
use ledger_core::utility::Utility;
use ledger_service::{Ask, CommandRequest, Ledger, LedgerConfig, Policies, Target, TimeSource};
use meter_gateway::dead_letters::{DeadLetters, Listed};
use meter_gateway::testkit::NatsServer;
use meter_gateway::{Connection, GatewayConfig, GatewayHandle};
use tokio::sync::watch;

/// How long anything may take on a loaded machine before a test fails.
const PATIENCE: Duration = Duration::from_secs(40);

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

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) store: MemoryStore,
    pub(crate) ledger: Ledger,
    pub(crate) js: Context,
    /// Kept, since a dropped sender stops the gateways.
    pub(crate) shutdown: watch::Sender<bool>,
}

async fn ledger_on(store: &MemoryStore) -> Ledger {
    let policies = Policies::new(vec![SchemePolicy::builtin("usms").unwrap()]).unwrap();
    let time = TimeSource::simulated(start());
    let store: Arc<dyn EventStore> = Arc::new(store.clone());
    Ledger::start(store, None, policies, time, LedgerConfig::default())
        .await
        .unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let nats = NatsServer::start().unwrap();
        let client = async_nats::ConnectOptions::new()
            .retry_on_initial_connect()
            .connect(nats.url())
            .await
            .unwrap();
        let store = MemoryStore::new();
        let ledger = ledger_on(&store).await;
        let (shutdown, _) = watch::channel(false);
        Self {
            nats,
            store,
            ledger,
            js: jetstream::new(client),
            shutdown,
        }
    }

    /// Another process on the same store, whatever became of the first.
    pub(crate) async fn start_again(&mut self) {
        self.ledger = ledger_on(&self.store).await;
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::new(self.nats.url())
    }

    pub(crate) fn config(&self) -> GatewayConfig {
        GatewayConfig::new(self.connection(), Zone::named("Asia/Brunei").unwrap())
    }

    pub(crate) async fn gateway(&self) -> GatewayHandle {
        self.gateway_with(self.config()).await
    }

    pub(crate) async fn gateway_with(&self, config: GatewayConfig) -> GatewayHandle {
        let store: Arc<dyn EventStore> = Arc::new(self.store.clone());
        meter_gateway::run(
            config,
            self.ledger.clone(),
            store,
            self.shutdown.subscribe(),
        )
        .await
        .unwrap()
    }

    /// Makes the stream of readings before a gateway does.
    pub(crate) async fn readings_stream(&self) {
        meter_gateway::names::readings(&self.js).await.unwrap();
    }

    pub(crate) async fn send(&self, utility: &str, payload: impl Into<String>) -> u64 {
        self.send_received(utility, payload, hour(24 * 30)).await
    }

    /// Publishes until JetStream has it, as a real gateway does; the sequence it got.
    pub(crate) async fn send_received(
        &self,
        utility: &str,
        payload: impl Into<String>,
        at: Timestamp,
    ) -> u64 {
        let payload = bytes::Bytes::from(payload.into());
        let id = format!("{:x}", md(&payload));
        for _ in 0..200 {
            let mut headers = HeaderMap::new();
            headers.insert("Ledger-Received-At", at.to_string().as_str());
            headers.insert("Nats-Msg-Id", id.as_str());
            let subject = format!("meter.readings.{utility}.he1");
            if let Ok(ack) = self
                .js
                .publish_with_headers(subject, headers, payload.clone())
                .await
                && let Ok(ack) = ack.await
            {
                return ack.sequence;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("JetStream does not take messages");
    }

    async fn staff(&self, reference: &str, id: &str, command: Command, at: Timestamp) {
        let target = Target::Account(AccountId::parse(id).unwrap());
        self.submit(reference, target, Ask::Command(command), at)
            .await;
    }

    async fn submit(&self, reference: &str, target: Target, ask: Ask, received_at: Timestamp) {
        let key = CommandKey {
            channel: ChannelId::parse("office").unwrap(),
            reference: Reference::parse(reference).unwrap(),
        };
        let actor = Actor::parse("clerk-1").unwrap();
        let reply = self
            .ledger
            .submit(CommandRequest {
                key,
                actor,
                received_at,
                target,
                ask,
            })
            .await
            .unwrap();
        assert!(
            matches!(reply.answer, Answer::Done { .. } | Answer::Receipt(_)),
            "{reply:?}"
        );
    }

    /// An open account with a meter that was installed and activated at the start.
    pub(crate) async fn household(&self, id: &str, number: &str) {
        let open = OpenAccount {
            scheme: None,
            class: "residential".to_owned(),
            dwelling_units: 1,
            contracted_kva: None,
            customer: None,
        };
        self.staff(
            &format!("open-{id}"),
            id,
            Command::OpenAccount(open),
            start(),
        )
        .await;
        self.meter(id, number).await;
    }

    pub(crate) async fn meter(&self, id: &str, number: &str) {
        let utility = if number.starts_with('W') {
            Utility::Water
        } else {
            Utility::Electricity
        };
        let meter = MeterNumber::parse(number).unwrap();
        let first_value = Quantity::ZERO;
        let install = InstallMeter {
            utility,
            meter: meter.clone(),
            register: None,
            at: start(),
            first_value,
        };
        self.staff(
            &format!("install-{number}"),
            id,
            Command::InstallMeter(install),
            start(),
        )
        .await;
        self.staff(
            &format!("activate-{number}"),
            id,
            Command::ActivateMeter { meter },
            start(),
        )
        .await;
    }

    pub(crate) async fn top_up(&self, reference: &str, number: &str, amount: &str, at: Timestamp) {
        let ask = Ask::TopUp {
            amount: money(amount),
            source: Source::NotTaken,
        };
        self.submit(reference, Target::Meter(number.to_owned()), ask, at)
            .await;
    }

    pub(crate) async fn balance(&self, id: &str, utility: Utility) -> Money {
        let view = self
            .ledger
            .account(&AccountId::parse(id).unwrap())
            .await
            .unwrap()
            .unwrap();
        view.account
            .wallet(utility)
            .map_or(Money::ZERO, |wallet| wallet.balance)
    }

    pub(crate) async fn events(&self) -> Vec<RecordedEvent> {
        self.store
            .read_all(None, Direction::Forwards, usize::MAX)
            .await
            .unwrap()
    }

    pub(crate) async fn count(&self, kind: &str) -> usize {
        self.events()
            .await
            .iter()
            .filter(|event| event.kind.as_ref() == kind)
            .count()
    }

    /// Sums of the gateway's records over all its streams: by utility, and what was malformed.
    pub(crate) async fn counted(&self) -> (ReadingCounts, ReadingCounts, u64) {
        let mut sums = Utility::ALL.map(ReadingCounts::none);
        let mut bad = 0;
        for event in self.events().await {
            let Ok(Event::Gateway(received)) = decode(&event.kind, &event.data) else {
                continue;
            };
            bad += received.bad;
            for n in received.n {
                let sum = sums.iter_mut().find(|sum| sum.u == n.u).unwrap();
                *sum = ReadingCounts {
                    u: n.u,
                    acc: sum.acc + n.acc,
                    dup: sum.dup + n.dup,
                    con: sum.con + n.con,
                    late: sum.late + n.late,
                    quar: sum.quar + n.quar,
                    refu: sum.refu + n.refu,
                };
            }
        }
        let [electricity, water] = sums;
        (electricity, water, bad)
    }

    pub(crate) async fn dead_letters(&self) -> Vec<Listed> {
        DeadLetters::open(&self.connection())
            .await
            .unwrap()
            .list(0, 500)
            .await
            .unwrap()
    }

    /// Every message of a stream: subject and payload.
    pub(crate) async fn messages(&self, stream: &str) -> Vec<(String, serde_json::Value)> {
        let Ok(stream) = self.js.get_stream(stream).await else {
            return Vec::new();
        };
        let mut all = Vec::new();
        let mut next = 1;
        while let Ok(message) = stream
            .raw_message_builder()
            .sequence(next)
            .next_by_subject(">")
            .send()
            .await
        {
            next = message.sequence + 1;
            all.push((
                message.subject.to_string(),
                serde_json::from_slice(&message.payload).unwrap(),
            ));
        }
        all
    }
}

/// A number for a text, so that a repeated attempt has the same message id.
fn md(payload: &[u8]) -> u128 {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, payload).as_u128()
}

/// Waits until something is so.
pub(crate) async fn until<F, Fut>(what: &str, mut holds: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < give_up {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("in vain: {what}");
}

pub(crate) async fn until_recorded(gateway: &GatewayHandle, sequence: u64) {
    until(
        &format!("message {sequence} is recorded: {:?}", gateway.stats()),
        || async { gateway.stats().recorded_up_to >= sequence },
    )
    .await;
}

/// A reading as a gateway sends it.
pub(crate) fn reading(meter: &str, at: Timestamp, value: &str) -> String {
    format!(r#"{{"meter":"{meter}","read_at":"{at}","value":"{value}"}}"#)
}
