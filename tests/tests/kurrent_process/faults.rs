//! Kills under load, with each fault of the store in turn: every key is carried out once and has one answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use command_api::client::Client;
use command_api::pb;
use ledger_tests::{KurrentServer, Server};
use tokio::sync::watch;

use crate::logged::Logged;
use crate::town::{Answer, Ask, Codes, Till, hours_ago, install, taken, top_up};

const METERS: u32 = 8;
const TILLS: u32 = 6;
/// Kills of the ledger in each mode; with eight modes more than the twenty that are asked for.
const KILLS: u32 = 4;
/// Equal commands sent at once.
const CROWD: usize = 100;

/// What goes wrong with the store.
struct Mode {
    /// For the store's command line.
    faults: &'static str,
    /// The store refuses connections for a while after each of its restarts.
    refuses: bool,
    seed: u64,
}

/// A generator whose sequence the seed gives: xorshift.
struct Lots(u64);

impl Lots {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Every command that was answered, with its answer.
type Answers = Arc<Mutex<Vec<(Ask, Answer)>>>;

struct Load {
    over: AtomicBool,
    answers: Answers,
}

fn shared_meter(n: u32) -> String {
    format!("E{:08}", n % METERS)
}

async fn set_up(till: &mut Till) {
    for n in 0..METERS.max(TILLS) {
        let account = format!("A{n}");
        let open = Ask::Open {
            account: account.clone(),
        };
        assert!(!till.answered(&open).await.is_refused());
        let meter = install(account, format!("E{n:08}"), hours_ago(48));
        assert!(!till.answered(&meter).await.is_refused());
    }
}

/// What a till does in a round: a top-up always, then money for nobody that finds its meter, or the life of a
/// household to its end.
fn asks(till: u32, round: u32) -> Vec<Ask> {
    let key = |what: &str| format!("{what}-{till}-{round}");
    let mut asks = vec![top_up(key("pay"), shared_meter(till * 7 + round), 2)];
    if round % 3 == 1 {
        let meter = format!("E9{till:02}{round:05}");
        asks.push(taken(key("stray"), meter, 3));
        asks.push(Ask::Allocate {
            reference: key("allocate"),
            payment: key("stray"),
            meter: shared_meter(till + round),
            amount: 3,
        });
    }
    if round % 3 == 2 {
        let account = format!("H{till}-{round}");
        let meter = |series| format!("E{series}{till:02}{round:05}");
        asks.push(Ask::Open {
            account: account.clone(),
        });
        asks.push(install(account.clone(), meter(1), hours_ago(24)));
        asks.push(top_up(key("house"), meter(1), 5));
        asks.push(Ask::Exchange {
            reference: key("exchange"),
            old: meter(1),
            new: meter(2),
            at: hours_ago(12),
        });
        asks.push(Ask::Close {
            account,
            meter: meter(2),
            to: format!("A{till}"),
        });
    }
    asks
}

async fn work(load: Arc<Load>, number: u32, mut till: Till) {
    let mut round = 0;
    while !load.over.load(Ordering::Relaxed) {
        for ask in asks(number, round) {
            let answer = till.answered(&ask).await;
            assert!(!answer.is_refused(), "{ask:?}: {answer:?}");
            load.answers.lock().unwrap().push((ask, answer));
        }
        round += 1;
    }
}

/// Kills the ledger at random moments, and in between the store.
async fn kill(
    (server, store): (&mut Server, &mut KurrentServer),
    mode: &Mode,
    address: &watch::Sender<String>,
) {
    let mut lots = Lots(mode.seed);
    for n in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(150 + lots.below(600))).await;
        server.kill();
        if n % 2 == 1 {
            tokio::time::sleep(Duration::from_millis(lots.below(50))).await;
            restart(store, mode, n).await;
        }
        server.restart();
        address.send_replace(server.address.clone());
        if n % 2 == 0 {
            tokio::time::sleep(Duration::from_millis(150 + lots.below(300))).await;
            restart(store, mode, n).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
}

async fn restart(store: &mut KurrentServer, mode: &Mode, n: u32) {
    if mode.refuses {
        store.restart_with("refuse-connections=on");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    store.restart_with(&faults_of(mode, n));
}

/// Each life of the store draws other faults.
fn faults_of(mode: &Mode, n: u32) -> String {
    if mode.faults.is_empty() {
        return String::new();
    }
    format!("{},seed={}", mode.faults, mode.seed + u64::from(n))
}

/// The same command from many at once: one top-up, one answer.
async fn crowd(clients: &[Client], codes: &Codes, server: &Server) {
    let ask = top_up("crowd", shared_meter(0), 7);
    let mut waiting = Vec::new();
    for n in 0..CROWD {
        let (ask, client) = (ask.clone(), clients[n % clients.len()].clone());
        let mut till = Till::of(server, codes);
        waiting.push(tokio::spawn(async move {
            match ask.send(&client).await {
                Ok(answer) => answer,
                Err(_) => till.answered(&ask).await,
            }
        }));
    }
    let mut answers = Vec::new();
    for waiting in waiting {
        answers.push(waiting.await.unwrap());
    }
    assert!(answers[0].text.starts_with("receipt"), "{:?}", answers[0]);
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));
    let fresh = answers.iter().filter(|answer| !answer.duplicate).count();
    assert!(fresh <= 1, "{fresh} were told that theirs was the first");
}

/// Every command once more: the same answer, recognised.
async fn answers_stand(answers: &Answers, server: &Server, codes: &Codes) {
    let answers = std::mem::take(&mut *answers.lock().unwrap());
    let mut tasks = Vec::new();
    for part in answers.chunks(answers.len().div_ceil(8).max(1)) {
        let part = part.to_vec();
        let mut till = Till::of(server, codes);
        tasks.push(tokio::spawn(async move {
            for (ask, answer) in part {
                let again = till.answered(&ask).await;
                assert!(again.duplicate, "{ask:?}: {again:?}");
                assert_eq!(again.text, answer.text, "{ask:?}");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

async fn balanced(client: &Client) {
    let asked = pb::GetTrialBalanceRequest::default();
    let trial = client.queries().get_trial_balance(asked).await.unwrap();
    let trial = trial.into_inner();
    assert!(trial.balanced && trial.debit == trial.credit, "{trial:?}");
    for control in trial.controls {
        assert_eq!(control.difference, "0", "{control:?}");
    }
}

/// What the commands should have left behind.
fn is_once(logged: &Logged, asked: &[Ask]) {
    logged.has_whole_streams_without_locks();
    let mut wanted = BTreeMap::from([("crowd".to_owned(), 1)]);
    let mut closed = 0;
    for ask in asked {
        match ask {
            Ask::TopUp {
                reference,
                taken: false,
                ..
            } => drop(wanted.insert(reference.clone(), 1)),
            Ask::Allocate { payment, .. } => drop(wanted.insert(payment.clone(), 1)),
            Ask::Close { .. } => closed += 1,
            Ask::TopUp { .. }
            | Ask::Open { .. }
            | Ask::Install { .. }
            | Ask::Exchange { .. }
            | Ask::Remove { .. }
            | Ask::Disconnect { .. }
            | Ask::Reconnect { .. } => {}
        }
    }
    assert_eq!(logged.credited(), wanted, "each key moved money once");
    assert_eq!(logged.count("account-closed.v1"), closed);
    assert_eq!(logged.count("credit-moved-in.v1"), closed);
}

async fn survives(mode: Mode) {
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mut store =
        KurrentServer::start(&folder.path().join("store"), Some(&faults_of(&mode, 100)));
    let url = store.impatient_url();
    let mut server = start(folder.path(), &url);
    let (address, codes) = (watch::Sender::new(server.address.clone()), Codes::default());
    set_up(&mut Till::new(&address, &server.key, &codes)).await;
    let clients = [server.client().await, server.client().await];
    crowd(&clients, &codes, &server).await;
    let load = Arc::new(Load {
        over: AtomicBool::new(false),
        answers: Answers::default(),
    });
    let mut tills = Vec::new();
    for number in 0..TILLS {
        let till = Till::new(&address, &server.key, &codes);
        tills.push(tokio::spawn(work(Arc::clone(&load), number, till)));
    }
    kill((&mut server, &mut store), &mode, &address).await;
    load.over.store(true, Ordering::Relaxed);
    for till in tills {
        till.await.unwrap();
    }
    let worked = began.elapsed();
    let asked: Vec<Ask> = {
        let answers = load.answers.lock().unwrap();
        answers.iter().map(|(ask, _)| ask.clone()).collect()
    };
    assert!(asked.len() > 40, "there was load: {} commands", asked.len());
    answers_stand(&load.answers, &server, &codes).await;
    balanced(&server.client().await).await;
    server.stop();
    store.restart_with("");
    let logged = Logged::of(&server);
    is_once(&logged, &asked);
    let plans = logged.plans();
    let verified = server.run(&["verify", "--json"]);
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{said}");
    eprintln!(
        "{:?}: {} commands and {KILLS} kills in {worked:.1?}, all in {:.1?}; {} events, {plans:?}; sent again for {:?}",
        mode.faults,
        asked.len(),
        began.elapsed(),
        logged.len(),
        codes.lock().unwrap()
    );
}

fn start(folder: &Path, url: &str) -> Server {
    Server::start_with(&folder.join("ledger"), None, &[("LEDGER_EVENT_STORE", url)])
}

fn mode(faults: &'static str, seed: u64) -> Mode {
    Mode {
        faults,
        refuses: false,
        seed,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_kills_under_load_lose_nothing_and_double_nothing_on_a_store_of_its_own() {
    survives(mode("", 11)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_nor_where_answers_of_the_store_are_lost() {
    survives(mode("drop-reply=4%", 22)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_nor_where_connections_are_cut_after_a_commit() {
    survives(mode("break=5%", 33)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_nor_where_the_store_ignores_appends() {
    survives(mode("drop=4%", 44)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_nor_where_another_node_leads_now_and_then() {
    survives(mode("not-leader=5%", 55)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_nor_where_the_store_reads_slowly() {
    survives(mode("slow-read=20ms", 66)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_nor_where_the_store_refuses_connections_for_a_while() {
    survives(Mode {
        refuses: true,
        ..mode("", 77)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_nor_where_the_store_restarts_all_the_time_and_everything_else_goes_wrong_too() {
    let all =
        "restart-every=700ms,down=60ms,drop-reply=1%,break=1%,drop=1%,not-leader=2%,slow-read=2ms";
    survives(mode(all, 88)).await;
}
