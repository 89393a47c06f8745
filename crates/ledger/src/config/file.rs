//! The configuration file: TOML of one level, each value with the line it stands on.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::config::settings::Settings;
use crate::config::{Origin, keys};
use crate::failure::Failure;

/// Largest file read: ten keys with comments are a hundredth of it; more is a wrong path.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Reads a file into the settings.
pub(crate) fn apply(path: &Path, settings: &mut Settings) -> Result<(), Failure> {
    let shown = path.display().to_string();
    let text = read(path)?;
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(&text, &span));
        Failure::usage(
            "CONFIG_FORM",
            format!("{shown}, line {line}: {}", error.message()),
        )
        .advise("the file is TOML: `key = \"value\"`, one a line")
    })?;
    for (name, value) in table.get_ref() {
        let line = line_of(&text, &name.span());
        let origin = Origin::File {
            path: shown.clone(),
            line,
        };
        let name = name.get_ref().as_ref();
        let Some(key) = keys::find(name) else {
            return Err(keys::unknown(&origin, name));
        };
        let Some(value) = scalar(value.get_ref()) else {
            return Err(keys::wrong_value(&origin, key, "it is not a single value"));
        };
        key.put(settings, &value, &origin)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: &std::io::Error| {
        Failure::usage(
            "CONFIG_FILE",
            format!("configuration file {}: {error}", path.display()),
        )
        .advise("give an existing file with --config or LEDGER_CONFIG, or leave both out")
    };
    let size = std::fs::metadata(path)
        .map_err(|error| failed(&error))?
        .len();
    if size > FILE_BYTES_MAX {
        let what = format!(
            "{} has {size} bytes, at most {FILE_BYTES_MAX}",
            path.display()
        );
        return Err(Failure::usage("CONFIG_FILE", what).advise("give the configuration file"));
    }
    std::fs::read_to_string(path).map_err(|error| failed(&error))
}

/// Keys take one value; a number is taken by its digits.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().replace('_', "")),
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.get(..span.start).unwrap_or(text);
    before.matches('\n').count().saturating_add(1)
}
