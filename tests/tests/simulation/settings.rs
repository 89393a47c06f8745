//! What is played: by default the whole town from a fixed seed, or what the environment says.

use ledger_core::time::Month;

/// The seed of a run that nobody chose another for.
const SEED: u64 = 20_260_701;

/// What is played.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) accounts: usize,
    pub(crate) months: usize,
    only: Option<usize>,
}

impl Settings {
    /// `LEDGER_SIM_SEED`, `LEDGER_SIM_ACCOUNTS`, `LEDGER_SIM_MONTHS`, `LEDGER_SIM_ONLY` (one house of them).
    pub(crate) fn chosen(accounts: usize, months: usize) -> Self {
        Self {
            seed: number("LEDGER_SIM_SEED").unwrap_or(SEED),
            accounts: number("LEDGER_SIM_ACCOUNTS").map_or(accounts, to_usize),
            months: number("LEDGER_SIM_MONTHS").map_or(months, to_usize),
            only: number("LEDGER_SIM_ONLY").map(to_usize),
        }
    }

    /// As it is, whatever the environment says.
    pub(crate) fn fixed(accounts: usize, months: usize) -> Self {
        Self {
            seed: SEED,
            accounts,
            months,
            only: None,
        }
    }

    pub(crate) fn first_month(&self) -> Month {
        Month::parse("2026-01").unwrap()
    }

    /// One in twenty has an hourly meter.
    pub(crate) fn is_hourly(&self, index: usize) -> bool {
        index.is_multiple_of(20)
    }

    pub(crate) fn plays(&self, index: usize) -> bool {
        self.only.is_none_or(|only| only == index)
    }

    /// Whether at least so much is played that everything must have happened.
    pub(crate) fn plays_all(&self, accounts: usize, months: usize) -> bool {
        self.only.is_none() && self.accounts >= accounts && self.months >= months
    }

    /// How to see the same again.
    pub(crate) fn again(&self, test: &str, house: Option<usize>) -> String {
        let only = house.map_or(String::new(), |house| format!(" LEDGER_SIM_ONLY={house}"));
        format!(
            "LEDGER_SIM_SEED={} LEDGER_SIM_ACCOUNTS={} LEDGER_SIM_MONTHS={}{only} \
             cargo xtask test -- {test}",
            self.seed, self.accounts, self.months
        )
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    assert!(number.is_ok(), "{name}={text} is not a number");
    number.ok()
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap()
}
