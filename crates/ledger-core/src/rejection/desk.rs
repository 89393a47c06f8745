//! Refusals of the consumers' desk: numbers, applications, complaints (K1, E14, E16).

use serde::{Deserialize, Serialize};

use super::{CashInHand, Entry};
use crate::ids::AccountId;

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
}

impl DeskRefusal {
    /// Its line of the catalogue.
    #[must_use]
    pub(super) fn entry(&self) -> Entry {
        use CashInHand::Nothing;
        let (code, meaning, cash) = match self {
            Self::NumberTaken { .. } => (
                "NUMBER_TAKEN",
                "The number is or was an account's; a number is given once.",
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
        vec![Self::NumberTaken {
            number: account.clone(),
            holder: account,
        }]
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
