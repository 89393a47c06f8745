//! `ledger person …`: who stands behind an opaque reference (C17), through a running server; and the master
//! keys, on a stopped one.
//!
//! Personal data come from a file or standard input and never from a flag: others on the machine can read
//! command lines.

mod keys;
mod look;
mod record;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use command_api::pb;
use zeroize::Zeroizing;

use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;

/// Largest form read: names, numbers and addresses fit many times.
const FORM_BYTES_MAX: u64 = 64 * 1024;

/// What to do with a person's record.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
PERSON is the opaque reference that `add` answers; accounts carry it as their
customer. Names and numbers are kept in files of their own, sealed per person;
every look at them leaves a line in the audit trail. The server is that of the
configuration (--server), a staff key is in LEDGER_API_KEY.

A form is JSON, every part but the name optional:
  {\"name\": \"…\", \"identity_numbers\": [\"…\"], \"telephones\": [\"+673…\"], \"emails\": [\"…\"]}")]
pub(crate) struct PersonArgs {
    #[command(subcommand)]
    command: PersonCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum PersonCommand {
    /// Adds a person from a form, and prints the opaque reference.
    Add(record::AddArgs),
    /// Shows a person's data.
    Show(record::ShowArgs),
    /// Changes what a form names, and leaves the rest.
    Update(record::UpdateArgs),
    /// Erases a person for ever: data, data key, and what the person is found by.
    Erase(record::EraseArgs),
    /// Lists opaque references; nothing personal.
    List(look::ListArgs),
    /// Finds who has exactly the telephone or identity number on standard input.
    Find(look::FindArgs),
    /// Prints the audit trail: who did or looked at what, and when.
    Audit(look::AuditArgs),
    /// Makes a file with a new master key.
    MasterKey(keys::MasterKeyArgs),
    /// Seals everything under a new master key, on a stopped ledger.
    Rotate(keys::RotateArgs),
}

/// Why a person is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reason {
    /// The person asked for it.
    Request,
    /// The period for which it may be kept is over.
    Retention,
    /// It was entered by mistake.
    Mistake,
    /// An authority ordered it.
    Order,
}

impl From<Reason> for pb::ErasureReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Request => Self::Request,
            Reason::Retention => Self::Retention,
            Reason::Mistake => Self::Mistake,
            Reason::Order => Self::Order,
        }
    }
}

/// A reason as people and JSON read it; empty where there is none.
fn reason_name(number: i32) -> &'static str {
    match pb::ErasureReason::try_from(number) {
        Ok(pb::ErasureReason::Request) => "request",
        Ok(pb::ErasureReason::Retention) => "retention",
        Ok(pb::ErasureReason::Mistake) => "mistake",
        Ok(pb::ErasureReason::Order) => "order",
        Ok(pb::ErasureReason::Unspecified) | Err(_) => "",
    }
}

/// Where personal data are read from.
#[derive(Debug, Clone, Args)]
struct FormArgs {
    /// File with the form; `-` reads standard input.
    #[arg(long = "from", value_name = "FILE", default_value = "-")]
    from: PathBuf,
}

impl FormArgs {
    fn text(&self) -> Result<Zeroizing<String>, Failure> {
        text_of(&self.from)
    }
}

/// The text of a file or of standard input.
fn text_of(from: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let failed = |error: std::io::Error| Failure::file("reading", from, &error);
    if from == Path::new("-") {
        std::io::stdin()
            .take(FORM_BYTES_MAX)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(from)
            .map_err(failed)?
            .take(FORM_BYTES_MAX)
            .read_to_string(&mut text)
    }
    .map_err(failed)?;
    Ok(text)
}

pub(crate) fn run(args: &PersonArgs, globals: &Globals) -> Result<Exit, Failure> {
    match &args.command {
        PersonCommand::Add(args) => block_on(record::add(args, globals)),
        PersonCommand::Show(args) => block_on(record::show(args, globals)),
        PersonCommand::Update(args) => block_on(record::update(args, globals)),
        PersonCommand::Erase(args) => block_on(record::erase(args, globals)),
        PersonCommand::List(args) => block_on(look::list(args, globals)),
        PersonCommand::Find(args) => block_on(look::find(args, globals)),
        PersonCommand::Audit(args) => block_on(look::audit(args, globals)),
        PersonCommand::MasterKey(args) => keys::master_key(args, globals),
        PersonCommand::Rotate(args) => keys::rotate(args, globals),
    }
}
