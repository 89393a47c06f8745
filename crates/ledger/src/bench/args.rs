//! What a measurement is told on the command line: which one, how much, where.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Pairs unless told: enough for a median that one disturbance does not move.
const PAIRS_DEFAULT: usize = 5;
/// Pairs of a quick run.
const PAIRS_QUICK: usize = 3;
/// Most pairs: beyond it the machine changes more than the figure.
const PAIRS_MAX: u64 = 100;
/// Largest size: a disk of a few terabytes.
const SIZE_MAX: u64 = 1_000_000_000;

const AFTER_HELP: &str = "\
Every measurement runs ours and a reference in turn and prints the medians, their ratio and its spread.
Run it on a machine that does nothing else; the load that was seen is printed too.

Examples:
  ledger bench append --dir /var/lib          durable appends against the disk itself
  ledger bench append --event-store facade    over KurrentDB's protocol, to a server of its own
  ledger bench append --event-store kurrentdb://127.0.0.1:2113?tls=false
  ledger bench topup --pairs 9                more pairs, a steadier median
  ledger bench ingest --quick --json          a first look, for a script";

/// What `ledger bench` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: Bench,
}

/// Which measurement.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Bench {
    /// Durable appends of real event bytes against raw write + fdatasync of the same bytes.
    Append(Common),
    /// Meter readings, from NATS message to priced, durable event, against an empty consumer.
    Ingest(Common),
    /// Top-ups over gRPC, one call each, against an echo.
    Topup(Common),
    /// Top-ups over one bidirectional stream, against an echo.
    TopupStream(Common),
    /// Bytes that an event takes in the log, by kind.
    Bytes(BytesArgs),
    /// Answers top-ups without doing anything: the other side of `topup`.
    #[command(hide = true)]
    Echo,
}

/// What `ledger bench bytes` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct BytesArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Look at this log (the folder `log` of a stopped ledger) instead of making one.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) log: Option<PathBuf>,
}

/// What every measurement takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// How often both sides run, after a warm-up [default: 5, with --quick 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=PAIRS_MAX))]
    pairs: Option<u64>,
    /// Events, readings or calls of one run of one side.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SIZE_MAX))]
    size: Option<u64>,
    /// Accounts (and meters, and streams) that the work is spread over.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SIZE_MAX))]
    accounts: Option<u64>,
    /// Smaller and shorter: a first look, in less than 20 s.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Folder on the disk that is measured; what is written there is removed at the end [default: the
    /// system's folder for temporary files].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
}

impl Common {
    /// How many pairs.
    pub(crate) fn pairs(&self) -> usize {
        let usual = if self.quick {
            PAIRS_QUICK
        } else {
            PAIRS_DEFAULT
        };
        self.pairs
            .and_then(|pairs| usize::try_from(pairs).ok())
            .unwrap_or(usual)
    }

    /// How much one run of one side does.
    pub(crate) fn size(&self, full: usize, quick: usize) -> usize {
        let usual = if self.quick { quick } else { full };
        self.size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(usual)
    }

    /// Accounts.
    pub(crate) fn accounts(&self, full: usize, quick: usize) -> usize {
        let usual = if self.quick { quick } else { full };
        self.accounts
            .and_then(|accounts| usize::try_from(accounts).ok())
            .unwrap_or(usual)
    }
}
