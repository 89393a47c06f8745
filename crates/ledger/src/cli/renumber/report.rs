//! What became of each line, in a file that depends on nothing but the lines and their answers.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use command_api::pb;
use tonic::Code;

use super::list::Pair;
use crate::cli::payments::csv::quoted;
use crate::exit::Exit;
use crate::failure::Failure;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    /// The account goes by the new number, since now or before.
    Renumbered,
    /// Refused, with a code.
    Refused,
    /// No answer came.
    InDoubt,
}

impl Became {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Renumbered => "renumbered",
            Self::Refused => "refused",
            Self::InDoubt => "in-doubt",
        }
    }
}

/// What became of a line, with what there is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) became: Became,
    code: String,
    message: String,
}

impl Outcome {
    /// No answer.
    pub(super) const fn in_doubt() -> Self {
        Self {
            became: Became::InDoubt,
            code: String::new(),
            message: String::new(),
        }
    }

    /// An answer of the stream.
    pub(super) fn answered(answer: pb::RenumberAccountsResponse) -> Self {
        use pb::renumber_accounts_response::Result as R;
        match answer.result {
            Some(R::Outcome(_)) => Self {
                became: Became::Renumbered,
                ..Self::in_doubt()
            },
            Some(R::Error(error)) if is_for_good(Code::from_i32(error.status)) => {
                let told = error.error.unwrap_or_default();
                Self {
                    became: Became::Refused,
                    code: told.code,
                    message: told.message,
                }
            }
            Some(R::Error(_)) | None => Self::in_doubt(),
        }
    }
}

/// Whether sending the line again gives the same.
fn is_for_good(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
    )
}

/// Lines by what became of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    renumbered: u64,
    refused: u64,
    in_doubt: u64,
}

impl Tally {
    pub(super) const fn of(&self, became: Became) -> u64 {
        match became {
            Became::Renumbered => self.renumbered,
            Became::Refused => self.refused,
            Became::InDoubt => self.in_doubt,
        }
    }

    fn add(&mut self, became: Became) {
        let count = match became {
            Became::Renumbered => &mut self.renumbered,
            Became::Refused => &mut self.refused,
            Became::InDoubt => &mut self.in_doubt,
        };
        *count = count.saturating_add(1);
    }

    /// How the job ended.
    pub(super) const fn exit(&self) -> Exit {
        match (self.refused, self.in_doubt) {
            (0, 0) => Exit::Done,
            (_, 0) => Exit::Found,
            (_, _) => Exit::Unavailable,
        }
    }
}

/// The report under way.
pub(super) struct Report {
    path: PathBuf,
    out: BufWriter<File>,
    tally: Tally,
}

impl Report {
    /// Begins the file anew.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file("writing", path, &error);
        let mut out = BufWriter::new(File::create(path).map_err(failed)?);
        writeln!(out, "line,old,new,result,code,message").map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            out,
            tally: Tally::default(),
        })
    }

    /// Writes the result of a line.
    pub(super) fn write(&mut self, pair: &Pair, outcome: &Outcome) -> Result<(), Failure> {
        self.tally.add(outcome.became);
        let cells = [
            pair.old.as_str(),
            &pair.new,
            outcome.became.as_str(),
            &outcome.code,
            &outcome.message,
        ];
        let cells: Vec<String> = cells.into_iter().map(quoted).collect();
        writeln!(self.out, "{},{}", pair.line, cells.join(",")).map_err(|error| self.failed(&error))
    }

    /// Lets others see what is written.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| self.failed(&error))
    }

    /// Makes sure that everything is in the file, and gives the counts.
    pub(super) fn finish(mut self) -> Result<Tally, Failure> {
        self.flush()?;
        let synced = self.out.get_ref().sync_all();
        synced.map_err(|error| self.failed(&error))?;
        Ok(self.tally)
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::file("writing", &self.path, error)
    }
}
