//! `ledger demo`: the whole main job in one command, on embedded defaults.
//!
//! Starts a NATS server and a `ledger serve` of its own, lets a small town live on them, and ends with
//! the report a utility's manager reads. What it drives is the real thing: readings go through NATS,
//! money through gRPC; only the clock is simulated, so that years pass in a minute. `town` says who
//! lives there, `sources` where the readings come from, `timeline` in which order they arrive, `feed`
//! and `counter` send them and the money, `report` says what became of it all. Other schemes' stories are
//! folders of their own (`payu`, `kplc`, `ebcm`) on the same servers; `story` is what they share.

mod args;
mod counter;
mod ebcm;
mod feed;
mod generate;
mod kplc;
mod payu;
mod report;
mod report_text;
mod run;
mod servers;
mod sources;
mod story;
mod timeline;
mod town;

use self::args::DemoScheme;
pub(crate) use args::DemoArgs;

use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs the demonstration.
pub(crate) fn run(args: &DemoArgs, globals: &Globals) -> Result<Exit, Failure> {
    let (args, globals) = (args.clone(), globals.clone());
    block_on(async {
        match args.scheme {
            DemoScheme::Usms => run::run(args, globals).await,
            DemoScheme::Payu => payu::run(args, globals).await,
            DemoScheme::Kplc => kplc::run(args, globals).await,
            DemoScheme::Ebcm => ebcm::run(args, globals).await,
        }
    })
}
