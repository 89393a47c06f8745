//! Measures durable appends against a plain file: `append_ratio [dir] [events] [pairs]`.
//!
//! Synthetic consumption events of about 200 bytes over 100,000 streams; the command line measures with
//! real ones.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use event_store::bench::{AppendBench, append};
use event_store::embedded::{EmbeddedStore, OpenOptions};
use event_store::{Commit, Direction, EventStore, Expected, NewEvent, StreamAppend, StreamName};
use uuid::Uuid;

const STREAMS: u64 = 100_000;

fn event(n: u64) -> (StreamName, NewEvent) {
    let account = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % STREAMS;
    let data = format!(
        "{{\"register\":\"1.8.0\",\"readAt\":\"2026-07-01T12:{:02}:00Z\",\"value\":\"{}.250\",\"quantity\":\"1.250\",\
         \"unit\":\"kWh\",\"price\":\"0.4210\",\"amount\":\"0.53\"}}",
        n % 60,
        n
    );
    let meta = format!(
        "{{\"$correlationId\":\"{n:032x}\",\"actor\":\"gateway-7\",\"channel\":\"meter\"}}"
    );
    let name =
        StreamName::new(&format!("account-{account:08}")).unwrap_or_else(|_| std::process::abort());
    let id = Uuid::from_u128(u128::from(n) << 64 | u128::from(account));
    (
        name,
        NewEvent {
            id,
            kind: Arc::from("consumption-charged.v1"),
            data: Bytes::from(data),
            meta: Bytes::from(meta),
        },
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(std::env::temp_dir, Into::into);
    let events = args.next().map_or(Ok(400_000), |a| a.parse())?;
    let pairs = args.next().map_or(Ok(5), |a| a.parse())?;
    for batch in [64, 1_024, 8_192] {
        let config = AppendBench {
            dir: dir.clone(),
            batch,
            events,
            pairs,
        };
        let mut runs = append(&config, &event)?;
        runs.sort_by_key(event_store::bench::Pair::ratio_per_mille);
        let ratios: Vec<u64> = runs
            .iter()
            .map(event_store::bench::Pair::ratio_per_mille)
            .collect();
        if let Some(median) = runs.get(runs.len() / 2) {
            println!(
                "batch {batch}: ours {}/s ({} B/event), raw {}/s ({} B/event), ratios per mille {ratios:?}",
                median.ours.events_per_second(),
                median.ours.bytes / median.ours.events,
                median.raw.events_per_second(),
                median.raw.bytes / median.raw.events,
            );
        }
    }
    scan(&dir.join("append-ratio-scan"), events)
}

/// Reads everything back, once cold in the process and once more.
fn scan(dir: &std::path::Path, events: usize) -> Result<(), Box<dyn Error>> {
    let store = EmbeddedStore::open(&OpenOptions::dir(dir)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for start in (0..events as u64).step_by(4_096) {
        let commits = (start..start + 4_096).map(|n| {
            let (stream, event) = event(n);
            Commit {
                appends: vec![StreamAppend {
                    stream,
                    expected: Expected::Any,
                    events: vec![event],
                }],
            }
        });
        runtime.block_on(store.append(commits.collect()));
    }
    for round in 0..2 {
        let started = std::time::Instant::now();
        let (mut after, mut seen) = (None, 0u64);
        loop {
            let page = store.reader().read_all(after, Direction::Forwards, 4_096)?;
            let Some(last) = page.last() else { break };
            after = Some(last.position);
            seen += page.len() as u64;
        }
        println!(
            "scan {round}: {seen} events, {}/ms",
            u128::from(seen) / started.elapsed().as_millis().max(1)
        );
    }
    drop(store);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
