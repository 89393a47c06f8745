//! Self-readings that cannot be, and queries about bills (K3, K6).

use super::billing::OPEN_QUERIES_MAX;
use super::bills::billed;
use super::draft::Draft;
use super::meter::MeterState;
use crate::answer::ReadingOutcome;
use crate::command::Reading;
use crate::event::{BillingEvent, QueryAnswered, QueryRaised, RefusedReading};
use crate::ids::OpaqueRef;
use crate::num::Quantity;
use crate::rejection::{BillingRefusal, Rejection};

/// What is wrong with a self-reading.
enum Wrong {
    Below { base: Quantity },
    High { units: Quantity, mean: Quantity },
}

/// K3, before plausibility and without its tolerance: a self-reading below the one before, or
/// implausibly high, is refused with the reason and opens a query.
pub(super) fn refuse_self_reading(
    draft: &mut Draft<'_>,
    meter: &MeterState,
    reading: &Reading,
) -> Result<Option<ReadingOutcome>, Rejection> {
    let Some(wrong) = wrong(draft, meter, reading) else {
        return Ok(None);
    };
    let why = match wrong {
        Wrong::Below { .. } => "below",
        Wrong::High { .. } => "high",
    };
    let query = query_on(draft, reading, why)?;
    let refusal = match wrong {
        Wrong::Below { base } => BillingRefusal::SelfReadingBelow {
            value: reading.value,
            base,
            query,
        },
        Wrong::High { units, mean } => BillingRefusal::SelfReadingHigh { units, mean, query },
    };
    Ok(Some(ReadingOutcome::Refused(refusal.into())))
}

fn wrong(draft: &Draft<'_>, meter: &MeterState, reading: &Reading) -> Option<Wrong> {
    let (policy, billing) = billed(draft).ok()?;
    let rule = policy.self_reading.as_ref()?;
    let base = meter.base.value;
    if reading.value < base {
        return Some(Wrong::Below { base });
    }
    let month = draft.policy.zone().month_of(reading.read_at);
    let (first, units) = billing.usage().step(month, reading.value - base);
    let mean = billing
        .usage()
        .mean_before(first, policy.mean_months)?
        .units;
    let most = rule.mean_factor.of_quantity(mean).unwrap_or(Quantity::MAX);
    (units > most && units > rule.units).then_some(Wrong::High { units, mean })
}

/// The query that is open on this reading, or a new one.
fn query_on(draft: &mut Draft<'_>, reading: &Reading, why: &str) -> Result<u32, Rejection> {
    let same = Some((reading.read_at, reading.value));
    let (_, billing) = billed(draft)?;
    if let Some(open) = billing.open_queries().iter().find(|q| q.reading == same) {
        return Ok(open.n);
    }
    let refused = RefusedReading {
        m: reading.meter.clone(),
        t: reading.read_at,
        v: reading.value,
        why: why.to_owned(),
    };
    open_query(draft, Some(refused), None)
}

fn open_query(
    draft: &mut Draft<'_>,
    r: Option<RefusedReading>,
    doc: Option<OpaqueRef>,
) -> Result<u32, Rejection> {
    let (_, billing) = billed(draft)?;
    if billing.open_queries().len() >= OPEN_QUERIES_MAX {
        let open = u32::try_from(OPEN_QUERIES_MAX).unwrap_or(u32::MAX);
        return Err(BillingRefusal::TooManyQueries { open }.into());
    }
    let n = billing.queries() + 1;
    let d = draft.today();
    draft.emit_billing(BillingEvent::QueryRaised(QueryRaised { n, d, r, doc }));
    Ok(n)
}

/// The customer raises a query.
pub(super) fn raise(draft: &mut Draft<'_>, document: &OpaqueRef) -> Result<(), Rejection> {
    open_query(draft, None, Some(document.clone())).map(|_| ())
}

/// Staff answer one; a settled query is closed.
pub(super) fn answer(
    draft: &mut Draft<'_>,
    query: u32,
    document: &OpaqueRef,
    settled: bool,
) -> Result<(), Rejection> {
    let (_, billing) = billed(draft)?;
    if !billing.open_queries().iter().any(|q| q.n == query) {
        return Err(BillingRefusal::NoSuchQuery { query }.into());
    }
    draft.emit_billing(BillingEvent::QueryAnswered(QueryAnswered {
        n: query,
        doc: document.clone(),
        done: settled,
    }));
    Ok(())
}
