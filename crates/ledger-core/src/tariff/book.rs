//! A file of tariffs by itself, for people who design them.
//!
//! Owns its keys: zone, currency, holidays, tariffs, written as in a scheme's file. Deliberately absent:
//! everything else that a scheme decides.

use serde::Deserialize;

use super::file::TariffFile;
use super::{PriceBook, Tariff, TariffFault, TariffSet, TariffSetError};
use crate::scheme::{Currency, SchemeError};
use crate::time::{LocalDate, Zone};

/// The most public holidays of a file: fifty a year for a century.
const HOLIDAYS_MAX: usize = 5_000;

/// Tariffs with what their prices depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffBook {
    zone: Zone,
    currency: Currency,
    holidays: Vec<LocalDate>,
    tariffs: TariffSet,
}

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BookFile {
    zone: Zone,
    currency: Currency,
    #[serde(default)]
    holidays: Vec<LocalDate>,
    tariffs: Vec<TariffFile>,
}

impl TariffBook {
    /// Reads a file of tariffs.
    ///
    /// # Errors
    /// The first key that is unknown, missing, malformed, out of range or at odds with another, with
    /// its line.
    pub fn from_toml(text: &str) -> Result<Self, SchemeError> {
        let file = toml::from_str::<BookFile>(text)
            .map_err(|error| SchemeError::from_toml(text, &error))?;
        let at_key = |(key, message): TariffFault| SchemeError::at_key(text, &key, message);
        if file.holidays.len() > HOLIDAYS_MAX {
            let message = format!("at most {HOLIDAYS_MAX}");
            return Err(at_key(("holidays".to_owned(), message)));
        }
        let mut holidays = file.holidays;
        holidays.sort_unstable();
        holidays.dedup();
        let tariffs = tariffs_of(file.tariffs).map_err(at_key)?;
        if tariffs.is_empty() {
            let message = "a file has at least one tariff".to_owned();
            return Err(at_key(("tariffs".to_owned(), message)));
        }
        check_beginnings(&file.zone, &tariffs).map_err(at_key)?;
        let at_tariff =
            |error: TariffSetError| at_key((format!("tariffs[{}]", error.index), error.message));
        Ok(Self {
            zone: file.zone,
            currency: file.currency,
            holidays,
            tariffs: TariffSet::new(tariffs).map_err(at_tariff)?,
        })
    }

    /// What prices depend on.
    #[must_use]
    pub fn price_book(&self) -> PriceBook<'_> {
        PriceBook {
            zone: &self.zone,
            tariffs: &self.tariffs,
            holidays: &self.holidays,
        }
    }

    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> &Currency {
        &self.currency
    }
}

/// The tariffs of a file, each checked by itself.
///
/// # Errors
/// The first key at fault, such as `tariffs[2].levies[0].on`, and why.
pub(crate) fn tariffs_of(files: Vec<TariffFile>) -> Result<Vec<Tariff>, TariffFault> {
    let tariffs = files.into_iter().enumerate();
    tariffs
        .map(|(index, file)| {
            Tariff::try_from(file).map_err(|(below, message): TariffFault| {
                (format!("tariffs[{index}]{below}"), message)
            })
        })
        .collect()
}

/// Charges are cut at local midnights, so that is where a tariff may change.
///
/// # Errors
/// The first tariff that begins at another time.
pub(crate) fn check_beginnings(zone: &Zone, tariffs: &[Tariff]) -> Result<(), TariffFault> {
    for (index, tariff) in tariffs.iter().enumerate() {
        let begins = tariff.effective_from();
        if begins != zone.start_of_day(zone.date_of(begins)) {
            let key = format!("tariffs[{index}].effective_from");
            return Err((key, format!("a midnight of {zone}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"zone = "Australia/Sydney"
currency = { code = "AUD", decimals = 2 }
holidays = ["2013-01-28", "2013-01-01"]

[[tariffs]]
name = "first"
utility = "electricity"
class = "residential"
effective_from = "2012-07-01T00:00:00+10:00"
verified = true
source = "test"
[tariffs.time_of_use]
windows = [
    { name = "peak", price = "0.4", days = ["weekday"], hours = ["14:00-20:00"] },
    { name = "rest", price = "0.1" },
]
[[tariffs.standing]]
name = "supply"
per = "day"
amount = "1.1253"
[[tariffs.levies]]
name = "green"
kind = "levy"
percent = "5"
on = ["energy"]
[[tariffs.levies]]
name = "gst"
kind = "tax"
percent = "10"
on = ["energy", "standing", "green"]
rounding = { decimals = 2, mode = "half_up" }

[[tariffs]]
name = "second"
utility = "electricity"
class = "residential"
effective_from = "2013-01-01T00:00:00+11:00"
verified = true
source = "test"
[tariffs.blocks]
per = "quarter"
steps = [{ width = "1250", price = "0.3214" }, { price = "0.2904" }]
"#;

    fn edited(old: &str, new: &str) -> SchemeError {
        assert!(FILE.contains(old), "{old:?} is in the file");
        TariffBook::from_toml(&FILE.replace(old, new)).unwrap_err()
    }

    fn line_of(part: &str) -> usize {
        FILE.lines().position(|line| line.contains(part)).unwrap() + 1
    }

    #[test]
    fn c11_a_file_of_tariffs_stands_by_itself() {
        let book = TariffBook::from_toml(FILE).unwrap();
        assert_eq!(book.currency().code, "AUD");
        let prices = book.price_book();
        assert!(prices.holidays.is_sorted() && prices.holidays.len() == 2);
        assert_eq!(prices.tariffs.iter().count(), 2);
        let first = prices
            .tariffs
            .iter()
            .find(|tariff| tariff.name() == "first");
        assert_eq!(first.unwrap().levies().len(), 2);
    }

    #[test]
    fn c11_what_is_wrong_in_a_tariff_is_named_with_key_and_line() {
        for (old, new, key, line) in [
            (
                "percent = \"10\"",
                "percent = \"0\"",
                "tariffs[0].levies[1].percent",
                "percent = \"10\"",
            ),
            (
                "\"standing\", \"green\"]",
                "\"fuel\"]",
                "tariffs[0].levies[1].on",
                "\"green\"]",
            ),
            (
                "name = \"gst\"",
                "name = \"green\"",
                "tariffs[0].levies[1].name",
                "name = \"gst\"",
            ),
            (
                "name = \"gst\"",
                "name = \"standing\"",
                "tariffs[0].levies[1].name",
                "name = \"gst\"",
            ),
            (
                "amount = \"1.1253\"",
                "amount = \"-1\"",
                "tariffs[0].standing[0].amount",
                "amount = ",
            ),
            (
                "2013-01-01T00:00:00+11:00",
                "2013-01-01T00:00:00+10:00",
                "tariffs[1].effective_from",
                "2013-01-01T",
            ),
            (
                "decimals = 2, mode",
                "decimals = 15, mode",
                "tariffs[0].levies[1].rounding",
                "rounding",
            ),
            (
                "14:00-20:00",
                "14:00-25:00",
                "tariffs[0].time_of_use",
                "[tariffs.time_of_use]",
            ),
            ("name = \"second\"", "name = \"first\"", "tariffs[1]", ""),
        ] {
            let refusal = edited(old, new);
            assert_eq!(refusal.key, key, "{refusal}");
            if !line.is_empty() {
                assert_eq!(refusal.line, line_of(line), "{refusal}");
            }
        }
        let refusal = edited("kind = \"tax\"", "kind = \"duty\"");
        assert_eq!(
            (refusal.key.as_str(), refusal.line),
            ("tariffs[0].levies[1].kind", line_of("kind = \"tax\""))
        );
        let refusal = edited(
            "[tariffs.blocks]\nper = \"quarter\"\nsteps",
            "[tariffs.flat]\nprice",
        );
        assert_eq!(refusal.key, "tariffs[1].flat.price");
    }
}
