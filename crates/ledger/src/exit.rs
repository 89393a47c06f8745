//! What the process tells its caller by its exit code: six meanings, documented in `docs/cli.md`.
//!
//! Scripts decide by these numbers, so they never change their meaning.

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: it ran to its end and found something wrong (`verify`, `doctor`), or rejected lines (`import`).
    Found,
    /// 2: the command line or the configuration is wrong; nothing was done.
    Usage,
    /// 3: refused by a rule of the business; the same again is refused again.
    Refused,
    /// 4: not possible now; trying again later is safe.
    Unavailable,
    /// 5: damaged, or a state that needs an operator; trying again does not help.
    Damaged,
}

impl Exit {
    /// All of them, in the order of their numbers.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 6] = [
        Self::Done,
        Self::Found,
        Self::Usage,
        Self::Refused,
        Self::Unavailable,
        Self::Damaged,
    ];

    /// The number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unavailable => 4,
            Self::Damaged => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn each_meaning_has_a_number_of_its_own() {
        let numbers: Vec<u8> = Exit::ALL.iter().map(|exit| exit.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    }
}
