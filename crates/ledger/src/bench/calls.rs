//! Clients that send top-ups: many unary calls at once over a few connections, or one stream.
//!
//! The same code drives the ledger and the echo.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use command_api::{Client, pb};
use futures::StreamExt;
use tonic::Status;

use crate::bench::events::{Dice, meter_name};
use crate::bench::figures::micros;
use crate::bench::servers::Server;
use crate::failure::Failure;

/// Connections.
pub(crate) const CONNECTIONS: usize = 4;
/// Calls under way at once over all connections.
pub(crate) const IN_FLIGHT: usize = 64;

/// Top-ups of one run: references that were never used before, meters at random.
#[derive(Debug)]
pub(crate) struct Plan {
    run: usize,
    meters: Vec<u32>,
}

impl Plan {
    /// So many top-ups of so many meters; `run` keeps their references apart from those of other runs.
    pub(crate) fn new(run: usize, calls: usize, meters: usize) -> Self {
        let mut dice = Dice::new(u64::try_from(run).unwrap_or(0) + 11);
        let meters = (0..calls)
            .map(|_| u32::try_from(dice.below(meters)).unwrap_or(0))
            .collect();
        Self { run, meters }
    }

    /// How many.
    pub(crate) fn calls(&self) -> usize {
        self.meters.len()
    }

    fn reference(&self, place: usize) -> String {
        format!("T{:03}-{place:08}", self.run)
    }

    fn meter(&self, place: usize) -> Option<String> {
        let number = usize::try_from(*self.meters.get(place)?).ok()?;
        Some(meter_name(number))
    }

    fn unary(&self, place: usize) -> Option<pb::TopUpRequest> {
        let (reference, meter) = (self.reference(place), self.meter(place)?);
        let (amount, money) = ("20.00".to_owned(), pb::MoneyState::NotTaken.into());
        Some(pb::TopUpRequest {
            reference,
            meter,
            amount,
            money,
        })
    }

    fn line(&self, place: usize) -> Option<pb::TopUpStreamRequest> {
        let pb::TopUpRequest {
            reference,
            meter,
            amount,
            money,
        } = self.unary(place)?;
        Some(pb::TopUpStreamRequest {
            reference,
            meter,
            amount,
            money,
            received_at: None,
        })
    }
}

/// What a run showed.
#[derive(Debug)]
pub(crate) struct Ran {
    /// From the first call to the last answer.
    pub(crate) took: Duration,
    /// Of each call, microseconds, sorted; empty for a stream.
    pub(crate) latencies_us: Vec<u32>,
    /// State of the ledger after the last answer.
    pub(crate) token: String,
}

/// Connects [`CONNECTIONS`] times.
///
/// # Errors
/// When the server does not answer.
pub(crate) async fn connect(server: &Server) -> Result<Vec<Client>, Failure> {
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let client = Client::connect(&server.address, &server.key).await;
        clients
            .push(client.map_err(|error| Failure::unavailable("BENCH_CLIENT", error.to_string()))?);
    }
    Ok(clients)
}

/// Sends the plan as unary calls, so many at once.
///
/// # Errors
/// When a call fails or is refused.
pub(crate) async fn unary(
    clients: &[Client],
    plan: Plan,
    in_flight: usize,
) -> Result<Ran, Failure> {
    let (plan, next) = (Arc::new(plan), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let mut callers = Vec::with_capacity(in_flight);
    for client in clients.iter().cycle().take(in_flight) {
        callers.push(tokio::spawn(caller(
            client.clone(),
            Arc::clone(&plan),
            Arc::clone(&next),
        )));
    }
    let (mut latencies_us, mut token) = (Vec::with_capacity(plan.calls()), String::new());
    for caller in callers {
        let ended = caller
            .await
            .map_err(|error| Failure::damaged("BENCH_CLIENT", error.to_string()))?;
        let (mine, last) = ended?;
        latencies_us.extend(mine);
        token = newer(token, last);
    }
    let took = began.elapsed();
    latencies_us.sort_unstable();
    Ok(Ran {
        took,
        latencies_us,
        token,
    })
}

async fn caller(
    client: Client,
    plan: Arc<Plan>,
    next: Arc<AtomicUsize>,
) -> Result<(Vec<u32>, String), Failure> {
    let mut payments = client.payments();
    let (mut latencies_us, mut token) = (Vec::new(), String::new());
    while let Some(request) = plan.unary(next.fetch_add(1, Ordering::Relaxed)) {
        let began = Instant::now();
        let answer = payments
            .top_up(request)
            .await
            .map_err(|status| failed(&status))?
            .into_inner();
        latencies_us.push(u32::try_from(micros(began.elapsed())).unwrap_or(u32::MAX));
        if !matches!(answer.result, Some(pb::top_up_response::Result::Receipt(_))) {
            return Err(no_receipt(&answer));
        }
        token = answer.token;
    }
    Ok((latencies_us, token))
}

/// Sends the plan over one stream; the transport's windows say how much is under way.
///
/// # Errors
/// When the stream fails or a line is refused.
pub(crate) async fn stream(clients: &[Client], plan: Plan) -> Result<Ran, Failure> {
    let Some(client) = clients.first() else {
        return Err(Failure::damaged("BENCH_CLIENT", "no connection"));
    };
    let calls = plan.calls();
    let lines = futures::stream::iter((0..calls).filter_map(move |place| plan.line(place)));
    let began = Instant::now();
    let mut payments = client.payments();
    let mut answers = payments
        .top_up_stream(lines)
        .await
        .map_err(|status| failed(&status))?
        .into_inner();
    let (mut seen, mut token) = (0_usize, String::new());
    while let Some(answer) = answers.next().await {
        let answer = answer.map_err(|status| failed(&status))?;
        if !matches!(
            answer.result,
            Some(pb::top_up_stream_response::Result::Receipt(_))
        ) {
            return Err(no_receipt(&answer));
        }
        seen += 1;
        token = answer.token;
    }
    if seen != calls {
        return Err(Failure::damaged(
            "BENCH_CLIENT",
            format!("{seen} of {calls} lines were answered"),
        ));
    }
    Ok(Ran {
        took: began.elapsed(),
        latencies_us: Vec::new(),
        token,
    })
}

/// Waits until a read shows this state of the ledger.
///
/// # Errors
/// When it does not, in the time that a read may take.
pub(crate) async fn shown(clients: &[Client], token: String) -> Result<Duration, Failure> {
    let Some(client) = clients.first() else {
        return Ok(Duration::ZERO);
    };
    let by = Some(pb::account_or_meter::By::Meter(meter_name(0)));
    let account = Some(pb::AccountOrMeter { by });
    let began = Instant::now();
    let request = pb::GetBalanceRequest {
        account,
        at_least: token,
    };
    client
        .queries()
        .get_balance(request)
        .await
        .map_err(|status| failed(&status))?;
    Ok(began.elapsed())
}

/// Tokens of one ledger have one length and grow, so the later one is the greater text; where they do not,
/// either says nearly the same.
fn newer(one: String, other: String) -> String {
    if other.len() >= one.len() && other > one {
        other
    } else {
        one
    }
}

fn failed(status: &Status) -> Failure {
    Failure::unavailable(
        "BENCH_CALL",
        format!(
            "a call failed with {:?}: {}",
            status.code(),
            status.message()
        ),
    )
}

fn no_receipt(answer: &dyn std::fmt::Debug) -> Failure {
    Failure::damaged("BENCH_CALL", format!("a top-up got no receipt: {answer:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_different_runs_are_never_the_same() {
        let (one, other) = (Plan::new(1, 10, 5), Plan::new(2, 10, 5));
        assert_ne!(
            one.unary(3).unwrap().reference,
            other.unary(3).unwrap().reference
        );
        assert_eq!(
            one.unary(3),
            Plan::new(1, 10, 5).unary(3),
            "a plan is the same in every run of the program"
        );
        assert!(one.unary(10).is_none());
        assert_eq!(one.line(4).unwrap().meter, one.unary(4).unwrap().meter);
    }
}
