//! A store in a folder of its own, and the people in the stories.

use std::path::{Path, PathBuf};

use ledger_core::ids::{Actor, ChannelId, CommandKey, OpaqueRef, Reference};
use ledger_core::time::Timestamp;
use persons::{By, ErasureReason, Form, MasterKeys, Personal, Persons, PersonsError};

/// Every text about Aminah; none of them may lie anywhere in the clear.
pub(crate) const AMINAH: [&str; 5] = [
    "Aminah binti Haji Abdullah",
    "01-098765",
    "+6738765432",
    "+6732233445",
    "aminah.abdullah@example.org",
];

pub(crate) fn masters(byte: &str) -> MasterKeys {
    MasterKeys::parse(&format!("pmk_{}", byte.repeat(32))).unwrap()
}

pub(crate) fn texts(all: &[&str]) -> Vec<Personal> {
    all.iter().map(|text| Personal::new(*text)).collect()
}

pub(crate) fn aminah() -> Form {
    Form {
        name: Personal::new(AMINAH[0]),
        identity_numbers: texts(&AMINAH[1..2]),
        telephones: texts(&AMINAH[2..4]),
        emails: texts(&AMINAH[4..5]),
    }
}

pub(crate) fn named(name: &str) -> Form {
    Form {
        name: Personal::new(name),
        identity_numbers: Vec::new(),
        telephones: Vec::new(),
        emails: Vec::new(),
    }
}

pub(crate) fn at(minute: i64) -> Timestamp {
    Timestamp::parse("2026-03-02T08:00:00+08:00").unwrap()
        + ledger_core::time::Millis::minutes(minute)
}

pub(crate) fn by(actor: &str, minute: i64) -> By {
    By {
        actor: Actor::parse(actor).unwrap(),
        at: at(minute),
    }
}

pub(crate) fn key(reference: &str) -> CommandKey {
    CommandKey {
        channel: ChannelId::parse("office").unwrap(),
        reference: Reference::parse(reference).unwrap(),
    }
}

/// An office with its store.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Option<Persons>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Persons::open(folder.path(), &masters("a1")).unwrap();
        Self {
            folder,
            store: Some(store),
        }
    }

    pub(crate) fn store(&self) -> &Persons {
        self.store.as_ref().unwrap()
    }

    pub(crate) fn add(&self, reference: &str, form: &Form) -> OpaqueRef {
        let added = self.store().add(&by("clerk-1", 0), &key(reference), form);
        added.unwrap().person
    }

    pub(crate) fn erase(&self, person: &OpaqueRef, minute: i64) -> persons::Erased {
        self.store()
            .erase(&by("clerk-2", minute), person, ErasureReason::Request, None)
            .unwrap()
    }

    pub(crate) fn close(&mut self) {
        self.store = None;
    }

    pub(crate) fn reopen(&mut self, master: &str) -> Result<(), PersonsError> {
        self.close();
        self.store = Some(Persons::open(self.folder.path(), &masters(master))?);
        Ok(())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Whether a text stands anywhere in a folder's files.
pub(crate) fn lies_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}
