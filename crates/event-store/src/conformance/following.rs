//! Checks of what a subscription promises: everything, in order, without holes, also across the change
//! from stored to live events.

use std::time::Duration;

use futures::FutureExt;

use super::{Bench, Check, ensure, ensure_eq};
use crate::port::{Expected, Position, RecordedEvent, Subscription};

/// How long a subscription must stay silent to count as waiting.
const SILENCE_MS: u64 = 100;

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check {
            name: "a subscription from the beginning gives every event in order",
            run: |b| everything(b).boxed(),
        },
        Check {
            name: "a subscription after a position starts behind it",
            run: |b| after(b).boxed(),
        },
        Check {
            name: "a subscription waits when there is nothing new and wakes when there is",
            run: |b| waits(b).boxed(),
        },
        Check {
            name: "a subscription has no hole while appends go on",
            run: |b| racing(b).boxed(),
        },
        Check {
            name: "a wait that is given up loses nothing",
            run: |b| given_up(b).boxed(),
        },
    ]
}

/// Follows until `until` was seen; all events of the batches up to then.
async fn follow(
    subscription: &mut dyn Subscription,
    until: Position,
) -> Result<Vec<RecordedEvent>, String> {
    let mut seen: Vec<RecordedEvent> = Vec::new();
    while seen.last().is_none_or(|e| e.position < until) {
        let batch = subscription.next_batch().await.map_err(|e| e.to_string())?;
        ensure(!batch.is_empty(), || "an empty batch".to_owned())?;
        seen.extend(batch);
    }
    ensure(seen.is_sorted_by(|x, y| x.position < y.position), || {
        "positions do not grow".to_owned()
    })?;
    Ok(seen)
}

async fn everything(b: Bench) -> Result<(), String> {
    b.write("s", Expected::NoStream, 5).await?;
    let last = b.write("t", Expected::NoStream, 1).await?;
    let seen = follow(b.store.subscribe(None).as_mut(), last.position).await?;
    let stored = b.own(b.all_after(None).await?);
    ensure(b.own(seen) == stored, || {
        "followed and read events differ".to_owned()
    })
}

async fn after(b: Bench) -> Result<(), String> {
    let first = b.write("s", Expected::NoStream, 3).await?;
    let mut subscription = b.store.subscribe(Some(first.position));
    let last = b.write("s", Expected::Exact(2), 2).await?;
    let seen = b.own(follow(subscription.as_mut(), last.position).await?);
    let revisions: Vec<u64> = seen.iter().map(|e| e.revision).collect();
    ensure_eq("revisions", revisions, vec![3, 4])
}

async fn waits(b: Bench) -> Result<(), String> {
    let first = b.write("s", Expected::NoStream, 1).await?;
    let mut subscription = b.store.subscribe(b.tail().await?.max(Some(first.position)));
    let silence =
        tokio::time::timeout(Duration::from_millis(SILENCE_MS), subscription.next_batch()).await;
    if let Ok(batch) = silence {
        let batch = batch.map_err(|e| e.to_string())?;
        ensure(!batch.is_empty() && b.own(batch).is_empty(), || {
            "a batch without news".to_owned()
        })?;
    }
    let last = b.write("s", Expected::Exact(0), 1).await?;
    let seen = b.own(follow(subscription.as_mut(), last.position).await?);
    ensure_eq(
        "positions",
        seen.iter().map(|e| e.position).collect(),
        vec![last.position],
    )
}

async fn racing(b: Bench) -> Result<(), String> {
    let start = b.tail().await?;
    let mut subscription = b.store.subscribe(start);
    let writer = async {
        let mut last = b.write("s", Expected::NoStream, 1).await?;
        for revision in 0..150 {
            last = b.write("s", Expected::Exact(revision), 1).await?;
        }
        Ok::<_, String>(last)
    };
    let reader = async {
        let mut seen = Vec::new();
        while seen.len() < 151 {
            let batch = subscription.next_batch().await.map_err(|e| e.to_string())?;
            seen.extend(b.own(batch));
        }
        Ok::<_, String>(seen)
    };
    let (last, seen) = futures::future::try_join(writer, reader).await?;
    ensure_eq(
        "last position",
        seen.last().map(|e| e.position),
        Some(last.position),
    )?;
    let revisions: Vec<u64> = seen.iter().map(|e| e.revision).collect();
    ensure_eq("revisions", revisions, (0..151).collect())
}

async fn given_up(b: Bench) -> Result<(), String> {
    let mut subscription = b.store.subscribe(b.tail().await?);
    for _ in 0..3 {
        let wait = tokio::time::timeout(Duration::from_millis(5), subscription.next_batch()).await;
        if let Ok(batch) = wait {
            ensure(b.own(batch.map_err(|e| e.to_string())?).is_empty(), || {
                "news before any append".to_owned()
            })?;
        }
    }
    let last = b.write("s", Expected::NoStream, 2).await?;
    let seen = b.own(follow(subscription.as_mut(), last.position).await?);
    ensure_eq("events", seen.len(), 2)
}
