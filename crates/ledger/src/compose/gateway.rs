//! The gateway as a part of the running ledger: started when a NATS server is configured.
//!
//! A NATS server that is away is waited for, by the gateway itself; what needs a person stops the ledger.

use std::sync::Arc;

use meter_gateway::{Connection, GatewayConfig, GatewayError, GatewayHandle};
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};

use crate::compose::Core;
use crate::config::Settings;
use crate::failure::Failure;

/// The running gateway, shared with those who show its figures.
#[derive(Clone)]
pub(super) struct GatewayPart(Arc<Mutex<Option<GatewayHandle>>>);

impl GatewayPart {
    /// Starts it, where NATS is configured.
    ///
    /// # Errors
    /// When the configuration cannot be used. A server that is away is no error.
    pub(super) async fn start(
        settings: &Settings,
        core: &Core,
        stop: watch::Receiver<bool>,
    ) -> Result<Option<Self>, Failure> {
        let Some(url) = &settings.nats_url else {
            return Ok(None);
        };
        let zone = core.ledger.policies().default_policy().zone().clone();
        let config = GatewayConfig::new(Connection::new(url.as_str()), zone);
        let store = core.log.store();
        let handle = meter_gateway::run(config, core.ledger.clone(), store, stop).await?;
        Ok(Some(Self(Arc::new(Mutex::new(Some(handle))))))
    }

    /// Its figures; `null` once it has stopped.
    pub(super) async fn figures(&self) -> Value {
        let held = self.0.lock().await;
        held.as_ref()
            .map_or(Value::Null, |handle| json!(handle.stats()))
    }

    /// Why it ended, if it has; `None` while it runs.
    pub(super) async fn failure(&self) -> Option<Failure> {
        let mut held = self.0.lock().await;
        let handle = held.as_mut()?;
        // Asked and not waited for: whoever shows its figures needs it too.
        let ended = futures::FutureExt::now_or_never(handle.ended())?;
        *held = None;
        Some(match ended {
            Err(error) => error.into(),
            Ok(()) => Failure::unavailable("GATEWAY_ENDED", "the gateway ended by itself"),
        })
    }

    /// Waits until it has stopped in order.
    pub(super) async fn stopped(&self) {
        let handle = self.0.lock().await.take();
        let Some(handle) = handle else { return };
        if let Err(error) = handle.stop().await {
            tracing::warn!(code = error.code(), %error, "the gateway did not stop in order");
        }
    }
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        let (code, what) = (error.code(), error.to_string());
        match error {
            GatewayError::Nats { .. } => Self::unavailable(code, what).advise(
                "start the NATS server (with JetStream), or correct nats_url, then try again",
            ),
            GatewayError::Connection { .. } | GatewayError::BadPartition(_) => {
                Self::usage(code, what)
            }
            GatewayError::OwnedByAnother { .. }
            | GatewayError::RecordedByAnother { .. }
            | GatewayError::PublishedByAnother { .. } => Self::unavailable(code, what),
            GatewayError::Ledger(error) => error.into(),
            GatewayError::Log(error) => error.into(),
            GatewayError::NotReplayable { .. } => Self::refused(code, what)
                .advise("list them first; `--again` replays a letter once more"),
            GatewayError::StreamUnfit { .. }
            | GatewayError::CheckpointUnusable { .. }
            | GatewayError::LogBehindStream { .. }
            | GatewayError::Event(_)
            | GatewayError::OddEvent { .. }
            | GatewayError::TaskEnded(_) => Self::damaged(code, what),
        }
    }
}
