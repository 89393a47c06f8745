//! The store: add, show, update, erase, list, find. Each is one commit of both files; the answer comes after.
//!
//! One connection behind a lock: these are acts of staff, a few a second at most, and each waits for the
//! disk. Reading personal data writes the audit trail first and shows nothing when that cannot be written.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger_core::ids::{CommandKey, OpaqueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::answers::{Added, By, Counts, Erased, ErasureReason, Page, Shown, Updated};
use crate::audit::{Act, AuditPage};
use crate::error::PersonsError;
use crate::form::{Change, Content, Form, LookupKind, Sought};
use crate::layout;
use crate::master::{MasterId, MasterKeys};
use crate::reconcile::{self, Reconciled};
use crate::rotate::{self, Rotated};
use crate::rows::{self, Row};
use crate::seal::{SealKey, padded, random, unpadded};

/// Most people answered for one telephone or identity number: a shared one belongs to a few.
pub(crate) const FOUND_MAX: usize = 100;
/// Most people of a page of a list.
pub const PAGE_MAX: usize = 1_000;
/// Keeps the hash of a command's content apart from every other use of BLAKE3.
const CONTENT_DOMAIN: &str = "utility-ledger 2026 persons: content of a command v1";
/// Digits of a reference: no letters that are read as each other. 26 of them hold 128 bits.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const REFERENCE_DIGITS: usize = 26;

/// The store of persons, open. One process has it at a time.
pub struct Persons {
    inner: Mutex<Inner>,
    reconciled: Reconciled,
}

struct Inner {
    connection: Connection,
    wrapping: SealKey,
    index: SealKey,
    master: MasterId,
    _lock: std::fs::File,
}

impl std::fmt::Debug for Persons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Persons").finish_non_exhaustive()
    }
}

impl Persons {
    /// Opens the store in a folder, or makes it there. A person whom only one of the two files knows as erased
    /// (the other comes from an older backup) is erased in both.
    ///
    /// # Errors
    /// When it is in use, a file is missing or of another store or version, the master key is another one, or
    /// the disk refuses.
    pub fn open(folder: &Path, masters: &MasterKeys) -> Result<Self, PersonsError> {
        let layout::Opened {
            mut connection,
            wrapping,
            index,
            master,
            lock,
        } = layout::open(folder, masters)?;
        let reconciled = reconcile::run(&mut connection)?;
        Ok(Self {
            inner: Mutex::new(Inner {
                connection,
                wrapping,
                index,
                master,
                _lock: lock,
            }),
            reconciled,
        })
    }

    /// What opening found and put in order.
    #[must_use]
    pub const fn reconciled(&self) -> &Reconciled {
        &self.reconciled
    }

    /// Id of the master key in force.
    #[must_use]
    pub fn master(&self) -> MasterId {
        self.lock().master
    }

    /// Adds a person. The sender's key makes a retry safe: the same content gets the same reference.
    ///
    /// # Errors
    /// When the form is wrong, the key was used for other content, or the person was erased since.
    pub fn add(&self, by: &By, key: &CommandKey, form: &Form) -> Result<Added, PersonsError> {
        let content = Content::of(form).map_err(PersonsError::Invalid)?;
        let mut inner = self.lock();
        let Inner {
            connection,
            wrapping,
            index,
            ..
        } = &mut *inner;
        let transaction = write(connection)?;
        let hash = blake3::derive_key(CONTENT_DOMAIN, &content.to_bytes());
        let hashes = hashes_of(index, &content);
        if let Some(person) = rows::command(&transaction, key, |sealed| {
            Ok(wrapping.open(&command_place(key), sealed)?.as_slice() == hash)
        })? {
            let same_identity = same_identity(&transaction, &hashes, &person)?;
            return Ok(Added {
                person,
                duplicate: true,
                same_identity,
            });
        }
        let person = new_reference()?;
        let sealed = sealed_under_new_key(&transaction, wrapping, &person, (1, &content))?;
        rows::insert(&transaction, &person, by.at, (counts_of(&content), &sealed))?;
        rows::put_lookups(&transaction, &person, &hashes)?;
        let remembered = wrapping.seal(&command_place(key), &hash)?;
        rows::put_command(&transaction, key, &person, &remembered)?;
        let same_identity = same_identity(&transaction, &hashes, &person)?;
        Act::Add.note(&transaction, by, Some(&person), 1)?;
        transaction.commit()?;
        Act::Add.trace(by, Some(&person), 1);
        Ok(Added {
            person,
            duplicate: false,
            same_identity,
        })
    }

    /// Shows a person's data. The audit trail holds who asked before anything is answered.
    ///
    /// # Errors
    /// When there is no such person, or the person was erased.
    pub fn show(&self, by: &By, person: &OpaqueRef) -> Result<Shown, PersonsError> {
        let mut inner = self.lock();
        let Inner {
            connection,
            wrapping,
            ..
        } = &mut *inner;
        let transaction = write(connection)?;
        let row = rows::row(&transaction, person)?;
        let found = u32::from(matches!(&row, Some(row) if row.sealed.is_some()));
        let known = row.is_some().then_some(person);
        Act::Show.note(&transaction, by, known, found)?;
        let shown = row
            .ok_or_else(|| PersonsError::Unknown(person.clone()))
            .and_then(|row| opened(&transaction, wrapping, person, row));
        // Also an attempt that finds nothing leaves its line.
        transaction.commit()?;
        Act::Show.trace(by, known, found);
        shown
    }

    /// Changes a person's data, if `revision` (where given) is still the newest. A change that changes nothing
    /// is done already.
    ///
    /// # Errors
    /// When the change is wrong, there is no such person, the person was erased, or was changed meanwhile.
    pub fn update(
        &self,
        by: &By,
        person: &OpaqueRef,
        revision: Option<u64>,
        change: &Change,
    ) -> Result<Updated, PersonsError> {
        let mut inner = self.lock();
        let Inner {
            connection,
            wrapping,
            index,
            ..
        } = &mut *inner;
        let transaction = write(connection)?;
        let row = rows::row(&transaction, person)?
            .ok_or_else(|| PersonsError::Unknown(person.clone()))?;
        let shown = opened(&transaction, wrapping, person, row)?;
        let content = shown
            .content
            .changed(change)
            .map_err(PersonsError::Invalid)?;
        if content == shown.content {
            return Ok(Updated {
                revision: shown.revision,
                changed: false,
            });
        }
        if revision.is_some_and(|expected| expected != shown.revision) {
            return Err(PersonsError::Changed {
                person: person.clone(),
                revision: shown.revision,
            });
        }
        let next = shown.revision.saturating_add(1);
        let sealed = sealed_under_new_key(&transaction, wrapping, person, (next, &content))?;
        let counts = counts_of(&content);
        rows::update(&transaction, person, (next, by.at), (counts, &sealed))?;
        rows::put_lookups(&transaction, person, &hashes_of(index, &content))?;
        Act::Update.note(&transaction, by, Some(person), 1)?;
        transaction.commit()?;
        Act::Update.trace(by, Some(person), 1);
        Ok(Updated {
            revision: next,
            changed: true,
        })
    }

    /// Erases a person: data key, data, what the person is found by. Asked again, it answers as before.
    ///
    /// # Errors
    /// When there is no such person, or the disk refuses.
    pub fn erase(
        &self,
        by: &By,
        person: &OpaqueRef,
        reason: ErasureReason,
        document: Option<&OpaqueRef>,
    ) -> Result<Erased, PersonsError> {
        let mut inner = self.lock();
        let transaction = write(&mut inner.connection)?;
        let row = rows::row(&transaction, person)?
            .ok_or_else(|| PersonsError::Unknown(person.clone()))?;
        if let Some(tombstone) = row.tombstone {
            return Ok(erased(person, &tombstone, (row.counts, true)));
        }
        let tombstone = rows::Tombstone {
            at: by.at,
            by: by.actor.clone(),
            reason,
            document: document.cloned(),
        };
        rows::erase(&transaction, person, &tombstone)?;
        Act::Erase.note(&transaction, by, Some(person), 1)?;
        transaction.commit()?;
        Act::Erase.trace(by, Some(person), 1);
        Ok(erased(person, &tombstone, (row.counts, false)))
    }

    /// Lists references in their order, after `after`; nothing personal. Erased people stand in it too.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn list(&self, after: Option<&OpaqueRef>, limit: usize) -> Result<Page, PersonsError> {
        let limit = limit.clamp(1, PAGE_MAX);
        rows::list(&self.lock().connection, after, limit)
    }

    /// Finds who has exactly this telephone or identity number, at most a hundred people. It answers
    /// references; to see more is another act of its own.
    ///
    /// # Errors
    /// When what is sought is not well formed.
    pub fn find(&self, by: &By, sought: &Sought) -> Result<Vec<OpaqueRef>, PersonsError> {
        let lookup = sought
            .lookup()
            .map_err(|problem| PersonsError::Invalid(vec![problem]))?;
        let mut inner = self.lock();
        let Inner {
            connection, index, ..
        } = &mut *inner;
        let transaction = write(connection)?;
        let hash = (lookup.0, hash_of(index, lookup.0, lookup.1.expose()));
        let found = rows::find(&transaction, &hash, FOUND_MAX)?;
        let act = match lookup.0 {
            LookupKind::Telephone => Act::FindTelephone,
            LookupKind::IdentityNumber => Act::FindIdentityNumber,
        };
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        act.note(&transaction, by, None, count)?;
        transaction.commit()?;
        act.trace(by, None, count);
        Ok(found)
    }

    /// The audit trail after line `after`, of one person or of all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn audit(
        &self,
        person: Option<&OpaqueRef>,
        after: u64,
        limit: usize,
    ) -> Result<AuditPage, PersonsError> {
        crate::audit::page(
            &self.lock().connection,
            person,
            after,
            limit.clamp(1, PAGE_MAX),
        )
    }

    /// Seals every data key, every remembered command and everything people are found by anew under the newest
    /// master key, and draws a new key for the index: older copies of the keys' file are worthless once the
    /// older master keys are destroyed. One commit; run again, it finds nothing to do.
    ///
    /// # Errors
    /// When a stored key cannot be opened, or the disk refuses; nothing is changed then.
    pub fn rotate(
        &self,
        masters: &MasterKeys,
        done: &mut dyn FnMut(u64),
    ) -> Result<Rotated, PersonsError> {
        let mut inner = self.lock();
        let newest = masters.find(masters.newest())?;
        if inner.master == newest.id {
            return Ok(Rotated {
                master: newest.id,
                persons: 0,
            });
        }
        let (wrapping, index) = (newest.wrapping(), SealKey::random()?);
        let old = inner.wrapping.clone();
        let persons = rotate::run(
            &mut inner.connection,
            &old,
            (newest.id, &wrapping, &index),
            done,
        )?;
        inner.wrapping = wrapping;
        inner.index = index;
        inner.master = newest.id;
        Ok(Rotated {
            master: newest.id,
            persons,
        })
    }

    /// A panic elsewhere leaves nothing half done: an open transaction is rolled back when it is dropped.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(connection: &mut Connection) -> Result<Transaction<'_>, PersonsError> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn erased(
    person: &OpaqueRef,
    tombstone: &rows::Tombstone,
    (counts, again): (Counts, bool),
) -> Erased {
    Erased {
        person: person.clone(),
        at: tombstone.at,
        by: tombstone.by.clone(),
        reason: tombstone.reason,
        document: tombstone.document.clone(),
        counts,
        again,
    }
}

/// A new random reference: it is derived from nothing.
fn new_reference() -> Result<OpaqueRef, PersonsError> {
    let bits = u128::from_be_bytes(*random::<16>()?);
    let mut text = String::from("p-");
    for place in 0..REFERENCE_DIGITS {
        let shift = 5 * place;
        let digit = usize::try_from((bits >> shift) & 31).unwrap_or(0);
        text.push(DIGITS.get(digit).copied().map_or('0', char::from));
    }
    OpaqueRef::parse(&text).map_err(|error| PersonsError::NoRandom(error.to_string()))
}

fn counts_of(content: &Content) -> Counts {
    let count = |all: &[crate::form::Personal]| u32::try_from(all.len()).unwrap_or(u32::MAX);
    Counts {
        identity_numbers: count(&content.identity_numbers),
        telephones: count(&content.telephones),
        emails: count(&content.emails),
    }
}

/// What a stored hash belongs to.
pub(crate) type Hashed = (LookupKind, [u8; 32]);

/// The keyed hashes that a content is found by.
pub(crate) fn hashes_of(index: &SealKey, content: &Content) -> Vec<Hashed> {
    content
        .lookups()
        .iter()
        .map(|(kind, text)| (*kind, hash_of(index, *kind, text.expose())))
        .collect()
}

fn hash_of(index: &SealKey, kind: LookupKind, text: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(index.bytes());
    hasher.update(&[kind.number()]).update(text.as_bytes());
    *hasher.finalize().as_bytes()
}

fn same_identity(
    connection: &Connection,
    hashes: &[Hashed],
    person: &OpaqueRef,
) -> Result<Vec<OpaqueRef>, PersonsError> {
    let mut others = Vec::new();
    for hash in hashes
        .iter()
        .filter(|(kind, _)| *kind == LookupKind::IdentityNumber)
    {
        for other in rows::find(connection, hash, FOUND_MAX)? {
            if other != *person && !others.contains(&other) {
                others.push(other);
            }
        }
    }
    Ok(others)
}

/// Where a record is sealed to.
pub(crate) fn record_place(person: &OpaqueRef, revision: u64) -> String {
    format!("person {person}, revision {revision}")
}

/// Where a data key is sealed to.
pub(crate) fn key_place(person: &OpaqueRef) -> String {
    format!("the data key of person {person}")
}

/// Where the hash of a command's content is sealed to.
pub(crate) fn command_place(key: &CommandKey) -> String {
    format!("the command {key}")
}

/// Seals a record under a new data key, which takes the place of the one before: what older copies of the
/// records hold of this person cannot be read with it.
fn sealed_under_new_key(
    transaction: &Transaction<'_>,
    wrapping: &SealKey,
    person: &OpaqueRef,
    (revision, content): (u64, &Content),
) -> Result<Vec<u8>, PersonsError> {
    let data_key = SealKey::random()?;
    let wrapped = wrapping.seal(&key_place(person), data_key.bytes())?;
    rows::put_data_key(transaction, person, &wrapped)?;
    data_key.seal(
        &record_place(person, revision),
        &padded(&content.to_bytes()),
    )
}

/// Opens a row.
fn opened(
    connection: &Connection,
    wrapping: &SealKey,
    person: &OpaqueRef,
    row: Row,
) -> Result<Shown, PersonsError> {
    if let Some(tombstone) = row.tombstone {
        return Err(PersonsError::Erased {
            person: person.clone(),
            at: tombstone.at,
            reason: tombstone.reason,
        });
    }
    let sealed = row.sealed.unwrap_or_default();
    let content = content_of(connection, wrapping, person, (row.revision, &sealed))?;
    Ok(Shown {
        person: person.clone(),
        content,
        revision: row.revision,
        added_at: row.added_at,
        updated_at: row.updated_at,
    })
}

/// Opens the sealed content of a person.
pub(crate) fn content_of(
    connection: &Connection,
    wrapping: &SealKey,
    person: &OpaqueRef,
    (revision, sealed): (u64, &[u8]),
) -> Result<Content, PersonsError> {
    let wrapped = rows::data_key(connection, person)?
        .ok_or_else(|| PersonsError::KeyMissing(person.clone()))?;
    let place = record_place(person, revision);
    let damaged = || PersonsError::Damaged {
        what: place.clone(),
    };
    let data_key =
        SealKey::of(&wrapping.open(&key_place(person), &wrapped)?).ok_or_else(damaged)?;
    let opened = data_key.open(&place, sealed)?;
    unpadded(&opened)
        .and_then(Content::from_bytes)
        .ok_or_else(damaged)
}
