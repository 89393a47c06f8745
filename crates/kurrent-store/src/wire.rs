//! Between the port's values and the protocol's messages.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use event_store::{
    Direction, Expected, NewEvent, Position, RecordedEvent, StreamAppend, StreamName,
};
use kurrent_wire::convert::{
    UuidForm, ms_of_ticks, stream_from_wire, stream_to_wire, uuid_from_wire, uuid_to_wire,
};
use kurrent_wire::names;
use kurrent_wire::pb::shared::Empty;
use kurrent_wire::pb::streams::batch_append_req::{self, ProposedMessage, options as batch};
use kurrent_wire::pb::streams::read_req::{self, options as read};
use kurrent_wire::pb::streams::read_resp::{ReadEvent, read_event};
use kurrent_wire::pb::streams::{BatchAppendReq, ReadReq};
use uuid::Uuid;

use crate::trouble::Trouble;

/// Where the ledger's own identity stands.
pub(crate) const IDENTITY_STREAM: &str = "ledger-store";
/// Streams of the server itself begin with `$`.
const OWN_STREAMS: &str = "^[^\\$]";
/// A server sends a checkpoint after so many windows; they are not used here.
const CHECKPOINT_WINDOWS: u32 = 32;
/// Numbers of events are signed on the server.
pub(crate) const REVISION_MAX: u64 = i64::MAX.unsigned_abs();

/// An append as one request.
pub(crate) fn batch_request(
    correlation: Uuid,
    append: &StreamAppend,
    deadline: std::time::Duration,
) -> BatchAppendReq {
    let position = match append.expected {
        Expected::NoStream => batch::ExpectedStreamPosition::NoStream(()),
        Expected::Exact(revision) => batch::ExpectedStreamPosition::StreamPosition(revision),
        Expected::Any => batch::ExpectedStreamPosition::Any(()),
    };
    let deadline = prost_types::Duration {
        seconds: i64::try_from(deadline.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(deadline.subsec_nanos()).unwrap_or_default(),
    };
    BatchAppendReq {
        correlation_id: Some(uuid_to_wire(correlation, UuidForm::Structured)),
        options: Some(batch_append_req::Options {
            stream_identifier: Some(stream_to_wire(append.stream.as_str())),
            expected_stream_position: Some(position),
            deadline_option: Some(batch::DeadlineOption::Deadline(deadline)),
        }),
        proposed_messages: append.events.iter().map(proposed).collect(),
        is_final: true,
    }
}

fn proposed(event: &NewEvent) -> ProposedMessage {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    ProposedMessage {
        id: Some(uuid_to_wire(event.id, UuidForm::Structured)),
        metadata: HashMap::from([
            pair(names::META_TYPE, &event.kind),
            pair(names::META_CONTENT_TYPE, names::CONTENT_JSON),
        ]),
        custom_metadata: event.meta.clone(),
        data: event.data.clone(),
    }
}

fn request(
    stream: read::StreamOption,
    direction: Direction,
    count: read::CountOption,
    filter: read::FilterOption,
) -> ReadReq {
    let direction = match direction {
        Direction::Forwards => read::ReadDirection::Forwards,
        Direction::Backwards => read::ReadDirection::Backwards,
    };
    ReadReq {
        options: Some(read_req::Options {
            read_direction: direction.into(),
            resolve_links: false,
            uuid_option: Some(read::UuidOption {
                content: Some(read::uuid_option::Content::Structured(Empty {})),
            }),
            control_option: Some(read::ControlOption { compatibility: 1 }),
            stream_option: Some(stream),
            count_option: Some(count),
            filter_option: Some(filter),
        }),
    }
}

/// Reads of a stream. `from` beyond what a server counts to means the end.
pub(crate) fn stream_request(
    stream: &StreamName,
    from: u64,
    direction: Direction,
    count: usize,
) -> ReadReq {
    let from = if from > REVISION_MAX {
        read::stream_options::RevisionOption::End(Empty {})
    } else {
        read::stream_options::RevisionOption::Revision(from)
    };
    let stream = read::StreamOption::Stream(read::StreamOptions {
        stream_identifier: Some(stream_to_wire(stream.as_str())),
        revision_option: Some(from),
    });
    let count = read::CountOption::Count(count as u64);
    request(
        stream,
        direction,
        count,
        read::FilterOption::NoFilter(Empty {}),
    )
}

/// Reads of the whole store without the server's own streams.
pub(crate) fn all_request(from: Option<Position>, direction: Direction, count: usize) -> ReadReq {
    let open = match direction {
        Direction::Forwards => read::all_options::AllOption::Start(Empty {}),
        Direction::Backwards => read::all_options::AllOption::End(Empty {}),
    };
    let count = read::CountOption::Count(count as u64);
    request(all_from(from, open), direction, count, own_streams())
}

/// Follows the whole store without the server's own streams.
pub(crate) fn subscribe_request(after: Option<Position>) -> ReadReq {
    let open = read::all_options::AllOption::Start(Empty {});
    let forever = read::CountOption::Subscription(read::SubscriptionOptions {});
    request(
        all_from(after, open),
        Direction::Forwards,
        forever,
        own_streams(),
    )
}

fn all_from(from: Option<Position>, open: read::all_options::AllOption) -> read::StreamOption {
    let from = from.map_or(open, |position| {
        read::all_options::AllOption::Position(read::Position {
            commit_position: position.commit,
            prepare_position: position.prepare,
        })
    });
    read::StreamOption::All(read::AllOptions {
        all_option: Some(from),
    })
}

fn own_streams() -> read::FilterOption {
    read::FilterOption::Filter(read::FilterOptions {
        filter: Some(read::filter_options::Filter::StreamIdentifier(
            read::filter_options::Expression {
                regex: OWN_STREAMS.to_owned(),
                prefix: Vec::new(),
            },
        )),
        window: Some(read::filter_options::Window::Count(Empty {})),
        checkpoint_interval_multiplier: CHECKPOINT_WINDOWS,
    })
}

/// What a server gave of an event.
pub(crate) struct Given {
    pub(crate) position: Position,
    /// `None` for a stream that cannot be the ledger's, or is its own identity.
    pub(crate) event: Option<RecordedEvent>,
    /// Its stream cannot be the ledger's.
    pub(crate) foreign: bool,
}

/// Takes an event as read. The identity's stream and foreign ones are left out where `all` is read.
pub(crate) fn given(read: ReadEvent, all: bool) -> Result<Given, Trouble> {
    let commit = match read.position {
        Some(read_event::Position::CommitPosition(commit)) => Some(commit),
        Some(read_event::Position::NoPosition(_)) | None => None,
    };
    let event = read.event.ok_or_else(|| missing("an event"))?;
    let position = Position {
        commit: commit.unwrap_or(event.commit_position),
        prepare: event.prepare_position,
    };
    let name = event
        .stream_identifier
        .as_ref()
        .and_then(stream_from_wire)
        .ok_or_else(|| missing("the stream's name"))?;
    let Ok(stream) = StreamName::new(name) else {
        if all {
            return Ok(Given {
                position,
                event: None,
                foreign: true,
            });
        }
        return Err(missing("a stream's name that can be the ledger's"));
    };
    if all && name == IDENTITY_STREAM {
        return Ok(Given {
            position,
            event: None,
            foreign: false,
        });
    }
    let id = event.id.as_ref().and_then(uuid_from_wire);
    let kind = event.metadata.get(names::META_TYPE);
    let created = event.metadata.get(names::META_CREATED);
    let ticks = created.and_then(|ticks| ticks.parse().ok());
    let whole = RecordedEvent {
        stream,
        revision: event.stream_revision,
        position,
        id: id.ok_or_else(|| missing("the event's id"))?,
        kind: Arc::from(kind.ok_or_else(|| missing("the event's type"))?.as_str()),
        data: event.data,
        meta: event.custom_metadata,
        recorded_at_ms: ms_of_ticks(ticks.ok_or_else(|| missing("the event's time"))?),
    };
    Ok(Given {
        position,
        event: Some(whole),
        foreign: false,
    })
}

fn missing(what: &str) -> Trouble {
    Trouble::Broken(format!("the server gave an event without {what}"))
}

/// Bytes an event takes in memory, about.
pub(crate) fn weight(event: &RecordedEvent) -> usize {
    event.data.len() + event.meta.len() + size_of::<RecordedEvent>()
}

/// Bytes of a commit for the limits of what is held.
pub(crate) fn append_bytes(append: &StreamAppend) -> usize {
    let event = |e: &NewEvent| Bytes::len(&e.data) + e.meta.len() + size_of::<NewEvent>();
    append.events.iter().map(event).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kurrent_wire::pb::streams::read_resp::read_event::RecordedEvent as WireEvent;

    fn read(stream: &str) -> ReadEvent {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        ReadEvent {
            event: Some(WireEvent {
                id: Some(uuid_to_wire(Uuid::from_u128(1), UuidForm::Text)),
                stream_identifier: Some(stream_to_wire(stream)),
                metadata: HashMap::from([
                    pair(names::META_TYPE, "noted.v1"),
                    pair(names::META_CREATED, "17000000000000000"),
                ]),
                ..WireEvent::default()
            }),
            link: None,
            position: Some(read_event::Position::CommitPosition(7)),
        }
    }

    #[test]
    fn a_stream_that_cannot_be_the_ledgers_is_foreign_and_its_own_identity_is_not() {
        let long = "x".repeat(201);
        for (stream, shown, foreign) in [
            ("account-1", true, false),
            (IDENTITY_STREAM, false, false),
            ("two words", false, true),
            (long.as_str(), false, true),
        ] {
            let given = given(read(stream), true).unwrap();
            assert_eq!((given.event.is_some(), given.foreign), (shown, foreign));
        }
    }
}
