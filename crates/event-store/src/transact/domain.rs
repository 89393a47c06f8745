//! The one trait a domain implements to be served by [`Transact`](super::Transact), and what passes
//! through it.
//!
//! The domain is pure: it names streams, folds past events, says what it must know, and decides. It
//! never reads, waits or retries; those are done once, by `transact`. Absent on purpose: clocks (time
//! comes in with the command), ids minted at random, and any look at other accounts' states.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::plan::first_revision;
use super::walk::Settled;
use crate::port::{Expected, NewEvent, Position, RecordedEvent, StreamAppend, StreamName};

/// Most rounds of [`Domain::needs`] for one decision: a claim, what it points to, and room to spare. A
/// domain that goes on asking is wrong, and is told so.
pub const NEEDS_ROUNDS_MAX: u32 = 8;

/// A past event as the fold sees it: nothing that only the store knows (position, time of recording),
/// so that a state folded from decisions equals a state folded from the log.
#[derive(Debug, Clone, Copy)]
pub struct PastEvent<'a> {
    /// Place in its stream.
    pub revision: u64,
    /// Its id.
    pub id: Uuid,
    /// Its kind with version.
    pub kind: &'a Arc<str>,
    /// JSON payload.
    pub data: &'a Bytes,
    /// JSON metadata; empty means `{}`.
    pub meta: &'a Bytes,
}

impl<'a> From<&'a RecordedEvent> for PastEvent<'a> {
    fn from(event: &'a RecordedEvent) -> Self {
        Self {
            revision: event.revision,
            id: event.id,
            kind: &event.kind,
            data: &event.data,
            meta: &event.meta,
        }
    }
}

/// What must be known before a command can be decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Other streams whose newest event is needed (claims of keys and meters).
    pub streams: Vec<StreamName>,
    /// Search the account's own history with [`Domain::probe`], from this revision to its end.
    pub search_from: Option<u64>,
    /// One more page of the account's own history, older than what [`Evidence::past`] holds; the first
    /// is its end. Asked for until enough is known or nothing is older.
    pub older: bool,
}

impl Needs {
    /// Nothing: the state is enough. Costs no allocation.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            streams: Vec::new(),
            search_from: None,
            older: false,
        }
    }

    /// The newest event of one other stream.
    #[must_use]
    pub fn stream(stream: StreamName) -> Self {
        Self {
            streams: vec![stream],
            search_from: None,
            older: false,
        }
    }

    /// The next older page of the account's own history.
    #[must_use]
    pub const fn older() -> Self {
        Self {
            streams: Vec::new(),
            search_from: None,
            older: true,
        }
    }

    /// A search of the account's own history from `revision`.
    #[must_use]
    pub const fn search_from(revision: u64) -> Self {
        Self {
            streams: Vec::new(),
            search_from: Some(revision),
            older: false,
        }
    }
}

/// Where an event of the account's own history lies, seen from what a command looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// What is sought lies after this event, if anywhere.
    Before,
    /// This is it.
    Found,
    /// What is sought lies before this event, if anywhere.
    After,
    /// This event says nothing about the order; its neighbours are asked.
    Unrelated,
}

/// Outcome of a search of the account's own history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum History {
    /// Nobody asked.
    #[default]
    NotSearched,
    /// Searched to the end of what was durable: it is not there.
    Absent,
    /// The event.
    Found(RecordedEvent),
}

/// What is known beside the state when a command is decided.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Newest revision of the account's own stream, on which the state stands; `None` for no stream.
    pub revision: Option<u64>,
    /// Outcome of the search of the account's own history.
    pub history: History,
    pub(crate) streams: Vec<(StreamName, Settled)>,
    /// The account's own newest events, newest first, as far back as was asked for.
    pub(crate) past: Vec<RecordedEvent>,
}

impl Evidence {
    /// Evidence for tests of a domain: the newest events of other streams as given.
    #[must_use]
    pub fn new(
        revision: Option<u64>,
        streams: Vec<(StreamName, Option<RecordedEvent>)>,
        history: History,
    ) -> Self {
        let streams = streams.into_iter().map(|(name, newest)| {
            let settled = Settled {
                head: newest.as_ref().map(|event| event.revision),
                rest: newest.as_ref().map(|event| event.position),
                newest,
            };
            (name, settled)
        });
        Self {
            revision,
            history,
            streams: streams.collect(),
            past: Vec::new(),
        }
    }

    /// The account's own newest events, newest first, as far back as was asked for ([`Needs::older`]).
    #[must_use]
    pub fn past(&self) -> &[RecordedEvent] {
        &self.past
    }

    /// The newest revision of the account that is older than the past read so far; none when nothing is.
    #[must_use]
    pub fn older_than_past(&self) -> Option<u64> {
        match self.past.last() {
            Some(oldest) => oldest.revision.checked_sub(1),
            None => self.revision,
        }
    }

    /// Whether the stream has been read.
    #[must_use]
    pub fn has_read(&self, stream: &StreamName) -> bool {
        self.streams.iter().any(|(name, _)| name == stream)
    }

    /// The newest durable event of a stream that was asked for; `None` when nothing in the stream counts
    /// or it was not read ([`Evidence::has_read`] tells which). Claims that were never carried out do not
    /// count.
    #[must_use]
    pub fn newest(&self, stream: &StreamName) -> Option<&RecordedEvent> {
        self.settled(stream)?.newest.as_ref()
    }

    fn settled(&self, stream: &StreamName) -> Option<&Settled> {
        let found = self.streams.iter().find(|(name, _)| name == stream);
        found.map(|(_, settled)| settled)
    }

    /// Where a stream that was read must stand for what was read to be still true.
    #[must_use]
    pub fn expected(&self, stream: &StreamName) -> Expected {
        self.settled(stream)
            .and_then(|settled| settled.head)
            .map_or(Expected::NoStream, Expected::Exact)
    }

    /// The revision that the next event of a stream that was read will have.
    #[must_use]
    pub fn next_revision(&self, stream: &StreamName) -> u64 {
        first_revision(self.expected(stream))
    }

    /// Newest position among the evidence: an answer decided on it stands on that commit too.
    pub(crate) fn position(&self) -> Option<Position> {
        let found = match &self.history {
            History::Found(event) => Some(event.position),
            History::NotSearched | History::Absent => None,
        };
        let streams = self.streams.iter().filter_map(|(_, settled)| settled.rest);
        let past = self.past.first().map(|event| event.position);
        streams.chain(found).chain(past).max()
    }
}

/// What a domain decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<A> {
    /// Given to the caller once everything it rests on is durable.
    pub answer: A,
    /// For the account's own stream; their effect is already in the state that `decide` was given.
    pub events: Vec<NewEvent>,
    /// For other streams, in the same commit: claims with no stream expected (which allows for events that
    /// do not count), or moves of a claim with the revision that was read. [`Expected::Any`] is refused: it could not be recognised in doubt.
    ///
    /// The last is the claim of the decision's key, which says for ever what was decided. Of those before
    /// it only the first may be one that other decisions could take: see the text of `plan`.
    pub claims: Vec<StreamAppend>,
}

impl<A> Decision<A> {
    /// An answer that writes nothing.
    #[must_use]
    pub const fn answer(answer: A) -> Self {
        Self {
            answer,
            events: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// An answer with events for the account.
    #[must_use]
    pub const fn append(answer: A, events: Vec<NewEvent>) -> Self {
        Self {
            answer,
            events,
            claims: Vec::new(),
        }
    }

    /// The same with a claim in the same commit.
    #[must_use]
    pub fn with_claim(mut self, claim: StreamAppend) -> Self {
        self.claims.push(claim);
        self
    }
}

/// A domain of accounts, each one stream.
pub trait Domain: Send + Sync + 'static {
    /// One account, folded. Cloned only for [`Transact::state`](super::Transact::state).
    type State: Clone + Send + 'static;
    /// What is asked. Kept until answered, so that it can be decided again.
    type Command: Send + 'static;
    /// What is answered; business refusals are answers too.
    type Answer: Clone + Send + 'static;

    /// The account's stream. Its hash chooses the shard.
    fn stream(&self, command: &Self::Command) -> StreamName;

    /// The state before the first event.
    fn initial(&self, stream: &StreamName) -> Self::State;

    /// Folds one past event.
    ///
    /// # Errors
    /// When history is damaged (undecodable, impossible): the account then refuses everything with this
    /// text.
    fn evolve(&self, state: &mut Self::State, event: PastEvent<'_>) -> Result<(), String>;

    /// What must be known before deciding, given what is known. Asked again after each reading until it
    /// names nothing new, at most [`NEEDS_ROUNDS_MAX`] times; older pages of its own history do not
    /// count, since they end. Streams already read are not read again.
    fn needs(&self, state: &Self::State, command: &Self::Command, known: &Evidence) -> Needs;

    /// For the binary search over the account's own revisions.
    fn probe(&self, command: &Self::Command, event: &RecordedEvent) -> Probe;

    /// Decides, and evolves `state` by exactly the events it returns (so that what was just decided is
    /// never decoded again). With no events of its own the state must stay as it was. If the append
    /// fails, the state is dropped and folded anew.
    ///
    /// On a store that is not atomic over streams the last claim is written first and names all the rest,
    /// which follows one after the other. Evidence shows such a claim only when everything it names is
    /// written.
    fn decide(
        &self,
        state: &mut Self::State,
        command: &Self::Command,
        evidence: &Evidence,
    ) -> Decision<Self::Answer>;

    /// The state as bytes, or `None` when this state is not worth a snapshot.
    fn snapshot(&self, state: &Self::State) -> Option<Vec<u8>>;

    /// The state from bytes; `None` when they do not fit, and the stream is folded instead.
    fn restore(&self, stream: &StreamName, bytes: &[u8]) -> Option<Self::State>;

    /// Changes whenever the snapshot's layout or the fold changes: snapshots with another are ignored.
    fn schema_hash(&self) -> [u8; 32];
}
