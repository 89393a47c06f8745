//! One stored event as one line of JSON: the payload as it is stored, never parsed and written anew.

use std::fmt::Write;

use serde_json::value::RawValue;

/// What a line says.
pub(crate) struct Line<'a> {
    /// Place in the log.
    pub(crate) position: u64,
    /// Its stream; left out where it is clear from the question.
    pub(crate) stream: Option<&'a str>,
    /// Place in the stream.
    pub(crate) revision: u64,
    /// Kind with version.
    pub(crate) kind: &'a str,
    /// Event id.
    pub(crate) id: &'a str,
    /// RFC 3339 UTC.
    pub(crate) recorded_at: Option<&'a str>,
    /// Payload.
    pub(crate) data: &'a [u8],
    /// Metadata; may be empty.
    pub(crate) meta: &'a [u8],
}

impl Line<'_> {
    /// The line, without its end.
    pub(crate) fn text(&self) -> String {
        let room = self
            .data
            .len()
            .saturating_add(self.meta.len())
            .saturating_add(256);
        let mut out = String::with_capacity(room);
        // Writing to a string cannot fail.
        let _ = write!(out, "{{\"position\":{}", self.position);
        if let Some(stream) = self.stream {
            let _ = write!(out, ",\"stream\":{}", quoted(stream));
        }
        let _ = write!(
            out,
            ",\"revision\":{},\"kind\":{}",
            self.revision,
            quoted(self.kind)
        );
        if let Some(at) = self.recorded_at {
            let _ = write!(out, ",\"recorded_at\":{}", quoted(at));
        }
        let _ = write!(out, ",\"id\":{},\"data\":", quoted(self.id));
        push_json(&mut out, self.data);
        out.push_str(",\"meta\":");
        push_json(
            &mut out,
            if self.meta.is_empty() {
                b"{}"
            } else {
                self.meta
            },
        );
        out.push('}');
        out
    }
}

/// What is no JSON on one line is printed as a string, so that each line stays one JSON value.
fn push_json(out: &mut String, bytes: &[u8]) {
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(raw) if !raw.get().contains('\n') => out.push_str(raw.get()),
        Ok(_) | Err(_) => out.push_str(&quoted(&String::from_utf8_lossy(bytes))),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_printed_as_it_is_stored() {
        let line = |data: &'static [u8]| Line {
            position: 7,
            stream: Some("account-A"),
            revision: 2,
            kind: "x.v1",
            id: "0",
            recorded_at: None,
            data,
            meta: b"",
        };
        assert_eq!(
            line(b"{\"a\":2.50}").text(),
            "{\"position\":7,\"stream\":\"account-A\",\"revision\":2,\"kind\":\"x.v1\",\"id\":\"0\",\"data\":{\"a\":2.50},\"meta\":{}}"
        );
        assert!(line(b"not json").text().contains("\"data\":\"not json\""));
    }
}
