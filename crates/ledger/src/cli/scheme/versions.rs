//! Versions of schemes: a file checked, two compared, one published, those on record listed.

use std::path::Path;

use command_api::pb;
use ledger_core::scheme::{SchemeChange, changes, faults};
use serde_json::{Value, json};

use super::{SCHEME_BYTES_MAX, find};
use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect, told};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Set, Table, facts};

/// Tells every fault of a file.
pub(super) fn check(file: &Path, globals: &Globals) -> Result<Exit, Failure> {
    let text = read(file)?;
    let found = faults(&text);
    let mut table = Table::new(
        &[
            ("line", Set::Right),
            ("key", Set::Left),
            ("fault", Set::Left),
        ],
        "no faults",
    );
    let mut values = Vec::new();
    for fault in &found {
        table.row(vec![
            fault.line.to_string(),
            fault.key.clone(),
            fault.message.clone(),
        ]);
        values.push(json!({"line": fault.line, "key": fault.key, "fault": fault.message}));
    }
    globals.console.answer(
        || table.text(),
        || json!({"file": file.display().to_string(), "faults": values}),
    )?;
    Ok(if found.is_empty() {
        Exit::Done
    } else {
        Exit::Found
    })
}

/// Publishes a file.
pub(super) async fn publish(
    file: &Path,
    reference: &str,
    server: &ServerArgs,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let text = read(file)?;
    let connected = connect(server, globals).await?;
    let request = pb::PublishSchemeRequest {
        reference: reference.to_owned(),
        text,
    };
    let answer = connected.client.schemes().publish_scheme(request).await?;
    let answer = answer.into_inner();
    let version = answer.published.unwrap_or_default();
    let again = if answer.duplicate {
        " (published before)"
    } else {
        ""
    };
    globals.console.answer(
        || {
            facts(&[
                (
                    "published",
                    format!("{}@{}{again}", version.scheme, version.version),
                ),
                ("holds from", from(&version)),
                ("digest", version.digest.clone()),
            ])
        },
        || json!({"duplicate": answer.duplicate, "version": value(&version)}),
    )?;
    Ok(Exit::Done)
}

/// Shows what differs.
pub(super) async fn diff(
    (before, after): (&str, &str),
    server: &ServerArgs,
    settings: &Settings,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let old = text_of(before, server, settings, globals).await?;
    let new = text_of(after, server, settings, globals).await?;
    let bad = |error: ledger_core::scheme::SchemeError| {
        Failure::usage("SCHEME_FILE", error.to_string())
            .advise("check both with `ledger scheme check`")
    };
    let changed = changes(&old, &new).map_err(bad)?;
    let table = differences(&changed, (before, after));
    let values: Vec<Value> = changed
        .iter()
        .map(|c| json!({"key": c.key, "before": c.before, "after": c.after}))
        .collect();
    globals
        .console
        .answer(|| table.text(), || json!({"changes": values}))?;
    Ok(Exit::Done)
}

fn differences(changed: &[SchemeChange], (before, after): (&str, &str)) -> Table {
    let mut table = Table::new(
        &[("key", Set::Left), (before, Set::Left), (after, Set::Left)],
        "no differences",
    );
    for change in changed {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
        table.row(vec![
            change.key.clone(),
            shown(&change.before),
            shown(&change.after),
        ]);
    }
    table
}

/// Lists what is on record.
pub(super) async fn list(
    name: &str,
    server: &ServerArgs,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let versions = on_record(name, server, globals).await?;
    let mut table = Table::new(
        &[
            ("version", Set::Right),
            ("holds from", Set::Left),
            ("digest", Set::Left),
        ],
        "none on record: the scheme is served from its file",
    );
    for version in &versions {
        table.row(vec![
            version.version.to_string(),
            from(version),
            version.digest.clone(),
        ]);
    }
    let values: Vec<Value> = versions.iter().map(value).collect();
    globals
        .console
        .answer(|| table.text(), || json!({"versions": values}))?;
    Ok(Exit::Done)
}

async fn on_record(
    name: &str,
    server: &ServerArgs,
    globals: &Globals,
) -> Result<Vec<pb::SchemeVersion>, Failure> {
    let connected = connect(server, globals).await?;
    let request = pb::ListSchemeVersionsRequest {
        scheme: name.to_owned(),
    };
    let mut schemes = connected.client.schemes();
    let answer = schemes.list_scheme_versions(request).await?;
    Ok(answer.into_inner().versions)
}

/// The text of a file, of a scheme by name, or of NAME@VERSION on record.
async fn text_of(
    which: &str,
    server: &ServerArgs,
    settings: &Settings,
    globals: &Globals,
) -> Result<String, Failure> {
    let file = Path::new(which);
    if file.is_file() {
        return read(file);
    }
    let Some((name, number)) = which.split_once('@') else {
        return find(settings, which).map(|(_, text, _)| text);
    };
    let unknown = || {
        Failure::usage("SCHEME_UNKNOWN", format!("{which} is not on record"))
            .advise(format!("`ledger scheme versions {name}` lists what is"))
    };
    let number: u32 = number.parse().map_err(|_| unknown())?;
    let versions = on_record(name, server, globals).await?;
    let found = versions.into_iter().find(|v| v.version == number);
    found.map(|v| v.text).ok_or_else(unknown)
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::file("reading scheme", file, &error);
    let size = std::fs::metadata(file).map_err(failed)?.len();
    if size > SCHEME_BYTES_MAX {
        let what = format!(
            "{} has {size} bytes, at most {SCHEME_BYTES_MAX}",
            file.display()
        );
        return Err(Failure::usage("SCHEME_FILE", what).advise("it is no scheme"));
    }
    std::fs::read_to_string(file).map_err(failed)
}

fn from(version: &pb::SchemeVersion) -> String {
    let at = version.effective_from.as_ref();
    at.and_then(crate::cli::client::instant)
        .map_or_else(String::new, |at| at.to_string())
}

fn value(version: &pb::SchemeVersion) -> Value {
    json!({
        "scheme": version.scheme,
        "version": version.version,
        "effective_from": told(version.effective_from.as_ref()),
        "digest": version.digest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c12_what_differs_between_two_versions_is_a_table_by_key() {
        let change = |key: &str, before: Option<&str>, after: Option<&str>| SchemeChange {
            key: key.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let changed = [
            change("topup.maximum", None, Some("500.00")),
            change("topup.minimum", Some("2.00"), Some("3.00")),
        ];
        insta::assert_snapshot!(differences(&changed, ("usms@1", "usms@2")).text(), @r"
        key            usms@1  usms@2
        topup.maximum  –       500.00
        topup.minimum  2.00    3.00
        ");
    }
}
