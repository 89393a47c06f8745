//! Out: the log is followed, and what follows from its events is published, each message once.
//!
//! One reader serves both streams; each skips what it has. Any failure ends the session: the streams are
//! asked again how far they are complete, and the log is read on from there. Positions without a message
//! are bridged by a checkpoint in the stream itself, so a restart never reads the log from its beginning.
//! Absent on purpose: rebuilding; this is the one consumer of the log that is never run again.

mod addressee;
mod billing;
mod messages;
mod reason;
mod stream;

use std::sync::Arc;

use event_store::{EventStore, RecordedEvent};
use ledger_service::Ledger;
use tokio::sync::watch;

use self::addressee::Addressee;
use self::messages::{Messages, messages_of, speaks};
pub(crate) use self::stream::Publisher;
use self::stream::{OutStream, Output};
use crate::backoff::Backoff;
use crate::error::GatewayError;
use crate::stats::Counters;

/// The outbox of one log.
pub(crate) struct Outbox {
    /// Knows who is responsible for an account.
    ledger: Ledger,
    store: Arc<dyn EventStore>,
    publisher: Publisher,
    stats: Arc<Counters>,
    /// Sequences of both streams as this process left them.
    left: (Option<u64>, Option<u64>),
}

impl Outbox {
    /// An outbox; it does nothing before [`Self::run`].
    pub(crate) fn new(
        ledger: Ledger,
        store: Arc<dyn EventStore>,
        publisher: Publisher,
        stats: Arc<Counters>,
    ) -> Self {
        Self {
            ledger,
            store,
            publisher,
            stats,
            left: (None, None),
        }
    }

    /// Until the gateway stops or something needs a person.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), GatewayError> {
        let mut backoff = Backoff::new();
        while !*stop.borrow() {
            let ended = tokio::select! {
                ended = self.session(&mut backoff) => ended,
                _ = stop.changed() => return Ok(()),
            };
            match ended {
                Ok(never) => match never {},
                Err(error) if error.passes() => {
                    self.stats.trouble(&error);
                    tokio::select! {
                        () = backoff.pause() => {}
                        _ = stop.changed() => return Ok(()),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn session(
        &mut self,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, GatewayError> {
        let (before_notices, before_orders) = self.left;
        let mut notices = OutStream::open(
            self.publisher.clone(),
            Output::Notifications,
            before_notices,
        )
        .await?;
        self.left.0 = Some(notices.confirmed());
        let mut orders =
            OutStream::open(self.publisher.clone(), Output::Orders, before_orders).await?;
        self.left.1 = Some(orders.confirmed());
        let tail = self.store.tail().await?;
        for stream in [&notices, &orders] {
            if let Some(published) = stream
                .complete_to()
                .filter(|published| Some(*published) > tail)
            {
                return Err(GatewayError::LogBehindStream {
                    stream: stream.name(),
                    published,
                    tail,
                });
            }
        }
        // `None` is before every position.
        let from = notices.complete_to().min(orders.complete_to());
        let mut subscription = self.store.subscribe(from);
        loop {
            let events = subscription.next_batch().await?;
            let published = self.publish(&events, &mut notices, &mut orders).await;
            self.left = (Some(notices.confirmed()), Some(orders.confirmed()));
            published?;
            *backoff = Backoff::new();
            if let Some(last) = events.last() {
                self.stats.outbox_at(last.position);
            }
        }
    }

    async fn publish(
        &self,
        events: &[RecordedEvent],
        notices: &mut OutStream,
        orders: &mut OutStream,
    ) -> Result<(), GatewayError> {
        for event in events {
            let said = if speaks(&event.kind) {
                let to = Addressee::of(&self.ledger, event.stream.as_str()).await?;
                messages_of(event, &to)?
            } else {
                Messages::default()
            };
            let noticed = notices.pass(event.position, said.notification).await?;
            let ordered = orders.pass(event.position, said.order).await?;
            Counters::add(&self.stats.notifications, noticed);
            Counters::add(&self.stats.orders, ordered);
        }
        notices.confirm().await?;
        orders.confirm().await
    }
}
