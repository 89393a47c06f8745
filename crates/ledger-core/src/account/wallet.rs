//! A wallet: the prepaid credit of one utility, and the supply that follows it.

use serde::{Deserialize, Serialize};

use crate::event::SupplyReason;
use crate::ids::MeterNumber;
use crate::num::{Money, Quantity};
use crate::tariff::Position;
use crate::time::{Month, Timestamp};
use crate::utility::Utility;

/// Supply as ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Supply {
    /// Flows.
    On,
    /// Cut, and why.
    Off(SupplyReason),
}

/// The newest order to the meter (C20).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Number.
    pub n: u32,
    /// Which meter.
    pub meter: MeterNumber,
    /// On or off.
    pub on: bool,
    /// When it lapses.
    pub until: Timestamp,
    /// How often it was sent.
    pub sent: u32,
}

/// A cut that waits for the end of a quiet time (C15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingCut {
    /// End of the quiet time.
    pub until: Timestamp,
    /// Why supply would be cut, as of when it was put off; decided anew at the end.
    pub why: SupplyReason,
}

/// The wallet of one utility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Utility.
    pub utility: Utility,
    /// Credit; below zero is owed.
    pub balance: Money,
    /// End of the first period, once the meter was activated (U2).
    pub grace_until: Option<Timestamp>,
    /// A first top-up has come for the meter in place (U2).
    pub first_top_up: bool,
    /// Since when it is below zero without a break, or since when turns run (U7).
    pub negative_since: Option<Timestamp>,
    /// Supply as ordered.
    pub supply: Supply,
    /// The newest order while it is unconfirmed.
    pub open_order: Option<OpenOrder>,
    /// Number of the newest order, 0 for none.
    pub orders: u32,
    /// A cut that waits for the end of a quiet time (C15).
    pub cut_waits: Option<WaitingCut>,
    /// Where pricing stands.
    pub position: Option<Position>,
    /// Emergency credit that is lent: a part of the balance (P5).
    pub emergency: Money,
    /// A transfer has been made since `negative_since`: turns go on although the balance is not below zero.
    pub turning: bool,
}

impl Wallet {
    pub(super) fn new(utility: Utility) -> Self {
        Self {
            utility,
            balance: Money::ZERO,
            grace_until: None,
            first_top_up: false,
            negative_since: None,
            supply: Supply::On,
            open_order: None,
            orders: 0,
            cut_waits: None,
            position: None,
            emergency: Money::ZERO,
            turning: false,
        }
    }

    /// Whether staff have cut supply.
    #[must_use]
    pub fn held_by_staff(&self) -> bool {
        self.supply == Supply::Off(SupplyReason::Staff)
    }

    /// Units used so far in `month`.
    #[must_use]
    pub fn units_in(&self, month: Month) -> Quantity {
        self.position
            .as_ref()
            .filter(|p| p.month == month)
            .map_or(Quantity::ZERO, |p| p.units)
    }

    /// Lowers the credit, as consumption and transfers out do.
    pub(super) fn debit(&mut self, amount: Money, at: Timestamp) {
        self.balance -= amount;
        if self.balance.is_negative() && self.negative_since.is_none() {
            self.negative_since = Some(at);
        }
    }

    /// Raises the credit. `ends_turns` is decided by U7: a top-up always, other credit when it reaches zero.
    pub(super) fn credit(&mut self, amount: Money, at: Timestamp, is_top_up: bool) {
        self.balance += amount;
        if is_top_up || !self.balance.is_negative() {
            self.turning = false;
            self.negative_since = self.balance.is_negative().then_some(at);
        }
    }

    /// Raises the credit by a transfer, after which the turns go on (U7).
    pub(super) fn credit_by_turn(&mut self, amount: Money) {
        self.balance += amount;
        self.turning = true;
    }
}
