//! From an event to the notification and the order that follow from it.
//!
//! Owns the published form of both (`docs/nats.md`). No personal data: an account, a meter, an amount,
//! a time, and ids by which a sender to the outside finds the rest where it is kept (C17). An event gives
//! at most one message to each stream, so that a log position says how far a stream is complete. Absent
//! on purpose: texts and languages, which are the sender's.

use bytes::Bytes;
use event_store::RecordedEvent;
use ledger_core::event::{
    AccountClosed, AccountEvent, AccountRenumbered, ArrearsPaid, ClosedTo, CreditToppedUp,
    DebtAgreed, DebtPaid, DebtRescheduled, Event, LowCreditNoticed, Meta, MeterOrderRepeated,
    Payment, SupplyOrdered, SupplyReason, TopUpVoided, decode,
};
use ledger_core::num::Money;
use ledger_core::scheme::Medium;
use ledger_core::time::{Month, Timestamp};
use ledger_core::utility::Utility;
use serde::Serialize;
use uuid::Uuid;

use super::addressee::Addressee;
use super::billing;
use super::reason::reason_name;
use crate::error::GatewayError;

/// Prefix of an account's stream.
const ACCOUNT: &str = "account-";

/// A message for a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    /// Where to.
    pub(super) subject: String,
    /// Id by which it is recognised for ever: the event's id and what it says.
    pub(super) id: String,
    /// JSON.
    pub(super) payload: Bytes,
}

/// What an event gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Messages {
    /// To `notify.<kind>`.
    pub(super) notification: Option<Outgoing>,
    /// To `meter.orders.<meter>`.
    pub(super) order: Option<Outgoing>,
}

/// Whether events of this kind can give a message: decided by name, since most do not and need not be
/// decoded.
pub(super) fn speaks(kind: &str) -> bool {
    matches!(
        kind,
        "low-credit-noticed.v1"
            | "credit-topped-up.v1"
            | "top-up-voided.v1"
            | "debt-agreed.v1"
            | "debt-paid.v1"
            | "debt-rescheduled.v1"
            | "supply-disconnection-ordered.v1"
            | "supply-reconnection-ordered.v1"
            | "meter-order-repeated.v1"
            | "account-closed.v1"
            | "scheme-joined.v1"
            | "arrears-moved-in.v1"
            | "arrears-paid.v1"
            | "emergency-credit-drawn.v1"
            | "bill-paid.v1"
            | "security-deposit-paid.v1"
            | "bill-raised.v1"
            | "disconnection-notice-served.v1"
            | "query-raised.v1"
            | "query-answered.v1"
            | "connection-ended.v1"
            | "account-renumbered.v1"
    )
}

/// What every notification says.
#[derive(Serialize)]
struct Notification<'a, T> {
    id: Uuid,
    kind: &'static str,
    account: &'a str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Medium]>::is_empty")]
    by: &'a [Medium],
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct LowCredit {
    utility: Utility,
    credit: Money,
}

#[derive(Serialize)]
pub(super) struct Receipt<'a> {
    #[serde(rename = "for")]
    purpose: &'static str,
    utility: Utility,
    #[serde(skip_serializing_if = "Option::is_none")]
    meter: Option<&'a str>,
    amount: Money,
    receipt: &'a str,
    channel: &'a str,
    reference: &'a str,
    /// Taken of the amount for arrears, and to repay emergency credit; unused emergency credit withdrawn.
    #[serde(skip_serializing_if = "Money::is_none")]
    arrears: Money,
    #[serde(skip_serializing_if = "Money::is_none")]
    emergency_repaid: Money,
    #[serde(skip_serializing_if = "Money::is_none")]
    emergency_withdrawn: Money,
}

#[derive(Serialize)]
struct Joined {
    utility: Utility,
}

#[derive(Serialize)]
struct Posted {
    utility: Utility,
    amount: Money,
}

impl Posted {
    const fn of(utility: Utility, amount: Money) -> Self {
        Self { utility, amount }
    }
}

#[derive(Serialize)]
struct Debt {
    #[serde(skip_serializing_if = "Option::is_none")]
    utility: Option<Utility>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Money>,
    instalment: Money,
    start: Month,
}

#[derive(Serialize)]
struct Supply<'a> {
    utility: Utility,
    meter: &'a str,
    reason: SupplyReason,
}

#[derive(Serialize)]
struct Renumbered<'a> {
    old_number: &'a str,
    new_number: &'a str,
}

impl<'a> Renumbered<'a> {
    fn of(e: &'a AccountRenumbered) -> Self {
        Self {
            old_number: e.from.as_str(),
            new_number: e.to.as_str(),
        }
    }
}

#[derive(Serialize)]
struct Closed {
    settled: Vec<ClosedLine>,
    to: &'static str,
}

#[derive(Serialize)]
struct ClosedLine {
    utility: Utility,
    credit: Money,
    out: Money,
}

/// What an order to a meter says.
#[derive(Serialize)]
struct Order<'a> {
    order: u32,
    meter: &'a str,
    utility: Utility,
    action: &'static str,
    reason: &'a str,
    ordered_at: Timestamp,
    expires_at: Timestamp,
}

/// Makes the messages of an event whose kind [`speaks`].
///
/// # Errors
/// When the event is not understood.
pub(super) fn messages_of(
    recorded: &RecordedEvent,
    to: &Addressee,
) -> Result<Messages, GatewayError> {
    let event = match decode(&recorded.kind, &recorded.data)? {
        Event::Account(event) => event,
        Event::Meter(_)
        | Event::Key(_)
        | Event::Suspense(_)
        | Event::Gateway(_)
        | Event::InitialCredit(_)
        | Event::Scheme(_)
        | Event::Legacy(_)
        | Event::WorkOrder(_)
        | Event::Reserved(_)
        | Event::Application(_)
        | Event::Complaint(_)
        | Event::Number(_) => {
            return Ok(Messages::default());
        }
    };
    let odd = |reason: &str| GatewayError::OddEvent {
        id: recorded.id,
        position: recorded.position,
        reason: reason.to_owned(),
    };
    let account = recorded
        .stream
        .as_str()
        .strip_prefix(ACCOUNT)
        .ok_or_else(|| odd("it is not in an account's stream"))?;
    let meta: Meta = serde_json::from_slice(&recorded.meta)
        .map_err(|error| odd(&format!("its metadata: {error}")))?;
    Ok(Speaker {
        recorded,
        account,
        at: meta.at,
        to,
    }
    .say(&event))
}

/// The event's circumstances.
pub(super) struct Speaker<'a> {
    recorded: &'a RecordedEvent,
    account: &'a str,
    at: Timestamp,
    to: &'a Addressee,
}

impl Speaker<'_> {
    fn say(&self, event: &AccountEvent) -> Messages {
        let notification = match event {
            AccountEvent::LowCreditNoticed(e) => self.notify("low-credit", LowCredit::of(e)),
            AccountEvent::CreditToppedUp(e) => self.notify("receipt", Receipt::top_up(e)),
            AccountEvent::TopUpVoided(e) => self.notify("receipt", Receipt::void(e)),
            AccountEvent::DebtPaid(e) => self.notify("receipt", Receipt::debt(e)),
            AccountEvent::DebtAgreed(e) => self.notify("debt-agreed", Debt::agreed(e)),
            AccountEvent::DebtRescheduled(e) => {
                self.notify("debt-rescheduled", Debt::rescheduled(e))
            }
            AccountEvent::SupplyDisconnectionOrdered(e) => {
                self.notify("disconnected", Supply::of(e))
            }
            AccountEvent::SupplyReconnectionOrdered(e) => self.notify("reconnected", Supply::of(e)),
            AccountEvent::AccountClosed(e) => self.notify("account-closed", Closed::of(e)),
            AccountEvent::ArrearsPaid(e) => self.notify("receipt", Receipt::arrears(e)),
            AccountEvent::SchemeJoined(e) => self.notify("joined", Joined { utility: e.u }),
            AccountEvent::ArrearsMovedIn(e) => {
                self.notify("arrears-moved-in", Posted::of(e.u, e.a))
            }
            AccountEvent::EmergencyCreditDrawn(e) => {
                self.notify("emergency-credit-drawn", Posted::of(e.u, e.a))
            }
            AccountEvent::AccountRenumbered(e) => self.notify("renumbered", Renumbered::of(e)),
            AccountEvent::Billing(e) => billing::say(self, e),
            AccountEvent::AccountOpened(_)
            | AccountEvent::MeterInstalled(_)
            | AccountEvent::MeterActivated(_)
            | AccountEvent::MeterRemoved(_)
            | AccountEvent::MeterExchanged(_)
            | AccountEvent::ConsumptionCharged(_)
            | AccountEvent::ConsumptionCorrected(_)
            | AccountEvent::ReadingSettling(_)
            | AccountEvent::GapSettled(_)
            | AccountEvent::LateReadingKept(_)
            | AccountEvent::ConflictingReadingKept(_)
            | AccountEvent::ReadingQuarantined(_)
            | AccountEvent::MeterExchangeSuspected(_)
            | AccountEvent::SuspicionWithdrawn(_)
            | AccountEvent::QuarantineDiscarded(_)
            | AccountEvent::LegacyCreditEntered(_)
            | AccountEvent::CreditTransferred(_)
            | AccountEvent::CreditMovedIn(_)
            | AccountEvent::LegacyCreditRegistered(_)
            | AccountEvent::LegacyCreditChoiceMade(_)
            | AccountEvent::LegacyCreditRefunded(_)
            | AccountEvent::PaymentResponsibleChanged(_)
            | AccountEvent::SupplyDisconnectionDeferred(_)
            | AccountEvent::SupplyDisconnectionCancelled(_)
            | AccountEvent::MeterOrderRepeated(_)
            | AccountEvent::MeterOrderConfirmed(_)
            | AccountEvent::InitialCreditGranted(_)
            | AccountEvent::CreditDelivered(_) => None,
        };
        Messages {
            notification,
            order: self.order(event),
        }
    }

    pub(super) fn notify<T: Serialize>(&self, kind: &'static str, what: T) -> Option<Outgoing> {
        let id = self.recorded.id;
        let body = Notification {
            id,
            kind,
            account: self.account,
            at: self.at,
            person: self.to.person.as_deref(),
            by: self.to.media(kind),
            what,
        };
        Some(Outgoing {
            subject: format!("notify.{kind}"),
            id: format!("{id}:{kind}"),
            payload: json(&body),
        })
    }

    fn order(&self, event: &AccountEvent) -> Option<Outgoing> {
        let body = match event {
            AccountEvent::SupplyDisconnectionOrdered(e) => self.supply(e, "disconnect"),
            AccountEvent::SupplyReconnectionOrdered(e) => self.supply(e, "reconnect"),
            AccountEvent::MeterOrderRepeated(e) => self.repeat(e),
            AccountEvent::LowCreditNoticed(_)
            | AccountEvent::CreditToppedUp(_)
            | AccountEvent::TopUpVoided(_)
            | AccountEvent::DebtPaid(_)
            | AccountEvent::DebtAgreed(_)
            | AccountEvent::DebtRescheduled(_)
            | AccountEvent::AccountClosed(_)
            | AccountEvent::AccountOpened(_)
            | AccountEvent::MeterInstalled(_)
            | AccountEvent::MeterActivated(_)
            | AccountEvent::MeterRemoved(_)
            | AccountEvent::MeterExchanged(_)
            | AccountEvent::ConsumptionCharged(_)
            | AccountEvent::ConsumptionCorrected(_)
            | AccountEvent::ReadingSettling(_)
            | AccountEvent::GapSettled(_)
            | AccountEvent::LateReadingKept(_)
            | AccountEvent::ConflictingReadingKept(_)
            | AccountEvent::ReadingQuarantined(_)
            | AccountEvent::MeterExchangeSuspected(_)
            | AccountEvent::SuspicionWithdrawn(_)
            | AccountEvent::QuarantineDiscarded(_)
            | AccountEvent::LegacyCreditEntered(_)
            | AccountEvent::CreditTransferred(_)
            | AccountEvent::CreditMovedIn(_)
            | AccountEvent::LegacyCreditRegistered(_)
            | AccountEvent::LegacyCreditChoiceMade(_)
            | AccountEvent::LegacyCreditRefunded(_)
            | AccountEvent::AccountRenumbered(_)
            | AccountEvent::PaymentResponsibleChanged(_)
            | AccountEvent::SupplyDisconnectionDeferred(_)
            | AccountEvent::SupplyDisconnectionCancelled(_)
            | AccountEvent::MeterOrderConfirmed(_)
            | AccountEvent::SchemeJoined(_)
            | AccountEvent::ArrearsMovedIn(_)
            | AccountEvent::InitialCreditGranted(_)
            | AccountEvent::EmergencyCreditDrawn(_)
            | AccountEvent::ArrearsPaid(_)
            | AccountEvent::CreditDelivered(_)
            | AccountEvent::Billing(_) => return None,
        };
        let id = format!("{}:order", self.recorded.id);
        Some(Outgoing {
            subject: format!("meter.orders.{}", body.meter),
            id,
            payload: json(&body),
        })
    }

    fn supply<'a>(&self, e: &'a SupplyOrdered, action: &'static str) -> Order<'a> {
        let reason = reason_name(e.why);
        let (order, meter, utility) = (e.n, e.m.as_str(), e.u);
        Order {
            order,
            meter,
            utility,
            action,
            reason,
            ordered_at: self.at,
            expires_at: e.until,
        }
    }

    fn repeat<'a>(&self, e: &'a MeterOrderRepeated) -> Order<'a> {
        let action = if e.on { "reconnect" } else { "disconnect" };
        let (order, meter, utility) = (e.n, e.m.as_str(), e.u);
        Order {
            order,
            meter,
            utility,
            action,
            reason: "repeated",
            ordered_at: self.at,
            expires_at: e.until,
        }
    }
}

impl<'a> Receipt<'a> {
    fn top_up(e: &'a CreditToppedUp) -> Self {
        Self {
            arrears: e.arr,
            emergency_repaid: e.rep,
            emergency_withdrawn: e.wd,
            ..Self::of(
                "top-up",
                (e.u, Some(e.m.as_str())),
                e.a,
                e.rc.as_str(),
                &e.pay,
            )
        }
    }

    fn void(e: &'a TopUpVoided) -> Self {
        Self {
            arrears: e.arr,
            emergency_repaid: e.rep,
            emergency_withdrawn: e.wd,
            ..Self::of("void", (e.u, None), e.a, e.rc.as_str(), &e.pay)
        }
    }

    fn arrears(e: &'a ArrearsPaid) -> Self {
        Self::of("arrears", (e.u, None), e.a, e.rc.as_str(), &e.pay)
    }

    fn debt(e: &'a DebtPaid) -> Self {
        Self::of("debt", (e.u, None), e.a, e.rc.as_str(), &e.pay)
    }

    pub(super) fn of(
        purpose: &'static str,
        (utility, meter): (Utility, Option<&'a str>),
        amount: Money,
        receipt: &'a str,
        pay: &'a Payment,
    ) -> Self {
        let (channel, reference) = (pay.ch.as_str(), pay.rf.as_str());
        Self {
            purpose,
            utility,
            meter,
            amount,
            receipt,
            channel,
            reference,
            arrears: Money::ZERO,
            emergency_repaid: Money::ZERO,
            emergency_withdrawn: Money::ZERO,
        }
    }
}

impl LowCredit {
    fn of(e: &LowCreditNoticed) -> Self {
        Self {
            utility: e.u,
            credit: e.a,
        }
    }
}

impl Debt {
    fn agreed(e: &DebtAgreed) -> Self {
        Self {
            utility: Some(e.u),
            principal: Some(e.a),
            instalment: e.inst,
            start: e.start,
        }
    }

    /// The principal stays what it was.
    fn rescheduled(e: &DebtRescheduled) -> Self {
        Self {
            utility: None,
            principal: None,
            instalment: e.inst,
            start: e.start,
        }
    }
}

impl<'a> Supply<'a> {
    fn of(e: &'a SupplyOrdered) -> Self {
        Self {
            utility: e.u,
            meter: e.m.as_str(),
            reason: e.why,
        }
    }
}

impl Closed {
    fn of(e: &AccountClosed) -> Self {
        let to = match e.to {
            ClosedTo::PaidOut(_) => "paid-out",
            ClosedTo::Moved(_) => "moved",
        };
        let settled =
            e.w.iter()
                .map(|w| ClosedLine {
                    utility: w.u,
                    credit: w.a,
                    out: w.out,
                })
                .collect();
        Self { settled, to }
    }
}

fn json<T: Serialize>(body: &T) -> Bytes {
    let written = serde_json::to_vec(body);
    assert!(
        written.is_ok(),
        "a message is plain data, which JSON can always hold"
    );
    Bytes::from(written.unwrap_or_default())
}

#[cfg(test)]
mod tests;
