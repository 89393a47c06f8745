//! From an event to the notification and the order that follow from it.
//!
//! Owns the published form of both (`docs/nats.md`). No personal data: an account, a meter, an amount,
//! a time, and ids by which a sender to the outside finds the rest where it is kept (C17). An event gives
//! at most one message to each stream, so that a log position says how far a stream is complete. Absent
//! on purpose: texts and languages, which are the sender's.

use bytes::Bytes;
use event_store::RecordedEvent;
use ledger_core::event::{
    AccountClosed, AccountEvent, ArrearsPaid, ClosedTo, CreditToppedUp, DebtPaid, Event, Meta,
    MeterOrderRepeated, Payment, SupplyOrdered, SupplyReason, TopUpVoided, decode,
};
use ledger_core::num::Money;
use ledger_core::time::{Month, Timestamp};
use ledger_core::utility::Utility;
use serde::Serialize;
use uuid::Uuid;

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
    )
}

/// What every notification says.
#[derive(Serialize)]
struct Notification<'a, T> {
    id: Uuid,
    kind: &'static str,
    account: &'a str,
    at: Timestamp,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct LowCredit {
    utility: Utility,
    credit: Money,
}

#[derive(Serialize)]
struct Receipt<'a> {
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
pub(super) fn messages_of(recorded: &RecordedEvent) -> Result<Messages, GatewayError> {
    let event = match decode(&recorded.kind, &recorded.data)? {
        Event::Account(event) => event,
        Event::Meter(_)
        | Event::Key(_)
        | Event::Suspense(_)
        | Event::Gateway(_)
        | Event::InitialCredit(_)
        | Event::Scheme(_) => {
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
    }
    .say(&event))
}

/// The event's circumstances.
struct Speaker<'a> {
    recorded: &'a RecordedEvent,
    account: &'a str,
    at: Timestamp,
}

impl Speaker<'_> {
    fn say(&self, event: &AccountEvent) -> Messages {
        let notification = match event {
            AccountEvent::LowCreditNoticed(e) => self.notify(
                "low-credit",
                LowCredit {
                    utility: e.u,
                    credit: e.a,
                },
            ),
            AccountEvent::CreditToppedUp(e) => self.notify("receipt", Receipt::top_up(e)),
            AccountEvent::TopUpVoided(e) => self.notify("receipt", Receipt::void(e)),
            AccountEvent::DebtPaid(e) => self.notify("receipt", Receipt::debt(e)),
            AccountEvent::DebtAgreed(e) => {
                let (utility, principal) = (Some(e.u), Some(e.a));
                self.notify(
                    "debt-agreed",
                    Debt {
                        utility,
                        principal,
                        instalment: e.inst,
                        start: e.start,
                    },
                )
            }
            AccountEvent::DebtRescheduled(e) => {
                let (utility, principal) = (None, None);
                self.notify(
                    "debt-rescheduled",
                    Debt {
                        utility,
                        principal,
                        instalment: e.inst,
                        start: e.start,
                    },
                )
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
            AccountEvent::AccountOpened(_)
            | AccountEvent::MeterInstalled(_)
            | AccountEvent::MeterActivated(_)
            | AccountEvent::MeterRemoved(_)
            | AccountEvent::MeterExchanged(_)
            | AccountEvent::ConsumptionCharged(_)
            | AccountEvent::LateReadingKept(_)
            | AccountEvent::ConflictingReadingKept(_)
            | AccountEvent::ReadingQuarantined(_)
            | AccountEvent::MeterExchangeSuspected(_)
            | AccountEvent::SuspicionWithdrawn(_)
            | AccountEvent::QuarantineDiscarded(_)
            | AccountEvent::LegacyCreditEntered(_)
            | AccountEvent::CreditTransferred(_)
            | AccountEvent::CreditMovedIn(_)
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

    fn notify<T: Serialize>(&self, kind: &'static str, what: T) -> Option<Outgoing> {
        let id = self.recorded.id;
        let body = Notification {
            id,
            kind,
            account: self.account,
            at: self.at,
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
            | AccountEvent::LateReadingKept(_)
            | AccountEvent::ConflictingReadingKept(_)
            | AccountEvent::ReadingQuarantined(_)
            | AccountEvent::MeterExchangeSuspected(_)
            | AccountEvent::SuspicionWithdrawn(_)
            | AccountEvent::QuarantineDiscarded(_)
            | AccountEvent::LegacyCreditEntered(_)
            | AccountEvent::CreditTransferred(_)
            | AccountEvent::CreditMovedIn(_)
            | AccountEvent::SupplyDisconnectionDeferred(_)
            | AccountEvent::SupplyDisconnectionCancelled(_)
            | AccountEvent::MeterOrderConfirmed(_)
            | AccountEvent::SchemeJoined(_)
            | AccountEvent::ArrearsMovedIn(_)
            | AccountEvent::InitialCreditGranted(_)
            | AccountEvent::EmergencyCreditDrawn(_)
            | AccountEvent::ArrearsPaid(_)
            | AccountEvent::CreditDelivered(_) => return None,
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

    fn of(
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

/// The word of a reason, as stored.
const fn reason_name(reason: SupplyReason) -> &'static str {
    match reason {
        SupplyReason::NoFirstTopUp => "no-first-top-up",
        SupplyReason::NoCredit => "no-credit",
        SupplyReason::FirstTopUp => "first-top-up",
        SupplyReason::CreditRestored => "credit-restored",
        SupplyReason::Staff => "staff",
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
mod tests {
    use super::*;
    use event_store::{Position, StreamName};
    use ledger_core::event::{KINDS, encode, kind_of};
    use ledger_core::ids::{AccountId, MeterNumber};

    fn recorded(event: AccountEvent) -> RecordedEvent {
        let event = Event::from(event);
        RecordedEvent {
            stream: StreamName::new("account-A1").unwrap(),
            revision: 3,
            position: Position {
                commit: 9,
                prepare: 9,
            },
            id: Uuid::nil(),
            kind: kind_of(&event).into(),
            data: encode(&event).into(),
            meta: Bytes::from_static(br#"{"at":"2012-02-10T00:00:00Z","by":"clock"}"#),
            recorded_at_ms: 0,
        }
    }

    fn text(message: &Outgoing) -> &str {
        std::str::from_utf8(&message.payload).unwrap()
    }

    #[test]
    fn c18_a_low_credit_notice_names_account_utility_and_credit_and_nobody() {
        let event = LowCreditEvent::at("4.9");
        let said = messages_of(&recorded(event)).unwrap();
        let notice = said.notification.unwrap();
        assert_eq!(notice.subject, "notify.low-credit");
        assert_eq!(notice.id, "00000000-0000-0000-0000-000000000000:low-credit");
        assert_eq!(
            text(&notice),
            r#"{"id":"00000000-0000-0000-0000-000000000000","kind":"low-credit","account":"A1","at":"2012-02-10T00:00:00Z","utility":"electricity","credit":"4.9"}"#
        );
        assert_eq!(said.order, None);
    }

    struct LowCreditEvent;

    impl LowCreditEvent {
        fn at(credit: &str) -> AccountEvent {
            let a = Money::parse(credit).unwrap();
            AccountEvent::LowCreditNoticed(ledger_core::event::LowCreditNoticed {
                u: Utility::Electricity,
                a,
            })
        }
    }

    #[test]
    fn c20_an_order_carries_its_number_action_and_expiry_and_a_notice_goes_with_it() {
        let until = Timestamp::parse("2012-02-11T00:00:00Z").unwrap();
        let m = MeterNumber::parse("E1").unwrap();
        let ordered = SupplyOrdered {
            u: Utility::Electricity,
            m: m.clone(),
            n: 4,
            until,
            why: SupplyReason::NoCredit,
        };
        let said =
            messages_of(&recorded(AccountEvent::SupplyDisconnectionOrdered(ordered))).unwrap();
        assert_eq!(said.notification.unwrap().subject, "notify.disconnected");
        let order = said.order.unwrap();
        assert_eq!(order.subject, "meter.orders.E1");
        assert_eq!(
            text(&order),
            r#"{"order":4,"meter":"E1","utility":"electricity","action":"disconnect","reason":"no-credit","ordered_at":"2012-02-10T00:00:00Z","expires_at":"2012-02-11T00:00:00Z"}"#
        );
        let repeated = MeterOrderRepeated {
            u: Utility::Electricity,
            m,
            n: 5,
            until,
            on: false,
        };
        let said = messages_of(&recorded(AccountEvent::MeterOrderRepeated(repeated))).unwrap();
        assert_eq!(
            said.notification, None,
            "a repeated order is no second notice"
        );
        assert!(text(&said.order.unwrap()).contains(r#""order":5"#));
    }

    #[test]
    fn the_word_of_a_reason_is_the_stored_one() {
        for reason in [
            SupplyReason::NoFirstTopUp,
            SupplyReason::NoCredit,
            SupplyReason::FirstTopUp,
            SupplyReason::CreditRestored,
            SupplyReason::Staff,
        ] {
            assert_eq!(
                serde_json::to_string(&reason).unwrap(),
                format!("\"{}\"", reason_name(reason))
            );
        }
    }

    #[test]
    fn every_kind_that_speaks_is_a_kind_of_the_log() {
        assert_eq!(KINDS.iter().filter(|kind| speaks(kind)).count(), 10);
    }

    #[test]
    fn an_account_is_the_one_of_the_stream() {
        assert!(AccountId::parse("A1").is_ok());
        let mut stray = recorded(LowCreditEvent::at("1"));
        stray.stream = StreamName::new("meter-E1").unwrap();
        assert!(messages_of(&stray).is_err());
    }
}
