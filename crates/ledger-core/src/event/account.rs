//! Payloads of the facts in an account's stream.
//!
//! Shared short keys: `u` utility, `m` meter number, `r` register (absent: the meter's own), `t` time
//! of reading or act (UTC), `v` register value, `q` quantity (kWh or m³), `a` amount of money,
//! `d` local date, `b` billing month.

use serde::{Deserialize, Serialize};

use crate::ids::{
    AccountId, ChannelId, MeterNumber, OpaqueRef, ReceiptNumber, Reference, RegisterId,
};
use crate::num::{Money, Price, Quantity};
use crate::scheme::UtilityPolicy;
use crate::tariff::LineKind;
use crate::time::{LocalDate, Month, Timestamp};
use crate::utility::Utility;

/// `account-opened.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountOpened {
    /// The account.
    pub account: AccountId,
    /// Scheme by name.
    pub scheme: String,
    /// Customer class by which tariffs are chosen, such as `residential` or `commercial`.
    pub class: String,
    /// Dwelling units behind the water meter, at least 1.
    pub dwelling_units: u32,
    /// Contracted electrical capacity in kVA, where there is a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contracted_kva: Option<u32>,
    /// Opaque reference of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<OpaqueRef>,
}

/// What a meter's register looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterSpec {
    /// The register that is charged.
    #[serde(rename = "r")]
    pub register: RegisterId,
    /// Whole digits; the register returns to zero after 10^digits − its last step.
    pub digits: u8,
    /// Minutes between readings.
    pub interval_min: u32,
}

impl RegisterSpec {
    /// What the scheme says of a utility's registers, where the installation does not.
    #[must_use]
    pub fn default_of(policy: &UtilityPolicy) -> Self {
        Self {
            register: policy.register.name.clone(),
            digits: policy.register.digits,
            interval_min: policy.reading_interval_min,
        }
    }
}

/// `meter-installed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterInstalled {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// Its register.
    pub reg: RegisterSpec,
    /// When it was installed.
    pub t: Timestamp,
    /// First register value.
    pub v: Quantity,
    /// Billing month of `t`.
    pub b: Month,
}

/// `meter-activated.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterActivated {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// End of the period in which the first top-up must come (U2).
    pub until: Timestamp,
}

/// `meter-removed.v1`: the final reading's charge is an event of its own before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterRemoved {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// When it was removed.
    pub t: Timestamp,
    /// Final register value.
    pub v: Quantity,
}

/// `meter-exchanged.v1`: the old register is closed, the new one opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterExchanged {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Old meter.
    pub m: MeterNumber,
    /// New meter; the same number when a suspicion is resolved as an exchange.
    pub new: MeterNumber,
    /// The new meter's register.
    pub reg: RegisterSpec,
    /// Instant of the exchange.
    pub t: Timestamp,
    /// Final value of the old register.
    pub v: Quantity,
    /// First value of the new register.
    pub first: Quantity,
    /// Why staff forced an implausible final reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
}

/// A share of a charge that fell on one local day: date, quantity, amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayPart(pub LocalDate, pub Quantity, pub Money);

/// What of a charge is neither energy nor minimum: month, kind of line, its name in the tariff, amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePart(pub Month, pub LineKind, pub String, pub Money);

/// What was missing to a month's minimum charge, with levies and taxes on it: month, amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinimumPart(pub Month, pub Money);

/// `consumption-charged.v1`: the work horse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumptionCharged {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// Time of reading.
    pub t: Timestamp,
    /// Register value as read.
    pub v: Quantity,
    /// Consumption since the base, 0 or more.
    pub q: Quantity,
    /// Whole charge.
    pub a: Money,
    /// Local date, where all of it fell on one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub d: Option<LocalDate>,
    /// Shares by local day, where it fell on several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub p: Vec<DayPart>,
    /// Minimum charges of months that this reading completes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mn: Vec<MinimumPart>,
    /// Set when it closed a gap and the charge is spread (C10).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub g: bool,
    /// What of the charge is standing, passed on, levy or tax, those on minimums too; all else of it is
    /// energy and what was missing to minimums.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub x: Vec<LinePart>,
    /// Billing month in which a postpaid customer owes it: the month of the reading. Absent where the
    /// charge is taken from prepaid credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b: Option<Month>,
}

impl ConsumptionCharged {
    /// Shares by day, also where there is only one.
    pub fn parts(&self) -> impl Iterator<Item = DayPart> + '_ {
        let minimum: Money = self.mn.iter().map(|part| part.1).sum();
        let single = self.d.map(|d| DayPart(d, self.q, self.a - minimum));
        single.into_iter().chain(self.p.iter().cloned())
    }
}

/// `late-reading-kept.v1`, `conflicting-reading-kept.v1`, `reading-quarantined.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingKept {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// Time of reading.
    pub t: Timestamp,
    /// Register value as read.
    pub v: Quantity,
    /// Local date of `t`.
    pub d: LocalDate,
    /// Why it is not charged, in a stable word (`drop`, `flow`, `late`, `conflict`).
    pub why: String,
}

/// `meter-exchange-suspected.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterExchangeSuspected {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// The agreeing readings' times, oldest first.
    pub t: Vec<Timestamp>,
    /// All are rises: either the meter was exchanged or the flow limit is too low.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limit: bool,
}

/// `suspicion-withdrawn.v1`, `quarantine-discarded.v1`, `gap-settled.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspicionEnded {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
}

/// Where a payment came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// Channel that took the money.
    pub ch: ChannelId,
    /// Its reference.
    pub rf: Reference,
    /// Local date on which it was taken: the day of settlement.
    pub d: LocalDate,
    /// Set when it was allocated from suspense.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sus: bool,
}

/// `credit-topped-up.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditToppedUp {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter named by the payer.
    pub m: MeterNumber,
    /// Amount paid.
    pub a: Money,
    /// Receipt.
    pub rc: ReceiptNumber,
    /// Who took it.
    pub pay: Payment,
    /// Taken of it for the arrears (P4).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub arr: Money,
    /// Taken of it to repay what was used of the emergency credit (P5).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub rep: Money,
    /// Emergency credit that was not used and is withdrawn from the wallet (P5).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub wd: Money,
    /// Its value has still to reach the meter, by key or by network (P7).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub del: bool,
}

impl CreditToppedUp {
    /// What the wallet's credit changes by.
    #[must_use]
    pub fn net(&self) -> Money {
        self.a - self.arr - self.rep - self.wd
    }
}

/// `top-up-voided.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopUpVoided {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount taken back.
    pub a: Money,
    /// Receipt of the top-up that is undone.
    pub rc: ReceiptNumber,
    /// Channel, reference and day of the void; its settlement line is negative.
    pub pay: Payment,
    /// The voided top-up had been the wallet's first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    /// Given back to the arrears (P4).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub arr: Money,
    /// Used emergency credit that is lent again (P5).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub rep: Money,
    /// Unused emergency credit that is lent again (P5).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub wd: Money,
}

impl TopUpVoided {
    /// What the wallet's credit falls by.
    #[must_use]
    pub fn net(&self) -> Money {
        self.a - self.arr - self.rep - self.wd
    }
}

/// `legacy-credit-entered.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyCreditEntered {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount credited.
    pub a: Money,
    /// Old account or document it comes from.
    pub from: OpaqueRef,
    /// The rate a unit at which it became money, where the officer stated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Price>,
}

/// `credit-transferred.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditTransferred {
    /// Wallet that paid.
    #[serde(with = "crate::utility::short")]
    pub from: Utility,
    /// Wallet that was below zero.
    #[serde(with = "crate::utility::short")]
    pub to: Utility,
    /// Amount.
    pub a: Money,
}

/// `credit-moved-in.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditMovedIn {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount.
    pub a: Money,
    /// Closed account it came from.
    pub from: AccountId,
}

/// `low-credit-noticed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowCreditNoticed {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Credit at that moment.
    pub a: Money,
}

/// `debt-agreed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebtAgreed {
    /// Utility whose department is owed.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Principal.
    pub a: Money,
    /// Fixed monthly instalment.
    pub inst: Money,
    /// First month in which an instalment is due.
    pub start: Month,
}

/// `debt-paid.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebtPaid {
    /// Utility whose department is owed.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount paid.
    pub a: Money,
    /// Month in which it counts.
    pub b: Month,
    /// Receipt.
    pub rc: ReceiptNumber,
    /// Who took it.
    pub pay: Payment,
}

/// `debt-rescheduled.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebtRescheduled {
    /// New instalment.
    pub inst: Money,
    /// First month of the new plan.
    pub start: Month,
    /// Month in which it was decided.
    pub b: Month,
}

/// Why supply is as it is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupplyReason {
    /// No top-up within the first period (U2).
    NoFirstTopUp,
    /// Credit used up (U8).
    NoCredit,
    /// The first top-up came (U2).
    FirstTopUp,
    /// Credit is above zero again (U8).
    CreditRestored,
    /// Staff ordered it.
    Staff,
    /// What is owed was not paid in time (E5, K4).
    DuesUnpaid,
    /// What was owed is paid (K8), or the payment came before the cut (K4).
    DuesPaid,
    /// The consumer asked for it (E9, E11).
    OnRequest,
}

/// `supply-disconnection-ordered.v1`, `supply-reconnection-ordered.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplyOrdered {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// Number of the order, counted per utility of the account, from 1.
    pub n: u32,
    /// When the order lapses unless confirmed.
    pub until: Timestamp,
    /// Why.
    pub why: SupplyReason,
}

/// `meter-order-repeated.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterOrderRepeated {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// New number of the order.
    pub n: u32,
    /// When this one lapses.
    pub until: Timestamp,
    /// Supply on (`true`) or off.
    pub on: bool,
}

/// `meter-order-confirmed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterOrderConfirmed {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// Which order.
    pub n: u32,
    /// When the meter acted.
    pub t: Timestamp,
}

/// Credit that a closing settled, per wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedWallet {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Balance before closing.
    pub a: Money,
    /// Taken for the debt.
    pub debt: Money,
    /// Given to (negative) or taken from (positive) the account's other wallet.
    pub other: Money,
    /// Below the currency's smallest unit; goes to `rounding`.
    pub rest: Money,
    /// Paid out or moved.
    pub out: Money,
    /// Taken for the arrears (P4).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub arr: Money,
    /// Emergency credit repaid or withdrawn (P5).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub em: Money,
}

/// Where the credit of a closed account goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClosedTo {
    /// Paid out by a channel on a local day.
    PaidOut(Payment),
    /// Moved to another account of the scheme.
    Moved(AccountId),
}

/// `account-closed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountClosed {
    /// Settlement of each wallet.
    pub w: Vec<ClosedWallet>,
    /// Local month of the closing.
    pub b: Month,
    /// Where what was left went.
    pub to: ClosedTo,
}
