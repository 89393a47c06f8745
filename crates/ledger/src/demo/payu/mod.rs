//! `ledger demo --scheme payu`: people with arrears join, top up, run low, draw emergency credit, and pay
//! their arrears off a fifth of each top-up at a time (P1–P8).
//!
//! The same servers and doors as the town's story: readings through NATS, money through gRPC, a simulated
//! clock. `people` says who they are and what they do, `course` plays it day by day, `report` asks the
//! ledger what became of it and holds it to an account kept on the way.

mod course;
mod people;
mod report;

use std::time::Instant;

use ledger_core::scheme::SchemePolicy;

use self::course::Course;
use super::args::DemoArgs;
use super::feed::Feed;
use super::run::Folder;
use super::servers::{Ledger, Nats};
use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// The scheme of this story.
const SCHEME: &str = "payu";

/// Runs it.
pub(super) async fn run(args: DemoArgs, globals: Globals) -> Result<Exit, Failure> {
    let console = globals.console;
    if args.electricity.is_some() || args.water.is_some() {
        return Err(
            Failure::usage("DEMO_FILES", "this scheme's story makes its own readings")
                .advise("leave --electricity and --water out"),
        );
    }
    let policy = SchemePolicy::builtin(SCHEME)
        .map_err(|e| Failure::damaged("DEMO_SCHEME", e.to_string()))?;
    let people = people::people(&args, &policy);
    let folder = Folder::make(args.data.as_deref())?;
    console.note("starting nats-server and ledger serve on loopback ports");
    let nats = Nats::start(args.nats_server.as_deref(), folder.path()).await?;
    let ledger = Ledger::start(&nats.url, folder.path()).await?;
    let feed = Feed::connect(&nats.url).await?;
    let mut course = Course::connect(&ledger, feed, people).await?;
    let began = Instant::now();
    course.play(i64::from(args.days), console).await?;
    let seconds = began.elapsed().as_secs_f64();
    let report = report::gather(course, seconds).await?;
    ledger.stop()?;
    nats.stop()?;
    if let Some(file) = &args.report {
        let text = format!("{:#}\n", report.json());
        std::fs::write(file, text).map_err(|e| Failure::file("writing", file, &e))?;
    }
    console.answer(|| report.text(), || report.json())?;
    console.note(&super::report::look_further(folder.kept(), "joiner-00001"));
    Ok(if report.accounts_for_everything() {
        Exit::Done
    } else {
        Exit::Found
    })
}
