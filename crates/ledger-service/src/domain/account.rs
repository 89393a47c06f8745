//! Decisions of accounts: the core decides, and what it decided is written with its claims.
//!
//! The order of guards is C4's: the key, then the account's existence, status, input and policy, and
//! last what other streams say (a meter that another account holds, money that does not wait).

use event_store::transact::{Decision, Evidence};
use event_store::{Expected, StreamAppend, StreamName};
use ledger_core::account::{Account, Decided, Emitted, decide};
use ledger_core::answer::{Answer, ReceiptKind};
use ledger_core::command::{Command, Facts, Source, VoidableTopUp};
use ledger_core::event::{
    AccountClosed, AccountEvent, ClosedTo, Event, InitialCreditClaimed, SuspenseEvent,
};
use ledger_core::ids::{AccountId, CommandKey};
use ledger_core::rejection::Rejection;
use ledger_core::suspense;
use ledger_core::time::Timestamp;

use super::desk::malformed_amount;
use super::encode::{Beside, Origin};
use super::meters::{ClaimError, Look, MeterClaims};
use super::{LedgerDomain, evidence as known, keys};
use crate::ids::Ids;
use crate::meta::Cause;
use crate::task::{BareTask, KeyedTask, Mark, ReadingTask, Verdict, stream};

/// Why a decision that the core would take is not taken.
enum Stop {
    Refused(Rejection),
    Damaged(String),
}

impl From<ClaimError> for Stop {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Refused(refusal) => Self::Refused(refusal),
            ClaimError::Damaged(damage) => Self::Damaged(damage),
        }
    }
}

/// What goes beside the account's events.
#[derive(Default)]
pub(super) struct Beyond {
    pub(super) claims: Vec<StreamAppend>,
    pub(super) marks: Vec<Mark>,
}

impl LedgerDomain {
    pub(super) fn decide_reading(
        &self,
        account: &mut Account,
        task: &ReadingTask,
        evidence: &Evidence,
    ) -> Decision<Verdict> {
        let course = match known::course_of(account, task.reading(), evidence) {
            Ok(course) => course,
            Err(damage) => return Decision::answer(Verdict::Damaged(damage)),
        };
        let facts = Facts {
            account: task.account.clone(),
            received_at: task.received_at,
            actor: task.actor.clone(),
            key: None,
            delivery: task.delivery,
            prior: known::prior_of(task, evidence),
            course,
            voidable: None,
            initial_credit_claimed: false,
        };
        let Some(reading) = task.reading() else {
            assert!(task.reading().is_some(), "a reading's task holds a reading");
            return Decision::answer(Verdict::Damaged(String::new()));
        };
        let policy = self.policies().of(account);
        let Decided { events, answer } = decide(account, &policy, &facts, &task.command);
        if events.is_empty() {
            return Decision::answer(Verdict::fresh(answer));
        }
        let by = task.actor.as_str();
        let origin = Origin {
            account: &task.account,
            ids: &Ids::of_reading(reading),
            received_at: task.received_at,
            by,
            cause: if task.delivery == 0 {
                Cause::None
            } else {
                Cause::Delivery(by, task.delivery)
            },
            policy: &policy,
        };
        Decision::append(
            Verdict::fresh(answer),
            self.kinds.account_events(&origin, events),
        )
    }

    pub(super) fn decide_bare(&self, account: &mut Account, task: &BareTask) -> Decision<Verdict> {
        let facts = facts_of(&task.account, task.received_at, &task.actor);
        let policy = self.policies().of(account);
        let Decided { events, answer } = decide(account, &policy, &facts, &task.command);
        let what = if let Command::ConfirmOrder { meter, order, .. } = &task.command {
            format!("confirm|{meter}|{order}")
        } else {
            "tick".to_owned()
        };
        let origin = Origin {
            account: &task.account,
            ids: &Ids::of_bare(&task.account, &what, task.received_at),
            received_at: task.received_at,
            by: task.actor.as_str(),
            cause: Cause::None,
            policy: &policy,
        };
        Decision::append(
            Verdict::fresh(answer),
            self.kinds.account_events(&origin, events),
        )
    }

    pub(super) fn decide_keyed(
        &self,
        account: &mut Account,
        task: &KeyedTask,
        evidence: &Evidence,
    ) -> Decision<Verdict> {
        if let Some(verdict) = keys::remembered(&task.claim, evidence) {
            return Decision::answer(verdict);
        }
        let facts = match self.facts_of_keyed(account, task, evidence) {
            Ok(facts) => facts,
            Err(damage) => return Decision::answer(Verdict::Damaged(damage)),
        };
        let policy = self.policies().judging(account, &task.command);
        if !looks_beyond(task) {
            let decided = decide(account, &policy, &facts, &task.command);
            return self.conclude(account, task, decided, Beyond::default());
        }
        // What other streams say comes last, so the account decides on a copy first.
        let mut trial = account.clone();
        let decided = decide(&mut trial, &policy, &facts, &task.command);
        let beyond = if decided.answer.refusal().is_some() {
            Ok(Beyond::default())
        } else {
            self.beyond(&trial, task, &decided, evidence)
        };
        match beyond {
            Ok(beyond) => {
                *account = trial;
                self.conclude(account, task, decided, beyond)
            }
            Err(Stop::Refused(refusal)) => {
                let refused = Decided {
                    events: Vec::new(),
                    answer: Answer::Refused(refusal),
                };
                self.conclude(account, task, refused, Beyond::default())
            }
            Err(Stop::Damaged(damage)) => Decision::answer(Verdict::Damaged(damage)),
        }
    }

    fn facts_of_keyed(
        &self,
        account: &Account,
        task: &KeyedTask,
        evidence: &Evidence,
    ) -> Result<Facts, String> {
        let mut facts = facts_of(&task.account, task.received_at, &task.actor);
        facts.key = Some(task.claim.key.clone());
        facts.course = known::course_of(account, known::own_reading(&task.command), evidence)?;
        if let Command::VoidTopUp(void) = &task.command {
            let original = known::voided_key(&task.claim.key.channel, &void.reference);
            facts.voidable = voidable(&task.account, &original, evidence)?;
        }
        if let Command::JoinScheme(join) = &task.command {
            facts.initial_credit_claimed = known::initial_credit_of(account, join)
                .is_some_and(|claim| evidence.newest(&claim).is_some());
        }
        Ok(facts)
    }

    /// What the decision writes in other streams, or what they say against it.
    fn beyond(
        &self,
        decided_on: &Account,
        task: &KeyedTask,
        decided: &Decided,
        evidence: &Evidence,
    ) -> Result<Beyond, Stop> {
        if let Some(objection) = &task.objection {
            return Err(Stop::Refused(objection.clone()));
        }
        let ids = Ids::of_key(&task.claim.key);
        let origin = beside(task, &ids, decided_on);
        let MeterClaims { appends, marks } = self.meter_claims(
            &task.account,
            &decided.events,
            Look {
                evidence,
                origin: &origin,
            },
        )?;
        let mut beyond = Beyond {
            claims: appends,
            marks,
        };
        let look = Look {
            evidence,
            origin: &origin,
        };
        self.number_claims(&task.account, &decided.events, look, &mut beyond)?;
        let taken_over = self.legacy_claims(&task.account, &decided.events, look)?;
        beyond.claims.extend(taken_over);
        beyond.marks.extend(
            decided
                .events
                .iter()
                .filter_map(|emitted| move_of(&task.account, &emitted.event)),
        );
        if let Command::JoinScheme(join) = &task.command
            && let Some(claim) = known::initial_credit_of(decided_on, join)
            && is_granted(&decided.events)
        {
            beyond
                .claims
                .push(self.initial_credit_claim(claim, &task.account, &origin));
        }
        if let Some(item) = known::suspense_source(&task.command) {
            let amount = known::payment_of(&task.command)
                .map(|(amount, _)| amount)
                .unwrap_or_default();
            let item_stream = stream(&suspense::stream_of(item));
            let found = known::item(evidence, &item_stream).map_err(Stop::Damaged)?;
            let allocated = found
                .allocate(item, amount, &task.account, &task.claim.key)
                .map_err(Stop::Refused)?;
            let event = Event::Suspense(SuspenseEvent::SuspenseAllocated(allocated));
            let expected = evidence.expected(&item_stream);
            let events = vec![self.kinds.beside(item_stream.as_str(), &event, &origin)];
            beyond.claims.push(StreamAppend {
                stream: item_stream,
                expected,
                events,
            });
        }
        Ok(beyond)
    }

    /// The claim that keeps a person from a second initial credit (P2).
    fn initial_credit_claim(
        &self,
        claim: StreamName,
        account: &AccountId,
        origin: &Beside<'_>,
    ) -> StreamAppend {
        let event = Event::InitialCredit(InitialCreditClaimed {
            account: account.clone(),
        });
        let events = vec![self.kinds.beside(claim.as_str(), &event, origin)];
        StreamAppend {
            stream: claim,
            expected: Expected::NoStream,
            events,
        }
    }

    /// Binds the key, suspends what was taken and cannot be applied, and writes it all down.
    fn conclude(
        &self,
        account: &Account,
        task: &KeyedTask,
        decided: Decided,
        beyond: Beyond,
    ) -> Decision<Verdict> {
        let Decided { events, answer } = decided;
        let Beyond { mut claims, marks } = beyond;
        let ids = Ids::of_key(&task.claim.key);
        let origin = beside(task, &ids, account);
        let (answer, binds) = match (answer, known::payment_of(&task.command)) {
            (Answer::Refused(refusal), Some(_)) if keys::is_malformed(&refusal) => {
                (Answer::Refused(refusal), false)
            }
            (Answer::Refused(refusal), Some((amount, Source::Taken))) if !amount.is_zero() => {
                let policy = self.policies().of(account);
                if let Some(malformed) = malformed_amount(&policy, amount) {
                    (Answer::Refused(malformed), false)
                } else {
                    let day = policy.zone().date_of(task.received_at);
                    let (event, answer) =
                        suspense::suspend(&task.claim.key, day, amount, &task.named, refusal);
                    claims.push(self.suspension(&task.claim.key, event, &origin));
                    (Answer::Suspended(answer), true)
                }
            }
            (Answer::Refused(refusal), payment) => (Answer::Refused(refusal), payment.is_some()),
            (answer, _) => (answer, true),
        };
        if binds {
            claims.push(keys::bind(
                &self.kinds,
                &task.claim,
                task.stream.as_str(),
                &answer,
                &origin,
            ));
        }
        let cause = origin.cause;
        let policy = self.policies().of(account);
        let origin = Origin {
            account: &task.account,
            ids: &ids,
            received_at: task.received_at,
            by: task.actor.as_str(),
            cause,
            policy: &policy,
        };
        let events = self.kinds.account_events(&origin, events);
        Decision {
            answer: Verdict::Answered {
                answer,
                duplicate: false,
                marks,
            },
            events,
            claims,
        }
    }
}

fn is_granted(decided: &[Emitted]) -> bool {
    decided
        .iter()
        .any(|emitted| matches!(emitted.event, AccountEvent::InitialCreditGranted(_)))
}

/// Whether the decision depends on, or writes to, other streams than its key's.
fn looks_beyond(task: &KeyedTask) -> bool {
    task.objection.is_some()
        || known::suspense_source(&task.command).is_some()
        || matches!(
            task.command,
            Command::InstallMeter(_)
                | Command::RemoveMeter { .. }
                | Command::ExchangeMeter(_)
                | Command::CloseAccount { .. }
                | Command::RegisterLegacyCredit(_)
                | Command::EnterLegacyCredit { .. }
                | Command::AcceptMovedCredit { .. }
                | Command::JoinScheme(_)
                | Command::Renumber { .. }
        )
}

fn facts_of(account: &AccountId, received_at: Timestamp, actor: &ledger_core::ids::Actor) -> Facts {
    Facts {
        account: account.clone(),
        received_at,
        actor: actor.clone(),
        key: None,
        delivery: 0,
        prior: None,
        course: None,
        voidable: None,
        initial_credit_claimed: false,
    }
}

/// Events beside an account count when its own do: never before its newest one (C6).
fn beside<'a>(task: &'a KeyedTask, ids: &'a Ids, decided_on: &Account) -> Beside<'a> {
    let CommandKey { channel, reference } = &task.claim.key;
    Beside {
        ids,
        at: task.received_at.max(decided_on.newest_at()),
        received_at: task.received_at,
        by: task.actor.as_str(),
        cause: Cause::Key(channel.as_str(), reference.as_str()),
    }
}

/// The top-up that a void names, from what its key's stream remembers.
fn voidable(
    account: &AccountId,
    original: &event_store::StreamName,
    evidence: &Evidence,
) -> Result<Option<VoidableTopUp>, String> {
    let Some(event) = evidence.newest(original) else {
        return Ok(None);
    };
    let answered =
        keys::answered(&event.kind, &event.data).map_err(|error| format!("{original}: {error}"))?;
    let answer = keys::answer_of(&answered).map_err(|error| format!("{original}: {error}"))?;
    Ok(match answer {
        Answer::Receipt(receipt)
            if receipt.kind == ReceiptKind::TopUp && receipt.account == *account =>
        {
            Some(VoidableTopUp {
                receipt: receipt.number,
                utility: receipt.utility,
                amount: receipt.amount,
                at: receipt.at,
                first: receipt.first,
                arrears: receipt.arrears,
                repaid: receipt.repaid,
                withdrawn: receipt.withdrawn,
            })
        }
        Answer::Receipt(_)
        | Answer::Done { .. }
        | Answer::Suspended(_)
        | Answer::Returned(_)
        | Answer::Published(_)
        | Answer::Step(_)
        | Answer::Refused(_)
        | Answer::Reading(_) => None,
    })
}

/// What an event says about credit on its way between accounts.
pub(crate) fn move_of(account: &AccountId, event: &AccountEvent) -> Option<Mark> {
    if let AccountEvent::CreditMovedIn(e) = event {
        return Some(Mark::MovedIn {
            from: e.from.clone(),
        });
    }
    let AccountEvent::AccountClosed(AccountClosed {
        w,
        to: ClosedTo::Moved(to),
        ..
    }) = event
    else {
        return None;
    };
    let credit: Vec<_> = w
        .iter()
        .filter(|w| w.out.is_positive())
        .map(|w| (w.u, w.out))
        .collect();
    (!credit.is_empty()).then(|| Mark::MovedOut {
        from: account.clone(),
        to: to.clone(),
        credit,
    })
}
