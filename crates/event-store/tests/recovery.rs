//! Stories of what a log finds when it is opened: torn ends, damage, missing files, strangers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod common;

use std::sync::Arc;

use common::{commit, everything, name, options, part, spoil, write_many};
use event_store::embedded::{Disk, LogCore, OpenError, OpenOptions, verify};
use event_store::sim::SimDisk;
use event_store::{AppendError, Commit, Direction, Expected, ManualClock, ReadError};

const FIRST: &str = "segment-0000000001.log";

fn as_disk(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// A closed log with `count` events in one stream.
fn log_of(count: usize) -> SimDisk {
    let disk = SimDisk::new(1);
    let mut core = LogCore::open(&options(&disk)).unwrap();
    write_many(&mut core, "account-1", count);
    disk
}

fn refusal(disk: &SimDisk) -> OpenError {
    LogCore::open(&options(disk))
        .err()
        .expect("the log does not open")
}

/// Offsets of the frames of a segment file.
fn frames(disk: &SimDisk, file: &str) -> Vec<usize> {
    let bytes = disk.bytes_of(file).unwrap();
    let starts = (0..bytes.len() / 8).map(|i| i * 8);
    starts
        .filter(|at| bytes[*at..].starts_with(b"ULF1"))
        .collect()
}

#[test]
fn an_empty_directory_becomes_a_store_and_opens_again_as_the_same() {
    let disk = SimDisk::new(1);
    let core = LogCore::open(&options(&disk)).unwrap();
    assert!(core.report().created);
    let id = core.reader().store_id();
    assert_eq!(core.reader().tail(), None);
    drop(core);
    let core = LogCore::open(&options(&disk)).unwrap();
    assert!(!core.report().created);
    assert_eq!(core.reader().store_id(), id);
}

#[test]
fn an_append_that_a_crash_cut_short_is_removed_and_reported() {
    let disk = log_of(3);
    let end = LogCore::open(&options(&disk)).unwrap().stats().bytes as usize;
    spoil(&disk, FIRST, end, b"ULF1\x44\x01\x01\x01half of a frame");
    let disk_before = disk.bytes_of(FIRST).unwrap();
    let verified = verify(&as_disk(&disk), &mut |_, _| {}).unwrap();
    assert_eq!(
        verified.unfinished_bytes, 23,
        "verify says so and changes nothing"
    );
    assert_eq!(disk.bytes_of(FIRST).unwrap(), disk_before);

    let core = LogCore::open(&options(&disk)).unwrap();
    let cut = core.report().truncated.clone().expect("reported");
    assert_eq!(
        (cut.segment.as_str(), cut.offset, cut.bytes),
        (FIRST, end as u64, 23)
    );
    assert!(
        core.report().to_string().contains("cut short by a crash"),
        "{}",
        core.report()
    );
    assert_eq!(everything(&core.reader()).len(), 3);
    drop(core);
    assert_eq!(
        verify(&as_disk(&disk), &mut |_, _| {})
            .unwrap()
            .unfinished_bytes,
        0
    );
}

#[test]
fn an_invalid_frame_with_a_valid_one_behind_it_is_damage_and_nothing_is_changed() {
    let disk = log_of(4);
    let frames = frames(&disk, FIRST);
    spoil(&disk, FIRST, frames[2] + 90, b"\xFF");
    let before = disk.bytes_of(FIRST).unwrap();
    let OpenError::Damaged { damage, .. } = refusal(&disk) else {
        panic!("damage")
    };
    assert_eq!(
        (damage.file.as_str(), damage.offset),
        (FIRST, frames[2] as u64)
    );
    assert!(
        damage
            .to_string()
            .contains(&format!("valid frame begins at byte {}", frames[3])),
        "{damage}"
    );
    assert!(
        damage.to_string().contains("restore"),
        "it says what to do: {damage}"
    );
    assert_eq!(disk.bytes_of(FIRST).unwrap(), before);
    assert!(matches!(
        verify(&as_disk(&disk), &mut |_, _| {}),
        Err(OpenError::Damaged { .. })
    ));
}

#[test]
fn zeros_in_place_of_a_frame_that_has_one_behind_it_are_damage() {
    let disk = log_of(4);
    let frames = frames(&disk, FIRST);
    let mut bytes = disk.bytes_of(FIRST).unwrap();
    bytes[frames[1]..frames[2]].fill(0);
    disk.overwrite(FIRST, &bytes);
    let OpenError::Damaged { damage, .. } = refusal(&disk) else {
        panic!("damage")
    };
    assert_eq!(damage.offset, frames[1] as u64);
}

#[test]
fn a_frame_exchanged_for_an_equally_valid_one_breaks_the_chain() {
    let (one, two) = (log_of(3), SimDisk::new(1));
    // The same store up to the time of recording: every checksum holds, only the hashes differ.
    let id = LogCore::open(&options(&one))
        .unwrap()
        .reader()
        .store_id()
        .id;
    let mut later = options(&two).clock(Arc::new(ManualClock::new(900)));
    later.store_id = Some(id);
    write_many(&mut LogCore::open(&later).unwrap(), "account-1", 3);
    let (place, mut bytes) = (frames(&one, FIRST), one.bytes_of(FIRST).unwrap());
    let other = two.bytes_of(FIRST).unwrap();
    bytes[place[0]..place[1]].copy_from_slice(&other[place[0]..place[1]]);
    one.overwrite(FIRST, &bytes);
    let OpenError::Damaged { damage, .. } = refusal(&one) else {
        panic!("damage")
    };
    assert_eq!(damage.offset, place[1] as u64);
    assert!(damage.what.contains("hash of the one before"), "{damage}");
}

#[test]
fn a_witness_beyond_the_end_stops_the_log_from_opening_until_the_older_state_is_accepted() {
    let disk = log_of(3);
    let open = |at: u64| LogCore::open(&options(&disk).witness("read store \"main\"", at));
    assert!(open(2).is_ok(), "the newest position is there");
    let error = open(3).err().expect("position 3 is missing");
    let text = error.to_string();
    assert!(
        text.contains("read store \"main\" has seen position 3, but the log ends at position 2"),
        "{text}"
    );

    let mut older = options(&disk).witness("backup", 3);
    older.accept_older = true;
    let core = LogCore::open(&older).unwrap();
    assert!(core.report().new_epoch);
    assert_eq!(core.reader().store_id().epoch, 1);
    drop(core);
    assert_eq!(
        open(2).unwrap().reader().store_id().epoch,
        1,
        "the epoch is kept"
    );
}

#[test]
fn a_log_that_a_witness_has_seen_is_not_begun_anew_where_it_is_missing() {
    let disk = SimDisk::new(7);
    let seen = options(&disk).witness("read store", 3);
    for _ in 0..2 {
        let Err(error) = LogCore::open(&seen) else {
            panic!("an empty log took the place of a missing one")
        };
        assert!(
            error.to_string().contains("the log ends at nothing"),
            "{error}"
        );
        assert!(
            !disk.list().unwrap().iter().any(|name| name == "store"),
            "a stranger was left behind for the next start to find"
        );
    }
    let mut anew = options(&disk).witness("read store", 3);
    anew.accept_older = true;
    assert!(LogCore::open(&anew).unwrap().report().created);
}

#[test]
fn a_torn_end_is_kept_as_it_is_while_a_witness_lies_beyond_it() {
    let disk = log_of(3);
    let last = *frames(&disk, FIRST).last().unwrap();
    spoil(&disk, FIRST, last + 100, b"\xFF");
    let before = disk.bytes_of(FIRST).unwrap();
    let seen = options(&disk).witness("outbox", 2);
    assert!(matches!(
        LogCore::open(&seen),
        Err(OpenError::WitnessBeyond { .. })
    ));
    assert_eq!(disk.bytes_of(FIRST).unwrap(), before);
    assert!(
        LogCore::open(&options(&disk))
            .unwrap()
            .report()
            .truncated
            .is_some()
    );
}

#[test]
fn a_missing_or_broken_index_is_built_again() {
    let disk = log_of(200);
    let index = "segment-0000000002.idx";
    let whole = disk.bytes_of(index).expect("sealed");
    disk.remove(index).unwrap();
    let core = LogCore::open(&options(&disk)).unwrap();
    assert_eq!(core.report().indexes_rebuilt, [2]);
    drop(core);
    assert_eq!(
        disk.bytes_of(index).unwrap(),
        whole,
        "it follows from the segment"
    );
    spoil(&disk, index, 20, b"\xFF");
    assert_eq!(
        LogCore::open(&options(&disk))
            .unwrap()
            .report()
            .indexes_rebuilt,
        [2]
    );
}

#[test]
fn a_damaged_page_of_an_index_is_noticed_when_read_and_named_by_verify() {
    let disk = log_of(200);
    let index = "segment-0000000002.idx";
    spoil(&disk, index, 2 * 4096 + 3, b"\xFF");
    let core = LogCore::open(&options(&disk)).unwrap();
    let read = core
        .reader()
        .read_stream(&name("account-1"), 0, Direction::Forwards, 1000);
    let Err(ReadError::Damaged(text)) = read else {
        panic!("{read:?}")
    };
    assert!(
        text.contains(index) && text.contains("remove this file"),
        "{text}"
    );
    drop(core);
    let Err(OpenError::Damaged { damage, .. }) = verify(&as_disk(&disk), &mut |_, _| {}) else {
        panic!("damage")
    };
    assert_eq!(damage.file, index);
}

#[test]
fn damage_in_a_sealed_segment_is_noticed_when_read_and_found_by_verify() {
    let disk = log_of(200);
    let frames = frames(&disk, FIRST);
    spoil(&disk, FIRST, frames[3] + 70, b"\xFF");
    let core = LogCore::open(&options(&disk)).unwrap();
    let read = core.reader().read_all(None, Direction::Forwards, 1000);
    let Err(ReadError::Damaged(text)) = read else {
        panic!("{read:?}")
    };
    assert!(text.contains(FIRST), "{text}");
    let newest = core
        .reader()
        .read_all(None, Direction::Backwards, 5)
        .unwrap();
    assert_eq!(newest.len(), 5, "the rest is still read");
    drop(core);
    let Err(OpenError::Damaged { damage, .. }) = verify(&as_disk(&disk), &mut |_, _| {}) else {
        panic!("damage")
    };
    assert_eq!(
        (damage.file.as_str(), damage.offset),
        (FIRST, frames[3] as u64)
    );
}

#[test]
fn a_segment_cut_short_missing_renamed_or_of_another_store_is_refused_by_name() {
    type Harm = fn(&SimDisk);
    let cases: [(&str, Harm, &str); 6] = [
        (
            "cut short",
            |d| d.overwrite(FIRST, &d.bytes_of(FIRST).unwrap()[..1000]),
            "cut short",
        ),
        (
            "cut inside its header",
            |d| d.overwrite(FIRST, &d.bytes_of(FIRST).unwrap()[..100]),
            "cut short",
        ),
        (
            "missing",
            |d| d.remove("segment-0000000002.log").unwrap(),
            "segment-0000000002.log is damaged at byte 0: the file is missing",
        ),
        (
            "renamed",
            |d| d.overwrite("segment-0000000002.log", &d.bytes_of(FIRST).unwrap()),
            "is segment 1, renamed",
        ),
        (
            "another's",
            |d| d.overwrite(FIRST, &log_of(3).bytes_of(FIRST).unwrap()),
            "another store's",
        ),
        (
            "without identity",
            |d| d.remove("store").unwrap(),
            "store is damaged at byte 0: the file is missing",
        ),
    ];
    for (case, harm, wanted) in cases {
        let disk = log_of(200);
        harm(&disk);
        let text = refusal(&disk).to_string();
        assert!(text.contains(wanted), "{case}: {text}");
    }
}

#[test]
fn a_directory_of_something_else_is_refused_and_left_alone() {
    let disk = SimDisk::new(1);
    disk.overwrite("holiday.jpg", b"sun");
    let error = refusal(&disk);
    assert!(
        matches!(&error, OpenError::Foreign { found, .. } if found == "holiday.jpg"),
        "{error}"
    );
    assert_eq!(disk.list().unwrap(), ["holiday.jpg"]);
}

#[test]
fn a_store_of_a_newer_format_is_refused_by_its_number() {
    for file in ["store", FIRST] {
        let disk = log_of(1);
        spoil(&disk, file, 8, b"\x02");
        let error = refusal(&disk);
        assert!(
            matches!(
                &error,
                OpenError::Newer {
                    version: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_failed_sync_leaves_the_answer_in_doubt_and_stops_the_log() {
    let disk = log_of(2);
    let mut core = LogCore::open(&options(&disk)).unwrap();
    disk.fail_sync_after(0);
    let doubtful = commit("account-1", Expected::Exact(1), &["doubtful"]);
    let answers = core.commit_group(&[
        doubtful.clone(),
        commit("account-1", Expected::Exact(7), &["wrong"]),
    ]);
    assert!(
        matches!(answers[0], Err(AppendError::InDoubt(_))),
        "{answers:?}"
    );
    assert!(
        matches!(answers[1], Err(AppendError::Stopped(_))),
        "judged on what is in doubt: {answers:?}"
    );
    let later = core.commit_group(&[commit("other", Expected::NoStream, &["later"])]);
    assert!(
        matches!(&later[0], Err(AppendError::Stopped(why)) if why.contains("opened again")),
        "{later:?}"
    );
    assert_eq!(
        everything(&core.reader()).len(),
        2,
        "readers see what is durable"
    );
    drop(core);

    // The page cache still shows the bytes; opening makes them durable before it counts them.
    let mut core = LogCore::open(&options(&disk)).unwrap();
    assert_eq!(everything(&core.reader()).len(), 3);
    let again = core.commit_group(&[doubtful]);
    assert!(
        matches!(
            again[0],
            Err(AppendError::WrongExpectedRevision {
                actual: Some(2),
                ..
            })
        ),
        "{again:?}"
    );
    drop(core);
    let after = LogCore::open(&options(&disk.power_cut(event_store::sim::PowerCut::Lost))).unwrap();
    assert_eq!(
        everything(&after.reader()).len(),
        3,
        "what was counted survives"
    );
}

#[test]
fn a_full_disk_refuses_appends_keeps_room_for_the_reserved_and_recovers() {
    let disk = SimDisk::new(1);
    let mut core = LogCore::open(&options(&disk).reserve_bytes(4096)).unwrap();
    disk.limit_bytes(Some(disk.used_bytes()));
    let mut written = 0;
    let why = loop {
        match core
            .commit_group(&[commit("account-1", Expected::Any, &["filling the disk"])])
            .remove(0)
        {
            Ok(_) => written += 1,
            Err(AppendError::Stopped(why)) => break why,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(why.contains("make room"), "{why}");
    assert!(
        written > 10,
        "what was made ahead is used up first: {written}"
    );
    assert!(
        core.commit_reserved(&[commit("stop", Expected::NoStream, &["stopping: disk full"])])[0]
            .is_ok()
    );
    let still = core.commit_group(&[commit("account-1", Expected::Any, &["ordinary"])]);
    assert!(
        matches!(still[0], Err(AppendError::Stopped(_))),
        "the reserve is not for everyone: {still:?}"
    );
    assert_eq!(everything(&core.reader()).len(), written + 1);

    disk.limit_bytes(None);
    assert!(core.commit_group(&[commit("account-1", Expected::Any, &["room again"])])[0].is_ok());
    drop(core);
    let core = LogCore::open(&options(&disk).reserve_bytes(4096)).unwrap();
    assert_eq!(everything(&core.reader()).len(), written + 2);
    drop(core);
    verify(&as_disk(&disk), &mut |_, _| {}).unwrap();
}

#[test]
fn the_time_of_recording_does_not_run_backwards_over_a_restart() {
    let disk = log_of(1);
    let mut core = LogCore::open(&options(&disk).clock(Arc::new(ManualClock::new(5)))).unwrap();
    let answers = core.commit_group(&[commit("b", Expected::NoStream, &["x"])]);
    assert_eq!(answers[0].as_ref().unwrap().recorded_at_ms, Some(1_000));
}

#[test]
fn a_commit_larger_than_a_segment_gets_a_segment_of_its_own() {
    let disk = log_of(1);
    let mut core = LogCore::open(&options(&disk)).unwrap();
    let text = "x".repeat(300_000);
    let large = Commit {
        appends: vec![
            part("big", Expected::NoStream, &[&text, &text]),
            part("more", Expected::NoStream, &["y"]),
        ],
    };
    assert!(core.commit_group(&[large])[0].is_ok());
    write_many(&mut core, "account-1", 50);
    drop(core);
    let core = LogCore::open(&options(&disk)).unwrap();
    let big = core
        .reader()
        .read_stream(&name("big"), 0, Direction::Forwards, 10)
        .unwrap();
    assert_eq!(
        big.iter().map(|e| e.data.len()).collect::<Vec<_>>(),
        [300_011, 300_011]
    );
    drop(core);
    let verified = verify(&as_disk(&disk), &mut |_, _| {}).unwrap();
    assert_eq!((verified.events, verified.streams), (54, 3));
}

#[test]
fn verify_tells_how_far_it_is() {
    let disk = log_of(200);
    let mut seen = Vec::new();
    let verified = verify(&as_disk(&disk), &mut |done, total| seen.push((done, total))).unwrap();
    assert!(seen.is_sorted() && seen.len() > 10);
    let last = *seen.last().unwrap();
    assert_eq!(last.0, last.1, "it ends at the end");
    let core = LogCore::open(&options(&disk)).unwrap();
    let stats = core.stats();
    assert_eq!(
        (verified.events, verified.segments, verified.bytes),
        (stats.events, stats.segments, stats.bytes)
    );
    assert_eq!(verified.chain_hash, stats.chain_hash);
}

#[test]
fn settings_out_of_range_are_refused() {
    let disk = SimDisk::new(1);
    for bytes in [0, 4095, 3 << 30] {
        let error = LogCore::open(&options(&disk).segment_bytes(bytes))
            .err()
            .expect("refused");
        assert!(
            matches!(
                error,
                OpenError::BadSetting {
                    name: "segment_bytes",
                    ..
                }
            ),
            "{error}"
        );
    }
    let _ = OpenOptions::disk(as_disk(&disk));
}
