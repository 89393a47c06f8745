//! What the machine was: cores, processor, load, and above all how long the disk takes to sync.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::bench::figures::{Spread, micros};
use crate::bench::raw::zero_filled;
use crate::failure::Failure;

/// Syncs that are timed: enough for a median, fewer than a second on a slow disk.
const SYNCS: usize = 200;
/// Bytes written before each sync: a small group commit.
const SYNC_BYTES: usize = 4_096;

/// The machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    memory_mib: u64,
    load: String,
    fdatasync_us: Spread<u64>,
}

impl Machine {
    /// Looks at the machine; times syncs of a file inside `dir`.
    ///
    /// # Errors
    /// When `dir` cannot be written.
    pub(crate) fn look(dir: &Path) -> Result<Self, Failure> {
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field_of("/proc/cpuinfo", "model name")
                .unwrap_or_else(|| "unknown".to_owned()),
            memory_mib: memory_mib(),
            load: load(),
            fdatasync_us: fdatasync_us(dir)?,
        })
    }

    /// In one line.
    pub(crate) fn text(&self) -> String {
        format!(
            "{} cores, {}, {} MiB; fdatasync of 4 KiB {} µs ({}–{}); load at the start {}",
            self.cores,
            self.processor,
            self.memory_mib,
            self.fdatasync_us.median,
            self.fdatasync_us.min,
            self.fdatasync_us.max,
            self.load
        )
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "cores": self.cores,
            "processor": self.processor,
            "memory_mib": self.memory_mib,
            "load": self.load,
            "fdatasync_us": self.fdatasync_us.json(Value::from),
        })
    }
}

/// Times a write of 4 KiB and its sync into a file that was filled before, as the log does it.
fn fdatasync_us(dir: &Path) -> Result<Spread<u64>, Failure> {
    let path = dir.join("sync-probe");
    let file = zero_filled(&path, u64::try_from(SYNCS * SYNC_BYTES).unwrap_or(u64::MAX))?;
    let times = timed_syncs(&file).map_err(|error| Failure::file("syncing", &path, &error))?;
    // It goes with the folder at the latest.
    let _ = std::fs::remove_file(&path);
    let nothing = Spread {
        median: 0,
        min: 0,
        max: 0,
    };
    Ok(Spread::of(times).unwrap_or(nothing))
}

fn timed_syncs(file: &File) -> std::io::Result<Vec<u64>> {
    let block = [0x5a_u8; SYNC_BYTES];
    let mut times = Vec::with_capacity(SYNCS);
    let mut at = 0_u64;
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all_at(&block, at)?;
        file.sync_data()?;
        times.push(micros(began.elapsed()));
        at += 4_096;
    }
    Ok(times)
}

/// The value of `name : value` in a file of the kernel's.
fn field_of(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_mib() -> u64 {
    let total = field_of("/proc/meminfo", "MemTotal");
    let kib = total.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or(0, |kib| kib / 1_024)
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Time on processors, milliseconds.
    pub(crate) cpu_ms: u64,
    /// Resident memory, KiB.
    pub(crate) resident_kib: u64,
}

/// Clock ticks of the kernel's accounting per second, the same on every Linux.
const TICKS_PER_SECOND: u64 = 100;

impl Usage {
    /// Of the process with this id; zeros where the kernel does not tell.
    pub(crate) fn of(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name may hold spaces; what follows it does not.
        let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
        let ticks: u64 = behind
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|n| n.parse::<u64>().ok())
            .sum();
        let resident = field_of(&format!("/proc/{pid}/status"), "VmRSS");
        let resident =
            resident.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        Self {
            cpu_ms: ticks * 1_000 / TICKS_PER_SECOND,
            resident_kib: resident.unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_cores_and_a_disk_that_takes_time() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::look(dir.path()).unwrap();
        assert!(machine.cores >= 1);
        assert!(machine.fdatasync_us.min <= machine.fdatasync_us.median);
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            0,
            "the probe is removed"
        );
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(Usage::of(std::process::id()).resident_kib > 100);
        assert_eq!(
            Usage::of(u32::MAX),
            Usage {
                cpu_ms: 0,
                resident_kib: 0
            }
        );
    }
}
