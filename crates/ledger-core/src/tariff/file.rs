//! How a tariff is written in a scheme's or a tariff's file.
//!
//! Owns the keys of `[[tariffs]]` and their checks. Exactly one of the keys that say how units become
//! money is given; a file that uses a key unknown to the program is refused. Windows are in
//! `window_file`. Deliberately absent: pricing.

use serde::Deserialize;

use super::adders::{
    ADDERS_MAX, Basis, Levy, LineKind, Minimum, PassThrough, Rounding, Standing, StandingPeriod,
};
use super::window_file::TimeOfUseFile;
use super::{Band, BandBy, Bands, Block, BlockPeriod, Blocks, Energy, ScaledBy, Tariff};
use crate::num::{Factor, Money, Price, Quantity};
use crate::time::Timestamp;
use crate::utility::Utility;

/// The longest name of a tariff, a class or a line, in bytes: all stand in every bill.
const NAME_BYTES_MAX: usize = 64;

/// The greatest percentage of a levy or tax: ten times what it is on. More is a mistake of units.
const PERCENT_MAX: &str = "1000";

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
    bands: Option<Bands>,
    time_of_use: Option<TimeOfUseFile>,
    #[serde(default)]
    standing: Vec<StandingFile>,
    #[serde(default)]
    pass_throughs: Vec<PassThroughFile>,
    #[serde(default)]
    levies: Vec<LevyFile>,
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
    per: BlockPeriod,
    #[serde(default)]
    scaled_by: ScaledBy,
    steps: Vec<StepFile>,
}

/// One of `steps` of blocks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    width: Option<Quantity>,
    price: Price,
}

/// `[tariffs.bands]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandsFile {
    #[serde(rename = "per")]
    _per: MonthOnly,
    by: BandByFile,
    months: Option<usize>,
    steps: Vec<BandFile>,
}

/// What `by` may say.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BandByFile {
    OwnMonth,
    TrailingAverage,
}

/// One of `steps` of bands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BandFile {
    up_to: Option<Quantity>,
    price: Price,
}

/// `[[tariffs.standing]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StandingFile {
    name: String,
    per: StandingPeriod,
    amount: Money,
}

/// `[[tariffs.pass_throughs]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PassThroughFile {
    name: String,
    price: Price,
    rounding: Option<Rounding>,
}

/// `[[tariffs.levies]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevyFile {
    name: String,
    kind: LevyKindFile,
    percent: Factor,
    on: Vec<String>,
    rounding: Option<Rounding>,
}

/// What `kind` may say.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum LevyKindFile {
    Levy,
    Tax,
}

/// `[tariffs.minimum]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MinimumFile {
    #[serde(rename = "per")]
    _per: MonthOnly,
    amount: Money,
    on: Option<Vec<String>>,
}

/// The one period there is: written out, so that a file says what it means.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MonthOnly {
    Month,
}

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let BlocksFile {
            per,
            scaled_by,
            steps,
        } = BlocksFile::deserialize(deserializer)?;
        let blocks = steps
            .into_iter()
            .map(|StepFile { width, price }| Block { width, price });
        Self::new(per, scaled_by, blocks.collect()).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Bands {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let BandsFile {
            _per: MonthOnly::Month,
            by,
            months,
            steps,
        } = BandsFile::deserialize(deserializer)?;
        let by = match (by, months) {
            (BandByFile::OwnMonth, None) => BandBy::OwnMonth,
            (BandByFile::TrailingAverage, Some(months)) => BandBy::TrailingAverage { months },
            (BandByFile::OwnMonth, Some(_)) | (BandByFile::TrailingAverage, None) => {
                let message = "months is given with by = \"trailing_average\", and only there";
                return Err(serde::de::Error::custom(message));
            }
        };
        let bands = steps
            .into_iter()
            .map(|BandFile { up_to, price }| Band { up_to, price });
        Self::new(by, bands.collect()).map_err(serde::de::Error::custom)
    }
}

/// Whether a text can name a tariff, a class or a line: lower-case letters, digits and dashes.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// A key below a tariff's, empty for the tariff itself, and what is wrong there.
pub(crate) type TariffFault = (String, String);

fn fault(key: &str, message: impl Into<String>) -> TariffFault {
    (key.to_owned(), message.into())
}

impl TryFrom<TariffFile> for Tariff {
    type Error = TariffFault;

    fn try_from(mut file: TariffFile) -> Result<Self, TariffFault> {
        if !is_name(&file.name) || !is_name(&file.class) {
            let message = format!(
                "name and class of tariff {:?} are 1 to {NAME_BYTES_MAX} lower-case letters, digits and dashes",
                file.name
            );
            return Err(fault("", message));
        }
        let energy = energy_of(&mut file)?;
        check_names(&file)?;
        let standing = standing_of(std::mem::take(&mut file.standing))?;
        let pass_throughs = pass_throughs_of(std::mem::take(&mut file.pass_throughs))?;
        let names: Vec<String> = pass_throughs.iter().map(|line| line.name.clone()).collect();
        let levies = levies_of(std::mem::take(&mut file.levies), names.clone())?;
        let minimum = file
            .minimum
            .map(|minimum| minimum_of(minimum, &names))
            .transpose()?;
        Ok(Self {
            name: file.name,
            utility: file.utility,
            class: file.class,
            effective_from: file.effective_from,
            verified: file.verified,
            source: file.source,
            energy,
            standing,
            pass_throughs,
            levies,
            minimum,
        })
    }
}

/// The one way in which units become money.
fn energy_of(file: &mut TariffFile) -> Result<Energy, TariffFault> {
    let windows = match file.time_of_use.take() {
        Some(windows) => Some(
            windows
                .windows()
                .map_err(|message| fault(".time_of_use", message))?,
        ),
        None => None,
    };
    let ways = (
        file.flat.take(),
        file.blocks.take(),
        file.bands.take(),
        windows,
    );
    match ways {
        (Some(FlatFile { price }), None, None, None) if price.is_negative() => {
            Err(fault(".flat.price", "a price is not below zero"))
        }
        (Some(FlatFile { price }), None, None, None) => Ok(Energy::Flat(price)),
        (None, Some(blocks), None, None) => Ok(Energy::Blocks(blocks)),
        (None, None, Some(bands), None) => Ok(Energy::Bands(bands)),
        (None, None, None, Some(windows)) => Ok(Energy::Windows(windows)),
        (_, _, _, _) => {
            let message = format!(
                "tariff {:?} needs exactly one of flat, blocks, bands and time_of_use",
                file.name
            );
            Err(fault("", message))
        }
    }
}

/// Names of lines: each is one of its kind in the tariff, and none is a word that a base uses.
fn check_names(file: &TariffFile) -> Result<(), TariffFault> {
    let numbered = |key: &str, index: usize| format!(".{key}[{index}].name");
    let standing = file.standing.iter().enumerate();
    let standing = standing.map(|(at, line)| (numbered("standing", at), &line.name, true));
    let passed = file.pass_throughs.iter().enumerate();
    let passed = passed.map(|(at, line)| (numbered("pass_throughs", at), &line.name, false));
    let levies = file.levies.iter().enumerate();
    let levies = levies.map(|(at, line)| (numbered("levies", at), &line.name, false));
    let mut seen: Vec<&str> = Vec::new();
    for (key, name, stands) in standing.chain(passed).chain(levies) {
        if !is_name(name) {
            let message = format!("1 to {NAME_BYTES_MAX} lower-case letters, digits and dashes");
            return Err((key, message));
        }
        let is_word =
            matches!(name.as_str(), "energy" | "minimum") || (name == "standing" && !stands);
        if is_word || seen.contains(&name.as_str()) {
            return Err((key, format!("{name:?} already means another line")));
        }
        seen.push(name);
        if seen.len() > ADDERS_MAX {
            let message = format!("a tariff has at most {ADDERS_MAX} lines beside energy");
            return Err((key, message));
        }
    }
    Ok(())
}

fn standing_of(lines: Vec<StandingFile>) -> Result<Vec<Standing>, TariffFault> {
    let numbered = lines.into_iter().enumerate();
    numbered
        .map(|(index, StandingFile { name, per, amount })| {
            if amount.is_negative() {
                let key = format!(".standing[{index}].amount");
                return Err(fault(&key, "a standing charge is not below zero"));
            }
            Ok(Standing { name, per, amount })
        })
        .collect()
}

fn pass_throughs_of(lines: Vec<PassThroughFile>) -> Result<Vec<PassThrough>, TariffFault> {
    let numbered = lines.into_iter().enumerate();
    numbered
        .map(|(index, line)| {
            let key = format!(".pass_throughs[{index}].rounding");
            Ok(PassThrough {
                name: line.name,
                price: line.price,
                rounding: rounding_of(line.rounding, &key)?,
            })
        })
        .collect()
}

fn rounding_of(rounding: Option<Rounding>, key: &str) -> Result<Rounding, TariffFault> {
    let rounding = rounding.unwrap_or(Rounding::EXACT);
    if rounding.decimals > Rounding::EXACT.decimals {
        return Err(fault(key, "at most 14 decimals"));
    }
    Ok(rounding)
}

/// Levies and taxes in their order; `names` are those of the pass-throughs, and grow by each.
fn levies_of(lines: Vec<LevyFile>, mut names: Vec<String>) -> Result<Vec<Levy>, TariffFault> {
    let most = Factor::parse(PERCENT_MAX).unwrap_or(Factor::ONE);
    let mut levies = Vec::with_capacity(lines.len());
    for (index, line) in lines.into_iter().enumerate() {
        let key = |name: &str| format!(".levies[{index}].{name}");
        if !line.percent.is_positive() || line.percent > most {
            let message = format!("above 0 and at most {PERCENT_MAX}");
            return Err(fault(&key("percent"), message));
        }
        let on = bases_of(&line.on, &names, true).map_err(|message| fault(&key("on"), message))?;
        let kind = match line.kind {
            LevyKindFile::Levy => LineKind::Levy,
            LevyKindFile::Tax => LineKind::Tax,
        };
        names.push(line.name.clone());
        levies.push(Levy {
            name: line.name,
            kind,
            percent: line.percent,
            on,
            rounding: rounding_of(line.rounding, &key("rounding"))?,
        });
    }
    Ok(levies)
}

fn minimum_of(file: MinimumFile, names: &[String]) -> Result<Minimum, TariffFault> {
    let MinimumFile {
        _per: MonthOnly::Month,
        amount,
        on,
    } = file;
    if amount.is_negative() {
        return Err(fault(".minimum.amount", "a minimum is not below zero"));
    }
    let on = match on {
        Some(on) => bases_of(&on, names, false).map_err(|message| fault(".minimum.on", message))?,
        None => vec![Basis::Energy],
    };
    Ok(Minimum { amount, on })
}

/// The lines that a percentage or a minimum states, each once.
fn bases_of(on: &[String], names: &[String], minimum: bool) -> Result<Vec<Basis>, String> {
    if on.is_empty() {
        return Err("at least one line".to_owned());
    }
    let mut bases = Vec::with_capacity(on.len());
    for word in on {
        let basis = match word.as_str() {
            "energy" => Basis::Energy,
            "standing" => Basis::Standing,
            "minimum" if minimum => Basis::Minimum,
            name if names.iter().any(|known| known == name) => Basis::Line(word.clone()),
            _ => {
                let mut known = vec!["energy", "standing"];
                if minimum {
                    known.push("minimum");
                }
                known.extend(names.iter().map(String::as_str));
                return Err(format!("{word:?} is none of {}", known.join(", ")));
            }
        };
        if bases.contains(&basis) {
            return Err(format!("{word:?} is there twice"));
        }
        bases.push(basis);
    }
    Ok(bases)
}
