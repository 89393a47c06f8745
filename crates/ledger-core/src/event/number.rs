//! Payloads of a change of an account's number (K1). The account's stream keeps its name for ever; a new
//! number is given in a stream of its own name, which says whose it is.

use serde::{Deserialize, Serialize};

use crate::ids::AccountId;

/// `account-renumbered.v1`, in the account's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRenumbered {
    /// The number until now.
    pub from: AccountId,
    /// The number from now on.
    pub to: AccountId,
}

/// `account-number-given.v1`, the only event of stream `account-<number>`: no account can be opened under
/// the number any more, and none can be given it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountNumberGiven {
    /// The number.
    pub n: AccountId,
    /// The account, by the number it was opened under.
    pub account: AccountId,
}
