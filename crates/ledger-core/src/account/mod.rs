//! One account: what decisions need to know of it, and the doors to it.
//!
//! * `decide` – which facts follow from a command ([`decide()`]), split by noun: `readings`, `payments`,
//!   `meters`, `debts`, `supply`, `closing`, `deadlines`, `correct` on the `course` of readings, `settle`;
//!   for postpaid accounts `bills`, `close`, `consumer`, `queries`, on what `billing` folds; `quote` shows a
//!   bill before it is paid.
//! * `evolve` – what a fact changes ([`Account::evolve`]); it never refuses history.
//! * `draft` – the working copy of one decision.
//!
//! The account folds only what decisions need: tariffs, debt arithmetic and postings are modules of
//! their own, and everything that only reports is a read model.

mod arrears;
mod billing;
mod bills;
mod close;
mod closing;
mod consumer;
mod correct;
mod course;
mod deadlines;
mod debts;
mod decide;
mod delivery;
mod draft;
mod emergency;
mod evolve;
mod joining;
mod judge;
mod legacy;
mod meter;
mod meters;
mod numbers;
mod payments;
mod pricing;
mod queries;
mod quiet;
mod quote;
mod readings;
mod responsible;
mod settle;
mod supply;
mod wallet;

pub use arrears::Arrears;
pub use billing::{Billing, Estimate, OpenBill, OpenQuery};
pub use course::{Course, PastFact, Recall, reaches_back, recall};
pub use decide::{Decided, Emitted, decide};
pub use delivery::Undelivered;
pub use joining::{Joined, initial_credit_stream};
pub use judge::{Judgement, Limits, judge};
pub use legacy::{LegacyCredit, LegacyStage};
pub use meter::{Base, Kept, KeptClass, MeterState, RECENT_READINGS_MAX};
pub use quote::{BillLine, BillPart, BillQuote, quote_bill};
pub use responsible::Responsible;
pub use wallet::{OpenOrder, Supply, WaitingCut, Wallet};

use serde::{Deserialize, Serialize};

use crate::debt::DebtPlan;
use crate::ids::{AccountId, ApplicationId, MeterNumber};
use crate::scheme::SchemePolicy;
use crate::time::Timestamp;
use crate::utility::Utility;

/// Changes with every change of the folded form, so that older snapshots are not used.
const STATE_VERSION: &str = "account-state-5";

/// Where an account stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifecycle {
    /// No event yet.
    Unborn,
    /// Open.
    Open,
    /// Closed for ever.
    Closed,
}

/// What tariffs depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Customer class.
    pub class: String,
    /// Dwelling units.
    pub dwelling_units: u32,
    /// Contracted kVA.
    pub contracted_kva: Option<u32>,
}

/// The folded state of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reserved: Option<ApplicationId>,
    lifecycle: Lifecycle,
    scheme: String,
    profile: Profile,
    wallets: Vec<Wallet>,
    meters: Vec<MeterState>,
    debt: Option<DebtPlan>,
    legacy: Vec<LegacyCredit>,
    responsible: Option<Responsible>,
    billing: Option<Box<Billing>>,
    receipts: u32,
    voided: Vec<String>,
    moved_in: Vec<AccountId>,
    joined: Option<Joined>,
    arrears: Option<Arrears>,
    undelivered: Vec<Undelivered>,
    newest_at: Timestamp,
    deadlines_done: Option<Timestamp>,
}

impl Account {
    /// An account without events.
    #[must_use]
    pub fn new(id: AccountId) -> Self {
        Self {
            id,
            number: None,
            reserved: None,
            lifecycle: Lifecycle::Unborn,
            scheme: String::new(),
            profile: Profile {
                class: String::new(),
                dwelling_units: 1,
                contracted_kva: None,
            },
            wallets: Vec::new(),
            meters: Vec::new(),
            debt: None,
            legacy: Vec::new(),
            responsible: None,
            billing: None,
            receipts: 0,
            voided: Vec::new(),
            moved_in: Vec::new(),
            joined: None,
            arrears: None,
            undelivered: Vec::new(),
            newest_at: Timestamp::MIN,
            deadlines_done: None,
        }
    }

    /// Names the folded form: snapshots of another form are not used.
    #[must_use]
    pub fn state_version() -> &'static str {
        STATE_VERSION
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// Where it stands in its life.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.lifecycle
    }

    /// Scheme by name, empty before it is opened.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Class and scales of its tariffs.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Its wallets, one a utility it ever had.
    #[must_use]
    pub fn wallets(&self) -> &[Wallet] {
        &self.wallets
    }

    /// The wallet of a utility.
    #[must_use]
    pub fn wallet(&self, utility: Utility) -> Option<&Wallet> {
        self.wallets.iter().find(|w| w.utility == utility)
    }

    fn wallet_mut(&mut self, utility: Utility) -> &mut Wallet {
        let found = self.wallets.iter().position(|w| w.utility == utility);
        let at = found.unwrap_or_else(|| {
            self.wallets.push(Wallet::new(utility));
            self.wallets.len() - 1
        });
        let wallet = self.wallets.get_mut(at);
        assert!(
            wallet.is_some(),
            "a wallet stands where it was found or pushed"
        );
        #[expect(clippy::unwrap_used, reason = "asserted above")]
        wallet.unwrap()
    }

    /// All meters it ever had, oldest first.
    #[must_use]
    pub fn meters(&self) -> &[MeterState] {
        &self.meters
    }

    /// The meter in place for a utility.
    #[must_use]
    pub fn meter_of(&self, utility: Utility) -> Option<&MeterState> {
        self.meters
            .iter()
            .rev()
            .find(|m| m.utility == utility && m.removed_at.is_none())
    }

    /// The meter in place with this number.
    #[must_use]
    pub fn meter_in_place(&self, number: &MeterNumber) -> Option<&MeterState> {
        self.meters
            .iter()
            .rev()
            .find(|m| m.number == *number && m.removed_at.is_none())
    }

    fn meter_in_place_mut(&mut self, number: &MeterNumber) -> Option<&mut MeterState> {
        self.meters
            .iter_mut()
            .rev()
            .find(|m| m.number == *number && m.removed_at.is_none())
    }

    /// Its debt agreement, also when cleared.
    #[must_use]
    pub fn debt(&self) -> Option<&DebtPlan> {
        self.debt.as_ref()
    }

    /// Who has joined, in a scheme that people join (P1).
    #[must_use]
    pub fn joined(&self) -> Option<&Joined> {
        self.joined.as_ref()
    }

    /// Its arrears, also when nothing is left of them (P4).
    #[must_use]
    pub fn arrears(&self) -> Option<&Arrears> {
        self.arrears.as_ref()
    }

    /// Values of top-ups that their meters have not taken in, oldest first (P7).
    #[must_use]
    pub fn undelivered(&self) -> &[Undelivered] {
        &self.undelivered
    }

    /// Time of its newest event.
    #[must_use]
    pub fn newest_at(&self) -> Timestamp {
        self.newest_at
    }

    /// The next instant after `after` at which one of its own deadlines is due, if nothing else happens.
    #[must_use]
    pub fn next_due(&self, policy: &SchemePolicy, after: Timestamp) -> Option<Timestamp> {
        deadlines::next(self, policy, after)
    }
}
