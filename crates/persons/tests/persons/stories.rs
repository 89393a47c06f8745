//! What staff do with a person's record.

use persons::{Act, Change, Content, Counts, ErasureReason, Personal, PersonsError, Sought, State};

use crate::desk::{AMINAH, Desk, aminah, at, by, key, lies_in, named, texts};

#[test]
fn c17_a_person_is_shown_as_added_and_the_reference_tells_nothing() {
    let mut desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    desk.reopen("a1").unwrap();
    let shown = desk.store().show(&by("clerk-1", 5), &person).unwrap();
    assert_eq!(shown.content, Content::of(&aminah()).unwrap());
    assert_eq!((shown.revision, shown.added_at), (1, at(0)));
    let again = desk.add("R-2", &aminah());
    assert_ne!(person, again, "random, not derived from the data");
    assert_eq!(person.as_str().len(), 28);
}

#[test]
fn c17_an_add_that_comes_again_adds_nobody_and_with_other_data_it_is_a_conflict() {
    let desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    let again = desk
        .store()
        .add(&by("clerk-1", 9), &key("R-1"), &aminah())
        .unwrap();
    assert!(again.duplicate);
    assert_eq!(again.person, person);
    let other = desk
        .store()
        .add(&by("clerk-1", 9), &key("R-1"), &named("Bakar"));
    assert!(matches!(other, Err(PersonsError::KeyConflict)));
    assert_eq!(desk.store().list(None, 10).unwrap().items.len(), 1);
}

#[test]
fn c17_someone_entered_twice_is_told_by_the_identity_number() {
    let desk = Desk::new();
    let first = desk.add("R-1", &aminah());
    let mut second = named("A. Abdullah");
    second.identity_numbers = texts(&["01 098765"]);
    let added = desk
        .store()
        .add(&by("clerk-1", 1), &key("R-2"), &second)
        .unwrap();
    assert_eq!(added.same_identity, [first]);
}

#[test]
fn c17_a_change_counts_the_revision_and_an_older_one_is_refused() {
    let desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    let change = Change {
        telephones: Some(texts(&["+673 711 1111"])),
        ..Change::default()
    };
    let store = desk.store();
    let updated = store
        .update(&by("clerk-1", 1), &person, Some(1), &change)
        .unwrap();
    assert_eq!((updated.revision, updated.changed), (2, true));
    let again = store
        .update(&by("clerk-1", 2), &person, Some(1), &change)
        .unwrap();
    assert_eq!((again.revision, again.changed), (2, false), "done already");
    let rename = Change {
        name: Some(Personal::new("Aminah")),
        ..Change::default()
    };
    let refused = store.update(&by("clerk-3", 3), &person, Some(1), &rename);
    assert!(matches!(
        refused,
        Err(PersonsError::Changed { revision: 2, .. })
    ));
    let shown = store.show(&by("clerk-1", 4), &person).unwrap();
    assert_eq!(shown.content.telephones, texts(&["+6737111111"]));
    assert_eq!((shown.updated_at, shown.content.emails.len()), (at(1), 1));
    let find = |number: &str| {
        store
            .find(&by("c", 5), &Sought::Telephone(Personal::new(number)))
            .unwrap()
    };
    assert_eq!(find("+6737111111"), [person]);
    assert!(find(AMINAH[2]).is_empty(), "the old number finds nobody");
}

#[test]
fn c17_a_person_is_found_by_exact_telephone_and_identity_number_only() {
    let desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    let find = |sought: &Sought| desk.store().find(&by("clerk-1", 1), sought);
    let telephone = |text: &str| Sought::Telephone(Personal::new(text));
    let identity = |text: &str| Sought::IdentityNumber(Personal::new(text));
    assert_eq!(
        find(&telephone("+673 876 5432")).unwrap(),
        std::slice::from_ref(&person)
    );
    assert_eq!(find(&identity("01/098765")).unwrap(), [person]);
    assert!(find(&telephone("+6738765433")).unwrap().is_empty());
    assert!(find(&identity("098765")).unwrap().is_empty());
    assert!(matches!(
        find(&telephone("8765432")),
        Err(PersonsError::Invalid(_))
    ));
}

#[test]
fn c17_an_erased_person_answers_so_for_ever_and_nothing_of_the_data_is_left() {
    let mut desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    let other = desk.add("R-2", &named("Bakar"));
    let erased = desk.erase(&person, 30);
    let counts = Counts {
        identity_numbers: 1,
        telephones: 2,
        emails: 1,
    };
    assert_eq!(
        (erased.at, erased.counts, erased.again),
        (at(30), counts, false)
    );
    desk.reopen("a1").unwrap();
    let store = desk.store();
    let again = store
        .erase(&by("clerk-9", 99), &person, ErasureReason::Order, None)
        .unwrap();
    assert!(again.again);
    assert_eq!(
        (again.at, again.reason, again.by.as_str()),
        (at(30), ErasureReason::Request, "clerk-2"),
        "the first erasure is the one"
    );
    let shown = store.show(&by("clerk-1", 40), &person).unwrap_err();
    assert_eq!(shown.code(), "PERSON_ERASED");
    let change = Change::default();
    let changed = store
        .update(&by("clerk-1", 41), &person, None, &change)
        .unwrap_err();
    assert_eq!(changed.code(), "PERSON_ERASED");
    let retried = store
        .add(&by("clerk-1", 42), &key("R-1"), &aminah())
        .unwrap_err();
    assert_eq!(
        retried.code(),
        "PERSON_ERASED",
        "a late retry brings nobody back"
    );
    let sought = Sought::Telephone(Personal::new(AMINAH[2]));
    assert!(store.find(&by("clerk-1", 43), &sought).unwrap().is_empty());
    assert_eq!(
        store
            .show(&by("clerk-1", 44), &other)
            .unwrap()
            .content
            .name
            .expose(),
        "Bakar"
    );
    let list = store.list(None, 10).unwrap();
    let listed = list
        .items
        .iter()
        .find(|item| item.person == person)
        .unwrap();
    let state = State::Erased {
        at: at(30),
        reason: ErasureReason::Request,
    };
    assert_eq!(listed.state, state);
}

#[test]
fn c17_nobody_is_no_one() {
    let desk = Desk::new();
    let nobody = ledger_core::ids::OpaqueRef::parse("p-nobody").unwrap();
    let store = desk.store();
    let codes = [
        store.show(&by("c", 0), &nobody).unwrap_err().code(),
        store
            .update(&by("c", 0), &nobody, None, &Change::default())
            .unwrap_err()
            .code(),
        store
            .erase(&by("c", 0), &nobody, ErasureReason::Order, None)
            .unwrap_err()
            .code(),
    ];
    assert_eq!(codes, ["PERSON_UNKNOWN"; 3]);
}

#[test]
fn c17_every_look_at_personal_data_leaves_a_line_without_the_data() {
    let desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    let store = desk.store();
    store.show(&by("clerk-7", 1), &person).unwrap();
    store
        .find(
            &by("clerk-8", 2),
            &Sought::Telephone(Personal::new(AMINAH[2])),
        )
        .unwrap();
    store
        .find(
            &by("clerk-8", 3),
            &Sought::IdentityNumber(Personal::new("99")),
        )
        .unwrap();
    desk.erase(&person, 4);
    store.show(&by("clerk-7", 5), &person).unwrap_err();
    let trail = store.audit(None, 0, 100).unwrap();
    let told: Vec<(Act, &str, u32)> = trail
        .lines
        .iter()
        .map(|line| (line.act, line.actor.as_str(), line.found))
        .collect();
    let expected = [
        (Act::Add, "clerk-1", 1),
        (Act::Show, "clerk-7", 1),
        (Act::FindTelephone, "clerk-8", 1),
        (Act::FindIdentityNumber, "clerk-8", 0),
        (Act::Erase, "clerk-2", 1),
        (Act::Show, "clerk-7", 0),
    ];
    assert_eq!(told, expected);
    let own = store.audit(Some(&person), 1, 1).unwrap();
    assert!(own.more && own.lines[0].act == Act::Show && own.lines[0].at == at(1));
    for secret in AMINAH {
        assert!(!format!("{trail:?}").contains(secret));
    }
}

#[test]
fn c17_nothing_personal_lies_in_the_clear_and_nothing_shows_it_unasked() {
    let mut desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    let change = Change {
        name: Some(Personal::new("Aminah Salleh")),
        ..Change::default()
    };
    desk.store()
        .update(&by("c", 1), &person, None, &change)
        .unwrap();
    let shown = desk.store().show(&by("c", 2), &person).unwrap();
    let debug = format!("{shown:?} {:?} {:?} {change:?}", aminah(), desk.store());
    desk.close();
    for secret in AMINAH
        .into_iter()
        .chain(["Aminah Salleh", "098765", "6738765432"])
    {
        assert!(!lies_in(desk.folder.path(), secret), "{secret}");
        assert!(!debug.contains(secret), "{secret}");
    }
    assert!(
        lies_in(desk.folder.path(), person.as_str()),
        "the search would find it"
    );
}

#[test]
fn c17_a_list_goes_on_where_the_page_before_ended() {
    let desk = Desk::new();
    let mut all: Vec<_> = (0..5)
        .map(|n| desk.add(&format!("R-{n}"), &named("Ali")))
        .collect();
    all.sort();
    let first = desk.store().list(None, 3).unwrap();
    assert!(first.more);
    let second = desk.store().list(Some(&first.items[2].person), 3).unwrap();
    assert!(!second.more);
    let listed: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|i| i.person.clone())
        .collect();
    assert_eq!(listed, all);
}
