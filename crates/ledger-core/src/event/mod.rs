//! Every fact the ledger records, as it is stored.
//!
//! The enum **is** the stored form: the kind (`consumption-charged.v1`) stands beside the payload, the
//! payload is the JSON of the struct. Kinds and keys are frozen; a new optional field keeps the version,
//! anything else is a new version with an upcaster. Keys are short because a utility writes a billion of
//! these a year; each is spelled out where its struct is declared.

mod account;
mod application;
mod billing;
mod codec;
mod complaint;
mod correction;
mod legacy;
mod meta;
mod number;
mod prepayment;
mod quiet;
mod responsible;
mod streams;
mod workorder;

pub use account::*;
pub use application::*;
pub use billing::*;
pub use codec::{DecodeError, KINDS, decode, encode, kind_of};
pub use complaint::*;
pub use correction::*;
pub use legacy::*;
pub use meta::{Meta, Stamp};
pub use number::*;
pub use prepayment::*;
pub use quiet::*;
pub use responsible::*;
pub use streams::*;
pub use workorder::*;

/// A fact in an account's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// An account was opened.
    AccountOpened(AccountOpened),
    /// A meter was installed.
    MeterInstalled(MeterInstalled),
    /// A meter was activated: its first period starts (U2).
    MeterActivated(MeterActivated),
    /// A meter was taken away.
    MeterRemoved(MeterRemoved),
    /// A meter was exchanged, by staff or by resolving a suspicion (C9).
    MeterExchanged(MeterExchanged),
    /// A reading was accepted and its consumption charged (C8).
    ConsumptionCharged(ConsumptionCharged),
    /// A late reading between its neighbours corrected what was charged across it (C19).
    ConsumptionCorrected(ConsumptionCorrected),
    /// A reading that ends a gap waits to be priced (C19).
    ReadingSettling(ReadingSettling),
    /// Nothing of a meter waits any more.
    GapSettled(SuspicionEnded),
    /// A reading older than the newest was kept as history.
    LateReadingKept(ReadingKept),
    /// A second value for an instant was kept.
    ConflictingReadingKept(ReadingKept),
    /// An implausible reading was kept aside.
    ReadingQuarantined(ReadingKept),
    /// Quarantined readings agree with each other.
    MeterExchangeSuspected(MeterExchangeSuspected),
    /// The old register went on: no exchange after all.
    SuspicionWithdrawn(SuspicionEnded),
    /// Staff discarded what was quarantined.
    QuarantineDiscarded(SuspicionEnded),
    /// A top-up was credited.
    CreditToppedUp(CreditToppedUp),
    /// A channel took back its own top-up (C16).
    TopUpVoided(TopUpVoided),
    /// Credit of an older system was entered.
    LegacyCreditEntered(LegacyCreditEntered),
    /// Credit of an older system was registered: its term starts (U10, U11).
    LegacyCreditRegistered(LegacyCreditRegistered),
    /// The customer chose between refund and transfer of it (U11).
    LegacyCreditChoiceMade(LegacyCreditChoiceMade),
    /// It was paid out (U11).
    LegacyCreditRefunded(LegacyCreditRefunded),
    /// Another owner or tenant is responsible for payments (U17).
    PaymentResponsibleChanged(PaymentResponsibleChanged),
    /// Electricity credit paid a negative water balance (U7).
    CreditTransferred(CreditTransferred),
    /// Credit of a closed account arrived.
    CreditMovedIn(CreditMovedIn),
    /// A wallet's credit fell to the notice threshold (U5).
    LowCreditNoticed(LowCreditNoticed),
    /// A debt agreement was posted (U12).
    DebtAgreed(DebtAgreed),
    /// Something was paid on the debt.
    DebtPaid(DebtPaid),
    /// The debt was rescheduled (U15).
    DebtRescheduled(DebtRescheduled),
    /// Supply was ordered off.
    SupplyDisconnectionOrdered(SupplyOrdered),
    /// Supply was ordered on.
    SupplyReconnectionOrdered(SupplyOrdered),
    /// A disconnection waits for the end of a quiet time (C15).
    SupplyDisconnectionDeferred(SupplyDisconnectionDeferred),
    /// A disconnection that waited is not needed any more (C15).
    SupplyDisconnectionCancelled(SupplyDisconnectionCancelled),
    /// An unconfirmed order was sent again (C20).
    MeterOrderRepeated(MeterOrderRepeated),
    /// The meter confirmed an order (C20).
    MeterOrderConfirmed(MeterOrderConfirmed),
    /// The account was closed.
    AccountClosed(AccountClosed),
    /// A customer joined the scheme (P1).
    SchemeJoined(SchemeJoined),
    /// Arrears of the conventional meter moved in (P1).
    ArrearsMovedIn(ArrearsMovedIn),
    /// The utility granted credit to begin with (P2).
    InitialCreditGranted(InitialCreditGranted),
    /// Emergency credit was drawn (P5).
    EmergencyCreditDrawn(EmergencyCreditDrawn),
    /// Something was paid on the arrears.
    ArrearsPaid(ArrearsPaid),
    /// The meter took in the value of a top-up (P7).
    CreditDelivered(CreditDelivered),
    /// The account got another number (K1).
    AccountRenumbered(AccountRenumbered),
    /// Bills, dues and the consumer's standing (postpaid).
    Billing(BillingEvent),
}

/// A fact in any stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// In `account-<id>`.
    Account(AccountEvent),
    /// In `meter-<number>`.
    Meter(MeterEvent),
    /// In `key-<channel>-<reference>`.
    Key(CommandAnswered),
    /// In `suspense-<channel>-<reference>`.
    Suspense(SuspenseEvent),
    /// In `gateway-<id>`.
    Gateway(ReadingsReceived),
    /// In `initial-credit-<scheme>.<person>`.
    InitialCredit(InitialCreditClaimed),
    /// In `legacy-<utility>-<old account>`.
    Legacy(LegacyCreditClaimed),
    /// In `workorder-<id>`.
    WorkOrder(WorkOrderEvent),
    /// In `scheme-<name>`.
    Scheme(SchemePublished),
    /// In `account-<number>`, of a number that was given later (K1).
    Number(AccountNumberGiven),
    /// In `account-<number>`, of a number that is reserved for an application (E14).
    Reserved(AccountNumberReserved),
    /// In `application-<id>`.
    Application(ApplicationEvent),
    /// In `complaint-<id>`.
    Complaint(ComplaintEvent),
}

impl From<BillingEvent> for AccountEvent {
    fn from(event: BillingEvent) -> Self {
        Self::Billing(event)
    }
}

impl From<AccountEvent> for Event {
    fn from(event: AccountEvent) -> Self {
        Self::Account(event)
    }
}

impl From<SuspenseEvent> for Event {
    fn from(event: SuspenseEvent) -> Self {
        Self::Suspense(event)
    }
}
