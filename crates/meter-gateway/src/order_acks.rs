//! Meters' answers to orders: `{"meter":"E1","order":4,"at":"2012-02-10T08:00:00Z"}` (C20).
//!
//! Each is told to the ledger and acknowledged by itself; they are few. A confirmation that comes again
//! changes nothing. One that is malformed, stale or of an unknown meter goes to the dead letters first.
//! Absent on purpose: repeating orders, which is the clock's command.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::message::Message;
use bytes::Bytes;
use futures::StreamExt;
use ledger_core::ids::{Actor, MeterNumber};
use ledger_core::rejection::Rejection;
use ledger_core::time::{LocalDateTime, Timestamp, Zone};
use ledger_service::{Ledger, ServiceError};
use serde::Deserialize;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::dead_letters::{self, DeadLetter, Source};
use crate::decode::{Malformed, Reason};
use crate::error::{GatewayError, passes};
use crate::names::{self, ORDER_ACK_SUBJECTS};
use crate::stats::Counters;

/// Name of the consumer; several processes may share it, since each answer is acknowledged by itself.
const CONSUMER: &str = "ledger-order-acks";
/// Answers under way; they are decided one by one.
const PENDING_MAX: i64 = 1_000;
/// How long an answer may be under way before the server gives it out again: longer than a busy spell.
const ACK_WAIT: Duration = Duration::from_secs(60);
/// Largest answer, in bytes: three short fields.
const ANSWER_BYTES_MAX: usize = 4_096;

/// The consumption of answers.
pub(crate) struct OrderAcks {
    pub(crate) ledger: Ledger,
    pub(crate) js: Context,
    pub(crate) zone: Zone,
    pub(crate) stats: Arc<Counters>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    meter: String,
    order: u32,
    at: String,
}

/// An answer, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Confirmation {
    meter: MeterNumber,
    order: u32,
    at: Timestamp,
}

impl OrderAcks {
    /// Until the gateway stops or something needs a person.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), GatewayError> {
        let mut backoff = Backoff::new();
        while !*stop.borrow() {
            let ended = tokio::select! {
                ended = self.session(&mut backoff) => ended,
                _ = stop.changed() => return Ok(()),
            };
            match ended {
                Ok(()) => {}
                Err(error) if error.passes() => self.stats.trouble(&error),
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = backoff.pause() => {}
                _ = stop.changed() => return Ok(()),
            }
        }
        Ok(())
    }

    async fn session(&self, backoff: &mut Backoff) -> Result<(), GatewayError> {
        names::rejected(&self.js).await?;
        let consumer = self.consumer().await?;
        let doing = "reading answers to orders";
        let messages = consumer
            .messages()
            .await
            .map_err(|error| GatewayError::nats(doing, error))?;
        let mut messages = std::pin::pin!(messages);
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| GatewayError::nats(doing, error))?;
            self.take(&message).await?;
            message
                .ack()
                .await
                .map_err(|error| GatewayError::nats("acknowledging an answer", error))?;
            *backoff = Backoff::new();
        }
        Ok(())
    }

    async fn consumer(&self) -> Result<Consumer<pull::Config>, GatewayError> {
        let stream = names::order_acks(&self.js).await?;
        let config = pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: PENDING_MAX,
            ..pull::Config::default()
        };
        let made = stream.get_or_create_consumer(CONSUMER, config).await;
        made.map_err(|error| GatewayError::nats("making the consumer of answers", error))
    }

    async fn take(&self, message: &Message) -> Result<(), GatewayError> {
        let sequence = message.info().map_or(0, |info| info.stream_sequence);
        let source = Source {
            reader: CONSUMER.to_owned(),
            subject: message.subject.to_string(),
            sequence,
        };
        let letter = match self.understand(message) {
            Ok((actor, confirmation)) => match self.confirm(&actor, &confirmation).await? {
                Ok(()) => None,
                Err(refusal) => Some(DeadLetter::refused(
                    &refusal,
                    None,
                    message.payload.clone(),
                    source,
                )),
            },
            Err(malformed) => Some(DeadLetter::malformed(malformed, source)),
        };
        let Some(letter) = letter else {
            Counters::add(&self.stats.order_acks, 1);
            return Ok(());
        };
        dead_letters::publish(&self.js, vec![letter]).await;
        Counters::add(&self.stats.order_acks_rejected, 1);
        Ok(())
    }

    fn understand(&self, message: &Message) -> Result<(Actor, Confirmation), Malformed> {
        let refuse = |field: Option<&str>, explanation: String| Malformed {
            index: None,
            reason: Reason::BadOrderAck,
            field: field.map(str::to_owned),
            explanation,
            original: message.payload.clone(),
        };
        let actor = actor_of(&message.subject).ok_or_else(|| {
            refuse(
                None,
                format!(
                    "subject {:?} is not {ORDER_ACK_SUBJECTS} with a gateway's name",
                    message.subject
                ),
            )
        })?;
        let confirmation = confirmation_of(&message.payload, &self.zone)
            .map_err(|(field, why)| refuse(field, why))?;
        Ok((actor, confirmation))
    }

    /// Waits for a busy ledger. The inner result is the ledger's answer.
    async fn confirm(
        &self,
        actor: &Actor,
        said: &Confirmation,
    ) -> Result<Result<(), Rejection>, GatewayError> {
        let mut backoff = Backoff::new();
        loop {
            let received_at = self.ledger.time().now();
            let confirmation = (said.meter.clone(), said.order, said.at);
            match self
                .ledger
                .confirm_order(actor, received_at, confirmation)
                .await
            {
                Ok(reply) => return Ok(reply.answer.refusal().cloned().map_or(Ok(()), Err)),
                Err(error) if passes(&error) => {
                    self.stats.trouble(&error);
                    backoff.pause().await;
                }
                Err(ServiceError::Stopped(why)) => return Err(ServiceError::Stopped(why).into()),
                Err(error) => {
                    // Nothing that waiting cures: told to a person through the dead letters.
                    let (field, reason) = ("ledger".to_owned(), error.to_string());
                    return Ok(Err(Rejection::BadInput { field, reason }));
                }
            }
        }
    }
}

/// Who answers: the gateway of the subject.
fn actor_of(subject: &str) -> Option<Actor> {
    let gateway = subject.strip_prefix("meter.order-acks.")?;
    Actor::parse(gateway).ok()
}

fn confirmation_of(
    payload: &Bytes,
    zone: &Zone,
) -> Result<Confirmation, (Option<&'static str>, String)> {
    if payload.len() > ANSWER_BYTES_MAX {
        return Err((
            None,
            format!("the answer has more than {ANSWER_BYTES_MAX} bytes"),
        ));
    }
    let answer: Answer = serde_json::from_slice(payload).map_err(|error| {
        (None, format!("the answer is not {{\"meter\",\"order\",\"at\"}} ({error}): see docs/schemas/order-ack.schema.json"))
    })?;
    let meter = MeterNumber::parse(&answer.meter)
        .map_err(|error| (Some("meter"), format!("meter: {error}")))?;
    let at = match Timestamp::parse(&answer.at) {
        Ok(at) => at,
        Err(error) => LocalDateTime::parse(&answer.at)
            .map(|local| zone.local_to_utc(local, None))
            .map_err(|_| (Some("at"), format!("at: {error}")))?,
    };
    Ok(Confirmation {
        meter,
        order: answer.order,
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c20_an_answer_names_meter_order_and_time() {
        let zone = Zone::named("Asia/Brunei").unwrap();
        let read =
            |json: &'static str| confirmation_of(&Bytes::from_static(json.as_bytes()), &zone);
        let good = read(r#"{"meter":"E1","order":4,"at":"2012-02-10T08:00:00"}"#).unwrap();
        assert_eq!(good.at, Timestamp::parse("2012-02-10T00:00:00Z").unwrap());
        assert_eq!((good.meter.as_str(), good.order), ("E1", 4));
        for (bad, field) in [
            (
                r#"{"meter":"e1","order":4,"at":"2012-02-10T08:00:00Z"}"#,
                Some("meter"),
            ),
            (r#"{"meter":"E1","order":4,"at":"today"}"#, Some("at")),
            (
                r#"{"meter":"E1","order":-4,"at":"2012-02-10T08:00:00Z"}"#,
                None,
            ),
            (r#"{"meter":"E1","order":4}"#, None),
            ("", None),
        ] {
            assert_eq!(read(bad).unwrap_err().0, field, "{bad}");
        }
        assert_eq!(actor_of("meter.order-acks.he-1").unwrap().as_str(), "he-1");
        assert_eq!(actor_of("meter.orders.E1"), None);
    }
}
