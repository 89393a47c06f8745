//! Who consumes: one owner per partition of the readings.
//!
//! Acknowledging everything up to a message is sound with one reader only, so a process takes the
//! partition's lease before it reads. The lease is a message that expires unless it is renewed; taking
//! and renewing expect the sequence of the message before, so JetStream decides between two processes.
//! What a process recorded while its lease was lost is recognised by the log all the same. Absent on
//! purpose: comparing clocks of two machines; only the server's clock counts.

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;

use crate::error::GatewayError;
use crate::names::{self, EXPECTED_LAST_SUBJECT_SEQUENCE, OWNER_TTL};

/// How often the lease is renewed: two renewals may fail before it lapses.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How often a process that waits for a lapsed owner looks again.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a silent owner is waited for: its time to live, and one look.
const WAIT_MAX: Duration = OWNER_TTL.saturating_add(Duration::from_secs(1));

/// Ownership of a partition.
#[derive(Debug)]
pub(crate) struct Lease {
    js: Context,
    stream: Stream,
    partition: String,
    subject: String,
    instance: String,
    sequence: u64,
}

/// Who holds the lease now.
struct Holder {
    instance: String,
    sequence: u64,
}

impl Lease {
    /// Takes the partition. Waits for an owner that says nothing more; one that renews is respected.
    ///
    /// # Errors
    /// [`GatewayError::OwnedByAnother`], or what JetStream answered.
    pub(crate) async fn take(
        js: &Context,
        partition: &str,
        instance: &str,
    ) -> Result<Self, GatewayError> {
        let mut lease = Self {
            js: js.clone(),
            stream: names::owners(js).await?,
            partition: partition.to_owned(),
            subject: format!("ledger.owner.{partition}"),
            instance: instance.to_owned(),
            sequence: 0,
        };
        let give_up = Instant::now() + WAIT_MAX;
        let mut seen: Option<u64> = None;
        loop {
            let Some(holder) = lease.holder().await? else {
                if lease.write(0).await? {
                    return Ok(lease);
                }
                continue;
            };
            if holder.instance == instance {
                lease.sequence = holder.sequence;
                return Ok(lease);
            }
            let renewed = seen.is_some_and(|sequence| sequence != holder.sequence);
            if renewed || Instant::now() > give_up {
                return Err(lease.owned_by(holder));
            }
            seen = Some(holder.sequence);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Keeps the partition; takes it again if the lease lapsed and nobody else has taken it.
    ///
    /// # Errors
    /// [`GatewayError::OwnedByAnother`], or what JetStream answered.
    pub(crate) async fn renew(&mut self) -> Result<(), GatewayError> {
        if self.write(self.sequence).await? {
            return Ok(());
        }
        match self.holder().await? {
            Some(holder) if holder.instance == self.instance => self.sequence = holder.sequence,
            Some(holder) => return Err(self.owned_by(holder)),
            None => {
                if !self.write(0).await? {
                    let holder = self.holder().await?;
                    return holder.map_or(Ok(()), |holder| Err(self.owned_by(holder)));
                }
            }
        }
        Ok(())
    }

    /// Lets the next process in at once. If that fails, the lease lapses by itself.
    pub(crate) async fn release(self) {
        if let Err(error) = self.stream.delete_message(self.sequence).await {
            tracing::info!(%error, "the lease was not given back and lapses by itself");
        }
    }

    fn owned_by(&self, holder: Holder) -> GatewayError {
        GatewayError::OwnedByAnother {
            partition: self.partition.clone(),
            owner: holder.instance,
        }
    }

    /// Writes the lease if its newest message has this sequence (0: there is none).
    async fn write(&mut self, expected: u64) -> Result<bool, GatewayError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            EXPECTED_LAST_SUBJECT_SEQUENCE,
            expected.to_string().as_str(),
        );
        let payload = Bytes::from(self.instance.clone());
        let sent = self
            .js
            .publish_with_headers(self.subject.clone(), headers, payload)
            .await;
        let answer = match sent {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(ack) => {
                self.sequence = ack.sequence;
                Ok(true)
            }
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Err(error) => Err(GatewayError::nats("taking or renewing the lease", error)),
        }
    }

    async fn holder(&self) -> Result<Option<Holder>, GatewayError> {
        match self
            .stream
            .get_last_raw_message_by_subject(&self.subject)
            .await
        {
            Ok(message) => {
                let instance = String::from_utf8_lossy(&message.payload).into_owned();
                Ok(Some(Holder {
                    instance,
                    sequence: message.sequence,
                }))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(GatewayError::nats("reading the lease", error)),
        }
    }
}
