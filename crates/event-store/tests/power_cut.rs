//! The power goes at every single operation of a run, in three ways; what was acknowledged is there
//! afterwards, once, and nothing else is there by half.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use event_store::embedded::{Disk, LogCore, OpenOptions, verify};
use event_store::sim::{PowerCut, SimDisk, Snapshot};
use event_store::{
    Commit, Direction, Expected, ManualClock, NewEvent, RecordedEvent, StreamAppend, StreamName,
};
use uuid::Uuid;

const SEED: u64 = 20_260_701;
const COMMITS: u64 = 1_000;

fn options(disk: &SimDisk) -> OpenOptions {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    OpenOptions::disk(disk)
        .clock(Arc::new(ManualClock::new(1_000)))
        .segment_bytes(4096)
        .reserve_bytes(4096)
}

/// The n-th commit: one or two streams, one to three events, each carrying the commit's number.
fn commit(n: u64) -> Commit {
    let event = |i: u64| NewEvent {
        id: Uuid::from_u128(u128::from(n * 10 + i)),
        kind: Arc::from("noted.v1"),
        data: Bytes::from(format!("{{\"commit\":{n},\"event\":{i}}}")),
        meta: Bytes::new(),
    };
    let stream = |name: String, events: Vec<NewEvent>| StreamAppend {
        stream: StreamName::new(&name).unwrap(),
        expected: Expected::Any,
        events,
    };
    let mut appends = vec![stream(
        format!("account-{}", n % 7),
        (0..=n % 3).map(event).collect(),
    )];
    if n.is_multiple_of(4) {
        appends.push(stream(format!("key-{n}"), vec![event(9)]));
    }
    Commit { appends }
}

fn events_of(n: u64) -> usize {
    commit(n).appends.iter().map(|a| a.events.len()).sum()
}

fn number_of(event: &RecordedEvent) -> u64 {
    (event.id.as_u128() / 10) as u64
}

fn all(core: &LogCore) -> Vec<RecordedEvent> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let page = core
            .reader()
            .read_all(events.last().map(|e| e.position), Direction::Forwards, 500)
            .unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// Runs commits one by one and now and then three in a group, noting how many are acknowledged; the states before every
/// operation.
fn history(commits: u64) -> Vec<Snapshot> {
    let disk = SimDisk::new(SEED);
    disk.record();
    let mut core = LogCore::open(&options(&disk)).unwrap();
    let mut next = 0;
    while next < commits {
        let size = if next.is_multiple_of(10) { 3 } else { 1 };
        let group: Vec<Commit> = (next..(next + size).min(commits)).map(commit).collect();
        let answers = core.commit_group(&group);
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        next += group.len() as u64;
        disk.note(next);
    }
    disk.recorded()
}

/// What must hold after any power cut. Gives the number of commits found.
fn check(core: &LogCore, acknowledged: u64, story: &str) -> u64 {
    let events = all(core);
    let mut next = 0;
    let mut rest = events.as_slice();
    let mut revisions: HashMap<&StreamName, u64> = HashMap::new();
    for (position, event) in events.iter().enumerate() {
        assert_eq!(
            event.position.commit, position as u64,
            "{story}: positions are dense"
        );
        let revision = revisions.entry(&event.stream).or_insert(0);
        assert_eq!(event.revision, *revision, "{story}: revisions are dense");
        *revision += 1;
    }
    while let Some(first) = rest.first() {
        assert_eq!(
            number_of(first),
            next,
            "{story}: commits are there once and in order"
        );
        let whole = events_of(next);
        assert!(
            rest.len() >= whole,
            "{story}: commit {next} is there by half"
        );
        assert!(
            rest[..whole].iter().all(|e| number_of(e) == next),
            "{story}: commit {next} is there by half"
        );
        rest = &rest[whole..];
        next += 1;
    }
    assert!(
        next >= acknowledged,
        "{story}: {acknowledged} commits were acknowledged, {next} are there"
    );
    assert!(
        next <= acknowledged + 3,
        "{story}: {next} commits are there, {acknowledged} acknowledged"
    );
    // Of the hundreds of one-event streams a few are enough each time.
    let sample = |stream: &StreamName| {
        stream.as_str().starts_with("account") || stream.as_str().ends_with("00")
    };
    for (stream, count) in revisions.into_iter().filter(|(stream, _)| sample(stream)) {
        assert_eq!(
            core.reader().head(stream).unwrap(),
            Some(count - 1),
            "{story}: the head of {stream}"
        );
    }
    next
}

fn verify_clean(disk: &SimDisk, story: &str) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let verified = verify(&disk, &mut |_, _| {});
    let verified = verified.unwrap_or_else(|e| panic!("{story}: {e}"));
    assert_eq!(
        verified.unfinished_bytes, 0,
        "{story}: nothing unfinished is left"
    );
}

#[test]
fn every_acknowledged_commit_survives_a_power_cut_at_any_operation() {
    let history = history(COMMITS);
    assert!(history.len() > 1_900, "{} operations", history.len());
    let mut cut_short = 0;
    for (at, snapshot) in history.iter().enumerate() {
        for (which, mode) in PowerCut::ALL.into_iter().enumerate() {
            let story = format!(
                "seed {SEED}, {mode:?} before operation {at} ({:?})",
                snapshot.before
            );
            let disk = SimDisk::cut_at(snapshot, mode, SEED ^ at as u64);
            let mut core =
                LogCore::open(&options(&disk)).unwrap_or_else(|e| panic!("{story}: {e}"));
            cut_short += u64::from(core.report().truncated.is_some());
            let found = check(&core, snapshot.noted, &story);
            // Life goes on, and the log is in order afterwards.
            if at % 16 == 0 {
                let answers = core.commit_group(&[commit(found), commit(found + 1)]);
                assert!(answers.iter().all(Result::is_ok), "{story}: {answers:?}");
                check(&core, found + 2, &story);
            }
            drop(core);
            // Opening and reading have checked almost everything; the full check of every index is dear.
            if at % 3 == which {
                verify_clean(&disk, &story);
            }
        }
    }
    assert!(cut_short > 100, "torn appends were met: {cut_short}");
}

#[test]
fn a_power_cut_while_mending_after_a_power_cut_loses_nothing() {
    let history = history(60);
    let mut operations = 0;
    for (at, snapshot) in history.iter().enumerate() {
        for mode in PowerCut::ALL {
            let disk = SimDisk::cut_at(snapshot, mode, SEED + at as u64);
            disk.note(snapshot.noted);
            disk.record();
            drop(LogCore::open(&options(&disk)).unwrap());
            for (again, second) in disk.recorded().iter().enumerate() {
                operations += 1;
                let story = format!(
                    "{mode:?} before operation {at}, then before {again} ({:?})",
                    second.before
                );
                let disk = SimDisk::cut_at(second, PowerCut::ALL[again % 3], again as u64);
                let core =
                    LogCore::open(&options(&disk)).unwrap_or_else(|e| panic!("{story}: {e}"));
                check(&core, snapshot.noted, &story);
                drop(core);
                verify_clean(&disk, &story);
            }
        }
    }
    assert!(operations > 1_000, "{operations} operations of mending");
}

#[test]
fn what_readers_saw_is_never_unread() {
    // Whatever a reader could see at a moment is there after a power cut at that moment.
    let disk = SimDisk::new(SEED);
    let mut core = LogCore::open(&options(&disk)).unwrap();
    for n in 0..200 {
        assert!(core.commit_group(&[commit(n)])[0].is_ok());
        let seen = all(&core);
        for mode in PowerCut::ALL {
            let later = LogCore::open(&options(&disk.power_cut(mode))).unwrap();
            assert_eq!(all(&later), seen, "{mode:?} after commit {n}");
        }
    }
}
