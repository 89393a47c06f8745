//! Metadata of events as bytes: written by hand on the hot path, read by serde.
//!
//! Owns the one-line JSON writer of [`Meta`]; that it agrees with serde is a test.

use std::fmt::Write;

use bytes::Bytes;
use ledger_core::event::{Meta, Stamp};
use ledger_core::time::Timestamp;

/// What caused an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause<'a> {
    /// Nothing outside the account.
    None,
    /// A delivery: gateway and sequence.
    Delivery(&'a str, u64),
    /// A keyed command: channel and reference.
    Key(&'a str, &'a str),
}

/// Metadata to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetaLine<'a> {
    /// When it counts.
    pub(crate) at: Timestamp,
    /// When the command was received.
    pub(crate) received_at: Timestamp,
    /// Who acted.
    pub(crate) by: &'a str,
    /// Policy version that priced it.
    pub(crate) policy: Option<&'a str>,
    /// What caused it.
    pub(crate) cause: Cause<'a>,
}

/// Who acts when a deadline does.
const CLOCK: &str = "clock";

impl MetaLine<'_> {
    /// As stored.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = String::with_capacity(160);
        open(&mut out, self.at);
        if self.received_at != self.at {
            out.push_str(",\"rx\":\"");
            time(&mut out, self.received_at);
            out.push('"');
        }
        field(&mut out, ",\"by\":\"", self.by);
        if let Some(policy) = self.policy {
            field(&mut out, ",\"p\":\"", policy);
        }
        match self.cause {
            Cause::None => {}
            Cause::Delivery(gateway, seq) => {
                out.push_str(",\"$causationId\":\"");
                escaped(&mut out, gateway);
                // Writing to a string cannot fail.
                let _ = write!(out, ":{seq}\"");
            }
            Cause::Key(channel, reference) => {
                out.push_str(",\"$causationId\":\"");
                escaped(&mut out, channel);
                out.push('/');
                escaped(&mut out, reference);
                out.push('"');
            }
        }
        out.push('}');
        Bytes::from(out)
    }
}

/// Metadata of what an account's own deadline did: the same whatever command came first after it.
pub(crate) fn of_deadline(due: Timestamp, policy: Option<&str>) -> Bytes {
    let mut out = String::with_capacity(96);
    open(&mut out, due);
    field(&mut out, ",\"by\":\"", CLOCK);
    if let Some(policy) = policy {
        field(&mut out, ",\"p\":\"", policy);
    }
    out.push_str(",\"dl\":true}");
    Bytes::from(out)
}

/// The part of stored metadata that folding needs.
pub(crate) fn stamp(meta: &[u8]) -> Result<Stamp, String> {
    let meta: Meta = serde_json::from_slice(meta).map_err(|error| format!("metadata: {error}"))?;
    Ok(meta.stamp())
}

fn open(out: &mut String, at: Timestamp) {
    out.push_str("{\"at\":\"");
    time(out, at);
    out.push('"');
}

fn time(out: &mut String, at: Timestamp) {
    // Writing to a string cannot fail.
    let _ = at.write_to(out);
}

fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    escaped(out, value);
    out.push('"');
}

/// Names are printable ASCII, of which JSON escapes two.
fn escaped(out: &mut String, text: &str) {
    if !text.bytes().any(|b| b == b'"' || b == b'\\') {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::ids::Actor;

    fn t(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn read(bytes: &Bytes) -> Meta {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn c12_metadata_written_by_hand_is_what_serde_reads_and_writes() {
        let line = MetaLine {
            at: t("2026-01-01T00:00:00Z"),
            received_at: t("2026-01-01T00:00:01Z"),
            by: "st\"af\\f",
            policy: Some("usms@1"),
            cause: Cause::Key("bank", "a\"b:7"),
        };
        let bytes = line.encode();
        let meta = read(&bytes);
        assert_eq!(meta.at, line.at);
        assert_eq!(meta.rx, Some(line.received_at));
        assert_eq!(meta.by, Actor::parse("st\"af\\f").unwrap());
        assert_eq!(meta.cause.as_deref(), Some("bank/a\"b:7"));
        assert_eq!(serde_json::to_vec(&meta).unwrap(), bytes.as_ref());
        assert_eq!(
            stamp(&bytes).unwrap().delivery,
            0,
            "a reference that ends like a sequence is none"
        );
    }

    #[test]
    fn c8_the_delivery_that_brought_a_reading_is_read_back() {
        let at = t("2026-01-01T00:00:00Z");
        let line = MetaLine {
            at,
            received_at: at,
            by: "gw:1",
            policy: None,
            cause: Cause::Delivery("gw:1", 77),
        };
        let bytes = line.encode();
        assert_eq!(
            bytes.as_ref(),
            br#"{"at":"2026-01-01T00:00:00Z","by":"gw:1","$causationId":"gw:1:77"}"#
        );
        assert_eq!(
            stamp(&bytes).unwrap(),
            Stamp {
                at,
                by_deadline: false,
                delivery: 77
            }
        );
    }

    #[test]
    fn c6_a_deadline_bears_no_trace_of_the_command_that_came_after_it() {
        let at = t("2026-01-01T00:00:00Z");
        let bytes = of_deadline(at, None);
        assert_eq!(
            bytes.as_ref(),
            br#"{"at":"2026-01-01T00:00:00Z","by":"clock","dl":true}"#
        );
        assert_eq!(
            stamp(&bytes).unwrap(),
            Stamp {
                at,
                by_deadline: true,
                delivery: 0
            }
        );
    }
}
