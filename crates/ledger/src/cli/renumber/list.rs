//! The file of old and new numbers, judged whole: what would give a number twice stops the job.

use std::collections::HashMap;
use std::path::Path;

use ledger_core::ids::AccountId;

use crate::cli::payments::csv::cells;
use crate::failure::Failure;
use crate::import::lines::{Line, Lines};

/// Most lines of one job: the meters of a country; about 500 MB of memory.
const LINES_MAX: usize = 4_000_000;
/// Faults that are told one by one; the others are counted.
const FAULTS_TOLD_MAX: usize = 20;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// Line in the file, from 1.
    pub(super) line: u64,
    /// Any number of the account.
    pub(super) old: String,
    /// The number it gets.
    pub(super) new: String,
}

/// Reads and judges the file.
///
/// # Errors
/// When it cannot be read, or any line is at fault: all of them are told, with their lines.
pub(super) fn read(path: &Path) -> Result<Vec<Pair>, Failure> {
    let mut lines = Lines::open(path)?;
    let columns = match lines.next() {
        Some(header) => Columns::of(&header?)?,
        None => return Err(bad_header("it is empty")),
    };
    let mut pairs = Vec::new();
    let mut faults = Vec::new();
    for line in lines {
        let line = line?;
        if line.text.trim().is_empty() && line.fault.is_none() {
            continue;
        }
        match columns.pair(&line) {
            Ok(pair) => pairs.push(pair),
            Err(why) => faults.push((line.number, why)),
        }
        if pairs.len() > LINES_MAX {
            return Err(at_fault(&[(
                line.number,
                format!("at most {LINES_MAX} lines"),
            )]));
        }
    }
    faults.extend(given_twice(&pairs));
    faults.sort();
    if faults.is_empty() {
        Ok(pairs)
    } else {
        Err(at_fault(&faults))
    }
}

fn at_fault(faults: &[(u64, String)]) -> Failure {
    let told: Vec<String> = faults
        .iter()
        .take(FAULTS_TOLD_MAX)
        .map(|(line, why)| format!("line {line}: {why}"))
        .collect();
    let more = faults.len().saturating_sub(told.len());
    let more = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    Failure::usage(
        "RENUMBER_FILE",
        format!("nothing was renumbered: {}{more}", told.join("; ")),
    )
    .advise("correct the file and run the job again")
}

fn bad_header(what: &str) -> Failure {
    Failure::usage(
        "RENUMBER_HEADER",
        format!("the header line of the file: {what}"),
    )
    .advise("the first line names the columns: old,new")
}

/// Where the columns stand.
struct Columns {
    old: usize,
    new: usize,
    count: usize,
}

impl Columns {
    fn of(header: &Line) -> Result<Self, Failure> {
        let text = header.text.trim_start_matches('\u{feff}');
        let names = cells(text).ok_or_else(|| bad_header("a quote is not closed"))?;
        let place = |name: &str| {
            let mut found = names.iter().enumerate().filter(|(_, n)| n.trim() == name);
            match (found.next(), found.next()) {
                (Some((place, _)), None) => Ok(place),
                (Some(_), Some(_)) => Err(bad_header(&format!("{name} stands there twice"))),
                (None, _) => Err(bad_header(&format!("{name} is missing"))),
            }
        };
        Ok(Self {
            old: place("old")?,
            new: place("new")?,
            count: names.len(),
        })
    }

    fn pair(&self, line: &Line) -> Result<Pair, String> {
        if let Some(fault) = &line.fault {
            return Err(fault.clone());
        }
        let cells = cells(&line.text).ok_or("a quote is not closed")?;
        if cells.len() != self.count {
            let (has, needs) = (cells.len(), self.count);
            return Err(format!("it has {has} columns, the header {needs}"));
        }
        let number = |place: usize| {
            let cell = cells.get(place).map_or("", |cell| cell.trim());
            AccountId::parse(cell).map_err(|error| error.to_string())
        };
        let (old, new) = (number(self.old)?, number(self.new)?);
        if old == new {
            return Err(format!("{old} is the old number and the new one"));
        }
        Ok(Pair {
            line: line.number,
            old: old.to_string(),
            new: new.to_string(),
        })
    }
}

/// Numbers that stand more than once: new twice, old twice, or old and new.
fn given_twice(pairs: &[Pair]) -> Vec<(u64, String)> {
    let mut olds: HashMap<&str, u64> = HashMap::with_capacity(pairs.len());
    let mut news: HashMap<&str, u64> = HashMap::with_capacity(pairs.len());
    let mut faults = Vec::new();
    for pair in pairs {
        if let Some(line) = olds.get(pair.old.as_str()) {
            faults.push((pair.line, format!("{} is old in line {line} too", pair.old)));
        } else {
            olds.insert(&pair.old, pair.line);
        }
        if let Some(line) = news.get(pair.new.as_str()) {
            let why = format!("{} is given in line {line} already", pair.new);
            faults.push((pair.line, why));
        } else {
            news.insert(&pair.new, pair.line);
        }
    }
    for pair in pairs {
        if let Some(line) = news.get(pair.old.as_str()) {
            faults.push((pair.line, format!("{} is given in line {line}", pair.old)));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Result<Vec<Pair>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.csv");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|failure| failure.what().to_owned())
    }

    #[test]
    fn k1_columns_are_found_by_name_and_other_columns_do_no_harm() {
        let pairs = judged("region,new,old\nR,22-1,A-1\n\nR,22-2,A-2\n").unwrap();
        let seen: Vec<_> = pairs
            .iter()
            .map(|p| (p.line, p.old.as_str(), p.new.as_str()))
            .collect();
        assert_eq!(seen, [(2, "A-1", "22-1"), (4, "A-2", "22-2")]);
    }

    #[test]
    fn k1_a_file_that_gives_a_number_twice_is_refused_whole_with_every_line_at_fault() {
        let why = judged("old,new\nA-1,N-1\nA-2,N-1\nA-1,N-2\nN-2,N-3\nA-5,A-5\nA 6,N-6\nA-7\n")
            .unwrap_err();
        for told in [
            "line 3: N-1 is given in line 2 already",
            "line 4: A-1 is old in line 2 too",
            "line 5: N-2 is given in line 4",
            "line 6: A-5 is the old number and the new one",
            "line 7: account id \"A 6\"",
            "line 8: it has 1 columns",
        ] {
            assert!(why.contains(told), "{told}: {why}");
        }
        assert!(judged("old,neu\n").unwrap_err().contains("new is missing"));
    }
}
