//! Checks of what reads promise over more than one page of an adapter: nothing is left out between pages, and
//! a page that could not hold everything does not look like the end.

use bytes::Bytes;
use futures::FutureExt;

use super::{Bench, Check, ensure, ensure_eq};
use crate::port::{Direction, EVENT_BYTES_MAX, Expected, RecordedEvent};

/// Events of the long stream: more than any adapter's page.
const LONG_EVENTS: u64 = 6_000;
/// Events of one of its commits.
const COMMIT_EVENTS: u64 = 1_500;
/// Events as large as may be: together more than any adapter takes in one message.
const LARGE_EVENTS: u64 = 40;

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check {
            name: "a long stream is read whole in one read, both ways",
            run: |b| whole(b).boxed(),
        },
        Check {
            name: "a long stream is read backwards page by page without holes",
            run: |b| backwards_pages(b).boxed(),
        },
        Check {
            name: "large events are read whole, as many as were asked for",
            run: |b| large(b).boxed(),
        },
        Check {
            name: "large pages of the whole store join without holes, and none is empty before the end",
            run: |b| page_of_all(b).boxed(),
        },
    ]
}

fn revisions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|e| e.revision).collect()
}

async fn fill(b: &Bench) -> Result<(), String> {
    let mut expected = Expected::NoStream;
    for round in 1..=LONG_EVENTS / COMMIT_EVENTS {
        let events = usize::try_from(COMMIT_EVENTS).map_err(|e| e.to_string())?;
        b.write("s", expected, events).await?;
        expected = Expected::Exact(round * COMMIT_EVENTS - 1);
    }
    Ok(())
}

async fn whole(b: Bench) -> Result<(), String> {
    fill(&b).await?;
    let forwards = revisions(&b.events("s").await?);
    ensure(forwards.iter().copied().eq(0..LONG_EVENTS), || {
        format!("{} events, or out of order", forwards.len())
    })?;
    let backwards = b
        .read("s", u64::MAX, Direction::Backwards, usize::MAX)
        .await?;
    let backwards = revisions(&backwards);
    ensure(backwards.iter().copied().eq((0..LONG_EVENTS).rev()), || {
        format!("{} events backwards, or out of order", backwards.len())
    })?;
    ensure_eq("head", b.head("s").await?, Some(LONG_EVENTS - 1))
}

async fn backwards_pages(b: Bench) -> Result<(), String> {
    fill(&b).await?;
    let mut from = u64::MAX;
    let mut seen = Vec::new();
    loop {
        let page = b.read("s", from, Direction::Backwards, 700).await?;
        seen.extend(revisions(&page));
        match page.last().and_then(|last| last.revision.checked_sub(1)) {
            Some(next) => from = next,
            None => break,
        }
    }
    ensure(seen.iter().copied().eq((0..LONG_EVENTS).rev()), || {
        format!("{} events over pages, or out of order", seen.len())
    })
}

async fn large(b: Bench) -> Result<(), String> {
    let mut expected = Expected::NoStream;
    for revision in 0..LARGE_EVENTS {
        let mut commit = b.commit("s", expected, 1)?;
        for event in commit.appends.iter_mut().flat_map(|a| a.events.iter_mut()) {
            let fill = "y".repeat(EVENT_BYTES_MAX - 2);
            event.data = Bytes::from(format!("\"{fill}\""));
            event.meta = Bytes::new();
        }
        b.append(commit).await?.map_err(|e| e.to_string())?;
        expected = Expected::Exact(revision);
    }
    let events = b.events("s").await?;
    ensure_eq("revisions", revisions(&events), (0..LARGE_EVENTS).collect())?;
    ensure(
        events.iter().all(|e| e.data.len() == EVENT_BYTES_MAX),
        || "shortened payloads".to_owned(),
    )
}

async fn page_of_all(b: Bench) -> Result<(), String> {
    fill(&b).await?;
    let asked = usize::try_from(LONG_EVENTS - 100).map_err(|e| e.to_string())?;
    for way in [Direction::Forwards, Direction::Backwards] {
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let page = b
                .store
                .read_all(after, way, asked)
                .await
                .map_err(|e| e.to_string())?;
            ensure(page.len() <= asked, || format!("a page of {}", page.len()))?;
            let Some(last) = page.last() else { break };
            after = Some(last.position);
            seen.extend(revisions(&b.own(page)));
        }
        if way == Direction::Backwards {
            seen.reverse();
        }
        ensure(seen.iter().copied().eq(0..LONG_EVENTS), || {
            format!("{} events over pages {way:?}, or out of order", seen.len())
        })?;
    }
    Ok(())
}
