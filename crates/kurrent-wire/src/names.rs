//! Names and values that stand in headers, trailers and metadata.
//!
//! Clients compare these letter by letter.

/// Metadata of an event: its type.
pub const META_TYPE: &str = "type";
/// Metadata of an event: one of the two content types.
pub const META_CONTENT_TYPE: &str = "content-type";
/// Metadata of an event read: when it was created, ticks of 100 ns since 1970 UTC in decimal.
pub const META_CREATED: &str = "created";
/// Content type of JSON.
pub const CONTENT_JSON: &str = "application/json";
/// Content type of anything else.
pub const CONTENT_BINARY: &str = "application/octet-stream";

/// Header of a call: whether only the leader may answer, `true` or `false`.
pub const HEADER_REQUIRES_LEADER: &str = "requires-leader";
/// Header of a call: what the client calls its connection.
pub const HEADER_CONNECTION_NAME: &str = "connection-name";
/// Header of a call: `Basic` or `Bearer` credentials.
pub const HEADER_AUTHORIZATION: &str = "authorization";

/// Trailer that names the error; the values are the `EXCEPTION_` names.
pub const TRAILER_EXCEPTION: &str = "exception";
/// The caller may not do this.
pub const EXCEPTION_ACCESS_DENIED: &str = "access-denied";
/// The stream was ended for ever.
pub const EXCEPTION_STREAM_DELETED: &str = "stream-deleted";
/// The stream stands elsewhere.
pub const EXCEPTION_WRONG_EXPECTED_VERSION: &str = "wrong-expected-version";
/// There is no such stream.
pub const EXCEPTION_STREAM_NOT_FOUND: &str = "stream-not-found";
/// Another member must be asked.
pub const EXCEPTION_NOT_LEADER: &str = "not-leader";
/// The append is too large.
pub const EXCEPTION_APPEND_SIZE: &str = "maximum-append-size-exceeded";
/// One event is too large.
pub const EXCEPTION_APPEND_EVENT_SIZE: &str = "maximum-append-event-size-exceeded";
/// An event has no type or no content type.
pub const EXCEPTION_MISSING_METADATA: &str = "missing-required-metadata-property";
/// The server's own rules about a write were broken.
pub const EXCEPTION_INVALID_TRANSACTION: &str = "invalid-transaction";

/// Trailer of stream errors: which one.
pub const TRAILER_STREAM_NAME: &str = "stream-name";
/// Trailer of [`EXCEPTION_WRONG_EXPECTED_VERSION`]: what was asked.
pub const TRAILER_EXPECTED_VERSION: &str = "expected-version";
/// Trailer of [`EXCEPTION_WRONG_EXPECTED_VERSION`]: what is there.
pub const TRAILER_ACTUAL_VERSION: &str = "actual-version";
/// Trailer of [`EXCEPTION_NOT_LEADER`]: host of the leader.
pub const TRAILER_LEADER_HOST: &str = "leader-endpoint-host";
/// Trailer of [`EXCEPTION_NOT_LEADER`]: port of the leader.
pub const TRAILER_LEADER_PORT: &str = "leader-endpoint-port";
/// Trailer of [`EXCEPTION_APPEND_SIZE`]: the limit in bytes.
pub const TRAILER_APPEND_SIZE: &str = "maximum-append-size";
/// Trailer of [`EXCEPTION_APPEND_EVENT_SIZE`]: the limit in bytes.
pub const TRAILER_APPEND_EVENT_SIZE: &str = "maximum-append-event-size";
/// Trailer of [`EXCEPTION_APPEND_EVENT_SIZE`]: which event.
pub const TRAILER_EVENT_ID: &str = "event-id";
/// Trailer of [`EXCEPTION_APPEND_EVENT_SIZE`]: its bytes.
pub const TRAILER_PROPOSED_EVENT_SIZE: &str = "proposed-append-event-size";
/// Trailer of [`EXCEPTION_MISSING_METADATA`]: what an event must have, with commas between.
pub const TRAILER_REQUIRED_METADATA: &str = "required-metadata-properties";

/// How texts and trailers write "the stream has no event".
pub const VERSION_NO_STREAM: i64 = -1;
/// How texts and trailers write "anything".
pub const VERSION_ANY: i64 = -2;
/// How texts and trailers write "the stream has an event".
pub const VERSION_STREAM_EXISTS: i64 = -4;
