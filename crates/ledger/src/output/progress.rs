//! Progress of long work: done of all, rate, and time left, on standard error.
//!
//! On a terminal it is a bar; elsewhere a line now and then, so that a log of it can be read. With
//! `--json` it is silent.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::console::Console;
use crate::output::local::{duration, grouped};

/// How often a line is written where there is no terminal: often enough to see it live, seldom enough
/// for a log.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Progress of one piece of work.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When the last line was written; `None` on a terminal or when silent.
    lines: Option<Mutex<Instant>>,
    console: Console,
    what: &'static str,
    unit: &'static str,
    began: Instant,
}

impl Progress {
    /// Begins: `what` is being done to `total` of `unit` (0: not known).
    pub(crate) fn begin(
        console: Console,
        what: &'static str,
        unit: &'static str,
        total: u64,
    ) -> Self {
        let is_bar = std::io::stderr().is_terminal() && !console.is_json();
        let target = if is_bar {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), target);
        bar.set_style(style(unit, total > 0));
        bar.set_message(what);
        let lines = (!is_bar && !console.is_json()).then(|| Mutex::new(Instant::now()));
        Self {
            bar,
            lines,
            console,
            what,
            unit,
            began: Instant::now(),
        }
    }

    /// So much more is done.
    pub(crate) fn add(&self, more: u64) {
        self.bar.inc(more);
        self.line();
    }

    /// So much is done in all.
    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
        self.line();
    }

    /// The whole has become known, or has grown.
    pub(crate) fn total(&self, total: u64) {
        self.bar.set_length(total);
        self.bar.set_style(style(self.unit, total > 0));
    }

    /// Ends and says how fast it was.
    pub(crate) fn end(self) {
        let done = self.bar.position();
        let took = self.began.elapsed();
        self.bar.finish_and_clear();
        self.console.note(&format!(
            "{}: {} {} in {} ({}/s)",
            self.what,
            grouped(done),
            self.unit,
            duration(millis(took)),
            grouped(per_second(done, took))
        ));
    }

    fn line(&self) {
        let Some(lines) = &self.lines else { return };
        // Whoever else is writing a line writes ours too.
        let Ok(mut last) = lines.try_lock() else {
            return;
        };
        if last.elapsed() < LINE_EVERY {
            return;
        }
        *last = Instant::now();
        let (done, took) = (self.bar.position(), self.began.elapsed());
        let rate = per_second(done, took);
        let of = self.bar.length().filter(|total| *total > 0);
        let left = of.map_or(String::new(), |total| {
            let left_s = total.saturating_sub(done).checked_div(rate).unwrap_or(0);
            format!(
                " of {}, {} left",
                grouped(total),
                duration(left_s.saturating_mul(1_000))
            )
        });
        self.console.note(&format!(
            "{}: {} {}{left} ({}/s)",
            self.what,
            grouped(done),
            self.unit,
            grouped(rate)
        ));
    }
}

fn style(unit: &str, is_bounded: bool) -> ProgressStyle {
    let template = if is_bounded {
        format!(
            "{{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit}  {{per_sec}}  {{eta}} left"
        )
    } else {
        format!("{{msg}} {{spinner}} {{human_pos}} {unit}  {{per_sec}}")
    };
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn per_second(done: u64, took: Duration) -> u64 {
    let ms = millis(took).max(1);
    done.saturating_mul(1_000) / ms
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_the_time_it_took() {
        assert_eq!(per_second(5_000, Duration::from_secs(2)), 2_500);
        assert_eq!(per_second(5, Duration::ZERO), 5_000);
    }
}
