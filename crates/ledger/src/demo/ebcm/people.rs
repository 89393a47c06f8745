//! Who the consumers are, what each does, and the status each must have at every month's close.

use ledger_core::ids::MeterNumber;
use ledger_core::num::Quantity;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, LocalDateTime, Millis, Timestamp, Zone};

use super::super::args::DemoArgs;
use super::super::generate::Chance;
use super::super::town::{account_id, meter_number};

/// Year of the course.
const YEAR: i32 = 2026;
/// January to September: long enough that one who never pays is final.
pub(super) const MONTHS: u32 = 9;

/// What a consumer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Habit {
    /// Pays every month.
    Pays,
    /// Comes too late once, in March, and pays the belated bill in April.
    Forgets,
    /// Does not pay March and April, is cut by the JE, pays in May in parts.
    CutByJe,
    /// The same, but the JE does not get there: the close cuts; pays in June.
    CutByClose,
    /// Never pays from March on.
    Never,
    /// Stops billing in May and comes back in July.
    Stops,
    /// A temporary connection, extended once and ended in August.
    Temporary,
    /// Of the government; its April reading is missing.
    Government,
    /// Imported with arrears, which it pays in February.
    Imported,
    /// Ends the connection in June, before its three years are over.
    Ends,
}

impl Habit {
    /// All of them, in the order in which the rarer ones are dealt.
    pub(super) const ALL: [Self; 10] = [
        Self::Pays,
        Self::Forgets,
        Self::CutByJe,
        Self::CutByClose,
        Self::Never,
        Self::Stops,
        Self::Temporary,
        Self::Government,
        Self::Imported,
        Self::Ends,
    ];

    /// For people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pays => "pays every month",
            Self::Forgets => "comes too late in March, pays in April",
            Self::CutByJe => "cut by the JE in April, pays in May in parts",
            Self::CutByClose => "cut by April's close, pays in June",
            Self::Never => "never pays from March on",
            Self::Stops => "stop-bill in May, back in July",
            Self::Temporary => "temporary, extended, ended in August",
            Self::Government => "of the government, April's reading missing",
            Self::Imported => "imported with arrears, pays in February",
            Self::Ends => "ends the connection in June",
        }
    }

    /// The status at the close of each month; shorter where nothing is closed any more.
    pub(super) const fn path(self) -> &'static [&'static str] {
        match self {
            Self::Pays | Self::Government => &[
                "LIVE", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE",
            ],
            Self::Forgets => &[
                "LIVE", "LIVE", "BLTD", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE",
            ],
            Self::CutByJe => &[
                "LIVE", "LIVE", "BLTD", "DIS1", "PNR2", "LIVE", "LIVE", "LIVE", "LIVE",
            ],
            Self::CutByClose => &[
                "LIVE", "LIVE", "BLTD", "DIS1", "DIS2", "PNR3", "LIVE", "LIVE", "LIVE",
            ],
            Self::Never => &[
                "LIVE", "LIVE", "BLTD", "DIS1", "DIS2", "DIS3", "DIS4", "DIS5", "PDNP",
            ],
            Self::Stops => &[
                "LIVE", "LIVE", "LIVE", "LIVE", "STBP", "STBP", "LIVE", "LIVE", "LIVE",
            ],
            Self::Temporary => &["NEW", "NEW", "NEW", "NEW", "NEW", "EXTN", "EXTN"],
            Self::Imported => &[
                "BLOG", "PNR1", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE", "LIVE",
            ],
            Self::Ends => &["LIVE", "LIVE", "LIVE", "LIVE", "LIVE"],
        }
    }

    /// The status when the story is over.
    pub(super) fn last_status(self) -> &'static str {
        match self {
            Self::Temporary => "DISC",
            Self::Ends => "DEAR",
            Self::Pays
            | Self::Forgets
            | Self::CutByJe
            | Self::CutByClose
            | Self::Never
            | Self::Stops
            | Self::Government
            | Self::Imported => self.path().last().copied().unwrap_or_default(),
        }
    }

    /// Whether it reads its meter and pays on the tenth of a month.
    pub(super) const fn pays_in(self, month: u32) -> bool {
        match self {
            Self::Pays => true,
            Self::Forgets => month != 3,
            Self::CutByJe => !matches!(month, 3..=5),
            Self::CutByClose => !matches!(month, 3..=6),
            Self::Never => month <= 2,
            Self::Stops => month != 6,
            Self::Temporary => month <= 8,
            Self::Government => month != 4,
            Self::Imported => month >= 3,
            Self::Ends => month <= 6,
        }
    }

    /// Whether it pays all dues without a reading on the tenth of a month.
    pub(super) const fn clears_in(self, month: u32) -> bool {
        matches!((self, month), (Self::Imported, 2) | (Self::CutByClose, 6))
    }
}

/// A consumer.
#[derive(Debug, Clone)]
pub(super) struct Consumer {
    /// Account.
    pub(super) account: String,
    /// Meter.
    pub(super) meter: MeterNumber,
    /// What it does.
    pub(super) habit: Habit,
    /// Register value now.
    pub(super) register: Quantity,
    size: i64,
}

impl Consumer {
    /// Its customer class.
    pub(super) const fn class(&self) -> &'static str {
        match self.habit {
            Habit::Government => "government",
            Habit::Temporary => "commercial",
            Habit::Pays
            | Habit::Forgets
            | Habit::CutByJe
            | Habit::CutByClose
            | Habit::Never
            | Habit::Stops
            | Habit::Imported
            | Habit::Ends => "domestic",
        }
    }

    /// Uses so many thousandths of a usual month.
    pub(super) fn uses(&mut self, chance: &mut Chance, thousandths: i64) {
        let watt_hours = self.size * thousandths / 1_000 * (70 + chance.below(60)) / 100;
        self.register += Quantity::from_micro(watt_hours * 1_000);
    }
}

/// All of them, with the seed's generator for what they will use.
pub(super) struct People {
    /// The consumers.
    pub(super) consumers: Vec<Consumer>,
    /// For what they use.
    pub(super) chance: Chance,
    /// Seed of it all.
    pub(super) seed: u64,
    zone: Zone,
}

/// Makes them: of ten, five pay every month, and each other habit is there once in twenty.
pub(super) fn people(args: &DemoArgs, policy: &SchemePolicy) -> People {
    let mut chance = Chance(args.seed);
    let count = usize::try_from(args.households).unwrap_or(usize::MAX);
    let consumers = (0..count).map(|n| {
        let rare = Habit::ALL.get(1 + n / 2 % 9).copied();
        let habit = if n % 2 == 0 { rare } else { None };
        Consumer {
            account: account_id("consumer", n).to_string(),
            meter: meter_number('L', n),
            habit: habit.unwrap_or(Habit::Pays),
            register: Quantity::ZERO,
            size: 60_000 + chance.below(200_000),
        }
    });
    People {
        consumers: consumers.collect(),
        chance: Chance(args.seed.wrapping_add(1)),
        seed: args.seed,
        zone: policy.zone().clone(),
    }
}

impl People {
    /// A local time of the course, in minutes of a day.
    pub(super) fn at(&self, month: u32, day: u32, minute: i64) -> Timestamp {
        let (year, month) = if month > 12 {
            (YEAR + 1, month - 12)
        } else {
            (YEAR, month)
        };
        let date = LocalDate::new(year, month, day).unwrap_or(LocalDate::MIN);
        let midnight = self.zone.local_to_utc(LocalDateTime::midnight(date), None);
        midnight + Millis::minutes(minute)
    }
}

/// `2026-03`
pub(super) fn month_name(month: u32) -> String {
    format!("{YEAR}-{month:02}")
}
