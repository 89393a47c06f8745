//! A ledger that dies between the appends of one command, at every such point: finished by the same command sent
//! to another process, and by the next start without its sender.

use std::path::Path;

use command_api::client::Client;
use command_api::pb;
use ledger_tests::{KurrentServer, Server};

use crate::logged::Logged;
use crate::town::{Answer, Ask, Codes, Till, hours_ago, install, taken, top_up};

/// A command that writes to several streams, with what must be there before it.
struct Scenario {
    name: &'static str,
    before: Vec<Ask>,
    ask: Ask,
    /// Its appends: the key's claim, a lock and a further stream where there is one, the account's events.
    appends: u32,
    /// Kind of event that it leaves once.
    kind: &'static str,
}

fn scenarios(round: u32) -> Vec<Scenario> {
    let account = format!("A{round}");
    let open = Ask::Open {
        account: account.clone(),
    };
    let meter = |series: u32| format!("E{series}{round:07}");
    let housed = |series| vec![install(account.clone(), meter(series), hours_ago(10))];
    let with = |mut asks: Vec<Ask>, ask: Option<Ask>| {
        asks.extend(ask);
        asks.insert(0, open.clone());
        asks
    };
    let stray = taken(format!("stray-{round}"), meter(9), 3);
    vec![
        Scenario {
            name: "top-up",
            before: with(housed(1), None),
            ask: top_up(format!("pay-{round}"), meter(1), 2),
            appends: 2,
            kind: "credit-topped-up.v1",
        },
        Scenario {
            name: "installation",
            before: with(Vec::new(), None),
            ask: install(account.clone(), meter(2), hours_ago(10)),
            appends: 4,
            kind: "meter-installed.v1",
        },
        Scenario {
            name: "allocation",
            before: with(housed(3), Some(stray)),
            ask: Ask::Allocate {
                reference: format!("allocate-{round}"),
                payment: format!("stray-{round}"),
                meter: meter(3),
                amount: 3,
            },
            appends: 4,
            kind: "suspense-allocated.v1",
        },
    ]
}

/// The command as somebody meets it who asks only what became of it.
async fn found(client: &Client, ask: &Ask) -> Option<String> {
    let (Ask::TopUp { reference, .. }
    | Ask::Install { reference, .. }
    | Ask::Allocate { reference, .. }) = ask
    else {
        panic!("{ask:?} is no scenario's");
    };
    let request = pb::FindCommandRequest {
        reference: reference.clone(),
        ..Default::default()
    };
    let found = client.payments().find_command(request).await.unwrap();
    let found = found.into_inner();
    (found.state() == pb::CommandState::Answered).then(|| format!("{:?}", found.answer))
}

/// Sends the command to a ledger that dies when so many of its appends are written.
async fn cut(server: &mut Server, store: &mut KurrentServer, ask: &Ask, after: u32) {
    store.restart_with(&format!("hold-after={after}"));
    let mut till = Till::of(server, &Codes::default());
    let ask = ask.clone();
    let sent = tokio::spawn(async move { till.answered(&ask).await });
    tokio::task::block_in_place(|| store.until_holding());
    server.kill();
    assert!(!sent.is_finished(), "nobody was answered");
    sent.abort();
    store.restart_with("");
}

fn start(folder: &Path, url: &str) -> Server {
    Server::start_with(folder, None, &[("LEDGER_EVENT_STORE", url)])
}

/// The command's answer, once it was found or carried out, twice the same.
async fn twice(till: &mut Till, ask: &Ask, was_begun: bool, what: &str) -> Answer {
    let answer = till.answered(ask).await;
    assert!(!answer.is_refused(), "{what}: {answer:?}");
    assert_eq!(answer.duplicate, was_begun, "{what}: {answer:?}");
    let again = till.answered(ask).await;
    assert!(again.duplicate && again.text == answer.text, "{what}");
    answer
}

fn is_clean(server: &Server, wanted: &[(&str, usize)]) {
    let logged = Logged::of(server);
    logged.has_whole_streams_without_locks();
    assert_eq!(logged.plans().void, 0);
    for (kind, count) in wanted {
        assert_eq!(logged.count(kind), *count, "{kind}");
    }
    assert!(logged.credited().values().all(|times| *times == 1));
    let verified = server.run(&["verify", "--json"]);
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{said}");
}

/// How often each kind must stand in the log, counted while commands are asked.
#[derive(Default)]
struct Wanted(Vec<(&'static str, usize)>);

impl Wanted {
    fn expect(&mut self, asks: &[Ask], kind: &'static str) {
        let mut one = |kind| match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.0.push((kind, 1)),
        };
        for ask in asks {
            if matches!(ask, Ask::Install { .. }) {
                one("meter-installed.v1");
            }
        }
        one(kind);
        if kind == "suspense-allocated.v1" {
            one("credit-topped-up.v1");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_a_command_whose_ledger_died_between_its_appends_is_finished_by_another_when_it_comes_again()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut store = KurrentServer::start(&folder.path().join("store"), None);
    let mut dying = start(&folder.path().join("dying"), &store.impatient_url());
    let mut other = start(&folder.path().join("other"), &store.impatient_url());
    let codes = Codes::default();
    let mut wanted = Wanted::default();
    let mut round = 0;
    for number in 0..3 {
        for after in 0.. {
            let scenario = scenarios(round).remove(number);
            if after == scenario.appends {
                break;
            }
            round += 1;
            let what = format!("{} cut after {after}", scenario.name);
            let mut till = Till::of(&other, &codes);
            for ask in &scenario.before {
                assert!(!till.answered(ask).await.is_refused(), "{what}: {ask:?}");
            }
            cut(&mut dying, &mut store, &scenario.ask, after).await;
            let answer = twice(&mut till, &scenario.ask, after > 0, &what).await;
            wanted.expect(&scenario.before, scenario.kind);
            dying.restart();
            let again = Till::of(&dying, &codes).answered(&scenario.ask).await;
            assert!(again.duplicate && again.text == answer.text, "{what}");
        }
    }
    dying.stop();
    other.stop();
    is_clean(&other, &wanted.0);
    eprintln!("{round} cuts; sent again for {:?}", codes.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_a_command_whose_ledger_died_between_its_appends_is_finished_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = KurrentServer::start(&folder.path().join("store"), None);
    let mut server = start(&folder.path().join("ledger"), &store.impatient_url());
    let codes = Codes::default();
    let mut wanted = Wanted::default();
    let mut round = 0;
    for number in 0..3 {
        for after in 0.. {
            let scenario = scenarios(round).remove(number);
            if after == scenario.appends {
                break;
            }
            round += 1;
            let what = format!("{} cut after {after}", scenario.name);
            let mut till = Till::of(&server, &codes);
            for ask in &scenario.before {
                assert!(!till.answered(ask).await.is_refused(), "{what}: {ask:?}");
            }
            cut(&mut server, &mut store, &scenario.ask, after).await;
            server.restart();
            let stands = found(&server.client().await, &scenario.ask).await;
            assert_eq!(stands.is_some(), after > 0, "{what}");
            let mut till = Till::of(&server, &codes);
            twice(&mut till, &scenario.ask, after > 0, &what).await;
            wanted.expect(&scenario.before, scenario.kind);
        }
    }
    server.stop();
    is_clean(&server, &wanted.0);
    eprintln!("{round} cuts; sent again for {:?}", codes.lock().unwrap());
}
