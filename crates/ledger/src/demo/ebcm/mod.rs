//! `ledger demo --scheme ebcm`: nine months of monthly bills, made from self-readings at payment, and every
//! way a consumer's status goes: paid, belated, cut by the JE or by the close, paid and connected again,
//! never paid and final, stopped, temporary, of the government, imported, ended (E1–E18).
//!
//! `people` says who they are and which path each must take, `course` plays it month by month, `report` asks
//! the ledger and holds it to the paths and to the money that was counted on the way.

mod course;
mod people;
mod report;
mod visit;

use ledger_core::scheme::SchemePolicy;

use self::course::Course;
use super::args::DemoArgs;
use super::story::{Stage, has_its_own_course, tell};
use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// The scheme of this story.
const SCHEME: &str = "ebcm";

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
    tell(&report, &ended, (&args, console, "consumer-00001"))
}
