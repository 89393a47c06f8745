//! Names of things: accounts, meters, channels, references.
//!
//! Each is a newtype with a private field; parsing is the only door, so a name that exists is well
//! formed. Cloning is cheap (shared text). A scheme may narrow a meter number further; that is policy
//! and checked in decisions, not here.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that cannot be used, with the rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} is not {rule}")]
pub struct BadName {
    /// What kind of name it was meant to be.
    pub what: &'static str,
    /// The text as sent, cut to 80 characters.
    pub value: String,
    /// What a good one looks like.
    pub rule: &'static str,
}

struct Shape {
    what: &'static str,
    bytes_max: usize,
    allowed: fn(u8) -> bool,
    rule: &'static str,
}

impl Shape {
    fn check(&self, text: &str) -> Result<Arc<str>, BadName> {
        let fits = (1..=self.bytes_max).contains(&text.len());
        if fits && text.bytes().all(self.allowed) {
            return Ok(Arc::from(text));
        }
        let value = text.chars().take(80).collect();
        Err(BadName {
            what: self.what,
            value,
            rule: self.rule,
        })
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $shape:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a name.
            ///
            /// # Errors
            /// When it is empty, too long, or has a character that is not allowed.
            pub fn parse(text: &str) -> Result<Self, BadName> {
                const SHAPE: Shape = $shape;
                SHAPE.check(text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.'
}

name_type!(
    /// An account of the ledger; its stream is `account-<id>`.
    AccountId,
    Shape { what: "account id", bytes_max: 40, allowed: word, rule: "1 to 40 letters, digits, '-', '_' or '.'" }
);
name_type!(
    /// The number on a meter's plate, upper case.
    MeterNumber,
    Shape {
        what: "meter number",
        bytes_max: 24,
        allowed: |b| b.is_ascii_uppercase() || b.is_ascii_digit(),
        rule: "1 to 24 capital letters and digits"
    }
);
name_type!(
    /// A register of a meter, such as `1` or `1.8.0`.
    RegisterId,
    Shape { what: "register", bytes_max: 16, allowed: word, rule: "1 to 16 letters, digits, '-', '_' or '.'" }
);
name_type!(
    /// A registered payment channel, such as `incomm` or `bank-1`.
    ChannelId,
    Shape {
        what: "channel",
        bytes_max: 32,
        allowed: |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_',
        rule: "1 to 32 lower-case letters, digits or '_'"
    }
);
name_type!(
    /// A sender's own reference for one command, unique within its channel for ever (C4).
    Reference,
    Shape {
        what: "reference",
        bytes_max: 64,
        allowed: |b| b.is_ascii_graphic(),
        rule: "1 to 64 printable ASCII characters without spaces"
    }
);
name_type!(
    /// Number of a receipt, unique in the ledger.
    ReceiptNumber,
    Shape { what: "receipt number", bytes_max: 64, allowed: word, rule: "1 to 64 letters, digits, '-', '_' or '.'" }
);
name_type!(
    /// Who acted: a channel's key name, a staff member's opaque id, a gateway, or `clock`.
    Actor,
    Shape { what: "actor", bytes_max: 48, allowed: |b| b.is_ascii_graphic(), rule: "1 to 48 printable ASCII characters" }
);
name_type!(
    /// A work order; its stream is `workorder-<id>`.
    WorkOrderId,
    Shape { what: "work order id", bytes_max: 40, allowed: word, rule: "1 to 40 letters, digits, '-', '_' or '.'" }
);
name_type!(
    /// An application for a connection; its stream is `application-<id>`.
    ApplicationId,
    Shape { what: "application id", bytes_max: 40, allowed: word, rule: "1 to 40 letters, digits, '-', '_' or '.'" }
);
name_type!(
    /// A complaint; its stream is `complaint-<id>`.
    ComplaintId,
    Shape { what: "complaint id", bytes_max: 40, allowed: word, rule: "1 to 40 letters, digits, '-', '_' or '.'" }
);
name_type!(
    /// Opaque reference to a person's record or to a document; never a name or an identity number (C17).
    OpaqueRef,
    Shape { what: "reference", bytes_max: 64, allowed: |b| b.is_ascii_graphic(), rule: "1 to 64 printable ASCII characters" }
);

/// A keyed command's identity: unique over all accounts and kinds of command (C4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandKey {
    /// Whose key.
    pub channel: ChannelId,
    /// The sender's reference.
    pub reference: Reference,
}

impl CommandKey {
    /// The stream that remembers what became of the command.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("key-{}-{}", self.channel, self.reference)
    }
}

impl fmt::Display for CommandKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.channel, self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_number_is_capitals_and_digits() {
        assert!(MeterNumber::parse("E10006414").is_ok());
        for bad in ["", "e1", "E 1", "E1234567890123456789012345"] {
            assert!(MeterNumber::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn c4_a_key_names_one_stream_and_no_two_keys_share_it() {
        let key = |c: &str, r: &str| CommandKey {
            channel: ChannelId::parse(c).unwrap(),
            reference: Reference::parse(r).unwrap(),
        };
        assert_eq!(key("bank", "a-1").stream(), "key-bank-a-1");
        assert!(
            ChannelId::parse("bank-a").is_err(),
            "a dash in a channel would make two keys share a stream"
        );
    }
}
