//! The gate every call passes before a handler sees it: key, role, time of receipt, room, deadline.
//!
//! It stands around the generated services, so that no handler can forget it. Health and reflection stand
//! outside it. Absent on purpose: any look into the message, which is the handlers' business.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use ledger_core::time::Timestamp;
use ledger_service::TimeSource;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::server::NamedService;
use tonic::{Code, Status};

use crate::access::{Effect, Rule, rule_of};
use crate::errors::{Malformed, No, Operational};
use crate::keys::{Keys, Principal};

/// Header by which a caller states the time of receipt on a server with the simulated clock.
pub const RECEIVED_AT_HEADER: &str = "ledger-received-at";
/// gRPC's header of the caller's deadline.
const TIMEOUT_HEADER: &str = "grpc-timeout";
/// Longest a unary call or the head of a stream waits when the caller states no deadline: longer than any
/// wait of a healthy ledger, shorter than the patience of a proxy.
pub const CALL_DEADLINE_DEFAULT: Duration = Duration::from_secs(30);
/// The answer "too late" is sent this much before the deadline, so that it arrives before it; of a short
/// deadline a tenth.
const DEADLINE_MARGIN: Duration = Duration::from_millis(10);
/// Longest deadline a caller may state for a stream: a bulk file or a whole history takes minutes.
const DEADLINE_MAX: Duration = Duration::from_secs(6 * 3600);

/// What a call has brought through the gate.
#[derive(Debug)]
pub struct Call {
    /// Whose key it came with.
    pub principal: Arc<Principal>,
    /// When it was received.
    pub received_at: Timestamp,
    /// The caller stated that time; a stream without one receives its lines when they come.
    pub received_at_stated: bool,
    /// Until when an answer must be sent; the default where the caller stated none.
    pub deadline: Instant,
    /// The caller stated it; a stream without one may go on.
    pub deadline_stated: bool,
    /// Its place among the calls under way.
    _place: OwnedSemaphorePermit,
}

impl Call {
    /// What is left until the deadline.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// What the gate knows.
pub struct Gate {
    keys: Keys,
    time: TimeSource,
    places: Arc<Semaphore>,
    calls_max: usize,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("keys", &self.keys.len())
            .field("calls_max", &self.calls_max)
            .finish()
    }
}

impl Gate {
    /// A gate for these keys, with room for `calls_max` calls at once.
    #[must_use]
    pub fn new(keys: Keys, time: TimeSource, calls_max: usize) -> Self {
        let calls_max = calls_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            keys,
            time,
            places: Arc::new(Semaphore::new(calls_max)),
            calls_max,
        }
    }

    /// The keys it knows.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// How the money of a channel comes in; empty where no key says so (K5).
    #[must_use]
    pub fn channel_kind(&self, channel: &str) -> String {
        let kind = self.keys.kind_of(channel);
        kind.map_or("", crate::keys::ChannelKind::as_str).to_owned()
    }

    /// The clock of the server.
    #[must_use]
    pub fn time(&self) -> &TimeSource {
        &self.time
    }

    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(Call, Effect), Status> {
        let Some(rule) = rule_of(path) else {
            return Err(Status::unimplemented(format!("there is no RPC {path}")));
        };
        let principal = self.authenticate(headers).map_err(|no| no.status(""))?;
        authorise(rule, principal).map_err(|no| no.status(""))?;
        let received_at = self.received_at(headers).map_err(|no| no.status(""))?;
        let stated = stated_timeout(headers).map_err(|no| no.status(""))?;
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(self.too_many().status(""));
        };
        let call = Call {
            principal: Arc::clone(principal),
            received_at,
            received_at_stated: headers.contains_key(RECEIVED_AT_HEADER),
            deadline: Instant::now() + before(stated.unwrap_or(CALL_DEADLINE_DEFAULT)),
            deadline_stated: stated.is_some(),
            _place: place,
        };
        Ok((call, rule.effect))
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<&Arc<Principal>, No> {
        let unknown = |text: &str| No::Operational(Operational::Unauthenticated, text.to_owned());
        let Some(value) = headers.get("authorization") else {
            return Err(unknown("send the API key as `authorization: Bearer <key>`"));
        };
        let Some((scheme, key)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
            return Err(unknown("`authorization` is not of the form `Bearer <key>`"));
        };
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return Err(unknown("`authorization` is not of the form `Bearer <key>`"));
        }
        self.keys
            .find(key)
            .ok_or_else(|| unknown("the API key is not known here"))
    }

    fn received_at(&self, headers: &HeaderMap) -> Result<Timestamp, No> {
        let stated = headers.get(RECEIVED_AT_HEADER).map(|value| {
            let text = value.to_str().unwrap_or_default();
            Timestamp::parse(text).map_err(|e| {
                No::field(RECEIVED_AT_HEADER, Malformed::FieldMalformed, e.to_string())
            })
        });
        self.stamp(RECEIVED_AT_HEADER, stated.transpose()?)
    }

    /// When something that states `stated` in `field` was received.
    ///
    /// # Errors
    /// When a time is stated although the server runs by the machine's clock.
    pub fn stamp(&self, field: &str, stated: Option<Timestamp>) -> Result<Timestamp, No> {
        let refused = |e: ledger_service::ServiceError| {
            No::field(field, Malformed::ReceivedAtNotTaken, e.to_string())
        };
        self.time.stamp(stated).map_err(refused)
    }

    fn too_many(&self) -> No {
        let text = format!(
            "{} calls are under way, the most this server takes; send it again",
            self.calls_max
        );
        No::Operational(Operational::TooManyCalls, text)
    }
}

fn authorise(rule: &Rule, principal: &Principal) -> Result<(), No> {
    if rule.roles.iter().any(|role| principal.has(*role)) {
        return Ok(());
    }
    let roles: Vec<&str> = rule.roles.iter().map(|role| role.as_str()).collect();
    let text = format!("{} needs one of the roles {}", rule.path, roles.join(", "));
    Err(No::Operational(Operational::RoleMissing, text))
}

/// The deadline less what the answer needs to travel.
fn before(timeout: Duration) -> Duration {
    timeout.saturating_sub(DEADLINE_MARGIN.min(timeout / 10))
}

/// The caller's own deadline: up to eight digits and a unit.
fn stated_timeout(headers: &HeaderMap) -> Result<Option<Duration>, No> {
    let Some(value) = headers.get(TIMEOUT_HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let timeout = parse_timeout(text).ok_or_else(|| {
        let why = "it is up to eight digits and one of the units H, M, S, m, u, n";
        No::field(TIMEOUT_HEADER, Malformed::FieldMalformed, why)
    })?;
    Ok(Some(timeout.min(DEADLINE_MAX)))
}

fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// The answer when the deadline has passed.
#[must_use]
pub fn too_late(effect: Effect) -> No {
    let text = match effect {
        Effect::Write => {
            "no answer came before the deadline; the command may have been carried out: ask FindCommand, or \
             send it again under the same reference"
        }
        Effect::Read => "no answer came before the deadline; nothing was changed, ask again",
    };
    No::Operational(Operational::DeadlineExceeded, text.to_owned())
}

/// A generated service behind the gate.
#[derive(Debug, Clone)]
pub struct Gated<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> Gated<S> {
    /// Puts a service behind the gate.
    #[must_use]
    pub fn new(gate: &Arc<Gate>, inner: S) -> Self {
        Self {
            inner,
            gate: Arc::clone(gate),
        }
    }
}

impl<S: NamedService> NamedService for Gated<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (call, effect) = match self.gate.admit(request.uri().path(), request.headers()) {
            Ok(admitted) => admitted,
            Err(status) => return Box::pin(std::future::ready(Ok(status.into_http()))),
        };
        let deadline = call.deadline;
        request.extensions_mut().insert(Arc::new(call));
        let answer = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout_at(deadline, answer).await {
                Ok(Ok(response)) => Ok(name_size_limit(response)),
                Ok(Err(never)) => match never {},
                Err(_) => Ok(too_late(effect).status("").into_http()),
            }
        })
    }
}

/// The library answers `OUT_OF_RANGE` to a message that is too large, a status this API does not use
/// otherwise; gRPC's own word for it is `RESOURCE_EXHAUSTED`.
fn name_size_limit(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == Code::OutOfRange => {
            too_large(&status).status("").into_http()
        }
        Some(_) | None => response,
    }
}

/// What a message that is too large is answered.
#[must_use]
pub fn too_large(status: &Status) -> No {
    No::Operational(
        Operational::MessageTooLarge,
        format!("{}; send less at once", status.message()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_up_to_eight_digits_and_a_unit() {
        for (text, timeout) in [
            ("1S", Some(Duration::from_secs(1))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("100u", Some(Duration::from_micros(100))),
            ("", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("123456789S", None),
            ("1s", None),
            ("1é", None),
        ] {
            assert_eq!(parse_timeout(text), timeout, "{text:?}");
        }
    }

    #[test]
    fn the_answer_too_late_leaves_before_the_deadline() {
        assert_eq!(before(Duration::from_secs(1)), Duration::from_millis(990));
        assert_eq!(before(Duration::from_millis(20)), Duration::from_millis(18));
    }
}
