//! A meter of the account: its register's base, and the readings by which repeats are recognised.

use serde::{Deserialize, Serialize};

use crate::event::RegisterSpec;
use crate::ids::MeterNumber;
use crate::num::Quantity;
use crate::time::Timestamp;
use crate::utility::Utility;

/// Newest accepted readings kept in the state, so that repeats and redeliveries of the last deliveries
/// need no search. Older ones are found in the stream.
pub const RECENT_READINGS_MAX: usize = 8;
/// Readings kept aside per meter before staff must look: a bound on the state of a broken meter.
pub(super) const KEPT_READINGS_MAX: usize = 4096;

/// What the next reading is judged against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Time of the newest accepted reading.
    pub at: Timestamp,
    /// Register value up to which consumption is charged.
    pub value: Quantity,
}

/// An accepted reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// Time of reading.
    pub at: Timestamp,
    /// Value as read.
    pub value: Quantity,
    /// Delivery that brought it.
    pub delivery: u64,
}

/// Why a reading is kept beside the newest ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeptClass {
    /// Older than the newest.
    Late,
    /// Older than the newest, and accepted: it corrected what was charged (C19).
    Corrected,
    /// It ends a gap, and waits to be priced (C19).
    Settling,
    /// A second value for its instant.
    Conflicting,
    /// Implausible.
    Quarantined,
    /// Implausible, and discarded by staff.
    Discarded,
}

/// A reading kept beside the newest ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Time of reading.
    pub at: Timestamp,
    /// Value as read.
    pub value: Quantity,
    /// Why.
    pub class: KeptClass,
    /// Delivery that brought it.
    pub delivery: u64,
}

/// A meter in place or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterState {
    /// Utility.
    pub utility: Utility,
    /// Number.
    pub number: MeterNumber,
    /// Its register.
    pub register: RegisterSpec,
    /// Start of its time here.
    pub installed_at: Timestamp,
    /// End of its time here.
    pub removed_at: Option<Timestamp>,
    /// What the next reading is judged against.
    pub base: Base,
    /// Newest accepted readings, oldest first.
    pub recent: Vec<Recent>,
    /// Readings beside the newest ones: kept and not charged, or late and corrected by.
    pub kept: Vec<Kept>,
    /// A suspected exchange is open (C9).
    pub suspected: bool,
    /// Accepted readings are older than the recent ones.
    pub has_older: bool,
    /// Until when what ends a gap waits (C19).
    pub settles_until: Option<Timestamp>,
}

impl MeterState {
    pub(super) fn installed(
        utility: Utility,
        number: MeterNumber,
        register: RegisterSpec,
        at: Timestamp,
        first_value: Quantity,
    ) -> Self {
        Self {
            utility,
            number,
            register,
            installed_at: at,
            removed_at: None,
            base: Base {
                at,
                value: first_value,
            },
            recent: vec![Recent {
                at,
                value: first_value,
                delivery: 0,
            }],
            kept: Vec::new(),
            suspected: false,
            has_older: false,
            settles_until: None,
        }
    }

    /// Where the register returns to zero.
    #[must_use]
    pub fn top(&self) -> Quantity {
        Quantity::power_of_ten(self.register.digits)
    }

    /// Whether a reading of this time belongs to this meter's time here.
    #[must_use]
    pub fn covers(&self, at: Timestamp) -> bool {
        self.installed_at <= at && self.removed_at.is_none_or(|end| at <= end)
    }

    /// Quarantined readings after the base, in read order.
    pub fn held(&self) -> Vec<Kept> {
        let after = self.base.at;
        let mut held: Vec<Kept> = self
            .kept
            .iter()
            .filter(|k| k.class == KeptClass::Quarantined && k.at > after)
            .copied()
            .collect();
        held.sort_by_key(|k| k.at);
        held
    }

    pub(super) fn accept(&mut self, at: Timestamp, value: Quantity, base: Base, delivery: u64) {
        if self.recent.len() >= RECENT_READINGS_MAX {
            self.recent.remove(0);
            self.has_older = true;
        }
        self.recent.push(Recent {
            at,
            value,
            delivery,
        });
        self.base = base;
    }

    /// Takes out what waited of an instant; the delivery that brought it.
    pub(super) fn take_waiting(&mut self, at: Timestamp) -> Option<u64> {
        let waited = |k: &Kept| k.class == KeptClass::Settling && k.at == at;
        let place = self.kept.iter().position(waited)?;
        Some(self.kept.remove(place).delivery)
    }

    pub(super) fn keep(&mut self, at: Timestamp, value: Quantity, class: KeptClass, delivery: u64) {
        self.kept.push(Kept {
            at,
            value,
            class,
            delivery,
        });
    }

    pub(super) fn discard_held(&mut self) {
        let after = self.base.at;
        for kept in &mut self.kept {
            if kept.class == KeptClass::Quarantined && kept.at > after {
                kept.class = KeptClass::Discarded;
            }
        }
        self.suspected = false;
    }
}
