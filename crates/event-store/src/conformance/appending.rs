//! Checks of what an append promises: atomicity, expected revisions, order, limits, time.

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Bench, Check, ensure, ensure_eq};
use crate::limits::counted_bytes;
use crate::port::{AppendError, COMMIT_BYTES_MAX, Commit, EVENT_BYTES_MAX, Expected};

/// Appends that race for one revision.
const RACERS: usize = 16;

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check {
            name: "a new stream starts at revision zero and grows without gaps",
            run: |b| dense(b).boxed(),
        },
        Check {
            name: "a commit over several streams is written whole",
            run: |b| several(b).boxed(),
        },
        Check {
            name: "a refused commit writes nothing, in none of its streams",
            run: |b| refused_whole(b).boxed(),
        },
        Check {
            name: "a refusal says which stream stands where",
            run: |b| refusal_says(b).boxed(),
        },
        Check {
            name: "commits of one call are judged in order and a refused one leaves its neighbours alone",
            run: |b| neighbours(b).boxed(),
        },
        Check {
            name: "an append with any revision expected always fits",
            run: |b| any(b).boxed(),
        },
        Check {
            name: "of appends racing for one revision exactly one is written",
            run: |b| race(b).boxed(),
        },
        Check {
            name: "the identical commit sent again is not written again",
            run: |b| again(b).boxed(),
        },
        Check {
            name: "the identical commit sent again after others have followed is not written again",
            run: |b| again_later(b).boxed(),
        },
        Check {
            name: "an append goes on when its future is dropped",
            run: |b| dropped(b).boxed(),
        },
        Check {
            name: "an event and a commit at the limit are written, beyond it refused as invalid",
            run: |b| limits(b).boxed(),
        },
        Check {
            name: "a commit without streams, without events or with a stream twice is invalid",
            run: |b| malformed(b).boxed(),
        },
        Check {
            name: "the answer agrees with what is read back",
            run: |b| answer(b).boxed(),
        },
        Check {
            name: "the time of recording never runs backwards",
            run: |b| time(b).boxed(),
        },
        Check {
            name: "no commits, no answers",
            run: |b| nothing(b).boxed(),
        },
    ]
}

async fn dense(b: Bench) -> Result<(), String> {
    ensure_eq("head before", b.head("s").await?, None)?;
    b.write("s", Expected::NoStream, 3).await?;
    b.write("s", Expected::Exact(2), 2).await?;
    let revisions: Vec<u64> = b.events("s").await?.iter().map(|e| e.revision).collect();
    ensure_eq("revisions", revisions, vec![0, 1, 2, 3, 4])?;
    ensure_eq("head after", b.head("s").await?, Some(4))
}

async fn several(b: Bench) -> Result<(), String> {
    b.write("old", Expected::NoStream, 1).await?;
    let commit = Commit {
        appends: vec![
            b.part("old", Expected::Exact(0), 2)?,
            b.part("new", Expected::NoStream, 1)?,
        ],
    };
    match b.append(commit).await? {
        Ok(done) => {
            ensure(b.store.capabilities().atomic_over_streams, || {
                "written, though not claimed".to_owned()
            })?;
            ensure_eq("revisions", done.revisions.to_vec(), vec![2, 0])?;
            ensure_eq("events of old", b.events("old").await?.len(), 3)?;
            ensure_eq("events of new", b.events("new").await?.len(), 1)
        }
        Err(AppendError::Invalid(_)) if !b.store.capabilities().atomic_over_streams => {
            ensure_eq("events of old", b.events("old").await?.len(), 1)?;
            ensure_eq("events of new", b.events("new").await?.len(), 0)
        }
        Err(other) => Err(format!("refused: {other}")),
    }
}

async fn refused_whole(b: Bench) -> Result<(), String> {
    b.write("held", Expected::NoStream, 1).await?;
    let commit = Commit {
        appends: vec![
            b.part("fresh", Expected::NoStream, 2)?,
            b.part("held", Expected::NoStream, 1)?,
        ],
    };
    let answer = b.append(commit).await?;
    ensure(answer.is_err(), || {
        "written in spite of a wrong revision".to_owned()
    })?;
    ensure_eq("head of fresh", b.head("fresh").await?, None)?;
    ensure_eq("head of held", b.head("held").await?, Some(0))?;
    // The revisions the refused commit would have taken are free for the next one.
    b.write("fresh", Expected::NoStream, 1).await.map(|_| ())
}

async fn refusal_says(b: Bench) -> Result<(), String> {
    b.write("s", Expected::NoStream, 2).await?;
    let cases = [
        (Expected::NoStream, "s", Some(1)),
        (Expected::Exact(0), "s", Some(1)),
        (Expected::Exact(2), "s", Some(1)),
        (Expected::Exact(0), "missing", None),
    ];
    for (expected, name, actual) in cases {
        let wanted = AppendError::WrongExpectedRevision {
            stream: b.stream(name)?,
            expected,
            actual,
        };
        let mut commit = b.commit(name, expected, 1)?;
        for event in commit.appends.iter_mut().flat_map(|a| a.events.iter_mut()) {
            *event = b.event(&format!("refused/{expected:?}/{name}"));
        }
        ensure_eq("answer", b.append(commit).await?, Err(wanted))?;
    }
    Ok(())
}

async fn neighbours(b: Bench) -> Result<(), String> {
    let commits = vec![
        b.commit("s", Expected::NoStream, 1)?,
        b.commit("s", Expected::Exact(0), 1)?,
        b.commit("s", Expected::Exact(7), 1)?,
        b.commit("s", Expected::Exact(1), 1)?,
        b.commit("t", Expected::NoStream, 1)?,
    ];
    let answers = b.store.append(commits).await;
    let written: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    ensure_eq("written", written, vec![true, true, false, true, true])?;
    let wrong = AppendError::WrongExpectedRevision {
        stream: b.stream("s")?,
        expected: Expected::Exact(7),
        actual: Some(1),
    };
    ensure(answers.get(2) == Some(&Err(wrong)), || {
        format!("third answer {:?}", answers.get(2))
    })?;
    // Where a commit is of one stream, different streams have no order among each other.
    let ordered = if b.store.capabilities().atomic_over_streams {
        answers.len()
    } else {
        4
    };
    let places: Vec<_> = answers
        .iter()
        .take(ordered)
        .flatten()
        .map(|c| c.position)
        .collect();
    ensure(places.is_sorted_by(|x, y| x < y), || {
        format!("positions do not grow: {places:?}")
    })?;
    ensure_eq("events of s", b.events("s").await?.len(), 3)
}

async fn any(b: Bench) -> Result<(), String> {
    for round in 0..3u64 {
        let mut commit = b.commit("s", Expected::Any, 1)?;
        for event in commit.appends.iter_mut().flat_map(|a| a.events.iter_mut()) {
            *event = b.event(&format!("round {round}"));
        }
        let done = b.append(commit).await?.map_err(|e| e.to_string())?;
        ensure_eq("revisions", done.revisions.to_vec(), vec![round])?;
    }
    Ok(())
}

async fn race(b: Bench) -> Result<(), String> {
    let mut racing = Vec::new();
    for racer in 0..RACERS {
        let mut commit = b.commit("s", Expected::NoStream, 1)?;
        for event in commit.appends.iter_mut().flat_map(|a| a.events.iter_mut()) {
            *event = b.event(&format!("racer {racer}"));
        }
        racing.push(b.store.append(vec![commit]));
    }
    let answers: Vec<_> = futures::future::join_all(racing)
        .await
        .into_iter()
        .flatten()
        .collect();
    let won = answers.iter().filter(|a| a.is_ok()).count();
    let beaten = answers
        .iter()
        .filter(|a| matches!(a, Err(AppendError::WrongExpectedRevision { .. })))
        .count();
    ensure_eq("written and refused", (won, beaten), (1, RACERS - 1))?;
    ensure_eq("events", b.events("s").await?.len(), 1)
}

async fn again(b: Bench) -> Result<(), String> {
    b.write("s", Expected::NoStream, 2).await?;
    let first = b.commit("s", Expected::Exact(1), 1)?;
    let done = b.append(first.clone()).await?.map_err(|e| e.to_string())?;
    match b.append(first).await? {
        Ok(recognised) => ensure_eq("position", recognised.position, done.position)?,
        Err(AppendError::WrongExpectedRevision { actual, .. }) => {
            ensure_eq("actual", actual, Some(2))?;
        }
        Err(other) => return Err(format!("sent again: {other}")),
    }
    ensure_eq("events", b.events("s").await?.len(), 3)
}

async fn again_later(b: Bench) -> Result<(), String> {
    let first = b.commit("s", Expected::NoStream, 3)?;
    let second = b.commit("s", Expected::Exact(2), 2)?;
    let mut done = Vec::new();
    for commit in [&first, &second] {
        done.push(b.append(commit.clone()).await?.map_err(|e| e.to_string())?);
    }
    for revision in 4..24 {
        b.write("s", Expected::Exact(revision), 1).await?;
        b.write(&format!("other-{revision}"), Expected::NoStream, 1)
            .await?;
    }
    for (commit, was) in [first, second].into_iter().zip(done) {
        match b.append(commit).await? {
            Ok(recognised) => {
                ensure_eq("position", recognised.position, was.position)?;
                ensure_eq("revisions", recognised.revisions, was.revisions)?;
            }
            Err(AppendError::WrongExpectedRevision { actual, .. }) => {
                ensure_eq("actual", actual, Some(24))?;
            }
            Err(other) => return Err(format!("sent again: {other}")),
        }
    }
    ensure_eq("events", b.events("s").await?.len(), 25)
}

async fn dropped(b: Bench) -> Result<(), String> {
    let commit = b.commit("s", Expected::NoStream, 1)?;
    drop(b.store.append(vec![commit]));
    // Until the dropped append arrives, the stream is empty; `Exact(0)` fits only behind it.
    loop {
        let follow = b.commit("s", Expected::Exact(0), 1)?;
        match b.append(follow).await? {
            Ok(_) => return ensure_eq("events", b.events("s").await?.len(), 2),
            Err(AppendError::WrongExpectedRevision { actual: None, .. }) => {
                tokio::task::yield_now().await;
            }
            Err(other) => return Err(other.to_string()),
        }
    }
}

async fn limits(b: Bench) -> Result<(), String> {
    let sized = |label: &str, bytes: usize| {
        let mut event = b.event(label);
        event.meta = Bytes::new();
        // A JSON string of exactly this many bytes.
        event.data = Bytes::from(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2))));
        event
    };
    let mut commit = b.commit("s", Expected::NoStream, 1)?;
    let set = |commit: &mut Commit, events| {
        if let Some(append) = commit.appends.first_mut() {
            append.events = events;
        }
    };
    set(&mut commit, vec![sized("event over", EVENT_BYTES_MAX + 1)]);
    let answer = b.append(commit.clone()).await?;
    ensure(matches!(answer, Err(AppendError::Invalid(_))), || {
        format!("event over the limit: {answer:?}")
    })?;
    let half = COMMIT_BYTES_MAX / 2;
    set(
        &mut commit,
        vec![sized("1", half), sized("2", half), sized("3", 2)],
    );
    let answer = b.append(commit.clone()).await?;
    ensure(matches!(answer, Err(AppendError::Invalid(_))), || {
        format!("commit over the limit: {answer:?}")
    })?;
    let kinds = 2 * (counted_bytes(&sized("", 2)) - 2);
    let rest = COMMIT_BYTES_MAX - EVENT_BYTES_MAX - kinds;
    set(
        &mut commit,
        vec![sized("4", EVENT_BYTES_MAX), sized("5", rest + 1)],
    );
    let answer = b.append(commit.clone()).await?;
    ensure(matches!(answer, Err(AppendError::Invalid(_))), || {
        format!("commit one byte over the limit: {answer:?}")
    })?;
    set(
        &mut commit,
        vec![sized("4", EVENT_BYTES_MAX), sized("5", rest)],
    );
    b.append(commit.clone())
        .await?
        .map_err(|e| format!("at the limit: {e}"))?;
    let back = b.events("s").await?;
    let sent: Vec<&Bytes> = commit
        .appends
        .iter()
        .flat_map(|a| a.events.iter().map(|e| &e.data))
        .collect();
    let same = back.len() == 2 && back.iter().zip(sent).all(|(e, data)| e.data == *data);
    ensure(same, || {
        format!("{} events came back, or with other bytes", back.len())
    })
}

async fn malformed(b: Bench) -> Result<(), String> {
    let cases = [
        ("no streams", Commit { appends: vec![] }),
        ("no events", b.commit("s", Expected::Any, 0)?),
        (
            "a stream twice",
            Commit {
                appends: vec![
                    b.part("s", Expected::Any, 1)?,
                    b.part("s", Expected::Any, 1)?,
                ],
            },
        ),
    ];
    for (name, commit) in cases {
        let answer = b.append(commit).await?;
        ensure(matches!(answer, Err(AppendError::Invalid(_))), || {
            format!("{name}: {answer:?}")
        })?;
    }
    ensure_eq("head", b.head("s").await?, None)
}

async fn answer(b: Bench) -> Result<(), String> {
    let done = b.write("s", Expected::NoStream, 3).await?;
    let events = b.events("s").await?;
    let last = events.last().ok_or("nothing read back")?;
    ensure_eq("position", done.position, last.position)?;
    ensure_eq("revisions", done.revisions.to_vec(), vec![last.revision])?;
    let said = done.recorded_at_ms.unwrap_or(last.recorded_at_ms);
    ensure_eq("recorded at", said, last.recorded_at_ms)
}

async fn time(b: Bench) -> Result<(), String> {
    let start = b.tail().await?;
    b.write("s", Expected::NoStream, 1).await?;
    for revision in 0..20 {
        b.write("s", Expected::Exact(revision), 1).await?;
    }
    let times: Vec<i64> = b
        .all_after(start)
        .await?
        .iter()
        .map(|e| e.recorded_at_ms)
        .collect();
    ensure(times.is_sorted(), || format!("times {times:?}"))
}

fn nothing(b: Bench) -> BoxFuture<'static, Result<(), String>> {
    async move { ensure_eq("answers", b.store.append(vec![]).await.len(), 0) }.boxed()
}
