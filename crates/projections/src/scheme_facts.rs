//! What a query must be told of a scheme: deadlines depend on its policy, rows do not.

use ledger_core::scheme::{Calendar, QuietPolicy, SchemePolicy};
use ledger_core::time::{Millis, Timestamp, Zone};
use ledger_core::utility::Utility;

/// A transfer of credit between an account's wallets (U7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Wallet that pays.
    pub from: Utility,
    /// Wallet that is below zero.
    pub to: Utility,
    /// How long it must have been below zero; zero or more.
    pub after: Millis,
    /// Time between turns from the first on; above zero.
    pub every: Millis,
}

/// When no supply is cut by itself (C15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// Hours and days.
    pub policy: QuietPolicy,
    /// Public holidays.
    pub calendar: Calendar,
    /// The scheme's zone.
    pub zone: Zone,
}

/// What deadlines need to know of a scheme's policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemeFacts {
    /// The transfer between wallets, where the scheme has one.
    pub transfer: Option<Transfer>,
    /// Utilities whose supply is cut when credit is used up (U8).
    pub cut_at_zero: Vec<Utility>,
    /// Utilities whose first top-up must come within a period (U2).
    pub first_top_up: Vec<Utility>,
    /// How often an unconfirmed order is sent again (C20).
    pub order_repeats_max: u32,
    /// Its quiet time, where it has one.
    pub quiet: Option<Quiet>,
    /// The zone by which months are closed, where they are (E17).
    pub closes_in: Option<Zone>,
}

impl SchemeFacts {
    /// The facts of a policy.
    #[must_use]
    pub fn of(policy: &SchemePolicy) -> Self {
        let transfer = policy.transfer().map(|t| Transfer {
            from: t.from,
            to: t.to,
            after: t.after,
            every: t.every,
        });
        let cut = |utility: &Utility| {
            policy
                .utility(*utility)
                .is_some_and(|u| u.disconnect_at_zero)
        };
        let first = |utility: &Utility| {
            policy
                .utility(*utility)
                .is_some_and(|u| u.first_top_up_within.is_some())
        };
        Self {
            transfer,
            first_top_up: Utility::ALL.into_iter().filter(first).collect(),
            cut_at_zero: Utility::ALL.into_iter().filter(cut).collect(),
            order_repeats_max: policy.orders().repeats_max,
            quiet: policy.quiet().map(|quiet| Quiet {
                policy: quiet.clone(),
                calendar: policy.calendar().clone(),
                zone: policy.zone().clone(),
            }),
            closes_in: policy
                .billing()
                .and_then(|billing| billing.status.as_ref())
                .map(|_| policy.zone().clone()),
        }
    }

    /// Whether no supply is cut by itself at an instant.
    #[must_use]
    pub fn is_quiet(&self, at: Timestamp) -> bool {
        let end = |quiet: &Quiet| quiet.policy.end_of(at, &quiet.zone, &quiet.calendar);
        self.quiet.as_ref().and_then(end).is_some()
    }
}
