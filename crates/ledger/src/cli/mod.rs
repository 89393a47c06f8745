//! The command line: one file per subcommand, and what they share (global flags, settings, runtime).
//!
//! Help texts teach with examples; errors end the process with the exit code of their kind
//! ([`crate::exit::Exit`]). Absent on purpose: prompts. Every command can be run by a script.

mod account;
mod application;
mod bill;
pub(crate) mod client;
mod clock;
mod complaint;
mod completions;
mod conformance;
pub(crate) mod consumer;
mod dead_letters;
mod doctor;
mod import;
mod key;
mod kurrent_test_server;
mod legacy;
mod log;
mod payments;
mod person;
mod projections;
mod readings;
mod renumber;
mod replay;
mod report;
mod sandbox;
pub(crate) mod scheme;
mod serve;
pub(crate) mod statement;
mod status;
mod tariff;
mod topup;
mod verify;
mod version;
mod workorder;

use std::future::Future;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::bench::BenchArgs;
use crate::config::{self, FlagValue, Settings};
use crate::demo::DemoArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::console::Color;

const ABOUT: &str = "A prepaid and postpaid utility ledger on an append-only log";

const LONG_ABOUT: &str = "\
A prepaid and postpaid utility ledger on an append-only log.

Every change is an event in a log; balances, statements and reports are folded
from it and can be rebuilt at any time. `ledger serve` runs it all in one
process; the other commands talk to a running server over gRPC (account,
topup, import over NATS) or look at a stopped one's data folder (replay,
verify, doctor, projections).";

const AFTER_HELP: &str = "\
Examples:
  ledger serve --data-dir ./data --dev-keys     run a ledger for a first look
  ledger account show A-1001                    an account with its wallets and meters
  ledger topup E10006414 20.00 --reference R-1  top up a meter
  ledger verify --data-dir ./data               check log, postings and read models

Exit codes: 0 done, 1 something wrong was found (verify, doctor, import), 2
wrong usage or configuration, 3 refused by a rule of the business, 4 not
possible now (try again), 5 damaged or in need of an operator.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "ledger", version, about = ABOUT, long_about = LONG_ABOUT, after_help = AFTER_HELP)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
struct GlobalArgs {
    /// Answer in JSON on standard output, and errors in JSON on standard error.
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// Configuration file (TOML); environment and flags win over it.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LEDGER_CONFIG",
        help_heading = "Global options"
    )]
    config: Option<PathBuf>,
    /// Folder of the log and the read models [default: ledger-data].
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        help_heading = "Global options"
    )]
    data_dir: Option<PathBuf>,
    /// Where the log is: the URL of a KurrentDB; better in LEDGER_EVENT_STORE when it holds a password
    /// [default: the embedded log in the data folder].
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Global options"
    )]
    event_store: Option<String>,
    /// When to use colour.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the ledger: log, read models, gRPC, clock, and NATS where configured.
    Serve(serve::ServeArgs),
    /// Shows an account of a running ledger: balances, statement, history, consumption.
    Account(account::AccountArgs),
    /// Shows, pays and posts bills of postpaid accounts, and does the office's acts.
    Bill(bill::BillArgs),
    /// Shows how postpaid consumers stand: one, lists, counts by status.
    Consumer(consumer::ConsumerArgs),
    /// Tops a meter up.
    Topup(topup::TopUpArgs),
    /// Serves a practice ledger with meters that give each answer, for whoever writes a client.
    Sandbox(sandbox::SandboxArgs),
    /// Applies files of payments.
    Payments(payments::PaymentsArgs),
    /// Keeps who stands behind an opaque reference: adds, shows, changes, erases.
    Person(person::PersonArgs),
    /// Handles credit of older systems: registers, credits, refunds, lists what is overdue.
    Legacy(legacy::LegacyArgs),
    /// Swaps an old meter for a new one, step by step.
    Workorder(workorder::WorkOrderArgs),
    /// Shows the reports of a running ledger: dues, debts, settlement, revenue, consumption, receipts.
    Report(report::ReportArgs),
    /// Prints bills of postpaid accounts, as text or PDF.
    Statement(statement::StatementArgs),
    /// Takes an application for a connection from the form to the open account, step by step.
    Application(application::ApplicationArgs),
    /// Records complaints, what is done about them, and lists what is pending.
    Complaint(complaint::ComplaintArgs),
    /// Posts readings that people took: of government consumers, and surprise checks.
    Readings(readings::ReadingsArgs),
    /// Gives the accounts of a region new numbers, from a file; may be started again.
    Renumber(renumber::RenumberArgs),
    /// Imports files.
    Import(import::ImportArgs),
    /// Says how the ledger is: log, read models, gateway, clock.
    Status(status::StatusArgs),
    /// Shows what is due, and lets it act on a stopped ledger: month closes, transfers, quiet times.
    Clock(clock::ClockArgs),
    /// Checks everything of a stopped ledger: log, events, postings, read models.
    Verify(verify::VerifyArgs),
    /// Finds what needs a person, and says what to do.
    Doctor(doctor::DoctorArgs),
    /// Prints the events of a stopped ledger's log as NDJSON.
    Replay(replay::ReplayArgs),
    /// Looks after the read models of a stopped ledger.
    Projections(projections::ProjectionsArgs),
    /// Tries every promise of an event store on your own KurrentDB.
    Conformance(conformance::ConformanceArgs),
    /// Copies a log from one event store to another.
    Log(log::LogArgs),
    /// Lists readings that could not be taken, and sends them again.
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Shows the demonstration on real readings.
    Demo(DemoArgs),
    /// Measures the ledger on this machine.
    Bench(BenchArgs),
    /// Serves a log to clients of KurrentDB with appends allowed, for tests.
    #[command(hide = true)]
    KurrentTestServer(kurrent_test_server::TestServerArgs),
    /// Makes API keys.
    Key(key::KeyArgs),
    /// Shows schemes: the rules of a utility as data.
    Scheme(scheme::SchemeArgs),
    /// Prices readings under a tariff, with no ledger running.
    Tariff(tariff::TariffArgs),
    /// Writes a completion script for a shell.
    Completions(completions::CompletionsArgs),
    /// Says which version this is, and which formats it reads.
    Version,
}

/// What every command is given beside its own arguments.
#[derive(Debug, Clone)]
pub(crate) struct Globals {
    /// How to speak.
    pub(crate) console: Console,
    config: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    event_store: Option<String>,
}

impl Globals {
    fn new(args: &GlobalArgs) -> Self {
        Self {
            console: Console::new(args.json, args.color),
            config: args.config.clone(),
            data_dir: args.data_dir.clone(),
            event_store: args.event_store.clone(),
        }
    }

    /// The folder of `--data-dir`, for a command that has no settings.
    pub(crate) fn data_dir(&self) -> Option<&std::path::Path> {
        self.data_dir.as_deref()
    }

    /// The text of `--event-store`, for a command that takes more than a URL there.
    pub(crate) fn event_store(&self) -> Option<&str> {
        self.event_store.as_deref()
    }

    /// The settings: file, environment, the global flags, and these flags of the command.
    ///
    /// # Errors
    /// A wrong key or value, named with its place.
    pub(crate) fn settings(&self, flags: Vec<FlagValue>) -> Result<Settings, Failure> {
        let mut all = flags;
        if let Some(folder) = &self.data_dir {
            let Some(value) = folder.to_str() else {
                return Err(Failure::usage(
                    "CONFIG_VALUE",
                    "flag --data-dir, key data_dir: it is not UTF-8",
                ));
            };
            all.push(FlagValue {
                key: "data_dir",
                flag: "--data-dir",
                value: value.to_owned(),
            });
        }
        all.extend(flag(
            "event_store",
            "--event-store",
            self.event_store.as_ref(),
        ));
        config::load(self.config.as_deref(), |name| std::env::var_os(name), &all)
    }
}

/// A flag's value for [`Globals::settings`], if it was given.
pub(crate) fn flag(
    key: &'static str,
    flag: &'static str,
    value: Option<&String>,
) -> Option<FlagValue> {
    value.map(|value| FlagValue {
        key,
        flag,
        value: value.clone(),
    })
}

/// Runs a command's asynchronous part.
///
/// # Errors
/// Those of the future, or when threads cannot be had.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::unavailable("THREADS", format!("no threads for the work: {error}"))
                .advise("raise the limit of processes for this user, then try again")
        })?;
    let result = runtime.block_on(future);
    // What is left are blocking reads whose answer nobody waits for any more.
    runtime.shutdown_background();
    result
}

/// Reads the command line, runs it, and says how it ended.
pub(crate) fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no error. If neither can be written,
            // there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
        }
    };
    let globals = Globals::new(&cli.globals);
    match run(&cli.command, &globals) {
        Ok(exit) => exit,
        Err(failure) => {
            globals.console.failed(&failure);
            failure.exit()
        }
    }
}

fn run(command: &Command, globals: &Globals) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(args, globals),
        Command::Account(args) => account::run(args, globals),
        Command::Bill(args) => bill::run(args, globals),
        Command::Consumer(args) => consumer::run(args, globals),
        Command::Topup(args) => topup::run(args, globals),
        Command::Sandbox(args) => sandbox::run(args, globals),
        Command::Payments(args) => payments::run(args, globals),
        Command::Person(args) => person::run(args, globals),
        Command::Legacy(args) => legacy::run(args, globals),
        Command::Workorder(args) => workorder::run(args, globals),
        Command::Report(args) => report::run(args, globals),
        Command::Statement(args) => statement::run(args, globals),
        Command::Application(args) => application::run(args, globals),
        Command::Complaint(args) => complaint::run(args, globals),
        Command::Readings(args) => readings::run(args, globals),
        Command::Renumber(args) => renumber::run(args, globals),
        Command::Import(args) => import::run(args, globals),
        Command::Status(args) => status::run(args, globals),
        Command::Clock(args) => clock::run(args, globals),
        Command::Verify(args) => verify::run(args, globals),
        Command::Doctor(args) => doctor::run(args, globals),
        Command::Replay(args) => replay::run(args, globals),
        Command::Projections(args) => projections::run(args, globals),
        Command::Conformance(args) => conformance::run(args, globals),
        Command::KurrentTestServer(args) => kurrent_test_server::run(args, globals),
        Command::Log(args) => log::run(args, globals),
        Command::DeadLetters(args) => dead_letters::run(args, globals),
        Command::Demo(args) => crate::demo::run(args, globals),
        Command::Bench(args) => crate::bench::run(args, globals),
        Command::Key(args) => key::run(args, globals),
        Command::Scheme(args) => scheme::run(args, globals),
        Command::Tariff(args) => tariff::run(args, globals),
        Command::Completions(args) => completions::run(args, globals),
        Command::Version => version::run(globals),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Renders the help of a command and all below it.
    fn helps(command: &mut clap::Command, path: &str, out: &mut Vec<(String, String)>) {
        out.push((path.to_owned(), command.render_long_help().to_string()));
        let names: Vec<String> = command
            .get_subcommands()
            .map(|sub| sub.get_name().to_owned())
            .collect();
        for name in names {
            // The demonstration and the measurements describe themselves.
            if name == "demo" || name == "bench" {
                continue;
            }
            if let Some(sub) = command.find_subcommand_mut(&name) {
                helps(sub, &format!("{path} {name}"), out);
            }
        }
    }

    #[test]
    fn every_help_text_teaches() {
        let mut all = Vec::new();
        let mut command = Cli::command().term_width(100);
        command.build();
        helps(&mut command, "ledger", &mut all);
        for (path, text) in &all {
            insta::assert_snapshot!(path.replace(' ', "-"), text);
        }
    }
}
