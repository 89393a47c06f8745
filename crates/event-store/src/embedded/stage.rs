//! Staging: judging commits, giving them their places and encoding them into the open frame.
//!
//! Pure of the disk but for looking up streams of sealed segments. It runs ahead of what is durable: the
//! next frame is staged while the last one is synced. So its state is lost, with the store, when a sync
//! fails.

use std::sync::{Arc, PoisonError, RwLock};

use super::core::Answer;
use super::index_build::IndexHead;
use super::index_memory::MemoryIndex;
use super::layout::{
    Chain, FRAME_BYTES_MAX, FRAME_BYTES_TARGET, FRAME_HEADER_BYTES, FrameHeader,
    SEGMENT_HEADER_BYTES, SegmentHeader,
};
use super::look_ahead::{LookAhead, Sighting};
use super::record::{Place, push_record, record_bytes_max};
use super::segment::{Segment, SharedMemory};
use super::shared::Shared;
use super::spares::{Class, Spares};
use super::wire::{align8, offset32};
use crate::clock::Clock;
use crate::limits::expectation_holds;
use crate::port::{AppendError, Commit, Committed, Position, StreamAppend};

/// How far staging got with the commits offered.
pub(crate) struct Offered {
    /// So many of the first ones are staged, their answers filled in, or refused. Both hold once the open
    /// frame is durable.
    pub(crate) done: usize,
    /// The open frame must be closed before the next is offered.
    pub(crate) frame_full: bool,
}

/// How a commit fared.
enum Fate {
    Staged,
    Refused(AppendError),
    /// The open frame must be closed first.
    FrameFull,
    /// A new segment with room for so many bytes must be begun first.
    SegmentFull(u64),
}

/// A segment to be made before its first frame is written.
pub(crate) struct NewSegment {
    pub(crate) spare: String,
    /// Without the hash of the frame before, like `before_head`: that is the writing thread's to fill in.
    pub(crate) header: SegmentHeader,
    /// The segment before, to be sealed now.
    pub(crate) before: Arc<Segment>,
    pub(crate) before_head: IndexHead,
}

/// A frame ready to be written.
pub(crate) struct Frame {
    pub(crate) switch: Option<NewSegment>,
    pub(crate) segment: Arc<Segment>,
    pub(crate) draft: Draft,
    /// Where the next frame begins.
    pub(crate) end: u64,
    /// The position behind its last event.
    pub(crate) next_position: u64,
}

/// The bytes of a frame but for its header, which carries the hash of the frame before.
pub(crate) struct Draft {
    /// Without that hash.
    pub(crate) header: FrameHeader,
    /// With room for the header in front, and padding behind.
    pub(crate) bytes: Vec<u8>,
    /// Bytes without the padding.
    pub(crate) length: usize,
    pub(crate) offset: u64,
}

/// The state of staging.
pub(crate) struct Stager {
    shared: Arc<Shared>,
    spares: Arc<Spares>,
    clock: Arc<dyn Clock>,
    /// The chain before the open frame, without its hash.
    chain: Chain,
    segment: Arc<Segment>,
    memory: SharedMemory,
    capacity: u64,
    /// Where the open frame begins.
    offset: u64,
    switch: Option<NewSegment>,
    buffer: Vec<u8>,
    events: u32,
    recorded_at_ms: i64,
    ahead: LookAhead,
    /// Streams got their first event of the segment since the last look ahead.
    begun: bool,
}

/// Where staging begins.
pub(crate) struct Start {
    pub(crate) chain: Chain,
    pub(crate) capacity: u64,
    pub(crate) offset: u64,
}

impl Stager {
    pub(crate) fn new(
        (shared, spares): (Arc<Shared>, Arc<Spares>),
        clock: Arc<dyn Clock>,
        segment: Arc<Segment>,
        start: &Start,
    ) -> Self {
        let memory = segment.memory().unwrap_or_default();
        Self {
            shared,
            spares,
            clock,
            chain: Chain {
                hash: [0; 32],
                ..start.chain
            },
            segment,
            memory,
            capacity: start.capacity,
            offset: start.offset,
            switch: None,
            buffer: vec![0; FRAME_HEADER_BYTES],
            events: 0,
            recorded_at_ms: start.chain.recorded_at_ms,
            ahead: LookAhead::default(),
            begun: false,
        }
    }

    /// Bytes of the open frame, 0 when it has no event.
    pub(crate) fn open_bytes(&self) -> usize {
        if self.events == 0 {
            0
        } else {
            self.buffer.len()
        }
    }

    fn next_position(&self) -> u64 {
        self.chain
            .next_position
            .saturating_add(u64::from(self.events))
    }

    /// Judges the first of some commits, already checked against the port's limits, and stages them. The
    /// answers that are not refusals come with room for their revisions: they were made, and are let go of,
    /// by the caller's thread.
    pub(crate) fn offer(
        &mut self,
        commits: &[Commit],
        answers: &mut [Answer],
        class: Class,
    ) -> Offered {
        let mut ahead = std::mem::take(&mut self.ahead);
        let looked = ahead.look(&self.shared, &self.memory, (commits, answers));
        self.begun = false;
        let work = commits.iter().zip(answers).take(looked);
        let offered = self.offer_looked(ahead.sightings(), work, class);
        self.ahead = ahead;
        offered
    }

    /// Stages commits whose streams were looked for, while readers of the active segment's index wait.
    fn offer_looked<'a>(
        &mut self,
        mut sightings: &mut [Sighting],
        work: impl Iterator<Item = (&'a Commit, &'a mut Answer)>,
        class: Class,
    ) -> Offered {
        let memory = Arc::clone(&self.memory);
        let mut memory = memory.write().unwrap_or_else(PoisonError::into_inner);
        let mut done = 0usize;
        for (commit, answer) in work {
            if let Ok(committed) = answer {
                let (own, rest) = sightings.split_at_mut(commit.appends.len());
                sightings = rest;
                match self.offer_one(&mut memory, (commit, own), class, committed) {
                    Fate::Staged => {}
                    Fate::Refused(error) => *answer = Err(error),
                    Fate::FrameFull => {
                        return Offered {
                            done,
                            frame_full: true,
                        };
                    }
                    Fate::SegmentFull(needed) => {
                        drop(memory);
                        // With a new segment the commit is offered once more, and its streams are looked
                        // for again: the index is another one.
                        if let Err(why) = self.next_segment(needed, class) {
                            *answer = Err(AppendError::Stopped(why));
                            done = done.saturating_add(1);
                        }
                        break;
                    }
                }
            }
            done = done.saturating_add(1);
        }
        Offered {
            done,
            frame_full: false,
        }
    }

    fn offer_one(
        &mut self,
        memory: &mut MemoryIndex,
        (commit, sightings): (&Commit, &mut [Sighting]),
        class: Class,
        answer: &mut Committed,
    ) -> Fate {
        if let Err(refused) = self.judge(memory, commit, sightings) {
            return Fate::Refused(refused);
        }
        if class == Class::Normal
            && let Some(why) = self.spares.refusal(self.shared.files.disk())
        {
            return Fate::Refused(AppendError::Stopped(why));
        }
        let bytes = commit_bytes_max(commit);
        let staged = self.buffer.len();
        assert!(
            bytes.saturating_add(FRAME_HEADER_BYTES) <= FRAME_BYTES_MAX,
            "the port's limits keep a commit in a frame"
        );
        let needed = (staged as u64)
            .saturating_add(bytes as u64)
            .saturating_add(8);
        let beyond_segment = self.offset.saturating_add(needed) > self.capacity;
        let beyond_target = staged.saturating_add(bytes) > FRAME_BYTES_TARGET;
        if self.events > 0 && (beyond_segment || beyond_target) {
            return Fate::FrameFull;
        }
        if beyond_segment {
            return Fate::SegmentFull(needed);
        }
        self.buffer.reserve(bytes);
        self.stage(memory, (commit, sightings), answer);
        Fate::Staged
    }

    /// Compares where streams should stand with the newest revision given out, durable or not yet.
    fn judge(
        &self,
        memory: &MemoryIndex,
        commit: &Commit,
        sightings: &mut [Sighting],
    ) -> Result<(), AppendError> {
        for (append, sighting) in commit.appends.iter().zip(sightings) {
            if sighting.entry.is_none() && self.begun {
                sighting.entry = memory.find(sighting.tag, &append.stream);
            }
            let actual = match (sighting.entry, &sighting.before) {
                (Some(entry), _) => memory.head_of(entry),
                (None, Ok(before)) => *before,
                (None, Err(error)) => return Err(error.as_ref().clone()),
            };
            if !expectation_holds(append.expected, actual) {
                return Err(AppendError::WrongExpectedRevision {
                    stream: append.stream.clone(),
                    expected: append.expected,
                    actual,
                });
            }
            sighting.next = actual.map_or(0, |head| head.saturating_add(1));
        }
        Ok(())
    }

    fn stage(
        &mut self,
        memory: &mut MemoryIndex,
        (commit, sightings): (&Commit, &[Sighting]),
        answer: &mut Committed,
    ) {
        if self.events == 0 {
            self.recorded_at_ms = self.clock.now_ms().max(self.chain.recorded_at_ms);
        }
        let last = commit.appends.len().saturating_sub(1);
        for (i, (append, sighting)) in commit.appends.iter().zip(sightings).enumerate() {
            let newest = self.stage_stream(memory, append, sighting, i == last);
            answer.revisions.push(newest);
        }
        let newest = self.next_position().saturating_sub(1);
        answer.position = Position {
            commit: newest,
            prepare: newest,
        };
        answer.recorded_at_ms = Some(self.recorded_at_ms);
    }

    /// Encodes and indexes the events of one stream; gives the last revision.
    fn stage_stream(
        &mut self,
        memory: &mut MemoryIndex,
        append: &StreamAppend,
        sighting: &Sighting,
        last_stream: bool,
    ) -> u64 {
        let mut revision = sighting.next;
        let mut entry = sighting.entry;
        let last = append.events.len().saturating_sub(1);
        for (i, event) in append.events.iter().enumerate() {
            let place = Place {
                seed: self.shared.seed,
                stream: &append.stream,
                revision,
                position: self.next_position(),
                recorded_at_ms: self.recorded_at_ms,
                commit_end: last_stream && i == last,
            };
            let offset = offset32(self.offset.saturating_add(self.buffer.len() as u64));
            push_record(&mut self.buffer, &place, event);
            memory.pass(place.position, offset, offset32(self.offset));
            match entry {
                Some(entry) => memory.go_on(entry, offset),
                None => {
                    entry = Some(memory.begin(sighting.tag, &append.stream, revision, offset));
                    self.begun = true;
                }
            }
            self.events = self.events.saturating_add(1);
            revision = revision.saturating_add(1);
        }
        revision.saturating_sub(1)
    }

    /// Goes on in a new segment. The open frame is empty.
    fn next_segment(&mut self, needed: u64, class: Class) -> Result<(), String> {
        assert!(
            self.events == 0 && self.switch.is_none(),
            "a frame lies in one segment"
        );
        let number = self.segment.number.saturating_add(1);
        let needed = needed.saturating_add(SEGMENT_HEADER_BYTES as u64);
        let spare = self
            .spares
            .take(self.shared.files.disk(), number, needed, class)?;
        let header = SegmentHeader {
            store: self.shared.id.id,
            number,
            capacity: spare.capacity,
            before_end: self.offset,
            chain: self.chain,
        };
        let before_head = IndexHead {
            store: self.shared.id.id,
            number: self.segment.number,
            first_position: self.segment.first_position,
            end: self.offset,
            chain: self.chain,
        };
        let streams = self
            .memory
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .streams();
        self.memory = Arc::new(RwLock::new(MemoryIndex::with_streams(streams)));
        let start = SEGMENT_HEADER_BYTES as u64;
        let segment = Segment::in_memory(
            number,
            self.chain.next_position,
            Arc::clone(&self.memory),
            start,
        );
        let before = std::mem::replace(&mut self.segment, Arc::new(segment));
        self.shared.push_segment(Arc::clone(&self.segment));
        self.switch = Some(NewSegment {
            spare: spare.name,
            header,
            before,
            before_head,
        });
        self.capacity = spare.capacity;
        self.offset = start;
        Ok(())
    }

    /// Closes the open frame, if it has an event.
    pub(crate) fn close(&mut self) -> Option<Frame> {
        if self.events == 0 {
            return None;
        }
        let length = self.buffer.len();
        let header = FrameHeader {
            body_bytes: u32::try_from(length.saturating_sub(FRAME_HEADER_BYTES))
                .unwrap_or(u32::MAX),
            events: self.events,
            first_position: self.chain.next_position,
            recorded_at_ms: self.recorded_at_ms,
            before_hash: [0; 32],
        };
        let mut next = self.shared.newest.buffer();
        next.resize(FRAME_HEADER_BYTES, 0);
        let mut bytes = std::mem::replace(&mut self.buffer, next);
        bytes.resize(length.next_multiple_of(8), 0);
        let next_position = self.next_position();
        let offset = self.offset;
        self.offset = align8(offset.saturating_add(length as u64));
        self.chain.next_position = next_position;
        self.chain.recorded_at_ms = self.recorded_at_ms;
        self.events = 0;
        Some(Frame {
            switch: self.switch.take(),
            segment: Arc::clone(&self.segment),
            draft: Draft {
                header,
                bytes,
                length,
                offset,
            },
            end: self.offset,
            next_position,
        })
    }
}

fn commit_bytes_max(commit: &Commit) -> usize {
    let stream = |a: &StreamAppend| -> usize {
        a.events
            .iter()
            .map(|e| record_bytes_max(&a.stream, e))
            .sum()
    };
    commit.appends.iter().map(stream).sum()
}
