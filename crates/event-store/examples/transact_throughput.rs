//! How many cheap commands a second `transact` carries, on the memory store: the cost of the write path
//! itself, without disk and without a real domain.
//!
//! `cargo run --release -p event-store --example transact_throughput [-- SHARDS]`. Each command charges
//! one reading to one of 100,000 accounts (250 bytes of event); callers hand over batches of 1,000
//! different accounts and wait for them, eight at a time. Every answer is checked and counted. The
//! processor time of the whole process (callers, domain and memory store included) is printed beside the
//! wall time, because it is what can be compared between machines that do other work meanwhile.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use event_store::transact::{
    Decision, Domain, Evidence, Needs, PastEvent, Probe, Transact, TransactConfig,
};
use event_store::{MemoryStore, NewEvent, RecordedEvent, StreamName};
use uuid::Uuid;

const ACCOUNTS: usize = 100_000;
const BATCH: usize = 1_000;
const CALLERS: usize = 8;
const ROUNDS: usize = 400;
const RUNS: usize = 5;

struct Readings {
    kind: Arc<str>,
    meta: Bytes,
}

#[derive(Clone, Copy, Default)]
struct Register {
    read: u64,
    charged: i64,
}

struct Reading {
    account: StreamName,
    number: u128,
    read: u64,
}

impl Domain for Readings {
    type State = Register;
    type Command = Reading;
    type Answer = i64;

    fn stream(&self, command: &Reading) -> StreamName {
        command.account.clone()
    }
    fn initial(&self, _: &StreamName) -> Register {
        Register::default()
    }
    fn evolve(&self, state: &mut Register, _: PastEvent<'_>) -> Result<(), String> {
        state.read += 1;
        Ok(())
    }
    fn needs(&self, _: &Register, _: &Reading, _: &Evidence) -> Needs {
        Needs::nothing()
    }
    fn probe(&self, _: &Reading, _: &RecordedEvent) -> Probe {
        Probe::Unrelated
    }
    fn decide(&self, state: &mut Register, command: &Reading, _: &Evidence) -> Decision<i64> {
        state.read = command.read;
        state.charged += 7;
        let mut data = Vec::with_capacity(250);
        data.extend_from_slice(&command.read.to_le_bytes());
        data.resize(250, b' ');
        let id = Uuid::from_u128(command.number << 64 | u128::from(command.read));
        let event = NewEvent {
            id,
            kind: self.kind.clone(),
            data: Bytes::from(data),
            meta: self.meta.clone(),
        };
        Decision::append(state.charged, vec![event])
    }
    fn snapshot(&self, _: &Register) -> Option<Vec<u8>> {
        None
    }
    fn restore(&self, _: &StreamName, _: &[u8]) -> Option<Register> {
        None
    }
    fn schema_hash(&self) -> [u8; 32] {
        [0; 32]
    }
}

/// One caller: its batches one after the other; how many were answered.
async fn caller(
    transact: Transact<Readings>,
    names: Arc<Vec<StreamName>>,
    caller: usize,
    run: usize,
) -> usize {
    let mut answered = 0;
    for round in 0..ROUNDS / CALLERS {
        let first = (round * CALLERS + caller) * BATCH;
        let read = (run * ROUNDS + round) as u64;
        let commands = names
            .iter()
            .enumerate()
            .cycle()
            .skip(first % ACCOUNTS)
            .take(BATCH);
        let commands = commands
            .map(|(number, account)| Reading {
                account: account.clone(),
                number: number as u128,
                read,
            })
            .collect();
        answered += transact
            .execute_many(commands)
            .await
            .iter()
            .filter(|answer| answer.is_ok())
            .count();
    }
    answered
}

/// Processor time of this process in units of 10 ms, user and system; 0 where `/proc` is not there.
fn processor_time() -> u128 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<u128>().ok()).sum()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shards = std::env::args().nth(1).map_or(Ok(2), |text| text.parse())?;
    let names: Result<Vec<_>, _> = (0..ACCOUNTS)
        .map(|n| StreamName::new(&format!("account-{n:08}")))
        .collect();
    let names = Arc::new(names?);
    for run in 0..=RUNS {
        let domain = Arc::new(Readings {
            kind: Arc::from("consumption-charged.v1"),
            meta: Bytes::new(),
        });
        let store = Arc::new(MemoryStore::new());
        let config = TransactConfig {
            shards,
            ..TransactConfig::default()
        };
        let transact = Transact::start(domain, store.clone(), None, config);
        // Warm: every account is in memory before the clock starts.
        let warm = names.iter().enumerate().map(|(number, account)| Reading {
            account: account.clone(),
            number: number as u128,
            read: u64::MAX,
        });
        transact.execute_many(warm.collect()).await;
        let (began, processor) = (Instant::now(), processor_time());
        let callers =
            (0..CALLERS).map(|i| tokio::spawn(caller(transact.clone(), names.clone(), i, run)));
        let mut answered = 0;
        for task in callers.collect::<Vec<_>>() {
            answered += task.await?;
        }
        let micros = began.elapsed().as_micros();
        let rate = answered as u128 * 1_000_000 / micros.max(1);
        let nanos = (processor_time() - processor) * 10_000_000 / answered.max(1) as u128;
        let stats = transact.stats();
        transact.shutdown().await;
        let kind = if run == 0 { "warm-up" } else { "measured" };
        let groups = stats.group_appends;
        println!(
            "{kind}: {answered} commands in {micros} us = {rate} a second; {nanos} ns of processor each; {groups} group appends"
        );
    }
    Ok(())
}
