//! What the demonstration takes on the command line, with its limits and defaults.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Utilities whose story can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoScheme {
    /// Brunei: prepaid electricity and water.
    Usms,
    /// Singapore: arrears recovered from top-ups.
    Payu,
    /// Kenya: customers read their own meters.
    Kplc,
    /// Lakshadweep: monthly bills and the consumer's status.
    Ebcm,
}

/// Runs the main job from meters to reports on this machine.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger demo                                   a made-up town of 200 households, five weeks
  ledger demo --households 2000 --days 60       a larger one
  ledger demo --electricity a.csv.gz --water b.csv.gz --report out.json
                                                real readings, every row accounted for
  ledger demo --data ./town                     keep the data, to look further
  ledger demo --scheme payu                     people with arrears pay as they use
  ledger demo --scheme kplc                     customers read their own meters, half a year
  ledger demo --scheme ebcm                     monthly bills and every status of a consumer")]
pub(crate) struct DemoArgs {
    /// Whose story.
    #[arg(long, value_enum, default_value_t = DemoScheme::Usms)]
    pub(crate) scheme: DemoScheme,
    /// Half-hourly consumption of real households: `customer_id,local_time,kwh`, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) electricity: Option<PathBuf>,
    /// Water registers of real households: `user key;datetime;meter reading;diff`, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) water: Option<PathBuf>,
    /// Folder for the data; it must be new or empty [default: a temporary one, removed at the end].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Writes the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Households of the made-up town, 10 to 20,000.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    pub(crate) households: u32,
    /// Days that pass, 5 to 1,000, with usms and payu; the others have a course of their own [default: 35].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(5..=1_000))]
    pub(crate) days: Option<u32>,
    /// The made-up town's seed: the same seed makes the same readings.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The nats-server program [default: the one on the path].
    #[arg(long, value_name = "FILE", env = "LEDGER_NATS_SERVER")]
    pub(crate) nats_server: Option<PathBuf>,
}

/// Days that pass unless the command line says otherwise: a month end and some days around it.
const DAYS_DEFAULT: u32 = 35;

impl DemoArgs {
    /// Days that pass.
    pub(crate) fn days(&self) -> u32 {
        self.days.unwrap_or(DAYS_DEFAULT)
    }
}
