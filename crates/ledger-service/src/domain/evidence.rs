//! What must be known before a decision, besides the state, and how history is searched for a reading.

use event_store::transact::{Evidence, History, Needs, Probe};
use event_store::{RecordedEvent, StreamName};
use ledger_core::account::{
    Account, Course, PastFact, Recall, initial_credit_stream, reaches_back, recall,
};
use ledger_core::command::{BillingCommand, Command, JoinScheme, PriorReading, Reading, Source};
use ledger_core::event::{AccountEvent, Event, SuspenseEvent, decode};
use ledger_core::ids::{ChannelId, CommandKey, MeterNumber, Reference};
use ledger_core::num::Quantity;
use ledger_core::scheme::SchemePolicy;
use ledger_core::suspense::{self, SuspenseItem};
use ledger_core::time::Timestamp;

use super::legacy::claimed_legacy;
use super::numbers::claimed_number;
use crate::meta;
use crate::policies::Policies;
use crate::task::{DeskTask, DeskWork, KeyedTask, ReadingTask, meter_stream, stream};

/// A late reading looks back on the account's own history: on the readings around it, or for its instant
/// where it is too old to correct anything.
pub(super) fn needs_of_reading(
    account: &Account,
    policies: &Policies,
    task: &ReadingTask,
    known: &Evidence,
) -> Needs {
    let Some(reading) = task.reading() else {
        return Needs::nothing();
    };
    let policy = policies.of(account);
    match recall(account, &policy, reading, task.received_at) {
        Recall::Nothing => Needs::nothing(),
        Recall::Instant => Needs::search_from(0),
        Recall::Course => needs_of_course(account, &policy, reading, known),
    }
}

/// Older pages until the course of readings reaches back far enough.
fn needs_of_course(
    account: &Account,
    policy: &SchemePolicy,
    reading: &Reading,
    known: &Evidence,
) -> Needs {
    let past = known
        .past()
        .iter()
        .filter_map(|event| on_course(event)?.ok());
    if known.older_than_past().is_none() || reaches_back(account, policy, reading, past) {
        Needs::nothing()
    } else {
        Needs::older()
    }
}

/// The fact, where it may be one of a course of readings.
fn on_course(event: &RecordedEvent) -> Option<Result<AccountEvent, String>> {
    if !matches!(
        &*event.kind,
        "consumption-charged.v1"
            | "consumption-corrected.v1"
            | "meter-installed.v1"
            | "meter-exchanged.v1"
    ) {
        return None;
    }
    let place = || format!("event {} ({})", event.revision, event.kind);
    match decode(&event.kind, &event.data) {
        Ok(Event::Account(fact)) => Some(Ok(fact)),
        Ok(_) => None,
        Err(error) => Some(Err(format!("{}: {error}", place()))),
    }
}

/// The course of the readings of a meter's utility, where the past was looked back on.
pub(super) fn course_of(
    account: &Account,
    reading: Option<&Reading>,
    evidence: &Evidence,
) -> Result<Option<Course>, String> {
    let Some(reading) = reading.filter(|_| !evidence.past().is_empty()) else {
        return Ok(None);
    };
    let meters = account.meters().iter().rev();
    let Some(meter) = meters.into_iter().find(|m| m.number == reading.meter) else {
        return Ok(None);
    };
    let mut newest_first = Vec::with_capacity(evidence.past().len());
    for event in evidence.past() {
        let Some(fact) = on_course(event) else {
            continue;
        };
        let delivery = meta::stamp(&event.meta).map_or(0, |stamp| stamp.delivery);
        newest_first.push(PastFact {
            event: fact?,
            delivery,
        });
    }
    Ok(Some(Course::of(meter.utility, &newest_first)))
}

/// The reading that a payment, a cut or a request brings along.
pub(super) fn own_reading(command: &Command) -> Option<&Reading> {
    let Command::Billing(billing) = command else {
        return None;
    };
    if let BillingCommand::PayBill(pay) = &**billing {
        pay.reading.as_ref()
    } else if let BillingCommand::CutConsumer { reading } | BillingCommand::StopBill { reading } =
        &**billing
    {
        reading.as_ref()
    } else {
        None
    }
}

/// The key first; only a new key needs more.
pub(super) fn needs_of_keyed(
    account: &Account,
    policies: &Policies,
    task: &KeyedTask,
    known: &Evidence,
) -> Needs {
    if !known.has_read(&task.claim.stream) {
        return Needs::stream(task.claim.stream.clone());
    }
    if known.newest(&task.claim.stream).is_some() {
        return Needs::nothing();
    }
    let mut streams: Vec<StreamName> = claimed_meters(account, &task.command)
        .iter()
        .map(meter_stream)
        .collect();
    streams.extend(claimed_legacy(&task.command));
    streams.extend(claimed_number(&task.command));
    if let Some(item) = suspense_source(&task.command) {
        streams.push(stream(&suspense::stream_of(item)));
    }
    if let Command::JoinScheme(join) = &task.command {
        streams.extend(initial_credit_of(account, join));
    }
    if let Command::VoidTopUp(void) = &task.command {
        streams.push(voided_key(&task.claim.key.channel, &void.reference));
    }
    let policy = policies.of(account);
    let late = own_reading(&task.command)
        .filter(|reading| recall(account, &policy, reading, task.received_at) == Recall::Course);
    let course = late.map(|reading| needs_of_course(account, &policy, reading, known));
    Needs {
        streams,
        ..course.unwrap_or_default()
    }
}

/// The key first; only a new key of a return needs more.
pub(super) fn needs_of_desk(task: &DeskTask, known: &Evidence) -> Needs {
    if !known.has_read(&task.claim.stream) {
        return Needs::stream(task.claim.stream.clone());
    }
    match &task.work {
        DeskWork::Return { item_stream, .. } if known.newest(&task.claim.stream).is_none() => {
            Needs::stream(item_stream.clone())
        }
        DeskWork::Publish(work) if known.newest(&task.claim.stream).is_none() => {
            Needs::stream(work.stream.clone())
        }
        DeskWork::Return { .. }
        | DeskWork::Publish(_)
        | DeskWork::Payment { .. }
        | DeskWork::Other { .. } => Needs::nothing(),
    }
}

/// Meters whose claims a command moves.
pub(super) fn claimed_meters(account: &Account, command: &Command) -> Vec<MeterNumber> {
    match command {
        Command::InstallMeter(install) => vec![install.meter.clone()],
        Command::RemoveMeter { last, .. } => vec![last.meter.clone()],
        Command::ExchangeMeter(exchange) => {
            let mut both = vec![exchange.old.meter.clone()];
            if exchange.new != exchange.old.meter {
                both.push(exchange.new.clone());
            }
            both
        }
        Command::CloseAccount { .. } => {
            let in_place = account
                .meters()
                .iter()
                .filter(|meter| meter.removed_at.is_none());
            in_place.map(|meter| meter.number.clone()).collect()
        }
        Command::OpenAccount(_)
        | Command::ResolveMeter { .. }
        | Command::ActivateMeter { .. }
        | Command::AgreeDebt { .. }
        | Command::RescheduleDebt { .. }
        | Command::EnterLegacyCredit { .. }
        | Command::RegisterLegacyCredit(_)
        | Command::ChooseLegacyCredit { .. }
        | Command::CreditLegacyCredit(_)
        | Command::RefundLegacyCredit { .. }
        | Command::ChangeResponsible(_)
        | Command::Renumber { .. }
        | Command::TopUp(_)
        | Command::VoidTopUp(_)
        | Command::PayDebt(_)
        | Command::AcceptMovedCredit { .. }
        | Command::Disconnect { .. }
        | Command::Reconnect { .. }
        | Command::ConfirmOrder { .. }
        | Command::Tick
        | Command::JoinScheme(_)
        | Command::DrawEmergencyCredit { .. }
        | Command::DeliverCredit(_)
        | Command::Billing(_)
        | Command::RecordReading(_) => Vec::new(),
    }
}

/// Amount and source of a payment.
pub(super) fn payment_of(command: &Command) -> Option<(ledger_core::num::Money, &Source)> {
    match command {
        Command::TopUp(top_up) => Some((top_up.amount, &top_up.source)),
        Command::PayDebt(pay) => Some((pay.amount, &pay.source)),
        Command::Billing(billing) => billing.payment(),
        Command::OpenAccount(_)
        | Command::CloseAccount { .. }
        | Command::InstallMeter(_)
        | Command::RemoveMeter { .. }
        | Command::ExchangeMeter(_)
        | Command::ResolveMeter { .. }
        | Command::ActivateMeter { .. }
        | Command::AgreeDebt { .. }
        | Command::RescheduleDebt { .. }
        | Command::EnterLegacyCredit { .. }
        | Command::RegisterLegacyCredit(_)
        | Command::ChooseLegacyCredit { .. }
        | Command::CreditLegacyCredit(_)
        | Command::RefundLegacyCredit { .. }
        | Command::ChangeResponsible(_)
        | Command::Renumber { .. }
        | Command::VoidTopUp(_)
        | Command::AcceptMovedCredit { .. }
        | Command::Disconnect { .. }
        | Command::Reconnect { .. }
        | Command::ConfirmOrder { .. }
        | Command::Tick
        | Command::JoinScheme(_)
        | Command::DrawEmergencyCredit { .. }
        | Command::DeliverCredit(_)
        | Command::RecordReading(_) => None,
    }
}

/// The item of suspense that a payment allocates.
pub(super) fn suspense_source(command: &Command) -> Option<&CommandKey> {
    match payment_of(command) {
        Some((_, Source::Suspense(item))) => Some(item),
        Some((_, Source::NotTaken | Source::Taken)) | None => None,
    }
}

/// The stream that remembers the top-up a void names: of the same channel only (C16).
pub(super) fn voided_key(channel: &ChannelId, reference: &Reference) -> StreamName {
    stream(
        &CommandKey {
            channel: channel.clone(),
            reference: reference.clone(),
        }
        .stream(),
    )
}

/// The stream that remembers whether the person who joins has had an initial credit (P2).
pub(super) fn initial_credit_of(account: &Account, join: &JoinScheme) -> Option<StreamName> {
    let name = initial_credit_stream(account.scheme(), &join.person).ok()?;
    Some(stream(&name))
}

/// An item of suspense by its newest event.
pub(super) fn item(evidence: &Evidence, item_stream: &StreamName) -> Result<SuspenseItem, String> {
    let Some(event) = evidence.newest(item_stream) else {
        return Ok(SuspenseItem::Absent);
    };
    match decode(&event.kind, &event.data) {
        Ok(Event::Suspense(fact)) => Ok(SuspenseItem::of_newest(Some::<SuspenseEvent>(fact))),
        Ok(
            Event::Account(_)
            | Event::Meter(_)
            | Event::Key(_)
            | Event::Gateway(_)
            | Event::InitialCredit(_)
            | Event::Scheme(_)
            | Event::Legacy(_)
            | Event::WorkOrder(_)
            | Event::Reserved(_)
            | Event::Application(_)
            | Event::Complaint(_)
            | Event::Number(_),
        ) => Err(format!(
            "{item_stream}: {} does not belong there",
            event.kind
        )),
        Err(error) => Err(format!("{item_stream}: {error}")),
    }
}

/// The accepted reading of the same meter and instant, if history has one.
pub(super) fn prior_of(task: &ReadingTask, evidence: &Evidence) -> Option<PriorReading> {
    let reading = task.reading()?;
    let History::Found(event) = &evidence.history else {
        return None;
    };
    let (_, value) = read_as(reading, &event.kind, &event.data)?;
    let delivery = meta::stamp(&event.meta).map_or(0, |stamp| stamp.delivery);
    Some(PriorReading { value, delivery })
}

/// In one account the accepted readings of a meter number follow each other in read time, each time of
/// installation before those of its register.
pub(super) fn probe_reading(task: &ReadingTask, event: &RecordedEvent) -> Probe {
    let Some(reading) = task.reading() else {
        return Probe::Unrelated;
    };
    match read_as(reading, &event.kind, &event.data) {
        None => Probe::Unrelated,
        Some((at, _)) if at < reading.read_at => Probe::Before,
        Some((at, _)) if at > reading.read_at => Probe::After,
        Some(_) => Probe::Found,
    }
}

/// When and at what value an event says that this meter was read.
fn read_as(reading: &Reading, kind: &str, data: &[u8]) -> Option<(Timestamp, Quantity)> {
    if !matches!(
        kind,
        "consumption-charged.v1" | "meter-installed.v1" | "meter-exchanged.v1"
    ) {
        return None;
    }
    let Event::Account(fact) = decode(kind, data).ok()? else {
        return None;
    };
    let (meter, at, value) = if let AccountEvent::ConsumptionCharged(e) = fact {
        (e.m, e.t, e.v)
    } else if let AccountEvent::MeterInstalled(e) = fact {
        (e.m, e.t, e.v)
    } else if let AccountEvent::MeterExchanged(e) = fact {
        (e.new, e.t, e.first)
    } else {
        return None;
    };
    (meter == reading.meter).then_some((at, value))
}
