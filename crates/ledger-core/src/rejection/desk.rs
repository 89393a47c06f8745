//! Refusals of the consumers' desk: numbers, applications, complaints (K1, E14, E16).

use serde::{Deserialize, Serialize};

use super::{CashInHand, Entry};
use crate::ids::AccountId;
use crate::num::Money;

/// Why a command of the consumers' desk was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeskRefusal {
    /// The number is or was an account's (K1).
    #[error("number {number} was given to account {holder} before")]
    NumberTaken {
        /// As asked.
        number: AccountId,
        /// Whose it is, by the number the account was opened under.
        holder: AccountId,
    },
    /// No such application (E14).
    #[error("there is no such application")]
    UnknownApplication,
    /// The id of the application is taken.
    #[error("the application exists already")]
    ApplicationExists,
    /// The step is not one that comes next (E14).
    #[error("the application is {stage}; it cannot be {step} now")]
    WrongApplicationStep {
        /// Where it stands.
        stage: String,
        /// What was asked.
        step: String,
    },
    /// The step is another officer's (E14, E15, E16).
    #[error("it is {step} by {officer} only")]
    WrongOfficer {
        /// What was asked.
        step: String,
        /// Whose step it is.
        officer: String,
    },
    /// What is paid is not what is demanded (E14).
    #[error("{charge} is demanded, and paid in one sum")]
    NotTheCharge {
        /// What is to be paid.
        charge: Money,
    },
    /// No such complaint (E16).
    #[error("there is no such complaint")]
    UnknownComplaint,
    /// The id of the complaint is taken.
    #[error("the complaint exists already")]
    ComplaintExists,
    /// The complaint is rectified (E16).
    #[error("the complaint is rectified; what comes up again is a new one")]
    ComplaintRectified,
}

impl DeskRefusal {
    /// Its line of the catalogue.
    #[must_use]
    pub(super) fn entry(&self) -> Entry {
        use CashInHand::{HandBack, Nothing};
        let (code, meaning, cash) = match self {
            Self::NumberTaken { .. } => (
                "NUMBER_TAKEN",
                "The number is or was an account's; a number is given once.",
                HandBack,
            ),
            Self::UnknownApplication => (
                "UNKNOWN_APPLICATION",
                "There is no application with this id.",
                HandBack,
            ),
            Self::ApplicationExists => (
                "APPLICATION_EXISTS",
                "An application with this id was begun before.",
                Nothing,
            ),
            Self::WrongApplicationStep { .. } => (
                "WRONG_APPLICATION_STEP",
                "The application does not stand where this step may be taken.",
                HandBack,
            ),
            Self::WrongOfficer { .. } => (
                "WRONG_OFFICER",
                "The step is another role's; the message names it.",
                HandBack,
            ),
            Self::NotTheCharge { .. } => (
                "NOT_THE_CHARGE",
                "The payment is not what is demanded; the amount is in the message.",
                HandBack,
            ),
            Self::UnknownComplaint => (
                "UNKNOWN_COMPLAINT",
                "There is no complaint with this id.",
                Nothing,
            ),
            Self::ComplaintExists => (
                "COMPLAINT_EXISTS",
                "A complaint with this id was recorded before.",
                Nothing,
            ),
            Self::ComplaintRectified => (
                "COMPLAINT_RECTIFIED",
                "The complaint is rectified and takes no more steps.",
                Nothing,
            ),
        };
        Entry {
            code,
            meaning,
            retry_is_safe: true,
            cash,
        }
    }

    /// Every one once, in the order of the catalogue, with values that stand for any.
    #[must_use]
    pub fn catalogue() -> Vec<Self> {
        let Ok(account) = AccountId::parse("A-1") else {
            return Vec::new();
        };
        vec![
            Self::NumberTaken {
                number: account.clone(),
                holder: account,
            },
            Self::UnknownApplication,
            Self::ApplicationExists,
            Self::WrongApplicationStep {
                stage: String::new(),
                step: String::new(),
            },
            Self::WrongOfficer {
                step: String::new(),
                officer: String::new(),
            },
            Self::NotTheCharge {
                charge: Money::ZERO,
            },
            Self::UnknownComplaint,
            Self::ComplaintExists,
            Self::ComplaintRectified,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::Rejection;

    #[test]
    fn c4_a_refusal_of_the_desk_is_stored_by_its_code_and_read_back() {
        for refusal in DeskRefusal::catalogue() {
            let refusal = Rejection::from(refusal);
            let json = serde_json::to_string(&refusal).unwrap();
            let code = format!("\"code\":\"{}\"", refusal.code());
            assert!(json.contains(&code), "{json}");
            assert_eq!(serde_json::from_str::<Rejection>(&json).unwrap(), refusal);
        }
    }
}
