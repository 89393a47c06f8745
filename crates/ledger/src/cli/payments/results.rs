//! What became of each line, in a file, and counted.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use command_api::pb;
use ledger_core::num::Money;
use tonic::Code;

use super::csv::{Payment, quoted};
use crate::exit::Exit;
use crate::failure::Failure;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    /// Credited now.
    Applied,
    /// Credited before, under the same reference.
    Duplicate,
    /// Taken already and not creditable: it waits for staff.
    Suspended,
    /// Refused for good.
    Refused,
    /// The reference was used for another payment.
    Conflict,
    /// Not a payment.
    Malformed,
    /// No answer came: it may have been credited.
    InDoubt,
}

impl Became {
    /// All of them, in the order of the summary.
    const ALL: [Self; 7] = [
        Self::Applied,
        Self::Duplicate,
        Self::Suspended,
        Self::Refused,
        Self::Conflict,
        Self::Malformed,
        Self::InDoubt,
    ];

    /// As in the file.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Suspended => "suspended",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Malformed => "malformed",
            Self::InDoubt => "in-doubt",
        }
    }
}

/// What became of a line, with what there is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) became: Became,
    receipt: String,
    account: String,
    code: String,
    message: String,
}

impl Outcome {
    fn of(became: Became) -> Self {
        Self {
            became,
            receipt: String::new(),
            account: String::new(),
            code: String::new(),
            message: String::new(),
        }
    }

    /// No answer.
    pub(super) fn in_doubt() -> Self {
        Self::of(Became::InDoubt)
    }

    /// No payment.
    pub(super) fn malformed(why: &str) -> Self {
        Self {
            code: "LINE_MALFORMED".to_owned(),
            message: why.to_owned(),
            ..Self::of(Became::Malformed)
        }
    }

    /// An answer of the stream.
    pub(super) fn answered(answer: pb::TopUpStreamResponse) -> Self {
        use pb::top_up_stream_response::Result as R;
        let credited = if answer.duplicate {
            Became::Duplicate
        } else {
            Became::Applied
        };
        match answer.result {
            Some(R::Receipt(receipt)) => Self {
                receipt: receipt.number,
                account: receipt.account_id,
                ..Self::of(credited)
            },
            Some(R::Suspended(held)) => {
                let refusal = held.refusal.unwrap_or_default();
                Self {
                    code: refusal.code,
                    message: refusal.message,
                    ..Self::of(Became::Suspended)
                }
            }
            Some(R::Error(error)) => {
                let told = error.error.unwrap_or_default();
                Self {
                    code: told.code,
                    message: told.message,
                    ..Self::of(became(Code::from_i32(error.status)))
                }
            }
            None => Self::in_doubt(),
        }
    }
}

fn became(code: Code) -> Became {
    match code {
        Code::AlreadyExists => Became::Conflict,
        Code::InvalidArgument | Code::OutOfRange => Became::Malformed,
        Code::FailedPrecondition
        | Code::NotFound
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented => Became::Refused,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Became::InDoubt,
    }
}

/// Lines and amounts by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally([(u64, Money); 7]);

impl Tally {
    fn add(&mut self, became: Became, amount: Money) {
        let place = Became::ALL.iter().position(|one| *one == became);
        if let Some((lines, sum)) = place.and_then(|place| self.0.get_mut(place)) {
            *lines = lines.saturating_add(1);
            *sum += amount;
        }
    }

    /// What occurred.
    pub(super) fn rows(&self) -> Vec<(Became, u64, Money)> {
        let all = Became::ALL.into_iter().zip(self.0);
        all.filter(|(_, (lines, _))| *lines > 0)
            .map(|(became, (lines, amount))| (became, lines, amount))
            .collect()
    }

    /// How the import ended.
    pub(super) fn exit(&self) -> Exit {
        let rows = self.rows();
        let any = |one: Became| rows.iter().any(|(became, _, _)| *became == one);
        let found = [
            Became::Suspended,
            Became::Refused,
            Became::Conflict,
            Became::Malformed,
        ];
        if any(Became::InDoubt) {
            Exit::Unavailable
        } else if found.into_iter().any(any) {
            Exit::Found
        } else {
            Exit::Done
        }
    }
}

/// The file of results.
pub(super) struct Results {
    path: PathBuf,
    out: BufWriter<File>,
    tally: Tally,
}

impl Results {
    /// Begins the file anew.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file("writing", path, &error);
        let mut out = BufWriter::new(File::create(path).map_err(failed)?);
        writeln!(
            out,
            "line,reference,meter,amount,paid_at,result,receipt,account,code,message"
        )
        .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            out,
            tally: Tally::default(),
        })
    }

    /// Writes the result of a line.
    pub(super) fn write(
        &mut self,
        line: u64,
        payment: Option<&Payment>,
        outcome: &Outcome,
    ) -> Result<(), Failure> {
        let amount = payment.map_or(Money::ZERO, Payment::money);
        self.tally.add(outcome.became, amount);
        let sent = payment.map_or([""; 4], |p| {
            [&*p.reference, &*p.meter, &*p.amount, &*p.paid_at]
        });
        let said = [
            outcome.became.as_str(),
            &outcome.receipt,
            &outcome.account,
            &outcome.code,
            &outcome.message,
        ];
        let cells: Vec<String> = sent.into_iter().chain(said).map(quoted).collect();
        let path = &self.path;
        writeln!(self.out, "{line},{}", cells.join(","))
            .map_err(|error| Failure::file("writing", path, &error))
    }

    /// Makes sure that everything is in the file, and gives the counts.
    pub(super) fn finish(mut self) -> Result<Tally, Failure> {
        let done = self
            .out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all());
        done.map_err(|error| Failure::file("writing", &self.path, &error))?;
        Ok(self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Code) -> Outcome {
        let error = pb::StreamError {
            status: code.into(),
            error: None,
        };
        let result = Some(pb::top_up_stream_response::Result::Error(error));
        Outcome::answered(pb::TopUpStreamResponse {
            result,
            ..Default::default()
        })
    }

    #[test]
    fn what_may_have_been_credited_is_in_doubt_and_never_refused() {
        for code in [
            Code::Unavailable,
            Code::DeadlineExceeded,
            Code::Internal,
            Code::Aborted,
            Code::ResourceExhausted,
        ] {
            assert_eq!(error(code).became, Became::InDoubt, "{code:?}");
        }
        assert_eq!(error(Code::FailedPrecondition).became, Became::Refused);
        assert_eq!(error(Code::AlreadyExists).became, Became::Conflict);
        assert_eq!(error(Code::InvalidArgument).became, Became::Malformed);
    }

    #[test]
    fn the_exit_code_tells_the_worst() {
        let exit = |all: &[Became]| {
            let mut tally = Tally::default();
            for became in all {
                tally.add(*became, Money::ZERO);
            }
            tally.exit()
        };
        assert_eq!(exit(&[]), Exit::Done);
        assert_eq!(exit(&[Became::Applied, Became::Duplicate]), Exit::Done);
        assert_eq!(exit(&[Became::Applied, Became::Refused]), Exit::Found);
        assert_eq!(exit(&[Became::Refused, Became::InDoubt]), Exit::Unavailable);
    }
}
