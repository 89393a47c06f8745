//! Messages as events for the store, with the limits of an append.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use event_store::limits::{COMMIT_EVENTS_MAX, KIND_BYTE_COUNTS};
use event_store::{NewEvent, StreamName};
use kurrent_wire::convert::{stream_from_wire, uuid_from_wire};
use kurrent_wire::detail::Detail;
use kurrent_wire::names;
use kurrent_wire::pb::rpc;
use kurrent_wire::pb::shared::{
    BadRequest, MaximumAppendEventSizeExceeded, MaximumAppendSizeExceeded, StreamIdentifier,
    Uuid as WireUuid,
};
use tonic::Status;
use uuid::Uuid;

use crate::config::Limits;
use crate::trailers;

/// Why an append is refused before anybody looks at the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    ReadOnly,
    Forbidden,
    AppendSize(usize),
    EventSize { id: Uuid, size: usize, limit: usize },
    MissingMetadata(&'static str),
    Bad(String),
}

impl Refusal {
    /// As the end of a call.
    pub(super) fn status(&self) -> Status {
        match self {
            Self::ReadOnly => trailers::access_denied(trailers::READ_ONLY),
            Self::Forbidden => trailers::access_denied(trailers::FORBIDDEN),
            Self::AppendSize(limit) => trailers::append_size(*limit),
            Self::EventSize { id, size, limit } => trailers::event_size(*id, *size, *limit),
            Self::MissingMetadata(property) => trailers::missing_metadata(property),
            Self::Bad(text) => trailers::invalid(text.clone()),
        }
    }

    /// As the answer to one append of many.
    pub(super) fn answer(&self) -> rpc::Status {
        let bytes = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        match self {
            Self::ReadOnly => Detail::AccessDenied.to_status(trailers::READ_ONLY),
            Self::Forbidden => Detail::AccessDenied.to_status(trailers::FORBIDDEN),
            Self::AppendSize(limit) => Detail::AppendSize(MaximumAppendSizeExceeded {
                max_append_size: bytes(*limit),
            })
            .to_status(trailers::append_size_text(*limit)),
            Self::EventSize { id, size, limit } => {
                Detail::AppendEventSize(MaximumAppendEventSizeExceeded {
                    event_id: id.to_string(),
                    proposed_event_size: bytes(*size),
                    max_append_event_size: bytes(*limit),
                })
                .to_status(trailers::event_size_text(*id, *size, *limit))
            }
            Self::MissingMetadata(property) => bad(trailers::missing_metadata_text(property)),
            Self::Bad(text) => bad(text.clone()),
        }
    }
}

pub(super) fn bad(text: String) -> rpc::Status {
    Detail::BadRequest(BadRequest {
        message: text.clone(),
    })
    .to_status(text)
}

/// The stream to append to.
pub(super) fn stream_of(identifier: Option<&StreamIdentifier>) -> Result<StreamName, Refusal> {
    let bad = |text: String| Refusal::Bad(text);
    let identifier = identifier.ok_or_else(|| bad("'stream_identifier' is missing".to_owned()))?;
    let text = stream_from_wire(identifier)
        .ok_or_else(|| bad("the stream's name is not UTF-8".to_owned()))?;
    StreamName::new(text).map_err(|error| bad(error.to_string()))
}

/// A proposed event of either call; both have the same fields.
pub(super) struct Proposed {
    pub(super) id: Option<WireUuid>,
    pub(super) metadata: HashMap<String, String>,
    pub(super) custom_metadata: Bytes,
    pub(super) data: Bytes,
}

/// The events of one append, gathered up to the limit.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) events: Vec<NewEvent>,
    pub(super) bytes: usize,
}

impl Gathered {
    pub(super) fn add(&mut self, proposed: Proposed, limits: &Limits) -> Result<(), Refusal> {
        let Proposed {
            id,
            metadata,
            custom_metadata,
            data,
        } = proposed;
        let id = id
            .as_ref()
            .and_then(uuid_from_wire)
            .ok_or_else(|| Refusal::Bad("an event has no id, or its id is none".to_owned()))?;
        let kind = metadata
            .get(names::META_TYPE)
            .ok_or(Refusal::MissingMetadata(names::META_TYPE))?;
        if !metadata.contains_key(names::META_CONTENT_TYPE) {
            return Err(Refusal::MissingMetadata(names::META_CONTENT_TYPE));
        }
        let size = data.len().saturating_add(custom_metadata.len());
        if size > limits.event_bytes_max {
            let limit = limits.event_bytes_max;
            return Err(Refusal::EventSize { id, size, limit });
        }
        let kind_bytes = kind.len().saturating_mul(KIND_BYTE_COUNTS);
        self.bytes = self.bytes.saturating_add(size).saturating_add(kind_bytes);
        if self.bytes > limits.append_bytes_max {
            return Err(Refusal::AppendSize(limits.append_bytes_max));
        }
        // Events without payload have no bytes, but are not free either.
        if self.events.len() >= COMMIT_EVENTS_MAX {
            return Err(Refusal::Bad(format!(
                "more than {COMMIT_EVENTS_MAX} events in one append"
            )));
        }
        let kind = match self.events.last() {
            Some(last) if *last.kind == **kind => Arc::clone(&last.kind),
            Some(_) | None => Arc::from(kind.as_str()),
        };
        self.events.push(NewEvent {
            id,
            kind,
            data,
            meta: custom_metadata,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kurrent_wire::convert::{UuidForm, uuid_to_wire};
    use kurrent_wire::pb::rpc::Code;

    use super::*;

    fn proposed(bytes: usize) -> Proposed {
        Proposed {
            id: Some(uuid_to_wire(Uuid::from_u128(7), UuidForm::Structured)),
            metadata: [("type", "a.v1"), ("content-type", "application/json")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            custom_metadata: Bytes::new(),
            data: Bytes::from(vec![b' '; bytes]),
        }
    }

    fn limits() -> Limits {
        Limits {
            append_bytes_max: 100,
            event_bytes_max: 60,
            ..Limits::default()
        }
    }

    #[test]
    fn an_event_or_an_append_beyond_its_limit_is_refused() {
        let mut gathered = Gathered::default();
        let event = gathered.add(proposed(61), &limits());
        let wanted = Refusal::EventSize {
            id: Uuid::from_u128(7),
            size: 61,
            limit: 60,
        };
        assert_eq!(event, Err(wanted));
        assert_eq!(gathered.add(proposed(60), &limits()), Ok(()));
        // "a.v1" counts eight with each event.
        assert_eq!(gathered.add(proposed(24), &limits()), Ok(()));
        assert_eq!(
            gathered.add(proposed(0), &limits()),
            Err(Refusal::AppendSize(100))
        );
    }

    #[test]
    fn an_event_must_have_an_id_a_type_and_a_content_type() {
        let mut gathered = Gathered::default();
        for property in ["type", "content-type"] {
            let mut without = proposed(1);
            without.metadata.remove(property);
            let refused = gathered.add(without, &limits());
            assert_eq!(refused, Err(Refusal::MissingMetadata(property)));
        }
        let mut nameless = proposed(1);
        nameless.id = None;
        assert!(matches!(
            gathered.add(nameless, &limits()),
            Err(Refusal::Bad(_))
        ));
        assert!(gathered.events.is_empty());
    }

    #[test]
    fn a_refusal_has_the_same_meaning_in_both_calls() {
        let refusal = Refusal::AppendSize(100);
        assert_eq!(refusal.status().code(), tonic::Code::InvalidArgument);
        assert_eq!(refusal.answer().code(), Code::InvalidArgument);
        assert_eq!(refusal.status().message(), refusal.answer().message);
        assert_eq!(
            Refusal::ReadOnly.status().code(),
            tonic::Code::PermissionDenied
        );
        assert_eq!(Refusal::ReadOnly.answer().code(), Code::PermissionDenied);
    }
}
