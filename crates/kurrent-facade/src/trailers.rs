//! Errors as clients parse them: a status code, a text, and trailers that name the error.
//!
//! Some clients look at the text, some at the trailers, some at the code: all three are always there.

use event_store::{ReadError, StreamName};
use kurrent_wire::names;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::config::Advertised;

/// A value that is no plain text is left out: no trailer rather than a broken call.
fn put(trailers: &mut MetadataMap, key: &'static str, value: &str) {
    if let Ok(value) = value.parse::<MetadataValue<Ascii>>() {
        trailers.insert(key, value);
    }
}

fn named(code: Code, text: String, exception: &str, more: &[(&'static str, &str)]) -> Status {
    let mut trailers = MetadataMap::new();
    put(&mut trailers, names::TRAILER_EXCEPTION, exception);
    for (key, value) in more {
        put(&mut trailers, key, value);
    }
    Status::with_metadata(code, text, trailers)
}

/// What read-only means, for people.
pub(crate) const READ_ONLY: &str =
    "Access Denied: the history is written by the ledger only; send commands to its own API";
/// Why nothing can be taken back.
pub(crate) const NOTHING_DELETED: &str = "Access Denied: nothing of the history is ever deleted";
/// The caller is known and may not.
pub(crate) const FORBIDDEN: &str = "Access Denied";

pub(crate) fn access_denied(text: &str) -> Status {
    named(
        Code::PermissionDenied,
        text.to_owned(),
        names::EXCEPTION_ACCESS_DENIED,
        &[],
    )
}

pub(crate) fn unauthenticated() -> Status {
    Status::unauthenticated("no valid credentials: send a user and password, or a bearer token")
}

pub(crate) fn not_leader(leader: &Advertised) -> Status {
    named(
        Code::NotFound,
        "Leader info available".to_owned(),
        names::EXCEPTION_NOT_LEADER,
        &[
            (names::TRAILER_LEADER_HOST, &leader.host),
            (names::TRAILER_LEADER_PORT, &leader.port.to_string()),
        ],
    )
}

pub(crate) fn append_size(limit: usize) -> Status {
    named(
        Code::InvalidArgument,
        append_size_text(limit),
        names::EXCEPTION_APPEND_SIZE,
        &[(names::TRAILER_APPEND_SIZE, &limit.to_string())],
    )
}

pub(crate) fn append_size_text(limit: usize) -> String {
    format!("Maximum Append Size of {limit} Exceeded.")
}

pub(crate) fn event_size(id: Uuid, size: usize, limit: usize) -> Status {
    named(
        Code::InvalidArgument,
        event_size_text(id, size, limit),
        names::EXCEPTION_APPEND_EVENT_SIZE,
        &[
            (names::TRAILER_APPEND_EVENT_SIZE, &limit.to_string()),
            (names::TRAILER_EVENT_ID, &id.to_string()),
            (names::TRAILER_PROPOSED_EVENT_SIZE, &size.to_string()),
        ],
    )
}

pub(crate) fn event_size_text(id: Uuid, size: usize, limit: usize) -> String {
    format!("Event with Id: {id}, Size: {size}, exceeds Maximum Append Event Size of {limit}")
}

pub(crate) fn missing_metadata(property: &str) -> Status {
    let required = format!("{},{}", names::META_TYPE, names::META_CONTENT_TYPE);
    named(
        Code::InvalidArgument,
        missing_metadata_text(property),
        names::EXCEPTION_MISSING_METADATA,
        &[(names::TRAILER_REQUIRED_METADATA, &required)],
    )
}

pub(crate) fn missing_metadata_text(property: &str) -> String {
    format!("Required Metadata Property '{property}' is missing")
}

/// A stream or type that the store cannot hold, a request that cannot be understood.
pub(crate) fn invalid(text: impl Into<String>) -> Status {
    Status::invalid_argument(text)
}

/// Whether it was written is not known.
pub(crate) fn timed_out(stream: &StreamName) -> Status {
    Status::aborted(format!("Operation timed out: append to {stream}"))
}

pub(crate) fn not_ready(why: &str) -> Status {
    Status::unavailable(format!("Server Is Not Ready: {why}"))
}

/// The words of a server that cannot append or read now, to which nothing is added.
pub(crate) const NOT_READY: &str = "Server Is Not Ready";

pub(crate) fn too_busy(what: &str, max: usize) -> Status {
    Status::resource_exhausted(format!(
        "Server Is Too Busy: {max} {what} are under way; end one or ask again later"
    ))
}

pub(crate) fn going_down() -> Status {
    Status::unavailable("Server Is Not Ready: it is shutting down")
}

pub(crate) fn of_read(error: &ReadError) -> Status {
    match error {
        ReadError::Damaged(_) => {
            tracing::error!(%error, "a read for a client failed");
            Status::data_loss(error.to_string())
        }
        ReadError::Unavailable(_) => {
            tracing::warn!(%error, "a read for a client failed");
            not_ready(&error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailer<'a>(status: &'a Status, key: &str) -> Option<&'a str> {
        status.metadata().get(key)?.to_str().ok()
    }

    #[test]
    fn who_is_not_leader_says_who_is() {
        let leader = Advertised {
            host: "other.example".to_owned(),
            port: 2114,
        };
        let status = not_leader(&leader);
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.message(), "Leader info available");
        assert_eq!(trailer(&status, "exception"), Some("not-leader"));
        assert_eq!(
            trailer(&status, "leader-endpoint-host"),
            Some("other.example")
        );
        assert_eq!(trailer(&status, "leader-endpoint-port"), Some("2114"));
    }

    #[test]
    fn what_is_too_large_says_how_large_it_may_be() {
        let status = append_size(1_048_576);
        assert_eq!(status.message(), "Maximum Append Size of 1048576 Exceeded.");
        assert_eq!(trailer(&status, "maximum-append-size"), Some("1048576"));
        let status = event_size(Uuid::nil(), 11, 10);
        assert_eq!(trailer(&status, "proposed-append-event-size"), Some("11"));
        assert_eq!(
            trailer(&status, "event-id"),
            Some("00000000-0000-0000-0000-000000000000")
        );
    }

    #[test]
    fn a_value_that_cannot_be_a_trailer_is_left_out() {
        let leader = Advertised {
            host: "line\nbreak".to_owned(),
            port: 1,
        };
        let status = not_leader(&leader);
        assert_eq!(trailer(&status, "leader-endpoint-host"), None);
        assert_eq!(trailer(&status, "leader-endpoint-port"), Some("1"));
    }
}
