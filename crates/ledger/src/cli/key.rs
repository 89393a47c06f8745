//! `ledger key new`: makes an API key; the key is shown once, the keys file holds only its hash.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use command_api::keys::{ChannelKind, Role, new_key};
use ledger_core::ids::{Actor, ChannelId};
use serde_json::json;

use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// What to do with keys.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum KeyCommand {
    /// Makes a key and prints it once, with its entry for the keys file.
    #[command(after_help = "\
The key itself is kept nowhere: give it to its owner now. The entry holds only
its hash and goes into the file that keys_file names; the server reads it at
its start.

Examples:
  ledger key new --name till-1 --channel incomm --role channel      a till of the channel incomm
  ledger key new --name aminah --channel office --role staff --role operator --file keys.toml
                                                                    adds the entry to keys.toml")]
    New(NewArgs),
}

#[derive(Debug, Clone, Args)]
struct NewArgs {
    /// Who acts with it: stands in every event; a key's name or an opaque staff id, never a person's name.
    #[arg(long)]
    name: String,
    /// Channel whose references and receipts it uses [default: the name, where that can be a channel].
    #[arg(long)]
    channel: Option<String>,
    /// What it may do; may be given several times.
    #[arg(long = "role", required = true, value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// How the channel's money comes in; the same for all keys of a channel.
    #[arg(long, value_name = "KIND")]
    kind: Option<KindName>,
    /// Adds the entry to this file, which is made when missing.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// Takes money: top-ups, debt payments, voids of its own.
    Channel,
    /// The utility's staff: accounts, meters, debt, suspense, supply, and reads.
    Staff,
    /// Runs the ledger: all reads, changes nothing.
    Operator,
    /// Reads for reports, changes nothing.
    Analyst,
    /// Billing counter.
    Bcc,
    /// Junior engineer.
    Je,
    /// Assistant engineer.
    Ae,
    /// Executive engineer: sees all, changes nothing.
    Ee,
    /// Complaint cell.
    Ccc,
}

/// How the money of a channel comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindName {
    /// Cash at a counter.
    Counter,
    /// A bank.
    Bank,
    /// A credit card.
    CreditCard,
    /// A debit card.
    DebitCard,
    /// Mobile money.
    MobileMoney,
}

impl From<KindName> for ChannelKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Counter => Self::Counter,
            KindName::Bank => Self::Bank,
            KindName::CreditCard => Self::CreditCard,
            KindName::DebitCard => Self::DebitCard,
            KindName::MobileMoney => Self::MobileMoney,
        }
    }
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Channel => Self::Channel,
            RoleName::Staff => Self::Staff,
            RoleName::Operator => Self::Operator,
            RoleName::Analyst => Self::Analyst,
            RoleName::Bcc => Self::Bcc,
            RoleName::Je => Self::Je,
            RoleName::Ae => Self::Ae,
            RoleName::Ee => Self::Ee,
            RoleName::Ccc => Self::Ccc,
        }
    }
}

/// A key that was made.
pub(crate) struct Made {
    /// The secret, shown once.
    pub(crate) key: String,
    /// Its entry for the keys file.
    pub(crate) entry: String,
}

pub(crate) fn run(args: &KeyArgs, globals: &Globals) -> Result<Exit, Failure> {
    let KeyCommand::New(args) = &args.command;
    let channel = args.channel.as_ref().unwrap_or(&args.name);
    let mut roles: Vec<Role> = Vec::new();
    for name in &args.roles {
        let role = Role::from(*name);
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    let mut made = make(&args.name, channel, &roles)?;
    if let Some(kind) = args.kind {
        let kind = json!(ChannelKind::from(kind).as_str());
        made.entry = made
            .entry
            .replacen("roles = ", &format!("kind = {kind}\nroles = "), 1);
    }
    if let Some(file) = &args.file {
        append(file, &made.entry)?;
    }
    globals.console.answer(
        || match &args.file {
            Some(file) => format!(
                "key (shown once): {}\nits entry was added to {}",
                made.key,
                file.display()
            ),
            None => format!(
                "key (shown once): {}\nentry for the keys file:\n\n{}",
                made.key,
                made.entry.trim_end()
            ),
        },
        || json!({"key": made.key, "entry": made.entry, "file": args.file}),
    )?;
    Ok(Exit::Done)
}

/// Makes a key.
///
/// # Errors
/// When the name or the channel is malformed, or the machine gives no random bytes.
pub(crate) fn make(name: &str, channel: &str, roles: &[Role]) -> Result<Made, Failure> {
    let malformed =
        |error: ledger_core::ids::BadName| Failure::usage("KEY_NAME", error.to_string());
    let name = Actor::parse(name).map_err(malformed)?;
    let channel = ChannelId::parse(channel)
        .map_err(|error| malformed(error).advise("give the channel with --channel"))?;
    let new = new_key()?;
    let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    // JSON strings and arrays of strings are TOML's too.
    let entry = format!(
        "[[key]]\nname = {}\nchannel = {}\nroles = {}\nhash = \"{}\"\n",
        json!(name.as_str()),
        json!(channel.as_str()),
        json!(roles),
        new.hash
    );
    Ok(Made {
        key: new.key,
        entry,
    })
}

/// Adds an entry to a keys file; a new file is readable by its owner only.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn append(file: &Path, entry: &str) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |error: std::io::Error| Failure::file("writing", file, &error);
    let mut out = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    let gap = if out.metadata().map_err(failed)?.len() == 0 {
        ""
    } else {
        "\n"
    };
    write!(out, "{gap}{entry}")
        .and_then(|()| out.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use command_api::keys::Keys;

    use super::*;

    #[test]
    fn c14_what_is_printed_is_what_the_server_reads() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.toml");
        let till = make("till-1", "incomm", &[Role::Channel]).unwrap();
        let office = make("aminah\"7", "office", &[Role::Staff, Role::Operator]).unwrap();
        append(&file, &till.entry).unwrap();
        append(&file, &office.entry).unwrap();
        let keys = Keys::read(&file).unwrap();
        assert_eq!(keys.len(), 2);
        let found = keys.find(office.key.as_bytes()).unwrap();
        assert_eq!(found.roles, [Role::Staff, Role::Operator]);
        assert_eq!(found.actor.as_str(), "aminah\"7");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains(&till.key), "the file never holds the key");
    }

    #[test]
    fn a_channel_that_is_malformed_is_refused_with_the_rule() {
        let failure = make("Till 1", "incomm", &[Role::Channel]).err().unwrap();
        assert_eq!(failure.code(), "KEY_NAME");
        let failure = make("Till-1", "Till-1", &[Role::Channel]).err().unwrap();
        assert!(failure.text().contains("lower-case"), "{}", failure.text());
    }
}
