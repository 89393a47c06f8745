//! Between events and bytes: kind beside payload, one step each way.
//!
//! The table of kinds is the frozen vocabulary of the log. A kind that is not in it is an error with its
//! name, never skipped.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    AccountEvent, ApplicationEvent, BillingEvent, ComplaintEvent, Event, MeterEvent, SuspenseEvent,
    WorkOrderEvent,
};

/// A stored event that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The kind is not known to this version.
    #[error(
        "event kind {0:?} is not known to this version of the ledger; use the version that wrote it, or a newer one"
    )]
    UnknownKind(String),
    /// The payload does not have the shape of its kind.
    #[error("payload of {kind}: {reason}")]
    BadPayload {
        /// The kind.
        kind: String,
        /// What is wrong with it.
        reason: String,
    },
}

macro_rules! kinds {
    ($( $kind:literal => $($path:ident)+ ; )+) => {
        /// Every kind, in the order of their introduction.
        pub const KINDS: &[&str] = &[$($kind),+];

        /// The stored name of an event.
        #[must_use]
        pub fn kind_of(event: &Event) -> &'static str {
            match event { $( kinds!(@pat _payload $($path)+) => $kind, )+ }
        }

        /// The payload as JSON.
        #[must_use]
        pub fn encode(event: &Event) -> Vec<u8> {
            match event { $( kinds!(@pat payload $($path)+) => to_json(payload), )+ }
        }

        /// Reads an event back.
        ///
        /// # Errors
        /// When the kind is unknown or the payload does not have its shape.
        pub fn decode(kind: &str, data: &[u8]) -> Result<Event, DecodeError> {
            match kind {
                $( $kind => Ok(kinds!(@make (from_json(kind, data)?) $($path)+)), )+
                other => Err(DecodeError::UnknownKind(other.to_owned())),
            }
        }
    };
    (@pat $name:ident $outer:ident) => { Event::$outer($name) };
    (@pat $name:ident $outer:ident $inner:ident $fact:ident) => { Event::$outer($inner::$fact($name)) };
    (@pat $name:ident $outer:ident $inner:ident $fact:ident $nested:ident $deep:ident) => {
        Event::$outer($inner::$fact($nested::$deep($name)))
    };
    (@make ($value:expr) $outer:ident) => { Event::$outer($value) };
    (@make ($value:expr) $outer:ident $inner:ident $fact:ident) => { Event::$outer($inner::$fact($value)) };
    (@make ($value:expr) $outer:ident $inner:ident $fact:ident $nested:ident $deep:ident) => {
        Event::$outer($inner::$fact($nested::$deep($value)))
    };
}

kinds! {
    "account-opened.v1" => Account AccountEvent AccountOpened;
    "meter-installed.v1" => Account AccountEvent MeterInstalled;
    "meter-activated.v1" => Account AccountEvent MeterActivated;
    "meter-removed.v1" => Account AccountEvent MeterRemoved;
    "meter-exchanged.v1" => Account AccountEvent MeterExchanged;
    "consumption-charged.v1" => Account AccountEvent ConsumptionCharged;
    "late-reading-kept.v1" => Account AccountEvent LateReadingKept;
    "conflicting-reading-kept.v1" => Account AccountEvent ConflictingReadingKept;
    "reading-quarantined.v1" => Account AccountEvent ReadingQuarantined;
    "meter-exchange-suspected.v1" => Account AccountEvent MeterExchangeSuspected;
    "suspicion-withdrawn.v1" => Account AccountEvent SuspicionWithdrawn;
    "quarantine-discarded.v1" => Account AccountEvent QuarantineDiscarded;
    "credit-topped-up.v1" => Account AccountEvent CreditToppedUp;
    "top-up-voided.v1" => Account AccountEvent TopUpVoided;
    "legacy-credit-entered.v1" => Account AccountEvent LegacyCreditEntered;
    "credit-transferred.v1" => Account AccountEvent CreditTransferred;
    "credit-moved-in.v1" => Account AccountEvent CreditMovedIn;
    "low-credit-noticed.v1" => Account AccountEvent LowCreditNoticed;
    "debt-agreed.v1" => Account AccountEvent DebtAgreed;
    "debt-paid.v1" => Account AccountEvent DebtPaid;
    "debt-rescheduled.v1" => Account AccountEvent DebtRescheduled;
    "supply-disconnection-ordered.v1" => Account AccountEvent SupplyDisconnectionOrdered;
    "supply-reconnection-ordered.v1" => Account AccountEvent SupplyReconnectionOrdered;
    "meter-order-repeated.v1" => Account AccountEvent MeterOrderRepeated;
    "meter-order-confirmed.v1" => Account AccountEvent MeterOrderConfirmed;
    "account-closed.v1" => Account AccountEvent AccountClosed;
    "supply-disconnection-deferred.v1" => Account AccountEvent SupplyDisconnectionDeferred;
    "supply-disconnection-cancelled.v1" => Account AccountEvent SupplyDisconnectionCancelled;
    "meter-claimed.v1" => Meter MeterEvent MeterClaimed;
    "meter-released.v1" => Meter MeterEvent MeterReleased;
    "command-answered.v1" => Key;
    "payment-suspended.v1" => Suspense SuspenseEvent PaymentSuspended;
    "suspense-allocated.v1" => Suspense SuspenseEvent SuspenseAllocated;
    "suspense-returned.v1" => Suspense SuspenseEvent SuspenseReturned;
    "readings-received.v1" => Gateway;
    "scheme-joined.v1" => Account AccountEvent SchemeJoined;
    "arrears-moved-in.v1" => Account AccountEvent ArrearsMovedIn;
    "initial-credit-granted.v1" => Account AccountEvent InitialCreditGranted;
    "initial-credit-claimed.v1" => InitialCredit;
    "emergency-credit-drawn.v1" => Account AccountEvent EmergencyCreditDrawn;
    "arrears-paid.v1" => Account AccountEvent ArrearsPaid;
    "credit-delivered.v1" => Account AccountEvent CreditDelivered;
    "legacy-credit-registered.v1" => Account AccountEvent LegacyCreditRegistered;
    "legacy-credit-choice-made.v1" => Account AccountEvent LegacyCreditChoiceMade;
    "legacy-credit-refunded.v1" => Account AccountEvent LegacyCreditRefunded;
    "payment-responsible-changed.v1" => Account AccountEvent PaymentResponsibleChanged;
    "legacy-credit-claimed.v1" => Legacy;
    "work-order-issued.v1" => WorkOrder WorkOrderEvent Issued;
    "installation-appointed.v1" => WorkOrder WorkOrderEvent Appointed;
    "appointment-moved.v1" => WorkOrder WorkOrderEvent AppointmentMoved;
    "installation-prevented.v1" => WorkOrder WorkOrderEvent Prevented;
    "old-meter-read.v1" => WorkOrder WorkOrderEvent OldMeterRead;
    "new-meter-installed.v1" => WorkOrder WorkOrderEvent NewMeterInstalled;
    "new-meter-activated.v1" => WorkOrder WorkOrderEvent NewMeterActivated;
    "old-account-settled.v1" => WorkOrder WorkOrderEvent OldAccountSettled;
    "old-meter-returned.v1" => WorkOrder WorkOrderEvent OldMeterReturned;
    "work-order-cancelled.v1" => WorkOrder WorkOrderEvent Cancelled;
    "consumer-listed.v1" => Account AccountEvent Billing BillingEvent ConsumerListed;
    "consumption-estimated.v1" => Account AccountEvent Billing BillingEvent ConsumptionEstimated;
    "estimates-reversed.v1" => Account AccountEvent Billing BillingEvent EstimatesReversed;
    "surcharge-charged.v1" => Account AccountEvent Billing BillingEvent SurchargeCharged;
    "obligatory-fee-charged.v1" => Account AccountEvent Billing BillingEvent ObligatoryFeeCharged;
    "miscellaneous-billed.v1" => Account AccountEvent Billing BillingEvent MiscellaneousBilled;
    "bill-adjusted.v1" => Account AccountEvent Billing BillingEvent BillAdjusted;
    "bill-raised.v1" => Account AccountEvent Billing BillingEvent BillRaised;
    "bill-paid.v1" => Account AccountEvent Billing BillingEvent BillPaid;
    "security-deposit-paid.v1" => Account AccountEvent Billing BillingEvent SecurityDepositPaid;
    "security-deposit-used.v1" => Account AccountEvent Billing BillingEvent SecurityDepositUsed;
    "security-deposit-returned.v1" => Account AccountEvent Billing BillingEvent SecurityDepositReturned;
    "credit-paid-out.v1" => Account AccountEvent Billing BillingEvent CreditPaidOut;
    "month-closed.v1" => Account AccountEvent Billing BillingEvent MonthClosed;
    "disconnection-notice-served.v1" => Account AccountEvent Billing BillingEvent DisconnectionNoticeServed;
    "consumer-disconnected.v1" => Account AccountEvent Billing BillingEvent ConsumerDisconnected;
    "consumer-reconnected.v1" => Account AccountEvent Billing BillingEvent ConsumerReconnected;
    "connection-ended.v1" => Account AccountEvent Billing BillingEvent ConnectionEnded;
    "bill-stopped.v1" => Account AccountEvent Billing BillingEvent BillStopped;
    "consumer-reactivated.v1" => Account AccountEvent Billing BillingEvent ConsumerReactivated;
    "temporary-connection-extended.v1" => Account AccountEvent Billing BillingEvent TemporaryConnectionExtended;
    "query-raised.v1" => Account AccountEvent Billing BillingEvent QueryRaised;
    "query-answered.v1" => Account AccountEvent Billing BillingEvent QueryAnswered;
    "scheme-published.v1" => Scheme;
    "account-renumbered.v1" => Account AccountEvent AccountRenumbered;
    "account-number-given.v1" => Number;
    "account-number-reserved.v1" => Reserved;
    "application-saved.v1" => Application ApplicationEvent Saved;
    "application-updated.v1" => Application ApplicationEvent Updated;
    "application-entered.v1" => Application ApplicationEvent Entered;
    "application-submitted.v1" => Application ApplicationEvent Submitted;
    "application-returned.v1" => Application ApplicationEvent Returned;
    "application-rejected.v1" => Application ApplicationEvent Rejected;
    "application-accepted.v1" => Application ApplicationEvent Accepted;
    "inspection-intimated.v1" => Application ApplicationEvent InspectionIntimated;
    "estimate-submitted.v1" => Application ApplicationEvent EstimateSubmitted;
    "connection-sanctioned.v1" => Application ApplicationEvent Sanctioned;
    "estimate-redirected.v1" => Application ApplicationEvent EstimateRedirected;
    "connection-refused.v1" => Application ApplicationEvent Refused;
    "demand-note-served.v1" => Application ApplicationEvent DemandNoteServed;
    "connection-charge-paid.v1" => Application ApplicationEvent ConnectionChargePaid;
    "connection-ordered.v1" => Application ApplicationEvent OrderIssued;
    "connection-executed.v1" => Application ApplicationEvent Executed;
    "complaint-recorded.v1" => Complaint ComplaintEvent Recorded;
    "complaint-acted-on.v1" => Complaint ComplaintEvent ActedOn;
    "complaint-rectified.v1" => Complaint ComplaintEvent Rectified;
    "consumption-corrected.v1" => Account AccountEvent ConsumptionCorrected;
    "reading-settling.v1" => Account AccountEvent ReadingSettling;
    "gap-settled.v1" => Account AccountEvent GapSettled;
}

fn to_json<T: Serialize>(payload: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    let written = serde_json::to_writer(&mut out, payload);
    assert!(
        written.is_ok(),
        "every payload is plain data, which JSON can always hold"
    );
    out
}

fn from_json<T: DeserializeOwned>(kind: &str, data: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(data).map_err(|e| DecodeError::BadPayload {
        kind: kind.to_owned(),
        reason: e.to_string(),
    })
}
