//! The server: sockets, limits, and the services behind the gate.
//!
//! Absent on purpose: TLS, which a proxy in front of it ends, and any choice of what is served.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use event_store::EventStore;
use futures::stream::Stream;
use ledger_service::{Ledger, TimeSource};
use persons::Persons;
use projections::ReadModels;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::gate::{Gate, Gated};
use crate::keys::Keys;
use crate::pb;
use crate::rehearsal::Rehearsal;
use crate::services::{
    Accounts, Api, Applications, Bills, Complaints, Debts, LegacyCredits, Meters, Payments,
    PersonRecords, Prepayments, Queries, Readings, Reports, Schemes, Supplies, Suspenses,
    WorkOrders,
};

/// How long a shutdown waits for calls under way: longer than a call's own default deadline would keep a
/// stuck client alive for, shorter than what a service manager waits before it kills.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);
/// Pause after a failed `accept`, so that a machine without file descriptors is not made busier.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A connection that answers no ping for [`KEEPALIVE_TIMEOUT`] is dead; it is pinged this often.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
/// See [`KEEPALIVE_INTERVAL`].
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of one stream in flight before the sender waits: a bulk stream keeps its lines under way in it.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of one connection in flight before the sender waits.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Largest headers of one call: a key, a deadline and what proxies add.
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// Reports asked of the read models at once: half of their connections, the other half serves point
/// questions.
const REPORTS_MAX: usize = 2;

/// Calls to the persons' records that have a thread each: they follow one another on one file, so that more
/// threads would only wait, and be missing elsewhere.
const PERSON_CALLS_MAX: usize = 4;

/// What bounds the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; more wait in the system's queue. Partners and counters hold a few each.
    pub connections_max: usize,
    /// Calls under way at once over all connections; more are answered `RESOURCE_EXHAUSTED` at once.
    pub calls_max: usize,
    /// Calls under way on one connection; the client's library holds back more by itself.
    pub calls_per_connection_max: u32,
    /// Lines of one bulk stream under way at once: enough to fill a group commit, few enough to answer soon.
    pub stream_lines_max: usize,
    /// Largest message taken, bytes: every message of the contract fits many times.
    pub message_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            calls_max: 16_384,
            calls_per_connection_max: 1_024,
            stream_lines_max: 1_024,
            message_bytes_max: 64 * 1024,
        }
    }
}

/// How to serve.
#[derive(Debug)]
pub struct ServerConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Who may call.
    pub keys: Keys,
    /// The clock; the same as the ledger's.
    pub time: TimeSource,
    /// What bounds it.
    pub limits: Limits,
    /// Faults shown on purpose: a sandbox has some, a ledger of production has none.
    pub rehearsal: Option<Rehearsal>,
}

/// What is served.
#[derive(Clone)]
pub struct Parts {
    /// The one write path.
    pub ledger: Ledger,
    /// The read models.
    pub reads: ReadModels,
    /// The log, for an account's raw history.
    pub store: Arc<dyn EventStore>,
    /// The persons' records, where they are kept.
    pub persons: Option<Arc<Persons>>,
}

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
    /// The contract that is built in cannot be handed out.
    #[error("the built-in contract cannot be reflected: {0}")]
    Reflection(String),
    /// The transport failed.
    #[error("the gRPC server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Calls were still under way when the grace was over.
    #[error("calls were still under way {} s after the shutdown began; they were cut off", SHUTDOWN_GRACE.as_secs())]
    CutOff,
}

/// Listens and gives the address that was bound and the future that serves until `shutdown` resolves. New
/// calls are then turned away, streams end after the lines under way, and calls have 20 s to finish.
///
/// # Errors
/// When the address cannot be listened on; the future when the transport fails or calls had to be cut off.
pub async fn serve<S>(
    config: ServerConfig,
    parts: Parts,
    shutdown: S,
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
    let failed = |source| ServeError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let connections = connections(listener, config.limits.connections_max);
    let (down, going_down) = watch::channel(false);
    let router = router(config, parts, going_down.clone())?;
    let (health, health_service) = tonic_health::server::health_reporter();
    for name in SERVED {
        health
            .set_service_status(name, tonic_health::ServingStatus::Serving)
            .await;
    }
    let router = router.add_service(health_service);
    let serving = async move {
        let begun = async move {
            shutdown.await;
            for name in SERVED {
                health
                    .set_service_status(name, tonic_health::ServingStatus::NotServing)
                    .await;
            }
            // Receivers are gone only when the server is; then there is nobody to tell.
            let _ = down.send(true);
        };
        let served = router.serve_with_incoming_shutdown(connections, begun);
        tokio::select! {
            served = served => served.map_err(ServeError::Transport),
            () = grace_over(going_down) => Err(ServeError::CutOff),
        }
    };
    Ok((address, serving))
}

async fn grace_over(mut going_down: watch::Receiver<bool>) {
    // The sender goes away only together with the server, which then ends by itself.
    if going_down.wait_for(|down| *down).await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(SHUTDOWN_GRACE).await;
}

/// Names under which health is told; the empty one is the server as a whole.
const SERVED: [&str; 18] = [
    "",
    <pb::account_service_server::AccountServiceServer<Accounts> as NamedService>::NAME,
    <pb::meter_service_server::MeterServiceServer<Meters> as NamedService>::NAME,
    <pb::payment_service_server::PaymentServiceServer<Payments> as NamedService>::NAME,
    <pb::debt_service_server::DebtServiceServer<Debts> as NamedService>::NAME,
    <pb::suspense_service_server::SuspenseServiceServer<Suspenses> as NamedService>::NAME,
    <pb::supply_service_server::SupplyServiceServer<Supplies> as NamedService>::NAME,
    <pb::person_service_server::PersonServiceServer<PersonRecords> as NamedService>::NAME,
    <pb::prepayment_service_server::PrepaymentServiceServer<Prepayments> as NamedService>::NAME,
    <pb::scheme_service_server::SchemeServiceServer<Schemes> as NamedService>::NAME,
    <pb::query_service_server::QueryServiceServer<Queries> as NamedService>::NAME,
    <pb::report_service_server::ReportServiceServer<Reports> as NamedService>::NAME,
    <pb::billing_service_server::BillingServiceServer<Bills> as NamedService>::NAME,
    <pb::legacy_credit_service_server::LegacyCreditServiceServer<LegacyCredits> as NamedService>::NAME,
    <pb::work_order_service_server::WorkOrderServiceServer<WorkOrders> as NamedService>::NAME,
    <pb::reading_service_server::ReadingServiceServer<Readings> as NamedService>::NAME,
    <pb::application_service_server::ApplicationServiceServer<Applications> as NamedService>::NAME,
    <pb::complaint_service_server::ComplaintServiceServer<Complaints> as NamedService>::NAME,
];

fn api_of(
    parts: Parts,
    gate: &Arc<Gate>,
    limits: &Limits,
    going_down: watch::Receiver<bool>,
) -> Api {
    let Parts {
        ledger,
        reads,
        store,
        persons,
    } = parts;
    Api {
        reports: Semaphore::new(REPORTS_MAX),
        ledger,
        reads,
        store,
        persons,
        person_calls: Semaphore::new(PERSON_CALLS_MAX),
        gate: Arc::clone(gate),
        stream_lines_max: limits.stream_lines_max.max(1),
        rehearsal: None,
        going_down,
    }
}

fn transport(limits: &Limits) -> Server {
    Server::builder()
        .tcp_nodelay(true)
        .max_concurrent_streams(limits.calls_per_connection_max)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}

/// The built-in contract, to be handed out by reflection.
fn describe() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

#[expect(clippy::too_many_lines, reason = "one entry a service: what is served")]
fn router(
    config: ServerConfig,
    parts: Parts,
    going_down: watch::Receiver<bool>,
) -> Result<tonic::transport::server::Router, ServeError> {
    let ServerConfig {
        keys,
        time,
        limits,
        rehearsal,
        ..
    } = config;
    let gate = Arc::new(Gate::new(keys, time, limits.calls_max));
    let api = Arc::new(Api {
        rehearsal,
        ..api_of(parts, &gate, &limits, going_down)
    });
    // Every service takes the same largest message and stands behind the same gate.
    macro_rules! gated {
        ($module:ident, $server:ident, $handler:ident) => {
            Gated::new(
                &gate,
                pb::$module::$server::new($handler(Arc::clone(&api)))
                    .max_decoding_message_size(limits.message_bytes_max),
            )
        };
    }
    let reflection = |e: tonic_reflection::server::Error| ServeError::Reflection(e.to_string());
    Ok(transport(&limits)
        .add_service(gated!(
            payment_service_server,
            PaymentServiceServer,
            Payments
        ))
        .add_service(gated!(query_service_server, QueryServiceServer, Queries))
        .add_service(gated!(report_service_server, ReportServiceServer, Reports))
        .add_service(gated!(billing_service_server, BillingServiceServer, Bills))
        .add_service(gated!(
            account_service_server,
            AccountServiceServer,
            Accounts
        ))
        .add_service(gated!(meter_service_server, MeterServiceServer, Meters))
        .add_service(gated!(debt_service_server, DebtServiceServer, Debts))
        .add_service(gated!(
            suspense_service_server,
            SuspenseServiceServer,
            Suspenses
        ))
        .add_service(gated!(supply_service_server, SupplyServiceServer, Supplies))
        .add_service(gated!(scheme_service_server, SchemeServiceServer, Schemes))
        .add_service(gated!(
            person_service_server,
            PersonServiceServer,
            PersonRecords
        ))
        .add_service(gated!(
            prepayment_service_server,
            PrepaymentServiceServer,
            Prepayments
        ))
        .add_service(gated!(
            legacy_credit_service_server,
            LegacyCreditServiceServer,
            LegacyCredits
        ))
        .add_service(gated!(
            work_order_service_server,
            WorkOrderServiceServer,
            WorkOrders
        ))
        .add_service(gated!(
            reading_service_server,
            ReadingServiceServer,
            Readings
        ))
        .add_service(gated!(
            application_service_server,
            ApplicationServiceServer,
            Applications
        ))
        .add_service(gated!(
            complaint_service_server,
            ComplaintServiceServer,
            Complaints
        ))
        .add_service(describe().build_v1().map_err(reflection)?)
        .add_service(describe().build_v1alpha().map_err(reflection)?))
}

/// Accepted connections, at most `max` at once, each without Nagle's delay.
fn connections(
    listener: TcpListener,
    max: usize,
) -> impl Stream<Item = io::Result<Connection>> + Send {
    let places = Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)));
    futures::stream::unfold((listener, places), |(listener, places)| async move {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's delay");
        }
        Some((
            Ok(Connection {
                stream,
                _place: place,
            }),
            (listener, places),
        ))
    })
}

/// A connection with its place among those that may be open.
struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
