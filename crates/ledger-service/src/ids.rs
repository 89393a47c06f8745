//! Event ids: derived, never random, so that the same fact has the same id when it is sent again.
//!
//! Each is a UUID v5 over what caused the event and its place in it. The texts below are frozen.

use ledger_core::command::Reading;
use ledger_core::ids::{AccountId, CommandKey};
use ledger_core::time::Timestamp;
use uuid::Uuid;

/// Namespace of all event ids of the ledger.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d1f_0c52_4b1e_5d0a_9c37_2f6e_8a41_b7d9);

/// What the events of one decision are named after.
pub(crate) struct Ids(String);

impl Ids {
    /// Events of a keyed command.
    pub(crate) fn of_key(key: &CommandKey) -> Self {
        Self(format!("key|{}|{}", key.channel, key.reference))
    }

    /// Events of a reading: meter, register, read time, value.
    pub(crate) fn of_reading(reading: &Reading) -> Self {
        let register = reading
            .register
            .as_ref()
            .map_or("", |register| register.as_str());
        let Reading {
            meter,
            read_at,
            value,
            ..
        } = reading;
        Self(format!(
            "reading|{meter}|{register}|{}|{}",
            read_at.as_millis(),
            value.micro()
        ))
    }

    /// Events of a command without a key.
    pub(crate) fn of_bare(account: &AccountId, what: &str, at: Timestamp) -> Self {
        Self(format!("bare|{account}|{what}|{}", at.as_millis()))
    }

    /// Events of a delivery's record.
    pub(crate) fn of_delivery(gateway: &str, first: u64, last: u64) -> Self {
        Self(format!("delivery|{gateway}|{first}|{last}"))
    }

    /// The id of the event in this place.
    pub(crate) fn nth(&self, place: usize) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("{}|{place}", self.0).as_bytes())
    }

    /// The id of an event in another stream than the deciding one.
    pub(crate) fn beside(&self, stream: &str) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("{}|beside|{stream}", self.0).as_bytes())
    }
}

/// The id of what an account's own deadline did: account, due time, kind, place among those of that
/// instant. Whatever command came first after it, the id is the same.
pub(crate) fn of_deadline(account: &AccountId, due: Timestamp, kind: &str, place: usize) -> Uuid {
    let name = format!("deadline|{account}|{}|{kind}|{place}", due.as_millis());
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::ids::{ChannelId, MeterNumber, Reference};
    use ledger_core::num::Quantity;

    #[test]
    fn ids_are_frozen_and_differ_by_place() {
        let key = CommandKey {
            channel: ChannelId::parse("incomm").unwrap(),
            reference: Reference::parse("T-1").unwrap(),
        };
        let ids = Ids::of_key(&key);
        assert_eq!(
            ids.nth(0).to_string(),
            "dee5e84f-bac4-5449-be21-2f9db96ecc7d"
        );
        assert_ne!(ids.nth(0), ids.nth(1));
        assert_ne!(ids.nth(0), ids.beside("meter-E1"));
    }

    #[test]
    fn a_reading_is_named_by_its_content() {
        let reading = |value: &str| Reading {
            meter: MeterNumber::parse("E1").unwrap(),
            register: None,
            read_at: Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
            value: Quantity::parse(value).unwrap(),
        };
        assert_eq!(
            Ids::of_reading(&reading("2.0")).nth(0),
            Ids::of_reading(&reading("2")).nth(0)
        );
        assert_ne!(
            Ids::of_reading(&reading("2")).nth(0),
            Ids::of_reading(&reading("2.1")).nth(0)
        );
    }
}
