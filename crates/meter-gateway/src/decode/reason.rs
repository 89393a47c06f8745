//! Why something could not be decoded: the stable codes of `meter.rejected.<reason>`.
//!
//! Refusals of the ledger have codes of their own, which end the subject in the same way. Absent on
//! purpose: texts, which say what is wrong with the one message at hand.

use std::fmt;

/// Why a message or a reading could not be taken: the last token of `meter.rejected.<reason>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The subject is not `meter.readings.<utility>.<gateway>`.
    BadSubject,
    /// More than [`MESSAGE_BYTES_MAX`](super::MESSAGE_BYTES_MAX) bytes.
    MessageTooLarge,
    /// More than [`READINGS_PER_MESSAGE_MAX`](super::READINGS_PER_MESSAGE_MAX) readings.
    TooManyReadings,
    /// Not JSON in UTF-8.
    NotJson,
    /// JSON, but neither an object nor an array of readings.
    NotAReading,
    /// A batch without a reading.
    EmptyBatch,
    /// A field is missing.
    MissingField,
    /// A field that the schema does not know.
    UnknownField,
    /// A field stands twice.
    DuplicateField,
    /// Not a meter number.
    BadMeter,
    /// Not a register.
    BadRegister,
    /// Not a time.
    BadReadAt,
    /// Not a number in plain decimal notation, or out of range.
    BadValue,
    /// Finer than six decimal places (C3).
    ValueTooFine,
    /// The header with the simulated time of receipt cannot be used.
    BadReceivedAt,
    /// Not a confirmation of an order.
    BadOrderAck,
}

impl Reason {
    /// All, in the order of their checks.
    pub const ALL: [Self; 16] = [
        Self::BadSubject,
        Self::MessageTooLarge,
        Self::TooManyReadings,
        Self::NotJson,
        Self::NotAReading,
        Self::EmptyBatch,
        Self::MissingField,
        Self::UnknownField,
        Self::DuplicateField,
        Self::BadMeter,
        Self::BadRegister,
        Self::BadReadAt,
        Self::BadValue,
        Self::ValueTooFine,
        Self::BadReceivedAt,
        Self::BadOrderAck,
    ];

    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadSubject => "bad-subject",
            Self::MessageTooLarge => "message-too-large",
            Self::TooManyReadings => "too-many-readings",
            Self::NotJson => "not-json",
            Self::NotAReading => "not-a-reading",
            Self::EmptyBatch => "empty-batch",
            Self::MissingField => "missing-field",
            Self::UnknownField => "unknown-field",
            Self::DuplicateField => "duplicate-field",
            Self::BadMeter => "bad-meter",
            Self::BadRegister => "bad-register",
            Self::BadReadAt => "bad-read-at",
            Self::BadValue => "bad-value",
            Self::ValueTooFine => "value-too-fine",
            Self::BadReceivedAt => "bad-received-at",
            Self::BadOrderAck => "bad-order-ack",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
