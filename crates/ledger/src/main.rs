//! The `ledger` binary: command line, configuration, and the composition of the parts.
//!
//! Owns no rule of the domain: each subcommand in [`cli`] calls the crate that does the work.

mod cli;
mod compose;
mod config;
mod exit;
mod failure;
mod import;
mod output;
mod statement;

mod bench;
mod demo;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main().into()
}
