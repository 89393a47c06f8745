//! `SchemePolicy`: every value that decisions read, complete and consistent.
//!
//! Owns the policy, its checks across keys, and the schemes that are part of the program. Deliberately
//! absent: defaults. A file says everything, so that it can be read on its own; only keys that came after
//! the first published versions have one, since those stay as they are.

use std::sync::Arc;

use serde::Deserialize;

use super::SchemeError;
use super::billing::BillingPolicy;
use super::calendar::{Calendar, QuietPolicy};
use super::check::{Fault, check, check_tariffs};
use super::file::{self, SchemeFile, UtilitiesFile};
use super::legacy::{LegacyPolicies, LegacyPolicy};
use super::notify::NotificationPolicy;
use super::prepayment::{ArrearsPolicy, DeliveryPolicy, EmergencyPolicy, JoiningPolicy};
use super::swap::SwapPolicy;
use super::utility::UtilityPolicy;
use crate::num::{Factor, Money, Quantity};
use crate::tariff::{PriceBook, Tariff, TariffSet, TariffSetError, tariffs_of};
use crate::time::{LocalDate, Millis, Timestamp, Zone};
use crate::utility::Utility;

/// The schemes that are part of the program, by name.
const BUILTIN: [(&str, &str); 4] = [
    ("ebcm", include_str!("../../../../schemes/ebcm.toml")),
    ("kplc", include_str!("../../../../schemes/kplc.toml")),
    ("payu", include_str!("../../../../schemes/payu.toml")),
    ("usms", include_str!("../../../../schemes/usms.toml")),
];

/// The rules of one utility company, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemePolicy {
    name: String,
    version: u32,
    policy_version: String,
    effective_from: Timestamp,
    currency: Currency,
    zone: Zone,
    void_window: Option<Millis>,
    electricity: Option<UtilityPolicy>,
    water: Option<UtilityPolicy>,
    meter_number: MeterNumberPolicy,
    top_up: Option<TopUpPolicy>,
    billing: Option<BillingPolicy>,
    transfer: Option<TransferPolicy>,
    debt: Option<DebtPolicy>,
    readings: ReadingPolicy,
    orders: OrderPolicy,
    joining: Option<JoiningPolicy>,
    arrears: Option<ArrearsPolicy>,
    emergency: Option<EmergencyPolicy>,
    delivery: Option<DeliveryPolicy>,
    limits: InputLimits,
    calendar: Calendar,
    holiday_dates: Vec<LocalDate>,
    quiet: Option<QuietPolicy>,
    legacy: LegacyPolicies,
    swap: Option<SwapPolicy>,
    notifications: NotificationPolicy,
    tariffs: TariffSet,
    /// The file it was read from.
    text: Arc<str>,
    /// The version before this one, whose tariffs and holidays stand before this one's own.
    earlier: Option<Arc<SchemePolicy>>,
}

/// The scheme's currency.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Currency {
    /// ISO 4217 code, such as `BND`.
    pub code: String,
    /// Decimals of a payment, 0 to 4 (C3).
    pub decimals: u8,
}

/// What a meter number looks like (U4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterNumberPolicy {
    /// The fewest characters.
    pub length_min: usize,
    /// The most characters.
    pub length_max: usize,
    /// Which characters.
    pub alphabet: NumberAlphabet,
}

/// The characters of a meter number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberAlphabet {
    /// 0 to 9.
    Digits,
    /// A to Z and 0 to 9.
    CapitalsAndDigits,
}

/// Amounts of a top-up (U4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopUpPolicy {
    /// The least.
    pub minimum: Money,
    /// The greatest, where there is one.
    pub maximum: Option<Money>,
}

/// Credit taken from one utility for a negative balance of the other (U7).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferPolicy {
    /// Whose credit is taken.
    pub from: Utility,
    /// Whose negative balance is covered.
    pub to: Utility,
    /// How long the balance is negative without a break before the first turn.
    #[serde(rename = "after_hours", deserialize_with = "file::hours")]
    pub after: Millis,
    /// Time from one turn to the next.
    #[serde(rename = "every_hours", deserialize_with = "file::hours")]
    pub every: Millis,
}

/// Debt agreements (U12 to U15).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebtPolicy {
    /// Whether top-ups are refused while an instalment is due (U13).
    pub gate: bool,
}

/// How readings are judged and charged (C8 to C10).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingPolicy {
    /// How far after its receipt a reading may claim to be read (C8).
    #[serde(
        rename = "future_tolerance_minutes",
        deserialize_with = "file::minutes"
    )]
    pub future_tolerance: Millis,
    /// The shortest time over which the flow is taken (C9).
    #[serde(rename = "flow_min_minutes", deserialize_with = "file::minutes")]
    pub flow_min: Millis,
    /// How many intervals apart two readings are a gap (C10).
    #[serde(deserialize_with = "file::factor_from_one")]
    pub gap_factor: Factor,
    /// How many quarantined readings in a row raise a suspected exchange (C9).
    #[serde(deserialize_with = "file::count")]
    pub suspicion_readings: u32,
    /// How many tolerances a drop must exceed to take part in a suspicion (C9).
    #[serde(deserialize_with = "file::count")]
    pub suspicion_drop_factor: u32,
    /// For how long after it was read a late reading corrects what was charged (C19).
    #[serde(
        rename = "correct_days",
        default = "file::correct_days",
        deserialize_with = "file::days_or_zero"
    )]
    pub correct: Millis,
    /// How long a reading that ends a gap waits before it is priced (C19).
    #[serde(
        rename = "gap_settle_hours",
        default = "file::no_time",
        deserialize_with = "file::settle_hours"
    )]
    pub gap_settle: Millis,
}

impl ReadingPolicy {
    /// The time between two readings of a meter beyond which they are a gap (C10).
    #[must_use]
    pub fn gap_beyond(&self, reading_interval: Millis) -> Millis {
        self.gap_factor.of_millis(reading_interval)
    }

    /// The drop beyond which a reading takes part in a suspicion (C9).
    #[must_use]
    pub fn suspicion_beyond(&self, tolerance: Quantity) -> Quantity {
        tolerance
            .checked_scale(i64::from(self.suspicion_drop_factor))
            .unwrap_or(Quantity::MAX)
    }
}

/// Orders to meters (C20).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPolicy {
    /// How long an order may wait for the meter.
    #[serde(rename = "expiry_hours", deserialize_with = "file::hours")]
    pub expiry: Millis,
    /// How often an unconfirmed order is repeated.
    #[serde(deserialize_with = "file::count_or_zero")]
    pub repeats_max: u32,
}

/// Bounds on what a command may say: beyond them it is a mistake of typing or units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputLimits {
    /// The greatest amount of one payment, debt or credit.
    pub amount_max: Money,
    /// The most dwelling units of an account.
    pub dwelling_units_max: u32,
    /// The greatest contracted capacity, in kVA.
    pub contracted_kva_max: u32,
}

impl MeterNumberPolicy {
    /// Whether a text is a meter number of the scheme.
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        let allowed = |byte: u8| match self.alphabet {
            NumberAlphabet::Digits => byte.is_ascii_digit(),
            NumberAlphabet::CapitalsAndDigits => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        };
        (self.length_min..=self.length_max).contains(&text.len()) && text.bytes().all(allowed)
    }

    /// What a good one looks like, for people.
    #[must_use]
    pub fn rule(&self) -> String {
        let characters = match self.alphabet {
            NumberAlphabet::Digits => "digits",
            NumberAlphabet::CapitalsAndDigits => "capital letters and digits",
        };
        format!("{} to {} {characters}", self.length_min, self.length_max)
    }
}

impl SchemePolicy {
    /// Reads a scheme's file.
    ///
    /// # Errors
    /// The first key that is unknown, missing, malformed, out of range or at odds with another, with
    /// its line.
    pub fn from_toml(text: &str) -> Result<Self, SchemeError> {
        let mut file = toml::from_str::<SchemeFile>(text)
            .map_err(|error| SchemeError::from_toml(text, &error))?;
        let at_key = |(key, message): Fault| SchemeError::at_key(text, &key, message);
        let tariffs = tariffs_of(std::mem::take(&mut file.tariffs)).map_err(at_key)?;
        check(&file).map_err(at_key)?;
        check_tariffs(&file, &tariffs).map_err(at_key)?;
        let at_tariff =
            |error: TariffSetError| at_key((format!("tariffs[{}]", error.index), error.message));
        let tariffs = TariffSet::new(tariffs).map_err(at_tariff)?;
        let UtilitiesFile { electricity, water } = file.utilities;
        let calendar = file.calendar.unwrap_or_default();
        Ok(Self {
            policy_version: format!("{}@{}", file.name, file.version),
            name: file.name,
            version: file.version,
            effective_from: file.effective_from,
            currency: file.currency,
            zone: file.zone,
            void_window: file.void_window_hours,
            electricity,
            water,
            meter_number: file.meter_number,
            top_up: file.topup,
            billing: file.billing,
            transfer: file.transfer,
            debt: file.debt,
            readings: file.readings,
            orders: file.orders,
            joining: file.joining,
            arrears: file.arrears,
            emergency: file.emergency,
            delivery: file.delivery,
            limits: file.limits,
            holiday_dates: calendar.holidays.iter().map(|day| day.date).collect(),
            calendar,
            quiet: file.quiet,
            legacy: file.legacy.unwrap_or_default(),
            swap: file.swap,
            notifications: file.notifications.unwrap_or_default(),
            tariffs,
            text: Arc::from(text),
            earlier: None,
        })
    }

    /// This version, in force after another one: from its own first instant on.
    #[must_use]
    pub fn succeeding(self, earlier: Arc<Self>) -> Self {
        let from = self.effective_from;
        let day = self.zone.date_of(from);
        let before = earlier.holiday_dates.iter().filter(|date| **date < day);
        let after = self.holiday_dates.iter().filter(|date| **date >= day);
        Self {
            tariffs: earlier.tariffs.succeeded_by(&self.tariffs, from),
            holiday_dates: before.chain(after).copied().collect(),
            earlier: Some(earlier),
            ..self
        }
    }

    /// The version in force at an instant, of this one and those before it; the first of all holds for
    /// whatever lies before its own first instant too.
    #[must_use]
    pub fn in_force_at(&self, at: Timestamp) -> &Self {
        let mut version = self;
        while let Some(earlier) = version
            .earlier
            .as_deref()
            .filter(|_| at < version.effective_from)
        {
            version = earlier;
        }
        version
    }

    /// Whether both files say the same, whatever came before each.
    #[must_use]
    pub fn same_rules_as(&self, other: &Self) -> bool {
        super::changes(&self.text, &other.text).is_ok_and(|changes| changes.is_empty())
    }

    /// The version before this one.
    #[must_use]
    pub fn earlier(&self) -> Option<&Arc<Self>> {
        self.earlier.as_ref()
    }

    /// A scheme that is part of the program.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn builtin(name: &str) -> Result<Self, SchemeError> {
        match Self::builtin_text(name) {
            Some(text) => Self::from_toml(text),
            None => Err(SchemeError::unknown(name, &BUILTIN.map(|(name, _)| name))),
        }
    }

    /// The file of a scheme that is part of the program.
    #[must_use]
    pub fn builtin_text(name: &str) -> Option<&'static str> {
        BUILTIN
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
    }

    /// The names of the schemes that are part of the program.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// The scheme's name, such as `usms`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of its file, from 1.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Name and version as events carry them: `usms@1` (C12).
    #[must_use]
    pub fn policy_version(&self) -> &str {
        &self.policy_version
    }

    /// The first instant this version holds.
    #[must_use]
    pub const fn effective_from(&self) -> Timestamp {
        self.effective_from
    }

    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> &Currency {
        &self.currency
    }

    /// The zone of local rules (C7).
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// How long after it a top-up may be voided; none, never (C16).
    #[must_use]
    pub const fn void_window(&self) -> Option<Millis> {
        self.void_window
    }

    /// The policy of a utility; none when the scheme does not have it.
    #[must_use]
    pub const fn utility(&self, utility: Utility) -> Option<&UtilityPolicy> {
        match utility {
            Utility::Electricity => self.electricity.as_ref(),
            Utility::Water => self.water.as_ref(),
        }
    }

    /// What a meter number looks like.
    #[must_use]
    pub const fn meter_number(&self) -> &MeterNumberPolicy {
        &self.meter_number
    }

    /// Amounts of a top-up; none when the scheme is postpaid.
    #[must_use]
    pub const fn top_up(&self) -> Option<&TopUpPolicy> {
        self.top_up.as_ref()
    }

    /// Bills; none when the scheme is prepaid.
    #[must_use]
    pub const fn billing(&self) -> Option<&BillingPolicy> {
        self.billing.as_ref()
    }

    /// The utility that is billed: a postpaid scheme has one.
    #[must_use]
    pub const fn billed_utility(&self) -> Utility {
        if self.electricity.is_some() {
            Utility::Electricity
        } else {
            Utility::Water
        }
    }

    /// Credit taken from one utility for the other; none when the scheme does not do that.
    #[must_use]
    pub const fn transfer(&self) -> Option<&TransferPolicy> {
        self.transfer.as_ref()
    }

    /// Debt agreements; none when the scheme does not make any.
    #[must_use]
    pub const fn debt(&self) -> Option<&DebtPolicy> {
        self.debt.as_ref()
    }

    /// How readings are judged.
    #[must_use]
    pub const fn readings(&self) -> &ReadingPolicy {
        &self.readings
    }

    /// Orders to meters.
    #[must_use]
    pub const fn orders(&self) -> &OrderPolicy {
        &self.orders
    }

    /// Who may join; none when an account belongs to the scheme by being opened (P1).
    #[must_use]
    pub const fn joining(&self) -> Option<&JoiningPolicy> {
        self.joining.as_ref()
    }

    /// What of a top-up goes to arrears; none when nothing does (P4).
    #[must_use]
    pub const fn arrears(&self) -> Option<&ArrearsPolicy> {
        self.arrears.as_ref()
    }

    /// Emergency credit; none when there is none (P5).
    #[must_use]
    pub const fn emergency(&self) -> Option<&EmergencyPolicy> {
        self.emergency.as_ref()
    }

    /// How credit reaches meters; none when the meter holds no credit of its own (P7).
    #[must_use]
    pub const fn delivery(&self) -> Option<&DeliveryPolicy> {
        self.delivery.as_ref()
    }

    /// Bounds on commands.
    #[must_use]
    pub const fn limits(&self) -> &InputLimits {
        &self.limits
    }

    /// Working days and public holidays; without any, every day is a working day.
    #[must_use]
    pub const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// When no supply is cut by itself; none when the scheme has no such time (C15).
    #[must_use]
    pub const fn quiet(&self) -> Option<&QuietPolicy> {
        self.quiet.as_ref()
    }

    /// The end of the quiet time that an instant lies in; none when supply may be cut then (C15).
    #[must_use]
    pub fn quiet_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.quiet
            .as_ref()
            .and_then(|quiet| quiet.end_of(at, &self.zone, &self.calendar))
    }

    /// Credit of a utility's older system; none when the scheme takes over none (U10, U11).
    #[must_use]
    pub const fn legacy(&self, utility: Utility) -> Option<&LegacyPolicy> {
        self.legacy.of(utility)
    }

    /// Swaps by work order; none when the scheme has none (U16).
    #[must_use]
    pub const fn swap(&self) -> Option<&SwapPolicy> {
        self.swap.as_ref()
    }

    /// By what customers are told (U4, C18).
    #[must_use]
    pub const fn notifications(&self) -> &NotificationPolicy {
        &self.notifications
    }

    /// All tariffs.
    #[must_use]
    pub const fn tariffs(&self) -> &TariffSet {
        &self.tariffs
    }

    /// The tariff of a utility and class at an instant; none before the first.
    #[must_use]
    #[inline]
    pub fn tariff_for(&self, utility: Utility, class: &str, at: Timestamp) -> Option<&Tariff> {
        self.tariffs.at(utility, class, at)
    }

    /// What prices depend on: zone, tariffs, holidays.
    #[must_use]
    pub fn price_book(&self) -> PriceBook<'_> {
        PriceBook {
            zone: &self.zone,
            tariffs: &self.tariffs,
            holidays: &self.holiday_dates,
        }
    }

    /// Whether any utility has a tariff for this class of customers.
    #[must_use]
    pub fn has_class(&self, class: &str) -> bool {
        self.tariffs.iter().any(|tariff| tariff.class() == class)
    }
}
