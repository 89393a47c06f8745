//! What the stories of schemes share: the stage they are played on, answers that are part of a story or end
//! it, the books at its end, and how it is told.
//!
//! A story is a folder of its own: people, course, report. Absent on purpose: anything of one utility.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use command_api::client::Client;
use command_api::pb;
use ledger_core::num::Money;
use ledger_core::time::Timestamp;
use serde_json::{Map, Value, json};
use tonic::{Response, Status};

use super::args::DemoArgs;
use super::counter::{failed, refusal};
use super::feed::Feed;
use super::run::Folder;
use super::servers::{Ledger, Nats};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table};

/// Rows of a page.
const PAGE: u32 = 1_000;

/// Servers, connections and the meters' side of a story.
pub(super) struct Stage {
    folder: Folder,
    nats: Nats,
    ledger: Ledger,
    began: Instant,
    /// The office's connection.
    pub(super) office: Client,
    /// Those of the channels.
    pub(super) tills: Vec<Client>,
    /// The meters' side.
    pub(super) feed: Feed,
}

/// What a story that is over leaves.
pub(super) struct Ended {
    folder: Folder,
    /// How long it took.
    pub(super) seconds: f64,
}

impl Stage {
    /// Starts the servers and connects with each key.
    pub(super) async fn set(args: &DemoArgs, console: Console) -> Result<Self, Failure> {
        if args.electricity.is_some() || args.water.is_some() {
            return Err(
                Failure::usage("DEMO_FILES", "this scheme's story makes its own readings")
                    .advise("leave --electricity and --water out"),
            );
        }
        let folder = Folder::make(args.data.as_deref())?;
        console.note("starting nats-server and ledger serve on loopback ports");
        let nats = Nats::start(args.nats_server.as_deref(), folder.path()).await?;
        let ledger = Ledger::start(&nats.url, folder.path()).await?;
        let feed = Feed::connect(&nats.url).await?;
        let (mut office, mut tills) = (None, Vec::new());
        for key in &ledger.keys {
            let client = Client::connect(&ledger.address, &key.secret).await;
            let client = client.map_err(|e| Failure::unavailable("DEMO_GRPC", e.to_string()))?;
            if key.channel == "office" {
                office = Some(client);
            } else {
                tills.push(client);
            }
        }
        let office = office.ok_or_else(|| Failure::usage("DEMO_KEYS", "no key for the office"))?;
        Ok(Self {
            folder,
            nats,
            ledger,
            began: Instant::now(),
            office,
            tills,
            feed,
        })
    }

    /// One of the tills, at a time.
    pub(super) fn till(&self, n: usize, at: Timestamp) -> Client {
        let till = self.tills.get(n % self.tills.len().max(1));
        till.unwrap_or(&self.office).at(at)
    }

    /// Waits until point questions know of everything so far: a report is answered as of the moment of asking.
    pub(super) async fn read_models_follow(&self) -> Result<(), Failure> {
        let ask = pb::GetTotalsRequest::default();
        done(
            "asking the totals",
            self.office.queries().get_totals(ask).await,
        )?;
        Ok(())
    }

    /// Stops the servers in order.
    pub(super) fn strike(self) -> Result<Ended, Failure> {
        let seconds = self.began.elapsed().as_secs_f64();
        self.ledger.stop()?;
        self.nats.stop()?;
        Ok(Ended {
            folder: self.folder,
            seconds,
        })
    }
}

/// A story with a course of its own takes no number of days.
pub(super) fn has_its_own_course(args: &DemoArgs) -> Result<(), Failure> {
    if args.days.is_none() {
        return Ok(());
    }
    Err(Failure::usage(
        "DEMO_DAYS",
        "this scheme's story has a course of its own, by months",
    )
    .advise("leave --days out"))
}

/// What a story ends with.
pub(super) trait Told {
    /// For people.
    fn text(&self) -> String;
    /// For programs.
    fn json(&self) -> Value;
    /// Whether the ledger's own reports and the account kept on the way agree.
    fn accounts_for_everything(&self) -> bool;
}

/// Writes and prints the report; the exit code says whether it adds up.
pub(super) fn tell(
    report: &impl Told,
    ended: &Ended,
    (args, console, example): (&DemoArgs, Console, &str),
) -> Result<Exit, Failure> {
    if let Some(file) = &args.report {
        let file: &PathBuf = file;
        let text = format!("{:#}\n", report.json());
        std::fs::write(file, text).map_err(|e| Failure::file("writing", file, &e))?;
    }
    console.answer(|| report.text(), || report.json())?;
    console.note(&super::report::look_further(ended.folder.kept(), example));
    Ok(if report.accounts_for_everything() {
        Exit::Done
    } else {
        Exit::Found
    })
}

/// Sections under their titles.
pub(super) fn sections(parts: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (title, body) in parts {
        let body: Vec<String> = body.lines().map(|line| format!("  {line}")).collect();
        text.push_str(&format!("\n{title}\n{}\n", body.join("\n")));
    }
    text
}

/// Refusals that are part of a story, by code.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusals(BTreeMap<String, u64>);

impl Refusals {
    /// Counts a business refusal; any other failure ends the story.
    pub(super) fn count<T>(
        &mut self,
        doing: &str,
        answer: Result<Response<T>, Status>,
    ) -> Result<Option<T>, Failure> {
        match answer {
            Ok(response) => Ok(Some(response.into_inner())),
            Err(status) => {
                let code = refusal(&status).ok_or_else(|| failed(doing, &status))?;
                *self.0.entry(code).or_default() += 1;
                Ok(None)
            }
        }
    }

    /// Adds others.
    pub(super) fn add(&mut self, other: Self) {
        for (code, n) in other.0 {
            *self.0.entry(code).or_default() += n;
        }
    }

    /// How often a code was told.
    pub(super) fn of(&self, code: &str) -> u64 {
        self.0.get(code).copied().unwrap_or(0)
    }

    /// A table.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new(&[("reason", Set::Left), ("times", Set::Right)], "nothing");
        for (code, n) in &self.0 {
            table.row(vec![code.clone(), n.to_string()]);
        }
        table.text()
    }

    /// In JSON.
    pub(super) fn json(&self) -> Value {
        json!(self.0)
    }
}

/// An answer that must come.
pub(super) fn done<T>(doing: &str, answer: Result<Response<T>, Status>) -> Result<T, Failure> {
    answer
        .map(Response::into_inner)
        .map_err(|status| failed(doing, &status))
}

/// An amount with its cents.
pub(super) fn cents(amount: Money) -> String {
    with_decimals(&amount.to_string(), 2)
}

/// A figure of the ledger.
pub(super) fn exact(text: &str) -> Result<Money, Failure> {
    Money::parse(text).map_err(|e| {
        let what = format!("the ledger answered a figure that is none: {e}");
        Failure::damaged("DEMO_REPORT", what)
    })
}

/// The books at the end of a story.
pub(super) struct Books {
    /// Counts of everything.
    pub(super) totals: pb::GetTotalsResponse,
    trial: pb::GetTrialBalanceResponse,
}

impl Books {
    /// Asks the ledger.
    pub(super) async fn ask(office: &Client) -> Result<Self, Failure> {
        let (totals, trial) = (
            pb::GetTotalsRequest::default(),
            pb::GetTrialBalanceRequest::default(),
        );
        Ok(Self {
            totals: done(
                "asking the totals",
                office.queries().get_totals(totals).await,
            )?,
            trial: done(
                "asking the trial balance",
                office.queries().get_trial_balance(trial).await,
            )?,
        })
    }

    /// The trial balance is zero and every control account ties.
    pub(super) fn balance(&self) -> bool {
        self.trial.balanced && self.trial.controls.iter().all(|c| c.difference == "0")
    }

    /// Events of a kind.
    pub(super) fn kind(&self, kind: &str) -> u64 {
        let found = self.totals.kinds.iter().find(|k| k.kind == kind);
        found.map_or(0, |k| k.count)
    }

    /// Trial balance and control accounts.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new(
            &[
                ("control account", Set::Left),
                ("in the ledger", Set::Point),
                ("in detail", Set::Point),
                ("difference", Set::Point),
            ],
            "none",
        );
        for control in &self.trial.controls {
            table.row(vec![
                format!("{} = {}", control.ledger_account, control.made_of),
                control.in_ledger.clone(),
                control.in_detail.clone(),
                control.difference.clone(),
            ]);
        }
        let verdict = if self.trial.balanced {
            "balanced"
        } else {
            "NOT BALANCED"
        };
        format!(
            "trial balance: debit {}, credit {}: {verdict}\n{}",
            self.trial.debit,
            self.trial.credit,
            table.text()
        )
    }

    /// The trial balance in JSON.
    pub(super) fn trial_json(&self) -> Value {
        let controls: Vec<Value> = self
            .trial
            .controls
            .iter()
            .map(|c| {
                json!({"account": c.ledger_account, "in_ledger": c.in_ledger,
                       "in_detail": c.in_detail, "difference": c.difference})
            })
            .collect();
        json!({"debit": self.trial.debit, "credit": self.trial.credit,
               "balanced": self.trial.balanced, "controls": controls})
    }

    /// Events by kind in JSON.
    pub(super) fn events_json(&self) -> Value {
        let kinds = self.totals.kinds.iter();
        let kinds: Map<String, Value> = kinds.map(|k| (k.kind.clone(), json!(k.count))).collect();
        json!(kinds)
    }
}

/// Every consumer of a set.
pub(super) async fn consumers(
    office: &Client,
    set: pb::ConsumerSet,
) -> Result<Vec<pb::Consumer>, Failure> {
    let mut request = pb::ListConsumersRequest {
        set: set.into(),
        page_size: PAGE,
        ..Default::default()
    };
    let mut rows = Vec::new();
    loop {
        let page = office.billing().list_consumers(request.clone()).await;
        let page = done("listing consumers", page)?;
        rows.extend(page.consumers);
        if page.next_page_token.is_empty() {
            return Ok(rows);
        }
        request.page_token = page.next_page_token;
    }
}

/// An account by its id.
pub(super) fn named(account: &str) -> Option<pb::AccountOrMeter> {
    let by = pb::account_or_meter::By::AccountId(account.to_owned());
    Some(pb::AccountOrMeter { by: Some(by) })
}
