//! The rating oracle: 74 real Australian retail tariffs, each converted to this ledger's tariff data, rate
//! the half-hourly profiles of six homes through the code that charges accounts, and give the annual
//! charges that an implementation of somebody else computed. Skipped, visibly, where the data is not there.
//!
//! A half-hour's label is its end, and days are cut at true midnight; for daily blocks the vectors carry
//! that figure. For two kinds of tariff they know only what the reference does, which looks a half-hour up on
//! its label's date, so that the one that ends at midnight counts to the day after:
//!
//! * Time of use: the half-hour from 23:30 has the weekday and the season of the next day. That is said in
//!   the tariff's data, as a window of its own beside each.
//! * Quarterly blocks: it has the quarter of the next day, and the last one of the year, by the quarter's
//!   number, that of the year's beginning. No tariff could say so: these six vectors are rated half an hour
//!   later, the last half-hour first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects and stops where that fails; the reference's figures are floats"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use ledger_core::num::{Money, Quantity};
use ledger_core::tariff::{
    self, ChargeLine, Customer, LineSource, Position, Scale, Span, Step, TariffBook, merge_lines,
};
use ledger_core::time::{LocalDateTime, Millis, Timestamp, Zone};
use ledger_core::utility::Utility;
use ledger_tests::real_data;
use serde_json::Value;

const HALF_HOUR: Millis = Millis::minutes(30);

/// New South Wales without daylight saving, as the profiles are labelled.
const ZONE: &str = "Australia/Brisbane";

/// What is not covered by a tariff's windows would fall here.
const UNCOVERED: &str = "uncovered";

/// End of the name of a window for the half-hour before midnight.
const ON_EVE: &str = "--eve";

/// Which quarter a half-hour that ends at midnight belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    /// That of the day before: true midnight.
    True,
    /// That of the day after: the reference's calendar.
    Label,
}

/// A name of the reference as one of ours.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// A price in our eight decimals: the file has remains of binary fractions behind the tenth.
fn decimal(value: &Value) -> String {
    format!("{:.8}", value.as_f64().unwrap())
}

fn minute(text: &str) -> u32 {
    let (hour, minute) = text.split_once(':').unwrap();
    hour.trim().parse::<u32>().unwrap() * 60 + minute.trim().parse::<u32>().unwrap()
}

fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// From here to midnight the reference looks on the next day's date.
const EVE: u32 = 1_410;

/// Days of each month of the year of the profiles, and of the month before.
const MONTHS: [(u32, u32); 12] = [
    (31, 31),
    (28, 31),
    (31, 28),
    (30, 31),
    (31, 30),
    (30, 31),
    (31, 30),
    (31, 31),
    (30, 31),
    (31, 30),
    (30, 31),
    (31, 30),
];

/// Stretches of the day that a window of the reference is open in, those over midnight in two parts.
fn stretches(intervals: &Value) -> Vec<(u32, u32)> {
    let mut stretches = Vec::new();
    for interval in intervals.as_object().unwrap().values() {
        let bound = |place: usize| minute(interval[place].as_str().unwrap()) % 1_440;
        let (from, to) = (bound(0), bound(1));
        if from < to {
            stretches.push((from, to));
        } else {
            stretches.push((from, 1_440));
            stretches.push((0, to));
        }
    }
    stretches.retain(|(from, to)| from < to);
    stretches
}

/// The days of months as ranges, each `earlier` days before the month.
fn season(months: &[Value], earlier: u32) -> Option<String> {
    if months.len() == 12 {
        return None;
    }
    let ranges: Vec<String> = months
        .iter()
        .map(|month| {
            let month = u32::try_from(month.as_u64().unwrap()).unwrap();
            let (days, before) = MONTHS[usize::try_from(month).unwrap() - 1];
            let from = match (earlier, month) {
                (0, _) => format!("{month:02}-01"),
                (_, 1) => format!("12-{before}"),
                (_, _) => format!("{:02}-{before}", month - 1),
            };
            format!("\"{from}..{month:02}-{}\"", days - earlier)
        })
        .collect();
    Some(format!("[{}]", ranges.join(", ")))
}

fn days_of(window: &Value, eve: bool) -> &'static str {
    match (&window["Weekday"], &window["Weekend"], eve) {
        (Value::Bool(true), Value::Bool(true), _) => "",
        (Value::Bool(true), Value::Bool(false), false) => ", days = [\"weekday\"]",
        (Value::Bool(false), Value::Bool(true), false) => ", days = [\"weekend\"]",
        (Value::Bool(true), Value::Bool(false), true) => {
            ", days = [\"sun\", \"mon\", \"tue\", \"wed\", \"thu\"]"
        }
        (Value::Bool(false), Value::Bool(true), true) => ", days = [\"fri\", \"sat\"]",
        other => panic!("days {other:?}"),
    }
}

/// Windows as the reference looks them up: its own until 23:30, and one beside it for the rest.
fn time_of_use(windows: &Value, out: &mut String) {
    out.push_str("[tariffs.time_of_use]\n");
    let mut list = String::new();
    for (name, window) in windows.as_object().unwrap() {
        let price = decimal(&window["Value"]);
        for eve in [false, true] {
            let part = |(from, to): (u32, u32)| {
                if eve {
                    (from.max(EVE), to)
                } else {
                    (from, to.min(EVE))
                }
            };
            let hours: Vec<String> = stretches(&window["TimeIntervals"])
                .into_iter()
                .map(part)
                .filter(|(from, to)| from < to)
                .map(|(from, to)| format!("\"{}-{}\"", clock(from), clock(to)))
                .collect();
            if hours.is_empty() {
                continue;
            }
            let name = format!("{}{}", slug(name), if eve { ON_EVE } else { "" });
            write!(list, "  {{ name = \"{name}\", price = \"{price}\"").unwrap();
            if let Some(ranges) = season(window["Month"].as_array().unwrap(), u32::from(eve)) {
                writeln!(out, "seasons.{name} = {ranges}").unwrap();
                write!(list, ", season = \"{name}\"").unwrap();
            }
            let days = days_of(window, eve);
            writeln!(list, "{days}, hours = [{}] }},", hours.join(", ")).unwrap();
        }
    }
    writeln!(
        out,
        "windows = [\n{list}  {{ name = \"{UNCOVERED}\", price = \"0\" }},\n]"
    )
    .unwrap();
}

fn blocks(per: &str, blocks: &Value, out: &mut String) {
    let mut steps: Vec<(Option<f64>, String)> = blocks
        .as_object()
        .unwrap()
        .values()
        .map(|block| (block["HighBound"].as_f64(), decimal(&block["Value"])))
        .collect();
    steps.sort_by(|a, b| a.0.unwrap_or(f64::MAX).total_cmp(&b.0.unwrap_or(f64::MAX)));
    let mut above = 0.0;
    writeln!(out, "[tariffs.blocks]\nper = \"{per}\"\nsteps = [").unwrap();
    for (bound, price) in steps {
        match bound {
            Some(bound) => writeln!(
                out,
                "  {{ width = \"{:.6}\", price = \"{price}\" }},",
                bound - above
            ),
            None => writeln!(out, "  {{ price = \"{price}\" }},"),
        }
        .unwrap();
        above = bound.unwrap_or(above);
    }
    out.push_str("]\n");
}

/// A tariff of the reference as a file of ours.
fn converted(tariff: &Value) -> TariffBook {
    let mut text = format!(
        "zone = \"{ZONE}\"\ncurrency = {{ code = \"AUD\", decimals = 2 }}\n\n[[tariffs]]\nname = \"{}\"\n\
         utility = \"electricity\"\nclass = \"retail\"\neffective_from = \"2012-01-01T00:00:00+10:00\"\n\
         verified = false\nsource = \"AllTariffs_Retail.json\"\n",
        slug(tariff["Tariff ID"].as_str().unwrap())
    );
    let parameters = tariff["Parameters"].as_object().unwrap();
    for (name, values) in parameters {
        match name.as_str() {
            "FlatRate" => {
                writeln!(
                    text,
                    "[tariffs.flat]\nprice = \"{}\"",
                    decimal(&values["Value"])
                )
                .unwrap();
            }
            "BlockDaily" => blocks("day", values, &mut text),
            "BlockQuarterly" => blocks("quarter", values, &mut text),
            "TOU" => time_of_use(values, &mut text),
            // Nobody of the twelve homes feeds in.
            "Daily" | "FiT" | "FiT_TOU" => {}
            other => panic!("parameter {other}"),
        }
    }
    let daily = decimal(&parameters["Daily"]["Value"]);
    writeln!(
        text,
        "[[tariffs.standing]]\nname = \"daily\"\nper = \"day\"\namount = \"{daily}\""
    )
    .unwrap();
    TariffBook::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A home's half-hours: the label as an instant, and what was used until then.
type Profile = Vec<(Timestamp, Quantity)>;

fn profiles(path: &Path) -> BTreeMap<String, Profile> {
    let zone = Zone::named(ZONE).unwrap();
    let mut lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    let header = lines.next().unwrap().unwrap();
    let homes: Vec<String> = header.split(',').skip(1).map(str::to_owned).collect();
    let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
    for line in lines {
        let line = line.unwrap();
        let mut fields = line.split(',');
        let label = format!("{}:00", fields.next().unwrap().replace(' ', "T"));
        let at = zone.local_to_utc(LocalDateTime::parse(&label).unwrap(), None);
        for (home, field) in homes.iter().zip(fields) {
            let quantity = Quantity::parse(field).unwrap();
            profiles
                .entry(home.clone())
                .or_default()
                .push((at, quantity));
        }
    }
    profiles
}

/// The half-hours as spans of a calendar.
fn spans(profile: &Profile, days: Days) -> Vec<Span> {
    let of = |(at, quantity): (Timestamp, Quantity)| match days {
        Days::True => Span {
            from: at - HALF_HOUR,
            to: at,
            quantity,
        },
        Days::Label => Span {
            from: at,
            to: at + HALF_HOUR,
            quantity,
        },
    };
    let mut spans: Vec<Span> = profile.iter().copied().map(of).collect();
    if days == Days::Label {
        let last = spans.pop().unwrap();
        let first = spans[0].from - HALF_HOUR;
        spans.insert(
            0,
            Span {
                from: first,
                to: first + HALF_HOUR,
                quantity: last.quantity,
            },
        );
    }
    spans
}

/// A year of readings through the code that charges accounts, line by line.
fn rated(book: &TariffBook, spans: &[Span]) -> Vec<ChargeLine> {
    let customer = Customer {
        utility: Utility::Electricity,
        class: "retail",
        scale: Scale::ONE_DWELLING,
    };
    let mut position: Option<Position> = None;
    let (mut lines, mut total) = (Vec::new(), Money::ZERO);
    for span in spans {
        let charge =
            tariff::explain(book.price_book(), customer, position.as_ref(), *span).unwrap();
        merge_lines(&mut lines, charge.lines);
        total += charge.total;
        position = Some(charge.position);
    }
    let sum: Money = lines.iter().map(|line| line.amount).sum();
    assert_eq!(sum, total, "each cent is explained");
    lines
}

/// Our lines under the names of the reference's components.
fn components(lines: &[ChargeLine]) -> BTreeMap<String, f64> {
    let number = |money: Money| money.to_string().parse::<f64>().unwrap();
    let mut found: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |name: String, value: f64| *found.entry(name).or_default() += value;
    for line in lines {
        let amount = number(line.amount);
        add("bill".to_owned(), amount);
        match &line.source {
            LineSource::Standing { .. } => add("charge-daily".to_owned(), amount),
            LineSource::Energy { step, quantity, .. } => {
                let quarter = (line.month.parts().1 - 1) / 3 + 1;
                add("energy".to_owned(), amount);
                add(format!("c-q{quarter}"), amount);
                if let Step::Window { name } = step {
                    let name = name.trim_end_matches(ON_EVE);
                    add(format!("c-{name}"), amount);
                    let units = quantity.to_string().parse::<f64>().unwrap();
                    add(format!("kwh-{name}"), units);
                }
            }
            other => panic!("no tariff of the reference has {other:?}"),
        }
    }
    found
}

/// The first component of a vector that is further than a cent from ours.
fn difference(vector: &Value, ours: &BTreeMap<String, f64>) -> Option<String> {
    let mut wanted = vector["values"].as_object().unwrap().clone();
    if let Some(true_midnight) = vector.get("block_daily_charge_if_days_cut_at_true_midnight") {
        let bill = true_midnight.as_f64().unwrap() + wanted["Charge_Daily"].as_f64().unwrap();
        wanted.insert("Charge_BlockDaily".to_owned(), true_midnight.clone());
        wanted.insert("Bill".to_owned(), bill.into());
    }
    if ours.contains_key(&format!("kwh-{UNCOVERED}")) {
        return Some("energy outside all windows".to_owned());
    }
    wanted.iter().find_map(|(name, value)| {
        let key = match slug(name).as_str() {
            "charge-flatrate" | "charge-blockdaily" | "charge-blockquarterly" | "charge-tou" => {
                "energy".to_owned()
            }
            other => other.to_owned(),
        };
        // Feed-in is nothing, since nobody feeds in; all else has to be there.
        let is_feed_in = name.contains("FiT") || name.contains("kWh_Exp");
        let got = if is_feed_in {
            Some(0.0)
        } else {
            ours.get(&key).copied()
        };
        // A window that nothing fell into has no line.
        let got =
            got.or_else(|| (name.starts_with("kWh_") || name.starts_with("C_")).then_some(0.0));
        let value = value.as_f64().unwrap();
        match got {
            Some(got) if (got - value).abs() <= 0.01 => None,
            other => Some(format!("{name}: {value} expected, {other:?} found")),
        }
    })
}

struct Oracle {
    tariffs: BTreeMap<String, Value>,
    profiles: BTreeMap<String, Profile>,
    vectors: Vec<Value>,
}

impl Oracle {
    fn read(folder: &Path) -> Self {
        let file = BufReader::new(File::open(folder.join("AllTariffs_Retail.json")).unwrap());
        let all: Value = serde_json::from_reader(file).unwrap();
        let tariffs = all[0]["Tariffs"].as_array().unwrap().iter();
        let named = |tariff: &Value| {
            (
                tariff["Tariff ID"].as_str().unwrap().to_owned(),
                tariff.clone(),
            )
        };
        let vectors = GzDecoder::new(File::open(folder.join("expected_bills.jsonl.gz")).unwrap());
        let vectors = BufReader::new(vectors).lines();
        Self {
            tariffs: tariffs.map(named).collect(),
            profiles: profiles(&folder.join("sgsc12_profiles_2012-13.csv.gz")),
            vectors: vectors
                .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
                .collect(),
        }
    }

    fn difference(&self, vector: &Value, days: Days) -> Option<String> {
        let tariff = &self.tariffs[vector["tariff_id"].as_str().unwrap()];
        let profile = &self.profiles[vector["home"].as_str().unwrap()];
        let lines = rated(&converted(tariff), &spans(profile, days));
        difference(vector, &components(&lines))
    }
}

/// Which calendar a vector's figures are of.
fn calendar_of(vector: &Value) -> Days {
    match vector["tariff_type"].as_str().unwrap() {
        "Flat_rate" | "Block-daily" | "TOU" => Days::True,
        "Block-quarter" => Days::Label,
        other => panic!("type {other}"),
    }
}

#[test]
fn c11_the_rating_oracle_is_reproduced_to_the_cent_in_every_component() {
    let Some(data) = real_data() else { return };
    let oracle = Oracle::read(&data.join("rating"));
    let judged = std::thread::scope(|scope| {
        let half = oracle.vectors.len().div_ceil(2);
        let workers: Vec<_> = oracle
            .vectors
            .chunks(half)
            .map(|vectors| {
                let oracle = &oracle;
                scope.spawn(move || {
                    let judge = |vector: &Value| {
                        let days = calendar_of(vector);
                        (days, vector.clone(), oracle.difference(vector, days))
                    };
                    vectors.iter().map(judge).collect::<Vec<_>>()
                })
            })
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap());
        joined.flatten().collect::<Vec<_>>()
    });
    let mut reproduced = BTreeMap::from([("true", 0), ("label", 0)]);
    for (days, vector, difference) in &judged {
        match difference {
            None => {
                let calendar = if *days == Days::True { "true" } else { "label" };
                *reproduced.get_mut(calendar).unwrap() += 1;
            }
            Some(difference) => {
                println!("{} {}: {difference}", vector["tariff_id"], vector["home"]);
            }
        }
    }
    let all: usize = reproduced.values().sum();
    println!(
        "rating oracle: {all} of {} vectors reproduced within AUD 0.01 a component ({} with days cut at \
         true midnight, {} by the reference's own quarters, the only ones they know)",
        judged.len(),
        reproduced["true"],
        reproduced["label"],
    );
    assert_eq!((all, judged.len()), (444, 444));
}
