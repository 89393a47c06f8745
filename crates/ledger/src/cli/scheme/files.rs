//! The schemes' files: those of `scheme_dir`, and those inside the program that it does not replace.

use std::path::Path;

use ledger_core::scheme::SchemePolicy;

use crate::config::Settings;
use crate::failure::Failure;

/// Largest scheme file read: the largest tariff known takes a tenth of it.
const SCHEME_BYTES_MAX: u64 = 1024 * 1024;

/// A scheme, its text, and where it is from.
pub(super) type Found = (SchemePolicy, String, String);

pub(super) fn find(settings: &Settings, name: &str) -> Result<Found, Failure> {
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

pub(super) fn all(settings: &Settings) -> Result<Vec<Found>, Failure> {
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
        let text = text_of(&path)?;
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

/// The text of a scheme's file.
///
/// # Errors
/// When it cannot be read, or is far too large.
pub(super) fn text_of(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::file("reading scheme", path, &error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > SCHEME_BYTES_MAX {
        let what = format!(
            "{} has {size} bytes, at most {SCHEME_BYTES_MAX}",
            path.display()
        );
        return Err(Failure::usage("SCHEME_FILE", what).advise("name a scheme's file"));
    }
    std::fs::read_to_string(path).map_err(failed)
}
