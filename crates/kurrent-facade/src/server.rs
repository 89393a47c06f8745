//! The server: sockets, limits, and the services over one store.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use event_store::EventStore;
use kurrent_wire::limits::SERVER_MESSAGE_BYTES_MAX;
use kurrent_wire::pb::gossip::gossip_server::GossipServer;
use kurrent_wire::pb::persistent_subscriptions::persistent_subscriptions_server::PersistentSubscriptionsServer;
use kurrent_wire::pb::server_features::server_features_server::ServerFeaturesServer;
use kurrent_wire::pb::streams::streams_server::StreamsServer;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Extensions, Status};

use crate::append::Desk;
use crate::auth::{Authorize, Denied, Grant};
use crate::config::{Advertised, Appends, Config, Limits};
use crate::connection::{ConnectionInfo, Listening};
use crate::faults::Faults;
use crate::read::{Budget, Live};
use crate::small::{Features, GossipOfOne, NoPersistentSubscriptions};
use crate::streams::StreamsOverStore;
use crate::tls::{BadIdentity, acceptor};
use crate::trailers;

/// How long a shutdown waits for calls under way: appends answer in time, and subscriptions end at once.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);
/// A connection that answers no ping for [`KEEPALIVE_TIMEOUT`] is dead; it is pinged this often. Clients ping
/// by themselves every ten seconds, which is always answered.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// See [`KEEPALIVE_INTERVAL`].
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of one stream in flight before the sender waits: a batch of appends keeps its requests under way in it.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Bytes of one connection in flight before the sender waits.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Largest headers of one call: credentials and what proxies add.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {source}; choose a free address")]
    Listen {
        /// Which address.
        listen: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Appends are taken on one machine only.
    #[error(
        "appends by KurrentDB clients are for tests: {0} is not a loopback address; listen on 127.0.0.1 or refuse appends"
    )]
    AppendsBeyondLoopback(SocketAddr),
    /// Connections cannot be secured.
    #[error(transparent)]
    Tls(#[from] BadIdentity),
    /// The transport failed.
    #[error("the server for KurrentDB clients failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Calls were still under way when the grace was over.
    #[error("calls of KurrentDB clients were still under way {} s after the shutdown began; they were cut off", SHUTDOWN_GRACE.as_secs())]
    CutOff,
}

/// What all calls share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) appends: Appends,
    pub(crate) limits: Limits,
    pub(crate) write_timeout: Duration,
    pub(crate) strict_positions: bool,
    pub(crate) faults: Faults,
    pub(crate) desk: Desk,
    pub(crate) live: Live,
    pub(crate) subscriptions: Arc<Semaphore>,
    pub(crate) reads: Arc<Semaphore>,
    pub(crate) pages: Budget,
    pub(crate) going_down: watch::Receiver<bool>,
    auth: Arc<dyn Authorize>,
    advertised: Option<Advertised>,
    bound: SocketAddr,
}

impl Shared {
    /// Lets a call in.
    pub(crate) fn admit(&self, headers: &MetadataMap) -> Result<Grant, Status> {
        let header = headers
            .get(kurrent_wire::names::HEADER_AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default());
        self.auth.check(header).map_err(|denied| {
            tracing::info!(?denied, "a KurrentDB client was turned away");
            match denied {
                Denied::Unauthenticated => trailers::unauthenticated(),
                Denied::Forbidden => trailers::access_denied(trailers::FORBIDDEN),
            }
        })
    }

    /// Where clients reach this server: as configured, else where this one did.
    pub(crate) fn reached(&self, extensions: &Extensions) -> Advertised {
        self.advertised.clone().unwrap_or_else(|| {
            let local = extensions
                .get::<ConnectionInfo>()
                .and_then(|info| info.local);
            let address = local.unwrap_or(self.bound);
            Advertised {
                host: address.ip().to_string(),
                port: address.port(),
            }
        })
    }

    /// The member a call is sent to that a fault sends away.
    pub(crate) fn leader(&self, extensions: &Extensions) -> Advertised {
        let other = self.faults.plan().leader;
        other.unwrap_or_else(|| self.reached(extensions))
    }
}

/// Listens and gives the address that was bound and the future that serves until `stopping` resolves. Then
/// subscriptions end, new calls are turned away, and appends under way have 20 s to finish.
///
/// # Errors
/// When the address cannot be listened on, appends are allowed on one that others reach, or the certificate
/// cannot be used; the future when the transport fails or calls had to be cut off.
pub async fn serve<S>(
    config: Config,
    store: Arc<dyn EventStore>,
    auth: Arc<dyn Authorize>,
    stopping: S,
) -> Result<
    (
        SocketAddr,
        impl Future<Output = Result<(), ServeError>> + Send,
    ),
    ServeError,
>
where
    S: Future<Output = ()> + Send + 'static,
{
    let listen = config.listen;
    if config.appends == Appends::Allowed && !listen.ip().is_loopback() {
        return Err(ServeError::AppendsBeyondLoopback(listen));
    }
    let acceptor = config.tls.as_ref().map(acceptor).transpose()?;
    let failed = |source| ServeError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (down, going_down) = watch::channel(false);
    let connections_max = config.limits.connections_max;
    let calls_max = config.limits.calls_per_connection_max;
    let shared = Arc::new(shared(config, store, auth, (address, going_down.clone())));
    let desk = shared.desk.clone();
    let forget = Box::new(move || desk.forget());
    let listening = Listening::new(
        (listener, acceptor),
        address,
        connections_max,
        &shared.faults,
        forget,
    );
    let router = router(calls_max, &shared);
    drop(shared);
    let serving = async move {
        let begun = async move {
            stopping.await;
            // Receivers are gone only when the server is; then there is nobody to tell.
            let _ = down.send(true);
        };
        let served = router.serve_with_incoming_shutdown(listening.connections(), begun);
        tokio::select! {
            served = served => served.map_err(ServeError::Transport),
            () = grace_over(going_down) => Err(ServeError::CutOff),
        }
    };
    Ok((address, serving))
}

async fn grace_over(mut going_down: watch::Receiver<bool>) {
    down(&mut going_down).await;
    tokio::time::sleep(SHUTDOWN_GRACE).await;
}

/// Waits until the server goes down.
pub(crate) async fn down(going_down: &mut watch::Receiver<bool>) {
    // The sender goes away only together with the server, which then ends by itself.
    if going_down.wait_for(|down| *down).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn shared(
    config: Config,
    store: Arc<dyn EventStore>,
    auth: Arc<dyn Authorize>,
    (bound, going_down): (SocketAddr, watch::Receiver<bool>),
) -> Shared {
    let limits = Limits {
        append_bytes_max: config
            .limits
            .append_bytes_max
            .min(event_store::COMMIT_BYTES_MAX),
        event_bytes_max: config
            .limits
            .event_bytes_max
            .min(event_store::EVENT_BYTES_MAX),
        ..config.limits
    };
    let places = |max: usize| Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)));
    Shared {
        desk: Desk::open(&store),
        live: Live::follow(&store),
        store,
        auth,
        appends: config.appends,
        limits,
        write_timeout: config.write_timeout,
        strict_positions: config.strict_positions,
        faults: config.faults,
        subscriptions: places(limits.subscriptions_max),
        reads: places(limits.reads_max),
        pages: Budget::new(),
        going_down,
        advertised: config.advertised.map(Advertised::plain),
        bound,
    }
}

fn router(calls_max: u32, shared: &Arc<Shared>) -> Router {
    let streams = StreamsOverStore(Arc::clone(shared));
    Server::builder()
        .tcp_nodelay(true)
        .max_concurrent_streams(calls_max)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .add_service(
            StreamsServer::new(streams).max_decoding_message_size(SERVER_MESSAGE_BYTES_MAX),
        )
        .add_service(ServerFeaturesServer::new(Features))
        .add_service(GossipServer::new(GossipOfOne(Arc::clone(shared))))
        .add_service(PersistentSubscriptionsServer::new(
            NoPersistentSubscriptions(Arc::clone(shared)),
        ))
}
