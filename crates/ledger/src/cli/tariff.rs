//! `ledger tariff price`: what a series of readings costs under a tariff, with no ledger running.
//!
//! For people who design tariffs. Readings go one after the other through the code that charges accounts;
//! every amount is shown with the line of the tariff that gave it, and per month. Absent on purpose: a
//! customer, a meter, plausibility; the series is taken at its word, and what cannot be is refused.

mod series;
mod show;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::{Currency, SchemePolicy};
use ledger_core::tariff::{
    self, ChargeLine, Customer, Position, PriceBook, Scale, Span, TariffBook, merge_lines,
};
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;

use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// Largest tariff file read, as for schemes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What to do with tariffs.
#[derive(Debug, Clone, Args)]
pub(crate) struct TariffArgs {
    #[command(subcommand)]
    command: TariffCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum TariffCommand {
    /// Prices a series of readings, line by line and per month.
    #[command(long_about = "\
Prices a series of readings under a tariff, line by line and per month, with
no ledger running, through the code that charges accounts.

--tariff is a scheme's file or a file of tariffs by itself (docs/tariffs.md).
--readings is a CSV file, plain or gzip, told by its first line:
  read_at,value            a cumulative register; the first line is the base
  interval_end,quantity    consumption of the interval that ends at the label and
                           begins at the label before; the first is as long as
                           the second; after a gap of more than one and a half
                           intervals it is one interval long, and nothing is
                           used in the gap
Times have an offset, or are local to the tariff's zone. They rise from line to
line; a register does not fall, a quantity is not below zero.")]
    #[command(after_help = "\
Examples:
  ledger tariff price --tariff kenya.toml --readings january.csv
  ledger tariff price --tariff schemes/usms.toml --readings e.csv \\
      --utility electricity --class commercial --kva 140
  ledger tariff price --tariff new.toml --readings halfhours.csv.gz --json")]
    Price(PriceArgs),
}

#[derive(Debug, Clone, Args)]
struct PriceArgs {
    /// A scheme's file, or a file of tariffs by itself.
    #[arg(long, value_name = "FILE")]
    tariff: PathBuf,
    /// Readings in time order: `read_at,value` or `interval_end,quantity`.
    #[arg(long, value_name = "CSV")]
    readings: PathBuf,
    /// Which utility, where the file has tariffs for both: electricity or water.
    #[arg(long, value_name = "UTILITY", value_parser = utility)]
    utility: Option<Utility>,
    /// Which class of customers, where the file has several.
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Dwelling units, for blocks that scale with them.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    dwelling_units: u32,
    /// Contracted kVA, for blocks that scale with it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    kva: Option<u32>,
}

fn utility(text: &str) -> Result<Utility, String> {
    Utility::parse(text).ok_or_else(|| "electricity or water".to_owned())
}

/// A file's prices, whichever of the two it is.
enum Prices {
    Scheme(Box<SchemePolicy>),
    Book(TariffBook),
}

impl Prices {
    fn book(&self) -> PriceBook<'_> {
        match self {
            Self::Scheme(policy) => policy.price_book(),
            Self::Book(book) => book.price_book(),
        }
    }

    fn currency(&self) -> &Currency {
        match self {
            Self::Scheme(policy) => policy.currency(),
            Self::Book(book) => book.currency(),
        }
    }
}

/// A series, priced.
pub(super) struct Priced {
    lines: Vec<ChargeLine>,
    total: Money,
    quantity: Quantity,
    spans: u64,
    /// Intervals without a line of their own; nothing was used in them.
    gaps: u64,
    ends: (Timestamp, Timestamp),
}

pub(crate) fn run(args: &TariffArgs, globals: &Globals) -> Result<Exit, Failure> {
    match &args.command {
        TariffCommand::Price(args) => price(args, globals),
    }
}

fn price(args: &PriceArgs, globals: &Globals) -> Result<Exit, Failure> {
    let prices = read(&args.tariff)?;
    let book = prices.book();
    let (utility, class) = chosen(args, book)?;
    let customer = Customer {
        utility,
        class: &class,
        scale: Scale {
            dwelling_units: args.dwelling_units,
            contracted_kva: args.kva,
        },
    };
    let priced = all(book, customer, &args.readings)?;
    let shown = show::Shown {
        tariff: &args.tariff,
        readings: &args.readings,
        currency: prices.currency(),
        zone: book.zone,
        customer,
        priced: &priced,
    };
    globals.console.answer(|| shown.text(), || shown.json())?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> Result<Prices, Failure> {
    let failed = |error: std::io::Error| Failure::file("reading the tariff", path, &error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > FILE_BYTES_MAX {
        let what = format!(
            "{} has {size} bytes, at most {FILE_BYTES_MAX}",
            path.display()
        );
        return Err(Failure::usage("TARIFF_FILE", what).advise("name a file of tariffs"));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let is_scheme =
        toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.contains_key("utilities"));
    let prices = if is_scheme {
        SchemePolicy::from_toml(&text).map(|policy| Prices::Scheme(Box::new(policy)))
    } else {
        TariffBook::from_toml(&text).map(Prices::Book)
    };
    prices.map_err(|error| {
        Failure::usage("TARIFF_FILE", format!("{}: {error}", path.display()))
            .advise("correct the file; docs/tariffs.md shows every key")
    })
}

/// Utility and class: as said, or the only ones there are.
fn chosen(args: &PriceArgs, book: PriceBook<'_>) -> Result<(Utility, String), Failure> {
    let mut groups: Vec<(Utility, &str)> = book
        .tariffs
        .iter()
        .map(|tariff| (tariff.utility(), tariff.class()))
        .filter(|(utility, _)| args.utility.is_none_or(|wanted| wanted == *utility))
        .filter(|(_, class)| args.class.as_ref().is_none_or(|wanted| wanted == class))
        .collect();
    groups.sort_unstable();
    groups.dedup();
    if let [(utility, class)] = groups.as_slice() {
        return Ok((*utility, (*class).to_owned()));
    }
    let mut all: Vec<String> = book
        .tariffs
        .iter()
        .map(|tariff| format!("--utility {} --class {}", tariff.utility(), tariff.class()))
        .collect();
    all.sort_unstable();
    all.dedup();
    let what = if groups.is_empty() {
        "the file has no tariff for that utility and class"
    } else {
        "the file has tariffs for several utilities or classes"
    };
    Err(Failure::usage("TARIFF_CHOICE", what).advise(format!("choose one: {}", all.join("; "))))
}

/// Prices the whole series. Memory is that of the lines of its months.
fn all(book: PriceBook<'_>, customer: Customer<'_>, path: &Path) -> Result<Priced, Failure> {
    let mut series = series::Series::open(path, book.zone)?;
    let mut position: Option<Position> = None;
    let mut lines = Vec::new();
    let (mut total, mut quantity, mut spans) = (Money::ZERO, Quantity::ZERO, 0_u64);
    let mut ends: Option<(Timestamp, Timestamp)> = None;
    while let Some(span) = series.next()? {
        let charge = tariff::explain(book, customer, position.as_ref(), span)
            .map_err(|error| no_tariff(&error, series.line(), path))?;
        merge_lines(&mut lines, charge.lines);
        total += charge.total;
        quantity += span.quantity;
        spans = spans.saturating_add(1);
        ends = Some((ends.map_or(span.from, |(from, _)| from), span.to));
        position = Some(charge.position);
    }
    let Some(ends) = ends else {
        let what = format!("{} has no consumption to price", path.display());
        return Err(Failure::usage("READINGS_FILE", what)
            .advise("give it at least two lines under its header"));
    };
    let gaps = series.gaps();
    Ok(Priced {
        lines,
        total,
        quantity,
        spans: spans.saturating_sub(gaps),
        gaps,
        ends,
    })
}

fn no_tariff(error: &tariff::NoTariff, line: u64, path: &Path) -> Failure {
    let what = format!("{}, line {line}: {error}", path.display());
    Failure::usage("NO_TARIFF", what).advise(
        "let a tariff begin before the first reading, and give --dwelling-units or --kva where its blocks scale",
    )
}

/// A span of a series.
fn span(from: Timestamp, to: Timestamp, quantity: Quantity) -> Span {
    Span { from, to, quantity }
}
