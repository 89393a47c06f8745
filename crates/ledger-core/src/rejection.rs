//! Every business refusal, one stable code a variant, and the catalogue that is published.
//!
//! A refusal is an answer, not an error: it is remembered under a payment's key (C4). The texts say what
//! was wrong and what to do; the codes never change.

mod billing;
mod desk;
mod entry;

pub use billing::BillingRefusal;
pub use desk::DeskRefusal;
pub use entry::{CashInHand, Entry};

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, MeterNumber, OpaqueRef, ReceiptNumber};
use crate::num::{Money, Quantity};
use crate::time::Timestamp;

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rejection {
    /// No such account.
    #[error("there is no such account")]
    UnknownAccount,
    /// The account id is taken.
    #[error("the account exists already")]
    AccountExists,
    /// The account is closed.
    #[error("the account is closed")]
    AccountClosed,
    /// Nobody holds this meter number.
    #[error("no account holds meter {meter}: check the number with the customer")]
    UnknownMeter {
        /// As named.
        meter: String,
    },
    /// The number breaks the scheme's format.
    #[error("{meter:?} is not a meter number: {rule}")]
    WrongMeterFormat {
        /// As named.
        meter: String,
        /// What a good one looks like.
        rule: String,
    },
    /// The meter was removed.
    #[error("meter {meter} was removed from its account")]
    MeterRemoved {
        /// The number.
        meter: MeterNumber,
    },
    /// Another account holds the number (C5).
    #[error("meter {meter} belongs to account {holder}")]
    MeterTaken {
        /// The number.
        meter: MeterNumber,
        /// Who holds it.
        holder: AccountId,
    },
    /// The account has a meter of this utility already (U1).
    #[error("the account has a meter of this utility already: {meter}")]
    UtilityHasMeter {
        /// The meter in place.
        meter: MeterNumber,
    },
    /// The scheme or class does not offer this utility or tariff.
    #[error("the scheme has no tariff for {what}")]
    NoTariff {
        /// Utility and class.
        what: String,
    },
    /// The scheme does not do this at all.
    #[error("the scheme does not have {what}")]
    NotOffered {
        /// What was asked for.
        what: String,
    },
    /// The meter is active already.
    #[error("meter {meter} is active already")]
    AlreadyActive {
        /// The number.
        meter: MeterNumber,
    },
    /// A value is outside what the command takes.
    #[error("{field}: {reason}")]
    BadInput {
        /// Field of the command.
        field: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// More decimals than the currency has (C3).
    #[error("{amount} has more decimals than the currency's {decimals}")]
    TooFine {
        /// As sent.
        amount: Money,
        /// What the currency has.
        decimals: u8,
    },
    /// Below the least top-up (U4).
    #[error("a top-up is at least {minimum}")]
    TopUpBelowMinimum {
        /// The least amount.
        minimum: Money,
    },
    /// Above the greatest top-up.
    #[error("a top-up is at most {maximum}")]
    TopUpAboveMaximum {
        /// The greatest amount.
        maximum: Money,
    },
    /// The debt gate is shut (U13).
    #[error("{due} of the debt instalment is due; pay it before topping up")]
    InstalmentDue {
        /// What must be paid first.
        due: Money,
    },
    /// No debt to pay.
    #[error("the account has no debt")]
    NoDebt,
    /// More than the debt that is left (U14).
    #[error("only {left} of the debt is left")]
    AboveDebt {
        /// Debt balance.
        left: Money,
    },
    /// A debt agreement is in force (U12).
    #[error("a debt agreement is in force, {left} is left; reschedule it instead")]
    DebtInForce {
        /// Debt balance.
        left: Money,
    },
    /// The instalment is above the principal, or a month is in the past.
    #[error("{field}: {reason}")]
    BadDebtTerms {
        /// Field of the command.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// A reading names a register the meter does not have.
    #[error("meter {meter} has no register {register}")]
    UnknownRegister {
        /// The meter.
        meter: MeterNumber,
        /// As sent.
        register: String,
    },
    /// A reading from the future (C8).
    #[error("read at {read_at}, but received at {received_at}: check the meter's clock")]
    ReadingFromFuture {
        /// As sent.
        read_at: Timestamp,
        /// When it arrived.
        received_at: Timestamp,
    },
    /// A reading from before the meter's installation (C8).
    #[error("read at {read_at}, before the meter was installed at {installed_at}")]
    ReadingBeforeInstallation {
        /// As sent.
        read_at: Timestamp,
        /// Start of the meter's time here.
        installed_at: Timestamp,
    },
    /// A reading from after the meter's removal (C8).
    #[error("read at {read_at}, after the meter was removed at {removed_at}")]
    ReadingAfterRemoval {
        /// As sent.
        read_at: Timestamp,
        /// End of the meter's time here.
        removed_at: Timestamp,
    },
    /// The register cannot show this value (C9).
    #[error("the register shows 0 up to below {top}, not {value}")]
    ValueOffRegister {
        /// As sent.
        value: Quantity,
        /// Where it returns to zero.
        top: Quantity,
    },
    /// Too many readings of one meter are kept aside.
    #[error("{kept} readings of this meter are kept aside already; resolve the meter first")]
    TooManyKeptReadings {
        /// The limit.
        kept: u32,
    },
    /// A final or first reading would be quarantined or in conflict (C9).
    #[error(
        "the reading {value} is implausible after {base}: correct it, or force it with a reason"
    )]
    ImplausibleReading {
        /// As sent.
        value: Quantity,
        /// What it is judged against.
        base: Quantity,
    },
    /// Nothing is quarantined on this meter.
    #[error("nothing of meter {meter} is quarantined")]
    NothingQuarantined {
        /// The meter.
        meter: MeterNumber,
    },
    /// No such top-up of this channel, or voided before.
    #[error("no top-up {reference} of this channel can be voided: {reason}")]
    NotVoidable {
        /// The top-up's reference.
        reference: String,
        /// Why not.
        reason: String,
    },
    /// No such money in suspense.
    #[error("no payment {reference} waits in suspense")]
    NotInSuspense {
        /// As named.
        reference: String,
    },
    /// The account owes more than its credit covers, so it cannot be closed.
    #[error("the account owes {owed} more than its credit covers; it must be paid before closing")]
    AccountOwes {
        /// What is missing.
        owed: Money,
    },
    /// Closing needs a final reading of each meter.
    #[error("closing needs the final reading of meter {meter}")]
    FinalReadingMissing {
        /// Which meter.
        meter: MeterNumber,
    },
    /// Supply is already so, by staff's order.
    #[error("supply is already {state}")]
    SupplyAlready {
        /// `on` or `off`.
        state: String,
    },
    /// Staff cannot reconnect while the credit rules keep supply off.
    #[error(
        "supply returns by a top-up that brings the credit above zero; the credit is {balance}"
    )]
    SupplyNeedsCredit {
        /// Balance now.
        balance: Money,
    },
    /// No such order, or a newer one has superseded it (C20).
    #[error("order {order} is not the meter's newest; {newest} is")]
    OrderSuperseded {
        /// As confirmed.
        order: u32,
        /// Newest order.
        newest: u32,
    },
    /// Money and emergency credit come after joining (P3).
    #[error("the customer has not joined the scheme yet; join first")]
    NotJoined,
    /// The account joined before (P1).
    #[error("the account has joined the scheme already")]
    AlreadyJoined,
    /// The scheme's conditions for joining are not fulfilled (P1).
    #[error("cannot join: {reason}")]
    NotEligible {
        /// Which condition.
        reason: String,
    },
    /// Emergency credit is drawn once until it is repaid (P5).
    #[error("{lent} of emergency credit is lent until the next top-up")]
    EmergencyCreditDrawn {
        /// What is lent.
        lent: Money,
    },
    /// Emergency credit is for credit that is low (P5).
    #[error("the credit is {balance}; emergency credit is for credit below {below}")]
    CreditNotLow {
        /// Credit now.
        balance: Money,
        /// Below what it may be drawn.
        below: Money,
    },
    /// No value of this receipt waits for the meter: it was taken in before, or voided (P7).
    #[error("nothing of receipt {receipt} waits for this meter; do not take it in again")]
    NothingToDeliver {
        /// As named.
        receipt: ReceiptNumber,
    },
    /// Credit of this old account was registered before (U11).
    #[error("credit of old account {from} was registered with this account before")]
    LegacyCreditKnown {
        /// Old account.
        from: OpaqueRef,
    },
    /// Another account has taken over the same old account.
    #[error("credit of old account {from} was taken over by account {holder}")]
    LegacyCreditTaken {
        /// Old account.
        from: OpaqueRef,
        /// Who has it.
        holder: AccountId,
    },
    /// Nothing is registered for this old account.
    #[error("no credit of old account {from} is registered with this account")]
    UnknownLegacyCredit {
        /// Old account.
        from: OpaqueRef,
    },
    /// It was credited or refunded before.
    #[error("credit of old account {from} was credited or refunded before")]
    LegacyCreditSettled {
        /// Old account.
        from: OpaqueRef,
    },
    /// The choice between refund and transfer is another one, or there is none.
    #[error("{reason}")]
    LegacyChoice {
        /// Which, and what would be right.
        reason: String,
    },
    /// An account with old credit that is neither credited nor refunded is not closed.
    #[error(
        "credit of old account {from} is neither credited nor refunded; settle it before closing"
    )]
    LegacyCreditPending {
        /// Old account.
        from: OpaqueRef,
    },
    /// No such work order.
    #[error("there is no such work order")]
    UnknownWorkOrder,
    /// The id of the work order is taken.
    #[error("the work order exists already")]
    WorkOrderExists,
    /// The step is not the next one (U16).
    #[error("the work order is {stage}; it cannot be {step} now")]
    WrongWorkOrderStep {
        /// Where it stands.
        stage: String,
        /// What was asked.
        step: String,
    },
    /// The account took the step with other content before.
    #[error("the account took this step with other content before: send what was sent first")]
    WorkOrderStepDiffers,
    /// No installation on this day (U16).
    #[error("there is no installation on {date}: {why}")]
    NoInstallationDay {
        /// Local date.
        date: String,
        /// Which holiday or day of the week.
        why: String,
    },
    /// An appointment is moved with notice (U16).
    #[error("the appointment at {appointment} is moved at least {hours} hours before")]
    NoticeTooShort {
        /// The appointment as it is.
        appointment: Timestamp,
        /// The notice.
        hours: u32,
    },
    /// The text is no scheme.
    #[error("line {line}: {key}: {reason}")]
    SchemeInvalid {
        /// Line, 0 for the whole file.
        line: u32,
        /// The key at fault.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// No scheme of this name is served.
    #[error("no scheme {scheme:?} is served; put its first version into scheme_dir")]
    UnknownScheme {
        /// As named.
        scheme: String,
    },
    /// A newer version is in force or published.
    #[error("version {newest} is known already; a new version has a higher number")]
    SchemeVersionTooLow {
        /// The newest known.
        newest: u32,
    },
    /// The version was published with other content.
    #[error("version {version} has other content already; a change is a new version")]
    SchemeConflict {
        /// Which version.
        version: u32,
    },
    /// The version would reach back to what is priced.
    #[error("it would hold from {from}, but charges are made up to {priced_until}")]
    SchemePricedAlready {
        /// The version's first instant.
        from: Timestamp,
        /// Newest charge under the scheme.
        priced_until: Timestamp,
    },
    /// The same key came with other content (C4).
    #[error("this reference was used for another command; a new attempt needs a new reference")]
    KeyConflict,
    /// A refusal of postpaid accounts, with a code of its own.
    #[error(transparent)]
    #[serde(untagged)]
    Billing(BillingRefusal),
    /// A refusal of the consumers' desk, with a code of its own.
    #[error(transparent)]
    #[serde(untagged)]
    Desk(DeskRefusal),
}

impl From<DeskRefusal> for Rejection {
    fn from(refusal: DeskRefusal) -> Self {
        Self::Desk(refusal)
    }
}

impl From<BillingRefusal> for Rejection {
    fn from(refusal: BillingRefusal) -> Self {
        Self::Billing(refusal)
    }
}
