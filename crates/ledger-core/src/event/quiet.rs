//! Payloads of disconnections that wait for the end of a quiet time (C15). Keys as in `account`.

use serde::{Deserialize, Serialize};

use super::SupplyReason;
use crate::ids::MeterNumber;
use crate::time::Timestamp;
use crate::utility::Utility;

/// `supply-disconnection-deferred.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplyDisconnectionDeferred {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// End of the quiet time: then it is decided anew.
    pub until: Timestamp,
    /// Why supply would have been cut.
    pub why: SupplyReason,
}

/// `supply-disconnection-cancelled.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplyDisconnectionCancelled {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
}
