//! Files and versions of schemes: checked and compared without a ledger, published to a running one.

use std::path::{Path, PathBuf};

use command_api::pb;
use ledger_core::scheme::{SchemeChange, SchemeError, changes, faults};
use serde_json::{Value, json};

use super::files;
use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect, told};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Set, Table, facts};

/// Every fault of every file.
pub(super) fn check(paths: &[PathBuf], globals: &Globals) -> Result<Exit, Failure> {
    let mut lines = Vec::new();
    let mut values = Vec::new();
    let mut exit = Exit::Done;
    for path in paths {
        let found = faults(&files::text_of(path)?);
        if found.is_empty() {
            lines.push(format!("{}: right", path.display()));
        } else {
            exit = Exit::Found;
        }
        for fault in &found {
            lines.push(format!("{}: {fault}", path.display()));
        }
        values.push(json!({
            "file": path.display().to_string(),
            "faults": found.iter().map(SchemeError::to_string).collect::<Vec<_>>(),
        }));
    }
    globals
        .console
        .answer(|| lines.join("\n"), || json!({"files": values}))?;
    Ok(exit)
}

/// The text of a file, or of a scheme by its name.
fn side(named: &str, globals: &Globals) -> Result<String, Failure> {
    let path = Path::new(named);
    if path.exists() {
        return files::text_of(path);
    }
    let settings = globals.settings(Vec::new())?;
    files::find(&settings, named).map(|(_, text, _)| text)
}

/// The keys that differ.
pub(super) fn diff(before: &str, after: &str, globals: &Globals) -> Result<Exit, Failure> {
    let texts = (side(before, globals)?, side(after, globals)?);
    let found = changes(&texts.0, &texts.1).map_err(|error| {
        Failure::usage("SCHEME_FILE", error.to_string())
            .advise("`ledger scheme check FILE` says what is wrong, line by line")
    })?;
    let mut table = Table::new(
        &[
            ("key", Set::Left),
            ("before", Set::Left),
            ("after", Set::Left),
        ],
        "no difference",
    );
    let shown = |value: Option<&String>| value.cloned().unwrap_or_else(|| "–".to_owned());
    for change in &found {
        table.row(vec![
            change.key.clone(),
            shown(change.before.as_ref()),
            shown(change.after.as_ref()),
        ]);
    }
    let value = |change: &SchemeChange| json!({"key": change.key, "before": change.before, "after": change.after});
    globals.console.answer(
        || table.text(),
        || json!({"changes": found.iter().map(value).collect::<Vec<_>>()}),
    )?;
    Ok(Exit::Done)
}

/// Puts a version on record.
pub(super) async fn publish(
    file: &Path,
    reference: &str,
    server: &ServerArgs,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let text = files::text_of(file)?;
    let connected = connect(server, globals).await?;
    let request = pb::PublishSchemeRequest {
        reference: reference.to_owned(),
        text,
    };
    let answer = connected.client.schemes().publish_scheme(request).await?;
    let answer = answer.into_inner();
    let version = answer.published.unwrap_or_default();
    let state = if answer.duplicate {
        "on record already, by this reference"
    } else {
        "on record"
    };
    globals.console.answer(
        || {
            facts(&[
                ("scheme", version.scheme.clone()),
                ("version", version.version.to_string()),
                ("holds from", from_of(&version)),
                ("digest", version.digest.clone()),
                ("state", state.to_owned()),
            ])
        },
        || json!({"published": of(&version), "duplicate": answer.duplicate, "token": answer.token}),
    )?;
    Ok(Exit::Done)
}

/// The versions on record, oldest first.
pub(super) async fn list(
    scheme: &str,
    server: &ServerArgs,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let connected = connect(server, globals).await?;
    let request = pb::ListSchemeVersionsRequest {
        scheme: scheme.to_owned(),
    };
    let mut schemes = connected.client.schemes();
    let answer = schemes.list_scheme_versions(request).await?;
    let versions = answer.into_inner().versions;
    let mut table = Table::new(
        &[
            ("version", Set::Right),
            ("holds from", Set::Left),
            ("digest", Set::Left),
        ],
        "no version is on record: the scheme is served from its file",
    );
    for version in &versions {
        table.row(vec![
            version.version.to_string(),
            from_of(version),
            version.digest.clone(),
        ]);
    }
    globals.console.answer(
        || table.text(),
        || json!({"versions": versions.iter().map(of).collect::<Vec<_>>()}),
    )?;
    Ok(Exit::Done)
}

fn from_of(version: &pb::SchemeVersion) -> String {
    let at = version
        .effective_from
        .as_ref()
        .and_then(crate::cli::client::instant);
    at.map_or_else(String::new, |at| at.to_string())
}

fn of(version: &pb::SchemeVersion) -> Value {
    json!({
        "scheme": version.scheme,
        "version": version.version,
        "effective_from": told(version.effective_from.as_ref()),
        "digest": version.digest,
    })
}
