//! Personal data and the real binary: nothing of them leaves the two files of their own, and what was answered
//! survives kills.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{self, consumer};
use command_api::client::Client;
use command_api::pb;
use futures::StreamExt;
use ledger_core::time::{Millis, Timestamp};
use ledger_tests::{Server, until};
use meter_gateway::testkit::NatsServer;
use tonic::Code;

/// Everything that is known of the person, in the forms in which it was sent and is kept.
const SECRETS: [&str; 8] = [
    "Aminah",
    "Haji Abdullah",
    "01-098765",
    "01098765",
    "876 5432",
    "8765432",
    "aminah.abdullah",
    "mail.example.org",
];

fn aminah() -> pb::PersonData {
    pb::PersonData {
        name: "Aminah binti Haji Abdullah".to_owned(),
        identity_numbers: vec!["01-098765".to_owned()],
        telephones: vec!["+673 876 5432".to_owned()],
        emails: vec!["aminah.abdullah@mail.example.org".to_owned()],
    }
}

fn add(reference: &str, data: pb::PersonData) -> pb::AddPersonRequest {
    pb::AddPersonRequest {
        reference: reference.to_owned(),
        data: Some(data),
    }
}

fn erase(person: &str) -> pb::ErasePersonRequest {
    pb::ErasePersonRequest {
        person: person.to_owned(),
        reason: pb::ErasureReason::Request.into(),
        document: String::new(),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn wire(at: Timestamp) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: at.as_millis() / 1_000,
        nanos: 0,
    })
}

/// An account of the person with a meter, a top-up, and a reading that leaves little credit.
async fn live(client: &Client, person: &str, nats: &NatsServer) {
    let open = pb::OpenAccountRequest {
        reference: "open".to_owned(),
        account_id: "A1".to_owned(),
        class: "residential".to_owned(),
        dwelling_units: 1,
        customer: person.to_owned(),
        ..Default::default()
    };
    client.accounts().open_account(open).await.unwrap();
    let meter = "E10000001".to_owned();
    let install = pb::InstallMeterRequest {
        reference: "install".to_owned(),
        account_id: "A1".to_owned(),
        utility: pb::Utility::Electricity.into(),
        meter: meter.clone(),
        installed_at: wire(now() - Millis::days(10)),
        first_value: "0".to_owned(),
        ..Default::default()
    };
    client.meters().install_meter(install).await.unwrap();
    let activate = pb::ActivateMeterRequest {
        reference: "activate".to_owned(),
        meter: meter.clone(),
    };
    client.meters().activate_meter(activate).await.unwrap();
    let top_up = pb::TopUpRequest {
        reference: "T-1".to_owned(),
        meter: meter.clone(),
        amount: "6".to_owned(),
        money: pb::MoneyState::NotTaken.into(),
    };
    client.payments().top_up(top_up).await.unwrap();
    let read_at = now() - Millis::hours(1);
    let js = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let payload = serde_json::json!({"meter": meter, "read_at": read_at, "value": "150"});
    let ack = js
        .publish("meter.readings.electricity.he1", payload.to_string().into())
        .await
        .unwrap();
    ack.await.unwrap();
    until(
        "the reading is charged",
        Duration::from_secs(60),
        || async {
            let by = pb::account_or_meter::By::AccountId("A1".to_owned());
            let account = Some(pb::AccountOrMeter { by: Some(by) });
            let ask = pb::GetBalanceRequest {
                account,
                ..Default::default()
            };
            let balance = client
                .queries()
                .get_balance(ask)
                .await
                .unwrap()
                .into_inner();
            balance.wallets.iter().any(|wallet| wallet.credit == "4.5")
        },
    )
    .await;
}

/// Every message of a stream, headers included; none where there is no such stream.
async fn messages(nats: &NatsServer, name: &str) -> Vec<u8> {
    let js = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let mut stream = js.get_stream(name).await.unwrap();
    let count = usize::try_from(stream.info().await.unwrap().state.messages).unwrap();
    let config = consumer::pull::OrderedConfig::default();
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut all = consumer.messages().await.unwrap();
    let mut bytes = Vec::new();
    for _ in 0..count {
        let message = all.next().await.unwrap().unwrap();
        bytes.extend_from_slice(format!("{} {:?} ", message.subject, message.headers).as_bytes());
        bytes.extend_from_slice(&message.payload);
    }
    bytes
}

fn files_below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, into);
        } else {
            into.push(path);
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn holds_no_secret(place: &str, bytes: &[u8]) {
    for secret in SECRETS {
        assert!(!holds(bytes, secret), "{place} holds {secret:?}");
    }
}

async fn erasure_is_answered(server: &Server, person: &str) {
    let client = server.client().await;
    let ask = pb::GetPersonRequest {
        person: person.to_owned(),
    };
    let status = client.persons().get_person(ask).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
}

async fn no_message_holds_a_secret(nats: &NatsServer) {
    for stream in ["NOTIFICATIONS", "METER_ORDERS", "METER_READINGS"] {
        let bytes = messages(nats, stream).await;
        assert!(
            stream != "NOTIFICATIONS" || holds(&bytes, "A1"),
            "there were notifications"
        );
        holds_no_secret(stream, &bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c17_personal_data_lie_in_no_log_read_model_message_or_trace_and_events_stay_whole_after_the_erasure()
 {
    let folder = tempfile::tempdir().unwrap();
    let nats = NatsServer::start().unwrap();
    // The most talkative log there is: of all that stands in it, nothing may be personal.
    let mut server = Server::start_with(folder.path(), Some(&nats.url()), &[("RUST_LOG", "trace")]);
    let client = server.client().await;
    let person = client
        .persons()
        .add_person(add("P-1", aminah()))
        .await
        .unwrap()
        .into_inner()
        .person;
    let ask = pb::GetPersonRequest {
        person: person.clone(),
    };
    let shown = client.persons().get_person(ask).await.unwrap().into_inner();
    assert_eq!(shown.data.unwrap().name, aminah().name);
    let by = pb::find_persons_request::By::Telephone("+6738765432".to_owned());
    client
        .persons()
        .find_persons(pb::FindPersonsRequest { by: Some(by) })
        .await
        .unwrap();
    let bad = pb::PersonData {
        telephones: vec!["8765432".to_owned()],
        ..aminah()
    };
    client
        .persons()
        .add_person(add("P-2", bad))
        .await
        .unwrap_err();
    live(&client, &person, &nats).await;
    no_message_holds_a_secret(&nats).await;
    client.persons().erase_person(erase(&person)).await.unwrap();
    erasure_is_answered(&server, &person).await;
    server.stop();
    let verified = server.run(&["verify", "--json"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
    let replayed = server.run(&["replay"]).stdout;
    assert!(
        holds(&replayed, &person),
        "events still carry the reference"
    );
    holds_no_secret("the replay", &replayed);
    let mut files = Vec::new();
    files_below(folder.path(), &mut files);
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    for expected in [
        "read-models.sqlite",
        "persons.sqlite",
        "person-keys.sqlite",
        "ledger.log",
    ] {
        assert!(
            files.iter().any(|path| name(path) == expected),
            "{expected} is looked at"
        );
    }
    for path in files {
        holds_no_secret(&path.display().to_string(), &std::fs::read(&path).unwrap());
    }
}

/// What an office knows: what it was answered, and nothing else.
#[derive(Default)]
struct Office {
    kept: Vec<(String, String)>,
    erased: Vec<String>,
    in_doubt: Vec<String>,
}

/// Adds and erases until the server is gone.
async fn work(client: Client, mut office: Office, life: u64) -> Office {
    for n in 0.. {
        let name = format!("Person {life} of {n}");
        let data = pb::PersonData {
            name: name.clone(),
            ..Default::default()
        };
        match client
            .persons()
            .add_person(add(&format!("P-{life}-{n}"), data))
            .await
        {
            Ok(added) => office.kept.push((added.into_inner().person, name)),
            Err(_) => break,
        }
        if n % 3 == 2 {
            let (person, _) = office.kept.remove(n % office.kept.len());
            match client.persons().erase_person(erase(&person)).await {
                Ok(_) => office.erased.push(person),
                Err(_) => {
                    office.in_doubt.push(person);
                    break;
                }
            }
        }
    }
    office
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c17_kills_lose_no_answered_person_and_bring_no_erased_one_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), None);
    let mut office = Office::default();
    for life in 0..12 {
        let client = server.client().await;
        let worker = tokio::spawn(work(client, office, life));
        tokio::time::sleep(Duration::from_millis(100 + (life * 137) % 400)).await;
        server.kill();
        office = worker.await.unwrap();
        server.restart();
    }
    let client = server.client().await;
    assert!(
        office.kept.len() > 12 && office.erased.len() > 4,
        "there was work"
    );
    for (person, name) in &office.kept {
        let ask = pb::GetPersonRequest {
            person: person.clone(),
        };
        match client.persons().get_person(ask).await {
            Ok(shown) => assert_eq!(&shown.into_inner().data.unwrap().name, name),
            Err(status) => panic!("{person} was answered and is gone: {status}"),
        }
    }
    for person in &office.erased {
        erasure_is_answered(&server, person).await;
    }
    for person in office.in_doubt {
        let again = client
            .persons()
            .erase_person(erase(&person))
            .await
            .unwrap()
            .into_inner();
        assert!(again.erased_at.is_some(), "asked again, it is done");
    }
}
