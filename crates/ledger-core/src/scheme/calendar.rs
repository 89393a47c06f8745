//! The scheme's calendar: working days and public holidays (U10, U16), and the quiet time in which no
//! supply is cut (C15).
//!
//! Owns `[calendar]` and `[quiet]`. A date is judged in the scheme's own zone. Deliberately absent: a
//! rule by which the dates of holidays could be computed. Governments announce them, so they are listed,
//! year by year, each with whether it was seen in the government's own list.

use serde::{Deserialize, Deserializer, de};

use crate::time::{LocalDate, LocalDateTime, Timestamp, Zone};

/// Milliseconds of an hour and of a minute, on a clock.
const HOUR_MS: u32 = 3_600_000;
const MINUTE_MS: u32 = 60_000;

/// The most holidays of a file: forty years with some 25 a year. More is a mistake.
pub(super) const HOLIDAYS_MAX: usize = 1_000;

/// The most windows of quiet hours: a day has no more parts that people could remember.
pub(super) const WINDOWS_MAX: usize = 8;

/// The longest quiet time that is looked through, in windows and days: longer than all holidays a file
/// may list, so that it is reached only when there is no end.
const QUIET_STEPS_MAX: usize = 10_000;

/// The most days looked through for a working day; as [`QUIET_STEPS_MAX`].
const DAYS_MAX: usize = 10_000;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// The first of ISO's week.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The seventh.
    Sunday,
}

impl Weekday {
    /// Its number: 1 for Monday to 7 for Sunday.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Monday => 1,
            Self::Tuesday => 2,
            Self::Wednesday => 3,
            Self::Thursday => 4,
            Self::Friday => 5,
            Self::Saturday => 6,
            Self::Sunday => 7,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
        }
    }

    /// Whether it is the day of the week of a date.
    #[must_use]
    pub fn is_of(self, date: LocalDate) -> bool {
        date.weekday() == self.number()
    }
}

/// A public holiday.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// Local date.
    pub date: LocalDate,
    /// Its name, for people.
    pub name: String,
    /// Whether the date is certain; one that is not counts all the same, and is to be checked.
    pub verified: bool,
}

/// Working days and public holidays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Days of the week on which the utility's offices do not work.
    pub not_working: Vec<Weekday>,
    /// Public holidays, in order of their dates.
    pub holidays: Vec<Holiday>,
}

impl Calendar {
    /// The public holiday on a date.
    #[must_use]
    pub fn holiday(&self, date: LocalDate) -> Option<&Holiday> {
        let place = self
            .holidays
            .binary_search_by_key(&date, |holiday| holiday.date);
        place.ok().and_then(|place| self.holidays.get(place))
    }

    /// Whether the offices work on a date.
    #[must_use]
    pub fn is_working_day(&self, date: LocalDate) -> bool {
        let rests = self.not_working.iter().any(|day| day.is_of(date));
        !rests && self.holiday(date).is_none()
    }

    /// The working day so many working days after a date; the date itself is not counted.
    #[must_use]
    pub fn plus_working_days(&self, from: LocalDate, days: u32) -> LocalDate {
        let mut date = from;
        let mut left = days;
        for _ in 0..DAYS_MAX {
            if left == 0 {
                break;
            }
            date = date.next();
            if self.is_working_day(date) {
                left -= 1;
            }
        }
        date
    }
}

/// A time of day on a local clock, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    since_midnight_ms: u32,
}

impl TimeOfDay {
    fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        if hours.len() != 2 || minutes.len() != 2 {
            return None;
        }
        let number = |digits: &str| {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u32>().ok().filter(|_| plain)
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        (hours < 24 && minutes < 60).then_some(Self {
            since_midnight_ms: hours * HOUR_MS + minutes * MINUTE_MS,
        })
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a time of day such as \"17:30\""))
    }
}

/// Hours of each day in which nothing is cut: from `from` on, until before `until`, over midnight where
/// that is the earlier of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Their first minute.
    pub from: TimeOfDay,
    /// The first minute after them.
    pub until: TimeOfDay,
}

impl QuietHours {
    fn has(&self, since_midnight_ms: u32) -> bool {
        let (from, until) = (self.from.since_midnight_ms, self.until.since_midnight_ms);
        if from < until {
            (from..until).contains(&since_midnight_ms)
        } else {
            since_midnight_ms >= from || since_midnight_ms < until
        }
    }
}

/// When no supply is cut by itself (C15).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietPolicy {
    /// Hours of each day.
    pub hours: Vec<QuietHours>,
    /// Whole days of the week.
    pub rest_days: Vec<Weekday>,
    /// Whole public holidays of the calendar.
    pub public_holidays: bool,
}

impl QuietPolicy {
    /// The end of the quiet time that an instant lies in: the first instant after it at which supply may
    /// be cut; none when the instant lies in no quiet time. The first minute is in, the last is out.
    #[must_use]
    pub fn end_of(&self, at: Timestamp, zone: &Zone, calendar: &Calendar) -> Option<Timestamp> {
        let mut end = at;
        for _ in 0..QUIET_STEPS_MAX {
            match self.step(end, zone, calendar) {
                Some(later) => end = later,
                None => break,
            }
        }
        (end > at).then_some(end)
    }

    /// The end of the day or the hours of quiet around an instant.
    fn step(&self, at: Timestamp, zone: &Zone, calendar: &Calendar) -> Option<Timestamp> {
        let date = zone.date_of(at);
        let rests = self.rest_days.iter().any(|day| day.is_of(date));
        if rests || (self.public_holidays && calendar.holiday(date).is_some()) {
            return Some(zone.start_of_day(date.next()));
        }
        let now_ms = zone.time_of_day_ms(at);
        let window = self.hours.iter().find(|window| window.has(now_ms))?;
        let until_ms = window.until.since_midnight_ms;
        let day = if now_ms < until_ms { date } else { date.next() };
        let local = LocalDateTime::new(day, until_ms)?;
        Some(zone.local_to_utc(local, Some(at)))
    }

    /// Whether there is any time at which supply may be cut.
    pub(super) fn ends(&self) -> bool {
        let some_day = (1..=7).any(|day| self.rest_days.iter().all(|rest| rest.number() != day));
        let some_minute = (0..24 * 60).any(|minute| {
            let at = minute * MINUTE_MS;
            self.hours.iter().all(|window| !window.has(at))
        });
        some_day && some_minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::SchemePolicy;

    fn date(text: &str) -> LocalDate {
        LocalDate::parse(text).unwrap()
    }

    fn time(text: &str) -> TimeOfDay {
        TimeOfDay::parse(text).unwrap()
    }

    fn quiet() -> QuietPolicy {
        QuietPolicy {
            hours: vec![QuietHours {
                from: time("17:00"),
                until: time("08:00"),
            }],
            rest_days: vec![Weekday::Sunday],
            public_holidays: true,
        }
    }

    /// The end of the quiet time, as local text of Brunei's clock.
    fn end(of: &str) -> Option<String> {
        let policy = SchemePolicy::builtin("usms").unwrap();
        let zone = policy.zone();
        let at = zone.local_to_utc(LocalDateTime::parse(of).unwrap(), None);
        let end = quiet().end_of(at, zone, policy.calendar())?;
        let ms = zone.time_of_day_ms(end);
        let (hours, minutes) = (ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS);
        Some(format!("{}T{hours:02}:{minutes:02}", zone.date_of(end)))
    }

    #[test]
    fn u10_working_days_are_not_friday_not_sunday_and_no_public_holiday() {
        let policy = SchemePolicy::builtin("usms").unwrap();
        let calendar = policy.calendar();
        // 2026-02-17, a Tuesday, is Chinese New Year.
        assert!(calendar.is_working_day(date("2026-02-16")));
        assert!(!calendar.is_working_day(date("2026-02-17")));
        assert!(
            !calendar.is_working_day(date("2026-02-20")),
            "a Friday is a rest day of the offices"
        );
        assert!(calendar.is_working_day(date("2026-02-21")));
        assert!(!calendar.is_working_day(date("2026-02-22")));
        assert_eq!(
            calendar.plus_working_days(date("2026-07-13"), 3),
            date("2026-07-18"),
            "the 14th, not the 15th (a holiday), the 16th, not the 17th (a Friday), the 18th"
        );
        assert_eq!(
            calendar.plus_working_days(date("2026-07-13"), 0),
            date("2026-07-13")
        );
    }

    #[test]
    fn u10_holidays_of_which_the_date_is_not_certain_count_and_say_so() {
        let policy = SchemePolicy::builtin("usms").unwrap();
        let national = policy.calendar().holiday(date("2026-02-23")).unwrap();
        assert!(national.verified);
        let uncertain = policy.calendar().holiday(date("2026-05-27")).unwrap();
        assert!(!uncertain.verified);
    }

    #[test]
    fn c15_the_first_minute_of_quiet_is_in_and_the_last_is_out() {
        assert_eq!(end("2026-03-02T16:59:59.999"), None);
        let night = Some("2026-03-03T08:00".to_owned());
        assert_eq!(end("2026-03-02T17:00:00"), night);
        assert_eq!(end("2026-03-03T07:59:59.999"), night);
        assert_eq!(end("2026-03-03T08:00:00"), None);
    }

    #[test]
    fn c15_quiet_hours_rest_days_and_holidays_that_touch_are_one_quiet_time() {
        assert_eq!(
            end("2026-02-21T17:00:00").unwrap(),
            "2026-02-24T08:00",
            "Saturday night, Sunday, National Day and the night before Tuesday"
        );
        assert_eq!(end("2026-03-01T12:00:00").unwrap(), "2026-03-02T08:00");
    }

    #[test]
    fn c15_a_quiet_time_without_an_end_is_seen() {
        assert!(quiet().ends());
        let mut always = quiet();
        always.hours = vec![
            QuietHours {
                from: time("08:00"),
                until: time("20:00"),
            },
            QuietHours {
                from: time("20:00"),
                until: time("08:00"),
            },
        ];
        assert!(!always.ends());
    }

    #[test]
    fn a_time_of_day_is_hours_and_minutes() {
        for wrong in ["24:00", "7:30", "07:60", "0730", "07:3a", "+7:30"] {
            assert_eq!(TimeOfDay::parse(wrong), None, "{wrong}");
        }
        assert!(TimeOfDay::parse("00:00") < TimeOfDay::parse("23:59"));
    }
}
