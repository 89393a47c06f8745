//! The console: where lines go, whether they are JSON, and whether colour is used.
//!
//! A closed pipe (`ledger replay | head`) ends the command quietly. Absent on purpose: logging, which is
//! `tracing`'s and goes to standard error.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How this run speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Console {
    json: bool,
    color: bool,
}

impl Console {
    /// Decides once how to speak.
    pub(crate) fn new(json: bool, color: Color) -> Self {
        let wanted = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !refused && io::stderr().is_terminal()
            }
        };
        Self {
            json,
            color: wanted && !json,
        }
    }

    /// Whether standard output is JSON.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Whether escape codes may be written to standard error.
    pub(crate) const fn is_colored(self) -> bool {
        self.color
    }

    /// Writes text and a line end to standard output.
    ///
    /// # Errors
    /// When the reader has gone, or the output cannot be written.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        written(writeln!(out, "{text}").and_then(|()| out.flush()))
    }

    /// Writes many lines through one buffer: for outputs of millions of lines.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn lines(self, lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for line in lines {
            written(writeln!(out, "{line}"))?;
        }
        written(out.flush())
    }

    /// Writes one JSON value as one line.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn json(self, value: &Value) -> Result<(), Failure> {
        self.line(&value.to_string())
    }

    /// Writes the answer in the form that was asked for.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn answer(
        self,
        text: impl FnOnce() -> String,
        value: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        if self.json {
            self.json(&value())
        } else {
            self.line(&text())
        }
    }

    /// Tells people something about the run, on standard error; not with `--json`.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            tell(text);
        }
    }

    /// Tells why the command failed.
    pub(crate) fn failed(self, failure: &Failure) {
        if failure.exit() == crate::exit::Exit::Done {
            return;
        }
        if self.json {
            tell(&failure.json().to_string());
        } else if self.color {
            tell(&format!("\x1b[1;31merror:\x1b[0m {}", failure.text()));
        } else {
            tell(&format!("error: {}", failure.text()));
        }
    }
}

/// Writes to standard error. When that cannot be written there is nobody to tell.
fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::reader_gone();
        }
        Failure::unavailable("OUTPUT", format!("the output cannot be written: {error}"))
            .advise("make room where the output goes, then run it again")
    })
}

/// What is logged unless RUST_LOG says otherwise. The NATS client tells each of its attempts to connect
/// again; the gateway tells once that NATS is away.
const LOGGED: &str = "info,async_nats=warn";

/// Starts structured logs on standard error. RUST_LOG chooses what is logged.
pub(crate) fn start_logs(console: Console) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOGGED));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(console.is_colored())
        .try_init();
    // A subscriber that stands already belongs to a test or to the demonstration.
    drop(started);
}
