//! Looking ahead: finding the streams of the next commits before they are judged.
//!
//! With many streams, most of what staging waits for is memory: the name, the payload, the stream's entry
//! in the index, each somewhere else. One commit at a time, these waits add up. So a few commits are looked
//! at together, in passes that each reach for one kind of memory for all of them: the processor then waits
//! for many at once.

use std::hint::black_box;
use std::sync::{Arc, PoisonError};

use super::core::Answer;
use super::index_memory::NameTag;
use super::segment::{Segment, SharedMemory, Sought};
use super::shared::Shared;
use crate::port::{AppendError, Commit, NewEvent, StreamName};

/// Commits looked at together: enough to keep every wait of the processor in company, few enough that what
/// they reached for is still in its nearest cache when they are staged.
const COMMITS_MAX: usize = 32;
/// Bytes of payload after which no more commits are looked at: readers wait while these are staged.
const BYTES_MAX: usize = 64 * 1024;

/// What is known of the stream of one append.
pub(crate) struct Sighting {
    pub(crate) tag: NameTag,
    /// Where its entry probably is.
    hint: u32,
    /// Its entry in the index of the active segment.
    pub(crate) entry: Option<u32>,
    /// Its newest revision in the segments before, sought when the active one has no entry.
    pub(crate) before: Result<Option<u64>, Box<AppendError>>,
    /// The revision of its next event; filled in by judging.
    pub(crate) next: u64,
}

/// The streams of the commits looked at, in order, those of refused commits left out.
#[derive(Default)]
pub(crate) struct LookAhead {
    sightings: Vec<Sighting>,
}

impl LookAhead {
    /// Looks at the first commits of a call; says how many.
    pub(crate) fn look(
        &mut self,
        shared: &Shared,
        memory: &SharedMemory,
        (commits, answers): (&[Commit], &[Answer]),
    ) -> usize {
        let (looked, missing) = self.look_in_memory(memory, commits, answers);
        if missing {
            self.look_before(shared, commits.iter().zip(answers).take(looked));
        }
        looked
    }

    pub(crate) fn sightings(&mut self) -> &mut [Sighting] {
        &mut self.sightings
    }

    /// Finds entries of the active segment; says how many commits it looked at, and whether some stream has
    /// no entry.
    ///
    /// One pass for each step of a pointer, with little else in it: then all the commits' memory of that step
    /// is on its way at once.
    fn look_in_memory(
        &mut self,
        memory: &SharedMemory,
        commits: &[Commit],
        answers: &[Answer],
    ) -> (usize, bool) {
        let looked = bounded(commits);
        let work = || commits.iter().zip(answers).take(looked);
        self.sightings.clear();
        let tags = streams(work()).map(|stream| Sighting::of(NameTag::of(stream)));
        self.sightings.extend(tags);
        let mut reached = 0u32;
        for (stream, event) in firsts(work()) {
            let name = end(stream.as_str().as_bytes().first());
            reached ^= u32::from(name ^ ends(event));
        }
        let memory = memory.read().unwrap_or_else(PoisonError::into_inner);
        for sighting in &mut self.sightings {
            sighting.hint = memory.hint(sighting.tag);
        }
        for sighting in &self.sightings {
            reached ^= memory.touch(sighting.hint);
        }
        black_box(reached);
        let mut missing = false;
        for (sighting, stream) in self.sightings.iter_mut().zip(streams(work())) {
            sighting.entry = memory.find_hinted(sighting.hint, sighting.tag, stream);
            missing |= sighting.entry.is_none();
        }
        (looked, missing)
    }

    /// Seeks what the active segment does not have in the segments before.
    fn look_before<'a>(
        &mut self,
        shared: &Shared,
        work: impl Iterator<Item = (&'a Commit, &'a Answer)>,
    ) {
        let segments = shared.segments();
        let before = segments.iter().rev().skip(1);
        let newest = before.clone().next().and_then(|segment| segment.memory());
        if let Some(memory) = newest {
            let memory = memory.read().unwrap_or_else(PoisonError::into_inner);
            let mut reached = 0;
            for sighting in self.sightings.iter_mut().filter(|s| s.entry.is_none()) {
                sighting.hint = memory.hint(sighting.tag);
            }
            for sighting in self.sightings.iter().filter(|s| s.entry.is_none()) {
                reached ^= memory.touch(sighting.hint);
            }
            black_box(reached);
        }
        for (sighting, stream) in self.sightings.iter_mut().zip(streams(work)) {
            if sighting.entry.is_none() {
                sighting.before = head_before(shared, before.clone(), stream);
            }
        }
    }
}

impl Sighting {
    fn of(tag: NameTag) -> Self {
        Self {
            tag,
            hint: 0,
            entry: None,
            before: Ok(None),
            next: 0,
        }
    }
}

/// How many of the first commits to look at: at least one.
fn bounded(commits: &[Commit]) -> usize {
    let mut bytes = 0usize;
    let mut looked = 0usize;
    for commit in commits.iter().take(COMMITS_MAX) {
        for event in commit.appends.iter().flat_map(|append| &append.events) {
            bytes = bytes.saturating_add(event.data.len().saturating_add(event.meta.len()));
        }
        looked = looked.saturating_add(1);
        if bytes >= BYTES_MAX {
            break;
        }
    }
    looked
}

/// The first event of each append of the commits that are not refused, with its stream.
fn firsts<'a>(
    work: impl Iterator<Item = (&'a Commit, &'a Answer)>,
) -> impl Iterator<Item = (&'a StreamName, &'a NewEvent)> {
    work.filter(|(_, answer)| answer.is_ok())
        .flat_map(|(commit, _)| &commit.appends)
        .filter_map(|append| Some((&append.stream, append.events.first()?)))
}

/// Reaches for both ends of the payload and of the metadata.
fn ends(event: &NewEvent) -> u8 {
    end(event.data.first())
        ^ end(event.data.last())
        ^ end(event.meta.first())
        ^ end(event.meta.last())
}

fn end(byte: Option<&u8>) -> u8 {
    byte.copied().unwrap_or_default()
}

/// The streams of commits that are not refused, in order.
fn streams<'a>(
    work: impl Iterator<Item = (&'a Commit, &'a Answer)>,
) -> impl Iterator<Item = &'a StreamName> {
    work.filter(|(_, answer)| answer.is_ok())
        .flat_map(|(commit, _)| &commit.appends)
        .map(|append| &append.stream)
}

/// The newest revision that was given out in sealed segments, newest first.
fn head_before<'a>(
    shared: &Shared,
    segments: impl Iterator<Item = &'a Arc<Segment>>,
    stream: &StreamName,
) -> Result<Option<u64>, Box<AppendError>> {
    let sought = Sought::new(stream);
    for segment in segments {
        let head = segment.staged_head(shared, &sought).map_err(|e| {
            let why = format!("looking for stream {stream}: {e}");
            Box::new(AppendError::Stopped(why))
        })?;
        if head.is_some() {
            return Ok(head);
        }
    }
    Ok(None)
}
