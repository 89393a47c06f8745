//! Instants as people read them: local time of the scheme, with its zone stated.
//!
//! The zone is the scheme's, never the machine's: two people in different offices read the same line.

use ledger_core::time::{LocalDate, Timestamp, Zone};

/// Milliseconds of a minute.
const MINUTE_MS: u32 = 60_000;

/// `2026-03-01 14:05:09`, local. The zone stands in the heading.
pub(crate) fn local_time(zone: &Zone, at: Timestamp) -> String {
    let (year, month, day) = LocalDate::parts(zone.date_of(at));
    let seconds = zone.time_of_day_ms(at) / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The same with the offset: `2026-03-01 14:05:09 +08:00 (Asia/Brunei)`, for where it stands alone.
pub(crate) fn local_time_with_zone(zone: &Zone, at: Timestamp) -> String {
    let offset = zone.offset_minutes(at);
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs();
    format!(
        "{} {sign}{:02}:{:02} ({})",
        local_time(zone, at),
        minutes / 60,
        minutes % 60,
        zone.name()
    )
}

/// A length of time in words that people use: `42 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let minutes = ms / u64::from(MINUTE_MS);
    match minutes {
        0 if seconds == 0 => format!("{ms} ms"),
        0 => format!("{seconds} s"),
        1..60 => format!("{minutes} min {} s", seconds % 60),
        60..1_440 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1_440, minutes / 60 % 24),
    }
}

/// A count with groups of three: `1,278,870`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len().saturating_mul(4) / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_a_time_is_shown_in_the_schemes_zone_whatever_the_machines_is() {
        let zone = Zone::named("Asia/Brunei").unwrap();
        let at = Timestamp::parse("2026-02-28T16:00:05Z").unwrap();
        assert_eq!(local_time(&zone, at), "2026-03-01 00:00:05");
        assert_eq!(
            local_time_with_zone(&zone, at),
            "2026-03-01 00:00:05 +08:00 (Asia/Brunei)"
        );
    }

    #[test]
    fn lengths_and_counts_are_read_at_a_glance() {
        let shown = [12, 42_000, 185_000, 7_800_000, 356_400_000].map(duration);
        assert_eq!(
            shown,
            ["12 ms", "42 s", "3 min 5 s", "2 h 10 min", "4 d 3 h"]
        );
        assert_eq!(grouped(1_278_870), "1,278,870");
        assert_eq!(grouped(999), "999");
    }
}
