//! `ledger person add|show|update|erase`.

use clap::Args;
use command_api::pb;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{FormArgs, Reason, reason_name};
use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect, instant, told};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::facts;

/// Whom to add.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The reference is the office's own name of this command, unique for ever: sent
again with the same form it adds nobody twice.

Examples:
  ledger person add --reference OFFICE-2026-0071 < form.json
  ledger person add --reference OFFICE-2026-0072 --from form.json --json")]
pub(super) struct AddArgs {
    /// The sender's own reference of this command.
    #[arg(long)]
    reference: String,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Whom to show.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Exit code 3 with PERSON_ERASED when the person was erased.

Examples:
  ledger person show p-7f3k…
  ledger person show p-7f3k… --json")]
pub(super) struct ShowArgs {
    /// Opaque reference.
    person: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to change.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A part that the form names takes the place of the one before, an empty list
removes it, a part that is absent stays.

Examples:
  echo '{\"telephones\": []}' | ledger person update p-7f3k…
  ledger person update p-7f3k… --from change.json --revision 4    only if nobody changed it since")]
pub(super) struct UpdateArgs {
    /// Opaque reference.
    person: String,
    /// The revision that was shown; refused when there is a newer one.
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Whom to erase.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
It cannot be undone. Events that carry the reference stay as they are, and the
ledger stays provable. Asked again it answers as before.

Examples:
  ledger person erase p-7f3k… --reason request --document DPO-2026-17")]
pub(super) struct EraseArgs {
    /// Opaque reference.
    person: String,
    /// Why.
    #[arg(long)]
    reason: Reason,
    /// Document of the decision, opaque.
    #[arg(long, default_value = "", hide_default_value = true)]
    document: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// A form as it is read.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: Option<String>,
    identity_numbers: Option<Vec<String>>,
    telephones: Option<Vec<String>>,
    emails: Option<Vec<String>>,
}

/// Reads a form. The reader's own messages repeat values, so only the place is told.
fn form(args: &FormArgs) -> Result<Form, Failure> {
    let text = args.text()?;
    serde_json::from_str(&text).map_err(|error| {
        let what = format!(
            "the form, line {}, column {}: it is not the JSON of a form",
            error.line(),
            error.column()
        );
        Failure::usage("PERSON_FORM", what).advise(
            "give an object with name (a text), identity_numbers, telephones and emails (lists of texts)",
        )
    })
}

pub(super) async fn add(args: &AddArgs, globals: &Globals) -> Result<Exit, Failure> {
    let form = form(&args.form)?;
    let connected = connect(&args.server, globals).await?;
    let request = pb::AddPersonRequest {
        reference: args.reference.clone(),
        data: Some(pb::PersonData {
            name: form.name.unwrap_or_default(),
            identity_numbers: form.identity_numbers.unwrap_or_default(),
            telephones: form.telephones.unwrap_or_default(),
            emails: form.emails.unwrap_or_default(),
        }),
    };
    let added = connected.client.persons().add_person(request).await?;
    let added = added.into_inner();
    globals.console.answer(
        || {
            let mut pairs = vec![("person", added.person.clone())];
            if added.duplicate {
                pairs.push(("", "answered before; nobody was added again".to_owned()));
            }
            for other in &added.same_identity {
                pairs.push(("same identity number", other.clone()));
            }
            facts(&pairs)
        },
        || {
            json!({
                "person": added.person,
                "duplicate": added.duplicate,
                "same_identity": added.same_identity,
            })
        },
    )?;
    Ok(Exit::Done)
}

pub(super) async fn show(args: &ShowArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let request = pb::GetPersonRequest {
        person: args.person.clone(),
    };
    let shown = connected.client.persons().get_person(request).await?;
    let shown = shown.into_inner();
    globals
        .console
        .answer(|| show_text(&shown), || show_value(&shown))?;
    Ok(Exit::Done)
}

fn show_text(shown: &pb::GetPersonResponse) -> String {
    let data = shown.data.clone().unwrap_or_default();
    let mut pairs = vec![("person", shown.person.clone()), ("name", data.name)];
    for (title, all) in [
        ("identity number", data.identity_numbers),
        ("telephone", data.telephones),
        ("e-mail", data.emails),
    ] {
        pairs.extend(all.into_iter().map(|text| (title, text)));
    }
    pairs.push(("revision", shown.revision.to_string()));
    pairs.push(("added", utc(shown.added_at.as_ref())));
    pairs.push(("changed", utc(shown.updated_at.as_ref())));
    facts(&pairs)
}

fn show_value(shown: &pb::GetPersonResponse) -> Value {
    let data = shown.data.clone().unwrap_or_default();
    json!({
        "person": shown.person,
        "name": data.name,
        "identity_numbers": data.identity_numbers,
        "telephones": data.telephones,
        "emails": data.emails,
        "revision": shown.revision,
        "added_at": told(shown.added_at.as_ref()),
        "updated_at": told(shown.updated_at.as_ref()),
    })
}

/// An instant in UTC: a person belongs to no scheme and so to no zone.
pub(super) fn utc(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(instant)
        .map_or_else(String::new, |at| at.to_string())
}

pub(super) async fn update(args: &UpdateArgs, globals: &Globals) -> Result<Exit, Failure> {
    let form = form(&args.form)?;
    let connected = connect(&args.server, globals).await?;
    let texts = |all: Option<Vec<String>>| all.map(|values| pb::PersonTexts { values });
    let request = pb::UpdatePersonRequest {
        person: args.person.clone(),
        revision: args.revision.unwrap_or(0),
        name: form.name.unwrap_or_default(),
        identity_numbers: texts(form.identity_numbers),
        telephones: texts(form.telephones),
        emails: texts(form.emails),
    };
    let updated = connected.client.persons().update_person(request).await?;
    let updated = updated.into_inner();
    globals.console.answer(
        || {
            let done = if updated.changed {
                "changed"
            } else {
                "it was so already"
            };
            facts(&[
                ("person", args.person.clone()),
                ("revision", updated.revision.to_string()),
                ("result", done.to_owned()),
            ])
        },
        || json!({"person": args.person, "revision": updated.revision, "changed": updated.changed}),
    )?;
    Ok(Exit::Done)
}

pub(super) async fn erase(args: &EraseArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let request = pb::ErasePersonRequest {
        person: args.person.clone(),
        reason: pb::ErasureReason::from(args.reason).into(),
        document: args.document.clone(),
    };
    let erased = connected.client.persons().erase_person(request).await?;
    let erased = erased.into_inner();
    globals
        .console
        .answer(|| erased_text(&erased), || erased_value(&erased))?;
    Ok(Exit::Done)
}

fn erased_text(erased: &pb::ErasePersonResponse) -> String {
    let when = utc(erased.erased_at.as_ref());
    let again = if erased.again {
        " (before; nothing was done now)"
    } else {
        ""
    };
    let mut pairs = vec![
        ("person", erased.person.clone()),
        ("erased", format!("{when}{again}")),
        ("by", erased.erased_by.clone()),
        ("reason", reason_name(erased.reason).to_owned()),
    ];
    if !erased.document.is_empty() {
        pairs.push(("document", erased.document.clone()));
    }
    pairs.push((
        "what",
        format!(
            "data key, name, {} identity numbers, {} telephones, {} e-mails",
            erased.identity_numbers, erased.telephones, erased.emails
        ),
    ));
    facts(&pairs)
}

fn erased_value(erased: &pb::ErasePersonResponse) -> Value {
    json!({
        "person": erased.person,
        "erased_at": told(erased.erased_at.as_ref()),
        "erased_by": erased.erased_by,
        "reason": reason_name(erased.reason),
        "document": erased.document,
        "erased": {
            "data_key": 1,
            "name": 1,
            "identity_numbers": erased.identity_numbers,
            "telephones": erased.telephones,
            "emails": erased.emails,
        },
        "again": erased.again,
    })
}
