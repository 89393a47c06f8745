//! The registry as a file, so that a start does not read the whole log.
//!
//! A cache and never a source: it names the store, its epoch and the position up to which it was folded,
//! and carries a digest. One that is missing, damaged or of another store is ignored with a log line, and
//! the log is read instead. Written beside and renamed, so that a crash leaves the old one.
//!
//! The form: one line of JSON that says what follows, then one line a meter, one line a number given later, one line a move.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use event_store::{Position, StoreId};
use ledger_core::ids::{AccountId, MeterNumber};
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::directory::{Directory, Entry, Holder};
use crate::moves::{Move, Moves};
use crate::numbers::Numbers;
use crate::task::account_stream;

/// Version of the form; another one is ignored.
const FORM: u32 = 2;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) store: StoreId,
    /// Everything up to here is in it.
    pub(crate) checkpoint: Option<Position>,
    pub(crate) directory: Directory,
    pub(crate) moves: Moves,
    pub(crate) numbers: Numbers,
}

/// Why a file was not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Unfit(String),
}

#[derive(Serialize, Deserialize)]
struct Head {
    form: u32,
    store: Uuid,
    epoch: u64,
    checkpoint: Option<(u64, u64)>,
    meters: usize,
    numbers: usize,
    /// BLAKE3 of everything after this line, hexadecimal.
    digest: String,
}

/// One holder: account, utility, from, until.
type HolderRow = (AccountId, Utility, Timestamp, Option<Timestamp>);
/// One meter: number, revision, holders, oldest first.
type MeterRow = (MeterNumber, u64, Vec<HolderRow>);
/// One number that was given later: number, account.
type NumberRow = (AccountId, AccountId);
/// One move.
type MoveRow = (AccountId, Move);

/// Writes a file, replacing the one before.
pub(crate) fn write(path: &Path, image: &Image) -> Result<(), FileError> {
    let body = body_of(image)?;
    let head = Head {
        form: FORM,
        store: image.store.id,
        epoch: image.store.epoch,
        checkpoint: image
            .checkpoint
            .map(|position| (position.commit, position.prepare)),
        meters: image.directory.len(),
        numbers: image.numbers.len(),
        digest: blake3::hash(&body).to_hex().to_string(),
    };
    let beside = path.with_extension("new");
    let mut file = BufWriter::new(File::create(&beside)?);
    line(&mut file, &head)?;
    file.write_all(&body)?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    std::fs::rename(&beside, path)?;
    Ok(())
}

/// Reads a file of this store; `None` when there is none.
pub(crate) fn read(path: &Path, store: StoreId) -> Result<Option<Image>, FileError> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let end = bytes
        .iter()
        .position(|b| *b == b'\n')
        .ok_or_else(|| unfit("it has no head"))?;
    let (head, body) = bytes.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let head: Head =
        serde_json::from_slice(head).map_err(|error| unfit(&format!("its head: {error}")))?;
    if head.form != FORM {
        return Err(unfit("it was written by another version"));
    }
    if (head.store, head.epoch) != (store.id, store.epoch) {
        return Err(unfit("it was made from another store or epoch"));
    }
    if blake3::hash(body).to_hex().as_str() != head.digest {
        return Err(unfit("its digest differs"));
    }
    let (directory, numbers, moves) = parse(body, (head.meters, head.numbers))?;
    let checkpoint = head
        .checkpoint
        .map(|(commit, prepare)| Position { commit, prepare });
    Ok(Some(Image {
        store,
        checkpoint,
        directory,
        moves,
        numbers,
    }))
}

fn unfit(what: &str) -> FileError {
    FileError::Unfit(what.to_owned())
}

fn line<T: Serialize>(out: &mut impl Write, row: &T) -> Result<(), FileError> {
    serde_json::to_writer(&mut *out, row).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}

fn body_of(image: &Image) -> Result<Vec<u8>, FileError> {
    let mut body = Vec::new();
    for (meter, entry) in image.directory.entries() {
        let holders = entry.older.iter().chain([&entry.newest]);
        let holders = holders
            .map(|h| (h.account.clone(), h.utility, h.from, h.until))
            .collect();
        let row: MeterRow = (meter.clone(), entry.revision, holders);
        line(&mut body, &row)?;
    }
    for row in image.numbers.iter() {
        line(&mut body, &row)?;
    }
    for (from, on_its_way) in image.moves.iter() {
        let row: MoveRow = (from.clone(), on_its_way.clone());
        line(&mut body, &row)?;
    }
    Ok(body)
}

fn parse(
    body: &[u8],
    (meters, numbered): (usize, usize),
) -> Result<(Directory, Numbers, Moves), FileError> {
    let mut directory = Directory::default();
    let mut numbers = Numbers::default();
    let mut moves = Moves::default();
    let rows = body.split(|b| *b == b'\n').filter(|row| !row.is_empty());
    for (place, row) in rows.enumerate() {
        if place < meters {
            let (meter, revision, holders): MeterRow = from_json(row)?;
            directory.restore(meter, entry_of(revision, holders)?);
        } else if place < meters + numbered {
            let (number, account): NumberRow = from_json(row)?;
            numbers.give(&number, &account);
        } else {
            let (from, on_its_way): MoveRow = from_json(row)?;
            moves.insert(from, on_its_way);
        }
    }
    Ok((directory, numbers, moves))
}

fn from_json<'a, T: Deserialize<'a>>(row: &'a [u8]) -> Result<T, FileError> {
    serde_json::from_slice(row).map_err(|error| unfit(&format!("a row: {error}")))
}

fn entry_of(revision: u64, rows: Vec<HolderRow>) -> Result<Entry, FileError> {
    let mut older: Vec<Holder> = rows
        .into_iter()
        .map(|(account, utility, from, until)| {
            let stream = account_stream(&account);
            Holder {
                account,
                stream,
                utility,
                from,
                until,
            }
        })
        .collect();
    let newest = older.pop().ok_or_else(|| unfit("a meter without holder"))?;
    Ok(Entry {
        revision,
        newest,
        older,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::event::{MeterClaimed, MeterEvent, MeterReleased};
    use ledger_core::num::Money;

    fn image() -> Image {
        let mut directory = Directory::default();
        let account = |name: &str| AccountId::parse(name).unwrap();
        let m = MeterNumber::parse("E1").unwrap();
        let t = |ms| Timestamp::from_millis(ms);
        let claimed = MeterClaimed {
            m: m.clone(),
            account: account("a"),
            u: Utility::Electricity,
            t: t(5),
        };
        directory.apply(0, &MeterEvent::MeterClaimed(claimed.clone()));
        directory.apply(
            1,
            &MeterEvent::MeterReleased(MeterReleased {
                m,
                account: account("a"),
                t: t(9),
            }),
        );
        directory.apply(
            2,
            &MeterEvent::MeterClaimed(MeterClaimed {
                account: account("b"),
                t: t(9),
                ..claimed
            }),
        );
        let mut moves = Moves::default();
        let credit = vec![(Utility::Water, Money::from_cents(150))];
        moves.insert(
            account("a"),
            Move {
                to: account("b"),
                credit,
            },
        );
        let store = StoreId {
            id: Uuid::from_u128(7),
            epoch: 3,
        };
        let checkpoint = Some(Position {
            commit: 41,
            prepare: 41,
        });
        let mut numbers = Numbers::default();
        numbers.give(&account("22-1"), &account("a"));
        Image {
            store,
            checkpoint,
            directory,
            moves,
            numbers,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry");
        assert!(
            read(&path, image().store).unwrap().is_none(),
            "no file is no image"
        );
        write(&path, &image()).unwrap();
        assert_eq!(read(&path, image().store).unwrap(), Some(image()));
    }

    #[test]
    fn a_file_of_another_store_or_epoch_or_a_damaged_one_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry");
        write(&path, &image()).unwrap();
        let other = StoreId {
            epoch: 4,
            ..image().store
        };
        assert!(
            read(&path, other)
                .unwrap_err()
                .to_string()
                .contains("another store or epoch")
        );
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 5;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(
            read(&path, image().store)
                .unwrap_err()
                .to_string()
                .contains("digest")
        );
    }
}
