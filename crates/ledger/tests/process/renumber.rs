//! K1 with the real binary: the job is killed at random points, and the server too; run again it reports
//! the same to the last byte, and every account has its new number once.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use command_api::{Client, pb};
use futures::StreamExt;

use crate::running::{Server, ledger, run, run_with_key};

const ACCOUNTS: usize = 3_000;
const KILLS: usize = 20;

async fn open_accounts(url: &str, key: &str) {
    let client = Client::connect(url, key).await.unwrap();
    let opened = (0..ACCOUNTS).map(|n| {
        let mut accounts = client.accounts();
        async move {
            let open = pb::OpenAccountRequest {
                reference: format!("open-{n}"),
                account_id: format!("A-{n}"),
                class: "residential".to_owned(),
                ..Default::default()
            };
            accounts.open_account(open).await.unwrap();
        }
    });
    futures::stream::iter(opened)
        .buffer_unordered(256)
        .collect::<Vec<()>>()
        .await;
}

fn opened(folder: &Path) -> (Server, String) {
    let server = Server::start(folder, &["--dev-keys"]);
    let key = server.key("staff");
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(open_accounts(&server.url(), &key));
    (server, key)
}

fn file(folder: &Path) {
    let mut text = String::from("old,new\n");
    for n in 0..ACCOUNTS {
        text.push_str(&format!("A-{n},22-{n:06}\n"));
    }
    // One that is nobody's, and one whose new number an account was opened under.
    text.push_str("NOBODY,22-999999\n");
    std::fs::write(folder.join("region.csv"), text).unwrap();
}

fn job(url: &str) -> [&str; 4] {
    ["renumber", "region.csv", "--server", url]
}

fn report(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("region.csv.report.csv")).unwrap()
}

/// Numbers that look random, from a seed that is printed.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = u64::from(now.subsec_nanos()) | 1;
        println!("seed {seed}");
        Self(seed)
    }

    fn millis(&mut self, below: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(self.0 % below)
    }
}

#[test]
fn k1_a_job_killed_at_20_random_points_reports_the_same_and_gives_each_number_once() {
    let undisturbed = tempfile::tempdir().unwrap();
    let calm = undisturbed.path();
    file(calm);
    let (server, key) = opened(calm);
    let began = std::time::Instant::now();
    let whole = run_with_key(calm, &key, &job(&server.url()));
    let lasted = u64::try_from(began.elapsed().as_millis()).unwrap();
    assert_eq!(whole.code, 1, "one line is refused: {whole}");
    let told = String::from_utf8(report(calm)).unwrap();
    assert!(told.contains("\n2,A-0,22-000000,renumbered,,\n"), "{told}");
    assert!(told.contains(",NOBODY,22-999999,refused,UNKNOWN_ACCOUNT,"));
    assert_eq!(server.stop(), 0);

    let disturbed = tempfile::tempdir().unwrap();
    let folder = disturbed.path();
    file(folder);
    let (mut server, key) = opened(folder);
    let mut dice = Dice::new();
    for kill in 0..KILLS {
        let mut running = ledger(folder)
            .env("LEDGER_API_KEY", &key)
            .args(job(&server.url()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(dice.millis(lasted.max(20)));
        if kill % 4 == 3 {
            server.crash();
            running.kill().unwrap();
            running.wait().unwrap();
            server = Server::start(folder, &[]);
        } else {
            running.kill().unwrap();
            running.wait().unwrap();
        }
    }
    let rest = run_with_key(folder, &key, &job(&server.url()));
    assert_eq!(rest.code, 1, "{rest}");
    assert_eq!(report(folder), report(calm), "byte for byte");
    for number in ["A-7", "22-000007"] {
        let url = server.url();
        let shown = run_with_key(
            folder,
            &key,
            &["--json", "account", "show", number, "--server", &url],
        );
        let shown = shown.json();
        assert_eq!(
            (shown["account"].as_str(), shown["number"].as_str()),
            (Some("A-7"), Some("22-000007"))
        );
    }
    assert_eq!(server.stop(), 0);
    let log = run(folder, &["replay"]);
    let given = log.out.matches("\"account-number-given.v1\"").count();
    let renumbered = log.out.matches("\"account-renumbered.v1\"").count();
    assert_eq!((given, renumbered), (ACCOUNTS, ACCOUNTS));
    let verified = run(folder, &["verify"]);
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn k1_one_account_is_renumbered_and_a_file_that_gives_a_number_twice_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::start(path, &["--dev-keys"]);
    let (url, key) = (server.url(), server.key("staff"));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = Client::connect(&url, &key).await.unwrap();
        for id in ["A-1", "A-2"] {
            let open = pb::OpenAccountRequest {
                reference: format!("open-{id}"),
                account_id: id.to_owned(),
                class: "residential".to_owned(),
                ..Default::default()
            };
            client.accounts().open_account(open).await.unwrap();
        }
    });
    let renumber = ["account", "renumber", "A-1", "22-1", "--server", &url];
    assert_eq!(run_with_key(path, &key, &renumber).code, 0);
    assert_eq!(run_with_key(path, &key, &renumber).code, 0, "again");
    let taken = ["account", "renumber", "A-2", "22-1", "--server", &url];
    let taken = run_with_key(path, &key, &taken);
    assert!(
        taken.code == 3 && taken.err.contains("NUMBER_TAKEN"),
        "{taken}"
    );
    std::fs::write(path.join("twice.csv"), "old,new\nA-2,24-1\nA-1,24-1\n").unwrap();
    let twice = run_with_key(path, &key, &["renumber", "twice.csv", "--server", &url]);
    assert!(
        twice.code == 2
            && twice
                .err
                .contains("line 3: 24-1 is given in line 2 already"),
        "{twice}"
    );
    assert!(!path.join("twice.csv.report.csv").exists());
    let shown = ["--json", "account", "show", "A-2", "--server", &url];
    assert_eq!(run_with_key(path, &key, &shown).json()["number"], "A-2");
    assert_eq!(server.stop(), 0);
}
