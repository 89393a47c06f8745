//! The limits of the port, checked in one place for every adapter.
//!
//! A commit that breaks one is refused before anything of it is written. What a stream's revision must
//! be is not judged here: that needs the store's state.

use std::sync::Arc;

use crate::port::{
    AppendError, COMMIT_BYTES_MAX, Commit, EVENT_BYTES_MAX, Expected, NewEvent, StreamName,
};

/// Longest event kind, in bytes. Kinds are short names with a version; the limit keeps the bytes of a
/// record that are not payload small and known.
pub const KIND_BYTES_MAX: usize = 200;
/// Most events of one commit. Together with [`COMMIT_BYTES_MAX`] it bounds a commit's stored size, also
/// when its events are empty.
pub const COMMIT_EVENTS_MAX: usize = 16_384;

/// What one byte of an event's kind counts towards [`COMMIT_BYTES_MAX`]: KurrentDB counts its characters
/// as two bytes each.
pub const KIND_BYTE_COUNTS: usize = 2;

/// What an event counts towards [`COMMIT_BYTES_MAX`]: its payload, its metadata, and twice its kind.
#[must_use]
pub fn counted_bytes(event: &NewEvent) -> usize {
    let kind = event.kind.len().saturating_mul(KIND_BYTE_COUNTS);
    let content = event.data.len().saturating_add(event.meta.len());
    content.saturating_add(kind)
}

/// Checks a commit against the port's limits.
///
/// # Errors
/// [`AppendError::Invalid`] naming the limit, its value, and what was given.
pub fn check_commit(commit: &Commit) -> Result<(), AppendError> {
    Checker::default().check(commit).map(|_| ())
}

/// Checks commits one after the other. Events of one kind share its text, which is then looked at once.
#[derive(Default)]
pub(crate) struct Checker<'a> {
    kind: Option<&'a Arc<str>>,
}

impl<'a> Checker<'a> {
    /// As [`check_commit`]; gives the bytes of payload and metadata.
    pub(crate) fn check(&mut self, commit: &'a Commit) -> Result<usize, AppendError> {
        if commit.appends.is_empty() {
            return Err(invalid("a commit needs at least one stream".to_owned()));
        }
        let mut bytes = 0usize;
        let mut counted = 0usize;
        let mut events = 0usize;
        for append in &commit.appends {
            if append.events.is_empty() {
                return Err(invalid(format!(
                    "no events for stream {}; leave the stream out",
                    append.stream
                )));
            }
            events = events.saturating_add(append.events.len());
            for event in &append.events {
                counted = counted.saturating_add(counted_bytes(event));
                bytes = bytes.saturating_add(self.check_event(&append.stream, event)?);
            }
        }
        if counted > COMMIT_BYTES_MAX {
            return Err(invalid(format!(
                "{counted} bytes of events (kinds count double), at most {COMMIT_BYTES_MAX} a commit"
            )));
        }
        if events > COMMIT_EVENTS_MAX {
            return Err(invalid(format!(
                "{events} events, at most {COMMIT_EVENTS_MAX} a commit"
            )));
        }
        check_distinct(commit)?;
        Ok(bytes)
    }

    fn check_event(
        &mut self,
        stream: &StreamName,
        event: &'a NewEvent,
    ) -> Result<usize, AppendError> {
        if !self.kind.is_some_and(|kind| Arc::ptr_eq(kind, &event.kind)) {
            check_kind(stream, &event.kind)?;
            self.kind = Some(&event.kind);
        }
        let bytes = event.data.len().saturating_add(event.meta.len());
        if bytes > EVENT_BYTES_MAX {
            return Err(invalid(format!(
                "event {} for stream {stream} has {bytes} bytes, at most {EVENT_BYTES_MAX}",
                event.id
            )));
        }
        Ok(bytes)
    }
}

fn check_kind(stream: &StreamName, kind: &str) -> Result<(), AppendError> {
    let fits = (1..=KIND_BYTES_MAX).contains(&kind.len());
    if fits && kind.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(invalid(format!(
            "event kind {kind:?} for stream {stream} is not 1 to {KIND_BYTES_MAX} printable ASCII characters without spaces"
        )))
    }
}

fn check_distinct(commit: &Commit) -> Result<(), AppendError> {
    let twice = match commit.appends.as_slice() {
        [_] => None,
        [a, b] => (a.stream == b.stream).then_some(&a.stream),
        many => {
            let mut names: Vec<&StreamName> = many.iter().map(|a| &a.stream).collect();
            names.sort_unstable();
            names
                .iter()
                .zip(names.iter().skip(1))
                .find(|(a, b)| a == b)
                .map(|(a, _)| *a)
        }
    };
    match twice {
        None => Ok(()),
        Some(stream) => Err(invalid(format!(
            "stream {stream} stands twice in one commit; join its events"
        ))),
    }
}

fn invalid(what: String) -> AppendError {
    AppendError::Invalid(what)
}

/// Whether a stream whose newest revision is `actual` stands where it is expected.
#[must_use]
pub fn expectation_holds(expected: Expected, actual: Option<u64>) -> bool {
    match expected {
        Expected::Any => true,
        Expected::NoStream => actual.is_none(),
        Expected::Exact(revision) => actual == Some(revision),
    }
}
