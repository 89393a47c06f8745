//! `ledger import readings`: files of readings, through NATS where one is configured, else straight into
//! the folder of a stopped ledger.
//!
//! Nothing is lost: each line ends as a reading that was taken, or in the rejects file with its number and
//! reason. To import a file again does no harm: what was taken is recognised (C8).

mod direct;
mod nats;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use ledger_core::time::Zone;
use ledger_core::utility::Utility;
use serde_json::{Value, json};

use crate::cli::{Globals, block_on, flag, scheme};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::import::rejects::Rejects;
use crate::import::{Entry, Format, Row, Rows};
use crate::output::Console;
use crate::output::local::grouped;
use crate::output::progress::Progress;
use crate::output::table::facts;

/// Readings handed over at once: one group commit's worth; two batches in memory are small.
const BATCH_READINGS: usize = 4_096;

/// What to import.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    command: ImportCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ImportCommand {
    /// Imports meter readings from files.
    #[command(after_help = "\
Formats (plain or gzip), told by their header line:
  sgsc   customer_id,local_time,kwh
           half-hour consumption; becomes the register a meter would show, of meter E<customer_id>
  daiad  user key;datetime;meter reading;diff
           litres; meter W<first 12 digits of the user key>
  csv    meter,register,read_at,value
           anything else; the register may be empty, read_at has an offset or is local to the scheme

With a NATS server the readings are published to
meter.readings.<utility>.<gateway> and the running ledger takes them; without
one they go straight into the data folder of a stopped ledger. Lines that are
not taken stand in FILE.rejects.csv with number and reason; exit code 1 then.
Importing a file again charges nothing twice.

Examples:
  ledger import readings halfhourly.csv.gz --data-dir ./data
  ledger import readings march.csv --utility water --nats-url nats://127.0.0.1:4222")]
    Readings(ReadingsArgs),
}

#[derive(Debug, Clone, Args)]
struct ReadingsArgs {
    /// Files, imported in this order.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Shape of the files.
    #[arg(long, default_value = "auto")]
    format: Format,
    /// What the meters of a csv file measure.
    #[arg(long)]
    utility: Option<UtilityName>,
    /// Scheme in whose local time times without an offset are.
    #[arg(long, default_value = "usms")]
    scheme: String,
    /// Name of the gateway that the readings come from.
    #[arg(long, default_value = "import")]
    gateway: String,
    /// NATS server [default: the configured nats_url].
    #[arg(long, value_name = "URL")]
    nats_url: Option<String>,
    /// Folder for the rejects files [default: beside each file].
    #[arg(long, value_name = "FOLDER")]
    rejects: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UtilityName {
    /// kWh.
    Electricity,
    /// Cubic metres.
    Water,
}

impl From<UtilityName> for Utility {
    fn from(name: UtilityName) -> Self {
        match name {
            UtilityName::Electricity => Self::Electricity,
            UtilityName::Water => Self::Water,
        }
    }
}

/// What became of a batch, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    lines: u64,
    accepted: u64,
    duplicate: u64,
    conflicting: u64,
    late: u64,
    quarantined: u64,
    rejected: u64,
    published: u64,
}

/// Where readings go.
enum Sink {
    Direct(Box<direct::Direct>),
    Nats(Box<nats::Nats>),
}

impl Sink {
    async fn open(args: &ReadingsArgs, settings: &Settings) -> Result<Self, Failure> {
        Ok(match &settings.nats_url {
            Some(url) => Self::Nats(Box::new(nats::Nats::connect(url, &args.gateway).await?)),
            None => Self::Direct(Box::new(
                direct::Direct::open(settings, &args.gateway).await?,
            )),
        })
    }

    async fn take(
        &mut self,
        rows: &[Row],
        counts: &mut Counts,
        rejects: &mut Rejects,
    ) -> Result<(), Failure> {
        match self {
            Self::Direct(direct) => direct.take(rows, counts, rejects).await,
            Self::Nats(nats) => nats.take(rows, counts).await,
        }
    }

    async fn close(self) {
        if let Self::Direct(direct) = self {
            direct.close().await;
        }
    }
}

pub(crate) fn run(args: &ImportArgs, globals: &Globals) -> Result<Exit, Failure> {
    let ImportCommand::Readings(args) = &args.command;
    let flags = flag("nats_url", "--nats-url", args.nats_url.as_ref());
    let settings = globals.settings(flags.into_iter().collect())?;
    let zone = scheme::policy(&settings, &args.scheme)?.zone().clone();
    block_on(async {
        // Headers first: a wrong file is told before anything is taken.
        for file in &args.files {
            open(args, file, &zone)?;
        }
        let mut sink = Sink::open(args, &settings).await?;
        let imported = all_files(args, &zone, &mut sink, globals.console).await;
        sink.close().await;
        let any_rejected = imported?;
        Ok(if any_rejected {
            Exit::Found
        } else {
            Exit::Done
        })
    })
}

fn open(args: &ReadingsArgs, file: &Path, zone: &Zone) -> Result<Rows, Failure> {
    Rows::open(file, args.format, zone, args.utility.map(Utility::from))
}

async fn all_files(
    args: &ReadingsArgs,
    zone: &Zone,
    sink: &mut Sink,
    console: Console,
) -> Result<bool, Failure> {
    let mut any_rejected = false;
    for file in &args.files {
        let rows = open(args, file, zone)?;
        let mut rejects = Rejects::to(&rejects_path(args, file));
        let counts = one_file(file, rows, (sink, &mut rejects), console).await?;
        rejects.finish()?;
        any_rejected |= rejects.count() > 0;
        let place = (rejects.count() > 0).then(|| rejects.path().display().to_string());
        console.answer(
            || text(file, &counts, place.as_deref()),
            || value(file, &counts, place.as_deref()),
        )?;
    }
    Ok(any_rejected)
}

async fn one_file(
    file: &Path,
    rows: Rows,
    (sink, rejects): (&mut Sink, &mut Rejects),
    console: Console,
) -> Result<Counts, Failure> {
    let size = std::fs::metadata(file).map_or(0, |about| about.len());
    let progress = Progress::begin(console, "importing", "bytes of the file", size);
    let bytes_read = rows.bytes_read();
    let mut counts = Counts::default();
    let mut batch = Vec::with_capacity(BATCH_READINGS);
    for entry in rows {
        counts.lines = counts.lines.saturating_add(1);
        match entry? {
            Entry::Row(row) => batch.push(row),
            Entry::Bad(bad) => {
                counts.rejected = counts.rejected.saturating_add(1);
                rejects.add(bad.line, &bad.reason, &bad.text)?;
            }
        }
        if batch.len() >= BATCH_READINGS {
            sink.take(&batch, &mut counts, rejects).await?;
            batch.clear();
            progress.set(bytes_read.get());
        }
    }
    sink.take(&batch, &mut counts, rejects).await?;
    progress.set(bytes_read.get());
    progress.end();
    Ok(counts)
}

fn rejects_path(args: &ReadingsArgs, file: &Path) -> PathBuf {
    let name = file
        .file_name()
        .map_or_else(|| "readings".into(), |name| name.to_string_lossy());
    let name = format!("{name}.rejects.csv");
    match &args.rejects {
        Some(folder) => folder.join(name),
        None => file.with_file_name(name),
    }
}

fn text(file: &Path, counts: &Counts, rejects: Option<&str>) -> String {
    let mut pairs = vec![
        ("file", file.display().to_string()),
        ("lines", grouped(counts.lines)),
    ];
    if counts.published > 0 {
        pairs.push(("published", grouped(counts.published)));
    } else {
        pairs.extend([
            ("accepted", grouped(counts.accepted)),
            ("repeats", grouped(counts.duplicate)),
            ("conflicting", grouped(counts.conflicting)),
            ("late", grouped(counts.late)),
            ("quarantined", grouped(counts.quarantined)),
        ]);
    }
    pairs.push(("rejected", grouped(counts.rejected)));
    if let Some(rejects) = rejects {
        pairs.push(("rejects in", rejects.to_owned()));
    }
    facts(&pairs)
}

fn value(file: &Path, counts: &Counts, rejects: Option<&str>) -> Value {
    json!({
        "file": file.display().to_string(),
        "lines": counts.lines,
        "published": counts.published,
        "accepted": counts.accepted,
        "duplicate": counts.duplicate,
        "conflicting": counts.conflicting,
        "late": counts.late,
        "quarantined": counts.quarantined,
        "rejected": counts.rejected,
        "rejects": rejects,
    })
}
