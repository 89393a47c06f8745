//! The catalogue of errors: every code, generated from what the code itself says.
//!
//! It exists once: `docs/errors.md` and the RPC `ErrorCatalogue` are both made here, and a test holds the
//! committed page against it.

use std::fmt::Write;

use ledger_core::ids::{AccountId, MeterNumber, OpaqueRef, ReceiptNumber};
use ledger_core::num::{Money, Quantity};
use ledger_core::rejection::{BillingRefusal, DeskRefusal, Rejection};
use ledger_core::time::Timestamp;
use tonic::Code;

use crate::errors::{BUG, Line, Malformed, Operational, status_of};
use crate::pb;
use crate::person_errors::PersonNo;

/// Every code, in the order of the page.
#[must_use]
pub fn entries() -> Vec<pb::ErrorEntry> {
    let malformed = Malformed::ALL
        .into_iter()
        .map(|m| entry(pb::ErrorKind::Malformed, m.line()));
    let refusals = rejections().into_iter().map(|r| {
        let told = r.entry();
        pb::ErrorEntry {
            code: told.code.to_owned(),
            kind: pb::ErrorKind::Refusal.into(),
            status: status_name(status_of(&r)).to_owned(),
            meaning: told.meaning.to_owned(),
            retry_is_safe: told.retry_is_safe,
            cash: told.cash.instruction().to_owned(),
        }
    });
    let operational = Operational::ALL
        .into_iter()
        .map(|o| entry(pb::ErrorKind::Operational, o.line()));
    let persons = PersonNo::ALL.into_iter().map(|p| entry(p.kind(), p.line()));
    malformed
        .chain(refusals)
        .chain(operational)
        .chain(persons)
        .chain([entry(pb::ErrorKind::Bug, BUG)])
        .collect()
}

fn entry(kind: pb::ErrorKind, line: Line) -> pb::ErrorEntry {
    pb::ErrorEntry {
        code: line.code.to_owned(),
        kind: kind.into(),
        status: status_name(line.status).to_owned(),
        meaning: line.meaning.to_owned(),
        retry_is_safe: line.retry_is_safe,
        cash: line.cash.to_owned(),
    }
}

/// The page `docs/errors.md`.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(INTRODUCTION);
    for (kind, title) in [
        (pb::ErrorKind::Malformed, "Malformed calls"),
        (pb::ErrorKind::Refusal, "Business refusals"),
        (pb::ErrorKind::Operational, "Operational"),
        (pb::ErrorKind::Bug, "Faults of the ledger"),
    ] {
        let _ = write!(
            text,
            "\n## {title}\n\n| code | status | meaning | retry is safe | cash in hand |\n"
        );
        text.push_str("|---|---|---|---|---|\n");
        for e in entries().iter().filter(|e| e.kind() == kind) {
            let retry = if e.retry_is_safe { "yes" } else { "no" };
            let _ = writeln!(
                text,
                "| `{}` | `{}` | {} | {retry} | {} |",
                e.code, e.status, e.meaning, e.cash
            );
        }
    }
    text
}

const INTRODUCTION: &str = "\
# Errors of `ledger.v1`

This page is generated from the code; the RPC `QueryService/ErrorCatalogue` answers the same.

Every error carries `google.rpc.ErrorInfo`: `reason` is the code below, `domain` is `ledger.v1`, and its
metadata holds the command's `reference`, the values the message speaks of, `retry_is_safe` and `cash`.
A malformed call also carries `google.rpc.BadRequest` with one violation a field.

*Retry is safe* means that the identical call, with the same reference, does no harm: it is carried out at
most once. It does not mean that the answer will be another one: a refusal of a payment binds its reference
for ever, and a new attempt needs a new reference.
";

/// Every business refusal once, with values that stand for any.
#[must_use]
pub fn rejections() -> Vec<Rejection> {
    let plain = std::iter::successors(Some(Rejection::UnknownAccount), next);
    let billing = BillingRefusal::catalogue().into_iter().map(Rejection::from);
    let desk = DeskRefusal::catalogue().into_iter().map(Rejection::from);
    plain.chain(billing).chain(desk).collect()
}

/// The refusal that follows in the catalogue. The match is exhaustive, so that a new refusal is put into
/// the catalogue by whoever adds it.
#[expect(
    clippy::too_many_lines,
    reason = "one line a refusal: the order of the published table"
)]
fn next(before: &Rejection) -> Option<Rejection> {
    use Rejection as R;
    let stand_in = StandIn::new()?;
    let StandIn {
        meter,
        holder,
        money,
        value,
        at,
        receipt,
        document,
    } = stand_in;
    let text = String::new;
    Some(match before {
        R::UnknownAccount => R::AccountExists,
        R::AccountExists => R::AccountClosed,
        R::AccountClosed => R::UnknownMeter { meter: text() },
        R::UnknownMeter { .. } => R::WrongMeterFormat {
            meter: text(),
            rule: text(),
        },
        R::WrongMeterFormat { .. } => R::MeterRemoved { meter },
        R::MeterRemoved { .. } => R::MeterTaken { meter, holder },
        R::MeterTaken { .. } => R::UtilityHasMeter { meter },
        R::UtilityHasMeter { .. } => R::NoTariff { what: text() },
        R::NoTariff { .. } => R::NotOffered { what: text() },
        R::NotOffered { .. } => R::AlreadyActive { meter },
        R::AlreadyActive { .. } => R::BadInput {
            field: text(),
            reason: text(),
        },
        R::BadInput { .. } => R::TooFine {
            amount: money,
            decimals: 2,
        },
        R::TooFine { .. } => R::TopUpBelowMinimum { minimum: money },
        R::TopUpBelowMinimum { .. } => R::TopUpAboveMaximum { maximum: money },
        R::TopUpAboveMaximum { .. } => R::InstalmentDue { due: money },
        R::InstalmentDue { .. } => R::NoDebt,
        R::NoDebt => R::AboveDebt { left: money },
        R::AboveDebt { .. } => R::DebtInForce { left: money },
        R::DebtInForce { .. } => R::BadDebtTerms {
            field: text(),
            reason: text(),
        },
        R::BadDebtTerms { .. } => R::UnknownRegister {
            meter,
            register: text(),
        },
        R::UnknownRegister { .. } => R::ReadingFromFuture {
            read_at: at,
            received_at: at,
        },
        R::ReadingFromFuture { .. } => R::ReadingBeforeInstallation {
            read_at: at,
            installed_at: at,
        },
        R::ReadingBeforeInstallation { .. } => R::ReadingAfterRemoval {
            read_at: at,
            removed_at: at,
        },
        R::ReadingAfterRemoval { .. } => R::ValueOffRegister { value, top: value },
        R::ValueOffRegister { .. } => R::TooManyKeptReadings { kept: 0 },
        R::TooManyKeptReadings { .. } => R::ImplausibleReading { value, base: value },
        R::ImplausibleReading { .. } => R::NothingQuarantined { meter },
        R::NothingQuarantined { .. } => R::NotVoidable {
            reference: text(),
            reason: text(),
        },
        R::NotVoidable { .. } => R::NotInSuspense { reference: text() },
        R::NotInSuspense { .. } => R::AccountOwes { owed: money },
        R::AccountOwes { .. } => R::FinalReadingMissing { meter },
        R::FinalReadingMissing { .. } => R::SupplyAlready { state: text() },
        R::SupplyAlready { .. } => R::SupplyNeedsCredit { balance: money },
        R::SupplyNeedsCredit { .. } => R::OrderSuperseded {
            order: 1,
            newest: 2,
        },
        R::OrderSuperseded { .. } => R::NotJoined,
        R::NotJoined => R::AlreadyJoined,
        R::AlreadyJoined => R::NotEligible { reason: text() },
        R::NotEligible { .. } => R::EmergencyCreditDrawn { lent: money },
        R::EmergencyCreditDrawn { .. } => R::CreditNotLow {
            balance: money,
            below: money,
        },
        R::CreditNotLow { .. } => R::NothingToDeliver { receipt },
        R::NothingToDeliver { .. } => R::LegacyCreditKnown { from: document },
        R::LegacyCreditKnown { .. } => R::LegacyCreditTaken {
            from: document,
            holder,
        },
        R::LegacyCreditTaken { .. } => R::UnknownLegacyCredit { from: document },
        R::UnknownLegacyCredit { .. } => R::LegacyCreditSettled { from: document },
        R::LegacyCreditSettled { .. } => R::LegacyChoice { reason: text() },
        R::LegacyChoice { .. } => R::LegacyCreditPending { from: document },
        R::LegacyCreditPending { .. } => R::UnknownWorkOrder,
        R::UnknownWorkOrder => R::WorkOrderExists,
        R::WorkOrderExists => R::WrongWorkOrderStep {
            stage: text(),
            step: text(),
        },
        R::WrongWorkOrderStep { .. } => R::WorkOrderStepDiffers,
        R::WorkOrderStepDiffers => R::NoInstallationDay {
            date: text(),
            why: text(),
        },
        R::NoInstallationDay { .. } => R::NoticeTooShort {
            appointment: at,
            hours: 1,
        },
        R::NoticeTooShort { .. } => R::SchemeInvalid {
            line: 1,
            key: text(),
            reason: text(),
        },
        R::SchemeInvalid { .. } => R::UnknownScheme { scheme: text() },
        R::UnknownScheme { .. } => R::SchemeVersionTooLow { newest: 1 },
        R::SchemeVersionTooLow { .. } => R::SchemeConflict { version: 1 },
        R::SchemeConflict { .. } => R::SchemePricedAlready {
            from: at,
            priced_until: at,
        },
        R::SchemePricedAlready { .. } => R::KeyConflict,
        R::KeyConflict | R::Billing(_) | R::Desk(_) => return None,
    })
}

/// Values that stand for any in a catalogue of refusals.
struct StandIn {
    meter: MeterNumber,
    holder: AccountId,
    money: Money,
    value: Quantity,
    at: Timestamp,
    receipt: ReceiptNumber,
    document: OpaqueRef,
}

impl StandIn {
    fn new() -> Option<Self> {
        Some(Self {
            meter: MeterNumber::parse("M1").ok()?,
            holder: AccountId::parse("A1").ok()?,
            money: Money::ZERO,
            value: Quantity::from_units(0),
            at: Timestamp::MIN,
            receipt: ReceiptNumber::parse("A1-000001").ok()?,
            document: OpaqueRef::parse("old-1").ok()?,
        })
    }
}

/// Name of a status as gRPC writes it.
#[must_use]
pub const fn status_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Set to rewrite the page instead of comparing it.
    const REWRITE: &str = "LEDGER_REWRITE_ERRORS_MD";

    #[test]
    fn the_committed_page_is_the_generated_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
        if std::env::var_os(REWRITE).is_some() {
            std::fs::write(&path, page()).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == page(),
            "docs/errors.md is out of date: run this test with {REWRITE}=1"
        );
    }

    #[test]
    fn every_code_stands_once_in_the_catalogue() {
        let codes: Vec<String> = entries().into_iter().map(|e| e.code).collect();
        let distinct: BTreeSet<&String> = codes.iter().collect();
        assert_eq!(distinct.len(), codes.len());
        assert!(
            codes
                .iter()
                .all(|c| c.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')),
            "{codes:?}"
        );
    }

    #[test]
    fn the_stored_code_of_a_refusal_is_its_published_code() {
        for rejection in rejections() {
            let stored = serde_json::to_value(&rejection).unwrap();
            assert_eq!(stored["code"], rejection.code());
        }
    }
}
