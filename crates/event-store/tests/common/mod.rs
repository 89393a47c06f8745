//! What the log's tests share: short ways to write commits and to read everything back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use bytes::Bytes;
use event_store::embedded::{Disk, LogCore, LogReader, OpenOptions};
use event_store::sim::SimDisk;
use event_store::{
    Commit, Direction, Expected, ManualClock, NewEvent, RecordedEvent, StreamAppend, StreamName,
};
use uuid::Uuid;

pub(crate) fn name(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

pub(crate) fn event(text: &str) -> NewEvent {
    NewEvent {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()),
        kind: Arc::from("noted.v1"),
        data: Bytes::from(format!("{{\"text\":\"{text}\"}}")),
        meta: Bytes::from_static(b"{\"actor\":\"test\"}"),
    }
}

pub(crate) fn part(stream: &str, expected: Expected, texts: &[&str]) -> StreamAppend {
    StreamAppend {
        stream: name(stream),
        expected,
        events: texts.iter().map(|t| event(t)).collect(),
    }
}

pub(crate) fn commit(stream: &str, expected: Expected, texts: &[&str]) -> Commit {
    Commit {
        appends: vec![part(stream, expected, texts)],
    }
}

/// Options for a simulated disk: small segments, a clock that stands still.
pub(crate) fn options(disk: &SimDisk) -> OpenOptions {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    OpenOptions::disk(disk)
        .clock(Arc::new(ManualClock::new(1_000)))
        .segment_bytes(4096)
        .reserve_bytes(0)
}

/// Writes `count` events of one stream, one commit each.
pub(crate) fn write_many(core: &mut LogCore, stream: &str, count: usize) {
    for i in 0..count {
        let answers =
            core.commit_group(&[commit(stream, Expected::Any, &[&format!("{stream} {i}")])]);
        assert!(answers[0].is_ok(), "{answers:?}");
    }
}

pub(crate) fn everything(reader: &LogReader) -> Vec<RecordedEvent> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let page = reader
            .read_all(events.last().map(|e| e.position), Direction::Forwards, 700)
            .unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// The file with some bytes changed.
pub(crate) fn spoil(disk: &SimDisk, file: &str, at: usize, bytes: &[u8]) {
    let mut content = disk.bytes_of(file).unwrap();
    for (place, byte) in content[at..].iter_mut().zip(bytes) {
        assert_ne!(place, byte, "the bytes are changed");
        *place = *byte;
    }
    disk.overwrite(file, &content);
}
