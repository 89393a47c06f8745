//! `ledger person list|find|audit`: references and the audit trail; nothing personal is printed.

use std::path::Path;

use clap::{Args, ValueEnum};
use command_api::pb;
use serde_json::json;

use super::record::utc;
use super::{reason_name, text_of};
use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect, told};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Set, Table};

/// Lines asked for at once.
const PAGE_LINES: u32 = 1_000;

/// What to list.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger person list
  ledger person list --erased --json      what must be erased again after old backups were restored")]
pub(super) struct ListArgs {
    /// Only those that were erased.
    #[arg(long)]
    erased: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to look for.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The number itself is read from standard input, since others on the machine can
read command lines.

Examples:
  echo +6732234567 | ledger person find telephone
  ledger person find identity-number < number.txt")]
pub(super) struct FindArgs {
    /// What the number is.
    by: FindBy,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FindBy {
    /// A whole telephone number.
    Telephone,
    /// A whole identity number, however it is grouped.
    IdentityNumber,
}

/// Which part of the audit trail.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger person audit
  ledger person audit --person p-7f3k… --json")]
pub(super) struct AuditArgs {
    /// Only of this person.
    #[arg(long, default_value = "", hide_default_value = true)]
    person: String,
    /// Only lines after this number.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    after: u64,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn list(args: &ListArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let mut entries: Vec<pb::PersonEntry> = Vec::new();
    let mut token = String::new();
    loop {
        let request = pb::ListPersonsRequest {
            page_size: PAGE_LINES,
            page_token: token,
        };
        let page = connected.client.persons().list_persons(request).await?;
        let page = page.into_inner();
        let wanted = |entry: &pb::PersonEntry| !args.erased || entry.erased_at.is_some();
        entries.extend(page.persons.into_iter().filter(wanted));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    if globals.console.is_json() {
        globals.console.lines(entries.iter().map(|entry| {
            let reason = (entry.erased_at.is_some()).then(|| reason_name(entry.reason));
            json!({
                "person": entry.person,
                "added_at": told(entry.added_at.as_ref()),
                "updated_at": told(entry.updated_at.as_ref()),
                "erased_at": told(entry.erased_at.as_ref()),
                "reason": reason,
            })
            .to_string()
        }))?;
        return Ok(Exit::Done);
    }
    let heads = [
        ("person", Set::Left),
        ("added (UTC)", Set::Left),
        ("changed (UTC)", Set::Left),
        ("erased (UTC)", Set::Left),
        ("reason", Set::Left),
    ];
    let mut table = Table::new(&heads, "no persons");
    for entry in &entries {
        table.row(vec![
            entry.person.clone(),
            utc(entry.added_at.as_ref()),
            utc(entry.updated_at.as_ref()),
            utc(entry.erased_at.as_ref()),
            reason_name(entry.reason).to_owned(),
        ]);
    }
    globals.console.line(&table.text())?;
    Ok(Exit::Done)
}

pub(super) async fn find(args: &FindArgs, globals: &Globals) -> Result<Exit, Failure> {
    use pb::find_persons_request::By;
    let text = text_of(Path::new("-"))?;
    let text = text.trim().to_owned();
    let connected = connect(&args.server, globals).await?;
    let by = match args.by {
        FindBy::Telephone => By::Telephone(text),
        FindBy::IdentityNumber => By::IdentityNumber(text),
    };
    let request = pb::FindPersonsRequest { by: Some(by) };
    let found = connected.client.persons().find_persons(request).await?;
    let persons = found.into_inner().persons;
    globals.console.answer(
        || {
            if persons.is_empty() {
                "nobody has it".to_owned()
            } else {
                persons.join("\n")
            }
        },
        || json!({"persons": persons}),
    )?;
    Ok(Exit::Done)
}

pub(super) async fn audit(args: &AuditArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let mut after = args.after;
    let heads = [
        ("line", Set::Right),
        ("at (UTC)", Set::Left),
        ("actor", Set::Left),
        ("act", Set::Left),
        ("person", Set::Left),
        ("found", Set::Right),
    ];
    let mut table = Table::new(&heads, "no lines");
    loop {
        let request = pb::ReadPersonAuditRequest {
            person: args.person.clone(),
            after,
            page_size: PAGE_LINES,
        };
        let page = connected
            .client
            .persons()
            .read_person_audit(request)
            .await?;
        let page = page.into_inner();
        after = page.lines.last().map_or(after, |line| line.seq);
        if globals.console.is_json() {
            globals.console.lines(page.lines.iter().map(|line| {
                json!({
                    "seq": line.seq,
                    "at": told(line.at.as_ref()),
                    "actor": line.actor,
                    "act": line.act,
                    "person": line.person,
                    "found": line.found,
                })
                .to_string()
            }))?;
        } else {
            for line in page.lines {
                table.row(vec![
                    line.seq.to_string(),
                    utc(line.at.as_ref()),
                    line.actor,
                    line.act,
                    line.person,
                    line.found.to_string(),
                ]);
            }
        }
        if !page.more {
            break;
        }
    }
    if !globals.console.is_json() {
        globals.console.line(&table.text())?;
    }
    Ok(Exit::Done)
}
