//! Two ledgers on one store: the same keys come to both at once, meters move on one while money for them comes
//! to the other, and what one has done the other knows at once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use command_api::client::Client;
use command_api::pb;
use ledger_core::num::Money;
use ledger_tests::{KurrentServer, Server};

use crate::logged::Logged;
use crate::same::{reports, trial_balance};
use crate::town::{Answer, Ask, Codes, Till, hours_ago, install, taken, top_up};

const ACCOUNTS: u32 = 100;
/// Senders of equal commands to both.
const TWINS: u32 = 6;
/// Meters that wander, each between two accounts of its own.
const WANDERERS: u32 = 2;
/// Pairs of commands of which the second rests on the first.
const FOLLOWERS: u32 = 2;
const LOAD_FOR: Duration = Duration::from_secs(8);
/// Before the newest of these hours nothing of a wandering meter happened.
const FIRST_HOUR: i64 = 2_000;

struct Pair {
    a: Server,
    b: Server,
    codes: Codes,
    over: AtomicBool,
    /// Money that was asked to be applied and answered, in whole units, and how many commands.
    paid: AtomicU64,
    payments: AtomicU64,
    suspended: Mutex<Vec<String>>,
}

impl Pair {
    fn tills(&self) -> (Till, Till) {
        (
            Till::of(&self.a, &self.codes),
            Till::of(&self.b, &self.codes),
        )
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Remembers a payment that was answered.
    fn note(&self, answer: &Answer, amount: u32) {
        if answer.text.starts_with("receipt") {
            self.paid.fetch_add(u64::from(amount), Ordering::Relaxed);
            self.payments.fetch_add(1, Ordering::Relaxed);
        } else {
            assert!(answer.text.starts_with("suspended"), "{answer:?}");
            self.suspended.lock().unwrap().push(answer.text.clone());
        }
    }
}

fn meter(n: u32) -> String {
    format!("E{n:08}")
}

fn wanderer(n: u32) -> String {
    format!("E5{n:07}")
}

async fn housed(till: &mut Till, account: &str, meter: Option<String>) {
    let open = Ask::Open {
        account: account.to_owned(),
    };
    assert!(!till.answered(&open).await.is_refused());
    if let Some(meter) = meter {
        let install = install(account, meter, hours_ago(FIRST_HOUR));
        assert!(!till.answered(&install).await.is_refused());
    }
}

/// Every other account is opened through the one ledger, the rest through the other.
async fn set_up(pair: &Arc<Pair>) {
    let mut tasks = Vec::new();
    for part in 0..8 {
        let (mut a, mut b) = pair.tills();
        tasks.push(tokio::spawn(async move {
            for n in (part..ACCOUNTS).step_by(8) {
                let till = if n % 16 < 8 { &mut a } else { &mut b };
                housed(till, &format!("A{n}"), Some(meter(n))).await;
            }
        }));
    }
    let (mut a, _) = pair.tills();
    for n in 0..WANDERERS {
        housed(&mut a, &format!("W{n}-0"), Some(wanderer(n))).await;
        housed(&mut a, &format!("W{n}-1"), None).await;
    }
    for n in 0..FOLLOWERS {
        housed(&mut a, &format!("F{n}"), Some(format!("E6{n:07}"))).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// The same keys to both at once, and money for the meters that wander.
async fn twin(pair: Arc<Pair>, number: u32) -> u32 {
    let (mut a, mut b) = pair.tills();
    let mut n = 0;
    while pair.goes_on() {
        let ask = match n % 4 {
            3 => taken(format!("w-{number}-{n}"), wanderer(n % WANDERERS), 2),
            _ => top_up(
                format!("t-{number}-{n}"),
                meter((number * 17 + n) % ACCOUNTS),
                2,
            ),
        };
        let (one, other) = tokio::join!(a.answered(&ask), b.answered(&ask));
        assert_eq!(one.text, other.text, "{ask:?}");
        // Both may have decided it in the same millisecond and word for word: then it is the first for both.
        assert!(!(one.duplicate && other.duplicate), "{ask:?}: {one:?}");
        pair.note(&one, 2);
        n += 1;
    }
    n
}

/// A meter wanders through the one ledger; money that comes to the other goes to who has it now, every time.
async fn wander(pair: Arc<Pair>, number: u32) -> u32 {
    let (mut a, mut b) = pair.tills();
    let mut n = 0;
    while pair.goes_on() {
        let at = hours_ago(FIRST_HOUR - 1 - i64::from(n));
        let remove = Ask::Remove {
            reference: format!("off-{number}-{n}"),
            meter: wanderer(number),
            at,
        };
        let removed = a.answered(&remove).await;
        assert!(!removed.is_refused(), "{remove:?}: {removed:?}");
        let nobodys = top_up(format!("no-{number}-{n}"), wanderer(number), 2);
        let refused = b.answered(&nobodys).await;
        assert_eq!(refused.text, "refused METER_REMOVED", "{nobodys:?}");
        n += 1;
        let account = format!("W{number}-{}", n % 2);
        let mut install = install(account.clone(), wanderer(number), at);
        if let Ask::Install { reference, .. } = &mut install {
            *reference = format!("on-{number}-{n}");
        }
        let (one, other) = tokio::join!(a.answered(&install), b.answered(&install));
        assert_eq!(one.text, format!("done to {account}"));
        assert_eq!(one.text, other.text);
        let ask = top_up(format!("now-{number}-{n}"), wanderer(number), 2);
        let answer = b.answered(&ask).await;
        assert!(
            answer.text.contains(&format!("to {account} ")),
            "{answer:?}"
        );
        pair.note(&answer, 2);
    }
    n
}

/// What was answered by the one is so for the other: supply, money, meters, and reads with a token.
async fn follow(pair: Arc<Pair>, number: u32) -> u32 {
    let (mut a, mut b) = pair.tills();
    let readers = [pair.a.client().await, pair.b.client().await];
    let meter = format!("E6{number:07}");
    let mut n = 0;
    while pair.goes_on() {
        // Now the one is first, now the other.
        let (first, second) = if n % 2 == 0 {
            (&mut a, &mut b)
        } else {
            (&mut b, &mut a)
        };
        let reader = &readers[1 - n as usize % 2];
        let reference = format!("{number}-{n}");
        let off = Ask::Disconnect {
            reference: format!("cut-{reference}"),
            meter: meter.clone(),
        };
        let on = Ask::Reconnect {
            reference: format!("back-{reference}"),
            meter: meter.clone(),
        };
        assert!(!first.answered(&off).await.is_refused(), "{off:?}");
        assert!(!second.answered(&on).await.is_refused(), "{on:?}");
        // Nothing is used, so each payment finds what the one before it left.
        let pay = top_up(format!("pay-{reference}"), meter.clone(), 9);
        let paid = first.answered(&pay).await;
        assert!(leaves(&paid, 12 * n + 9), "{paid:?}");
        read_with_the_token(reader, &meter, &paid).await;
        let more = top_up(format!("more-{reference}"), meter.clone(), 3);
        let paid = second.answered(&more).await;
        assert!(leaves(&paid, 12 * n + 12), "{paid:?}");
        move_in(first, (second, reader), &reference).await;
        n += 1;
    }
    n
}

fn leaves(paid: &Answer, credit: u32) -> bool {
    paid.text.ends_with(&format!("after which {credit}"))
}

/// The credit after a payment, asked of the other ledger by the meter.
async fn read_with_the_token(reader: &Client, meter: &str, paid: &Answer) {
    let ask = pb::GetBalanceRequest {
        account: by_meter(meter),
        at_least: paid.token.clone(),
    };
    let balance = reader
        .queries()
        .get_balance(ask)
        .await
        .unwrap()
        .into_inner();
    let credit = &balance.wallets[0].credit;
    assert!(
        paid.text.ends_with(&format!("after which {credit}")),
        "{paid:?} but {credit}"
    );
}

fn by_meter(meter: &str) -> Option<pb::AccountOrMeter> {
    Some(pb::AccountOrMeter {
        by: Some(pb::account_or_meter::By::Meter(meter.to_owned())),
    })
}

/// A household moves in through the one ledger; the other quotes, reads and takes money for its meter at once.
async fn move_in(first: &mut Till, (second, reader): (&mut Till, &Client), reference: &str) {
    let account = format!("N{reference}");
    let (number, round) = reference.split_once('-').unwrap();
    let meter = format!("E7{number}{round:0>6}");
    let open = Ask::Open {
        account: account.clone(),
    };
    first.answered(&open).await;
    let installed = first
        .answered(&install(account.clone(), meter.clone(), hours_ago(5)))
        .await;
    assert_eq!(installed.text, format!("done to {account}"));
    let ask = pb::QuoteTopUpRequest {
        meter: meter.clone(),
        amount: "4".to_owned(),
    };
    let quote = reader.payments().quote_top_up(ask).await.unwrap();
    assert_eq!(quote.into_inner().account_id, account);
    let ask = pb::GetBalanceRequest {
        account: by_meter(&meter),
        at_least: installed.token,
    };
    let balance = reader.queries().get_balance(ask).await.unwrap();
    assert_eq!(balance.into_inner().account_id, account);
    let pay = top_up(format!("in-{reference}"), meter, 4);
    let paid = second.answered(&pay).await;
    assert!(paid.text.contains(&format!("to {account} ")), "{paid:?}");
}

fn start(folder: &Path, url: &str) -> Server {
    Server::start_with(folder, None, &[("LEDGER_EVENT_STORE", url)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_two_ledgers_on_one_store_lose_and_double_nothing_and_know_at_once_what_the_other_did() {
    let folder = tempfile::tempdir().unwrap();
    let store = KurrentServer::start(&folder.path().join("store"), None);
    let pair = Arc::new(Pair {
        a: start(&folder.path().join("a"), &store.impatient_url()),
        b: start(&folder.path().join("b"), &store.impatient_url()),
        codes: Codes::default(),
        over: AtomicBool::new(false),
        paid: AtomicU64::new(0),
        payments: AtomicU64::new(0),
        suspended: Mutex::default(),
    });
    let began = Instant::now();
    set_up(&pair).await;
    let set_up_took = began.elapsed();
    let twins: Vec<_> = (0..TWINS)
        .map(|n| tokio::spawn(twin(Arc::clone(&pair), n)))
        .collect();
    let wanderers: Vec<_> = (0..WANDERERS)
        .map(|n| tokio::spawn(wander(Arc::clone(&pair), n)))
        .collect();
    let followers: Vec<_> = (0..FOLLOWERS)
        .map(|n| tokio::spawn(follow(Arc::clone(&pair), n)))
        .collect();
    tokio::time::sleep(LOAD_FOR).await;
    pair.over.store(true, Ordering::Relaxed);
    let mut rounds = Vec::new();
    for tasks in [twins, wanderers, followers] {
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        rounds.push(sum);
    }
    let codes = pair.codes.lock().unwrap().clone();
    eprintln!(
        "set up in {set_up_took:.1?}; twins, wanderings, followings: {rounds:?}; suspended {}; sent again for {codes:?}",
        pair.suspended.lock().unwrap().len()
    );
    assert!(rounds.iter().all(|rounds| *rounds > 20), "{rounds:?}");
    assert!(codes.keys().all(|code| code == "CONTENDED"), "{codes:?}");
    both_say_the_same(&pair, u64::from(rounds[2])).await;
    let Ok(mut pair) = Arc::try_unwrap(pair) else {
        panic!("somebody is still at work");
    };
    pair.a.stop();
    pair.b.stop();
    let logged = Logged::of(&pair.a);
    logged.has_whole_streams_without_locks();
    assert!(logged.credited().values().all(|times| *times == 1));
    eprintln!("{} events, {:?}", logged.len(), logged.plans());
    for server in [&pair.a, &pair.b] {
        let verified = server.run(&["verify", "--json"]);
        let said = String::from_utf8_lossy(&verified.stdout);
        assert!(verified.status.success(), "{said}");
    }
}

/// Both read models have come to the end: balances, totals and every report are equal, and are what was asked.
async fn both_say_the_same(pair: &Pair, followed: u64) {
    let (a, b) = (pair.a.client().await, pair.b.client().await);
    let newest = Till::of(&pair.a, &pair.codes)
        .answered(&top_up("the-last", meter(0), 2))
        .await;
    let (one, other) = (
        trial_balance(&a, &newest.token).await,
        trial_balance(&b, &newest.token).await,
    );
    assert_eq!(one, other);
    let mut totals = Vec::new();
    for client in [&a, &b] {
        let ask = pb::GetTotalsRequest {
            at_least: newest.token.clone(),
        };
        totals.push(client.queries().get_totals(ask).await.unwrap().into_inner());
    }
    assert_eq!(totals[0], totals[1]);
    let incomm = &totals[0].channels[0];
    // Those who follow pay three times a round; then there is the last.
    let payments = pair.payments.load(Ordering::Relaxed) + 3 * followed + 1;
    let paid = pair.paid.load(Ordering::Relaxed) + (9 + 3 + 4) * followed + 2;
    assert_eq!((incomm.top_ups, incomm.voids), (payments, 0));
    let paid = Money::parse(&paid.to_string()).unwrap();
    assert_eq!(Money::parse(&incomm.amount).unwrap(), paid);
    let (one, other) = (
        reports(&pair.a, "2100-01-01"),
        reports(&pair.b, "2100-01-01"),
    );
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        other.keys().collect::<Vec<_>>()
    );
    for (name, text) in &one {
        assert_eq!(*text, other[name], "{name}");
    }
}
