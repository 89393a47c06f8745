//! The golden directory of format 1: what this program writes today is, byte for byte, what it wrote when
//! the format was frozen, and what was written then is read today.
//!
//! A format that must change gets a new version, a new directory and its own test. This one's files are
//! never edited; `UPDATE_GOLDEN=1` writes them where they do not exist.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use common::{commit, event, everything, part};
use event_store::embedded::{Disk, LogCore, OpenOptions, verify};
use event_store::sim::SimDisk;
use event_store::{Clock, Commit, Expected, ManualClock, NewEvent};
use uuid::Uuid;

const FILES: [&str; 6] = [
    "store",
    "segment-0000000001.log",
    "segment-0000000001.idx",
    "segment-0000000002.log",
    "segment-0000000002.idx",
    "segment-0000000003.log",
];

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

/// A fixed history: one to three streams a commit, empty and large payloads, time that stands and jumps.
fn groups() -> Vec<Vec<Commit>> {
    let mut groups = vec![
        vec![commit("account-0001", Expected::NoStream, &["opened"])],
        vec![Commit {
            appends: vec![
                part("key-cash-R1", Expected::NoStream, &["claimed"]),
                part(
                    "account-0001",
                    Expected::Exact(0),
                    &["topped up", "arrears paid", "reconnected"],
                ),
                part("meter-A7", Expected::NoStream, &["assigned"]),
            ],
        }],
    ];
    let bare = NewEvent {
        meta: Bytes::new(),
        data: Bytes::new(),
        kind: "k".into(),
        ..event("bare")
    };
    let mut empty = commit("s", Expected::NoStream, &["x"]);
    empty.appends[0].events = vec![bare];
    groups.push(vec![
        empty,
        commit("account-0002", Expected::Any, &["süß 💧"]),
    ]);
    for i in 0..24u64 {
        let text = format!(
            "reading {i} {}",
            "x".repeat(usize::try_from(i * 13 % 90).unwrap())
        );
        let stream = format!("account-{:04}", i % 4);
        groups.push(vec![
            commit(&stream, Expected::Any, &[&text]),
            commit(&format!("key-{i}"), Expected::NoStream, &["k"]),
        ]);
    }
    groups
}

fn write_history() -> SimDisk {
    let disk = SimDisk::new(0);
    let clock = Arc::new(ManualClock::new(1_767_225_600_000));
    let mut options = common::options(&disk).clock(Arc::clone(&clock) as Arc<dyn Clock>);
    options.store_id = Some(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
    let mut core = LogCore::open(&options).unwrap();
    for (i, group) in groups().iter().enumerate() {
        clock.advance_ms(if i % 3 == 0 { 0 } else { 1_234 });
        let answers = core.commit_group(group);
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    // A last empty group lets the background seal what is full.
    core.commit_group(&[]);
    disk
}

#[test]
fn what_is_written_today_is_byte_for_byte_what_format_1_was_frozen_as() {
    let disk = write_history();
    let written: Vec<String> = disk
        .list()
        .unwrap()
        .into_iter()
        .filter(|n| !n.starts_with("spare"))
        .collect();
    let mut wanted = FILES.map(str::to_owned);
    wanted.sort_unstable();
    assert_eq!(written, wanted);
    for file in FILES {
        let path = golden_dir().join(file);
        let bytes = disk.bytes_of(file).unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
            std::fs::create_dir_all(golden_dir()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let frozen = std::fs::read(&path).unwrap();
        let differs = bytes.iter().zip(&frozen).position(|(a, b)| a != b);
        assert!(
            bytes == frozen,
            "{file} differs from format 1 at byte {differs:?}"
        );
    }
}

#[test]
fn a_store_of_format_1_is_verified_and_read_today() {
    let dir = tempfile::tempdir().unwrap();
    for file in FILES {
        std::fs::copy(golden_dir().join(file), dir.path().join(file)).unwrap();
    }
    let options = OpenOptions::dir(dir.path())
        .unwrap()
        .segment_bytes(4096)
        .reserve_bytes(0);
    let disk: Arc<dyn Disk> = Arc::clone(&options.disk);
    let verified = verify(&disk, &mut |_, _| {}).unwrap();
    assert_eq!(
        (
            verified.segments,
            verified.indexes_missing,
            verified.unfinished_bytes
        ),
        (3, 0, 0)
    );
    assert_eq!(
        verified.store.id,
        Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
    );

    let core = LogCore::open(&options).unwrap();
    let sent: Vec<NewEvent> = groups()
        .into_iter()
        .flatten()
        .flat_map(|c| c.appends)
        .flat_map(|a| a.events)
        .collect();
    let read = everything(&core.reader());
    assert_eq!(read.len(), sent.len());
    for (back, event) in read.iter().zip(&sent) {
        assert_eq!(
            (back.id, &back.kind, &back.data, &back.meta),
            (event.id, &event.kind, &event.data, &event.meta)
        );
    }
    let account = core.reader().read_stream(
        &common::name("account-0001"),
        0,
        event_store::Direction::Forwards,
        99,
    );
    let revisions: Vec<u64> = account.unwrap().iter().map(|e| e.revision).collect();
    assert_eq!(revisions, (0..revisions.len() as u64).collect::<Vec<_>>());
    assert!(revisions.len() > 6, "the stream goes through all segments");
}
