//! Steps of a recipe: each named, timed, and able to say how it is run alone. All of them run, and
//! the table at the end says which failed.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::process;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Passed,
    Failed,
    /// It found something, but is not asked to fail the recipe.
    Noted,
}

struct Finished {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
    rerun: String,
}

/// The steps run so far.
#[derive(Default)]
pub(crate) struct Steps {
    finished: Vec<Finished>,
}

impl Steps {
    /// Runs a program as a step; it writes to the terminal itself.
    pub(crate) fn command(&mut self, name: &'static str, command: &mut Command) -> bool {
        let rerun = process::written_out(command);
        self.inline(name, &rerun.clone(), || match command.status() {
            Ok(status) => Ok(status.success()),
            Err(error) => Err(process::not_started(&rerun, &error)),
        })
    }

    /// Runs a part of this program as a step.
    pub(crate) fn inline(
        &mut self,
        name: &'static str,
        rerun: &str,
        work: impl FnOnce() -> Result<bool, Failure>,
    ) -> bool {
        self.time(name, rerun, Verdict::Failed, work)
    }

    /// As `inline`, but what it finds is only said.
    pub(crate) fn advisory(
        &mut self,
        name: &'static str,
        rerun: &str,
        work: impl FnOnce() -> Result<bool, Failure>,
    ) -> bool {
        self.time(name, rerun, Verdict::Noted, work)
    }

    fn time(
        &mut self,
        name: &'static str,
        rerun: &str,
        otherwise: Verdict,
        work: impl FnOnce() -> Result<bool, Failure>,
    ) -> bool {
        println!("── {name}: {rerun}");
        let start = Instant::now();
        let passed = work().unwrap_or_else(|failure| {
            eprintln!("{failure}");
            false
        });
        let verdict = if passed { Verdict::Passed } else { otherwise };
        let took = start.elapsed();
        if verdict == Verdict::Failed {
            println!(
                "── {name} FAILED after {} s; run it alone: {rerun}",
                seconds(took)
            );
        }
        self.finished.push(Finished {
            name,
            verdict,
            took,
            rerun: rerun.to_owned(),
        });
        passed
    }

    /// Prints the table; true if no step failed.
    pub(crate) fn close(&self, recipe: &str) -> bool {
        println!();
        for step in &self.finished {
            println!("{}", table_line(step));
        }
        let failed = self.failed_count();
        let total: Duration = self.finished.iter().map(|step| step.took).sum();
        let count = self.finished.len();
        println!(
            "{recipe}: {count} steps, {failed} failed, {} s",
            seconds(total)
        );
        failed == 0
    }

    fn failed_count(&self) -> usize {
        self.finished
            .iter()
            .filter(|step| step.verdict == Verdict::Failed)
            .count()
    }
}

fn table_line(step: &Finished) -> String {
    let head = format!("{:<12} {:>7} s", step.name, seconds(step.took));
    match step.verdict {
        Verdict::Passed => format!("{head}  ok"),
        Verdict::Noted => format!("{head}  see above (not required)"),
        Verdict::Failed => format!("{head}  FAILED   {}", step.rerun),
    }
}

/// Seconds with one decimal.
pub(crate) fn seconds(took: Duration) -> String {
    format!("{:.1}", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::{Failure, Steps};

    #[test]
    fn a_later_step_runs_although_an_earlier_one_failed() {
        let mut steps = Steps::default();
        let mut ran = Vec::new();
        steps.inline("first", "run first", || {
            ran.push("first");
            Err(Failure::new("broken", "mend it"))
        });
        steps.inline("second", "run second", || {
            ran.push("second");
            Ok(true)
        });
        assert_eq!(ran, ["first", "second"]);
        assert_eq!(steps.failed_count(), 1);
        assert!(!steps.close("check"));
    }

    #[test]
    fn an_advisory_step_does_not_fail_the_recipe() {
        let mut steps = Steps::default();
        steps.advisory("proto", "run proto", || Ok(false));
        assert!(steps.close("check"));
    }

    #[test]
    fn a_failed_step_says_how_it_is_run_alone() {
        let mut steps = Steps::default();
        steps.inline("deny", "cargo xtask deny", || Ok(false));
        let line = super::table_line(steps.finished.first().unwrap());
        assert!(
            line.contains("FAILED") && line.ends_with("cargo xtask deny"),
            "{line}"
        );
    }
}
