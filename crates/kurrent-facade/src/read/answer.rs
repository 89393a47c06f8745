//! Events and notices as messages.

use std::collections::HashMap;

use bytes::Bytes;
use event_store::{Position, RecordedEvent};
use kurrent_wire::convert::{UuidForm, stream_to_wire, ticks_of_ms, timestamp_of_ms, uuid_to_wire};
use kurrent_wire::names;
use kurrent_wire::pb::shared::StreamIdentifier;
use kurrent_wire::pb::streams::ReadResp;
use kurrent_wire::pb::streams::read_resp::read_event::{
    Position as EventPosition, RecordedEvent as WireEvent,
};
use kurrent_wire::pb::streams::read_resp::{
    CaughtUp, Checkpoint, Content, Position as WirePosition, ReadEvent, StreamNotFound,
    SubscriptionConfirmation,
};
use serde::de::IgnoredAny;

use crate::small::now_ms;

fn message(content: Content) -> ReadResp {
    ReadResp {
        content: Some(content),
    }
}

pub(super) fn event(event: RecordedEvent, uuids: UuidForm) -> ReadResp {
    let commit = event.position.commit;
    let created = ticks_of_ms(event.recorded_at_ms).to_string();
    let metadata = HashMap::from([
        (names::META_TYPE.to_owned(), event.kind.as_ref().to_owned()),
        (names::META_CREATED.to_owned(), created),
        (
            names::META_CONTENT_TYPE.to_owned(),
            content_type(&event.data).to_owned(),
        ),
    ]);
    message(Content::Event(ReadEvent {
        event: Some(WireEvent {
            id: Some(uuid_to_wire(event.id, uuids)),
            stream_identifier: Some(stream_to_wire(event.stream.as_str())),
            stream_revision: event.revision,
            prepare_position: event.position.prepare,
            commit_position: commit,
            metadata,
            custom_metadata: event.meta,
            data: event.data,
        }),
        link: None,
        position: Some(EventPosition::CommitPosition(commit)),
    }))
}

/// The store keeps no content type: what is a JSON text is JSON.
fn content_type(data: &Bytes) -> &'static str {
    if serde_json::from_slice::<IgnoredAny>(data).is_ok() {
        names::CONTENT_JSON
    } else {
        names::CONTENT_BINARY
    }
}

pub(super) fn stream_not_found(stream: StreamIdentifier) -> ReadResp {
    message(Content::StreamNotFound(StreamNotFound {
        stream_identifier: Some(stream),
    }))
}

pub(super) fn last_stream_position(revision: u64) -> ReadResp {
    message(Content::LastStreamPosition(revision))
}

pub(super) fn confirmation(id: String) -> ReadResp {
    message(Content::Confirmation(SubscriptionConfirmation {
        subscription_id: id,
    }))
}

pub(super) fn checkpoint(at: Position) -> ReadResp {
    message(Content::Checkpoint(Checkpoint {
        commit_position: at.commit,
        prepare_position: at.prepare,
        timestamp: Some(timestamp_of_ms(now_ms())),
    }))
}

pub(super) fn caught_up_all(at: Option<Position>) -> ReadResp {
    message(Content::CaughtUp(CaughtUp {
        timestamp: Some(timestamp_of_ms(now_ms())),
        stream_revision: None,
        position: at.map(|at| WirePosition {
            commit_position: at.commit,
            prepare_position: at.prepare,
        }),
    }))
}

pub(super) fn caught_up_stream(revision: Option<u64>) -> ReadResp {
    message(Content::CaughtUp(CaughtUp {
        timestamp: Some(timestamp_of_ms(now_ms())),
        stream_revision: revision.and_then(|revision| i64::try_from(revision).ok()),
        position: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_json_text_is_called_json() {
        for (data, called) in [
            (&b"{\"a\":1}"[..], names::CONTENT_JSON),
            (b"[]", names::CONTENT_JSON),
            (b"", names::CONTENT_BINARY),
            (b"{", names::CONTENT_BINARY),
            (b"\x00\x01", names::CONTENT_BINARY),
        ] {
            assert_eq!(
                content_type(&Bytes::copy_from_slice(data)),
                called,
                "{data:?}"
            );
        }
    }
}
