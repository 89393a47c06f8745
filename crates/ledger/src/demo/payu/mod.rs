//! `ledger demo --scheme payu`: people with arrears join, top up, run low, draw emergency credit, and pay
//! their arrears off a fifth of each top-up at a time (P1–P8).
//!
//! The same servers and doors as the town's story: readings through NATS, money through gRPC, a simulated
//! clock. `people` says who they are and what they do, `course` plays it day by day, `report` asks the
//! ledger what became of it and holds it to an account kept on the way.

mod course;
mod people;
mod report;

use ledger_core::scheme::SchemePolicy;

use self::course::Course;
use super::args::DemoArgs;
use super::story::{Stage, tell};
use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// The scheme of this story.
const SCHEME: &str = "payu";

/// Runs it.
pub(super) async fn run(args: DemoArgs, globals: Globals) -> Result<Exit, Failure> {
    let console = globals.console;
    let policy = SchemePolicy::builtin(SCHEME)
        .map_err(|e| Failure::damaged("DEMO_SCHEME", e.to_string()))?;
    let people = people::people(&args, &policy);
    let stage = Stage::set(&args, console).await?;
    let mut course = Course::new(stage, people);
    course.play(i64::from(args.days()), console).await?;
    let mut report = report::gather(&course).await?;
    let ended = course.stage.strike()?;
    report.seconds = ended.seconds;
    tell(&report, &ended, (&args, console, "joiner-00001"))
}
