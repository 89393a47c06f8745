//! `ledger dead-letters …`: readings and messages that could not be taken, and sending them again.

use std::time::Duration;

use clap::{Args, Subcommand};
use meter_gateway::dead_letters::{DeadLetters, Listed};
use meter_gateway::{Connection, GatewayError};
use serde_json::{Value, json};

use crate::cli::{Globals, block_on, flag};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Set, Table};

/// How long NATS may take: the client itself waits for ever, a person does not.
const NATS_WITHIN: Duration = Duration::from_secs(10);
/// Longest payload shown in a table, in characters; JSON has it whole.
const SHOWN_CHARS_MAX: usize = 60;

/// What to do with dead letters.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    command: DeadLettersCommand,
    /// NATS server [default: the configured nats_url].
    #[arg(long, global = true, value_name = "URL")]
    nats_url: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
enum DeadLettersCommand {
    /// Lists dead letters, oldest first, with the reason and what to do.
    #[command(after_help = "\
Examples:
  ledger dead-letters list
  ledger dead-letters list --from 1200 --json | jq 'select(.replayed | not)'")]
    List {
        /// First sequence.
        #[arg(long, default_value_t = 1, value_name = "SEQUENCE")]
        from: u64,
        /// How many at most, up to 500.
        #[arg(long, default_value_t = 100, value_name = "LETTERS")]
        limit: usize,
    },
    /// Sends dead letters again to where they came from, once their cause is removed.
    #[command(after_help = "\
A letter that was replayed is marked and refused a second time, unless --again
says that it is meant. A reading that was taken in the meantime is recognised
and charged nothing.

Examples:
  ledger dead-letters replay 1204
  ledger dead-letters replay 1204 1205 --again")]
    Replay {
        /// Sequences, as listed.
        #[arg(required = true, value_name = "SEQUENCE")]
        sequences: Vec<u64>,
        /// Also those that were replayed before.
        #[arg(long)]
        again: bool,
    },
}

pub(crate) fn run(args: &DeadLettersArgs, globals: &Globals) -> Result<Exit, Failure> {
    let flags = flag("nats_url", "--nats-url", args.nats_url.as_ref());
    let settings = globals.settings(flags.into_iter().collect())?;
    let Some(url) = settings.nats_url else {
        return Err(Failure::usage(
            "NO_NATS",
            "no NATS server is configured, and dead letters are kept there",
        )
        .advise("give it with --nats-url or LEDGER_NATS_URL"));
    };
    block_on(async {
        let letters = in_time(DeadLetters::open(&Connection::new(url))).await?;
        match &args.command {
            DeadLettersCommand::List { from, limit } => {
                list(&in_time(letters.list(*from, *limit)).await?, globals)
            }
            DeadLettersCommand::Replay { sequences, again } => {
                replay(&letters, sequences, *again, globals).await
            }
        }
    })
}

async fn in_time<T>(work: impl Future<Output = Result<T, GatewayError>>) -> Result<T, Failure> {
    match tokio::time::timeout(NATS_WITHIN, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Failure::unavailable(
            "NATS_AWAY",
            format!("NATS did not answer within {} s", NATS_WITHIN.as_secs()),
        )
        .advise("start the NATS server (with JetStream), or correct --nats-url, then try again")),
    }
}

fn list(letters: &[Listed], globals: &Globals) -> Result<Exit, Failure> {
    if globals.console.is_json() {
        globals
            .console
            .lines(letters.iter().map(|letter| value(letter).to_string()))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(
        &[
            ("sequence", Set::Right),
            ("at (UTC)", Set::Left),
            ("reason", Set::Left),
            ("replayed", Set::Left),
            ("payload", Set::Left),
            ("what to do", Set::Left),
        ],
        "no dead letters",
    );
    for letter in letters {
        let payload = String::from_utf8_lossy(&letter.payload);
        let cut: String = payload
            .chars()
            .take(SHOWN_CHARS_MAX)
            .map(printable)
            .collect();
        table.row(vec![
            letter.sequence.to_string(),
            letter.at.clone(),
            letter.reason.clone(),
            if letter.replayed { "yes" } else { "" }.to_owned(),
            cut,
            letter.explanation.clone(),
        ]);
    }
    globals.console.line(&table.text())?;
    Ok(Exit::Done)
}

/// What a sender wrote must not move a terminal's cursor.
fn printable(c: char) -> char {
    if c.is_control() { '·' } else { c }
}

fn value(letter: &Listed) -> Value {
    json!({
        "sequence": letter.sequence,
        "at": letter.at,
        "reason": letter.reason,
        "explanation": letter.explanation,
        "field": letter.field,
        "source_subject": letter.source_subject,
        "source_sequence": letter.source_sequence,
        "payload": String::from_utf8_lossy(&letter.payload),
        "replayed": letter.replayed,
    })
}

async fn replay(
    letters: &DeadLetters,
    sequences: &[u64],
    again: bool,
    globals: &Globals,
) -> Result<Exit, Failure> {
    for sequence in sequences {
        let sent = in_time(letters.replay(*sequence, again)).await?;
        globals.console.answer(
            || format!("{sequence} was sent again, as {sent}"),
            || json!({"sequence": sequence, "replayed_as": sent}),
        )?;
    }
    Ok(Exit::Done)
}
