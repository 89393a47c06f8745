//! Errors inside an answer of `BatchAppend`: a status whose detail says what happened.

use prost::Message;
use prost_types::Any;

use crate::pb::rpc::{Code, Status};
use crate::pb::shared::{
    BadRequest, MaximumAppendEventSizeExceeded, MaximumAppendSizeExceeded, StreamDeleted,
    WrongExpectedVersion,
};

/// What stands before the name of a detail's type.
const TYPE_URL_ROOT: &str = "type.googleapis.com/";
const WRONG_EXPECTED_VERSION: &str = "event_store.client.WrongExpectedVersion";
const STREAM_DELETED: &str = "event_store.client.StreamDeleted";
const ACCESS_DENIED: &str = "event_store.client.AccessDenied";
const TIMEOUT: &str = "event_store.client.Timeout";
const UNKNOWN: &str = "event_store.client.Unknown";
const INVALID_TRANSACTION: &str = "event_store.client.InvalidTransaction";
const APPEND_SIZE: &str = "event_store.client.MaximumAppendSizeExceeded";
const APPEND_EVENT_SIZE: &str = "event_store.client.MaximumAppendEventSizeExceeded";
const BAD_REQUEST: &str = "event_store.client.BadRequest";

/// What happened to one append of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Detail {
    /// The stream stands elsewhere.
    WrongExpectedVersion(WrongExpectedVersion),
    /// The stream was ended for ever.
    StreamDeleted(StreamDeleted),
    /// The caller may not append.
    AccessDenied,
    /// The server gave up; whether it wrote is not known.
    Timeout,
    /// Something the server has no name for.
    Unknown,
    /// The server's own rules about a write were broken.
    InvalidTransaction,
    /// The append is too large.
    AppendSize(MaximumAppendSizeExceeded),
    /// One event is too large.
    AppendEventSize(MaximumAppendEventSizeExceeded),
    /// The request cannot be understood.
    BadRequest(BadRequest),
}

impl Detail {
    /// The status code that goes with it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::WrongExpectedVersion(_) => Code::AlreadyExists,
            Self::StreamDeleted(_) => Code::NotFound,
            Self::AccessDenied => Code::PermissionDenied,
            Self::Timeout => Code::DeadlineExceeded,
            Self::Unknown => Code::Unknown,
            Self::InvalidTransaction => Code::FailedPrecondition,
            Self::AppendSize(_) | Self::AppendEventSize(_) | Self::BadRequest(_) => {
                Code::InvalidArgument
            }
        }
    }

    /// As the status of an answer.
    #[must_use]
    pub fn to_status(&self, message: impl Into<String>) -> Status {
        Status {
            code: self.code().into(),
            message: message.into(),
            details: Some(self.pack()),
        }
    }

    /// The detail of a status; `None` when it has none, one of another type, or one that is broken.
    #[must_use]
    pub fn of_status(status: &Status) -> Option<Self> {
        let any = status.details.as_ref()?;
        unpack(any)
    }

    /// Name of the detail's message in the protocol.
    fn name(&self) -> &'static str {
        match self {
            Self::WrongExpectedVersion(_) => WRONG_EXPECTED_VERSION,
            Self::StreamDeleted(_) => STREAM_DELETED,
            Self::AccessDenied => ACCESS_DENIED,
            Self::Timeout => TIMEOUT,
            Self::Unknown => UNKNOWN,
            Self::InvalidTransaction => INVALID_TRANSACTION,
            Self::AppendSize(_) => APPEND_SIZE,
            Self::AppendEventSize(_) => APPEND_EVENT_SIZE,
            Self::BadRequest(_) => BAD_REQUEST,
        }
    }

    fn pack(&self) -> Any {
        let value = match self {
            Self::WrongExpectedVersion(detail) => detail.encode_to_vec(),
            Self::StreamDeleted(detail) => detail.encode_to_vec(),
            Self::AppendSize(detail) => detail.encode_to_vec(),
            Self::AppendEventSize(detail) => detail.encode_to_vec(),
            Self::BadRequest(detail) => detail.encode_to_vec(),
            // Messages without fields.
            Self::AccessDenied | Self::Timeout | Self::Unknown | Self::InvalidTransaction => {
                Vec::new()
            }
        };
        Any {
            type_url: format!("{TYPE_URL_ROOT}{}", self.name()),
            value,
        }
    }
}

fn unpack(any: &Any) -> Option<Detail> {
    let value = any.value.as_slice();
    let (_, name) = any.type_url.rsplit_once('/')?;
    Some(match name {
        WRONG_EXPECTED_VERSION => {
            Detail::WrongExpectedVersion(WrongExpectedVersion::decode(value).ok()?)
        }
        STREAM_DELETED => Detail::StreamDeleted(StreamDeleted::decode(value).ok()?),
        ACCESS_DENIED => Detail::AccessDenied,
        TIMEOUT => Detail::Timeout,
        UNKNOWN => Detail::Unknown,
        INVALID_TRANSACTION => Detail::InvalidTransaction,
        APPEND_SIZE => Detail::AppendSize(MaximumAppendSizeExceeded::decode(value).ok()?),
        APPEND_EVENT_SIZE => {
            Detail::AppendEventSize(MaximumAppendEventSizeExceeded::decode(value).ok()?)
        }
        BAD_REQUEST => Detail::BadRequest(BadRequest::decode(value).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::stream_to_wire;
    use crate::pb::shared::wrong_expected_version::{
        CurrentStreamRevisionOption, ExpectedStreamPositionOption,
    };

    #[test]
    fn every_detail_comes_back_from_its_status() {
        let wrong = WrongExpectedVersion {
            current_stream_revision_option: Some(
                CurrentStreamRevisionOption::CurrentStreamRevision(7),
            ),
            expected_stream_position_option: Some(ExpectedStreamPositionOption::ExpectedNoStream(
                (),
            )),
        };
        let details = [
            Detail::WrongExpectedVersion(wrong),
            Detail::StreamDeleted(StreamDeleted {
                stream_identifier: Some(stream_to_wire("account-1")),
            }),
            Detail::AccessDenied,
            Detail::Timeout,
            Detail::Unknown,
            Detail::InvalidTransaction,
            Detail::AppendSize(MaximumAppendSizeExceeded {
                max_append_size: 1_048_576,
            }),
            Detail::AppendEventSize(MaximumAppendEventSizeExceeded {
                event_id: "e".to_owned(),
                proposed_event_size: 2,
                max_append_event_size: 1,
            }),
            Detail::BadRequest(BadRequest {
                message: "what".to_owned(),
            }),
        ];
        for detail in details {
            let status = detail.to_status("said");
            assert_eq!(status.code(), detail.code());
            assert_eq!(Detail::of_status(&status), Some(detail));
        }
    }

    #[test]
    fn the_type_of_a_detail_is_named_as_clients_expect() {
        assert_eq!(
            Detail::AccessDenied.pack().type_url,
            "type.googleapis.com/event_store.client.AccessDenied"
        );
    }

    #[test]
    fn a_detail_of_another_type_is_none() {
        let status = Status {
            code: Code::Internal.into(),
            message: String::new(),
            details: Some(Any {
                type_url: format!("{TYPE_URL_ROOT}google.protobuf.Empty"),
                value: Vec::new(),
            }),
        };
        assert_eq!(Detail::of_status(&status), None);
    }
}
