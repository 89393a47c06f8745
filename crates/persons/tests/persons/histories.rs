//! Any history of adds, changes, erasures, rotations and restarts against a plain map.

use std::collections::BTreeMap;

use ledger_core::ids::OpaqueRef;
use persons::{Change, ErasureReason, Form, MasterKeys, Personal, Persons, Sought};
use proptest::prelude::*;

use crate::desk::{by, key, texts};

#[derive(Debug, Clone)]
enum Step {
    Add { telephone: u8 },
    Move { who: u8, telephone: u8 },
    Erase { who: u8 },
    Rotate,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(|telephone| Step::Add { telephone: telephone % 4 }),
        3 => any::<(u8, u8)>().prop_map(|(who, telephone)| Step::Move { who, telephone: telephone % 4 }),
        2 => any::<u8>().prop_map(|who| Step::Erase { who }),
        1 => Just(Step::Rotate),
        1 => Just(Step::Restart),
    ]
}

fn number(telephone: u8) -> String {
    format!("+67387654{telephone:02}")
}

/// The store beside what it should hold: who has which telephone, `None` once erased.
struct World {
    folder: tempfile::TempDir,
    store: Option<Persons>,
    masters: MasterKeys,
    people: Vec<(OpaqueRef, Option<u8>)>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let masters = crate::desk::masters("a1");
        let store = Some(Persons::open(folder.path(), &masters).unwrap());
        Self {
            folder,
            store,
            masters,
            people: Vec::new(),
        }
    }

    fn one(&mut self, who: u8) -> Option<&mut (OpaqueRef, Option<u8>)> {
        let count = self.people.len();
        (count > 0).then(|| &mut self.people[usize::from(who) % count])
    }

    fn take(&mut self, n: usize, step: &Step) {
        let actor = by("c", i64::try_from(n).unwrap());
        let store = self.store.take().unwrap();
        match step {
            Step::Add { telephone } => {
                let form = Form {
                    name: Personal::new(format!("Person {n} of many")),
                    identity_numbers: Vec::new(),
                    telephones: texts(&[&number(*telephone)]),
                    emails: Vec::new(),
                };
                let added = store.add(&actor, &key(&format!("R-{n}")), &form).unwrap();
                self.people.push((added.person, Some(*telephone)));
            }
            Step::Move { who, telephone } => {
                if let Some((person, has)) = self.one(*who) {
                    let change = Change {
                        telephones: Some(texts(&[&number(*telephone)])),
                        ..Change::default()
                    };
                    let done = store.update(&actor, person, None, &change);
                    assert_eq!(done.is_ok(), has.is_some());
                    *has = has.map(|_| *telephone);
                }
            }
            Step::Erase { who } => {
                if let Some((person, has)) = self.one(*who) {
                    let done = store
                        .erase(&actor, person, ErasureReason::Retention, None)
                        .unwrap();
                    assert_eq!(done.again, has.is_none());
                    *has = None;
                }
            }
            Step::Rotate => {
                let both = self.masters.with_a_new_one().unwrap();
                store.rotate(&both, &mut |_| ()).unwrap();
                self.masters = both.newest_alone();
            }
            Step::Restart => {
                drop(store);
                self.store = Some(Persons::open(self.folder.path(), &self.masters).unwrap());
                return;
            }
        }
        self.store = Some(store);
    }

    fn check(&self) {
        let store = self.store.as_ref().unwrap();
        let mut with: BTreeMap<u8, Vec<OpaqueRef>> = BTreeMap::new();
        for (person, has) in &self.people {
            let shown = store.show(&by("c", 0), person);
            match has {
                Some(telephone) => {
                    assert_eq!(
                        shown.unwrap().content.telephones,
                        texts(&[&number(*telephone)])
                    );
                    with.entry(*telephone).or_default().push(person.clone());
                }
                None => assert_eq!(shown.unwrap_err().code(), "PERSON_ERASED"),
            }
        }
        for telephone in 0..4 {
            let mut expected = with.remove(&telephone).unwrap_or_default();
            expected.sort();
            let sought = Sought::Telephone(Personal::new(number(telephone)));
            assert_eq!(store.find(&by("c", 0), &sought).unwrap(), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn c17_any_history_keeps_who_is_kept_and_nothing_of_who_was_erased(steps in prop::collection::vec(step(), 1..25)) {
        let mut world = World::new();
        for (n, step) in steps.iter().enumerate() {
            world.take(n, step);
        }
        world.check();
    }
}
