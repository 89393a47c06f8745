//! Accepted connections: a bounded number, without Nagle's delay, secured where that is wanted, each of which can
//! be cut; and the listener that closes and opens again when a restart is asked for.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::faults::{Faults, Restart};

/// Pause after a failed `accept` or `bind`, so that a machine without file descriptors is not made busier.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for a client to agree on keys.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);

/// Longest wait for the first words of a client, its keys included; one that says nothing gives its place back.
const PREFACE_WAIT: Duration = Duration::from_secs(6);
/// Bytes with which every client of the protocol begins; after them pings tell whether it is still there.
const PREFACE_BYTES: usize = 24;

/// What a call knows of its connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionInfo {
    /// Where the client reached the server.
    pub(crate) local: Option<SocketAddr>,
    /// Who it is.
    pub(crate) remote: Option<SocketAddr>,
    /// Cuts the connection.
    pub(crate) cut: Cut,
}

/// Cuts one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<Notify>);

impl Cut {
    pub(crate) fn now(&self) {
        self.0.notify_one();
    }
}

/// The listener with what belongs to it.
pub(crate) struct Listening {
    /// `None` while a restart lasts.
    listener: Option<TcpListener>,
    acceptor: Option<TlsAcceptor>,
    address: SocketAddr,
    places: Arc<Semaphore>,
    faults: Faults,
    restarts: watch::Receiver<Restart>,
    changes: watch::Receiver<()>,
    /// Every change cuts all connections.
    cuts: watch::Sender<u64>,
    on_restart: Box<dyn Fn() + Send + Sync>,
}

enum Heard {
    Stream(TcpStream, OwnedSemaphorePermit),
    Restart(Duration),
    Again,
}

impl Listening {
    pub(crate) fn new(
        (listener, acceptor): (TcpListener, Option<TlsAcceptor>),
        address: SocketAddr,
        max: usize,
        faults: &Faults,
        on_restart: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let mut restarts = faults.restarts();
        // What was asked before there was a server is not owed to this one.
        restarts.mark_unchanged();
        Self {
            listener: Some(listener),
            acceptor,
            address,
            places: Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS))),
            faults: faults.clone(),
            restarts,
            changes: faults.changes(),
            cuts: watch::Sender::new(0),
            on_restart,
        }
    }

    /// Accepted connections, for ever.
    pub(crate) fn connections(self) -> impl Stream<Item = io::Result<Connection>> + Send {
        futures::stream::unfold(self, |mut listening| async move {
            let connection = listening.next().await;
            Some((Ok(connection), listening))
        })
    }

    async fn next(&mut self) -> Connection {
        loop {
            match self.hear().await {
                Heard::Stream(stream, _) if self.faults.refuses_connection() => drop(stream),
                Heard::Stream(stream, place) => return self.connection(stream, place),
                Heard::Restart(down) => self.restart(down).await,
                Heard::Again => {}
            }
        }
    }

    async fn hear(&mut self) -> Heard {
        let plan = self.faults.plan();
        let due = async {
            if plan.restart_every.is_zero() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(plan.restart_every).await;
        };
        tokio::select! {
            accepted = accept(self.listener.as_ref(), &self.places) => match accepted {
                Ok((stream, place)) => Heard::Stream(stream, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    Heard::Again
                }
            },
            Ok(()) = self.restarts.changed() => Heard::Restart(self.restarts.borrow_and_update().down),
            Ok(()) = self.changes.changed() => Heard::Again,
            () = due => Heard::Restart(plan.down),
        }
    }

    async fn restart(&mut self, down: Duration) {
        tracing::info!(address = %self.address, ?down, "restarting on demand");
        self.listener = None;
        self.cuts
            .send_modify(|count| *count = count.wrapping_add(1));
        (self.on_restart)();
        tokio::time::sleep(down).await;
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => {
                    self.listener = Some(listener);
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "cannot listen again yet");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        self.faults.restart_done();
    }

    fn connection(&self, stream: TcpStream, place: OwnedSemaphorePermit) -> Connection {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's delay");
        }
        let cut = Cut::default();
        let own = Arc::clone(&cut.0);
        let mut all = self.cuts.subscribe();
        let severed = async move {
            let everyone = async {
                if all.changed().await.is_err() {
                    // The server is going down in order: connections end by themselves.
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = everyone => {}
                () = own.notified() => {}
            }
        };
        let info = ConnectionInfo {
            local: stream.local_addr().ok(),
            remote: stream.peer_addr().ok(),
            cut,
        };
        Connection {
            link: Link::new(stream, self.acceptor.as_ref()),
            preface: Some(Preface {
                left: PREFACE_BYTES,
                late: Box::pin(tokio::time::sleep(PREFACE_WAIT)),
            }),
            severed: Some(Box::pin(severed)),
            info,
            _place: place,
        }
    }
}

/// A new connection, once there is a place for it.
async fn accept(
    listener: Option<&TcpListener>,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

type Secured = TlsStream<TcpStream>;

/// The bytes of a connection.
enum Link {
    Plain(TcpStream),
    /// Keys are agreed on by whoever reads or writes first, so that accepting waits for nobody.
    Opening(Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>),
    Secured(Box<Secured>),
    /// It could not be secured.
    Broken,
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl Link {
    fn new(stream: TcpStream, acceptor: Option<&TlsAcceptor>) -> Self {
        let Some(acceptor) = acceptor else {
            return Self::Plain(stream);
        };
        let opening = tokio::time::timeout(HANDSHAKE_WAIT, acceptor.accept(stream));
        Self::Opening(Box::pin(async move {
            opening
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        }))
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut dyn Duplex>> {
        if let Self::Opening(opening) = self {
            match ready!(opening.as_mut().poll(cx)) {
                Ok(stream) => *self = Self::Secured(Box::new(stream)),
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be secured");
                    *self = Self::Broken;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match self {
            Self::Plain(stream) => Ok(stream),
            Self::Secured(stream) => Ok(stream.as_mut()),
            Self::Opening(_) | Self::Broken => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

/// The first words of a client, of which some are still to come.
struct Preface {
    left: usize,
    late: Pin<Box<tokio::time::Sleep>>,
}

/// A connection with its place among those that may be open.
pub(crate) struct Connection {
    link: Link,
    preface: Option<Preface>,
    /// Resolves when it is to be cut; `None` once it was.
    severed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    info: ConnectionInfo,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Duplex>>> {
        if let Some(severed) = &mut self.severed
            && severed.as_mut().poll(cx).is_pending()
        {
            return self.link.poll_open(cx).map_ok(Pin::new);
        }
        self.severed = None;
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(preface) = &mut self.preface
            && preface.late.as_mut().poll(cx).is_ready()
        {
            tracing::debug!(info = ?self.info, "a client said nothing; its connection is closed");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        ready!(ready!(self.poll_link(cx))?.poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before);
        if let Some(preface) = &mut self.preface {
            preface.left = preface.left.saturating_sub(read);
            if preface.left == 0 {
                self.preface = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_link(cx))?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_link(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_link(cx))?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_link(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.link {
            Link::Plain(stream) => stream.is_write_vectored(),
            // What TLS writes is copied anyway.
            Link::Opening(_) | Link::Secured(_) | Link::Broken => false,
        }
    }
}
