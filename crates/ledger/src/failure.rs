//! Why a command could not do what it was asked: what was wrong, where, what to do, a stable code, and the
//! exit code that says which of the four kinds of no it is.
//!
//! Every error of the libraries is turned into one of these in the one place where it is met. Absent on
//! purpose: errors without advice.

use std::fmt::Write as _;

use command_api::keys::KeysError;
use command_api::{ClientError, ServeError};
use event_store::ReadError;
use event_store::embedded::OpenError;
use ledger_service::{ServiceError, StartError};
use persons::PersonsError;
use projections::ReadModelError;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::exit::Exit;

/// A failed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which kind of no.
    exit: Exit,
    /// Stable code.
    code: String,
    /// What was wrong and where.
    what: String,
    /// What to do about it.
    advice: Option<String>,
}

impl Failure {
    fn new(exit: Exit, code: &str, what: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            what: what.into(),
            advice: None,
        }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, what)
    }

    /// A rule of the business says no.
    pub(crate) fn refused(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Refused, code, what)
    }

    /// Not possible now; trying again is safe.
    pub(crate) fn unavailable(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Unavailable, code, what)
    }

    /// Needs an operator.
    pub(crate) fn damaged(code: &str, what: impl Into<String>) -> Self {
        Self::new(Exit::Damaged, code, what)
    }

    /// Whoever read our output has gone: nothing is wrong, there is only nobody left to tell.
    pub(crate) fn reader_gone() -> Self {
        Self::new(Exit::Done, "READER_GONE", String::new())
    }

    /// A file that cannot be read or written: usually a wrong path or missing rights.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::usage("FILE", format!("{doing} {}: {error}", path.display()))
            .advise("check the path and its rights")
    }

    /// The same with what to do.
    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same of a question, where there is no cash in anybody's hand.
    #[must_use]
    pub(crate) fn of_a_question(mut self) -> Self {
        self.advice = self.advice.filter(|advice| !advice.contains("cash"));
        self
    }

    /// How the process ends.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Stable code.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// What was wrong, in one line.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// For people: two lines at most.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} [{}]", self.what, self.code);
        if let Some(advice) = &self.advice {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  to do: {advice}");
        }
        text
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({"error": {
            "code": self.code,
            "message": self.what,
            "advice": self.advice,
            "exit": self.exit.number(),
        }})
    }
}

/// What a server says of cash where there is none; a person need not read it.
const NO_CASH: &str = "no cash is involved";
/// Shown where the read models' own file is what fails: a full disk, or bytes that are no database.
const REBUILD: &str = "the log is whole, and nothing that was answered is lost: make room if the disk is full, \
                       then start again; if the file itself is broken, `ledger projections rebuild` makes it anew";
/// Shown where trying again is what there is to do.
const TRY_AGAIN: &str = "try again; a retry is safe";

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(_) => Self::damaged("LOG_DAMAGED", error.to_string())
                .advise("run `ledger verify`; restore the file it names from a backup"),
            ReadError::Unavailable(_) => {
                Self::unavailable("LOG_UNAVAILABLE", error.to_string()).advise(TRY_AGAIN)
            }
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let what = error.to_string();
        match error {
            OpenError::Locked { .. } => Self::unavailable("LOG_IN_USE", what)
                .advise("stop the ledger that has it open, or ask it instead: see the command's --help"),
            OpenError::Foreign { .. } => Self::usage("LOG_FOREIGN", what),
            OpenError::BadSetting { .. } => Self::usage("LOG_SETTING", what),
            OpenError::Newer { .. } => Self::damaged("LOG_NEWER", what),
            OpenError::Damaged { .. } => Self::damaged("LOG_DAMAGED", what),
            OpenError::WitnessBeyond { .. } => Self::damaged("LOG_OLDER", what)
                .advise("restore the newest backup; `ledger serve --accept-older-log` opens this older state on purpose"),
            OpenError::Io { .. } => Self::unavailable("LOG_DISK", what)
                .advise("look at the disk and at the rights of the folder, then try again"),
        }
    }
}

impl From<ReadModelError> for Failure {
    fn from(error: ReadModelError) -> Self {
        let (code, what) = (error.code(), error.to_string());
        if error.safe_to_retry() {
            return Self::unavailable(code, what);
        }
        match error {
            ReadModelError::BadQuery { .. } => Self::usage(code, what),
            ReadModelError::InUse | ReadModelError::Closed => Self::unavailable(code, what),
            ReadModelError::Store(error) => error.into(),
            ReadModelError::Database { .. } | ReadModelError::File { .. } => {
                Self::damaged(code, what).advise(REBUILD)
            }
            ReadModelError::Stopped(_)
            | ReadModelError::OtherStore { .. }
            | ReadModelError::OtherEpoch { .. }
            | ReadModelError::BeyondTail { .. }
            | ReadModelError::OtherSchema { .. }
            | ReadModelError::Differs { .. }
            | ReadModelError::Busy { .. }
            | ReadModelError::DeadlineExceeded { .. } => Self::damaged(code, what),
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let (code, what) = (error.code(), error.to_string());
        match error {
            ServiceError::Busy
            | ServiceError::Conflict
            | ServiceError::Unavailable(_)
            | ServiceError::Stopped(_) => Self::unavailable(code, what).advise(TRY_AGAIN),
            ServiceError::Damaged(_) => {
                Self::damaged(code, what).advise("run `ledger verify` on the stopped ledger")
            }
            ServiceError::Invalid(_) => Self::usage(code, what),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Read(error) => error.into(),
            StartError::Damaged(_) => Self::damaged("LOG_NOT_UNDERSTOOD", error.to_string())
                .advise("use the version that wrote this log, or a newer one"),
        }
    }
}

impl From<PersonsError> for Failure {
    fn from(error: PersonsError) -> Self {
        use PersonsError as E;
        let (code, what) = (error.code(), error.to_string());
        match error {
            E::Invalid(_) => Self::usage(code, what),
            E::Unknown(_) | E::Erased { .. } | E::KeyConflict => Self::refused(code, what),
            E::Changed { .. } => Self::unavailable(code, what),
            E::InUse(_) => Self::unavailable(code, what)
                .advise("stop the ledger that has it open, then try again"),
            E::BadMasterKeys { .. } | E::WrongMasterKey { .. } => Self::usage(code, what)
                .advise("give the right file as person_master_key_file, or the keys in LEDGER_PERSON_MASTER_KEY"),
            E::File { .. } | E::Database(_) | E::NoRandom(_) => Self::unavailable(code, what)
                .advise("look at the disk and at the rights of the folder, then try again"),
            E::HalfThere { .. } | E::Mismatch(_) | E::Newer { .. } | E::KeyMissing(_) | E::Damaged { .. } => {
                Self::damaged(code, what)
            }
        }
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        let what = error.to_string();
        match error {
            KeysError::Unreadable { .. } => Self::usage("KEYS_FILE", what).advise(
                "make a key and its entry with `ledger key new`, and give the file as keys_file",
            ),
            KeysError::Bad { .. } => Self::usage("KEYS_FILE", what)
                .advise("correct the entry; `ledger key new` prints a right one"),
            KeysError::NoRandom(_) => Self::unavailable("NO_RANDOM", what),
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let what = error.to_string();
        match error {
            ServeError::Listen { .. } => Self::unavailable("LISTEN", what)
                .advise("stop what listens there, or give another --listen address; port 0 takes a free one"),
            ServeError::Reflection(_) => Self::damaged("API_CONTRACT", what),
            ServeError::Transport(_) | ServeError::CutOff => Self::unavailable("API_SERVER", what),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let what = error.to_string();
        match error {
            ClientError::Connect { .. } => Self::unavailable("SERVER_AWAY", what).advise(
                "start it with `ledger serve`, or give its address with --server or LEDGER_SERVER",
            ),
            ClientError::BadKey => Self::usage("API_KEY", what)
                .advise("set LEDGER_API_KEY to the key as it was printed"),
        }
    }
}

/// What a server answered to a call: its own code, and the exit code of its kind.
impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let code = info.map_or_else(
            || format!("{:?}", status.code()),
            |info| info.reason.clone(),
        );
        let what = status.message().to_owned();
        let failure = match status.code() {
            Code::InvalidArgument
            | Code::Unauthenticated
            | Code::Unimplemented
            | Code::OutOfRange => Self::usage(&code, what),
            Code::FailedPrecondition
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied => Self::refused(&code, what),
            Code::Unavailable
            | Code::Aborted
            | Code::ResourceExhausted
            | Code::DeadlineExceeded
            | Code::Cancelled => Self::unavailable(&code, what),
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
                Self::damaged(&code, what)
            }
        };
        if status.code() == Code::Unauthenticated {
            return failure
                .advise("set LEDGER_API_KEY to a key of this server; `ledger key new` makes one");
        }
        let cash = info
            .and_then(|info| info.metadata.get("cash"))
            .filter(|cash| !cash.is_empty() && *cash != NO_CASH);
        match cash {
            Some(cash) => failure.advise(cash.clone()),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_model_that_cannot_be_written_says_what_to_do() {
        let full = ReadModelError::Database {
            doing: "committing rows and checkpoint".to_owned(),
            reason: "database or disk is full".to_owned(),
        };
        let failure = Failure::from(full);
        assert_eq!(failure.exit(), Exit::Damaged);
        assert!(
            failure.text().contains("make room if the disk is full"),
            "{}",
            failure.text()
        );
    }

    #[test]
    fn a_failure_says_what_was_wrong_its_code_and_what_to_do() {
        let failure = Failure::usage("X", "file a.toml is missing").advise("write it");
        assert_eq!(
            failure.text(),
            "file a.toml is missing [X]\n  to do: write it"
        );
        assert_eq!(failure.json()["error"]["exit"], 2);
    }
}
