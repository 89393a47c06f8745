//! The log shown to clients of KurrentDB, as a part of the running ledger: read-only, with the ledger's keys.
//!
//! A client's password is an API key, under any user name; so is a bearer token. Who may read the history of
//! all accounts is whoever may see the totals of all: see [`HISTORY_READERS`].

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use command_api::access::HISTORY_READERS;
use command_api::keys::Keys;
use kurrent_facade::{
    Advertised, Authorize, Config, Credentials, Denied, Grant, Identity, ServeError,
};
use tokio::task::JoinHandle;

use crate::compose::Core;
use crate::config::Settings;
use crate::failure::Failure;

/// The running server.
pub(super) struct KurrentPart {
    /// Where it listens: the real port, also when port 0 was asked for.
    pub(super) address: SocketAddr,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl KurrentPart {
    /// Starts it, where an address is configured.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub(super) async fn start(
        settings: &Settings,
        core: &Core,
        keys: Keys,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Option<Self>, Failure> {
        let Some(listen) = settings.kurrent_listen else {
            return Ok(None);
        };
        let mut config = Config::new(listen);
        config.advertised = settings.advertise.as_deref().and_then(advertised);
        config.tls = identity(settings)?;
        if config.tls.is_none() && !listen.ip().is_loopback() {
            tracing::warn!(%listen, "keys of KurrentDB clients come in clear: give kurrent_tls_cert and kurrent_tls_key, or let a proxy end TLS");
        }
        let keys = Arc::new(ByKeys(keys));
        let (address, serving) =
            kurrent_facade::serve(config, core.log.store(), keys, stop).await?;
        Ok(Some(Self {
            address,
            serving: tokio::spawn(serving),
        }))
    }

    /// Why it ended, if it has; `None` while it runs.
    pub(super) async fn failure(&mut self) -> Option<Failure> {
        if !self.serving.is_finished() {
            return None;
        }
        let ended = joined((&mut self.serving).await);
        Some(ended.err().unwrap_or_else(|| {
            Failure::unavailable(
                "KURRENT_SERVER",
                "the server for clients of KurrentDB ended by itself",
            )
        }))
    }

    /// Waits until it has stopped in order.
    pub(super) async fn stopped(self) {
        if self.serving.is_finished() {
            return;
        }
        if let Err(failure) = joined(self.serving.await) {
            tracing::warn!(code = failure.code(), "{}", failure.what());
        }
    }
}

fn joined(ended: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), Failure> {
    match ended {
        Ok(served) => served.map_err(Failure::from),
        Err(error) => Err(Failure::damaged(
            "KURRENT_SERVER",
            format!("the server for clients of KurrentDB broke: {error}"),
        )),
    }
}

/// The certificate that is configured, if one is.
fn identity(settings: &Settings) -> Result<Option<Identity>, Failure> {
    let read = |file: &Path| {
        std::fs::read(file)
            .map_err(|error| Failure::file("reading the certificate or key", file, &error))
    };
    match (&settings.kurrent_tls_cert, &settings.kurrent_tls_key) {
        (Some(certificate), Some(key)) => {
            Ok(Some(Identity::from_pem(read(certificate)?, read(key)?)))
        }
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(Failure::usage(
            "KURRENT_TLS",
            "kurrent_tls_cert and kurrent_tls_key belong together: one of them is missing",
        )
        .advise("give both files, or neither for plain connections on loopback")),
    }
}

/// Host and port; the settings have been checked.
fn advertised(text: &str) -> Option<Advertised> {
    let (host, port) = text.rsplit_once(':')?;
    Some(Advertised {
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}

struct ByKeys(Keys);

impl Authorize for ByKeys {
    fn check(&self, header: Option<&str>) -> Result<Grant, Denied> {
        let credentials = header.and_then(Credentials::of_header);
        let key = match credentials.ok_or(Denied::Unauthenticated)? {
            Credentials::Basic { password, .. } => password,
            Credentials::Bearer(token) => token,
        };
        let principal = self.0.find(key.as_bytes()).ok_or(Denied::Unauthenticated)?;
        if !HISTORY_READERS.iter().any(|role| principal.has(*role)) {
            return Err(Denied::Forbidden);
        }
        Ok(Grant {
            name: principal.actor.to_string(),
            append: false,
        })
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let what = error.to_string();
        match error {
            ServeError::Listen { .. } => Self::unavailable("KURRENT_LISTEN", what).advise(
                "stop what listens there, or give another kurrent_listen; port 0 takes a free one",
            ),
            ServeError::AppendsBeyondLoopback(_) => Self::usage("KURRENT_LISTEN", what),
            ServeError::Tls(_) => Self::usage("KURRENT_TLS", what)
                .advise("give the certificate and its private key as files in PEM"),
            ServeError::Transport(_) | ServeError::CutOff => {
                Self::unavailable("KURRENT_SERVER", what)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(entries: &[(&str, &str, &str)]) -> ByKeys {
        let mut text = String::new();
        for (name, role, key) in entries {
            let hash = command_api::keys::hash_of(key.as_bytes()).to_hex();
            text.push_str(&format!(
                "[[key]]\nname = \"{name}\"\nchannel = \"office\"\nroles = [\"{role}\"]\nhash = \"{hash}\"\n"
            ));
        }
        ByKeys(Keys::parse(&text).unwrap())
    }

    #[test]
    fn a_key_that_may_see_all_reads_the_history_and_no_other_does() {
        let keys = keys(&[("reader", "analyst", "ulk_a"), ("till", "channel", "ulk_t")]);
        let check = |header: &str| {
            keys.check(Some(header))
                .map(|grant| (grant.name, grant.append))
        };
        let reader = Ok(("reader".to_owned(), false));
        assert_eq!(check("Bearer ulk_a"), reader);
        // anybody:ulk_a
        assert_eq!(check("Basic YW55Ym9keTp1bGtfYQ=="), reader);
        assert_eq!(check("Bearer ulk_t"), Err(Denied::Forbidden));
        assert_eq!(check("Bearer ulk_x"), Err(Denied::Unauthenticated));
        assert_eq!(keys.check(None), Err(Denied::Unauthenticated));
    }

    #[test]
    fn an_advertised_address_may_have_colons_of_its_own() {
        let at = advertised("[::1]:2113").unwrap();
        assert_eq!((at.host.as_str(), at.port), ("[::1]", 2113));
    }
}
