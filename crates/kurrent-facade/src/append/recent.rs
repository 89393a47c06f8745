//! Ids of events written lately, and of those being written: how an append without an expected revision is
//! told from its own repetition. A bounded memory: what is older is written again, as a server does too.

use std::collections::VecDeque;
use std::hash::Hash;

use event_store::StreamName;
use rustc_hash::FxHashMap;
use uuid::Uuid;

/// Ids remembered: with names of a common length some eight megabytes.
const RECENT_IDS_MAX: usize = 65_536;

type Key = (StreamName, Uuid);

/// What is known of the ids of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The first was not seen: it is new.
    New,
    /// All were; this is the revision of the last.
    All(u64),
    /// The first was, a later one was not.
    Some,
    /// That depends on an append under way.
    UnderWay,
}

#[derive(Debug)]
pub(super) struct Recent {
    written: FxHashMap<Key, u64>,
    order: VecDeque<Key>,
    under_way: FxHashMap<Key, usize>,
    /// Streams with appends under way, and how many.
    growing: FxHashMap<StreamName, usize>,
    max: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self::with_max(RECENT_IDS_MAX)
    }
}

impl Recent {
    fn with_max(max: usize) -> Self {
        Self {
            written: FxHashMap::default(),
            order: VecDeque::new(),
            under_way: FxHashMap::default(),
            growing: FxHashMap::default(),
            max,
        }
    }

    pub(super) fn look(&self, stream: &StreamName, ids: &[Uuid]) -> Seen {
        let key = |id: &Uuid| (stream.clone(), *id);
        let Some(first) = ids.first() else {
            return Seen::New;
        };
        if self.under_way.contains_key(&key(first)) {
            return Seen::UnderWay;
        }
        if !self.written.contains_key(&key(first)) {
            return Seen::New;
        }
        let mut last = None;
        let mut missing = false;
        for id in ids {
            if self.under_way.contains_key(&key(id)) {
                return Seen::UnderWay;
            }
            last = self.written.get(&key(id)).copied();
            missing |= last.is_none();
        }
        match last {
            Some(revision) if !missing => Seen::All(revision),
            Some(_) | None => Seen::Some,
        }
    }

    /// Whether an append to the stream is under way.
    pub(super) fn grows(&self, stream: &StreamName) -> bool {
        self.growing.contains_key(stream)
    }

    pub(super) fn begin(&mut self, stream: &StreamName, ids: &[Uuid]) {
        let appends = self.growing.entry(stream.clone()).or_default();
        *appends = appends.saturating_add(1);
        for id in ids {
            let count = self.under_way.entry((stream.clone(), *id)).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// An append under way is over; `last` is the revision of its last event if it was written.
    pub(super) fn end(&mut self, stream: &StreamName, ids: &[Uuid], last: Option<u64>) {
        less_one(&mut self.growing, stream);
        for (back, id) in (0u64..).zip(ids.iter().rev()) {
            let key = (stream.clone(), *id);
            less_one(&mut self.under_way, &key);
            if let Some(last) = last {
                self.remember(key, last.saturating_sub(back));
            }
        }
    }

    fn remember(&mut self, key: Key, revision: u64) {
        if self.written.insert(key.clone(), revision).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.max {
            if let Some(oldest) = self.order.pop_front() {
                self.written.remove(&oldest);
            }
        }
    }

    /// Forgets what was written, as a process that starts anew.
    pub(super) fn forget(&mut self) {
        self.written.clear();
        self.order.clear();
    }
}

/// Counts one less; what is at zero is gone.
fn less_one<K: Hash + Eq>(counts: &mut FxHashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str) -> StreamName {
        StreamName::new(name).expect("a name")
    }

    fn ids(numbers: &[u128]) -> Vec<Uuid> {
        numbers.iter().map(|&n| Uuid::from_u128(n)).collect()
    }

    #[test]
    fn ids_are_remembered_by_stream_with_their_revisions() {
        let mut recent = Recent::default();
        let a = stream("a");
        recent.begin(&a, &ids(&[1, 2, 3]));
        assert_eq!(recent.look(&a, &ids(&[1])), Seen::UnderWay);
        assert!(recent.grows(&a) && !recent.grows(&stream("b")));
        recent.end(&a, &ids(&[1, 2, 3]), Some(9));
        assert!(!recent.grows(&a));
        assert_eq!(recent.look(&a, &ids(&[1, 2, 3])), Seen::All(9));
        assert_eq!(recent.look(&a, &ids(&[1, 2])), Seen::All(8));
        assert_eq!(recent.look(&a, &ids(&[1, 4])), Seen::Some);
        assert_eq!(recent.look(&a, &ids(&[4, 1])), Seen::New);
        assert_eq!(recent.look(&stream("b"), &ids(&[1])), Seen::New);
    }

    #[test]
    fn what_was_not_written_is_not_remembered() {
        let mut recent = Recent::default();
        let a = stream("a");
        recent.begin(&a, &ids(&[1]));
        recent.end(&a, &ids(&[1]), None);
        assert_eq!(recent.look(&a, &ids(&[1])), Seen::New);
    }

    #[test]
    fn the_oldest_ids_are_forgotten_first() {
        let mut recent = Recent::with_max(2);
        let a = stream("a");
        for (revision, id) in [(0, 1), (1, 2), (2, 3)] {
            recent.end(&a, &ids(&[id]), Some(revision));
        }
        assert_eq!(recent.look(&a, &ids(&[1])), Seen::New);
        assert_eq!(recent.look(&a, &ids(&[2])), Seen::All(1));
        assert_eq!(recent.written.len(), 2);
        recent.forget();
        assert_eq!(recent.look(&a, &ids(&[3])), Seen::New);
    }
}
