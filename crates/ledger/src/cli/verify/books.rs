//! The books kept anew from the log: every event decoded, its postings summed, its place checked.
//!
//! Shares nothing with the read models but the function from events to postings, which is the definition.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

use event_store::transact::{claimed, is_bookkeeping};
use event_store::{Position, RecordedEvent, StreamName};
use ledger_core::event::{Event, decode};
use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::postings::{self, LedgerAccount};

use crate::cli::verify::Check;
use crate::output::local::grouped;

/// Wrong events that are named; all of them are counted.
const NAMED_MAX: usize = 5;
/// What an account's stream is called before its id.
const ACCOUNT_PREFIX: &str = "account-";

/// Something counted, with the first few named.
#[derive(Debug, Default)]
struct Faults {
    count: u64,
    named: Vec<String>,
}

impl Faults {
    fn add(&mut self, what: impl FnOnce() -> String) {
        self.count = self.count.saturating_add(1);
        if self.named.len() < NAMED_MAX {
            self.named.push(what());
        }
    }

    fn check(&self, name: &'static str, fine: String) -> Check {
        if self.count == 0 {
            return Check::of(name, fine, true);
        }
        Check::of(
            name,
            format!("{} events: {}", self.count, self.named.join("; ")),
            false,
        )
    }
}

/// What positions promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Positions {
    /// Each is one more than the one before: the embedded log's.
    Dense,
    /// Each is more than the one before: a KurrentDB's.
    Growing,
}

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    positions: Positions,
    last_position: Option<Position>,
    /// Next revision of every stream, by a hash of its name: names would be too much memory.
    streams: HashMap<u64, u64>,
    events: u64,
    postings: u64,
    /// Balance by ledger account, customers' own summed by kind.
    balances: BTreeMap<String, Money>,
    debit: Money,
    credit: Money,
    unknown: Faults,
    unbalanced: Faults,
    disordered: Faults,
    torn: Faults,
    plans: Plans,
    last_recorded_ms: i64,
}

/// Commands that were written in several commits: whether the last of each is there.
#[derive(Debug, Default)]
struct Plans {
    count: u64,
    unclear: Faults,
    /// Claims whose last event was not met yet, by the place where it stands.
    open: HashMap<(StreamName, u64), String>,
}

impl Plans {
    fn enter(&mut self, event: &RecordedEvent) {
        if !self.open.is_empty() {
            self.open.remove(&(event.stream.clone(), event.revision));
        }
        match claimed(event) {
            Ok(None) => {}
            Ok(Some(last)) => {
                self.count = self.count.saturating_add(1);
                let claim = format!("{} revision {}", event.stream, event.revision);
                self.open.insert((last.stream, last.revision), claim);
            }
            Err(why) => self.unclear.add(|| why),
        }
    }

    /// One that is not finished is believed by nobody, so it is told and is no fault: it was cut short, or
    /// others took its place.
    fn check(&self) -> Check {
        let name = "commands written in several steps: finished";
        let mut detail = format!("{} of them", grouped(self.count));
        if !self.open.is_empty() {
            let mut named: Vec<&str> = self.open.values().map(String::as_str).collect();
            named.sort_unstable();
            named.truncate(NAMED_MAX);
            detail = format!(
                "{detail}; {} were cut short or are void, and nothing of them counts: {}; `ledger serve` or \
                 `ledger doctor --fix` finishes what can be",
                grouped(self.open.len() as u64),
                named.join("; ")
            );
        }
        self.unclear.check(name, detail)
    }
}

impl Books {
    /// Books of a log whose positions have no gaps.
    pub(super) fn of_dense_positions() -> Self {
        Self::of(Positions::Dense)
    }

    /// Books of a log whose positions have gaps.
    pub(super) fn of_growing_positions() -> Self {
        Self::of(Positions::Growing)
    }

    fn of(positions: Positions) -> Self {
        Self {
            positions,
            last_position: None,
            streams: HashMap::new(),
            events: 0,
            postings: 0,
            balances: BTreeMap::new(),
            debit: Money::ZERO,
            credit: Money::ZERO,
            unknown: Faults::default(),
            unbalanced: Faults::default(),
            disordered: Faults::default(),
            torn: Faults::default(),
            plans: Plans::default(),
            last_recorded_ms: i64::MIN,
        }
    }

    /// Enters the next event of the log.
    pub(super) fn enter(&mut self, event: &RecordedEvent) {
        self.check_place(event);
        self.events = self.events.saturating_add(1);
        self.plans.enter(event);
        if is_bookkeeping(&event.kind) {
            return;
        }
        let account = event
            .stream
            .as_str()
            .strip_prefix(ACCOUNT_PREFIX)
            .map(AccountId::parse);
        let decoded = decode(&event.kind, &event.data);
        let (decoded, account) = match (decoded, account) {
            (Ok(decoded), None) => (decoded, None),
            (Ok(decoded), Some(Ok(account))) => (decoded, Some(account)),
            (Err(error), _) => {
                return self
                    .unknown
                    .add(|| format!("position {}: {error}", event.position.commit));
            }
            (Ok(_), Some(Err(error))) => {
                return self
                    .unknown
                    .add(|| format!("position {}: {error}", event.position.commit));
            }
        };
        if matches!(decoded, Event::Account(_)) && account.is_none() {
            return self.unknown.add(|| {
                format!(
                    "position {}: {} in stream {}",
                    event.position.commit, event.kind, event.stream
                )
            });
        }
        let mut sum = Money::ZERO;
        for posting in postings::of(&decoded, account.as_ref()) {
            sum += posting.amount;
            self.post(&posting.account, posting.amount);
        }
        if !sum.is_zero() {
            self.unbalanced.add(|| {
                format!(
                    "position {}: {} leaves {sum}",
                    event.position.commit, event.kind
                )
            });
        }
    }

    fn check_place(&mut self, event: &RecordedEvent) {
        let at = event.position.commit;
        let in_order = match self.positions {
            Positions::Dense => at == self.events && event.position.prepare == at,
            Positions::Growing => self.last_position < Some(event.position),
        };
        if !in_order {
            let place = self.events;
            self.disordered
                .add(|| format!("position {at} stands in place {place}"));
        }
        self.last_position = Some(event.position);
        let next = self.streams.entry(hash(event.stream.as_str())).or_insert(0);
        if event.revision != *next {
            let due = *next;
            self.torn.add(|| {
                format!(
                    "position {at}: stream {} goes on with revision {}, {due} is due",
                    event.stream, event.revision
                )
            });
        }
        *next = event.revision.saturating_add(1);
        // A KurrentDB stamps by the clock of whoever leads: another leader's may be behind.
        let own_clock = matches!(self.positions, Positions::Dense);
        if own_clock && event.recorded_at_ms < self.last_recorded_ms {
            self.disordered
                .add(|| format!("position {at} was recorded before the one before it"));
        }
        self.last_recorded_ms = self.last_recorded_ms.max(event.recorded_at_ms);
    }

    fn post(&mut self, account: &LedgerAccount, amount: Money) {
        self.postings = self.postings.saturating_add(1);
        let balance = self
            .balances
            .entry(class_of(account).to_owned())
            .or_default();
        *balance += amount;
        if amount.is_negative() {
            self.credit += -amount;
        } else {
            self.debit += amount;
        }
    }

    /// Sums of all debits and of all credits.
    pub(super) fn turnover(&self) -> (Money, Money) {
        (self.debit, self.credit)
    }

    /// What was found.
    pub(super) fn checks(&self) -> Vec<Check> {
        let total = self
            .balances
            .values()
            .fold(Money::ZERO, |sum, balance| sum + *balance);
        let balances: Vec<String> = self
            .balances
            .iter()
            .map(|(name, balance)| format!("{name} {balance}"))
            .collect();
        let events = grouped(self.events);
        vec![
            self.disordered.check(
                match self.positions {
                    Positions::Dense => "events: positions without gaps, times never backwards",
                    Positions::Growing => "events: positions only grow",
                },
                format!("{events} events"),
            ),
            self.torn.check(
                "streams: revisions without gaps",
                format!("{} streams", grouped(self.streams.len() as u64)),
            ),
            self.plans.check(),
            self.unknown.check(
                "events: every one is understood",
                format!("{events} events"),
            ),
            self.unbalanced.check(
                "postings: every event sums to zero",
                format!("{} postings", grouped(self.postings)),
            ),
            Check::of(
                "trial balance of the log is zero",
                format!("{} ({})", total, balances.join(", ")),
                total.is_zero(),
            ),
        ]
    }
}

/// The same for the same name in one run; two names that share it are one in ten thousand at a hundred
/// million streams.
fn hash(name: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// The chart's line that an account belongs to.
const fn class_of(account: &LedgerAccount) -> &'static str {
    match account {
        LedgerAccount::ChannelReceivable(_) => "channel-receivable",
        LedgerAccount::CustomerCredit(..) => "customer-credit",
        LedgerAccount::DebtReceivable(_) => "debt-receivable",
        LedgerAccount::BillsReceivable(_) => "bills-receivable",
        LedgerAccount::SecurityDeposit(_) => "security-deposits",
        LedgerAccount::Surcharge => "surcharge",
        LedgerAccount::Fees => "fees",
        LedgerAccount::Revenue(_) => "revenue",
        LedgerAccount::TaxPayable(_) => "tax-payable",
        LedgerAccount::LevyPayable(_) => "levy-payable",
        LedgerAccount::LegacyClearing(_) => "legacy-clearing",
        LedgerAccount::DebtOpening(_) => "debt-opening",
        LedgerAccount::Suspense(_) => "suspense",
        LedgerAccount::CreditInTransit => "credit-in-transit",
        LedgerAccount::Rounding => "rounding",
        LedgerAccount::EmergencyLent(..) => "emergency-credit-lent",
        LedgerAccount::InitialCreditGranted(_) => "initial-credit-granted",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;

    fn event(position: u64, stream: &str, kind: &str, data: &str) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new(stream).unwrap(),
            revision: 0,
            position: Position {
                commit: position,
                prepare: position,
            },
            id: uuid::Uuid::nil(),
            kind: Arc::from(kind),
            data: Bytes::copy_from_slice(data.as_bytes()),
            meta: Bytes::new(),
            recorded_at_ms: 0,
        }
    }

    #[test]
    fn c1_an_event_that_is_not_understood_and_a_gap_are_found() {
        let mut books = Books::of_dense_positions();
        books.enter(&event(0, "account-A", "never-heard-of.v9", "{}"));
        books.enter(&event(2, "account-A", "never-heard-of.v9", "{}"));
        let failing: Vec<&str> = books
            .checks()
            .iter()
            .filter(|check| !check.holds)
            .map(|check| check.name)
            .collect();
        assert_eq!(
            failing,
            [
                "events: positions without gaps, times never backwards",
                "streams: revisions without gaps",
                "events: every one is understood"
            ]
        );
    }

    #[test]
    fn c1_where_positions_have_gaps_one_that_does_not_grow_is_found() {
        let of = |positions: [u64; 3]| {
            let mut books = Books::of_growing_positions();
            for (revision, at) in positions.into_iter().enumerate() {
                let mut event = event(at, "account-A", "never-heard-of.v9", "{}");
                event.revision = u64::try_from(revision).unwrap();
                // Another leader with a clock that is behind.
                event.recorded_at_ms = -i64::try_from(revision).unwrap();
                books.enter(&event);
            }
            let checks = books.checks();
            let wrong = checks.into_iter().filter(|check| !check.holds);
            wrong.map(|check| check.name).collect::<Vec<_>>()
        };
        let huge = u64::try_from(i64::MAX).unwrap();
        assert_eq!(of([7, 1_000, huge]), ["events: every one is understood"]);
        assert_eq!(
            of([7, 1_000, 1_000]),
            [
                "events: positions only grow",
                "events: every one is understood"
            ]
        );
    }

    #[test]
    fn c2_legacy_credit_is_posted_twice_and_sums_to_zero() {
        let entered = ledger_core::event::LegacyCreditEntered {
            u: ledger_core::utility::Utility::Water,
            a: Money::from_cents(600),
            from: ledger_core::ids::OpaqueRef::parse("OLD-1").unwrap(),
            rate: None,
        };
        let data = serde_json::to_string(&entered).unwrap();
        let mut books = Books::of_dense_positions();
        books.enter(&event(0, "account-A", "legacy-credit-entered.v1", &data));
        assert!(books.checks().iter().all(|check| check.holds));
        assert_eq!(
            books.turnover(),
            (Money::from_cents(600), Money::from_cents(600))
        );
    }
}
