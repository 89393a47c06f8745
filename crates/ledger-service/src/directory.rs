//! The meter directory: who holds a meter number, and who held it when it was read (C5).
//!
//! A fold of the `meter-` streams. Events are applied once, by their revision, so that the own commit,
//! the follower and a second reading of the log may all bring the same one. Absent on purpose: locks
//! and reading (the registry's), and anything of an account but its id.

use event_store::StreamName;
use ledger_core::event::MeterEvent;
use ledger_core::ids::{AccountId, MeterNumber};
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rustc_hash::FxHashMap;

use crate::task::account_stream;

/// Holders remembered per number, the present one included: bounds the memory of a number that is moved
/// about. A reading from before the oldest goes to the oldest, who refuses it as older than his meter.
pub(crate) const HOLDERS_MAX: usize = 16;

/// One account's time with a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) account: AccountId,
    /// The account's stream, so that routing a reading allocates nothing.
    pub(crate) stream: StreamName,
    pub(crate) utility: Utility,
    pub(crate) from: Timestamp,
    /// `None` while it holds the number.
    pub(crate) until: Option<Timestamp>,
}

/// All that is known of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Revision of the newest event applied.
    pub(crate) revision: u64,
    pub(crate) newest: Holder,
    /// Earlier ones, oldest first.
    pub(crate) older: Vec<Holder>,
}

/// Who holds a number now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Present<'a> {
    /// Nobody ever did.
    Unknown,
    /// The last holder gave it up.
    Removed,
    /// This one.
    Held(&'a Holder),
}

/// The directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Directory {
    entries: FxHashMap<MeterNumber, Entry>,
}

impl Directory {
    /// Takes in a meter's event, unless it was taken in before.
    pub(crate) fn apply(&mut self, revision: u64, event: &MeterEvent) {
        match event {
            MeterEvent::MeterClaimed(e) => {
                let holder = Holder {
                    account: e.account.clone(),
                    stream: account_stream(&e.account),
                    utility: e.u,
                    from: e.t,
                    until: None,
                };
                match self.entries.get_mut(&e.m) {
                    None => {
                        let entry = Entry {
                            revision,
                            newest: holder,
                            older: Vec::new(),
                        };
                        self.entries.insert(e.m.clone(), entry);
                    }
                    Some(entry) if entry.revision < revision => {
                        entry
                            .older
                            .push(std::mem::replace(&mut entry.newest, holder));
                        if entry.older.len() >= HOLDERS_MAX {
                            entry.older.remove(0);
                        }
                        entry.revision = revision;
                    }
                    Some(_) => {}
                }
            }
            MeterEvent::MeterReleased(e) => {
                let entry = self
                    .entries
                    .get_mut(&e.m)
                    .filter(|entry| entry.revision < revision);
                if let Some(entry) = entry {
                    entry.newest.until = Some(e.t);
                    entry.revision = revision;
                }
            }
        }
    }

    /// Who holds the number now.
    pub(crate) fn present(&self, meter: &MeterNumber) -> Present<'_> {
        match self.entries.get(meter) {
            None => Present::Unknown,
            Some(Entry { newest, .. }) if newest.until.is_some() => Present::Removed,
            Some(Entry { newest, .. }) => Present::Held(newest),
        }
    }

    /// Who has to do with a reading of this time: whoever held the number then; in a time when nobody
    /// did, the holder before it, and before all of them the first.
    pub(crate) fn holder_at(&self, meter: &MeterNumber, at: Timestamp) -> Option<&Holder> {
        let entry = self.entries.get(meter)?;
        if entry.newest.from <= at || entry.older.is_empty() {
            return Some(&entry.newest);
        }
        entry
            .older
            .iter()
            .rev()
            .find(|holder| holder.from <= at)
            .or_else(|| entry.older.first())
    }

    /// The newest holder of each number.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (&MeterNumber, &Holder)> {
        self.entries
            .iter()
            .map(|(meter, entry)| (meter, &entry.newest))
    }

    /// All that is known.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&MeterNumber, &Entry)> {
        self.entries.iter()
    }

    /// Puts an entry back as it was.
    pub(crate) fn restore(&mut self, meter: MeterNumber, entry: Entry) {
        self.entries.insert(meter, entry);
    }

    /// How many numbers are known.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::event::{MeterClaimed, MeterReleased};

    fn t(day: i64) -> Timestamp {
        Timestamp::from_millis(day * 86_400_000)
    }

    fn e1() -> MeterNumber {
        MeterNumber::parse("E1").unwrap()
    }

    fn claimed(account: &str, day: i64) -> MeterEvent {
        let account = AccountId::parse(account).unwrap();
        MeterEvent::MeterClaimed(MeterClaimed {
            m: e1(),
            account,
            u: Utility::Electricity,
            t: t(day),
        })
    }

    fn released(account: &str, day: i64) -> MeterEvent {
        let account = AccountId::parse(account).unwrap();
        MeterEvent::MeterReleased(MeterReleased {
            m: e1(),
            account,
            t: t(day),
        })
    }

    fn moved() -> Directory {
        let mut directory = Directory::default();
        for (revision, event) in [claimed("a", 10), released("a", 20), claimed("b", 30)]
            .iter()
            .enumerate()
        {
            directory.apply(revision as u64, event);
        }
        directory
    }

    #[test]
    fn c5_a_late_reading_goes_to_whoever_held_the_meter_when_it_was_read() {
        let directory = moved();
        let at = |day| {
            directory
                .holder_at(&e1(), t(day))
                .unwrap()
                .account
                .to_string()
        };
        assert_eq!(at(15), "a");
        assert_eq!(at(20), "a", "the final reading's own instant");
        assert_eq!(
            at(25),
            "a",
            "in between, the last holder refuses it as read after the removal"
        );
        assert_eq!(at(30), "b");
        assert_eq!(at(99), "b");
        assert_eq!(
            at(1),
            "a",
            "before all, the first holder refuses it as read before the installation"
        );
    }

    #[test]
    fn c5_money_goes_to_the_present_holder_only() {
        let mut directory = moved();
        let Present::Held(holder) = directory.present(&e1()) else {
            panic!("b holds it")
        };
        assert_eq!(holder.account.as_str(), "b");
        directory.apply(3, &released("b", 40));
        assert_eq!(directory.present(&e1()), Present::Removed);
        assert_eq!(
            directory.present(&MeterNumber::parse("E2").unwrap()),
            Present::Unknown
        );
    }

    #[test]
    fn an_event_that_comes_again_changes_nothing() {
        let mut directory = moved();
        let before = directory.clone();
        for (revision, event) in [claimed("a", 10), released("a", 20), claimed("b", 30)]
            .iter()
            .enumerate()
        {
            directory.apply(revision as u64, event);
        }
        assert_eq!(directory, before);
    }

    #[test]
    fn a_number_that_is_moved_about_takes_bounded_room() {
        let mut directory = Directory::default();
        for turn in 0..100_i64 {
            let revision = u64::try_from(turn).unwrap() * 2;
            directory.apply(revision, &claimed(&format!("a{turn}"), turn * 2));
            directory.apply(revision + 1, &released(&format!("a{turn}"), turn * 2 + 1));
        }
        let (_, entry) = directory.entries().next().unwrap();
        assert!(entry.older.len() < HOLDERS_MAX);
        assert_eq!(
            directory.holder_at(&e1(), t(198)).unwrap().account.as_str(),
            "a99"
        );
    }
}
