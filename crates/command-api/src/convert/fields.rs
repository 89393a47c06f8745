//! Reading the fields of a message, collecting everything that is wrong instead of the first thing only.

use ledger_core::ids::{
    AccountId, BadName, ChannelId, CommandKey, MeterNumber, OpaqueRef, Reference, RegisterId,
};
use ledger_core::num::{DecimalError, Money, Quantity};
use ledger_core::time::{LocalDate, Month, TimeError, Timestamp};
use ledger_core::utility::Utility;

use crate::errors::{Malformed, No, Violation};
use crate::pb;

/// Longest free text taken, such as a reason: a sentence or two.
pub(super) const TEXT_BYTES_MAX: usize = 200;
/// Longest meter number looked at as text. The scheme says what a good one is; this only bounds what is
/// carried about.
const METER_TEXT_BYTES_MAX: usize = 64;

/// Collects what is wrong with a message. Each method reads one field and gives `None` when it is wrong.
#[derive(Debug, Default)]
pub struct Fields {
    wrong: Vec<Violation>,
}

impl Fields {
    /// Nothing wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what is wrong with a field.
    pub fn note(&mut self, field: &str, code: Malformed, text: impl Into<String>) {
        self.wrong.push(Violation {
            field: field.to_owned(),
            code,
            text: text.into(),
        });
    }

    /// The message, when every part of it could be read.
    ///
    /// # Errors
    /// With everything that was noted.
    pub fn finish<T>(self, message: Option<T>) -> Result<T, No> {
        match message {
            Some(message) if self.wrong.is_empty() => Ok(message),
            Some(_) => Err(No::Malformed(self.wrong)),
            None if self.wrong.is_empty() => {
                Err(No::Bug("a field was refused without saying why".to_owned()))
            }
            None => Err(No::Malformed(self.wrong)),
        }
    }

    /// Whether a field is given; it is noted when it is not.
    pub fn given(&mut self, field: &str, text: &str) -> bool {
        if text.is_empty() {
            self.note(field, Malformed::FieldMissing, "it must be given");
        }
        !text.is_empty()
    }

    fn keep<T, E: std::fmt::Display>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|e| self.note(field, Malformed::FieldMalformed, e.to_string()))
            .ok()
    }

    pub(super) fn name<T>(
        &mut self,
        field: &str,
        text: &str,
        parse: fn(&str) -> Result<T, BadName>,
    ) -> Option<T> {
        if !self.given(field, text) {
            return None;
        }
        self.keep(field, parse(text))
    }

    /// The sender's key.
    pub fn key(&mut self, channel: &ChannelId, reference: &str) -> Option<CommandKey> {
        let reference = self.reference("reference", reference)?;
        Some(CommandKey {
            channel: channel.clone(),
            reference,
        })
    }

    /// A reference.
    pub fn reference(&mut self, field: &str, text: &str) -> Option<Reference> {
        self.name(field, text, Reference::parse)
    }

    /// An account id.
    pub fn account(&mut self, field: &str, text: &str) -> Option<AccountId> {
        self.name(field, text, AccountId::parse)
    }

    /// A channel.
    pub fn channel(&mut self, field: &str, text: &str) -> Option<ChannelId> {
        self.name(field, text, ChannelId::parse)
    }

    /// A document or a customer's record.
    pub fn opaque(&mut self, field: &str, text: &str) -> Option<OpaqueRef> {
        self.name(field, text, OpaqueRef::parse)
    }

    /// A meter number that must be well formed.
    pub fn meter(&mut self, field: &str, text: &str) -> Option<MeterNumber> {
        self.name(field, text, MeterNumber::parse)
    }

    /// A register.
    pub fn register(&mut self, field: &str, text: &str) -> Option<RegisterId> {
        self.name(field, text, RegisterId::parse)
    }

    /// A meter number as a payer typed it: judged by the scheme, whose refusal says what a good one is.
    pub fn meter_text(&mut self, field: &str, text: &str) -> Option<String> {
        if !self.given(field, text) {
            return None;
        }
        if text.len() > METER_TEXT_BYTES_MAX {
            let why = format!("it is longer than {METER_TEXT_BYTES_MAX} bytes");
            self.note(field, Malformed::FieldOutOfRange, why);
            return None;
        }
        Some(text.to_owned())
    }

    /// A free text of 1 to 200 bytes; empty means none.
    pub fn text(&mut self, field: &str, text: &str) -> Option<String> {
        if text.len() > TEXT_BYTES_MAX {
            let why = format!("it is longer than {TEXT_BYTES_MAX} bytes");
            self.note(field, Malformed::FieldOutOfRange, why);
            return None;
        }
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A free text that must be given.
    pub fn text_given(&mut self, field: &str, text: &str) -> Option<String> {
        if self.given(field, text) {
            self.text(field, text)
        } else {
            None
        }
    }

    /// An amount, of any sign.
    pub fn money_signed(&mut self, field: &str, text: &str) -> Option<Money> {
        if !self.given(field, text) {
            return None;
        }
        Money::parse(text).map_err(|e| self.number(field, e)).ok()
    }

    /// An amount of zero or more.
    pub fn money_or_zero(&mut self, field: &str, text: &str) -> Option<Money> {
        let amount = self.money_signed(field, text)?;
        if amount.is_negative() {
            self.note(field, Malformed::FieldOutOfRange, "it must be zero or more");
            return None;
        }
        Some(amount)
    }

    /// An amount above zero.
    pub fn money(&mut self, field: &str, text: &str) -> Option<Money> {
        let amount = self.money_signed(field, text)?;
        if !amount.is_positive() {
            self.note(field, Malformed::FieldOutOfRange, "it must be above zero");
            return None;
        }
        Some(amount)
    }

    /// A register value, 0 or more.
    pub fn quantity(&mut self, field: &str, text: &str) -> Option<Quantity> {
        if !self.given(field, text) {
            return None;
        }
        let value = Quantity::parse(text)
            .map_err(|e| self.number(field, e))
            .ok()?;
        if value.is_negative() {
            self.note(field, Malformed::FieldOutOfRange, "it must be zero or more");
            return None;
        }
        Some(value)
    }

    fn number(&mut self, field: &str, error: DecimalError) {
        let code = match error {
            DecimalError::Blank { .. } => Malformed::FieldMissing,
            DecimalError::Malformed { .. } => Malformed::FieldMalformed,
            DecimalError::TooFine { .. } | DecimalError::OutOfRange { .. } => {
                Malformed::FieldOutOfRange
            }
        };
        self.note(field, code, error.to_string());
    }

    /// A utility that must be stated.
    pub fn utility(&mut self, field: &str, number: i32) -> Option<Utility> {
        match pb::Utility::try_from(number) {
            Ok(pb::Utility::Electricity) => Some(Utility::Electricity),
            Ok(pb::Utility::Water) => Some(Utility::Water),
            Ok(pb::Utility::Unspecified) => {
                self.note(field, Malformed::FieldMissing, "it must be given");
                None
            }
            Err(_) => {
                self.note(
                    field,
                    Malformed::FieldOutOfRange,
                    format!("there is no utility {number}"),
                );
                None
            }
        }
    }

    /// An instant.
    pub fn instant(
        &mut self,
        field: &str,
        stamp: Option<prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let Some(stamp) = stamp else {
            self.note(field, Malformed::FieldMissing, "it must be given");
            return None;
        };
        if stamp.nanos % 1_000_000 != 0 {
            self.note(
                field,
                Malformed::FieldMalformed,
                "it is finer than a millisecond",
            );
            return None;
        }
        let ms = stamp
            .seconds
            .checked_mul(1_000)
            .and_then(|ms| ms.checked_add(i64::from(stamp.nanos / 1_000_000)));
        let at = ms
            .and_then(Timestamp::checked_from_millis)
            .filter(|_| (0..1_000_000_000).contains(&stamp.nanos));
        if at.is_none() {
            self.note(
                field,
                Malformed::FieldOutOfRange,
                "it lies outside the years 1970 to 9999",
            );
        }
        at
    }

    /// A local date that must be given.
    pub fn date(&mut self, field: &str, text: &str) -> Option<LocalDate> {
        if !self.given(field, text) {
            return None;
        }
        self.time(field, LocalDate::parse(text))
    }

    /// A local date, if given.
    pub fn date_if_given(&mut self, field: &str, text: &str) -> Option<LocalDate> {
        if text.is_empty() {
            None
        } else {
            self.time(field, LocalDate::parse(text))
        }
    }

    /// A month that must be given.
    pub fn month(&mut self, field: &str, text: &str) -> Option<Month> {
        if !self.given(field, text) {
            return None;
        }
        self.time(field, Month::parse(text))
    }

    fn time<T>(&mut self, field: &str, read: Result<T, TimeError>) -> Option<T> {
        self.keep(field, read)
    }

    /// A whole number within a range.
    pub fn within(
        &mut self,
        field: &str,
        number: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        if range.contains(&number) {
            return Some(number);
        }
        let why = format!("it lies between {} and {}", range.start(), range.end());
        self.note(field, Malformed::FieldOutOfRange, why);
        None
    }

    /// A part of the message that must be there.
    pub fn part<T>(&mut self, field: &str, part: Option<T>) -> Option<T> {
        if part.is_none() {
            self.note(field, Malformed::FieldMissing, "it must be given");
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong_of(read: impl FnOnce(&mut Fields)) -> Vec<(String, Malformed)> {
        let mut fields = Fields::new();
        read(&mut fields);
        fields
            .wrong
            .into_iter()
            .map(|v| (v.field, v.code))
            .collect()
    }

    #[test]
    fn every_wrong_field_is_noted() {
        let wrong = wrong_of(|f| {
            f.money("amount", "1e3");
            f.money("fee", "-1");
            f.money("tip", "");
            f.quantity("value", "0.0000001");
            f.utility("utility", 7);
            f.utility("other", 0);
            f.meter("meter", "e 1");
        });
        let wrong: Vec<(&str, Malformed)> = wrong.iter().map(|(f, c)| (f.as_str(), *c)).collect();
        assert_eq!(
            wrong,
            [
                ("amount", Malformed::FieldMalformed),
                ("fee", Malformed::FieldOutOfRange),
                ("tip", Malformed::FieldMissing),
                ("value", Malformed::FieldOutOfRange),
                ("utility", Malformed::FieldOutOfRange),
                ("other", Malformed::FieldMissing),
                ("meter", Malformed::FieldMalformed),
            ]
        );
    }

    #[test]
    fn an_instant_is_whole_milliseconds_within_range() {
        let stamp = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
        let mut fields = Fields::new();
        assert_eq!(
            fields.instant("at", stamp(1, 2_000_000)),
            Timestamp::checked_from_millis(1_002)
        );
        for (seconds, nanos) in [
            (1, 1),
            (-1, 0),
            (i64::MAX, 0),
            (1, -1_000_000),
            (1, 1_000_000_000),
        ] {
            assert_eq!(
                wrong_of(|f| _ = f.instant("at", stamp(seconds, nanos))).len(),
                1,
                "{seconds} {nanos}"
            );
        }
    }
}
