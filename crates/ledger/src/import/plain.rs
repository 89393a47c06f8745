//! Plain readings: `meter,register,read_at,value`, the shape to export to when there is a choice.
//!
//! The register may be empty (the one that is charged). `read_at` is RFC 3339 with an offset, or a local
//! time of the scheme without one; the sender that knows the offset gives it (C7).

use std::collections::HashMap;

use ledger_core::command::Reading;
use ledger_core::ids::{MeterNumber, RegisterId};
use ledger_core::time::{LocalDateTime, Timestamp, Zone};
use ledger_core::utility::Utility;

use crate::import::exact;

/// First line of the file.
pub(crate) const HEADER: &str = "meter,register,read_at,value";
/// Letters of a date and a time without seconds' decimals or offset.
const LOCAL_BYTES: usize = "2012-02-10T08:00:00".len();

/// The columns, and what a local time needs to be understood.
pub(crate) struct Columns {
    zone: Zone,
    utility: Utility,
    newest: HashMap<MeterNumber, Timestamp>,
}

impl Columns {
    /// Times without an offset are local in `zone`.
    pub(crate) fn new(zone: Zone, utility: Utility) -> Self {
        Self {
            zone,
            utility,
            newest: HashMap::new(),
        }
    }

    /// A line as a reading.
    pub(crate) fn read(&mut self, text: &str) -> Result<(Reading, Utility), String> {
        let mut fields = text.split(',').map(|field| field.trim().trim_matches('"'));
        let (Some(meter), Some(register), Some(read_at), Some(value), None) = (
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
        ) else {
            return Err(format!("it has not the four fields {HEADER}"));
        };
        let meter = MeterNumber::parse(meter).map_err(|error| error.to_string())?;
        let register = match register {
            "" => None,
            named => Some(RegisterId::parse(named).map_err(|error| error.to_string())?),
        };
        let read_at = instant(&self.zone, self.newest.get(&meter).copied(), read_at)?;
        let value = exact::quantity(value, 0)?;
        let newest = self.newest.entry(meter.clone()).or_insert(read_at);
        *newest = (*newest).max(read_at);
        Ok((
            Reading {
                meter,
                register,
                read_at,
                value,
            },
            self.utility,
        ))
    }
}

/// An instant with its offset, or a local time of a zone without one; `newest` is the meter's newest.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn instant(
    zone: &Zone,
    newest: Option<Timestamp>,
    text: &str,
) -> Result<Timestamp, String> {
    let normal = text.replacen(' ', "T", 1);
    let has_offset = normal.ends_with(['Z', 'z'])
        || normal
            .get(LOCAL_BYTES..)
            .is_some_and(|rest| rest.contains(['+', '-']));
    if has_offset {
        return Timestamp::parse(&normal).map_err(|error| error.to_string());
    }
    let local = LocalDateTime::parse(&normal).map_err(|error| error.to_string())?;
    Ok(zone.local_to_utc(local, newest))
}

#[cfg(test)]
mod tests {
    use crate::import::testing::entries;

    const HEAD: &str = "meter,register,read_at,value\n";

    #[test]
    fn c7_a_time_has_its_offset_or_is_local() {
        let text = format!(
            "{HEAD}E1,,2026-03-01T08:00:00+08:00,1.5\nE1,1.8.0,2026-03-01T09:00:00Z,2\nE1,,2026-03-01 18:00:00,3\n"
        );
        assert_eq!(
            entries(&text, "Asia/Brunei"),
            [
                "2 E1 - 2026-03-01T00:00:00Z 1.5",
                "3 E1 1.8.0 2026-03-01T09:00:00Z 2",
                "4 E1 - 2026-03-01T10:00:00Z 3",
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named_with_its_reason_and_the_next_goes_on() {
        let text = format!(
            "{HEAD}e1,,2026-03-01T08:00:00Z,1\nE1,a b,2026-03-01T08:00:00Z,1\nE1,,yesterday,1\nE1,,2026-03-01T08:00:00Z,0.0000001\n\nE1,,2026-03-01T08:00:00Z,1\n"
        );
        insta::assert_snapshot!(entries(&text, "Asia/Brunei").join("\n"));
    }
}
