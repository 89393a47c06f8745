//! `ledger demo --scheme kplc`: half a year of customers who read their own meters: a bill at every reading,
//! implausible readings that open queries, payments of any amount through any channel, and disconnection
//! runs that must not cut whoever paid meanwhile (K2–K8).
//!
//! `people` says who they are, `course` plays it month by month and prices every bill by itself, `report`
//! asks the ledger and holds it to that.

mod course;
mod people;
mod report;

use ledger_core::scheme::SchemePolicy;

use self::course::Course;
use super::args::DemoArgs;
use super::story::{Stage, has_its_own_course, tell};
use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// The scheme of this story.
const SCHEME: &str = "kplc";

/// Runs it.
pub(super) async fn run(args: DemoArgs, globals: Globals) -> Result<Exit, Failure> {
    let console = globals.console;
    has_its_own_course(&args)?;
    let policy = SchemePolicy::builtin(SCHEME)
        .map_err(|e| Failure::damaged("DEMO_SCHEME", e.to_string()))?;
    let people = people::people(&args, &policy);
    let stage = Stage::set(&args, console).await?;
    let mut course = Course::new(stage, people);
    course.play(console).await?;
    let mut report = report::gather(&course).await?;
    let ended = course.stage.strike()?;
    report.seconds = ended.seconds;
    tell(&report, &ended, (&args, console, "customer-00001"))
}
