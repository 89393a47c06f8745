//! Who holds a meter number (C5): claims follow from the account's own events, in the same commit.

use event_store::StreamAppend;
use event_store::transact::Evidence;
use ledger_core::account::Emitted;
use ledger_core::event::{AccountEvent, Event, MeterClaimed, MeterEvent, MeterReleased, decode};
use ledger_core::ids::{AccountId, MeterNumber};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;

use super::LedgerDomain;
use super::encode::Beside;
use crate::task::{Mark, meter_stream};

/// Claims that a decision moves.
#[derive(Default)]
pub(super) struct MeterClaims {
    pub(super) appends: Vec<StreamAppend>,
    pub(super) marks: Vec<Mark>,
}

/// Why claims cannot be moved.
pub(super) enum ClaimError {
    /// The command is refused.
    Refused(Rejection),
    /// A meter's stream cannot be understood.
    Damaged(String),
}

/// What a claim's decision looks at and what it is stamped with.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) origin: &'a Beside<'a>,
}

impl LedgerDomain {
    /// The claims that follow from an account's decided events.
    pub(super) fn meter_claims(
        &self,
        account: &AccountId,
        decided: &[Emitted],
        look: Look<'_>,
    ) -> Result<MeterClaims, ClaimError> {
        let mut claims = MeterClaims::default();
        for Emitted { event, .. } in decided {
            if let AccountEvent::MeterInstalled(e) = event {
                let claim = MeterClaimed {
                    m: e.m.clone(),
                    account: account.clone(),
                    u: e.u,
                    t: e.t,
                };
                self.claim(&mut claims, claim, look)?;
            } else if let AccountEvent::MeterRemoved(e) = event {
                self.release(&mut claims, (account, &e.m, e.t), look)?;
            } else if let AccountEvent::MeterExchanged(e) = event
                && e.m != e.new
            {
                let claim = MeterClaimed {
                    m: e.new.clone(),
                    account: account.clone(),
                    u: e.u,
                    t: e.t,
                };
                // Others could take the new number, never the old one: what may fail comes first.
                self.claim(&mut claims, claim, look)?;
                self.release(&mut claims, (account, &e.m, e.t), look)?;
            }
        }
        Ok(claims)
    }

    /// Takes a number that nobody holds. One that the account claimed before without an event of its own
    /// is taken up again.
    fn claim(
        &self,
        claims: &mut MeterClaims,
        claim: MeterClaimed,
        look: Look<'_>,
    ) -> Result<(), ClaimError> {
        match newest(look.evidence, &claim.m)? {
            None => {}
            Some(MeterEvent::MeterClaimed(e)) if e.account == claim.account => return Ok(()),
            Some(MeterEvent::MeterClaimed(e)) => {
                return Err(ClaimError::Refused(Rejection::MeterTaken {
                    meter: e.m,
                    holder: e.account,
                }));
            }
            Some(MeterEvent::MeterReleased(e)) if e.t > claim.t => {
                let reason = format!(
                    "is before {}, when the number was freed by its last holder",
                    e.t
                );
                return Err(ClaimError::Refused(Rejection::BadInput {
                    field: "at".to_owned(),
                    reason,
                }));
            }
            Some(MeterEvent::MeterReleased(_)) => {}
        }
        self.push(claims, MeterEvent::MeterClaimed(claim), look);
        Ok(())
    }

    /// Frees a number that the account holds.
    fn release(
        &self,
        claims: &mut MeterClaims,
        (account, meter, at): (&AccountId, &MeterNumber, Timestamp),
        look: Look<'_>,
    ) -> Result<(), ClaimError> {
        match newest(look.evidence, meter)? {
            Some(MeterEvent::MeterClaimed(e)) if e.account == *account => {
                let released = MeterReleased {
                    m: meter.clone(),
                    account: account.clone(),
                    t: at,
                };
                self.push(claims, MeterEvent::MeterReleased(released), look);
                Ok(())
            }
            Some(MeterEvent::MeterClaimed(_) | MeterEvent::MeterReleased(_)) | None => {
                Err(ClaimError::Damaged(format!(
                    "account {account} has meter {meter} in place, but its stream says that it does not hold it"
                )))
            }
        }
    }

    fn push(&self, claims: &mut MeterClaims, event: MeterEvent, look: Look<'_>) {
        let stream = match &event {
            MeterEvent::MeterClaimed(e) => meter_stream(&e.m),
            MeterEvent::MeterReleased(e) => meter_stream(&e.m),
        };
        let revision = look.evidence.next_revision(&stream);
        let stored = self
            .kinds
            .beside(stream.as_str(), &Event::Meter(event.clone()), look.origin);
        let expected = look.evidence.expected(&stream);
        claims.appends.push(StreamAppend {
            stream,
            expected,
            events: vec![stored],
        });
        claims.marks.push(Mark::Meter { revision, event });
    }
}

fn newest(evidence: &Evidence, meter: &MeterNumber) -> Result<Option<MeterEvent>, ClaimError> {
    let stream = meter_stream(meter);
    assert!(
        evidence.has_read(&stream),
        "a meter's claim is moved only after its stream was looked at"
    );
    let Some(event) = evidence.newest(&stream) else {
        return Ok(None);
    };
    match decode(&event.kind, &event.data) {
        Ok(Event::Meter(fact)) => Ok(Some(fact)),
        Ok(
            Event::Account(_)
            | Event::Key(_)
            | Event::Suspense(_)
            | Event::Gateway(_)
            | Event::InitialCredit(_)
            | Event::Scheme(_)
            | Event::Legacy(_)
            | Event::WorkOrder(_)
            | Event::Reserved(_)
            | Event::Application(_)
            | Event::Complaint(_)
            | Event::Number(_),
        ) => Err(ClaimError::Damaged(format!(
            "{stream}: {} does not belong there",
            event.kind
        ))),
        Err(error) => Err(ClaimError::Damaged(format!("{stream}: {error}"))),
    }
}
