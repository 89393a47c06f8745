//! How time-of-use windows are written: `[tariffs.time_of_use]`.
//!
//! Owns hours (`"17:00-20:00"`), days (`"weekday"`, `"holiday"`, `"fri"`) and seasons
//! (`"11-01..03-31"`). Deliberately absent: what they mean, which is `windows`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::file::is_name;
use super::windows::{DAY_MIN, DayRange, Days, SATURDAY_AND_SUNDAY, Window, Windows, YearRange};
use crate::num::Price;

/// Days of the week, from Monday on.
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// All of them.
const WHOLE_WEEK: u8 = 0x7f;

/// The most days of each month in any year.
const MONTH_DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// `[tariffs.time_of_use]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeOfUseFile {
    weekend: Option<Vec<String>>,
    #[serde(default)]
    seasons: BTreeMap<String, Vec<String>>,
    windows: Vec<WindowFile>,
}

/// One of `windows`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowFile {
    name: String,
    price: Price,
    days: Option<Vec<String>>,
    season: Option<String>,
    #[serde(default)]
    hours: Vec<String>,
}

impl TimeOfUseFile {
    /// The windows as they are asked.
    ///
    /// # Errors
    /// What is wrong, with the text at fault.
    pub(super) fn windows(self) -> Result<Windows, String> {
        let weekend = match &self.weekend {
            None => SATURDAY_AND_SUNDAY,
            Some(days) => days
                .iter()
                .map(|day| weekday(day).ok_or_else(|| format!("weekend: {}", not_a_day(day))))
                .try_fold(0, |all, day| day.map(|day| all | day))?,
        };
        let mut seasons = BTreeMap::new();
        for (name, ranges) in &self.seasons {
            if ranges.is_empty() {
                return Err(format!("season {name:?} has no days"));
            }
            let ranges: Result<Vec<_>, _> = ranges.iter().map(|text| year_range(text)).collect();
            seasons.insert(name.as_str(), ranges?);
        }
        let mut windows = Vec::with_capacity(self.windows.len());
        for file in &self.windows {
            let window = window_of(file, weekend, &seasons);
            windows.push(window.map_err(|message| format!("window {:?}: {message}", file.name))?);
        }
        Windows::new(windows)
    }
}

fn window_of(
    file: &WindowFile,
    weekend: u8,
    seasons: &BTreeMap<&str, Vec<YearRange>>,
) -> Result<Window, String> {
    if !is_name(&file.name) {
        return Err("a name is lower-case letters, digits and dashes".to_owned());
    }
    let season = match file.season.as_deref() {
        None => None,
        Some(name) => {
            let found = seasons.get(name).cloned();
            Some(found.ok_or_else(|| format!("there is no season {name:?}"))?)
        }
    };
    let days = file.days.as_ref();
    let days = days.map(|words| days_of(words, weekend)).transpose()?;
    let hours: Result<Vec<_>, _> = file.hours.iter().map(|text| day_range(text)).collect();
    Ok(Window {
        name: file.name.clone(),
        price: file.price,
        days,
        season,
        hours: hours?,
    })
}

fn weekday(word: &str) -> Option<u8> {
    let bit = WEEK.iter().position(|day| *day == word)?;
    Some(1 << bit)
}

fn not_a_day(word: &str) -> String {
    format!("{word:?} is no day: use {}", WEEK.join(", "))
}

fn days_of(words: &[String], weekend: u8) -> Result<Days, String> {
    if words.is_empty() {
        return Err("days: at least one, or leave the key out for all".to_owned());
    }
    let mut days = Days {
        week: 0,
        holidays: false,
    };
    for word in words {
        match word.as_str() {
            "weekday" => days.week |= !weekend & WHOLE_WEEK,
            "weekend" => days.week |= weekend,
            "holiday" => days.holidays = true,
            other => {
                let known = || format!("{}, weekday, weekend, holiday", not_a_day(other));
                days.week |= weekday(other).ok_or_else(known)?;
            }
        }
    }
    Ok(days)
}

/// Two numbers of two digits with a sign between.
fn two_numbers(text: &str, sign: char) -> Option<(u32, u32)> {
    let (first, second) = text.split_once(sign)?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    Some((number(first)?, number(second)?))
}

/// `"17:00-20:00"`, `"22:00-07:00"`, `"00:00-24:00"`.
fn day_range(text: &str) -> Result<DayRange, String> {
    let wrong = || format!("hours {text:?} are not like \"17:00-20:00\" or \"22:00-07:00\"");
    let minute = |text: &str| {
        let (hour, minute) = two_numbers(text, ':')?;
        let whole = hour * 60 + minute;
        (minute < 60 && whole <= DAY_MIN).then_some(whole)
    };
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from_min, to_min) = (
        minute(from).ok_or_else(wrong)?,
        minute(to).ok_or_else(wrong)?,
    );
    // A window until midnight may write it either way.
    let to_min = if to_min == 0 { DAY_MIN } else { to_min };
    if from_min == DAY_MIN || from_min == to_min {
        return Err(wrong());
    }
    Ok(DayRange { from_min, to_min })
}

/// `"11-01..03-31"`, both ends in.
fn year_range(text: &str) -> Result<YearRange, String> {
    let wrong = || format!("season days {text:?} are not like \"06-01..08-31\"");
    let day = |text: &str| {
        let (month, day) = two_numbers(text, '-')?;
        let index = usize::try_from(month).ok()?.checked_sub(1)?;
        let days = MONTH_DAYS.get(index)?;
        (1..=*days).contains(&day).then_some((month, day))
    };
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    Ok(YearRange {
        from: day(from).ok_or_else(wrong)?,
        to: day(to).ok_or_else(wrong)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str) -> Result<Windows, String> {
        let file: TimeOfUseFile = toml::from_str(text).map_err(|error| error.to_string())?;
        file.windows()
    }

    #[test]
    fn c11_windows_are_written_as_people_write_them() {
        let windows = windows(
            r#"
            weekend = ["fri", "sun"]
            seasons = { hot = ["11-01..02-29", "05-15..05-20"] }
            windows = [
                { name = "peak", price = "0.4", days = ["weekday"], season = "hot", hours = ["07:00-09:00", "17:00-24:00"] },
                { name = "night", price = "0.1", hours = ["22:00-07:30"] },
                { name = "rest", price = "0.2" },
            ]
            "#,
        )
        .unwrap();
        let [peak, night, rest] = windows.as_slice() else {
            panic!("three windows");
        };
        assert_eq!(peak.days.unwrap().week, 0b010_1111);
        assert_eq!(peak.season.as_ref().unwrap().len(), 2);
        assert_eq!(
            (peak.hours[1].from_min, peak.hours[1].to_min),
            (1_020, 1_440)
        );
        assert_eq!(
            (night.hours[0].from_min, night.hours[0].to_min),
            (1_320, 450)
        );
        assert_eq!((rest.days, rest.season.as_ref()), (None, None));
    }

    #[test]
    fn c11_windows_that_nobody_could_mean_are_refused_by_their_text() {
        let rest = "{ name = \"rest\", price = \"1\" }";
        for (text, reason) in [
            (
                "{ name = \"a\", price = \"1\", hours = [\"7-9\"] }",
                "hours \"7-9\"",
            ),
            (
                "{ name = \"a\", price = \"1\", hours = [\"07:00-07:00\"] }",
                "hours",
            ),
            (
                "{ name = \"a\", price = \"1\", hours = [\"07:00-24:01\"] }",
                "hours",
            ),
            (
                "{ name = \"a\", price = \"1\", hours = [\"24:00-07:00\"] }",
                "hours",
            ),
            (
                "{ name = \"a\", price = \"1\", days = [\"monday\"] }",
                "no day",
            ),
            ("{ name = \"a\", price = \"1\", days = [] }", "at least one"),
            (
                "{ name = \"a\", price = \"1\", season = \"wet\" }",
                "no season",
            ),
            ("{ name = \"A b\", price = \"1\" }", "a name"),
            ("{ name = \"a\", price = \"-1\" }", "below zero"),
        ] {
            let refusal = windows(&format!("windows = [{text}, {rest}]")).unwrap_err();
            assert!(refusal.contains(reason), "{refusal}");
        }
        for days in ["02-30..03-01", "13-01..13-02", "1-1..2-2", "06-01"] {
            let text = format!("seasons = {{ s = [\"{days}\"] }}\nwindows = [{rest}]");
            assert!(windows(&text).unwrap_err().contains(days), "{days}");
        }
    }
}
