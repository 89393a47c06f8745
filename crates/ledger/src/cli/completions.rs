//! `ledger completions SHELL`: a script by which a shell completes commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Cli, Globals};
use crate::exit::Exit;
use crate::failure::Failure;

/// What to write.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger completions bash > /etc/bash_completion.d/ledger
  ledger completions fish > ~/.config/fish/completions/ledger.fish")]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, globals: &Globals) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ledger", &mut script);
    globals
        .console
        .line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}
