//! Logs made by hand for the tests of this crate: names, values, and a store to write them to.
//!
//! Every fact of an account is also folded into the core's own account, which refuses histories that no
//! decision could have made and serves as a second witness.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of this"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use event_store::{
    Commit, Committed, EventStore, Expected, MemoryStore, NewEvent, Position, StreamAppend,
    StreamName,
};
use ledger_core::account::Account;
use ledger_core::event::*;
use ledger_core::ids::*;
use ledger_core::num::{Money, Quantity};
use ledger_core::time::{LocalDate, Millis, Month, Timestamp};
use ledger_core::utility::Utility;
use projections::{ReadModels, Settings};
use uuid::Uuid;

pub const E: Utility = Utility::Electricity;
pub const W: Utility = Utility::Water;

pub fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

pub fn meter(text: &str) -> MeterNumber {
    MeterNumber::parse(text).unwrap()
}

pub fn channel(text: &str) -> ChannelId {
    ChannelId::parse(text).unwrap()
}

pub fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub fn qty(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn day(text: &str) -> LocalDate {
    LocalDate::parse(text).unwrap()
}

pub fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

/// The local date in Brunei, eight hours ahead all year.
pub fn local(at: Timestamp) -> LocalDate {
    LocalDate::parse(&(at + Millis::hours(8)).to_string()[..10]).unwrap()
}

pub fn pay(ch: &str, rf: &str, on: LocalDate) -> Payment {
    Payment {
        ch: channel(ch),
        rf: Reference::parse(rf).unwrap(),
        d: on,
        sus: false,
    }
}

pub fn register(interval_min: u32) -> RegisterSpec {
    RegisterSpec {
        register: RegisterId::parse("1").unwrap(),
        digits: 6,
        interval_min,
    }
}

/// A store and what was written to it.
pub struct Log {
    pub store: MemoryStore,
    pub accounts: BTreeMap<AccountId, Account>,
    pub written: u128,
    pub last: Option<Position>,
    dir: tempfile::TempDir,
}

impl Log {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            store: MemoryStore::new(),
            accounts: BTreeMap::new(),
            written: 0,
            last: None,
            dir,
        }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("read.db")
    }

    pub fn store(&self) -> Arc<dyn EventStore> {
        Arc::new(self.store.clone())
    }

    pub async fn start(&self) -> ReadModels {
        ReadModels::start(self.store(), Settings::at(&self.path()))
            .await
            .unwrap()
    }

    /// Read models that know of everything written.
    pub async fn caught_up(&self) -> ReadModels {
        let models = self.start().await;
        self.wait(&models).await;
        models
    }

    pub async fn wait(&self, models: &ReadModels) {
        if let Some(last) = self.last {
            models
                .wait_for(last, std::time::Duration::from_secs(30))
                .await
                .unwrap();
        }
    }

    pub async fn raw(&mut self, stream: &str, kind: &str, data: &str, meta: &str) -> Committed {
        self.written += 1;
        let event = NewEvent {
            id: Uuid::from_u128(self.written),
            kind: Arc::from(kind),
            data: Bytes::from(data.to_owned()),
            meta: Bytes::from(meta.to_owned()),
        };
        let append = StreamAppend {
            stream: StreamName::new(stream).unwrap(),
            expected: Expected::Any,
            events: vec![event],
        };
        let committed = self
            .store
            .append(vec![Commit {
                appends: vec![append],
            }])
            .await
            .remove(0)
            .unwrap();
        self.last = Some(committed.position);
        committed
    }

    pub async fn other(&mut self, stream: &str, at: Timestamp, event: Event) {
        let data = String::from_utf8(encode(&event)).unwrap();
        let meta = format!(r#"{{"at":"{at}","by":"test"}}"#);
        self.raw(stream, kind_of(&event), &data, &meta).await;
    }

    /// A fact of an account.
    pub async fn fact(&mut self, id: &AccountId, at: Timestamp, event: AccountEvent) {
        self.put(id, at, false, event).await;
    }

    /// A fact that a deadline of the account made.
    pub async fn by_deadline(&mut self, id: &AccountId, at: Timestamp, event: AccountEvent) {
        self.put(id, at, true, event).await;
    }

    async fn put(&mut self, id: &AccountId, at: Timestamp, by_deadline: bool, event: AccountEvent) {
        let state = self
            .accounts
            .entry(id.clone())
            .or_insert_with(|| Account::new(id.clone()));
        state.evolve(
            &event,
            Stamp {
                at,
                by_deadline,
                delivery: 0,
            },
        );
        let event = Event::Account(event);
        let data = String::from_utf8(encode(&event)).unwrap();
        let dl = if by_deadline { r#","dl":true"# } else { "" };
        let meta = format!(r#"{{"at":"{at}","by":"test"{dl}}}"#);
        self.raw(&format!("account-{id}"), kind_of(&event), &data, &meta)
            .await;
    }

    /// Opens an account with both meters installed and active; the first period ends 72 hours later.
    pub async fn open(&mut self, id: &AccountId, at: Timestamp) {
        let opened = AccountOpened {
            account: id.clone(),
            scheme: "usms".to_owned(),
            class: "residential".to_owned(),
            dwelling_units: 1,
            contracted_kva: None,
            customer: Some(OpaqueRef::parse("person-1").unwrap()),
        };
        self.fact(id, at, AccountEvent::AccountOpened(opened)).await;
        for u in Utility::ALL {
            self.install(id, u, at).await;
        }
    }

    pub async fn install(&mut self, id: &AccountId, u: Utility, at: Timestamp) {
        let m = meter_of(id, u);
        let reg = register(if u == E { 60 } else { 1_440 });
        let b = local(at).month();
        let installed = MeterInstalled {
            u,
            m: m.clone(),
            reg,
            t: at,
            v: Quantity::ZERO,
            b,
        };
        self.fact(id, at, AccountEvent::MeterInstalled(installed))
            .await;
        let until = at + Millis::hours(72);
        self.fact(
            id,
            at,
            AccountEvent::MeterActivated(MeterActivated { u, m, until }),
        )
        .await;
    }

    pub async fn top_up(
        &mut self,
        id: &AccountId,
        at: Timestamp,
        u: Utility,
        amount: &str,
    ) -> ReceiptNumber {
        let rc = ReceiptNumber::parse(&format!("R{}", self.written)).unwrap();
        let pay = pay("incomm", &format!("ref-{}", self.written), local(at));
        let event = CreditToppedUp {
            arr: Money::ZERO,
            rep: Money::ZERO,
            wd: Money::ZERO,
            del: false,
            u,
            m: meter_of(id, u),
            a: money(amount),
            rc: rc.clone(),
            pay,
        };
        self.fact(id, at, AccountEvent::CreditToppedUp(event)).await;
        rc
    }

    /// Consumption of a quantity at an amount.
    pub async fn consume(&mut self, id: &AccountId, at: Timestamp, u: Utility, used: (&str, &str)) {
        self.fact(id, at, consumed(id, at, u, qty(used.0), money(used.1)))
            .await;
    }
}

/// The meter an account has of a utility.
pub fn meter_of(id: &AccountId, u: Utility) -> MeterNumber {
    meter(&format!(
        "{}{}",
        u.code().to_uppercase(),
        id.as_str().to_uppercase().replace('-', "")
    ))
}

pub fn consumed(id: &AccountId, at: Timestamp, u: Utility, q: Quantity, a: Money) -> AccountEvent {
    AccountEvent::ConsumptionCharged(ConsumptionCharged {
        u,
        m: meter_of(id, u),
        t: at,
        v: q,
        q,
        a,
        d: Some(local(at)),
        p: Vec::new(),
        mn: Vec::new(),
        g: false,
        x: Vec::new(),
        b: None,
    })
}
