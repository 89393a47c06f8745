//! How fast the read models catch up: events a second into a file, beside one thread that only decodes.
//!
//! `cargo run --release -p projections --example catch_up -- [events] [accounts]`

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use event_store::{
    Commit, Direction, EventStore, Expected, MemoryStore, NewEvent, StreamAppend, StreamName,
};
use ledger_core::event::{
    AccountEvent, AccountOpened, ConsumptionCharged, CreditToppedUp, Event, MeterInstalled,
    Payment, RegisterSpec, decode, encode, kind_of,
};
use ledger_core::ids::{AccountId, ChannelId, MeterNumber, ReceiptNumber, Reference, RegisterId};
use ledger_core::num::{Money, Quantity};
use ledger_core::time::{LocalDate, Millis, Timestamp};
use ledger_core::utility::Utility;

/// Events of one read while decoding alone.
const READ: usize = 8_192;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let events: u64 = args.next().map_or(Ok(2_000_000), |n| n.parse())?;
    let accounts: u64 = args.next().map_or(Ok(20_000), |n| n.parse())?;
    let memory = MemoryStore::new();
    fill(&memory, events, accounts).await?;
    let store: Arc<dyn EventStore> = Arc::new(memory);
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("read.db");
    for _ in 0..3 {
        let before = cpu_ms();
        let decoded = decode_all(&*store).await?;
        let between = cpu_ms();
        let report = projections::rebuild(&store, &path, &mut |_| {}).await?;
        let (decoding, folding) = (between - before, cpu_ms() - between);
        std::fs::remove_file(&path)?;
        let folded = rate(report.events, report.elapsed.as_millis());
        println!(
            "decode alone {decoded}/s ({} ns of processor an event), all projections {folded}/s ({} ns): {}%",
            decoding * 1_000_000 / events,
            folding * 1_000_000 / events,
            folded * 100 / decoded.max(1)
        );
    }
    Ok(())
}

/// Processor time of this process so far, in milliseconds; zero where there is no `/proc`. On a shared
/// machine it says more than the clock on the wall.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    // User and system time are the 12th and 13th after the name, in ticks of 10 ms.
    fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum::<u64>()
        * 10
}

fn rate(events: u64, millis: u128) -> u64 {
    u64::try_from(u128::from(events) * 1_000 / millis.max(1)).unwrap_or(u64::MAX)
}

async fn decode_all(store: &dyn EventStore) -> Result<u64, Failure> {
    let began = Instant::now();
    let (mut after, mut n) = (None, 0);
    loop {
        let batch = store.read_all(after, Direction::Forwards, READ).await?;
        let Some(last) = batch.last() else { break };
        after = Some(last.position);
        for event in &batch {
            std::hint::black_box(decode(&event.kind, &event.data)?);
            n += 1;
        }
    }
    Ok(rate(n, began.elapsed().as_millis()))
}

/// Accounts with an electricity meter each, read in turn hour by hour; every hundredth event a top-up.
async fn fill(store: &MemoryStore, events: u64, accounts: u64) -> Result<(), Failure> {
    let start = Timestamp::parse("2026-01-01T00:00:00Z")?;
    let mut commits = Vec::new();
    for n in 0..events {
        let (who, round) = (n % accounts, n / accounts);
        let at = start + Millis::hours(i64::try_from(round)?);
        commits.push(commit(who, at, &event(n, who, round, at)?)?);
        if commits.len() == READ {
            store.append(std::mem::take(&mut commits)).await;
        }
    }
    store.append(commits).await;
    Ok(())
}

fn event(n: u64, who: u64, round: u64, at: Timestamp) -> Result<AccountEvent, Failure> {
    let m = MeterNumber::parse(&format!("E{who}"))?;
    let day = LocalDate::parse(at.to_string().get(..10).unwrap_or_default())?;
    let u = Utility::Electricity;
    Ok(match round {
        0 => AccountEvent::AccountOpened(AccountOpened {
            account: AccountId::parse(&format!("a{who}"))?,
            scheme: "usms".to_owned(),
            class: "residential".to_owned(),
            dwelling_units: 1,
            contracted_kva: None,
            customer: None,
        }),
        1 => {
            let reg = RegisterSpec {
                register: RegisterId::parse("1")?,
                digits: 6,
                interval_min: 60,
            };
            AccountEvent::MeterInstalled(MeterInstalled {
                u,
                m,
                reg,
                t: at,
                v: Quantity::ZERO,
                b: day.month(),
            })
        }
        _ if n.is_multiple_of(100) => {
            let pay = Payment {
                ch: ChannelId::parse("bank")?,
                rf: Reference::parse(&format!("r{n}"))?,
                d: day,
                sus: false,
            };
            let rc = ReceiptNumber::parse(&format!("R{n}"))?;
            AccountEvent::CreditToppedUp(CreditToppedUp {
                arr: Money::ZERO,
                rep: Money::ZERO,
                wd: Money::ZERO,
                del: false,
                u,
                m,
                a: Money::from_cents(500),
                rc,
                pay,
            })
        }
        _ => AccountEvent::ConsumptionCharged(ConsumptionCharged {
            u,
            m,
            t: at,
            v: Quantity::from_micro(i64::try_from(round)? * 237_000),
            q: Quantity::from_micro(237_000),
            a: Money::parse("0.00237")?,
            d: Some(day),
            p: Vec::new(),
            mn: Vec::new(),
            g: false,
            x: Vec::new(),
            b: None,
        }),
    })
}

fn commit(who: u64, at: Timestamp, event: &AccountEvent) -> Result<Commit, Failure> {
    let event = Event::Account(event.clone());
    let new = NewEvent {
        id: uuid::Uuid::nil(),
        kind: Arc::from(kind_of(&event)),
        data: Bytes::from(encode(&event)),
        meta: Bytes::from(format!(
            r#"{{"at":"{at}","by":"gateway","p":"usms@1","$causationId":"g1:17"}}"#
        )),
    };
    let stream = StreamName::new(&format!("account-a{who}"))?;
    Ok(Commit {
        appends: vec![StreamAppend {
            stream,
            expected: Expected::Any,
            events: vec![new],
        }],
    })
}
