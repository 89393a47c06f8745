//! `ledger scheme …`: the rules of a utility as data: shown, checked, compared, and published in versions.
//!
//! `files` finds their files, `versions` looks at files by themselves and publishes them to a running ledger.

mod files;
mod versions;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

pub(crate) use self::files::{policies, policy};
use crate::cli::client::ServerArgs;
use crate::cli::{Globals, block_on};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Set, Table};

/// What to do with schemes.
#[derive(Debug, Clone, Args)]
pub(crate) struct SchemeArgs {
    #[command(subcommand)]
    command: SchemeCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum SchemeCommand {
    /// Shows all schemes in a table, or one of them as its file.
    #[command(after_help = "\
Examples:
  ledger scheme show             which schemes there are
  ledger scheme show usms        the whole file of one
  ledger scheme show usms > my-scheme.toml   begin one's own from it")]
    Show {
        /// Name of the scheme.
        name: Option<String>,
    },
    /// Checks scheme files: every fault with its line and key.
    #[command(after_help = "\
Exit code 0: they are right; 1: faults were found.

Examples:
  ledger scheme check my-scheme.toml
  ledger scheme check schemes/*.toml --json")]
    Check {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Shows what differs between two schemes or versions, key by key.
    #[command(after_help = "\
Each side is a file, or the name of a scheme. Comments and the order of keys
are no difference.

Examples:
  ledger scheme diff usms my-scheme.toml
  ledger scheme diff old.toml new.toml --json")]
    Diff {
        /// File or scheme to begin with.
        before: String,
        /// File or scheme to compare with it.
        after: String,
    },
    /// Publishes a version of a scheme to a running ledger; it holds from its own first instant on.
    #[command(after_help = "\
The version must be higher than the newest on record, and its effective_from
must lie after everything that is priced. It is an event, and stays on record;
each priced event names the version it was priced by. The key in
LEDGER_API_KEY must have the role operator.

Examples:
  ledger scheme publish usms-2.toml --reference S-2
  ledger scheme versions usms")]
    Publish {
        /// The file.
        file: PathBuf,
        /// The sender's own reference of this command.
        #[arg(long)]
        reference: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Lists the versions of a scheme that are on record in a running ledger.
    #[command(after_help = "\
Examples:
  ledger scheme versions usms
  ledger scheme versions usms --json")]
    Versions {
        /// Name of the scheme.
        scheme: String,
        #[command(flatten)]
        server: ServerArgs,
    },
}

pub(crate) fn run(args: &SchemeArgs, globals: &Globals) -> Result<Exit, Failure> {
    match &args.command {
        SchemeCommand::Show { name } => show(name.as_deref(), globals),
        SchemeCommand::Check { files } => versions::check(files, globals),
        SchemeCommand::Diff { before, after } => versions::diff(before, after, globals),
        SchemeCommand::Publish {
            file,
            reference,
            server,
        } => block_on(versions::publish(file, reference, server, globals)),
        SchemeCommand::Versions { scheme, server } => {
            block_on(versions::list(scheme, server, globals))
        }
    }
}

fn show(name: Option<&str>, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    let Some(name) = name else {
        list(&settings, globals)?;
        return Ok(Exit::Done);
    };
    let (policy, text, from) = files::find(&settings, name)?;
    globals.console.answer(
        || text.trim_end().to_owned(),
        || json!({"scheme": policy.name(), "version": policy.version(), "from": from, "text": text}),
    )?;
    Ok(Exit::Done)
}

fn list(settings: &Settings, globals: &Globals) -> Result<(), Failure> {
    let mut table = Table::new(
        &[
            ("scheme", Set::Left),
            ("version", Set::Right),
            ("currency", Set::Left),
            ("zone", Set::Left),
            ("from", Set::Left),
        ],
        "no schemes",
    );
    let mut values = Vec::new();
    for (policy, _, from) in files::all(settings)? {
        table.row(vec![
            policy.name().to_owned(),
            policy.version().to_string(),
            policy.currency().code.clone(),
            policy.zone().name().to_owned(),
            from.clone(),
        ]);
        values.push(json!({
            "scheme": policy.name(),
            "version": policy.version(),
            "currency": policy.currency().code,
            "zone": policy.zone().name(),
            "from": from,
        }));
    }
    globals
        .console
        .answer(|| table.text(), || json!({"schemes": values}))
}
