//! One event as projections see it: decoded once, shared by all of them.

use event_store::transact::{BEGUN, DROPPED};
use event_store::{Position, RecordedEvent};
use ledger_core::event::{
    AccountEvent, AccountNumberGiven, ApplicationEvent, ComplaintEvent, Event, KINDS,
    ReadingsReceived, SuspenseEvent, WorkOrderEvent, decode, kind_of,
};
use ledger_core::ids::{
    AccountId, ApplicationId, BadName, ChannelId, CommandKey, ComplaintId, Reference, WorkOrderId,
};
use ledger_core::time::Timestamp;
use serde::Deserialize;

use crate::error::Stopped;

/// A decoded event with what folding needs of its place and metadata.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) position: Position,
    pub(crate) kind: &'static str,
    pub(crate) body: Body,
}

/// What happened, with the names its stream carries.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Account(AccountFact),
    Suspense {
        key: CommandKey,
        at: Timestamp,
        event: SuspenseEvent,
    },
    Gateway(ReadingsReceived),
    WorkOrder {
        id: WorkOrderId,
        at: Timestamp,
        event: WorkOrderEvent,
    },
    /// Who took over an old account is told by the accounts' own facts.
    Legacy,
    /// Who holds a meter is told by the accounts' own facts.
    Meter,
    /// A key's remembered answer is no row.
    Key,
    /// Who was granted an initial credit is told by the account's own facts.
    InitialCredit,
    /// A version of a scheme is policy, and no row.
    Scheme,
    /// A number is reserved: told by its application.
    Reserved,
    /// How a decision came to be written, where a store commits one stream at a time: no row.
    Bookkeeping,
    Application {
        id: ApplicationId,
        at: Timestamp,
        event: ApplicationEvent,
    },
    Complaint {
        id: ComplaintId,
        at: Timestamp,
        event: ComplaintEvent,
    },
    /// A number that an account was given later (K1).
    Number {
        at: Timestamp,
        event: AccountNumberGiven,
    },
}

/// A fact of an account.
#[derive(Debug, Clone)]
pub(crate) struct AccountFact {
    pub(crate) account: AccountId,
    /// When it counts.
    pub(crate) at: Timestamp,
    /// Done by a deadline of the account.
    pub(crate) by_deadline: bool,
    pub(crate) event: AccountEvent,
}

/// The part of the metadata that rows depend on; the rest is not even read.
#[derive(Deserialize)]
struct Stamp {
    at: Timestamp,
    #[serde(default)]
    dl: bool,
}

/// Decodes an event.
///
/// # Errors
/// When its kind is unknown, or its payload, metadata or stream does not have the shape of its kind.
pub(crate) fn decode_fact(recorded: &RecordedEvent) -> Result<Fact, Stopped> {
    understand(recorded).map_err(|reason| Stopped {
        position: recorded.position,
        kind: recorded.kind.to_string(),
        reason,
    })
}

/// A kind that a fact can be of, by its name.
pub(crate) fn known_kind(name: &str) -> Option<&'static str> {
    let kinds = KINDS.iter().copied().chain([BEGUN, DROPPED]);
    kinds.into_iter().find(|kind| *kind == name)
}

fn understand(recorded: &RecordedEvent) -> Result<Fact, String> {
    if let Some(kind) = [BEGUN, DROPPED].into_iter().find(|k| *recorded.kind == **k) {
        return Ok(Fact {
            position: recorded.position,
            kind,
            body: Body::Bookkeeping,
        });
    }
    let event = decode(&recorded.kind, &recorded.data).map_err(|e| e.to_string())?;
    let kind = kind_of(&event);
    let body = match event {
        Event::Account(event) => {
            let stamp = stamp_of(recorded)?;
            let account = account_of(recorded.stream.as_str())?;
            Body::Account(AccountFact {
                account,
                at: stamp.at,
                by_deadline: stamp.dl,
                event,
            })
        }
        Event::Suspense(event) => {
            let at = stamp_of(recorded)?.at;
            Body::Suspense {
                key: suspense_key_of(recorded.stream.as_str())?,
                at,
                event,
            }
        }
        Event::Gateway(event) => Body::Gateway(event),
        Event::WorkOrder(event) => Body::WorkOrder {
            id: work_order_of(recorded.stream.as_str())?,
            at: stamp_of(recorded)?.at,
            event,
        },
        Event::Legacy(_) => Body::Legacy,
        Event::Meter(_) => Body::Meter,
        Event::Key(_) => Body::Key,
        Event::InitialCredit(_) => Body::InitialCredit,
        Event::Scheme(_) => Body::Scheme,
        Event::Reserved(_) => Body::Reserved,
        Event::Application(event) => Body::Application {
            id: named(recorded, "application-", ApplicationId::parse)?,
            at: stamp_of(recorded)?.at,
            event,
        },
        Event::Complaint(event) => Body::Complaint {
            id: named(recorded, "complaint-", ComplaintId::parse)?,
            at: stamp_of(recorded)?.at,
            event,
        },
        Event::Number(event) => Body::Number {
            at: stamp_of(recorded)?.at,
            event,
        },
    };
    Ok(Fact {
        position: recorded.position,
        kind,
        body,
    })
}

fn stamp_of(recorded: &RecordedEvent) -> Result<Stamp, String> {
    serde_json::from_slice(&recorded.meta).map_err(|e| format!("metadata: {e}"))
}

fn account_of(stream: &str) -> Result<AccountId, String> {
    let Some(id) = stream.strip_prefix("account-") else {
        return Err(format!(
            "an account's fact stands in stream {stream}, which is not `account-<id>`"
        ));
    };
    AccountId::parse(id).map_err(|e| e.to_string())
}

/// The name behind the prefix of the stream.
fn named<T>(
    recorded: &RecordedEvent,
    prefix: &str,
    parse: fn(&str) -> Result<T, BadName>,
) -> Result<T, String> {
    let stream = recorded.stream.as_str();
    let Some(id) = stream.strip_prefix(prefix) else {
        return Err(format!(
            "{} stands in stream {stream}, which is not `{prefix}<id>`",
            recorded.kind
        ));
    };
    parse(id).map_err(|e| e.to_string())
}

fn work_order_of(stream: &str) -> Result<WorkOrderId, String> {
    let Some(id) = stream.strip_prefix("workorder-") else {
        return Err(format!(
            "a work order's fact stands in stream {stream}, which is not `workorder-<id>`"
        ));
    };
    WorkOrderId::parse(id).map_err(|e| e.to_string())
}

/// `suspense-<channel>-<reference>`; a channel has no dash in it.
fn suspense_key_of(stream: &str) -> Result<CommandKey, String> {
    let named = stream
        .strip_prefix("suspense-")
        .and_then(|rest| rest.split_once('-'));
    let Some((channel, reference)) = named else {
        return Err(format!(
            "a fact of suspense stands in stream {stream}, which is not `suspense-<channel>-<reference>`"
        ));
    };
    let channel = ChannelId::parse(channel).map_err(|e| e.to_string())?;
    let reference = Reference::parse(reference).map_err(|e| e.to_string())?;
    Ok(CommandKey { channel, reference })
}
