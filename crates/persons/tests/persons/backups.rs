//! Older copies of the files, lost files, other keys: what can be read then, and what cannot.

use persons::{ErasureReason, MasterKeys, Personal, Persons, PersonsError, Sought};

use crate::desk::{AMINAH, Desk, aminah, by, key, masters, named};

const RECORDS: &str = "persons.sqlite";
const KEYS: &str = "person-keys.sqlite";

/// Puts copies beside the files.
fn copy(desk: &Desk) {
    for name in [RECORDS, KEYS] {
        std::fs::copy(desk.file(name), desk.file(&format!("{name}.copy"))).unwrap();
    }
}

/// Puts a copy back in the place of its file.
fn restore(desk: &mut Desk, name: &str) {
    desk.close();
    std::fs::copy(desk.file(&format!("{name}.copy")), desk.file(name)).unwrap();
}

#[test]
fn c17_a_backup_of_the_records_holds_nothing_readable_of_who_was_erased_since() {
    let mut desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    let other = desk.add("R-2", &named("Bakar"));
    desk.close();
    copy(&desk);
    desk.reopen("a1").unwrap();
    desk.erase(&person, 10);
    restore(&mut desk, RECORDS);
    desk.reopen("a1").unwrap();
    assert_eq!(desk.store().reconciled().erased_again, 1);
    let shown = desk.store().show(&by("c", 20), &person).unwrap_err();
    assert_eq!(
        shown.code(),
        "PERSON_ERASED",
        "also in the restored records"
    );
    desk.store().show(&by("c", 21), &other).unwrap();
    // The key itself is gone from the only file that had it: no tombstone is needed for that.
    desk.close();
    let connection = rusqlite::Connection::open(desk.file(KEYS)).unwrap();
    connection.execute("DELETE FROM tombstones", []).unwrap();
    drop(connection);
    restore(&mut desk, RECORDS);
    desk.reopen("a1").unwrap();
    assert_eq!(desk.store().reconciled().keys_missing, 1);
    let shown = desk.store().show(&by("c", 22), &person).unwrap_err();
    assert_eq!(shown.code(), "PERSON_KEY_MISSING");
}

#[test]
fn c17_an_older_copy_of_the_keys_brings_nobody_back() {
    let mut desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    desk.close();
    copy(&desk);
    desk.reopen("a1").unwrap();
    desk.erase(&person, 10);
    restore(&mut desk, KEYS);
    desk.reopen("a1").unwrap();
    assert_eq!(desk.store().reconciled().erased_again, 1);
    assert_eq!(
        desk.store().show(&by("c", 20), &person).unwrap_err().code(),
        "PERSON_ERASED"
    );
    let sought = Sought::Telephone(Personal::new(AMINAH[2]));
    assert!(desk.store().find(&by("c", 21), &sought).unwrap().is_empty());
    let retried = desk
        .store()
        .add(&by("c", 22), &key("R-1"), &aminah())
        .unwrap_err();
    assert_eq!(retried.code(), "PERSON_ERASED");
    let again = desk
        .store()
        .erase(&by("c", 23), &person, ErasureReason::Order, None)
        .unwrap();
    assert!(again.again && again.reason == ErasureReason::Request);
}

#[test]
fn c17_a_lost_file_is_noticed_and_nothing_is_begun_anew_beside_the_other() {
    for missing in [RECORDS, KEYS] {
        let mut desk = Desk::new();
        desk.add("R-1", &aminah());
        desk.close();
        std::fs::remove_file(desk.file(missing)).unwrap();
        let error = desk.reopen("a1").unwrap_err();
        assert_eq!(error.code(), "PERSONS_FILE_MISSING");
        assert!(error.to_string().contains(missing), "{error}");
        assert!(!desk.file(missing).exists(), "nothing was made");
    }
}

#[test]
fn c17_files_of_two_ledgers_are_refused() {
    let (mut one, mut two) = (Desk::new(), Desk::new());
    one.close();
    two.close();
    std::fs::copy(two.file(KEYS), one.file(KEYS)).unwrap();
    assert_eq!(one.reopen("a1").unwrap_err().code(), "PERSONS_FILES_DIFFER");
}

#[test]
fn c17_records_do_not_open_under_another_master_key_and_the_error_names_the_right_one() {
    let mut desk = Desk::new();
    let needed = desk.store().master();
    let error = desk.reopen("b2").unwrap_err();
    assert!(matches!(error, PersonsError::WrongMasterKey { needed: id } if id == needed));
    desk.reopen("a1").unwrap();
}

#[test]
fn c17_one_process_has_the_store() {
    let desk = Desk::new();
    let second = Persons::open(desk.folder.path(), &masters("a1")).unwrap_err();
    assert_eq!(second.code(), "PERSONS_IN_USE");
}

#[test]
fn c17_after_a_rotation_older_copies_of_the_keys_are_worthless_without_the_old_master_key() {
    let mut desk = Desk::new();
    let person = desk.add("R-1", &aminah());
    let erased = desk.add("R-2", &named("Bakar"));
    desk.close();
    copy(&desk);
    desk.reopen("a1").unwrap();
    desk.erase(&erased, 5);
    let both =
        MasterKeys::parse(&format!("pmk_{}\npmk_{}", "c3".repeat(32), "a1".repeat(32))).unwrap();
    let mut seen = 0;
    let rotated = desk.store().rotate(&both, &mut |done| seen = done).unwrap();
    assert_eq!((rotated.persons, seen), (1, 1));
    assert_eq!(
        desk.store().rotate(&both, &mut |_| ()).unwrap().persons,
        0,
        "done already"
    );
    desk.store().show(&by("c", 6), &person).unwrap();
    assert_eq!(
        desk.reopen("a1").unwrap_err().code(),
        "PERSONS_OTHER_MASTER_KEY"
    );
    desk.reopen("c3").unwrap();
    assert_eq!(
        desk.store()
            .show(&by("c", 7), &person)
            .unwrap()
            .content
            .name
            .expose(),
        AMINAH[0]
    );
    let sought = Sought::IdentityNumber(Personal::new(AMINAH[1]));
    assert_eq!(
        desk.store().find(&by("c", 8), &sought).unwrap(),
        std::slice::from_ref(&person)
    );
    let retried = desk
        .store()
        .add(&by("c", 9), &key("R-1"), &aminah())
        .unwrap();
    assert!(retried.duplicate && retried.person == person);
    restore(&mut desk, RECORDS);
    restore(&mut desk, KEYS);
    assert_eq!(
        desk.reopen("c3").unwrap_err().code(),
        "PERSONS_OTHER_MASTER_KEY"
    );
}

#[test]
fn c17_a_row_that_was_tampered_with_is_damage_and_never_another_persons_data() {
    let mut desk = Desk::new();
    let (one, two) = (desk.add("R-1", &aminah()), desk.add("R-2", &named("Bakar")));
    desk.close();
    let connection = rusqlite::Connection::open(desk.file(RECORDS)).unwrap();
    let swap = "UPDATE persons SET sealed = (SELECT sealed FROM persons AS o WHERE o.person = ?2) WHERE person = ?1";
    connection
        .execute(swap, [one.as_str(), two.as_str()])
        .unwrap();
    drop(connection);
    let connection = rusqlite::Connection::open(desk.file(KEYS)).unwrap();
    let swap = "UPDATE data_keys SET sealed = (SELECT sealed FROM data_keys AS o WHERE o.person = ?2) WHERE person = ?1";
    connection
        .execute(swap, [one.as_str(), two.as_str()])
        .unwrap();
    drop(connection);
    desk.reopen("a1").unwrap();
    assert_eq!(
        desk.store().show(&by("c", 1), &one).unwrap_err().code(),
        "PERSONS_DAMAGED"
    );
    desk.store().show(&by("c", 2), &two).unwrap();
    assert!(
        !desk.erase(&one, 3).again,
        "what cannot be read can still be erased"
    );
}
