//! C19: in whatever order readings arrive, each account of the chart and each month ends up with the same
//! money, and pricing stands where it would have stood.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ledger_core::account::Account;
use ledger_core::answer::{Answer, ReadingOutcome};
use ledger_core::command::{Command, ExchangeMeter, FinalReading, InstallMeter, Reading};
use ledger_core::event::{AccountEvent, Event, Stamp, decode, encode, kind_of};
use ledger_core::hourly::HourlyConsumption;
use ledger_core::ids::AccountId;
use ledger_core::num::{Money, Quantity};
use ledger_core::postings;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, LocalDateTime, Millis, Timestamp};
use ledger_core::utility::Utility::Electricity;
use proptest::prelude::*;

use crate::story::{E, Story, meter, q};

const NEW: &str = "E20000002";

/// How energy is priced, each way with figures that a few hundred units pass.
const ENERGY: [&str; 8] = [
    "flat = { price = \"0.07\" }\n",
    "[tariffs.blocks]\nper = \"month\"\nsteps = [{ width = \"600\", price = \"0.01\" }, { width = \"1400\", price = \"0.08\" }, { price = \"0.12\" }]\n",
    "[tariffs.blocks]\nper = \"day\"\nsteps = [{ width = \"15.5\", price = \"0.03\" }, { price = \"0.2\" }]\n",
    "[tariffs.blocks]\nper = \"quarter\"\nsteps = [{ width = \"1250\", price = \"0.3214\" }, { price = \"0.2904\" }]\n",
    "[tariffs.bands]\nper = \"month\"\nby = \"own_month\"\nsteps = [{ up_to = \"300\", price = \"0.1\" }, { up_to = \"2000\", price = \"0.15\" }, { price = \"0.3\" }]\n",
    "[tariffs.bands]\nper = \"month\"\nby = \"trailing_average\"\nmonths = 2\nsteps = [{ up_to = \"300\", price = \"0.1\" }, { up_to = \"2000\", price = \"0.15\" }, { price = \"0.3\" }]\n",
    "[tariffs.time_of_use]\nwindows = [{ name = \"peak\", price = \"0.4\", days = [\"weekday\"], hours = [\"14:00-20:00\"] }, { name = \"night\", price = \"0.05\", hours = [\"22:00-07:00\"] }, { name = \"rest\", price = \"0.11\" }]\n",
    "[tariffs.time_of_use]\nseasons.spring = [\"03-01..04-15\"]\nwindows = [{ name = \"spring\", price = \"0.3\", season = \"spring\" }, { name = \"rest\", price = \"0.1\" }]\n",
];

/// What comes beside energy.
const BESIDE: [&str; 4] = [
    "",
    "[[tariffs.standing]]\nname = \"supply\"\nper = \"day\"\namount = \"0.5\"\n",
    "[[tariffs.standing]]\nname = \"rent\"\nper = \"month\"\namount = \"3\"\n\
     [[tariffs.pass_throughs]]\nname = \"fuel\"\nprice = \"0.0313\"\nrounding = { decimals = 2, mode = \"half_up\" }\n\
     [[tariffs.levies]]\nname = \"fund\"\nkind = \"levy\"\npercent = \"5\"\non = [\"energy\"]\nrounding = { decimals = 2, mode = \"half_up\" }\n\
     [[tariffs.levies]]\nname = \"vat\"\nkind = \"tax\"\npercent = \"16\"\non = [\"energy\", \"standing\", \"fund\", \"fuel\"]\n\
     rounding = { decimals = 2, mode = \"half_up\" }\n",
    "[[tariffs.levies]]\nname = \"vat\"\nkind = \"tax\"\npercent = \"9\"\non = [\"energy\", \"minimum\"]\n\
     [tariffs.minimum]\nper = \"month\"\namount = \"25\"\n",
];

fn tariff(name: &str, from: &str, energy: usize, beside: usize) -> String {
    format!(
        "[[tariffs]]\nname = \"{name}\"\nutility = \"electricity\"\nclass = \"residential\"\n\
         effective_from = \"{from}\"\nverified = false\nsource = \"test\"\n{}{}\n",
        ENERGY[energy], BESIDE[beside]
    )
}

/// A scheme of a zone with daylight saving, whose tariff changes in the middle of May.
fn policy(first: (usize, usize), second: (usize, usize)) -> SchemePolicy {
    let text = SchemePolicy::builtin_text("usms").unwrap();
    let others = text
        .find("[[tariffs]]\nname = \"electricity-commercial\"")
        .unwrap();
    let before = text.find("[[tariffs]]").unwrap();
    let mut scheme = text[..before].to_owned();
    scheme += &tariff("first", "2000-01-01T00:00:00+01:00", first.0, first.1);
    scheme += &tariff("second", "2026-05-13T00:00:00+02:00", second.0, second.1);
    scheme += &text[others..];
    let scheme = scheme
        .replace("Asia/Brunei", "Europe/Berlin")
        .replace("2000-01-01T00:00:00+08:00", "2000-01-01T00:00:00+01:00");
    SchemePolicy::from_toml(&scheme).unwrap()
}

#[derive(Debug, Clone)]
struct Course {
    first: (usize, usize),
    second: (usize, usize),
    /// Register at the installation: some pass through zero.
    start: i64,
    /// Minutes since the installation, and what was used since the reading before.
    readings: Vec<(i64, i64)>,
    /// After how many of them the meter is exchanged, if it is.
    exchange: Option<usize>,
}

fn course() -> impl Strategy<Value = Course> {
    let ways = (0..ENERGY.len(), 0..BESIDE.len());
    let readings = prop::collection::vec((1i64..177_000, 0i64..1_500_000_000), 2..26);
    let exchange = prop::option::weighted(0.4, 1usize..24);
    (ways.clone(), ways, any::<bool>(), readings, exchange).prop_map(
        |(first, second, rolls, mut readings, exchange)| {
            for reading in &mut readings {
                // Many fall on full days, and so on the ends of months.
                if reading.1 % 3 == 0 {
                    reading.0 = reading.0 / 1_440 * 1_440 + 900;
                }
            }
            readings.sort_unstable();
            readings.dedup_by_key(|r| r.0);
            let mut before = 0;
            for (minute, rise) in &mut readings {
                *rise %= 1_580_000 * (*minute - before);
                before = *minute;
            }
            let exchange = exchange.filter(|n| *n < readings.len());
            Course {
                first,
                second,
                start: if rolls { 985_000_000_000 } else { 0 },
                readings,
                exchange,
            }
        },
    )
}

const TOP: i64 = 1_000_000_000_000;

/// A reading, or the exchange of the meter.
#[derive(Debug, Clone)]
enum Arrival {
    Read(Reading),
    Exchange(ExchangeMeter),
}

impl Course {
    fn installed(&self, policy: &SchemePolicy) -> Timestamp {
        let at = LocalDateTime::parse("2026-02-27T09:00:00").unwrap();
        policy.zone().local_to_utc(at, None)
    }

    /// Everything in its order.
    fn arrivals(&self, policy: &SchemePolicy) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        let (mut number, mut register) = (E, self.start);
        for (place, (minute, rise)) in self.readings.iter().enumerate() {
            register = (register + rise) % TOP;
            let at = self.installed(policy) + Millis::minutes(*minute);
            let value = Quantity::from_micro(register);
            if self.exchange == Some(place) {
                let old = FinalReading {
                    meter: meter(E),
                    value,
                    force: None,
                };
                (number, register) = (NEW, 0);
                arrivals.push(Arrival::Exchange(ExchangeMeter {
                    old,
                    new: meter(NEW),
                    register: None,
                    at,
                    first_value: q("0"),
                }));
                continue;
            }
            arrivals.push(Arrival::Read(Reading {
                meter: meter(number),
                register: None,
                read_at: at,
                value,
            }));
        }
        arrivals
    }

    fn played(&self, policy: &SchemePolicy, arrivals: &[Arrival]) -> Story {
        let installed = self.installed(policy);
        let mut story = Story::under(policy.clone(), "2026-02-27 09:00:00", "residential");
        let install = InstallMeter {
            utility: Electricity,
            meter: meter(E),
            register: None,
            at: installed,
            first_value: Quantity::from_micro(self.start),
        };
        let received = installed + Millis::hours(130 * 24);
        story.send_at(received, Command::InstallMeter(install));
        for arrival in arrivals {
            let command = match arrival.clone() {
                Arrival::Read(reading) => Command::RecordReading(reading),
                Arrival::Exchange(exchange) => Command::ExchangeMeter(exchange),
            };
            let answer = story.send_at(received, command).answer;
            let taken = matches!(
                answer,
                Answer::Done { .. }
                    | Answer::Reading(
                        ReadingOutcome::Accepted { .. } | ReadingOutcome::Corrected { .. }
                    )
            );
            assert!(taken, "{arrival:?}: {answer:?}");
        }
        story
    }
}

/// Shuffles, with the exchange before everything of the new meter.
fn shuffled(arrivals: &[Arrival], seed: u64) -> Vec<Arrival> {
    let mut all = arrivals.to_vec();
    let mut state = seed;
    for i in (1..all.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        all.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
    }
    let is_new = |a: &Arrival| matches!(a, Arrival::Read(r) if r.meter == meter(NEW));
    let exchange = all.iter().position(|a| matches!(a, Arrival::Exchange(_)));
    let first_new = all.iter().position(is_new);
    if let (Some(from), Some(to)) = (exchange, first_new)
        && to < from
    {
        let exchange = all.remove(from);
        all.insert(to, exchange);
    }
    all
}

/// What was charged to a month: its days, what was missing to its minimum, and each line beside energy.
#[derive(Debug, Default, PartialEq, Eq)]
struct Charged {
    money: BTreeMap<String, Money>,
    days: BTreeMap<(String, LocalDate), (Quantity, Money)>,
    readings: BTreeMap<LocalDate, (i64, i64)>,
}

impl Charged {
    fn of(story: &Story) -> Self {
        let mut charged = Self::default();
        let mut text = String::new();
        for event in &story.events {
            for line in postings::of_account(story.account.id(), event) {
                charged.add(&line.account.to_string(), line.amount);
            }
            let (days, minimums, lines) = match event {
                AccountEvent::ConsumptionCharged(e) => {
                    let days: Vec<_> = e.parts().map(|part| (e.m.to_string(), part)).collect();
                    let on = days.last().unwrap().1.0;
                    let counts = charged.readings.entry(on).or_default();
                    counts.0 += 1;
                    counts.1 += i64::from(e.g);
                    (days, e.mn.clone(), e.x.clone())
                }
                AccountEvent::ConsumptionCorrected(e) => {
                    let own = e.p.iter().map(|part| (e.m.to_string(), part.clone()));
                    let other =
                        e.o.iter()
                            .flat_map(|o| o.p.iter().map(|part| (o.m.to_string(), part.clone())));
                    let counts = charged.readings.entry(e.d).or_default();
                    counts.0 += 1;
                    counts.1 += i64::from(e.g);
                    if let Some(date) = e.ng {
                        charged.readings.entry(date).or_default().1 -= 1;
                    }
                    let minimums = e.o.iter().flat_map(|o| o.mn.clone());
                    let minimums = e.mn.iter().cloned().chain(minimums).collect();
                    (own.chain(other).collect(), minimums, e.x.clone())
                }
                _ => continue,
            };
            for (number, part) in days {
                charged.add(&part.0.month().to_string(), part.2);
                let day = charged.days.entry((number, part.0)).or_default();
                *day = (day.0 + part.1, day.1 + part.2);
            }
            for part in minimums {
                charged.add(&format!("{} minimum", part.0), part.1);
            }
            for line in lines {
                text.clear();
                write!(text, "{} {:?} {}", line.0, line.1, line.2).unwrap();
                charged.add(&text, line.3);
            }
        }
        charged.money.retain(|_, amount| !amount.is_zero());
        charged
    }

    fn add(&mut self, name: &str, amount: Money) {
        *self.money.entry(name.to_owned()).or_default() += amount;
    }
}

fn hours(story: &Story, number: &str) -> Vec<(Timestamp, Quantity)> {
    let mut hours = HourlyConsumption::of(meter(number), story.policy.zone().clone());
    story.events.iter().for_each(|event| hours.take(event));
    hours.hours().collect()
}

/// The account folded from its facts as they are stored, with no policy at hand (C6).
fn replayed(story: &Story) -> Account {
    let mut account = Account::new(AccountId::parse("A1").unwrap());
    for event in &story.events {
        let event = Event::Account(event.clone());
        let Event::Account(read) = decode(kind_of(&event), &encode(&event)).unwrap() else {
            panic!("an account's event");
        };
        let stamp = Stamp {
            at: account.newest_at(),
            by_deadline: false,
            delivery: 0,
        };
        account.evolve(&read, stamp);
    }
    account
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn c19_any_order_of_arrival_gives_the_same_money_per_month_and_account(
        course in course(), seed in any::<u64>(),
    ) {
        let policy = policy(course.first, course.second);
        let arrivals = course.arrivals(&policy);
        let in_order = course.played(&policy, &arrivals);
        let story = course.played(&policy, &shuffled(&arrivals, seed));
        prop_assert_eq!(Charged::of(&story), Charged::of(&in_order));
        let position = |story: &Story| story.account.wallet(Electricity).unwrap().position.clone();
        prop_assert_eq!(position(&story), position(&in_order));
        for number in [E, NEW] {
            prop_assert_eq!(hours(&story, number), hours(&in_order, number));
        }
        let folded = replayed(&story);
        prop_assert_eq!(folded.wallet(Electricity).unwrap().balance, story.balance(Electricity));
        prop_assert_eq!(&folded.wallet(Electricity).unwrap().position, &position(&story));
    }
}
