//! The general ledger of an account, summed from postings alone.

use std::collections::BTreeMap;

use ledger_core::ids::{AccountId, ChannelId};
use ledger_core::num::Money;
use ledger_core::postings::{LedgerAccount, Posting};
use ledger_core::utility::Utility;

/// Sums by account of the chart, debits above zero.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books(BTreeMap<LedgerAccount, Money>);

impl Books {
    pub(crate) fn post(&mut self, posting: Posting) {
        *self.0.entry(posting.account).or_default() += posting.amount;
    }

    pub(crate) fn of(&self, account: &LedgerAccount) -> Money {
        self.0.get(account).copied().unwrap_or_default()
    }

    /// The trial balance.
    pub(crate) fn sum(&self) -> Money {
        self.0.values().sum()
    }

    pub(crate) fn credit(&self, id: &AccountId, utility: Utility) -> Money {
        -self.of(&LedgerAccount::CustomerCredit(id.clone(), utility))
    }

    pub(crate) fn owed(&self, id: &AccountId) -> Money {
        self.of(&LedgerAccount::BillsReceivable(id.clone()))
    }

    /// What each channel has taken and not paid out.
    pub(crate) fn channels(&self) -> BTreeMap<ChannelId, Money> {
        let channel = |(account, sum): (&LedgerAccount, &Money)| match account {
            LedgerAccount::ChannelReceivable(channel) => Some((channel.clone(), *sum)),
            _ => None,
        };
        self.0.iter().filter_map(channel).collect()
    }
}
