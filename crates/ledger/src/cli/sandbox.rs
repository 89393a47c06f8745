//! `ledger sandbox`: the real API on a ledger of its own that is thrown away, with fixed meters that give each
//! answer a payment can get.
//!
//! The meters stand in one table, [`METERS`], which the help, the ready line and `docs/integration.md` follow.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use command_api::keys::{Keys, Role};
use command_api::{Client, Rehearsal, convert::to_instant, pb};
use ledger_core::time::{Millis, Timestamp};
use serde_json::{Value, json};

use crate::cli::serve::asked_to_stop;
use crate::cli::{Globals, block_on, flag, key, scheme};
use crate::compose::{Running, StartOptions};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::console::start_logs;
use crate::output::table::{Set, Table};

/// Scheme of the sandbox's accounts.
const SCHEME: &str = "usms";
/// How late the slow meter answers: longer than the deadline a till should set.
const SLOW_FOR: Duration = Duration::from_secs(8);
/// When the meters were installed, before the start.
const INSTALLED_BEFORE: Millis = Millis::days(10);

const GOOD: &str = "E90000001";
const WATER: &str = "W90000001";
const INSTALMENT_DUE: &str = "E90000002";
const REMOVED: &str = "E90000003";
const SLOW: &str = "E90000005";
const LOST: &str = "E90000006";

/// Meter, amount, and what a top-up gets.
pub(crate) const METERS: [(&str, &str, &str); 11] = [
    (GOOD, "20.00", "a receipt (electricity)"),
    (WATER, "5.00", "a receipt (water)"),
    (GOOD, "1.00", "TOP_UP_BELOW_MINIMUM"),
    (GOOD, "5.001", "TOO_FINE"),
    (GOOD, "0", "FIELD_OUT_OF_RANGE"),
    (INSTALMENT_DUE, "20.00", "INSTALMENT_DUE"),
    (REMOVED, "20.00", "METER_REMOVED"),
    (
        "E99999999",
        "20.00",
        "UNKNOWN_METER; with money TAKEN: suspense",
    ),
    (
        "e-1",
        "20.00",
        "WRONG_METER_FORMAT; with money TAKEN: suspense",
    ),
    (
        SLOW,
        "20.00",
        "a receipt, 8 s late; under the same reference at once",
    ),
    (
        LOST,
        "20.00",
        "UNAVAILABLE after the commit; under the same reference its receipt",
    ),
];

/// How to serve it.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
It makes a new ledger in a temporary folder, prints address, keys and the table
of meters, and serves until SIGINT; then the folder is removed. To see
KEY_CONFLICT, send one reference with two amounts. docs/integration.md leads
through it, samples/ has clients.

Examples:
  ledger sandbox
  ledger sandbox --listen 127.0.0.1:0 --json")]
pub(crate) struct SandboxArgs {
    /// Where gRPC listens; port 0 takes a free one [default: 127.0.0.1:7400].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// The folder, removed when the sandbox ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the sandbox's folder stays");
        }
    }
}

pub(crate) fn run(args: &SandboxArgs, globals: &Globals) -> Result<Exit, Failure> {
    let flags = flag("grpc_listen", "--listen", args.listen.as_ref());
    let mut settings = globals.settings(flags.into_iter().collect())?;
    start_logs(globals.console);
    let folder = std::env::temp_dir().join(format!("ledger-sandbox-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::file("making folder", &folder, &error))?;
    let scratch = Scratch(folder);
    settings.data_dir = scratch.0.join("data");
    settings.event_store = None;
    settings.kurrent_listen = None;
    settings.nats_url = None;
    settings.person_master_key_file = None;
    settings.person_master_key = None;
    let channel = key::make("sandbox-till", "sandbox", &[Role::Channel])?;
    let staff = key::make("sandbox-office", "office", &[Role::Staff, Role::Operator])?;
    let keys = Keys::parse(&format!("{}\n{}", channel.entry, staff.entry))?;
    let options = StartOptions {
        rehearsal: Some(Rehearsal {
            slow_meter: SLOW,
            slow_for: SLOW_FOR,
            lost_meter: LOST,
        }),
        ..StartOptions::default()
    };
    block_on(async {
        let asked = asked_to_stop()?;
        let running = Running::start(&settings, keys, options).await?;
        let address = running.address.to_string();
        if let Err(failure) = furnish(&settings, &running, &staff.key).await {
            running.stop().await?;
            return Err(failure);
        }
        let keys = (channel.key.as_str(), staff.key.as_str());
        globals
            .console
            .answer(|| text(&address, keys), || value(&address, keys))?;
        running.run_until(asked).await
    })
}

/// Opens the accounts and installs the meters, over the API like anyone else.
async fn furnish(settings: &Settings, running: &Running, staff: &str) -> Result<(), Failure> {
    let client = Client::connect(&format!("http://{}", running.address), staff).await?;
    let now = running.core.ledger.time().now();
    for (utility, meter) in [
        (pb::Utility::Electricity, GOOD),
        (pb::Utility::Water, WATER),
        (pb::Utility::Electricity, INSTALMENT_DUE),
        (pb::Utility::Electricity, REMOVED),
        (pb::Utility::Electricity, SLOW),
        (pb::Utility::Electricity, LOST),
    ] {
        install(&client, utility, meter, now).await?;
    }
    let month = scheme::policy(settings, SCHEME)?.zone().month_of(now);
    let agree = pb::AgreeDebtRequest {
        reference: "sandbox-debt".to_owned(),
        account_id: account_of(INSTALMENT_DUE),
        utility: pb::Utility::Electricity.into(),
        principal: "120.00".to_owned(),
        instalment: "10.00".to_owned(),
        start_month: month.to_string(),
    };
    client.debt().agree_debt(agree).await?;
    let remove = pb::RemoveMeterRequest {
        reference: "sandbox-remove".to_owned(),
        last: Some(pb::FinalReading {
            meter: REMOVED.to_owned(),
            value: "100".to_owned(),
            ..Default::default()
        }),
        removed_at: Some(to_instant(now - Millis::hours(1))),
    };
    client.meters().remove_meter(remove).await?;
    Ok(())
}

fn account_of(meter: &str) -> String {
    format!("SANDBOX-{meter}")
}

async fn install(
    client: &Client,
    utility: pb::Utility,
    meter: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let open = pb::OpenAccountRequest {
        reference: format!("open-{meter}"),
        account_id: account_of(meter),
        class: "residential".to_owned(),
        dwelling_units: 1,
        ..Default::default()
    };
    client.accounts().open_account(open).await?;
    let install = pb::InstallMeterRequest {
        reference: format!("install-{meter}"),
        account_id: account_of(meter),
        utility: utility.into(),
        meter: meter.to_owned(),
        register: None,
        installed_at: Some(to_instant(now - INSTALLED_BEFORE)),
        first_value: "100".to_owned(),
    };
    client.meters().install_meter(install).await?;
    Ok(())
}

fn text(address: &str, (channel, staff): (&str, &str)) -> String {
    let mut table = Table::new(
        &[
            ("meter", Set::Left),
            ("amount", Set::Left),
            ("a top-up gets", Set::Left),
        ],
        "no meters",
    );
    for (meter, amount, answer) in METERS {
        table.row([meter, amount, answer].map(str::to_owned).to_vec());
    }
    format!(
        "sandbox: gRPC on {address}\nchannel key: {channel}\nstaff key:   {staff}\n\n{}",
        table.text()
    )
}

fn value(address: &str, (channel, staff): (&str, &str)) -> Value {
    let meters = METERS
        .iter()
        .map(|(meter, amount, answer)| json!({"meter": meter, "amount": amount, "answer": answer}));
    json!({
        "event": "ready",
        "grpc": address,
        "keys": {"channel": channel, "staff": staff},
        "meters": meters.collect::<Vec<Value>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::METERS;

    #[test]
    fn the_guide_names_every_meter_and_what_it_gives() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/integration.md");
        let guide = std::fs::read_to_string(path).unwrap();
        for (meter, amount, answer) in METERS {
            let row = format!("| `{meter}` | {amount} | {answer} |");
            assert!(guide.contains(&row), "missing: {row}");
        }
    }
}
