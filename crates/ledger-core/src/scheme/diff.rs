//! What has changed between two versions of a scheme: key by key, as written.
//!
//! Tariffs are told apart by their names, so that one that moved in the file has not changed. Comments and
//! the order of keys are no values.

use std::collections::BTreeMap;

use super::SchemeError;

/// A key whose value is another in two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeChange {
    /// The key, such as `topup.minimum` or `tariffs.electricity-residential.blocks.steps[0].price`.
    pub key: String,
    /// The value in the first; none where it has no such key.
    pub before: Option<String>,
    /// The value in the second; none where it has no such key.
    pub after: Option<String>,
}

/// The keys that differ, by name.
///
/// # Errors
/// When a text is not TOML.
pub fn changes(before: &str, after: &str) -> Result<Vec<SchemeChange>, SchemeError> {
    let (before, after) = (flat(before)?, flat(after)?);
    let keys = before.keys().chain(after.keys());
    let mut keys: Vec<&String> = keys.collect();
    keys.sort();
    keys.dedup();
    Ok(keys
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| SchemeChange {
            key: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect())
}

fn flat(text: &str) -> Result<BTreeMap<String, String>, SchemeError> {
    let table: toml::Table =
        toml::from_str(text).map_err(|error| SchemeError::from_toml(text, &error))?;
    let mut values = BTreeMap::new();
    for (key, value) in &table {
        enter(key, value, &mut values);
    }
    Ok(values)
}

fn enter(key: &str, value: &toml::Value, values: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, inner) in table {
                enter(&format!("{key}.{name}"), inner, values);
            }
        }
        toml::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(toml::Value::as_str);
                let key = match name {
                    Some(name) => format!("{key}.{name}"),
                    None => format!("{key}[{index}]"),
                };
                enter(&key, item, values);
            }
        }
        toml::Value::String(text) => {
            values.insert(key.to_owned(), text.clone());
        }
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {
            values.insert(key.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::SchemePolicy;

    #[test]
    fn c12_two_versions_differ_by_their_keys_whatever_the_order_and_the_comments() {
        let text = SchemePolicy::builtin_text("usms").unwrap();
        assert_eq!(changes(text, text).unwrap(), []);
        let later = text
            .replacen("version = 1", "version = 2 # newer", 1)
            .replacen(
                "minimum = \"2.00\"",
                "minimum = \"3.00\"\nmaximum = \"500.00\"",
                1,
            );
        let told: Vec<_> = changes(text, &later)
            .unwrap()
            .into_iter()
            .map(|c| {
                (
                    c.key,
                    c.before.unwrap_or_default(),
                    c.after.unwrap_or_default(),
                )
            })
            .collect();
        let line = |key: &str, before: &str, after: &str| {
            (key.to_owned(), before.to_owned(), after.to_owned())
        };
        assert_eq!(
            told,
            [
                line("topup.maximum", "", "500.00"),
                line("topup.minimum", "2.00", "3.00"),
                line("version", "1", "2"),
            ]
        );
    }
}
