//! Settings of the gateway and the connection to NATS.
//!
//! Owns what an operator may set; limits that are not a matter of taste are constants beside what they
//! bound. The client reconnects for ever by itself. Absent on purpose: reading files and environment,
//! which is the binary's.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use event_store::Position;
use ledger_core::time::Zone;

use crate::error::GatewayError;
use crate::pull::WINDOW_MESSAGES_MAX;

/// Longest pause between attempts to reach NATS again.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Heartbeats and status messages that may lie between the messages of a full window.
const STATUS_MESSAGES_MAX: usize = 1_024;

/// How to reach NATS.
#[derive(Debug, Clone)]
pub struct Connection {
    /// `nats://host:port` or `tls://…`, with `user:password@` where needed; several divided by commas.
    pub url: String,
    /// Certificate authorities beyond the machine's own, PEM.
    pub root_certificates: Option<PathBuf>,
}

impl Connection {
    /// A connection by URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            root_certificates: None,
        }
    }
}

/// Settings of the gateway.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// How to reach NATS.
    pub connection: Connection,
    /// Name of the part of the readings that this process consumes: 1 to 16 lower-case letters, digits or
    /// `-`. One process a partition.
    pub partition: String,
    /// Subjects of the partition, within `meter.readings.*.*`.
    pub filter: String,
    /// Zone of read times that come without an offset (C7).
    pub zone: Zone,
    /// Publish notifications and orders. One process a log.
    pub outbox: bool,
    /// Continue output streams that carry no usable checkpoint after this position.
    pub outbox_continue_after: Option<Position>,
}

impl GatewayConfig {
    /// All readings, with the outbox.
    #[must_use]
    pub fn new(connection: Connection, zone: Zone) -> Self {
        Self {
            connection,
            partition: "all".to_owned(),
            filter: crate::names::READINGS_SUBJECTS.to_owned(),
            zone,
            outbox: true,
            outbox_continue_after: None,
        }
    }
}

/// A client that connects as soon as NATS is there, and again whenever it was away.
pub(crate) async fn connect(connection: &Connection, name: &str) -> Result<Client, GatewayError> {
    let bad = |reason: String| GatewayError::Connection {
        url: without_password(&connection.url),
        reason,
    };
    let servers: Result<Vec<async_nats::ServerAddr>, _> =
        connection.url.split(',').map(str::parse).collect();
    let servers = servers.map_err(|error: std::io::Error| bad(error.to_string()))?;
    let mut options = ConnectOptions::new()
        .name(format!("utility-ledger {name}"))
        .retry_on_initial_connect()
        .subscription_capacity(WINDOW_MESSAGES_MAX + STATUS_MESSAGES_MAX)
        .reconnect_delay_callback(|attempts| {
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            Duration::from_millis(20)
                .saturating_mul(attempts)
                .min(RECONNECT_PAUSE_MAX)
        })
        .event_callback(|event| async move { report(&event) });
    if let Some(path) = &connection.root_certificates {
        options = options.add_root_certificates(path.clone());
    }
    options
        .connect(servers)
        .await
        .map_err(|error| bad(error.to_string()))
}

fn report(event: &Event) {
    match event {
        Event::Connected => tracing::info!("NATS is connected"),
        Event::Disconnected => {
            tracing::warn!("NATS is disconnected; the client connects again by itself");
        }
        Event::SlowConsumer(_) => {
            tracing::error!("NATS deliveries were dropped for want of room; they come again");
        }
        Event::ServerError(error) => tracing::warn!(%error, "NATS reports an error"),
        Event::LameDuckMode | Event::Draining | Event::Closed => {
            tracing::info!(%event, "NATS connection");
        }
        Event::ClientError(error) => tracing::debug!(%error, "NATS client"),
    }
}

/// The URL as it may be shown.
fn without_password(url: &str) -> String {
    let hide = |one: &str| match (one.find("://"), one.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!(
                "{}://…{}",
                one.get(..scheme).unwrap_or_default(),
                one.get(at..).unwrap_or_default()
            )
        }
        _ => one.to_owned(),
    };
    url.split(',').map(hide).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows_in_an_error() {
        assert_eq!(
            without_password("nats://u:p@h:4222,tls://b"),
            "nats://…@h:4222,tls://b"
        );
    }
}
