//! How a tariff is written in a scheme's file.
//!
//! Owns the keys of `[[tariffs]]` and their checks. Exactly one of the keys that say how units become
//! money is given; further kinds are further keys, and a file that uses one unknown to the program is
//! refused. Deliberately absent: pricing.

use serde::Deserialize;

use super::{Block, Blocks, Energy, ScaledBy, Tariff};
use crate::num::{Money, Price, Quantity};
use crate::time::Timestamp;
use crate::utility::Utility;

/// The longest name of a tariff or class, in bytes: both stand in every bill.
const NAME_BYTES_MAX: usize = 64;

/// `[[tariffs]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TariffFile {
    name: String,
    utility: Utility,
    class: String,
    effective_from: Timestamp,
    verified: bool,
    source: String,
    flat: Option<FlatFile>,
    blocks: Option<Blocks>,
    minimum: Option<MinimumFile>,
}

/// `[tariffs.flat]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlatFile {
    price: Price,
}

/// `[tariffs.blocks]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlocksFile {
    #[serde(rename = "per")]
    _per: Period,
    #[serde(default)]
    scaled_by: ScaledBy,
    steps: Vec<StepFile>,
}

/// One of `steps`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    width: Option<Quantity>,
    price: Price,
}

/// `[tariffs.minimum]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MinimumFile {
    #[serde(rename = "per")]
    _per: Period,
    amount: Money,
}

/// The period over which units are counted: written out, so that a file says what it means.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Period {
    Month,
}

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let BlocksFile {
            _per: Period::Month,
            scaled_by,
            steps,
        } = BlocksFile::deserialize(deserializer)?;
        let blocks = steps
            .into_iter()
            .map(|StepFile { width, price }| Block { width, price });
        Self::new(scaled_by, blocks.collect()).map_err(serde::de::Error::custom)
    }
}

/// Whether a text can name a tariff or a class: lower-case letters, digits and dashes.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

impl TryFrom<TariffFile> for Tariff {
    type Error = String;

    fn try_from(file: TariffFile) -> Result<Self, String> {
        if !is_name(&file.name) || !is_name(&file.class) {
            return Err(format!(
                "name and class of tariff {:?} are 1 to {NAME_BYTES_MAX} lower-case letters, digits and dashes",
                file.name
            ));
        }
        let energy = match (file.flat, file.blocks) {
            (Some(FlatFile { price }), None) if price.is_negative() => {
                return Err("a price is not below zero".to_owned());
            }
            (Some(FlatFile { price }), None) => Energy::Flat(price),
            (None, Some(blocks)) => Energy::MonthlyBlocks(blocks),
            (None, None) | (Some(_), Some(_)) => {
                return Err(format!(
                    "tariff {:?} needs exactly one of flat and blocks",
                    file.name
                ));
            }
        };
        let minimum = file.minimum.map(
            |MinimumFile {
                 _per: Period::Month,
                 amount,
             }| amount,
        );
        if minimum.is_some_and(Money::is_negative) {
            return Err(format!(
                "the minimum of tariff {:?} is not below zero",
                file.name
            ));
        }
        Ok(Self {
            name: file.name,
            utility: file.utility,
            class: file.class,
            effective_from: file.effective_from,
            verified: file.verified,
            source: file.source,
            energy,
            minimum,
        })
    }
}
