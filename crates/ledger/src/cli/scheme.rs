//! `ledger scheme show`: the rules of a utility as they are in force, from the file that says them.

use std::path::Path;

use clap::{Args, Subcommand};
use ledger_core::scheme::SchemePolicy;
use serde_json::json;

use crate::cli::Globals;
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Set, Table};

/// Largest scheme file read: the largest tariff known takes a tenth of it.
const SCHEME_BYTES_MAX: u64 = 1024 * 1024;

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
}

pub(crate) fn run(args: &SchemeArgs, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    match &args.command {
        SchemeCommand::Show { name: None } => list(&settings, globals)?,
        SchemeCommand::Show { name: Some(name) } => {
            let (policy, text, from) = find(&settings, name)?;
            globals.console.answer(
                || text.trim_end().to_owned(),
                || json!({"scheme": policy.name(), "version": policy.version(), "from": from, "text": text}),
            )?;
        }
    }
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
    for (policy, _, from) in all(settings)? {
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

type Found = (SchemePolicy, String, String);

fn find(settings: &Settings, name: &str) -> Result<Found, Failure> {
    let found = all(settings)?;
    let names: Vec<String> = found
        .iter()
        .map(|(policy, ..)| policy.name().to_owned())
        .collect();
    found
        .into_iter()
        .find(|(policy, ..)| policy.name() == name)
        .ok_or_else(|| {
            Failure::usage("SCHEME_UNKNOWN", format!("there is no scheme {name:?}")).advise(
                format!(
                    "use one of {}, or put its file into scheme_dir",
                    names.join(", ")
                ),
            )
        })
}

/// A scheme by its name: from `scheme_dir`, else the one inside the program.
///
/// # Errors
/// When there is none, or a file is wrong.
pub(crate) fn policy(settings: &Settings, name: &str) -> Result<SchemePolicy, Failure> {
    find(settings, name).map(|(policy, ..)| policy)
}

/// Every scheme in force: those of `scheme_dir`, and those inside the program that it does not replace.
///
/// # Errors
/// When a file cannot be read or is wrong.
pub(crate) fn policies(settings: &Settings) -> Result<Vec<SchemePolicy>, Failure> {
    Ok(all(settings)?
        .into_iter()
        .map(|(policy, ..)| policy)
        .collect())
}

fn all(settings: &Settings) -> Result<Vec<Found>, Failure> {
    let mut found = match &settings.scheme_dir {
        Some(folder) => from_folder(folder)?,
        None => Vec::new(),
    };
    for name in SchemePolicy::builtin_names() {
        if found.iter().any(|(policy, ..)| policy.name() == name) {
            continue;
        }
        let policy = SchemePolicy::builtin(name).map_err(|error| {
            Failure::damaged("SCHEME_FILE", format!("built-in scheme {name}: {error}"))
        })?;
        let text = SchemePolicy::builtin_text(name).unwrap_or_default();
        found.push((policy, text.to_owned(), "inside the program".to_owned()));
    }
    found.sort_by(|(a, ..), (b, ..)| a.name().cmp(b.name()));
    Ok(found)
}

fn from_folder(folder: &Path) -> Result<Vec<Found>, Failure> {
    let failed = |error: std::io::Error| Failure::file("reading schemes from", folder, &error);
    let mut found: Vec<Found> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|end| end != "toml") {
            continue;
        }
        let file_failed = |error: std::io::Error| Failure::file("reading scheme", &path, &error);
        let size = std::fs::metadata(&path).map_err(file_failed)?.len();
        if size > SCHEME_BYTES_MAX {
            let what = format!(
                "{} has {size} bytes, at most {SCHEME_BYTES_MAX}",
                path.display()
            );
            return Err(Failure::usage("SCHEME_FILE", what).advise("move it out of scheme_dir"));
        }
        let text = std::fs::read_to_string(&path).map_err(file_failed)?;
        let policy = SchemePolicy::from_toml(&text).map_err(|error| {
            Failure::usage("SCHEME_FILE", format!("{}: {error}", path.display()))
                .advise("correct the file; `ledger scheme show usms` shows one that is right")
        })?;
        if let Some((twin, _, from)) = found
            .iter()
            .find(|(other, ..)| other.name() == policy.name())
        {
            let what = format!(
                "{} and {from} are both scheme {}",
                path.display(),
                twin.name()
            );
            return Err(Failure::usage("SCHEME_FILE", what).advise("keep one of them"));
        }
        found.push((policy, text, path.display().to_string()));
    }
    Ok(found)
}
