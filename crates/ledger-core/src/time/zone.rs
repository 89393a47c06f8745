//! `Zone`: an IANA time zone, the scheme's joint between UTC and local rules (C7).
//!
//! The rules of the zone are read once from the table that is part of the program and laid out as
//! plain segments of constant offset, so that asking for a local date is a comparison in a zone that
//! has settled (Brunei, Singapore, Nairobi, Kolkata) and a binary search in one that changes its
//! clocks. Deliberately absent: the machine's own zone and its table, which would make the answer
//! depend on where the program runs.

use std::fmt;
use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::calendar::{LocalDate, LocalDateTime};
use super::month::Month;
use super::timestamp::{DAY_MS, Timestamp, days_of};

/// From here on only a zone's yearly rule is in force, whose dates repeat every 400 years:
/// 2100-01-01T00:00:00Z.
const CYCLE_START_MS: i64 = 4_102_444_800_000;

/// The Gregorian calendar, its weekdays included, repeats after 146,097 days.
const CYCLE_MS: i64 = 146_097 * DAY_MS;

/// The end of the table: one cycle after its start.
const CYCLE_END_MS: i64 = CYCLE_START_MS + CYCLE_MS;

/// A zone whose last change lies before this has settled, 2090-01-01T00:00:00Z: a yearly rule would
/// have changed the clocks once more.
const SETTLED_BEFORE_MS: i64 = 3_786_912_000_000;

/// The zone is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone {name:?}: use a name of the IANA table such as \"Asia/Brunei\"")]
pub struct ZoneError {
    /// The name that was asked for, cut to 64 characters.
    pub name: String,
}

/// A stretch of time with one offset, up to the next segment's start.
#[derive(Debug, Clone, Copy)]
struct Segment {
    start_ms: i64,
    offset_ms: i64,
}

#[derive(Debug)]
struct Table {
    name: String,
    /// In order of time; the first begins before every instant.
    segments: Vec<Segment>,
}

/// What a local time stands for.
enum Resolved {
    /// One instant.
    Once(i64),
    /// Clocks were put back: two instants.
    Twice { first: i64, second: i64 },
    /// Clocks were put forward over it: the change, and the time moved forward by the gap.
    Never { change: i64, moved: i64 },
}

/// A time zone; cheap to clone.
#[derive(Clone)]
pub struct Zone {
    /// From this instant on the offset is `settled_offset_ms`; never in a zone that changes clocks.
    settled_from_ms: i64,
    settled_offset_ms: i64,
    table: Arc<Table>,
}

impl Zone {
    /// The zone of an IANA name such as `Asia/Brunei`.
    ///
    /// # Errors
    /// When the table has no such name.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        let unknown = || ZoneError {
            name: name.chars().take(64).collect(),
        };
        let rules = TimeZoneDatabase::bundled()
            .get(name)
            .map_err(|_| unknown())?;
        let canonical = rules.iana_name().ok_or_else(unknown)?.to_owned();
        let segments = segments_of(&rules);
        let last = segments.last().copied().ok_or_else(unknown)?;
        let (settled_from_ms, settled_offset_ms) = if last.start_ms < SETTLED_BEFORE_MS {
            (last.start_ms, last.offset_ms)
        } else {
            (i64::MAX, 0)
        };
        let table = Arc::new(Table {
            name: canonical,
            segments,
        });
        Ok(Self {
            settled_from_ms,
            settled_offset_ms,
            table,
        })
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.table.name
    }

    /// The local date of an instant.
    #[must_use]
    #[inline]
    pub fn date_of(&self, at: Timestamp) -> LocalDate {
        LocalDate::from_days(days_of(at.as_millis() + self.offset_ms(at.as_millis())))
    }

    /// The local month of an instant.
    #[must_use]
    pub fn month_of(&self, at: Timestamp) -> Month {
        self.date_of(at).month()
    }

    /// The local time of day of an instant, in milliseconds since midnight as the clock shows it.
    #[must_use]
    pub fn time_of_day_ms(&self, at: Timestamp) -> u32 {
        let local = at.as_millis() + self.offset_ms(at.as_millis());
        u32::try_from(local.rem_euclid(DAY_MS)).unwrap_or(0)
    }

    /// Minutes the local clock is ahead of UTC, rounded down where an old offset has seconds.
    #[must_use]
    pub fn offset_minutes(&self, at: Timestamp) -> i32 {
        i32::try_from(self.offset_ms(at.as_millis()).div_euclid(60_000)).unwrap_or(0)
    }

    /// The first instant after `at` at which the local clock is set forward or back; none where it never
    /// is again.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let utc_ms = at.as_millis();
        if utc_ms >= self.settled_from_ms {
            return None;
        }
        let cycle_ms = if utc_ms < CYCLE_END_MS {
            0
        } else {
            (utc_ms - CYCLE_START_MS).div_euclid(CYCLE_MS) * CYCLE_MS
        };
        let segments = &self.table.segments;
        let after = segments.partition_point(|segment| segment.start_ms <= utc_ms - cycle_ms);
        match segments.get(after) {
            Some(segment) => Timestamp::checked_from_millis(segment.start_ms + cycle_ms),
            // The first change of the next cycle: its yearly rule is that of this one.
            None => {
                let of_cycle = segments.iter().find(|s| s.start_ms >= CYCLE_START_MS);
                of_cycle
                    .and_then(|s| Timestamp::checked_from_millis(s.start_ms + cycle_ms + CYCLE_MS))
            }
        }
    }

    /// The first instant of a local date. Where clocks are put forward over midnight that is the
    /// change, and a date that a zone skipped altogether begins where the next one does.
    #[must_use]
    pub fn start_of_day(&self, date: LocalDate) -> Timestamp {
        Timestamp::from_millis(match self.resolve(LocalDateTime::midnight(date).millis()) {
            Resolved::Once(instant) => instant,
            Resolved::Twice { first, .. } => first,
            Resolved::Never { change, .. } => change,
        })
    }

    /// The first instant of a local month.
    #[must_use]
    pub fn start_of_month(&self, month: Month) -> Timestamp {
        self.start_of_day(month.first_day())
    }

    /// The instant a local time stands for (C7): of two, the first, unless that is not after
    /// `newest`, the meter's newest reading, then the second; a time that clocks were put forward
    /// over is moved forward by the gap.
    #[must_use]
    pub fn local_to_utc(&self, local: LocalDateTime, newest: Option<Timestamp>) -> Timestamp {
        Timestamp::from_millis(match self.resolve(local.millis()) {
            Resolved::Once(instant) => instant,
            Resolved::Twice { first, second } => {
                let taken = newest.is_some_and(|newest| first <= newest.as_millis());
                if taken { second } else { first }
            }
            Resolved::Never { moved, .. } => moved,
        })
    }

    #[inline]
    fn offset_ms(&self, utc_ms: i64) -> i64 {
        if utc_ms >= self.settled_from_ms {
            return self.settled_offset_ms;
        }
        self.segment_at(utc_ms).offset_ms
    }

    /// The segment an instant lies in, with its start moved into the instant's own cycle.
    fn segment_at(&self, utc_ms: i64) -> Segment {
        let within = if utc_ms < CYCLE_END_MS {
            utc_ms
        } else {
            CYCLE_START_MS + (utc_ms - CYCLE_START_MS).rem_euclid(CYCLE_MS)
        };
        let segments = &self.table.segments;
        let after = segments.partition_point(|segment| segment.start_ms <= within);
        let segment = segments.get(after.saturating_sub(1)).copied();
        assert!(segment.is_some(), "a zone has an offset at every instant");
        let segment = segment.unwrap_or(Segment {
            start_ms: i64::MIN,
            offset_ms: 0,
        });
        let start_ms = segment.start_ms.saturating_add(utc_ms - within);
        Segment {
            start_ms,
            offset_ms: segment.offset_ms,
        }
    }

    /// What a local time stands for. Offsets are less than a day, and no zone changes its clocks
    /// twice within two days, so the offsets a day before and a day after are those around it.
    fn resolve(&self, local_ms: i64) -> Resolved {
        let before = self.offset_ms(local_ms - DAY_MS);
        let after = self.offset_ms(local_ms + DAY_MS);
        let (by_before, by_after) = (local_ms - before, local_ms - after);
        if before == after {
            return Resolved::Once(by_before);
        }
        let before_holds = self.offset_ms(by_before) == before;
        let after_holds = self.offset_ms(by_after) == after;
        match (before_holds, after_holds) {
            (true, true) => Resolved::Twice {
                first: by_before,
                second: by_after,
            },
            (true, false) => Resolved::Once(by_before),
            (false, true) => Resolved::Once(by_after),
            (false, false) => Resolved::Never {
                change: self.segment_at(by_before).start_ms,
                moved: by_before,
            },
        }
    }
}

/// Lays the rules of a zone out from 1970 to the end of one cycle.
fn segments_of(rules: &TimeZone) -> Vec<Segment> {
    let epoch = jiff::Timestamp::UNIX_EPOCH;
    let offset_ms = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1_000;
    let first = Segment {
        start_ms: i64::MIN,
        offset_ms: offset_ms(rules.to_offset(epoch)),
    };
    let mut segments = vec![first];
    for change in rules.following(epoch) {
        let segment = Segment {
            start_ms: change.timestamp().as_millisecond(),
            offset_ms: offset_ms(change.offset()),
        };
        if segment.start_ms >= CYCLE_END_MS {
            break;
        }
        if segments
            .last()
            .is_some_and(|last| last.offset_ms != segment.offset_ms)
        {
            segments.push(segment);
        }
    }
    segments
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Millis;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn date(text: &str) -> LocalDate {
        LocalDate::parse(text).unwrap()
    }

    fn local(text: &str) -> LocalDateTime {
        LocalDateTime::parse(text).unwrap()
    }

    #[test]
    fn c7_a_local_month_begins_at_local_midnight() {
        let brunei = zone("Asia/Brunei");
        assert_eq!(
            brunei.date_of(at("2012-02-29T15:59:59.999Z")),
            date("2012-02-29")
        );
        assert_eq!(
            brunei.date_of(at("2012-02-29T16:00:00Z")),
            date("2012-03-01")
        );
        let march = Month::parse("2012-03").unwrap();
        assert_eq!(brunei.start_of_month(march), at("2012-02-29T16:00:00Z"));
        assert_eq!(brunei.month_of(at("2012-02-29T16:00:00Z")), march);
        assert_eq!(brunei.offset_minutes(at("2012-02-29T16:00:00Z")), 480);
        assert_eq!(
            brunei.time_of_day_ms(at("2012-02-29T15:59:59.999Z")),
            86_399_999
        );
    }

    #[test]
    fn c7_zones_that_have_settled_take_the_fast_path() {
        for name in ["Asia/Brunei", "Asia/Kolkata", "UTC"] {
            assert_eq!(zone(name).table.segments.len(), 1, "{name}");
            assert_eq!(zone(name).settled_from_ms, i64::MIN, "{name}");
        }
        let singapore = zone("Asia/Singapore");
        assert_eq!(
            singapore.settled_from_ms,
            at("1981-12-31T16:00:00Z").as_millis()
        );
        assert_eq!(singapore.offset_minutes(at("1981-12-31T15:59:59Z")), 450);
        assert_eq!(zone("Europe/Berlin").settled_from_ms, i64::MAX);
    }

    #[test]
    fn c7_a_doubled_local_time_is_the_first_of_the_two_unless_that_is_taken() {
        let berlin = zone("Europe/Berlin");
        let doubled = local("2024-10-27T02:30:00");
        let (first, second) = (at("2024-10-27T00:30:00Z"), at("2024-10-27T01:30:00Z"));
        assert_eq!(berlin.local_to_utc(doubled, None), first);
        assert_eq!(berlin.local_to_utc(doubled, Some(first - Millis(1))), first);
        assert_eq!(berlin.local_to_utc(doubled, Some(first)), second);
        assert_eq!(berlin.local_to_utc(doubled, Some(second)), second);
        assert_eq!(
            berlin.local_to_utc(local("2024-10-27T03:00:00"), Some(first)),
            at("2024-10-27T02:00:00Z")
        );
    }

    #[test]
    fn c7_a_missing_local_time_is_moved_forward_by_the_gap() {
        let berlin = zone("Europe/Berlin");
        assert_eq!(
            berlin.local_to_utc(local("2024-03-31T02:30:00"), None),
            at("2024-03-31T01:30:00Z")
        );
        assert_eq!(
            berlin.local_to_utc(local("2024-03-31T03:30:00"), None),
            at("2024-03-31T01:30:00Z")
        );
        assert_eq!(
            berlin.local_to_utc(local("2024-03-31T01:59:59"), None),
            at("2024-03-31T00:59:59Z")
        );
    }

    #[test]
    fn c7_a_day_whose_midnight_is_missing_begins_at_the_change() {
        // Clocks in Santiago went from 24:00 on 2 September 2023 straight to 01:00.
        let santiago = zone("America/Santiago");
        assert_eq!(
            santiago.start_of_day(date("2023-09-03")),
            at("2023-09-03T04:00:00Z")
        );
        assert_eq!(
            santiago.date_of(at("2023-09-03T04:00:00Z")),
            date("2023-09-03")
        );
        // Apia left out 30 December 2011 altogether.
        let apia = zone("Pacific/Apia");
        assert_eq!(
            apia.start_of_day(date("2011-12-30")),
            apia.start_of_day(date("2011-12-31"))
        );
        assert_eq!(apia.date_of(at("2011-12-30T10:00:00Z")), date("2011-12-31"));
    }

    #[test]
    fn c7_days_with_daylight_saving_have_23_and_25_hours() {
        let berlin = zone("Europe/Berlin");
        let length =
            |text: &str| berlin.start_of_day(date(text).next()) - berlin.start_of_day(date(text));
        assert_eq!(length("2024-03-31"), Millis::hours(23));
        assert_eq!(length("2024-10-27"), Millis::hours(25));
        assert_eq!(length("2024-10-28"), Millis::hours(24));
        assert_eq!(length("7024-10-28"), Millis::hours(24));
    }

    #[test]
    fn c7_the_next_change_of_the_clock_is_the_first_instant_of_its_new_offset() {
        let berlin = zone("Europe/Berlin");
        for (from, change) in [
            ("2024-01-01T00:00:00Z", "2024-03-31T01:00:00Z"),
            ("2024-03-31T01:00:00Z", "2024-10-27T01:00:00Z"),
            ("2024-03-31T00:59:59.999Z", "2024-03-31T01:00:00Z"),
            ("2499-12-31T00:00:00Z", "2500-03-28T01:00:00Z"),
            ("2500-12-31T00:00:00Z", "2501-03-27T01:00:00Z"),
        ] {
            assert_eq!(berlin.next_change(at(from)), Some(at(change)), "{from}");
            let before = berlin.offset_minutes(at(change).just_before());
            assert_ne!(before, berlin.offset_minutes(at(change)), "{from}");
        }
        assert_eq!(
            zone("Asia/Brunei").next_change(at("2024-01-01T00:00:00Z")),
            None
        );
        assert_eq!(
            zone("Asia/Singapore").next_change(at("2024-01-01T00:00:00Z")),
            None
        );
    }

    #[test]
    fn an_unknown_zone_is_refused_by_name() {
        let refusal = Zone::named("Asia/Atlantis").unwrap_err();
        assert_eq!(refusal.name, "Asia/Atlantis");
        assert!(serde_json::from_str::<Zone>("\"Asia/Atlantis\"").is_err());
        let brunei: Zone = serde_json::from_str("\"Asia/Brunei\"").unwrap();
        assert_eq!(serde_json::to_string(&brunei).unwrap(), "\"Asia/Brunei\"");
    }

    /// Zones with every kind of rule: settled, yearly, half hours, skipped days, odd midnights.
    const VARIED: [&str; 10] = [
        "Asia/Brunei",
        "Asia/Singapore",
        "Africa/Nairobi",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Santiago",
        "America/Havana",
        "Pacific/Apia",
        "Africa/Casablanca",
    ];

    proptest! {
        #[test]
        fn c7_offsets_and_dates_agree_with_the_table(
            index in 0..VARIED.len(), ms in 0..Timestamp::MAX.as_millis(),
        ) {
            let zone = zone(VARIED[index]);
            let reference = TimeZoneDatabase::bundled().get(VARIED[index]).unwrap();
            let instant = Timestamp::from_millis(ms);
            let civil = reference.to_datetime(jiff::Timestamp::from_millisecond(ms).unwrap());
            prop_assert_eq!(zone.date_of(instant).to_string(), civil.date().to_string());
        }

        #[test]
        fn c7_local_times_near_a_change_agree_with_the_table(
            index in 0..VARIED.len(), ms in 100_000_000_000_i64..20_000_000_000_000, minutes in -1_600_i64..1_600,
        ) {
            let zone = zone(VARIED[index]);
            let reference = TimeZoneDatabase::bundled().get(VARIED[index]).unwrap();
            let start = jiff::Timestamp::from_millisecond(ms).unwrap();
            let near = reference.following(start).next().map_or(start, |change| change.timestamp());
            let near_ms = near.as_millisecond() + minutes * 60_000;
            let civil = reference.to_datetime(jiff::Timestamp::from_millisecond(near_ms).unwrap());
            // `compatible` is the same decision: the first of two, and forward by the gap.
            let expected = reference.to_ambiguous_timestamp(civil).compatible().unwrap();
            let ours = zone.local_to_utc(local(&format!("{civil:.3}")), None);
            prop_assert_eq!(ours.as_millis(), expected.as_millisecond());
            let shifted = civil.checked_add(jiff::Span::new().hours(1)).unwrap();
            let expected = reference.to_ambiguous_timestamp(shifted).compatible().unwrap();
            let ours = zone.local_to_utc(local(&format!("{shifted:.3}")), None);
            prop_assert_eq!(ours.as_millis(), expected.as_millisecond());
        }

        #[test]
        fn c7_a_day_start_is_the_first_instant_of_its_date(
            index in 0..VARIED.len(), days in 10_i32..200_000,
        ) {
            let zone = zone(VARIED[index]);
            let date = LocalDate::from_days(days);
            let start = zone.start_of_day(date);
            prop_assert!(zone.date_of(start) >= date);
            prop_assert!(zone.date_of(start - Millis(1)) < date);
        }
    }
}
