//! Opening a log: what is read, checked and mended before it serves (`FORMAT.md`, "What opening does").

use std::sync::{Arc, RwLock};

use super::disk::{Disk, DiskLock};
use super::error::{LogError, OpenError};
use super::files::Files;
use super::identity::{read_or_create, refuse_foreign, take_lock, write_store_tmp};
use super::index_build::{IndexHead, encode_index};
use super::index_file::IndexFile;
use super::index_memory::MemoryIndex;
use super::layout::{
    Chain, RESERVE_FILE, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES, STORE_FILE,
    STORE_TMP, SegmentHeader, StoreFile, TMP_ENDING, is_spare, segment_name, segment_number,
    spare_name,
};
use super::options::{OpenOptions, Report, Truncated, Witness};
use super::output::write_index;
use super::scan::{FrameScanner, ScannedFrame, Step, Window};
use super::segment::Segment;
use super::shared::Shared;
use super::spares::{Sizes, Spare};
use super::stage::Start;
use super::wire::{FORMAT_VERSION, seed_of, to_usize};
use crate::port::StreamName;

/// An opened log, nothing running yet.
pub(crate) struct Opened {
    pub(crate) shared: Arc<Shared>,
    pub(crate) active: Arc<Segment>,
    pub(crate) start: Start,
    pub(crate) file: Arc<dyn super::disk::DiskFile>,
    pub(crate) report: Report,
    pub(crate) lock: Box<dyn DiskLock>,
    pub(crate) found: (Option<Spare>, bool),
}

/// Opens or creates the log of a directory.
pub(crate) fn open(options: &OpenOptions) -> Result<Opened, OpenError> {
    check_settings(options)?;
    let disk = options.disk.as_ref();
    let dir = disk.describe();
    let lock = take_lock(disk)?;
    let names = disk
        .list()
        .map_err(LogError::io("listing the directory"))
        .map_err(|e| e.into_open(&dir, FORMAT_VERSION))?;
    refuse_foreign(&dir, &names)?;
    refuse_to_begin_anew(options, &dir, &names)?;
    let opening = || -> Result<Opening<'_>, LogError> {
        let (store, created) = read_or_create(options, &names)?;
        let mut opening = Opening::new(options, store, created);
        opening.read_segments()?;
        Ok(opening)
    };
    let mut opening = opening().map_err(|e| e.into_open(&dir, FORMAT_VERSION))?;
    let beyond = opening.compare(&options.witnesses);
    if let (Some(witness), false) = (beyond, options.accept_older) {
        let end = opening.end.chain.next_position.checked_sub(1);
        return Err(OpenError::WitnessBeyond {
            dir,
            witness: witness.name.clone(),
            seen: witness.position,
            end: end.map_or_else(|| "nothing".to_owned(), |p| format!("position {p}")),
        });
    }
    opening
        .mend(beyond.is_some())
        .and_then(|()| opening.finish(lock))
        .map_err(|e| e.into_open(&dir, FORMAT_VERSION))
}

/// A log that others have seen is never begun anew: with its directory gone, or its disk not mounted, an
/// empty one would take its place and its readers would meet a stranger.
fn refuse_to_begin_anew(
    options: &OpenOptions,
    dir: &str,
    names: &[String],
) -> Result<(), OpenError> {
    let seen = options.witnesses.iter().max_by_key(|w| w.position);
    match seen {
        Some(witness) if !options.accept_older && names.iter().all(|n| !is_of_a_store(n)) => {
            Err(OpenError::WitnessBeyond {
                dir: dir.to_owned(),
                witness: witness.name.clone(),
                seen: witness.position,
                end: "nothing".to_owned(),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a file says that a store was here, so that its absence is another fault's to tell.
fn is_of_a_store(name: &str) -> bool {
    name == STORE_FILE || segment_number(name).is_some()
}

fn check_settings(options: &OpenOptions) -> Result<(), OpenError> {
    let range = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
    if !range.contains(&options.segment_bytes) {
        let value = options.segment_bytes;
        return Err(OpenError::BadSetting {
            name: "segment_bytes",
            value,
            must: "4 KiB to 2 GiB",
        });
    }
    if options.reserve_bytes != 0 && !range.contains(&options.reserve_bytes) {
        let value = options.reserve_bytes;
        return Err(OpenError::BadSetting {
            name: "reserve_bytes",
            value,
            must: "0, or 4 KiB to 2 GiB",
        });
    }
    Ok(())
}

/// The header of a segment whose file has the length it says.
pub(crate) fn read_header(
    files: &Files,
    seed: u32,
    number: u64,
) -> Result<SegmentHeader, LogError> {
    let name = segment_name(number);
    let file = files.get(&name)?;
    let length = file
        .len()
        .map_err(LogError::io(format!("reading the length of {name}")))?;
    let mut bytes = vec![0; SEGMENT_HEADER_BYTES.min(to_usize(length))];
    file.read_at(&mut bytes, 0)
        .map_err(LogError::io(format!("reading {name}")))?;
    if bytes.len() < SEGMENT_HEADER_BYTES {
        return Err(LogError::segment(
            &name,
            length,
            "the file ends inside its header: it was cut short",
        ));
    }
    let header = SegmentHeader::decode(&name, &bytes, seed, number)?;
    if length != header.capacity {
        let what = format!(
            "the file has {length} bytes, its header says {}: it was cut short or grown",
            header.capacity
        );
        return Err(LogError::segment(&name, length.min(header.capacity), what));
    }
    Ok(header)
}

/// Numbers of the segments of a directory, without gaps from 1.
pub(crate) fn segment_numbers(disk: &dyn Disk) -> Result<u64, LogError> {
    let names = disk.list().map_err(LogError::io("listing the directory"))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|n| segment_number(n)).collect();
    numbers.sort_unstable();
    for (expected, found) in (1u64..).zip(&numbers) {
        if expected != *found {
            return Err(LogError::segment(
                &segment_name(expected),
                0,
                "the file is missing",
            ));
        }
    }
    if numbers.is_empty() {
        return Err(LogError::segment(
            &segment_name(1),
            0,
            "the file is missing",
        ));
    }
    Ok(numbers.len() as u64)
}

/// One whole segment read and checked.
pub(crate) struct SegmentScan {
    pub(crate) index: MemoryIndex,
    pub(crate) chain: Chain,
    /// Where the last valid frame ends.
    pub(crate) end: u64,
    pub(crate) last: Option<ScannedFrame>,
    /// Why the scan ended before the zeros, if so.
    pub(crate) invalid: Option<&'static str>,
    pub(crate) scanner: FrameScanner,
}

/// Reads every frame of a segment; `advance` is told the offset now and then.
pub(crate) fn scan_segment(
    files: &Files,
    seed: u32,
    header: &SegmentHeader,
    advance: &mut dyn FnMut(u64),
) -> Result<SegmentScan, LogError> {
    let name = segment_name(header.number);
    let window = Window::new(&name, files.get(&name)?, header.capacity);
    let mut scanner = FrameScanner::new(window, seed, header.chain);
    let mut index = MemoryIndex::default();
    let mut last = None;
    let mut broken = None;
    let invalid = loop {
        let frame_offset = scanner.offset;
        let step = scanner.step(&mut |record, offset| {
            let at = super::wire::offset32(offset);
            index.pass(record.position, at, super::wire::offset32(frame_offset));
            let fits = StreamName::new(record.stream)
                .is_ok_and(|name| index.push(&name, record.revision, at));
            if !fits {
                broken.get_or_insert(offset);
            }
        })?;
        if let Some(offset) = broken {
            return Err(LogError::segment(
                &name,
                offset,
                "the record's revision does not follow the one before",
            ));
        }
        match step {
            Step::Frame(frame) => {
                advance(frame.end);
                last = Some(frame);
            }
            Step::End => break None,
            Step::Invalid(why) => break Some(why),
        }
    };
    Ok(SegmentScan {
        index,
        chain: scanner.chain,
        end: scanner.offset,
        last,
        invalid,
        scanner,
    })
}

struct Opening<'a> {
    options: &'a OpenOptions,
    files: Files,
    store: StoreFile,
    seed: u32,
    segments: Vec<Arc<Segment>>,
    end: Start,
    last: Option<ScannedFrame>,
    /// From where to where to write zeros.
    cut: Option<(u64, u64)>,
    report: Report,
}

impl<'a> Opening<'a> {
    fn new(options: &'a OpenOptions, store: StoreFile, created: bool) -> Self {
        Self {
            options,
            files: Files::new(Arc::clone(&options.disk)),
            store,
            seed: seed_of(store.id.id),
            segments: Vec::new(),
            end: Start {
                chain: Chain::default(),
                capacity: 0,
                offset: 0,
            },
            last: None,
            cut: None,
            report: Report {
                created,
                ..Report::default()
            },
        }
    }

    fn read_segments(&mut self) -> Result<(), LogError> {
        let count = segment_numbers(self.files.disk())?;
        let mut header = read_header(&self.files, self.seed, 1)?;
        for number in 1..count {
            let next = read_header(&self.files, self.seed, number.saturating_add(1))?;
            let segment = self.sealed(&header, &next)?;
            self.segments.push(Arc::new(segment));
            header = next;
        }
        self.read_active(&header)
    }

    fn sealed(
        &mut self,
        header: &SegmentHeader,
        next: &SegmentHeader,
    ) -> Result<Segment, LogError> {
        let wanted = IndexHead {
            store: self.store.id.id,
            number: header.number,
            first_position: header.chain.next_position,
            end: next.before_end,
            chain: next.chain,
        };
        match IndexFile::open(&self.files, self.seed, header.number) {
            Ok(index) if *index.head() == wanted => {
                Ok(Segment::sealed(header.number, Arc::new(index)))
            }
            Err(LogError::Newer { file, version }) => Err(LogError::Newer { file, version }),
            Ok(_) | Err(LogError::Damage(_) | LogError::Io { .. }) => {
                let scan = scan_segment(&self.files, self.seed, header, &mut |_| {})?;
                check_joint(&scan, header.number, next)?;
                let bytes = encode_index(self.seed, &wanted, &scan.index);
                let index = write_index(&self.files, self.seed, header.number, &bytes)?;
                self.report.indexes_rebuilt.push(header.number);
                Ok(Segment::sealed(header.number, Arc::new(index)))
            }
        }
    }

    fn read_active(&mut self, header: &SegmentHeader) -> Result<(), LogError> {
        let mut scan = scan_segment(&self.files, self.seed, header, &mut |_| {})?;
        let name = segment_name(header.number);
        if let Some(last) = unfinished_end(&mut scan, header.number)? {
            let bytes = last.saturating_sub(scan.end).saturating_add(1);
            self.cut = Some((scan.end, bytes));
            self.report.truncated = Some(Truncated {
                segment: name,
                offset: scan.end,
                bytes,
            });
        }
        self.end = Start {
            chain: scan.chain,
            capacity: header.capacity,
            offset: scan.end,
        };
        self.last = scan.last;
        let memory = Arc::new(RwLock::new(scan.index));
        let first = header.chain.next_position;
        self.segments.push(Arc::new(Segment::in_memory(
            header.number,
            first,
            memory,
            scan.end,
        )));
        Ok(())
    }

    /// The witness that has seen most, if it has seen more than there is.
    fn compare<'w>(&self, witnesses: &'w [Witness]) -> Option<&'w Witness> {
        let beyond = |w: &&Witness| w.position >= self.end.chain.next_position;
        witnesses.iter().filter(beyond).max_by_key(|w| w.position)
    }

    /// Cuts off an unfinished frame, makes the last one durable, removes what is unfinished.
    fn mend(&mut self, older_state: bool) -> Result<(), LogError> {
        let Some(active) = self.segments.last().map(Arc::clone) else {
            return Ok(());
        };
        let file = self.files.get(&active.name)?;
        let doing = || LogError::io(format!("mending {}", active.name));
        if let Some((offset, bytes)) = self.cut {
            file.write_at(&vec![0; to_usize(bytes)], offset)
                .map_err(doing())?;
        }
        if let Some(last) = &self.last {
            file.write_at(&last.bytes, last.offset).map_err(doing())?;
        }
        file.sync_data().map_err(doing())?;
        if older_state {
            self.store.id.epoch = self.store.id.epoch.saturating_add(1);
            self.report.new_epoch = true;
            let disk = self.files.disk();
            write_store_tmp(disk, &self.store)?;
            self.files.forget(STORE_FILE);
            disk.rename(STORE_TMP, STORE_FILE)
                .map_err(LogError::io("writing the store's identity"))?;
        }
        self.files
            .disk()
            .sync_dir()
            .map_err(LogError::io("syncing the directory"))
    }

    /// What was made ahead before and can be used; everything else unfinished is removed.
    fn collect(&self, active: u64) -> Result<(Option<Spare>, bool), LogError> {
        let disk = self.files.disk();
        let next = spare_name(active.saturating_add(1));
        let mut spare = None;
        let mut reserve = false;
        for name in disk.list().map_err(LogError::io("listing the directory"))? {
            let unfinished = name.ends_with(TMP_ENDING);
            if !unfinished && !is_spare(&name) && name != RESERVE_FILE {
                continue;
            }
            let length = disk
                .open(&name)
                .and_then(|f| f.len())
                .map_err(LogError::io(format!("opening {name}")))?;
            if !unfinished && name == next && length == self.options.segment_bytes {
                spare = Some(Spare {
                    name,
                    capacity: length,
                });
            } else if !unfinished && name == RESERVE_FILE && length == self.options.reserve_bytes {
                reserve = true;
            } else {
                disk.remove(&name)
                    .map_err(LogError::io(format!("removing {name}")))?;
            }
        }
        Ok((spare, reserve))
    }

    fn finish(mut self, lock: Box<dyn DiskLock>) -> Result<Opened, LogError> {
        let Some(active) = self.segments.last().map(Arc::clone) else {
            return Err(LogError::segment(
                &segment_name(1),
                0,
                "the file is missing",
            ));
        };
        let found = self.collect(active.number)?;
        let file = self.files.get(&active.name)?;
        let durable = self.end.chain.next_position;
        self.report.segments = self.segments.len() as u64;
        self.report.events = durable;
        let shared = Shared::new(self.store.id, self.seed, self.files, self.segments, durable);
        shared.newest.begin(self.end.chain.hash);
        Ok(Opened {
            shared: Arc::new(shared),
            active,
            start: self.end,
            file,
            report: self.report,
            lock,
            found,
        })
    }
}

/// The last byte of an unfinished append behind the last valid frame, if there is one. A valid frame there
/// means damage.
pub(crate) fn unfinished_end(scan: &mut SegmentScan, number: u64) -> Result<Option<u64>, LogError> {
    let Some(last) = scan.scanner.last_nonzero()? else {
        return Ok(None);
    };
    if let Some(behind) = scan.scanner.find_valid_behind(last)? {
        let why = scan.invalid.unwrap_or("zeros stand where a frame was");
        let what = format!(
            "{why}, but a valid frame begins at byte {behind}: acknowledged events are damaged"
        );
        return Err(LogError::segment(&segment_name(number), scan.end, what));
    }
    Ok(Some(last))
}

/// A sealed segment must end where, and as, the next one says.
pub(crate) fn check_joint(
    scan: &SegmentScan,
    number: u64,
    next: &SegmentHeader,
) -> Result<(), LogError> {
    let name = segment_name(number);
    if let Some(why) = scan.invalid {
        return Err(LogError::segment(&name, scan.end, why));
    }
    if scan.end != next.before_end || scan.chain != next.chain {
        let what = format!(
            "the segment ends here, but segment {} was begun behind byte {}",
            next.number, next.before_end
        );
        return Err(LogError::segment(&name, scan.end, what));
    }
    Ok(())
}

/// Sizes of what is made ahead.
pub(crate) fn sizes(options: &OpenOptions) -> Sizes {
    Sizes {
        segment: options.segment_bytes,
        reserve: options.reserve_bytes,
    }
}
