//! The simulation: the real core of several shards in one or two processes on one modelled store, with
//! random order, delays, lost and doubtful answers, crashes, spoilt snapshots and clients who repeat
//! until they are answered. The judge checks every commit and every answer.
//!
//! A failure prints its seed; `LEDGER_SIM_SEED=<seed> cargo test -p event-store --test simulation` plays
//! that run again, with every step printed. `LEDGER_SIM_SEEDS=<count>` plays more worlds than the usual.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::type_complexity,
    reason = "tests fail by panicking, and their helpers stand outside the test functions"
)]

#[path = "simulation_model/mod.rs"]
mod model;
#[path = "transact_toy/mod.rs"]
mod toy;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use event_store::snapshot::Snapshot;
use event_store::transact::core::{Core, Effect, Outcome, Request, Sabotage, StoreFacts, Work};
use event_store::transact::{AccountState, Answered, Failure, Stats, TransactConfig};
use event_store::{AppendError, Capabilities, Commit, Committed, ReadError, StoreId, StreamName};
use uuid::Uuid;

use model::Dice;
use model::judge::{Broken, Judge};
use model::store::Model;
use toy::{Answer, Command, State, Toy, What, keyed, stream, unkeyed};

const SEEDS: u64 = 200;
const STEPS: usize = 2_000;
/// With faults off everything must come to rest within so many steps.
const STEPS_TO_REST: usize = 200_000;
const SHARDS: usize = 2;

/// What a run does: drawn from its seed.
#[derive(Debug, Clone, Copy)]
struct Plan {
    capabilities: Capabilities,
    processes: usize,
    config: TransactConfig,
    faults: u64,
    accounts: usize,
    keys: usize,
}

impl Plan {
    fn draw(dice: &mut Dice) -> Self {
        let (shared, atomic) = [(true, true), (true, false), (false, true)][dice.below(3)];
        Self {
            capabilities: Capabilities {
                atomic_over_streams: atomic,
                shared_with_others: shared,
            },
            processes: if shared { 2 } else { 1 },
            config: TransactConfig {
                shards: SHARDS,
                queue_max: 1_000_000,
                batch_max: 1 + dice.below(8),
                accounts_max: 1 + dice.below(4),
                attempts_max: [2, 3, 1_000][dice.below(3)],
                snapshot_every: 1 + dice.roll() % 5,
                reads_max: 1 + dice.below(4),
            },
            faults: [0, 5, 15, 30][dice.below(4)],
            accounts: 1 + dice.below(5),
            keys: 4 + dice.below(30),
        }
    }
}

/// Something a process asked for and has not heard of.
struct Io {
    process: usize,
    life: u64,
    shard: usize,
    op: u64,
    /// `None` once it was carried out and only the answer is on its way.
    request: Option<Request>,
    outcome: Option<Outcome>,
}

/// A client who repeats a command until it is answered.
struct Intent {
    command: Command,
    /// Its present attempt: process, life, ticket and when it was asked.
    asked: Option<(usize, u64, u64, u64)>,
    asked_times: u32,
    last_ticket: u64,
    answered: bool,
}

struct Process {
    life: u64,
    shards: Vec<Core<Toy>>,
    snapshots: HashMap<StreamName, Snapshot>,
}

struct World {
    dice: Dice,
    plan: Plan,
    sabotage: Sabotage,
    aloud: bool,
    model: Model,
    judge: Judge,
    processes: Vec<Process>,
    ios: Vec<Io>,
    /// Commits whose sender is gone or was told "in doubt", and which may still land.
    zombies: Vec<Commit>,
    intents: Vec<Intent>,
    /// Answered by ticket at the end: states.
    told: Vec<(u64, Result<AccountState<State>, Failure>)>,
    faults: u64,
    next_ticket: u64,
    readings: u64,
    happened: Happened,
}

const STORE: StoreId = StoreId {
    id: Uuid::from_u128(1),
    epoch: 0,
};

impl World {
    fn new(seed: u64, sabotage: Sabotage, aloud: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::draw(&mut dice);
        if aloud {
            println!("seed {seed}: {plan:?}");
        }
        let mut world = Self {
            dice,
            plan,
            sabotage,
            aloud,
            model: Model::default(),
            judge: Judge::default(),
            processes: Vec::new(),
            ios: Vec::new(),
            zombies: Vec::new(),
            intents: Vec::new(),
            told: Vec::new(),
            faults: plan.faults,
            next_ticket: 0,
            readings: 0,
            happened: Happened::default(),
        };
        world.model.by_ids = !plan.capabilities.atomic_over_streams;
        for _ in 0..plan.processes {
            let shards = world.cores();
            world.processes.push(Process {
                life: 0,
                shards,
                snapshots: HashMap::new(),
            });
        }
        world
    }

    fn cores(&self) -> Vec<Core<Toy>> {
        let facts = StoreFacts {
            id: STORE,
            capabilities: self.plan.capabilities,
            snapshots: true,
        };
        (0..SHARDS)
            .map(|_| Core::with_sabotage(Arc::new(Toy), facts, self.plan.config, self.sabotage))
            .collect()
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if self.aloud {
            println!("{}", text());
        }
    }

    fn shard_of(account: &StreamName) -> usize {
        account.as_str().bytes().map(usize::from).sum::<usize>() % SHARDS
    }

    // ---- clients ----

    fn invent(&mut self) -> Command {
        let account = format!("account-{}", self.dice.below(self.plan.accounts));
        match self.dice.below(10) {
            0..=4 => {
                let key = format!("key-{}", self.dice.below(self.plan.keys));
                // Few amounts, so that equal commands and conflicting ones both happen.
                let amount = 1 + self.dice.amount(2);
                let what = if self.dice.percent(20) {
                    What::Adopt(self.dice.roll() % 6)
                } else if self.dice.percent(50) {
                    What::Deposit(amount)
                } else {
                    What::Withdraw(amount * 2)
                };
                keyed(&account, &key, what)
            }
            5..=7 => {
                self.readings += u64::from(self.dice.percent(70));
                let back = self.dice.roll() % 6;
                let n = self
                    .readings
                    .saturating_sub(if self.dice.percent(40) { back } else { 0 });
                let cost = if self.dice.percent(90) { 0 } else { 1 };
                unkeyed(&account, What::Read { n, cost })
            }
            _ => unkeyed(&account, What::Ask(self.dice.amount(4))),
        }
    }

    fn new_intents(&mut self) -> Result<(), Broken> {
        let command = if !self.intents.is_empty() && self.dice.percent(30) {
            let again = self.dice.below(self.intents.len());
            self.intents[again].command.clone()
        } else {
            self.invent()
        };
        let crowd = if self.dice.percent(10) {
            2 + self.dice.below(6)
        } else {
            1
        };
        for _ in 0..crowd {
            self.intents.push(Intent {
                command: command.clone(),
                asked: None,
                asked_times: 0,
                last_ticket: u64::MAX,
                answered: false,
            });
            self.ask(self.intents.len() - 1)?;
        }
        Ok(())
    }

    fn ask(&mut self, intent: usize) -> Result<(), Broken> {
        let process = self.dice.below(self.processes.len());
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let command = self.intents[intent].command.clone();
        self.say(|| format!("ask {ticket} of process {process}: {command:?}"));
        let shard = Self::shard_of(&command.account);
        let life = self.processes[process].life;
        self.intents[intent].asked = Some((process, life, ticket, self.judge.now()));
        self.intents[intent].asked_times += 1;
        self.intents[intent].last_ticket = ticket;
        self.judge.asked(&command);
        let account = command.account.clone();
        self.processes[process].shards[shard].submit(ticket, account, Work::Command(command));
        self.carry_out(process, shard)
    }

    fn ask_again(&mut self) -> Result<(), Broken> {
        let open: Vec<usize> = (0..self.intents.len())
            .filter(|i| !self.intents[*i].answered && self.intents[*i].asked.is_none())
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let chosen = open[self.dice.below(open.len())];
        self.ask(chosen)
    }

    fn heard(
        &mut self,
        place: (usize, u64),
        ticket: u64,
        result: Result<Answered<Answer>, Failure>,
    ) -> Result<(), Broken> {
        self.say(|| format!("answer {ticket}: {result:?}"));
        let ours = |intent: &Intent| {
            intent
                .asked
                .is_some_and(|(p, l, t, _)| (p, l) == place && t == ticket)
        };
        let Some(intent) = self.intents.iter_mut().find(|intent| ours(intent)) else {
            return Err(format!(
                "each command is answered once: ticket {ticket} was answered again"
            ));
        };
        let asked_at = intent.asked.take().map_or(0, |(.., at)| at);
        if matches!(result, Err(Failure::Conflict { .. })) {
            return self.give_up(ticket);
        }
        let Some(intent) = self
            .intents
            .iter_mut()
            .find(|intent| intent.last_ticket == ticket)
        else {
            return Ok(());
        };
        match result {
            Ok(answered) => {
                intent.answered = true;
                let command = intent.command.clone();
                self.judge
                    .answered(&self.model, asked_at, &command, &answered)
            }
            Err(
                failure @ (Failure::Damaged(_)
                | Failure::Invalid(_)
                | Failure::Busy
                | Failure::Conflict { .. }),
            ) => Err(format!(
                "no command fails in this world for good: {failure}"
            )),
            Err(Failure::Stopped(_) | Failure::Unavailable(_)) => Ok(()),
        }
    }

    /// A client told `Conflict` may go away: nothing of the command was written, and nothing will be.
    fn give_up(&mut self, ticket: u64) -> Result<(), Broken> {
        let Some(place) = self
            .intents
            .iter()
            .position(|intent| intent.last_ticket == ticket)
        else {
            return Ok(());
        };
        let command = self.intents[place].command.clone();
        // Another client with an equal command may have it written, or may have been told of it.
        let alone = self
            .intents
            .iter()
            .filter(|intent| intent.command == command)
            .count()
            == 1;
        let crashed_before = self.intents[place].asked_times > 1;
        if alone
            && !crashed_before
            && self.plan.capabilities.atomic_over_streams
            && self.dice.percent(80)
        {
            self.intents[place].answered = true;
            return self.judge.given_up(&self.model, &command);
        }
        Ok(())
    }

    // ---- the machinery between cores and store ----

    /// Carries out what a core asks for after every input.
    fn carry_out(&mut self, process: usize, shard: usize) -> Result<(), Broken> {
        if self.faults == 0 || self.dice.percent(60) {
            self.processes[process].shards[shard].flush();
        }
        let life = self.processes[process].life;
        for effect in self.processes[process].shards[shard].take_effects() {
            match effect {
                Effect::Io { op, request } => {
                    self.say(|| format!("process {process} shard {shard} op {op}: {request:?}"));
                    self.ios.push(Io {
                        process,
                        life,
                        shard,
                        op,
                        request: Some(request),
                        outcome: None,
                    });
                }
                Effect::Answer { ticket, result } => self.heard((process, life), ticket, result)?,
                Effect::State { ticket, result } => self.told.push((ticket, result)),
                Effect::Save(snapshot) => self.save(process, *snapshot),
            }
        }
        Ok(())
    }

    fn save(&mut self, process: usize, snapshot: Snapshot) {
        let kept = match self.dice.below(10) {
            _ if self.faults == 0 => snapshot,
            0 => return,
            // Spoilt on disk.
            1 => Snapshot {
                state: Bytes::from_static(b"1000|None|None"),
                ..snapshot
            },
            // Of a history that was not to be.
            2 => {
                let mut at = snapshot.at;
                at.event = Uuid::from_u128(99);
                Snapshot::seal(at, Bytes::from_static(b"1000|None|None"))
            }
            // Of an older layout.
            3 => {
                let mut at = snapshot.at;
                at.schema = [1; 32];
                Snapshot::seal(at, Bytes::from_static(b"1000|None|None"))
            }
            _ => snapshot,
        };
        self.processes[process]
            .snapshots
            .insert(kept.at.stream.clone(), kept);
    }

    fn apply(&mut self, commit: &Commit) -> Result<Result<Committed, AppendError>, Broken> {
        let before = self.model.log.len();
        let result = self.model.append(commit);
        self.say(|| format!("store: {commit:?} -> {result:?}"));
        if result.is_ok() {
            let written = self.model.log[before..].to_vec();
            self.judge
                .committed(commit, &written, self.plan.capabilities.atomic_over_streams)?;
        }
        Ok(result)
    }

    fn append(&mut self, commits: Vec<Commit>) -> Result<Outcome, Broken> {
        let mut results = Vec::new();
        let stopped = self.dice.percent(self.faults / 10);
        for commit in commits {
            let fate = if self.dice.percent(self.faults) {
                self.dice.below(3)
            } else {
                usize::MAX
            };
            let doubt = || Err(AppendError::InDoubt("the line was cut".to_owned()));
            results.push(match fate {
                _ if stopped => Err(AppendError::Stopped("the disk is full".to_owned())),
                0 => {
                    self.apply(&commit)?.ok();
                    doubt()
                }
                // Lost.
                1 => doubt(),
                // Still on the way: only where a network lies between.
                2 if self.plan.capabilities.shared_with_others => {
                    self.zombies.push(commit);
                    doubt()
                }
                _ => self.apply(&commit)?,
            });
        }
        Ok(Outcome::Appended(results))
    }

    fn execute(&mut self, process: usize, request: Request) -> Result<Outcome, Broken> {
        let cut = self.dice.percent(self.faults / 4);
        let unreachable = || ReadError::Unavailable("the line was cut".to_owned());
        Ok(match request {
            Request::Append(commits) => self.append(commits)?,
            Request::ReadStream { .. } if cut => Outcome::Events(Err(unreachable())),
            Request::Head(_) if cut => Outcome::Head(Err(unreachable())),
            Request::ReadStream {
                stream,
                from,
                direction,
                max,
            } => Outcome::Events(Ok(self.model.read(&stream, from, direction, max))),
            Request::Head(stream) => Outcome::Head(Ok(self.model.head(&stream))),
            Request::LoadSnapshot(stream) => {
                Outcome::Snapshot(self.processes[process].snapshots.get(&stream).cloned())
            }
            Request::Delay { .. } => Outcome::Elapsed,
        })
    }

    /// One operation goes on: it is carried out, or its answer arrives.
    fn move_io(&mut self) -> Result<(), Broken> {
        if self.ios.is_empty() {
            return Ok(());
        }
        // Mostly the oldest, so that runs get somewhere; else any.
        let chosen = if self.dice.percent(50) {
            0
        } else {
            self.dice.below(self.ios.len())
        };
        let mut io = self.ios.remove(chosen);
        if let Some(request) = io.request.take() {
            let outcome = self.execute(io.process, request)?;
            if self.dice.percent(40) {
                io.outcome = Some(outcome);
                self.ios.push(io);
                return Ok(());
            }
            io.outcome = Some(outcome);
        }
        let Some(outcome) = io.outcome else {
            return Ok(());
        };
        if self.processes[io.process].life != io.life {
            return Ok(());
        }
        self.say(|| {
            format!(
                "process {} shard {} op {} done: {outcome:?}",
                io.process, io.shard, io.op
            )
        });
        self.processes[io.process].shards[io.shard].complete(io.op, outcome);
        self.carry_out(io.process, io.shard)
    }

    fn land_zombie(&mut self) -> Result<(), Broken> {
        if !self.zombies.is_empty() {
            let chosen = self.dice.below(self.zombies.len());
            let commit = self.zombies.swap_remove(chosen);
            self.say(|| "a commit that was given up lands".to_owned());
            self.apply(&commit)?.ok();
        }
        Ok(())
    }

    /// The process dies and starts again with nothing but the store and its snapshots.
    fn crash(&mut self, process: usize) -> Result<(), Broken> {
        self.say(|| format!("process {process} crashes"));
        let life = self.processes[process].life;
        let (lost, kept) = std::mem::take(&mut self.ios)
            .into_iter()
            .partition(|io: &Io| io.process == process);
        self.ios = kept;
        let lost: Vec<Io> = lost;
        for io in lost {
            let Some(Request::Append(commits)) = io.request else {
                continue;
            };
            for commit in commits {
                if self.dice.percent(50) {
                    continue;
                }
                if self.plan.capabilities.shared_with_others {
                    self.zombies.push(commit);
                } else {
                    self.apply(&commit)?.ok();
                }
            }
        }
        for core in &self.processes[process].shards {
            self.happened.add(&core.stats());
        }
        self.happened.crashes += 1;
        self.processes[process].shards = self.cores();
        self.processes[process].life = life + 1;
        for intent in &mut self.intents {
            intent.asked = intent.asked.filter(|(p, ..)| *p != process);
        }
        Ok(())
    }

    fn flush_all(&mut self) -> Result<(), Broken> {
        for process in 0..self.processes.len() {
            for shard in 0..SHARDS {
                self.processes[process].shards[shard].flush();
                self.carry_out(process, shard)?;
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Broken> {
        match self.dice.below(100) {
            0..=17 => self.new_intents(),
            18..=22 => self.ask_again(),
            23..=88 => self.move_io(),
            89..=91 => self.land_zombie(),
            92..=98 => self.flush_all(),
            _ if self.faults > 0 => {
                let process = self.dice.below(self.processes.len());
                self.crash(process)
            }
            _ => Ok(()),
        }
    }

    /// Faults end; every client repeats until answered; then everything is looked at once more.
    fn come_to_rest(&mut self) -> Result<(), Broken> {
        self.faults = 0;
        for _ in 0..STEPS_TO_REST {
            let open = self.intents.iter().any(|intent| !intent.answered);
            if !open && self.ios.is_empty() && self.zombies.is_empty() {
                return self.look_at_everything();
            }
            match self.dice.below(10) {
                0 => self.ask_again()?,
                1 => self.land_zombie()?,
                2 => self.flush_all()?,
                _ => self.move_io()?,
            }
        }
        let open = self
            .intents
            .iter()
            .find(|intent| !intent.answered)
            .map(|intent| (&intent.command, intent.asked));
        Err(format!(
            "with faults off every command is answered in bounded time: {open:?}"
        ))
    }

    fn look_at_everything(&mut self) -> Result<(), Broken> {
        self.judge.ended(&self.model)?;
        for process in 0..self.processes.len() {
            for account in 0..self.plan.accounts {
                let name = stream(&format!("account-{account}"));
                let shard = Self::shard_of(&name);
                self.processes[process].shards[shard].submit(0, name.clone(), Work::State);
                self.carry_out(process, shard)?;
                while !self.ios.is_empty() {
                    self.move_io()?;
                }
                let Some((_, told)) = self.told.pop() else {
                    return Err(format!("a state is told when it is asked for: {name}"));
                };
                let told = told.map_err(|failure| format!("no state fails at rest: {failure}"))?;
                self.judge.told(&name, &told)?;
            }
        }
        Ok(())
    }
}

/// What happened in a world, to show that the worlds are not idle.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Happened {
    events: u64,
    answers: u64,
    redecided: u64,
    in_doubt: u64,
    loads: u64,
    snapshots_ignored: u64,
    crashes: u64,
}

impl Happened {
    fn add(&mut self, core: &Stats) {
        self.answers += core.answers;
        self.redecided += core.redecided;
        self.in_doubt += core.in_doubt;
        self.loads += core.loads;
        self.snapshots_ignored += core.snapshots_ignored;
    }
}

fn simulate(seed: u64, sabotage: Sabotage, aloud: bool) -> Result<Happened, Broken> {
    let mut world = World::new(seed, sabotage, aloud);
    for _ in 0..STEPS {
        world.step()?;
    }
    world.come_to_rest()?;
    let mut happened = world.happened;
    happened.events = world.model.log.len() as u64;
    for core in world.processes.iter().flat_map(|process| &process.shards) {
        happened.add(&core.stats());
    }
    Ok(happened)
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

#[test]
fn the_invariants_hold_in_every_simulated_world() {
    if let Some(seed) = number_from("LEDGER_SIM_SEED") {
        simulate(seed, Sabotage::None, true)
            .unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        return;
    }
    let mut sum = Happened::default();
    for seed in 0..number_from("LEDGER_SIM_SEEDS").unwrap_or(SEEDS) {
        let again = format!("play it again with LEDGER_SIM_SEED={seed}");
        match std::panic::catch_unwind(|| simulate(seed, Sabotage::None, false)) {
            Ok(Ok(happened)) => {
                sum.events += happened.events;
                sum.answers += happened.answers;
                sum.redecided += happened.redecided;
                sum.in_doubt += happened.in_doubt;
                sum.loads += happened.loads;
                sum.snapshots_ignored += happened.snapshots_ignored;
                sum.crashes += happened.crashes;
            }
            Ok(Err(broken)) => panic!("seed {seed}: {broken}\n{again}"),
            Err(_) => panic!("seed {seed}: an assertion failed\n{again}"),
        }
    }
    println!("{sum:?}");
    assert!(
        sum.events > 10_000 && sum.answers > 30_000,
        "the worlds were busy: {sum:?}"
    );
    assert!(
        sum.redecided > 1_000 && sum.in_doubt > 300 && sum.crashes > 300,
        "the worlds were unfriendly: {sum:?}"
    );
    assert!(
        sum.loads > 1_000 && sum.snapshots_ignored > 100,
        "accounts came and went: {sum:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..5 {
        assert_eq!(
            simulate(seed, Sabotage::None, false),
            simulate(seed, Sabotage::None, false)
        );
    }
}

/// What finds a planted bug: the seed and the sentence that broke.
fn find(sabotage: Sabotage) -> Option<(u64, String)> {
    (0..SEEDS).find_map(
        |seed| match std::panic::catch_unwind(|| simulate(seed, sabotage, false)) {
            Ok(Ok(_)) => None,
            Ok(Err(broken)) => Some((seed, broken)),
            Err(_) => Some((seed, "an assertion of the core failed".to_owned())),
        },
    )
}

#[test]
fn every_planted_bug_is_found_within_the_seeds() {
    let mut missed = Vec::new();
    for sabotage in Sabotage::ALL {
        match find(sabotage) {
            Some((seed, broken)) => {
                let sentence = broken.split(':').next().unwrap_or_default();
                println!("{sabotage:?} found by seed {seed}: {sentence}");
            }
            None => missed.push(sabotage),
        }
    }
    assert!(
        missed.is_empty(),
        "not found within {SEEDS} seeds: {missed:?}"
    );
}
