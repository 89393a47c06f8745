//! Checks of what reads promise: bytes unchanged, order, bounds, what was acknowledged is seen at once.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;

use super::{Bench, Check, ensure, ensure_eq};
use crate::port::{Commit, Direction, Expected, NewEvent, RecordedEvent};

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check {
            name: "an event is read back as it was written",
            run: |b| unchanged(b).boxed(),
        },
        Check {
            name: "a stream that does not exist is empty",
            run: |b| missing(b).boxed(),
        },
        Check {
            name: "a stream is read forwards from a revision, inclusive",
            run: |b| forwards(b).boxed(),
        },
        Check {
            name: "a stream is read backwards from a revision or from its end",
            run: |b| backwards(b).boxed(),
        },
        Check {
            name: "what an append acknowledged is read at once by every read",
            run: |b| at_once(b).boxed(),
        },
        Check {
            name: "the whole store is read in position order, page by page, without holes",
            run: |b| pages(b).boxed(),
        },
        Check {
            name: "reading the whole store backwards mirrors reading it forwards",
            run: |b| mirror(b).boxed(),
        },
        Check {
            name: "the tail is the newest event and nothing follows it",
            run: |b| tail(b).boxed(),
        },
        Check {
            name: "a read of at most zero events gives none",
            run: |b| zero(b).boxed(),
        },
        Check {
            name: "the identity of the store does not change",
            run: |b| identity(b).boxed(),
        },
    ]
}

fn revisions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|e| e.revision).collect()
}

async fn unchanged(b: Bench) -> Result<(), String> {
    let full = b.event("full");
    let bare = NewEvent {
        meta: Bytes::new(),
        kind: Arc::from("x"),
        ..b.event("bare")
    };
    let text = NewEvent {
        data: Bytes::from("{\"süß\":\"\\u0000 \u{1f4a7}\"}"),
        ..b.event("text")
    };
    let sent = [full, bare, text];
    let mut commit = b.commit("s", Expected::NoStream, 1)?;
    if let Some(append) = commit.appends.first_mut() {
        append.events = sent.to_vec();
    }
    b.append(commit).await?.map_err(|e| e.to_string())?;
    let stream = b.events("s").await?;
    let all = b.own(b.all_after(None).await?);
    ensure(all == stream, || {
        "read_all and read_stream differ".to_owned()
    })?;
    ensure_eq("events", stream.len(), sent.len())?;
    for (back, wanted) in stream.iter().zip(&sent) {
        ensure_eq("stream", back.stream.clone(), b.stream("s")?)?;
        ensure_eq("id", back.id, wanted.id)?;
        ensure_eq("kind", &back.kind, &wanted.kind)?;
        ensure_eq("data", &back.data, &wanted.data)?;
        // Empty metadata means `{}`, so a store may give either.
        let empty = |meta: &Bytes| meta.is_empty() || meta.as_ref() == b"{}";
        let same = back.meta == wanted.meta || (empty(&back.meta) && empty(&wanted.meta));
        ensure(same, || {
            format!("metadata {:?} instead of {:?}", back.meta, wanted.meta)
        })?;
    }
    Ok(())
}

async fn missing(b: Bench) -> Result<(), String> {
    ensure_eq("head", b.head("s").await?, None)?;
    ensure_eq("forwards", b.events("s").await?.len(), 0)?;
    ensure_eq(
        "backwards",
        b.read("s", u64::MAX, Direction::Backwards, 10).await?.len(),
        0,
    )
}

async fn forwards(b: Bench) -> Result<(), String> {
    b.write("s", Expected::NoStream, 6).await?;
    b.write("s", Expected::Exact(5), 4).await?;
    let way = Direction::Forwards;
    ensure_eq(
        "from 4, at most 3",
        revisions(&b.read("s", 4, way, 3).await?),
        vec![4, 5, 6],
    )?;
    ensure_eq(
        "from 8",
        revisions(&b.read("s", 8, way, 100).await?),
        vec![8, 9],
    )?;
    ensure_eq(
        "from 10",
        revisions(&b.read("s", 10, way, 100).await?),
        vec![],
    )?;
    ensure_eq(
        "from the end of numbers",
        revisions(&b.read("s", u64::MAX, way, 100).await?),
        vec![],
    )
}

async fn backwards(b: Bench) -> Result<(), String> {
    b.write("s", Expected::NoStream, 6).await?;
    let way = Direction::Backwards;
    ensure_eq(
        "newest",
        revisions(&b.read("s", u64::MAX, way, 1).await?),
        vec![5],
    )?;
    ensure_eq(
        "from 3, at most 2",
        revisions(&b.read("s", 3, way, 2).await?),
        vec![3, 2],
    )?;
    ensure_eq(
        "from 1",
        revisions(&b.read("s", 1, way, 100).await?),
        vec![1, 0],
    )?;
    ensure_eq(
        "from beyond",
        revisions(&b.read("s", 50, way, 2).await?),
        vec![5, 4],
    )
}

async fn at_once(b: Bench) -> Result<(), String> {
    for round in 0..10u64 {
        let expected = round
            .checked_sub(1)
            .map_or(Expected::NoStream, Expected::Exact);
        let done = b.write("s", expected, 1).await?;
        ensure_eq("head", b.head("s").await?, Some(round))?;
        let newest = b.read("s", u64::MAX, Direction::Backwards, 1).await?;
        ensure_eq(
            "newest",
            newest.first().map(|e| e.position),
            Some(done.position),
        )?;
        let tail = b.tail().await?;
        ensure(tail >= Some(done.position), || {
            format!("tail {tail:?} before {:?}", done.position)
        })?;
        let last = b
            .store
            .read_all(None, Direction::Backwards, 64)
            .await
            .map_err(|e| e.to_string())?;
        ensure(last.iter().any(|e| e.position == done.position), || {
            "not near the end of all".to_owned()
        })?;
    }
    Ok(())
}

async fn fill(b: &Bench) -> Result<(), String> {
    b.write("x", Expected::NoStream, 1).await?;
    for round in 0..40 {
        let appends = vec![b.part("x", Expected::Exact(round), 1)?];
        b.append(Commit { appends })
            .await?
            .map_err(|e| e.to_string())?;
        b.write(&format!("y{round}"), Expected::NoStream, 2).await?;
    }
    Ok(())
}

async fn pages(b: Bench) -> Result<(), String> {
    fill(&b).await?;
    let whole = b.all_after(None).await?;
    ensure(whole.is_sorted_by(|x, y| x.position < y.position), || {
        "positions do not grow".to_owned()
    })?;
    ensure_eq("own events", b.own(whole.clone()).len(), 121)?;
    let mut after = None;
    let mut joined = Vec::new();
    while joined.len() < whole.len() {
        let page = b
            .store
            .read_all(after, Direction::Forwards, 7)
            .await
            .map_err(|e| e.to_string())?;
        ensure(!page.is_empty() && page.len() <= 7, || {
            format!("a page of {}", page.len())
        })?;
        after = page.last().map(|e| e.position);
        joined.extend(page);
    }
    ensure(joined.starts_with(&whole), || {
        "small pages joined are not the whole".to_owned()
    })
}

async fn mirror(b: Bench) -> Result<(), String> {
    fill(&b).await?;
    let mut before = None;
    let mut found = Vec::new();
    loop {
        let page = b
            .store
            .read_all(before, Direction::Backwards, 50)
            .await
            .map_err(|e| e.to_string())?;
        let Some(last) = page.last() else { break };
        before = Some(last.position);
        found.extend(page);
    }
    found.reverse();
    let forwards = b.own(b.all_after(None).await?);
    ensure(b.own(found) == forwards, || "the mirror differs".to_owned())
}

async fn tail(b: Bench) -> Result<(), String> {
    b.write("s", Expected::NoStream, 2).await?;
    let tail = b.tail().await?;
    let newest = b
        .store
        .read_all(None, Direction::Backwards, 1)
        .await
        .map_err(|e| e.to_string())?;
    ensure(newest.first().map(|e| e.position) >= tail, || {
        format!("newest {newest:?}, tail {tail:?}")
    })?;
    let behind = b.own(b.all_after(tail).await?);
    ensure_eq("own events behind the tail", behind.len(), 0)
}

async fn zero(b: Bench) -> Result<(), String> {
    b.write("s", Expected::NoStream, 2).await?;
    ensure_eq(
        "of the stream",
        b.read("s", 0, Direction::Forwards, 0).await?.len(),
        0,
    )?;
    let all = b
        .store
        .read_all(None, Direction::Forwards, 0)
        .await
        .map_err(|e| e.to_string())?;
    ensure_eq("of all", all.len(), 0)
}

async fn identity(b: Bench) -> Result<(), String> {
    let before = b.store.store_id();
    b.write("s", Expected::NoStream, 1).await?;
    ensure_eq("identity", b.store.store_id(), before)
}
