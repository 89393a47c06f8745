//! Time-of-use windows: the price of a unit depends on when it is used (C11).
//!
//! A window is hours of the day, on some days of the week, in a season; the first that fits holds, and
//! the last one always fits, so that no unit is without a price. Windows open at their start and close
//! at their end, on the local clock: on a day that clocks are changed, what the clock shows counts.
//! Deliberately absent: which consumption falls where, which is C10's.

use crate::num::Price;
use crate::time::{LocalDate, Millis, Timestamp, Zone};

/// The most windows of a tariff: three seasons of weekdays, weekends and holidays in five steps.
const WINDOWS_MAX: usize = 48;

/// Minutes of a day.
pub(super) const DAY_MIN: u32 = 1_440;

const MINUTE_MS: u32 = 60_000;

/// Saturday and Sunday.
pub(super) const SATURDAY_AND_SUNDAY: u8 = 0b110_0000;

/// A stretch of the year, both ends in; it may go over the new year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YearRange {
    /// Month and day of its first day.
    pub from: (u32, u32),
    /// Month and day of its last day.
    pub to: (u32, u32),
}

impl YearRange {
    fn holds(self, day: (u32, u32)) -> bool {
        if self.from <= self.to {
            (self.from..=self.to).contains(&day)
        } else {
            day >= self.from || day <= self.to
        }
    }
}

/// A stretch of the day in minutes since local midnight; it may go over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRange {
    /// First minute, below 1,440.
    pub from_min: u32,
    /// The minute at which it closes, 1 to 1,440.
    pub to_min: u32,
}

impl DayRange {
    fn holds(self, minute: u32) -> bool {
        if self.from_min < self.to_min {
            (self.from_min..self.to_min).contains(&minute)
        } else {
            minute >= self.from_min || minute < self.to_min
        }
    }
}

/// On which days a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// Days of the week: Monday is bit 0, Sunday bit 6.
    pub week: u8,
    /// Public holidays.
    pub holidays: bool,
}

/// One window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its name on the bill, unique in the tariff.
    pub name: String,
    /// Price for a unit.
    pub price: Price,
    /// On which days; none, on all.
    pub days: Option<Days>,
    /// In which stretches of the year; none, in all.
    pub season: Option<Vec<YearRange>>,
    /// In which hours; none, all day.
    pub hours: Vec<DayRange>,
}

/// The windows of a tariff, in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    windows: Vec<Window>,
    /// Whether a window names holidays: only then they are days of their own.
    holidays: bool,
    /// Minutes of the day at which a window may open or close, rising, the end of the day too.
    edges_min: Vec<u32>,
}

impl Window {
    fn is_open(&self, day: &DayKind, minute: u32) -> bool {
        let on_day = self.days.is_none_or(|days| match day.holiday {
            true => days.holidays,
            false => days.week & (1 << (day.weekday - 1)) != 0,
        });
        let in_season = self
            .season
            .as_ref()
            .is_none_or(|ranges| ranges.iter().any(|range| range.holds(day.of_year)));
        let in_hours = self.hours.is_empty() || self.hours.iter().any(|range| range.holds(minute));
        on_day && in_season && in_hours
    }
}

/// What windows ask of a date.
struct DayKind {
    weekday: u32,
    holiday: bool,
    of_year: (u32, u32),
}

impl Windows {
    /// Puts windows together.
    ///
    /// # Errors
    /// What is wrong: no window or too many, two of one name, a price below zero, or a last one that is
    /// not open always.
    pub fn new(windows: Vec<Window>) -> Result<Self, String> {
        let Some(last) = windows.last() else {
            return Err("a tariff has at least one window".to_owned());
        };
        if windows.len() > WINDOWS_MAX {
            return Err(format!("a tariff has at most {WINDOWS_MAX} windows"));
        }
        if last.days.is_some() || last.season.is_some() || !last.hours.is_empty() {
            return Err(
                "the last window has no days, season or hours: it takes all that is left"
                    .to_owned(),
            );
        }
        for (index, window) in windows.iter().enumerate() {
            if window.price.is_negative() {
                return Err("a price is not below zero".to_owned());
            }
            let twin = |other: &Window| other.name == window.name;
            if windows.iter().take(index).any(twin) {
                return Err(format!("there are two windows {:?}", window.name));
            }
        }
        let ranges = windows.iter().flat_map(|window| &window.hours);
        let ends = ranges.flat_map(|range| [range.from_min, range.to_min]);
        let mut edges_min: Vec<u32> = ends.filter(|edge| *edge > 0).chain([DAY_MIN]).collect();
        edges_min.sort_unstable();
        edges_min.dedup();
        let names_holidays = |window: &Window| window.days.is_some_and(|days| days.holidays);
        Ok(Self {
            holidays: windows.iter().any(names_holidays),
            windows,
            edges_min,
        })
    }

    /// The windows in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Window] {
        &self.windows
    }

    /// The windows that are open in a stretch of one local day, in order of time, each with the instant
    /// at which it gives way. `from` and `to` lie in the day of `date`; the last ends at `to`.
    pub(super) fn walk<'a>(
        &'a self,
        zone: &'a Zone,
        date: LocalDate,
        is_holiday: bool,
        (from, to): (Timestamp, Timestamp),
    ) -> Walk<'a> {
        let (_, month, day) = date.parts();
        Walk {
            windows: self,
            zone,
            day: DayKind {
                weekday: date.weekday(),
                holiday: self.holidays && is_holiday,
                of_year: (month, day),
            },
            next: Some(from),
            to,
        }
    }

    fn at(&self, day: &DayKind, minute: u32) -> Option<&Window> {
        self.windows
            .iter()
            .find(|window| window.is_open(day, minute))
    }

    /// Minutes after midnight of the first edge behind a minute.
    fn edge_after(&self, minute: u32) -> u32 {
        let behind = self.edges_min.partition_point(|edge| *edge <= minute);
        self.edges_min.get(behind).copied().unwrap_or(DAY_MIN)
    }
}

/// The stretches of a day with one window each: see [`Windows::walk`].
pub(super) struct Walk<'a> {
    windows: &'a Windows,
    zone: &'a Zone,
    day: DayKind,
    next: Option<Timestamp>,
    to: Timestamp,
}

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a Window, Timestamp);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next?;
        let clock_ms = self.zone.time_of_day_ms(at);
        let minute = clock_ms / MINUTE_MS;
        let window = self.windows.at(&self.day, minute);
        assert!(window.is_some(), "a tariff has a window at every instant");
        let edge_ms = self.windows.edge_after(minute) * MINUTE_MS;
        let mut until = at + Millis(i64::from(edge_ms) - i64::from(clock_ms));
        if let Some(change) = self.zone.next_change(at) {
            until = until.min(change);
        }
        let until = until.min(self.to);
        self.next = (until < self.to).then_some(until);
        window.map(|window| (window, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(name: &str, hours: &[(u32, u32)]) -> Window {
        Window {
            name: name.to_owned(),
            price: Price::ZERO,
            days: None,
            season: None,
            hours: hours
                .iter()
                .map(|(from, to)| DayRange {
                    from_min: from * 60,
                    to_min: to * 60,
                })
                .collect(),
        }
    }

    fn weekdays(holidays: bool) -> Option<Days> {
        Some(Days {
            week: !SATURDAY_AND_SUNDAY & 0x7f,
            holidays,
        })
    }

    /// The windows of a whole local day, with the local hours each lasts.
    fn day(windows: &Windows, zone: &str, date: &str, holiday: bool) -> Vec<(String, i64)> {
        let (zone, date) = (Zone::named(zone).unwrap(), LocalDate::parse(date).unwrap());
        let span = (zone.start_of_day(date), zone.start_of_day(date.next()));
        let mut from = span.0;
        let mut told: Vec<(String, i64)> = Vec::new();
        for (window, until) in windows.walk(&zone, date, holiday, span) {
            let hours = (until - from).get() / 3_600_000;
            from = until;
            match told.last_mut().filter(|(name, _)| *name == window.name) {
                Some((_, last)) => *last += hours,
                None => told.push((window.name.clone(), hours)),
            }
        }
        told
    }

    fn told(list: &[(&str, i64)]) -> Vec<(String, i64)> {
        list.iter()
            .map(|(name, hours)| ((*name).to_owned(), *hours))
            .collect()
    }

    #[test]
    fn c11_windows_open_at_their_start_close_at_their_end_and_may_go_over_midnight() {
        let windows = Windows::new(vec![window("night", &[(22, 7)]), window("day", &[])]).unwrap();
        assert_eq!(
            day(&windows, "Asia/Brunei", "2026-03-04", false),
            told(&[("night", 7), ("day", 15), ("night", 2)])
        );
    }

    #[test]
    fn c11_windows_follow_the_local_clock_on_days_of_23_and_25_hours() {
        let windows = Windows::new(vec![
            window("early", &[(0, 4)]),
            window("peak", &[(17, 20)]),
            window("rest", &[]),
        ])
        .unwrap();
        assert_eq!(
            day(&windows, "Europe/Berlin", "2024-03-31", false),
            told(&[("early", 3), ("rest", 13), ("peak", 3), ("rest", 4)])
        );
        assert_eq!(
            day(&windows, "Europe/Berlin", "2024-10-27", false),
            told(&[("early", 5), ("rest", 13), ("peak", 3), ("rest", 4)])
        );
        let twice = Windows::new(vec![window("second hour", &[(2, 3)]), window("rest", &[])]);
        assert_eq!(
            day(&twice.unwrap(), "Europe/Berlin", "2024-10-27", false),
            told(&[("rest", 2), ("second hour", 2), ("rest", 21)])
        );
    }

    #[test]
    fn c11_holidays_are_days_of_their_own_only_where_a_window_names_them() {
        let mut peak = window("peak", &[(7, 23)]);
        peak.days = weekdays(false);
        let plain = Windows::new(vec![peak.clone(), window("rest", &[])]).unwrap();
        let peaks = told(&[("rest", 7), ("peak", 16), ("rest", 1)]);
        // 2026-03-04 is a Wednesday, 2026-03-07 a Saturday.
        assert_eq!(day(&plain, "Asia/Brunei", "2026-03-04", true), peaks);
        assert_eq!(
            day(&plain, "Asia/Brunei", "2026-03-07", false),
            told(&[("rest", 24)])
        );
        let mut feast = window("feast", &[]);
        feast.days = Some(Days {
            week: 0,
            holidays: true,
        });
        let own = Windows::new(vec![peak, feast, window("rest", &[])]).unwrap();
        assert_eq!(
            day(&own, "Asia/Brunei", "2026-03-04", true),
            told(&[("feast", 24)])
        );
        assert_eq!(day(&own, "Asia/Brunei", "2026-03-04", false), peaks);
    }

    #[test]
    fn c11_a_season_holds_from_its_first_day_to_its_last_also_over_the_new_year() {
        let mut summer = window("summer", &[]);
        summer.season = Some(vec![YearRange {
            from: (11, 1),
            to: (3, 31),
        }]);
        let windows = Windows::new(vec![summer, window("rest", &[])]).unwrap();
        for (date, name) in [
            ("2026-10-31", "rest"),
            ("2026-11-01", "summer"),
            ("2027-01-01", "summer"),
            ("2027-03-31", "summer"),
            ("2027-04-01", "rest"),
        ] {
            assert_eq!(
                day(&windows, "Asia/Brunei", date, false),
                told(&[(name, 24)]),
                "{date}"
            );
        }
    }

    #[test]
    fn c11_windows_that_leave_a_hole_or_contradict_each_other_are_refused() {
        let rest = || window("rest", &[]);
        for (windows, reason) in [
            (vec![], "at least one"),
            (vec![window("night", &[(22, 7)])], "the last window"),
            (vec![rest(), rest()], "two windows"),
        ] {
            let refusal = Windows::new(windows).unwrap_err();
            assert!(refusal.contains(reason), "{refusal}");
        }
    }
}
