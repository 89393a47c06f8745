//! A served ledger: usms, ebcm and kplc on a store in memory, five keys, a clock that the calls state.

use std::net::SocketAddr;
use std::sync::Arc;

use command_api::keys::{Keys, NewKey, new_key};
use command_api::{Client, Limits, Parts, ServerConfig, pb, serve};
use event_store::MemoryStore;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Timestamp};
use ledger_service::{Ledger, LedgerConfig, Policies, TimeSource};
use projections::{ReadModels, Settings};
use prost_types::Timestamp as Instant;
use tokio::sync::oneshot;
use tonic::Status;
use tonic_types::{ErrorInfo, StatusExt};

/// Names and roles of the keys; each is its own channel.
pub(crate) const KEYS: [(&str, &str); 14] = [
    ("incomm", "channel"),
    ("bank", "channel"),
    ("office", "staff"),
    ("runner", "operator"),
    ("reports", "analyst"),
    ("role_channel", "channel"),
    ("role_staff", "staff"),
    ("role_operator", "operator"),
    ("role_analyst", "analyst"),
    ("role_bcc", "bcc"),
    ("role_je", "je"),
    ("role_ae", "ae"),
    ("role_ee", "ee"),
    ("role_ccc", "ccc"),
];

/// Monday, 3 November 2025, 08:00 in Brunei.
pub(crate) fn start() -> Timestamp {
    Timestamp::parse("2025-11-03T08:00:00+08:00").unwrap()
}

pub(crate) fn hours(n: i64) -> Timestamp {
    start() + Millis::hours(n)
}

pub(crate) fn instant(at: Timestamp) -> Option<Instant> {
    Some(command_api::convert::to_instant(at))
}

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) store: MemoryStore,
    pub(crate) ledger: Ledger,
    keys: Vec<(String, NewKey)>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: tokio::task::JoinHandle<Result<(), command_api::ServeError>>,
    _dir: tempfile::TempDir,
}

pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) simulated: bool,
    pub(crate) void_window: bool,
    pub(crate) persons: bool,
    /// The one that is served.
    pub(crate) scheme: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            simulated: true,
            void_window: false,
            persons: true,
            scheme: "usms",
        }
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let mut text = SchemePolicy::builtin_text(setup.scheme).unwrap().to_owned();
        if setup.void_window {
            text = text.replace("# void_window_hours = 24", "void_window_hours = 24");
        }
        let mut served = vec![SchemePolicy::from_toml(&text).unwrap()];
        let others = ["ebcm", "kplc"];
        let others = others.into_iter().filter(|name| *name != setup.scheme);
        served.extend(others.map(|name| SchemePolicy::builtin(name).unwrap()));
        let policies = Policies::new(served).unwrap();
        let time = if setup.simulated {
            TimeSource::simulated(start())
        } else {
            TimeSource::system()
        };
        let store = MemoryStore::new();
        let shared: Arc<dyn event_store::EventStore> = Arc::new(store.clone());
        let ledger = Ledger::start(
            Arc::clone(&shared),
            None,
            policies,
            time.clone(),
            LedgerConfig::default(),
        )
        .await
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::at(&dir.path().join("read.db"));
        let reads = ReadModels::start(Arc::clone(&shared), settings)
            .await
            .unwrap();
        let keys: Vec<(String, NewKey)> = KEYS
            .iter()
            .map(|(name, _)| ((*name).to_owned(), new_key().unwrap()))
            .collect();
        let config = ServerConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            keys: Keys::parse(&keys_file(&keys)).unwrap(),
            time,
            limits: setup.limits,
            rehearsal: None,
        };
        let persons = setup.persons.then(|| {
            let masters = persons::MasterKeys::parse(&format!("pmk_{}", "a1".repeat(32))).unwrap();
            Arc::new(persons::Persons::open(dir.path(), &masters).unwrap())
        });
        let parts = Parts {
            ledger: ledger.clone(),
            reads,
            store: shared,
            persons,
        };
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let (address, serving) = serve(config, parts, shutdown).await.unwrap();
        let serving = tokio::spawn(serving);
        Self {
            address,
            store,
            ledger,
            keys,
            stop: Some(stop),
            serving,
            _dir: dir,
        }
    }

    pub(crate) fn key(&self, name: &str) -> &str {
        &self
            .keys
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
            .key
    }

    /// A client with the key of this name.
    pub(crate) async fn client(&self, name: &str) -> Client {
        Client::connect(&format!("http://{}", self.address), self.key(name))
            .await
            .unwrap()
    }

    /// Tells the server to go down.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Opens an account with an electricity meter `E<n>` and a water meter `W<n>`, both activated.
    pub(crate) async fn household(&self, n: u32) -> String {
        let account_id = format!("A{n}");
        let staff = self.client("office").await;
        let open = pb::OpenAccountRequest {
            scheme: String::new(),
            reference: format!("open-{n}"),
            account_id: account_id.clone(),
            class: "residential".to_owned(),
            dwelling_units: 1,
            customer: "person-7".to_owned(),
            ..Default::default()
        };
        staff.accounts().open_account(open).await.unwrap();
        for (utility, letter) in [(pb::Utility::Electricity, 'E'), (pb::Utility::Water, 'W')] {
            let meter = format!("{letter}{n:07}");
            let install = pb::InstallMeterRequest {
                reference: format!("install-{meter}"),
                account_id: account_id.clone(),
                utility: utility.into(),
                meter: meter.clone(),
                register: None,
                installed_at: instant(start()),
                first_value: "100".to_owned(),
            };
            staff.meters().install_meter(install).await.unwrap();
            let reference = format!("activate-{meter}");
            staff
                .meters()
                .activate_meter(pb::ActivateMeterRequest { reference, meter })
                .await
                .unwrap();
        }
        account_id
    }
}

fn keys_file(keys: &[(String, NewKey)]) -> String {
    let mut text = String::new();
    for ((name, key), (_, role)) in keys.iter().zip(KEYS) {
        text += &format!(
            "[[key]]\nname = \"{name}\"\nchannel = \"{name}\"\n{}roles = [\"{role}\"]\nhash = \"{}\"\n",
            if *name == "bank" {
                "kind = \"mobile-money\"\n"
            } else {
                ""
            },
            key.hash
        );
    }
    text
}

pub(crate) fn top_up(reference: &str, meter: &str, amount: &str) -> pb::TopUpRequest {
    pb::TopUpRequest {
        reference: reference.to_owned(),
        meter: meter.to_owned(),
        amount: amount.to_owned(),
        money: pb::MoneyState::NotTaken.into(),
    }
}

pub(crate) fn by_account(account_id: &str) -> Option<pb::AccountOrMeter> {
    Some(pb::AccountOrMeter {
        by: Some(pb::account_or_meter::By::AccountId(account_id.to_owned())),
    })
}

pub(crate) fn by_meter(meter: &str) -> Option<pb::AccountOrMeter> {
    Some(pb::AccountOrMeter {
        by: Some(pb::account_or_meter::By::Meter(meter.to_owned())),
    })
}

pub(crate) fn receipt_of(response: &pb::TopUpResponse) -> &pb::Receipt {
    match response.result.as_ref().unwrap() {
        pb::top_up_response::Result::Receipt(receipt) => receipt,
        pb::top_up_response::Result::Suspended(suspended) => panic!("suspended: {suspended:?}"),
    }
}

pub(crate) fn info_of(status: &Status) -> ErrorInfo {
    status
        .get_error_details()
        .error_info()
        .cloned()
        .unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"))
}

pub(crate) fn reason_of(status: &Status) -> String {
    info_of(status).reason
}
