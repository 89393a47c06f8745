//! `ledger bench topup` and `ledger bench topup-stream`: money over gRPC, durable before the answer.
//!
//! Ours is a `ledger serve` of its own process with everything behind it; the reference is an echo of the
//! same messages, also in a process of its own. The clients are in this one. Nothing but the transport is
//! different between the two measurements.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use command_api::Client;
use ledger_core::time::{Millis, Timestamp};
use meter_gateway::testkit::NatsServer;
use tokio::runtime::Runtime;

use crate::bench::args::Common;
use crate::bench::calls::{self, CONNECTIONS, IN_FLIGHT, Plan, Ran};
use crate::bench::figures::{Ratio, Spread, micros, per_second, percentile};
use crate::bench::house::House;
use crate::bench::household::populate;
use crate::bench::machine::{Machine, Usage};
use crate::bench::pairs::{self, Bout, Pair, Sample, Side};
use crate::bench::report::{Fact, Goal, Line, Report};
use crate::bench::scratch::Scratch;
use crate::bench::servers::Server;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::local::grouped;

/// Accounts: full, quick.
const ACCOUNTS: (usize, usize) = (100_000, 10_000);
/// Calls of one run: full, quick.
const CALLS: (usize, usize) = (100_000, 15_000);
/// Lines of one run over a stream: full, quick.
const LINES: (usize, usize) = (300_000, 40_000);
/// Share of the echo's calls that ours should reach, in thousandths.
const UNARY_GOAL: u64 = 700;
/// How many times the echo's p99 ours may be, in thousandths.
const P99_GOAL: u64 = 2_000;
/// Share of the echo's lines that ours should reach, in thousandths.
const STREAM_GOAL: u64 = 200;
/// How long before the measurement the accounts were opened.
const OPENED_HOURS_AGO: i64 = 1;

/// Measures unary calls.
///
/// # Errors
/// When a server does not start, or a call fails.
pub(crate) fn unary(common: &Common, console: Console) -> Result<Report, Failure> {
    let calls = common.size(CALLS.0, CALLS.1);
    measure(common, (Way::Unary, calls), console)
}

/// Measures one stream.
///
/// # Errors
/// When a server does not start, or a line fails.
pub(crate) fn stream(common: &Common, console: Console) -> Result<Report, Failure> {
    let lines = common.size(LINES.0, LINES.1);
    measure(common, (Way::Stream, lines), console)
}

/// How top-ups are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Unary,
    Stream,
}

impl Way {
    fn bench(self) -> &'static str {
        match self {
            Self::Unary => "topup",
            Self::Stream => "topup-stream",
        }
    }

    fn sent(self) -> String {
        match self {
            Self::Unary => {
                format!("unary calls, {IN_FLIGHT} in flight over {CONNECTIONS} connections")
            }
            Self::Stream => "lines of one bidirectional stream".to_owned(),
        }
    }

    fn lines(self, found: &[Pair]) -> Vec<Line> {
        let at_least = |goal| Goal::AtLeast(Ratio::thousandths(goal));
        let at_most = Goal::AtMost(Ratio::thousandths(P99_GOAL));
        let lines = match self {
            Self::Unary => vec![
                Line::of(found, 0, "top-ups", "calls/s", at_least(UNARY_GOAL)),
                Line::of(found, 1, "p50", "µs", Goal::None),
                Line::of(found, 2, "p99", "µs", at_most),
            ],
            Self::Stream => vec![Line::of(
                found,
                0,
                "top-ups",
                "lines/s",
                at_least(STREAM_GOAL),
            )],
        };
        lines.into_iter().flatten().collect()
    }
}

fn measure(
    common: &Common,
    (way, calls): (Way, usize),
    console: Console,
) -> Result<Report, Failure> {
    let scratch = Scratch::inside(common.dir.as_deref())?;
    let machine = Machine::look(scratch.path())?;
    let accounts = common.accounts(ACCOUNTS.0, ACCOUNTS.1);
    let runtime = Runtime::new()
        .map_err(|error| Failure::unavailable("THREADS", format!("no threads: {error}")))?;
    let data = scratch.folder("data")?;
    runtime.block_on(set_up(&data, accounts, console))?;
    let mut till = Till::open(&runtime, scratch.path(), &data)?;
    (till.way, till.calls, till.accounts) = (way, calls, accounts);
    let found = pairs::run(&mut till, common.pairs(), console)?;
    let facts = till.told();
    till.close()?;
    let [calls, accounts] =
        [calls, accounts].map(|count| grouped(u64::try_from(count).unwrap_or(u64::MAX)));
    Ok(Report {
        bench: way.bench(),
        machine,
        durable: "ours: claim and events of every top-up by fdatasync before its answer; reference: nothing",
        work: vec![
            (
                "run",
                format!("{calls} top-ups of {accounts} accounts, {}", way.sent()),
            ),
            (
                "ours",
                "`ledger serve` in a process of its own; outbox, read models and clock following"
                    .to_owned(),
            ),
            (
                "reference",
                "tonic echo of the same messages in a process of its own".to_owned(),
            ),
        ],
        lines: way.lines(&found),
        facts,
    })
}

/// Opens the accounts an hour ago, so that a server with the machine's clock finds them in order.
async fn set_up(data: &Path, accounts: usize, console: Console) -> Result<(), Failure> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let now = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(0));
    let opened = now + Millis::hours(-OPENED_HOURS_AGO);
    let house = House::open(data, opened).await?;
    populate(&house.core.ledger, accounts, opened, console).await?;
    house.drained().await?;
    house.close().await;
    Ok(())
}

/// What one run of ours left behind.
#[derive(Debug, Clone, Copy)]
struct Behind {
    shown_us: u64,
    cpu_ns_a_call: u64,
}

/// Processor time of one call, from two looks at its server, in nanoseconds.
fn ns_a_call(before: Usage, after: Usage, calls: usize) -> u64 {
    let calls = u64::try_from(calls).unwrap_or(u64::MAX).max(1);
    let cpu_ms = after.cpu_ms.saturating_sub(before.cpu_ms);
    cpu_ms.saturating_mul(1_000_000) / calls
}

struct Till<'a> {
    runtime: &'a Runtime,
    nats: NatsServer,
    ledger: Server,
    echo: Server,
    to_ledger: Vec<Client>,
    to_echo: Vec<Client>,
    way: Way,
    calls: usize,
    accounts: usize,
    runs: usize,
    behind: Vec<Behind>,
    /// Processor time of the echo, nanoseconds a call, run by run.
    echo_ns: Vec<u64>,
}

impl<'a> Till<'a> {
    fn open(runtime: &'a Runtime, dir: &Path, data: &Path) -> Result<Self, Failure> {
        let nats = NatsServer::start().map_err(|error| {
            Failure::unavailable("BENCH_NATS", format!("nats-server does not start: {error}"))
                .advise("install it; on Debian: apt-get install nats-server")
        })?;
        let ledger = Server::ledger(dir, data, &nats.url())?;
        let echo = Server::echo(dir)?;
        let to_ledger = runtime.block_on(calls::connect(&ledger))?;
        let to_echo = runtime.block_on(calls::connect(&echo))?;
        let (way, calls, accounts, runs, behind) = (Way::Unary, 0, 0, 0, Vec::new());
        Ok(Self {
            runtime,
            nats,
            ledger,
            echo,
            to_ledger,
            to_echo,
            way,
            calls,
            accounts,
            runs,
            behind,
            echo_ns: Vec::new(),
        })
    }

    fn send(&self, clients: &[Client], plan: Plan) -> Result<Ran, Failure> {
        match self.way {
            Way::Unary => self
                .runtime
                .block_on(calls::unary(clients, plan, IN_FLIGHT)),
            Way::Stream => self.runtime.block_on(calls::stream(clients, plan)),
        }
    }

    fn told(&self) -> Vec<Fact> {
        let middle = |of: fn(&Behind) -> u64| {
            Spread::of(self.behind.iter().map(of)).map_or(0, |spread| spread.median)
        };
        vec![
            Fact::told(
                "read models show the last top-up after",
                middle(|b| b.shown_us),
                "µs",
            ),
            Fact::told(
                "processor time of the server",
                middle(|b| b.cpu_ns_a_call),
                "ns a top-up",
            ),
            Fact::told(
                "processor time of the echo",
                Spread::of(self.echo_ns.iter().copied()).map_or(0, |spread| spread.median),
                "ns a top-up",
            ),
            Fact::told(
                "resident memory of the server",
                self.ledger.usage().resident_kib,
                "KiB",
            ),
        ]
    }

    fn close(self) -> Result<(), Failure> {
        let Self {
            nats,
            ledger,
            echo,
            to_ledger,
            to_echo,
            ..
        } = self;
        drop((to_ledger, to_echo));
        ledger.stop()?;
        drop(echo);
        drop(nats);
        Ok(())
    }
}

impl Bout for Till<'_> {
    fn name(&self) -> String {
        self.way.bench().to_owned()
    }

    fn run(&mut self, side: Side) -> Result<Sample, Failure> {
        let plan = Plan::new(self.runs, self.calls, self.accounts);
        let ran = match side {
            Side::Ours => {
                let before = self.ledger.usage();
                let ran = self.send(&self.to_ledger, plan)?;
                let shown = self
                    .runtime
                    .block_on(calls::shown(&self.to_ledger, ran.token.clone()))?;
                let cpu_ns_a_call = ns_a_call(before, self.ledger.usage(), self.calls);
                let shown_us = micros(shown);
                self.behind.push(Behind {
                    shown_us,
                    cpu_ns_a_call,
                });
                ran
            }
            Side::Reference => {
                // The references of the next pair must be new to the ledger.
                self.runs += 1;
                let before = self.echo.usage();
                let ran = self.send(&self.to_echo, plan)?;
                self.echo_ns
                    .push(ns_a_call(before, self.echo.usage(), self.calls));
                ran
            }
        };
        let p = |percent| percentile(&ran.latencies_us, percent);
        Ok(vec![per_second(self.calls, ran.took), p(50), p(99)])
    }
}
