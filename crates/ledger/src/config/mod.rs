//! Configuration: file, then environment, then flags, the later one winning; every key checked, every
//! error naming where the value stands and what is allowed.
//!
//! [`keys`] is the one table of keys; the file, the environment and `docs/operations.md` all follow it.
//! Absent on purpose: keys that change what is decided. That is policy and stands in scheme files.

mod file;
mod keys;
mod settings;

pub(crate) use keys::KEYS;
pub(crate) use settings::{ClockKind, EventStoreUrl, Settings};

use std::ffi::OsString;
use std::path::Path;

use crate::failure::Failure;

/// Where a value came from, for the error about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of the configuration file.
    File {
        /// Path as given.
        path: String,
        /// Line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// With its dashes.
        flag: &'static str,
    },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}, line {line}"),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Flag { flag } => write!(f, "flag {flag}"),
        }
    }
}

/// A flag that sets a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlagValue {
    /// Name of the key.
    pub(crate) key: &'static str,
    /// The flag with its dashes.
    pub(crate) flag: &'static str,
    /// The text given.
    pub(crate) value: String,
}

/// Reads the settings: `file` if one is given, the environment through `variable`, and the flags.
///
/// # Errors
/// Naming the file and line, the variable or the flag, the key, and what is allowed.
pub(crate) fn load(
    file: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    flags: &[FlagValue],
) -> Result<Settings, Failure> {
    let mut settings = Settings::default();
    if let Some(path) = file {
        file::apply(path, &mut settings)?;
    }
    for key in &KEYS {
        let name = key.variable();
        let Some(value) = variable(&name) else {
            continue;
        };
        let origin = Origin::Environment { variable: name };
        let Some(text) = value.to_str() else {
            return Err(keys::wrong_value(&origin, key, "it is not UTF-8"));
        };
        key.put(&mut settings, text, &origin)?;
    }
    for flag in flags {
        let Some(key) = keys::find(flag.key) else {
            return Err(Failure::damaged(
                "FLAG",
                format!("flag {} sets no key", flag.flag),
            ));
        };
        key.put(
            &mut settings,
            &flag.value,
            &Origin::Flag { flag: flag.flag },
        )?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    fn error(text: &str) -> String {
        let file = file(text);
        let failure = load(Some(file.path()), nothing, &[]).unwrap_err();
        failure
            .text()
            .replace(&file.path().display().to_string(), "ledger.toml")
    }

    #[test]
    fn the_flag_wins_over_the_environment_and_that_over_the_file() {
        let file = file("data_dir = 'a'\nnats_url = 'nats://a:1'\nkeys_file = 'a.toml'\n");
        let environment = |name: &str| match name {
            "LEDGER_NATS_URL" => Some("nats://b:1".into()),
            "LEDGER_KEYS_FILE" => Some("b.toml".into()),
            _ => None,
        };
        let flag = FlagValue {
            key: "keys_file",
            flag: "--keys-file",
            value: "c.toml".to_owned(),
        };
        let settings = load(Some(file.path()), environment, &[flag]).unwrap();
        assert_eq!(settings.data_dir, Path::new("a"));
        assert_eq!(settings.nats_url.as_deref(), Some("nats://b:1"));
        assert_eq!(settings.keys_file.as_deref(), Some(Path::new("c.toml")));
    }

    #[test]
    fn a_wrong_value_names_file_line_key_and_what_is_allowed() {
        insta::assert_snapshot!(error("data_dir = 'a'\n\ngrpc_listen = 7400\n"), @r#"
        ledger.toml, line 3, key grpc_listen: "7400" is not allowed [CONFIG_VALUE]
          to do: give an address and port such as "127.0.0.1:7400"; port 0 takes a free one
        "#);
        insta::assert_snapshot!(error("clock = 'sundial'\n"), @r#"
        ledger.toml, line 1, key clock: "sundial" is not allowed [CONFIG_VALUE]
          to do: give "system" or "simulated" (time then comes with the calls; for demonstrations)
        "#);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one() {
        insta::assert_snapshot!(error("data_dir = 'a'\ngrpc_lisen = '127.0.0.1:1'\n"), @r#"
        ledger.toml, line 2, key grpc_lisen: there is no such key; the nearest is grpc_listen [CONFIG_KEY]
          to do: use one of data_dir, event_store, scheme_dir, grpc_listen, kurrent_listen, advertise, kurrent_tls_cert, kurrent_tls_key, nats_url, keys_file, person_master_key_file, person_master_key, log_segment_bytes, cache_accounts, clock, api_key, server
        "#);
    }

    #[test]
    fn a_file_that_is_not_toml_names_the_line() {
        let text = error("data_dir = 'a'\nnats_url = \n");
        assert!(text.starts_with("ledger.toml, line 2: "), "{text}");
    }

    #[test]
    fn the_environment_is_checked_like_the_file() {
        let environment = |name: &str| (name == "LEDGER_CACHE_ACCOUNTS").then(|| "many".into());
        let failure = load(None, environment, &[]).unwrap_err();
        assert!(
            failure
                .what()
                .starts_with("environment variable LEDGER_CACHE_ACCOUNTS, key cache_accounts"),
            "{}",
            failure.what()
        );
    }

    #[test]
    fn an_api_key_and_a_master_key_are_never_shown() {
        let environment = |name: &str| match name {
            "LEDGER_API_KEY" => Some("ulk_secret".into()),
            "LEDGER_PERSON_MASTER_KEY" => Some("pmk_secret".into()),
            "LEDGER_EVENT_STORE" => Some("esdb://admin:secret@db:2113?tls=true".into()),
            _ => None,
        };
        let settings = load(None, environment, &[]).unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
    }

    #[test]
    fn a_wrong_url_of_an_event_store_is_refused_without_showing_its_password() {
        let text = error("data_dir = 'a'\nevent_store = 'postgres://admin:secret@db'\n");
        assert!(
            text.starts_with("ledger.toml, line 2, key event_store: it is not allowed"),
            "{text}"
        );
        assert!(
            text.contains("kurrentdb://") && !text.contains("secret"),
            "{text}"
        );
        let embedded = file("event_store = 'embedded'\n");
        let settings = load(Some(embedded.path()), nothing, &[]).unwrap();
        assert_eq!(settings.event_store, None);
    }

    #[test]
    fn the_file_that_is_deployed_names_every_key_and_is_accepted() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/ledger.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        load(Some(&path), nothing, &[]).unwrap();
        for key in &KEYS {
            assert!(
                text.contains(&format!("{} = ", key.name)),
                "{} is missing",
                key.name
            );
        }
        let container = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/container.toml");
        load(Some(&container), nothing, &[]).unwrap();
    }
}
