//! What a scheme decides about swapping old meters for new ones by work order (U16).
//!
//! Owns `[swap]`. Deliberately absent: the steps and their order, which are the same for all.

use serde::Deserialize;

use super::calendar::Weekday;
use super::file;
use crate::time::Millis;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// The policy of swaps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwapPolicy {
    /// Days of the week on which nothing is installed.
    pub no_installation_on: Vec<Weekday>,
    /// Whether meters are installed on public holidays.
    pub on_public_holidays: bool,
    /// How long before it an appointment can still be moved.
    #[serde(rename = "move_notice_hours", deserialize_with = "file::hours")]
    pub move_notice: Millis,
}

impl SwapPolicy {
    /// The notice in whole hours.
    #[must_use]
    pub fn move_notice_hours(&self) -> u32 {
        u32::try_from(self.move_notice.get() / HOUR_MS).unwrap_or(u32::MAX)
    }
}
