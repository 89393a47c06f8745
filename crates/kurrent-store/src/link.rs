//! Which node is talked to: dialling, gossip, leaving a node that died or no longer leads.
//!
//! There is one current connection, shared by appends and reads. Whoever sees it fail says so with its
//! number, and the next who needs one opens another: straight at the leader a server has named, else at
//! the leader that gossip names, else at the only host. Several who wait share one attempt. Absent on
//! purpose: a task in the background. A store nobody uses opens nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kurrent_wire::names;
use kurrent_wire::pb::gossip::gossip_client::GossipClient;
use kurrent_wire::pb::gossip::member_info::VNodeState;
use kurrent_wire::pb::server_features::server_features_client::ServerFeaturesClient;
use kurrent_wire::pb::shared::Empty;
use tokio::sync::watch;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::ConnectError;
use crate::options::{DIAL_TIMEOUT_MS, lot};
use crate::settings::{HOSTS_MAX, Host, Settings};
use crate::stats::{Counters, count};
use crate::tls::Secured;
use crate::trouble::Trouble;

/// Bytes on their way to a read before the server waits.
const READ_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Bytes on their way to all reads and appends of the shared connection.
const SHARED_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// Bytes on their way to a subscription before the server waits.
const FOLLOW_WINDOW_BYTES: u32 = 1024 * 1024;

/// A connection to one node.
pub(crate) struct Connection {
    /// Grows with each connection.
    pub(crate) number: u64,
    pub(crate) host: Host,
    pub(crate) channel: Channel,
}

/// The way to the server.
pub(crate) struct Link {
    settings: Settings,
    secured: Option<Secured>,
    authorization: Option<MetadataValue<Ascii>>,
    name: Option<MetadataValue<Ascii>>,
    pub(crate) counters: Arc<Counters>,
    state: Mutex<State>,
    /// Held while a connection is opened.
    opening: tokio::sync::Mutex<()>,
    number: AtomicU64,
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Connection>>,
    /// Attempts to connect, and why the newest failed.
    attempts: u64,
    failure: Option<Trouble>,
    /// The leader as a server named it.
    hint: Option<Host>,
    /// Members as gossip named them.
    members: Vec<Host>,
}

impl Link {
    pub(crate) fn new(settings: Settings, counters: Arc<Counters>) -> Result<Self, ConnectError> {
        let secured = settings.tls.as_ref().map(Secured::load).transpose()?;
        let authorization = settings.credentials.as_ref().map(|who| {
            let pair = format!("{}:{}", who.user, who.password());
            let mut value: MetadataValue<Ascii> = format!("Basic {}", STANDARD.encode(pair))
                .parse()
                .unwrap_or_else(|_| MetadataValue::from_static("Basic"));
            value.set_sensitive(true);
            value
        });
        let name = settings.connection_name.as_deref();
        let name = name.and_then(|name| name.parse().ok());
        Ok(Self {
            secured,
            authorization,
            name,
            counters,
            settings,
            state: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            number: AtomicU64::new(0),
            closed: watch::Sender::new(false),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A message with the headers of every call.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let headers = request.metadata_mut();
        headers.insert(
            names::HEADER_REQUIRES_LEADER,
            MetadataValue::from_static("true"),
        );
        if let Some(authorization) = &self.authorization {
            headers.insert(names::HEADER_AUTHORIZATION, authorization.clone());
        }
        if let Some(name) = &self.name {
            headers.insert(names::HEADER_CONNECTION_NAME, name.clone());
        }
        request
    }

    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
        self.state().current = None;
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Ends when the store is closed.
    pub(crate) async fn until_closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives as long as this link.
        drop(closed.wait_for(|closed| *closed).await);
    }

    /// The current connection, or a new one.
    pub(crate) async fn get(&self) -> Result<Arc<Connection>, Trouble> {
        let seen = {
            let state = self.state();
            if let Some(current) = &state.current {
                return Ok(Arc::clone(current));
            }
            state.attempts
        };
        let _opening = self.opening.lock().await;
        {
            let state = self.state();
            if let Some(current) = &state.current {
                return Ok(Arc::clone(current));
            }
            if let Some(failure) = state.failure.as_ref().filter(|_| state.attempts > seen) {
                return Err(failure.clone());
            }
        }
        if self.is_closed() {
            return Err(Trouble::Closed);
        }
        let outcome = self.open().await;
        let mut state = self.state();
        state.attempts += 1;
        match outcome {
            Ok((host, channel)) => {
                count(&self.counters.connects);
                tracing::info!(%host, "connected to the event store");
                let connection = Arc::new(Connection {
                    number: self.number.fetch_add(1, Ordering::Relaxed),
                    host,
                    channel,
                });
                state.failure = None;
                state.current = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(trouble) => {
                count(&self.counters.connect_failures);
                self.counters.error(&trouble.text());
                state.failure = Some(trouble.clone());
                Err(trouble)
            }
        }
    }

    /// Number of the current connection, if there is one.
    pub(crate) fn current(&self) -> Option<u64> {
        let state = self.state();
        state.current.as_ref().map(|current| current.number)
    }

    /// Gives up a connection after trouble with it; others that use it will see for themselves.
    pub(crate) fn leave(&self, number: u64, trouble: &Trouble) {
        let hint = match trouble {
            Trouble::NotLeader(hint) => hint.clone(),
            Trouble::Passing { lost: true, .. } => None,
            Trouble::Passing { .. }
            | Trouble::Denied(_)
            | Trouble::Deleted(_)
            | Trouble::Refused(_)
            | Trouble::Broken(_)
            | Trouble::Closed => return,
        };
        let mut state = self.state();
        if let Some(current) = state.current.take_if(|current| current.number == number) {
            state.hint = hint;
            count(&self.counters.disconnects);
            self.counters.error(&trouble.text());
            tracing::warn!(host = %current.host, reason = %trouble.text(), "left the event store's node");
        }
    }

    /// A connection of a subscription's own to the current node. A reader that is slow then holds up
    /// neither appends nor reads nor other subscriptions. Besides: the number of the shared connection beside
    /// it, whose fate it shares.
    pub(crate) async fn separate(&self) -> Result<(u64, Channel), Trouble> {
        let shared = self.get().await?;
        let dialled = self.dial(&shared.host, FOLLOW_WINDOW_BYTES, FOLLOW_WINDOW_BYTES * 2);
        let channel = dialled
            .await
            .inspect_err(|trouble| self.leave(shared.number, trouble))?;
        Ok((shared.number, channel))
    }

    async fn open(&self) -> Result<(Host, Channel), Trouble> {
        let hint = self.state().hint.take();
        if let Some(leader) = hint
            && let Ok(channel) = self.dial_alive(&leader).await
        {
            return Ok((leader, channel));
        }
        if self.settings.discover {
            return self.discover().await;
        }
        let host = self.settings.hosts.first();
        let host = host.ok_or_else(|| Trouble::passing("no host is known"))?;
        Ok((host.clone(), self.dial_alive(host).await?))
    }

    async fn discover(&self) -> Result<(Host, Channel), Trouble> {
        let mut trouble = Trouble::passing("no member was asked");
        for round in 0..self.settings.discover_attempts {
            if round > 0 {
                tokio::time::sleep(self.settings.discovery_interval).await;
            }
            for host in self.candidates() {
                match self.leader_by(&host).await {
                    Ok(found) => return Ok(found),
                    Err(why) => trouble = why,
                }
            }
        }
        Err(trouble)
    }

    /// The members known, in an order by lot.
    fn candidates(&self) -> Vec<Host> {
        let mut hosts = self.settings.hosts.clone();
        for member in &self.state().members {
            if !hosts.contains(member) {
                hosts.push(member.clone());
            }
        }
        let mut lots: Vec<(u64, Host)> = hosts.into_iter().map(|host| (lot(), host)).collect();
        lots.sort_by_key(|(lot, _)| *lot);
        lots.into_iter().map(|(_, host)| host).collect()
    }

    /// The leader as `host` sees it, dialled.
    async fn leader_by(&self, host: &Host) -> Result<(Host, Channel), Trouble> {
        let channel = self.dial_shared(host).await?;
        let mut gossip = GossipClient::new(channel.clone());
        let asked = gossip.read(self.request(Empty {}));
        let answer = tokio::time::timeout(self.settings.gossip_timeout, asked)
            .await
            .map_err(|_| Trouble::passing(format!("{host} does not say who is in the cluster")))?
            .map_err(|status| Trouble::from(&status))?;
        let mut leader = None;
        let mut members = Vec::new();
        for member in answer.into_inner().members.into_iter().take(HOSTS_MAX) {
            let leads = member.is_alive && member.state() == VNodeState::Leader;
            let Some(end) = member.http_end_point else {
                continue;
            };
            let Some(member) = Host::named(&end.address, &end.port.to_string()) else {
                continue;
            };
            if leads {
                leader = Some(member.clone());
            }
            members.push(member);
        }
        self.state().members = members;
        let leader = leader.ok_or_else(|| {
            Trouble::passing(format!("{host} says that no member of the cluster leads"))
        })?;
        if leader == *host {
            return Ok((leader, channel));
        }
        let channel = self.dial_alive(&leader).await?;
        Ok((leader, channel))
    }

    /// A connection on which a server has answered something. One that was only accepted may be closed the
    /// moment it is used, and what was sent on it would be in doubt.
    async fn dial_alive(&self, host: &Host) -> Result<Channel, Trouble> {
        let channel = self.dial_shared(host).await?;
        let mut features = ServerFeaturesClient::new(channel.clone());
        let asked = features.get_supported_methods(self.request(Empty {}));
        match tokio::time::timeout(Duration::from_millis(DIAL_TIMEOUT_MS), asked).await {
            Ok(Ok(_)) => Ok(channel),
            Ok(Err(status)) => match Trouble::from(&status) {
                trouble @ (Trouble::Passing { lost: true, .. }
                | Trouble::NotLeader(_)
                | Trouble::Denied(_)) => Err(trouble),
                // Older servers do not know the question.
                Trouble::Passing { lost: false, .. }
                | Trouble::Deleted(_)
                | Trouble::Refused(_)
                | Trouble::Broken(_)
                | Trouble::Closed => Ok(channel),
            },
            Err(_) => Err(Trouble::lost(format!(
                "{host} takes connections but does not answer within {DIAL_TIMEOUT_MS} ms"
            ))),
        }
    }

    async fn dial_shared(&self, host: &Host) -> Result<Channel, Trouble> {
        self.dial(host, READ_WINDOW_BYTES, SHARED_WINDOW_BYTES)
            .await
    }

    async fn dial(&self, host: &Host, stream: u32, connection: u32) -> Result<Channel, Trouble> {
        let limit = Duration::from_millis(DIAL_TIMEOUT_MS);
        let failed = |error: &dyn std::error::Error| {
            let mut text = format!("{host} cannot be reached: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            Trouble::lost(text)
        };
        let scheme = if self.secured.is_some() {
            "https"
        } else {
            "http"
        };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{host}"))
            .map_err(|error| failed(&error))?
            .connect_timeout(limit)
            // Without it each small write waits for the answer to the one before, some 40 ms.
            .tcp_nodelay(true)
            .initial_stream_window_size(stream)
            .initial_connection_window_size(connection);
        if let Some(interval) = self.settings.keep_alive_interval {
            endpoint = endpoint
                .http2_keep_alive_interval(interval)
                .keep_alive_timeout(self.settings.keep_alive_timeout)
                .keep_alive_while_idle(true);
        }
        if let Some(secured) = &self.secured {
            endpoint = secured.apply(endpoint).map_err(|error| failed(&error))?;
        }
        match tokio::time::timeout(limit, endpoint.connect()).await {
            Ok(channel) => channel.map_err(|error| failed(&error)),
            Err(_) => Err(Trouble::lost(format!(
                "{host} does not answer within {DIAL_TIMEOUT_MS} ms"
            ))),
        }
    }
}
