//! What the commands share that call a running server: its address, the key, and messages as text.

use clap::Args;
use command_api::{Client, pb};
use ledger_core::time::{LocalDateTime, Timestamp, Zone};
use serde_json::{Value, json};

use crate::cli::{Globals, flag, scheme};
use crate::compose::policies;
use crate::config::Settings;
use crate::failure::Failure;
use crate::output::local::local_time;

/// Which server to call. The key comes from LEDGER_API_KEY or the configuration, never from a flag that
/// others on the machine could see.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// The server's URL [default: http:// and the configured grpc_listen].
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

/// A connection, with the settings it was made from.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
}

/// Connects.
///
/// # Errors
/// When there is no key, or nobody answers.
pub(crate) async fn connect(args: &ServerArgs, globals: &Globals) -> Result<Connected, Failure> {
    let flags = flag("server", "--server", args.server.as_ref());
    let settings = globals.settings(flags.into_iter().collect())?;
    let Some(key) = &settings.api_key else {
        return Err(
            Failure::usage("NO_API_KEY", "no API key is set, and every call needs one")
                .advise("set LEDGER_API_KEY to a key of the server; `ledger key new` makes one"),
        );
    };
    let client = Client::connect(&settings.server_url(), key.secret()).await?;
    Ok(Connected { client, settings })
}

/// An account by its id, or by a meter where the text begins with `meter:`.
pub(crate) fn account_named(text: &str) -> pb::AccountOrMeter {
    use pb::account_or_meter::By;
    let by = match text.strip_prefix("meter:") {
        Some(meter) => By::Meter(meter.to_owned()),
        None => By::AccountId(text.to_owned()),
    };
    pb::AccountOrMeter { by: Some(by) }
}

/// The zone of a scheme, for showing local times.
///
/// # Errors
/// When this program does not know the scheme.
pub(crate) fn zone_of(settings: &Settings, scheme_name: &str) -> Result<Zone, Failure> {
    Ok(scheme::policy(settings, scheme_name)?.zone().clone())
}

/// A time as people write it: with an offset of its own, or local to a scheme, the first where none is named.
///
/// # Errors
/// A text that is no time, or a scheme that this program does not know.
pub(crate) fn instant_in(
    connected: &Connected,
    scheme_name: Option<&str>,
    text: &str,
) -> Result<prost_types::Timestamp, Failure> {
    let at = match Timestamp::parse(text) {
        Ok(at) => at,
        Err(_) => {
            let local = LocalDateTime::parse(&local_text(text))
                .map_err(|error| Failure::usage("TIME", format!("{text:?}: {error}")))?;
            let zone = match scheme_name {
                Some(name) => zone_of(&connected.settings, name)?,
                None => policies(&connected.settings)?
                    .default_policy()
                    .zone()
                    .clone(),
            };
            zone.local_to_utc(local, None)
        }
    };
    Ok(command_api::convert::to_instant(at))
}

/// `2026-03-10 09:00` as the form with seconds.
fn local_text(text: &str) -> String {
    let text = text.trim().replacen(' ', "T", 1);
    if text.len() == "2026-03-10T09:00".len() {
        format!("{text}:00")
    } else {
        text
    }
}

/// A protobuf instant; `None` outside the ledger's years.
pub(crate) fn instant(at: &prost_types::Timestamp) -> Option<Timestamp> {
    let millis = at
        .seconds
        .checked_mul(1_000)?
        .checked_add(i64::from(at.nanos) / 1_000_000)?;
    Timestamp::checked_from_millis(millis)
}

/// Local time of an optional instant; nothing where there is none.
pub(crate) fn shown(zone: &Zone, at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(instant)
        .map_or_else(String::new, |at| local_time(zone, at))
}

/// An optional instant in JSON: RFC 3339 UTC, or null.
pub(crate) fn told(at: Option<&prost_types::Timestamp>) -> Value {
    at.and_then(instant)
        .map_or(Value::Null, |at| json!(at.to_string()))
}

/// A utility's name as people and JSON read it.
pub(crate) fn utility_name(utility: i32) -> &'static str {
    match pb::Utility::try_from(utility) {
        Ok(pb::Utility::Electricity) => "electricity",
        Ok(pb::Utility::Water) => "water",
        Ok(pb::Utility::Unspecified) | Err(_) => "unknown",
    }
}

/// The unit of a utility's quantities.
pub(crate) fn unit(utility: i32) -> &'static str {
    match pb::Utility::try_from(utility) {
        Ok(pb::Utility::Electricity) => "kWh",
        Ok(pb::Utility::Water) => "m³",
        Ok(pb::Utility::Unspecified) | Err(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::local_text;

    #[test]
    fn a_local_time_needs_no_seconds() {
        assert_eq!(local_text("2026-03-10 09:00"), "2026-03-10T09:00:00");
        assert_eq!(local_text("2026-03-10T09:00:30"), "2026-03-10T09:00:30");
    }
}
