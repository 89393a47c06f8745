//! What stands in a report's cells: values with one written form each, and columns that say which.

use std::fmt;

use ledger_core::num::{Money, Quantity};
use ledger_core::time::{LocalDate, Month, Timestamp, Zone};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words and names.
    Text,
    /// A whole number, zero or more.
    Count,
    /// An exact amount in the row's currency.
    Money,
    /// kWh or m³.
    Quantity,
    /// A share in per cent, with one decimal.
    Percent,
    /// A local date of the row's scheme.
    Date,
    /// A local month of the row's scheme.
    Month,
    /// A local time of the row's scheme, with its offset.
    Time,
    /// `yes` or `no`.
    YesNo,
}

impl Kind {
    /// The word of the contract.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Count => "count",
            Self::Money => "money",
            Self::Quantity => "quantity",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::Month => "month",
            Self::Time => "time",
            Self::YesNo => "yes-no",
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name: lower case, with underscores.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it says.
    pub about: &'static str,
}

/// A column of a report.
pub(super) const fn column(name: &'static str, kind: Kind, about: &'static str) -> Column {
    Column { name, kind, about }
}

/// The value of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing to say.
    Empty,
    /// Words or a name.
    Text(String),
    /// A whole number.
    Count(u64),
    /// An exact amount.
    Money(Money),
    /// kWh or m³.
    Quantity(Quantity),
    /// Tenths of a per cent.
    Percent(i64),
    /// A local date.
    Date(LocalDate),
    /// A local month.
    Month(Month),
    /// A local time, minutes ahead of UTC.
    Time(Timestamp, i32),
    /// Yes or no.
    YesNo(bool),
}

impl Value {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "names come by value and by reference"
    )]
    pub(super) fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub(super) fn text_opt(text: Option<impl ToString>) -> Self {
        text.map_or(Self::Empty, Self::text)
    }

    pub(super) fn date(date: Option<LocalDate>) -> Self {
        date.map_or(Self::Empty, Self::Date)
    }

    pub(super) fn month(month: Option<Month>) -> Self {
        month.map_or(Self::Empty, Self::Month)
    }

    /// An instant in a zone; in UTC where the scheme is not served any more.
    pub(super) fn time(zone: Option<&Zone>, at: Timestamp) -> Self {
        Self::Time(at, zone.map_or(0, |zone| zone.offset_minutes(at)))
    }

    /// How much more or less this is than that was, in tenths of a per cent, half away from zero; nothing
    /// where that was zero.
    pub(super) fn change_percent(now: Quantity, before: Quantity) -> Self {
        let before = i128::from(before.micro());
        if before <= 0 {
            return Self::Empty;
        }
        let thousandfold = (i128::from(now.micro()) - before) * 1_000;
        let half = before / 2 * thousandfold.signum();
        i64::try_from((thousandfold + half) / before).map_or(Self::Empty, Self::Percent)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Count(n) => n.fmt(f),
            Self::Money(amount) => amount.fmt(f),
            Self::Quantity(quantity) => quantity.fmt(f),
            Self::Percent(tenths) => {
                let sign = if *tenths < 0 { "-" } else { "" };
                let tenths = tenths.unsigned_abs();
                write!(f, "{sign}{}.{}", tenths / 10, tenths % 10)
            }
            Self::Date(date) => date.fmt(f),
            Self::Month(month) => month.fmt(f),
            Self::Time(at, offset_min) => write_local(f, *at, *offset_min),
            Self::YesNo(yes) => f.write_str(if *yes { "yes" } else { "no" }),
        }
    }
}

/// `2026-03-01T14:05:09+08:00`: RFC 3339 in whole seconds, local.
fn write_local(f: &mut fmt::Formatter<'_>, at: Timestamp, offset_min: i32) -> fmt::Result {
    let shifted = Timestamp::from_millis(at.as_millis() + i64::from(offset_min) * 60_000);
    let text = shifted.to_string();
    let local = text.get(..19).unwrap_or(&text);
    let sign = if offset_min < 0 { '-' } else { '+' };
    let minutes = offset_min.unsigned_abs();
    write!(f, "{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_a_time_is_written_in_its_zone_with_its_offset() {
        let zone = Zone::named("Asia/Kolkata").unwrap();
        let at = Timestamp::parse("2026-02-28T18:29:59.999Z").unwrap();
        assert_eq!(
            Value::time(Some(&zone), at).to_string(),
            "2026-02-28T23:59:59+05:30"
        );
        assert_eq!(
            Value::time(None, at).to_string(),
            "2026-02-28T18:29:59+00:00"
        );
    }

    #[test]
    fn c3_a_change_in_per_cent_is_rounded_once_from_exact_quantities() {
        let change = |now: &str, before: &str| {
            let quantity = |text: &str| Quantity::parse(text).unwrap();
            Value::change_percent(quantity(now), quantity(before)).to_string()
        };
        assert_eq!(change("110", "100"), "10.0");
        assert_eq!(change("2", "3"), "-33.3");
        assert_eq!(change("0", "3"), "-100.0");
        assert_eq!(change("1.0005", "1"), "0.1");
        assert_eq!(change("5", "0"), "", "there is nothing to compare with");
    }
}
