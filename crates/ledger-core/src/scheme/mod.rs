//! A scheme: the rules of a utility company as data.
//!
//! No scheme's name stands in an `if`: decisions read the values of a policy, and another company is
//! another file. The file is TOML, every key documented in it with the rule it sets; a key that is
//! unknown, missing or out of range is refused with its name and line, so that a policy that loads is
//! complete and consistent. Reading a file from disk is the caller's.

mod billing;
mod calendar;
mod check;
mod diff;
mod error;
mod faults;
mod file;
mod legacy;
mod notify;
mod policy;
mod prepayment;
mod publish;
mod swap;
mod utility;

pub use billing::{BillMade, BillingPolicy, Overpayment, SelfReadingPolicy, StatusPolicy};
pub use calendar::{Calendar, Holiday, QuietHours, QuietPolicy, TimeOfDay, Weekday};
pub use diff::{SchemeChange, changes};
pub use error::SchemeError;
pub use faults::faults;
pub use legacy::{LegacyBalance, LegacyPolicies, LegacyPolicy, LegacyTerm};
pub use notify::{Medium, NotificationPolicy};
pub use policy::{
    Currency, DebtPolicy, InputLimits, MeterNumberPolicy, NumberAlphabet, OrderPolicy,
    ReadingPolicy, SchemePolicy, TopUpPolicy, TransferPolicy,
};
pub use prepayment::{
    ArrearsPolicy, DeliveryPolicy, EmergencyPolicy, JoiningConditions, JoiningPolicy,
};
pub use publish::{Publication, judge_publication};
pub use swap::SwapPolicy;
pub use utility::{FlowMax, ReconnectAt, RegisterDefaults, UtilityPolicy};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::{Money, Quantity};
    use crate::time::Millis;
    use crate::utility::Utility;

    fn usms() -> SchemePolicy {
        SchemePolicy::builtin("usms").unwrap()
    }

    /// The built-in file with one text replaced.
    fn edited(old: &str, new: &str) -> Result<SchemePolicy, SchemeError> {
        let text = SchemePolicy::builtin_text("usms").unwrap();
        assert_eq!(text.matches(old).count(), 1, "{old:?} is once in the file");
        SchemePolicy::from_toml(&text.replace(old, new))
    }

    fn line_of(part: &str) -> usize {
        let text = SchemePolicy::builtin_text("usms").unwrap();
        text.lines().position(|line| line.contains(part)).unwrap() + 1
    }

    fn quantity(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    #[test]
    fn c12_events_name_the_version_of_the_policy() {
        let policy = usms();
        assert_eq!(policy.policy_version(), "usms@1");
        assert_eq!((policy.name(), policy.version()), ("usms", 1));
        assert!(SchemePolicy::builtin_names().any(|name| name == "usms"));
        let refusal = SchemePolicy::builtin("atlantis").unwrap_err();
        assert!(refusal.to_string().contains("usms"), "{refusal}");
    }

    #[test]
    fn u1_the_scheme_is_bruneis() {
        let policy = usms();
        assert_eq!(
            (policy.currency().code.as_str(), policy.currency().decimals),
            ("BND", 2)
        );
        assert_eq!(policy.zone().name(), "Asia/Brunei");
        assert!(policy.has_class("residential") && policy.has_class("commercial"));
        assert!(!policy.has_class("government"));
    }

    #[test]
    fn u2_the_first_top_up_is_due_within_72_hours_and_brings_supply_back() {
        for (utility, reconnects) in [
            (Utility::Electricity, ReconnectAt::AboveZero),
            (Utility::Water, ReconnectAt::AnyBalance),
        ] {
            let policy = usms().utility(utility).unwrap().clone();
            assert_eq!(policy.first_top_up_within, Some(Millis::hours(72)));
            assert_eq!(policy.first_top_up_reconnects, Some(reconnects));
        }
    }

    #[test]
    fn u4_a_top_up_is_at_least_two_dollars_and_cannot_be_voided() {
        let policy = usms();
        assert_eq!(policy.top_up().unwrap().minimum, Money::from_cents(200));
        assert_eq!(policy.top_up().unwrap().maximum, None);
        assert_eq!(policy.void_window(), None);
        assert!(policy.meter_number().accepts("E10006414"));
        for wrong in [
            "E1",
            "e10006414",
            "E 10006414",
            "E1000641400000000000000000",
        ] {
            assert!(!policy.meter_number().accepts(wrong), "{wrong}");
        }
        assert_eq!(
            policy.meter_number().rule(),
            "4 to 24 capital letters and digits"
        );
    }

    #[test]
    fn u5_to_u8_notices_intervals_transfer_and_supply_are_policy() {
        let policy = usms();
        let electricity = policy.utility(Utility::Electricity).unwrap();
        let water = policy.utility(Utility::Water).unwrap();
        assert_eq!(electricity.low_credit_at, Some(Money::from_cents(500)));
        assert_eq!(water.low_credit_at, Some(Money::from_cents(500)));
        assert_eq!(electricity.reading_interval(), Millis::hours(1));
        assert_eq!(water.reading_interval(), Millis::hours(24));
        assert!(electricity.disconnect_at_zero && !water.disconnect_at_zero);
        let transfer = policy.transfer().unwrap();
        assert_eq!(
            (transfer.from, transfer.to),
            (Utility::Electricity, Utility::Water)
        );
        assert_eq!(
            (transfer.after, transfer.every),
            (Millis::hours(48), Millis::hours(48))
        );
    }

    #[test]
    fn u13_the_debt_gate_is_policy() {
        assert!(usms().debt().unwrap().gate);
    }

    #[test]
    fn c8_to_c10_and_c20_plausibility_gaps_and_orders_are_policy() {
        let policy = usms();
        let electricity = policy.utility(Utility::Electricity).unwrap();
        let water = policy.utility(Utility::Water).unwrap();
        assert_eq!(electricity.tolerance, quantity("0.1"));
        assert_eq!(water.tolerance, quantity("0.01"));
        assert_eq!(electricity.flow_max_per_hour(None), quantity("100"));
        assert_eq!(electricity.flow_max_per_hour(Some(140)), quantity("140"));
        assert_eq!(water.flow_max_per_hour(Some(140)), quantity("5"));
        let readings = policy.readings();
        assert_eq!(readings.future_tolerance, Millis::minutes(5));
        assert_eq!(readings.flow_min, Millis::minutes(5));
        assert_eq!(
            readings.gap_beyond(electricity.reading_interval()),
            Millis::minutes(90)
        );
        assert_eq!(readings.suspicion_beyond(water.tolerance), quantity("0.1"));
        assert_eq!(readings.suspicion_readings, 3);
        assert_eq!(
            (policy.orders().expiry, policy.orders().repeats_max),
            (Millis::hours(24), 3)
        );
    }

    #[test]
    fn a_key_the_program_does_not_know_is_refused_with_its_name_and_line() {
        let refusal = edited("gate = true", "gate = true\ngait = true").unwrap_err();
        assert_eq!(
            (refusal.key.as_str(), refusal.line),
            ("debt.gait", line_of("gate = true") + 1)
        );
        assert!(refusal.message.contains("gait"), "{refusal}");
    }

    #[test]
    fn a_key_that_is_missing_is_refused_where_its_table_begins() {
        let refusal = edited("gate = true\n", "").unwrap_err();
        assert_eq!(
            (refusal.key.as_str(), refusal.line),
            ("debt", line_of("[debt]"))
        );
        assert!(refusal.message.contains("gate"), "{refusal}");
    }

    #[test]
    fn c3_a_value_that_is_too_fine_is_refused_with_its_name_and_line() {
        let refusal = edited("tolerance = \"0.01\"", "tolerance = \"0.0000001\"").unwrap_err();
        assert_eq!(refusal.key, "utilities.water.tolerance");
        assert_eq!(refusal.line, line_of("tolerance = \"0.01\""));
        assert!(refusal.message.contains("6 decimal places"), "{refusal}");
        let refusal = edited(
            "width = \"54.54\", price = \"0.11\" },\n    { price = \"0.44\" },\n]\n\n[[",
            "width = \"54.54\", price = \"0.000000001\" },\n    { price = \"0.44\" },\n]\n\n[[",
        )
        .unwrap_err();
        assert!(refusal.message.contains("8 decimal places"), "{refusal}");
        assert!(refusal.key.starts_with("tariffs[2].blocks"), "{refusal}");
    }

    #[test]
    fn values_that_contradict_each_other_are_refused_with_key_and_line() {
        for (old, new, key) in [
            ("minimum = \"2.00\"", "minimum = \"2.001\"", "topup.minimum"),
            ("minimum = \"2.00\"", "minimum = \"0\"", "topup.minimum"),
            (
                "minimum = \"2.00\"",
                "minimum = \"2.00\"\nmaximum = \"1.00\"",
                "topup.maximum",
            ),
            ("to = \"water\"", "to = \"electricity\"", "transfer.to"),
            (
                "length_min = 4",
                "length_min = 40",
                "meter_number.length_min",
            ),
            (
                "length_max = 24",
                "length_max = 25",
                "meter_number.length_max",
            ),
            ("code = \"BND\"", "code = \"B$\"", "currency.code"),
            (
                "amount_max = \"1000000.00\"",
                "amount_max = \"1.00\"",
                "limits.amount_max",
            ),
            (
                "dwelling_units_max = 10000",
                "dwelling_units_max = 0",
                "limits.dwelling_units_max",
            ),
            (
                "name = \"water-commercial\"",
                "name = \"water-domestic\"",
                "tariffs[3]",
            ),
            (
                "amount = \"2.00\"",
                "amount = \"2.001\"",
                "tariffs[1].minimum",
            ),
        ] {
            let refusal = edited(old, new).unwrap_err();
            assert_eq!(refusal.key, key, "{refusal}");
            assert!(refusal.line > 0, "{refusal}");
        }
    }

    #[test]
    fn plain_numbers_out_of_range_are_refused_where_they_stand() {
        for (old, new, key) in [
            (
                "expiry_hours = 24",
                "expiry_hours = 0",
                "orders.expiry_hours",
            ),
            (
                "expiry_hours = 24",
                "expiry_hours = 87601",
                "orders.expiry_hours",
            ),
            (
                "suspicion_readings = 3",
                "suspicion_readings = 0",
                "readings.suspicion_readings",
            ),
            (
                "gap_factor = \"1.5\"",
                "gap_factor = \"0.9\"",
                "readings.gap_factor",
            ),
            (
                "gap_factor = \"1.5\"",
                "gap_factor = 1.5",
                "readings.gap_factor",
            ),
            ("version = 1", "version = 0", "version"),
            ("zone = \"Asia/Brunei\"", "zone = \"Asia/Atlantis\"", "zone"),
            (
                "{ fixed = \"5\" }",
                "{ fixed = \"0\" }",
                "utilities.water.flow_max_per_hour",
            ),
            (
                "at_zero = \"none\"",
                "at_zero = \"maybe\"",
                "utilities.water.at_zero",
            ),
        ] {
            let refusal = edited(old, new).unwrap_err();
            assert_eq!(refusal.key, key, "{refusal}");
            assert_eq!(refusal.line, line_of(old), "{refusal}");
        }
    }

    #[test]
    fn c10_a_tariff_begins_at_a_local_midnight() {
        let old = "effective_from = \"2000-01-01T00:00:00+08:00\"\n# The sources have";
        let refusal = edited(
            old,
            "effective_from = \"2000-01-01T00:00:00Z\"\n# The sources have",
        )
        .unwrap_err();
        assert_eq!(refusal.key, "tariffs[3].effective_from");
        assert!(refusal.message.contains("Asia/Brunei"), "{refusal}");
    }

    #[test]
    fn c11_a_tariff_says_in_exactly_one_way_how_units_become_money() {
        let refusal = edited(
            "[tariffs.minimum]",
            "[tariffs.flat]\nprice = \"1\"\n[tariffs.minimum]",
        )
        .unwrap_err();
        assert!(
            refusal.message.contains("exactly one of flat, blocks"),
            "{refusal}"
        );
        assert_eq!(refusal.key, "tariffs[1]");
    }

    #[test]
    fn c15_a_calendar_and_quiet_times_that_cannot_be_are_refused_with_key_and_line() {
        let christmas = "{ date = \"2026-12-25\"";
        for (old, new, key) in [
            (
                "not_working = [\"friday\", \"sunday\"]",
                "not_working = [\"friday\", \"sunnyday\"]",
                "calendar.not_working",
            ),
            (
                "not_working = [\"friday\", \"sunday\"]",
                "not_working = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]",
                "calendar.not_working",
            ),
            (christmas, "{ date = \"2026-12-26\"", "calendar.holidays"),
            (
                "# [quiet]\n# hours = [{ from = \"17:00\", until = \"08:00\" }]\n# rest_days = [\"sunday\"]\n# public_holidays = true\n",
                "[quiet]\nhours = [{ from = \"08:00\", until = \"08:00\" }]\nrest_days = []\npublic_holidays = true\n",
                "quiet.hours",
            ),
            (
                "# [quiet]\n# hours = [{ from = \"17:00\", until = \"08:00\" }]\n# rest_days = [\"sunday\"]\n# public_holidays = true\n",
                "[quiet]\nhours = [{ from = \"08:00\", until = \"20:00\" }, { from = \"20:00\", until = \"08:00\" }]\nrest_days = []\npublic_holidays = true\n",
                "quiet",
            ),
        ] {
            let refusal = edited(old, new).unwrap_err();
            assert_eq!(refusal.key, key, "{refusal}");
            assert!(refusal.line > 0, "{refusal}");
        }
    }

    #[test]
    fn c16_a_scheme_may_let_a_channel_void_its_top_ups() {
        let policy = edited("# void_window_hours = 24", "void_window_hours = 24").unwrap();
        assert_eq!(policy.void_window(), Some(Millis::hours(24)));
    }
}
