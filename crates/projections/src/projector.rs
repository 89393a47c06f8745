//! The writing side: folds facts and commits rows together with the checkpoint.

use std::panic::{AssertUnwindSafe, catch_unwind};

use event_store::{EventStore, Position, StoreId};
use rusqlite::Connection;

use crate::checkpoint::Checkpoint;
use crate::error::{ReadModelError, Stopped};
use crate::fact::Fact;
use crate::fold::Fold;
use crate::sql::{Place, check_schema, create_schema, open_writer};

/// Events between commits while catching up: fewer commits write each row less often; a crash folds at
/// most these again.
const EVENTS_PER_COMMIT_MAX: u64 = 1_000_000;

/// Changed accounts, receipts and the like between commits: bounds memory and the WAL to some 500 MiB.
const CHANGED_PER_COMMIT_MAX: usize = 200_000;

/// One database, being written.
pub(crate) struct Projector {
    conn: Connection,
    fold: Fold,
    checkpoint: Checkpoint,
    store: StoreId,
}

impl Projector {
    /// Opens a database, or makes it, and checks that it belongs to this store.
    ///
    /// # Errors
    /// When it is of another store, epoch or schema version, lies beyond the store's end, or cannot be
    /// opened.
    pub(crate) async fn open(
        place: &Place,
        store: &dyn EventStore,
    ) -> Result<Self, ReadModelError> {
        let projector = Self::open_unchecked(place, store.store_id())?;
        projector.checkpoint.check(store).await?;
        Ok(projector)
    }

    fn open_unchecked(place: &Place, store: StoreId) -> Result<Self, ReadModelError> {
        let mut conn = open_writer(place)?;
        create_schema(&mut conn)?;
        check_schema(&conn)?;
        let checkpoint = match Checkpoint::read(&conn)? {
            Some(checkpoint) => checkpoint,
            None => {
                let first = Checkpoint::new(store, None, 0);
                first
                    .insert(&conn)
                    .map_err(ReadModelError::sql("writing the first checkpoint"))?;
                first
            }
        };
        let fold = Fold::load(&conn, checkpoint.position, checkpoint.events)
            .map_err(ReadModelError::sql("loading the projections"))?;
        Ok(Self {
            conn,
            fold,
            checkpoint,
            store,
        })
    }

    /// Position of the newest committed event.
    pub(crate) fn position(&self) -> Option<Position> {
        self.checkpoint.position
    }

    /// Committed events.
    pub(crate) fn events(&self) -> u64 {
        self.checkpoint.events
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Folds an event in memory.
    ///
    /// # Errors
    /// When it cannot be folded; then nothing may be committed any more.
    pub(crate) fn apply(&mut self, fact: &Fact) -> Result<(), Stopped> {
        let stopped = |reason: String| Stopped {
            position: fact.position,
            kind: fact.kind.to_owned(),
            reason,
        };
        // A fact that breaks an invariant of the core stops the fold, with its position, not the process.
        match catch_unwind(AssertUnwindSafe(|| self.fold.apply(&self.conn, fact))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(stopped(error.to_string())),
            Err(panic) => {
                let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
                Err(stopped(
                    said.unwrap_or_else(|| "an invariant does not hold".to_owned()),
                ))
            }
        }
    }

    /// Whether enough waits that it should be committed although more is coming.
    pub(crate) fn is_full(&self) -> bool {
        self.fold.events() - self.checkpoint.events >= EVENTS_PER_COMMIT_MAX
            || self.fold.waiting() >= CHANGED_PER_COMMIT_MAX
    }

    /// Writes every changed row and the checkpoint, whole or not at all.
    ///
    /// # Errors
    /// When another process writes the same database, or SQLite refuses.
    pub(crate) fn commit(&mut self) -> Result<(), ReadModelError> {
        if self.fold.position() == self.checkpoint.position {
            return Ok(());
        }
        let next = Checkpoint::new(self.store, self.fold.position(), self.fold.events());
        let doing = "committing rows and checkpoint";
        let tx = self
            .conn
            .transaction()
            .map_err(ReadModelError::sql(doing))?;
        if !self
            .checkpoint
            .advance(&tx, &next)
            .map_err(ReadModelError::sql(doing))?
        {
            return Err(ReadModelError::InUse);
        }
        self.fold.write(&tx).map_err(ReadModelError::sql(doing))?;
        tx.commit().map_err(ReadModelError::sql(doing))?;
        self.checkpoint = next;
        self.fold.trim();
        Ok(())
    }

    /// Makes the file whole by itself and closes it.
    pub(crate) fn close(self) -> Result<(), ReadModelError> {
        self.conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(ReadModelError::sql("emptying the write-ahead log"))?;
        self.conn
            .close()
            .map_err(|(_, error)| ReadModelError::sql("closing the database")(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::digests;
    use crate::fact::{AccountFact, Body};
    use event_store::MemoryStore;
    use ledger_core::event::{
        AccountEvent, AccountOpened, ConsumptionCharged, CreditToppedUp, MeterInstalled, Payment,
        RegisterSpec,
    };
    use ledger_core::ids::{
        AccountId, ChannelId, MeterNumber, ReceiptNumber, Reference, RegisterId,
    };
    use ledger_core::num::{Money, Quantity};
    use ledger_core::time::{LocalDate, Millis, Timestamp};
    use ledger_core::utility::Utility;

    const U: Utility = Utility::Electricity;

    fn event(n: u64, day: LocalDate, at: Timestamp) -> (&'static str, AccountEvent) {
        let m = MeterNumber::parse("E1").unwrap();
        let account = AccountId::parse("a1").unwrap();
        match n {
            0 => {
                let (scheme, class) = ("usms".to_owned(), "residential".to_owned());
                let opened = AccountOpened {
                    account,
                    scheme,
                    class,
                    dwelling_units: 1,
                    contracted_kva: None,
                    customer: None,
                };
                ("account-opened.v1", AccountEvent::AccountOpened(opened))
            }
            1 => {
                let reg = RegisterSpec {
                    register: RegisterId::parse("1").unwrap(),
                    digits: 6,
                    interval_min: 60,
                };
                let installed = MeterInstalled {
                    u: U,
                    m,
                    reg,
                    t: at,
                    v: Quantity::ZERO,
                    b: day.month(),
                };
                (
                    "meter-installed.v1",
                    AccountEvent::MeterInstalled(installed),
                )
            }
            n if n.is_multiple_of(5) => ("credit-topped-up.v1", topped_up(n, m, day)),
            n => ("consumption-charged.v1", charged(n, m, day, at)),
        }
    }

    fn topped_up(n: u64, m: MeterNumber, day: LocalDate) -> AccountEvent {
        let rf = Reference::parse(&format!("r{n}")).unwrap();
        let pay = Payment {
            ch: ChannelId::parse("bank").unwrap(),
            rf,
            d: day,
            sus: false,
        };
        let rc = ReceiptNumber::parse(&format!("R{n}")).unwrap();
        AccountEvent::CreditToppedUp(CreditToppedUp {
            arr: Money::ZERO,
            rep: Money::ZERO,
            wd: Money::ZERO,
            del: false,
            u: U,
            m,
            a: Money::from_cents(500),
            rc,
            pay,
        })
    }

    fn charged(n: u64, m: MeterNumber, day: LocalDate, at: Timestamp) -> AccountEvent {
        let (v, q, a) = (
            Quantity::ZERO,
            Quantity::from_micro(1),
            Money::from_scaled(i128::from(n)),
        );
        let (d, p, mn) = (Some(day), Vec::new(), Vec::new());
        AccountEvent::ConsumptionCharged(ConsumptionCharged {
            u: U,
            m,
            t: at,
            v,
            q,
            a,
            d,
            p,
            mn,
            g: n.is_multiple_of(7),
            x: Vec::new(),
            b: None,
        })
    }

    fn fact(n: u64) -> Fact {
        let at = Timestamp::parse("2026-01-30T00:00:00Z").unwrap()
            + Millis::hours(i64::try_from(n).unwrap() * 5);
        let day = LocalDate::parse(&at.to_string()[..10]).unwrap();
        let (kind, event) = event(n, day, at);
        let account = AccountId::parse("a1").unwrap();
        let body = Body::Account(AccountFact {
            account,
            at,
            by_deadline: false,
            event,
        });
        Fact {
            position: Position {
                commit: n,
                prepare: n,
            },
            kind,
            body,
        }
    }

    fn fold_range(projector: &mut Projector, range: std::ops::Range<u64>) {
        for n in range {
            projector.apply(&fact(n)).unwrap();
        }
    }

    #[test]
    fn a_crash_between_commits_folds_what_was_lost_again_and_comes_out_the_same() {
        let store = MemoryStore::new().store_id();
        let mut whole = Projector::open_unchecked(&Place::Memory, store).unwrap();
        fold_range(&mut whole, 0..60);
        whole.commit().unwrap();
        let expected = digests(whole.connection()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let place = Place::File(dir.path().join("read.db"));
        for (start, committed, lost) in [(0, 13, 20), (13, 14, 14), (14, 40, 59), (40, 60, 60)] {
            let mut projector = Projector::open_unchecked(&place, store).unwrap();
            assert_eq!(
                projector.position().map_or(0, |p| p.commit + 1),
                start,
                "it stands where it committed"
            );
            fold_range(&mut projector, start..committed);
            projector.commit().unwrap();
            fold_range(&mut projector, committed..lost);
        }
        let projector = Projector::open_unchecked(&place, store).unwrap();
        assert_eq!(digests(projector.connection()).unwrap(), expected);
        assert_eq!(projector.events(), 60);
    }

    #[test]
    fn an_event_given_twice_stops_the_fold() {
        let store = MemoryStore::new().store_id();
        let mut projector = Projector::open_unchecked(&Place::Memory, store).unwrap();
        fold_range(&mut projector, 0..3);
        let stopped = projector.apply(&fact(2)).unwrap_err();
        assert!(stopped.reason.contains("twice"), "{stopped}");
    }
}
