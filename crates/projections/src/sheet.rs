//! A sheet: every row of one account, in memory while it is being folded.
//!
//! One lookup an event finds all of them; each part knows whether it must be written.

use ledger_core::ids::MeterNumber;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::Connection;

use crate::models::accounts::{self, AccountRow, MeterRow};
use crate::models::balances::statement::Statement;
use crate::models::balances::{self, Wallet};
use crate::models::consumers::{self, Consumer};
use crate::models::consumption::Usage;
use crate::models::deadlines::Deadlines;
use crate::models::debts::{self, Debt};
use crate::models::exceptions::Spells;
use crate::models::prepayment::{self, Prepayment};
use crate::models::supply::{self, Supply};

/// A row with a mark whether it differs from what is stored.
#[derive(Debug, Clone)]
pub(crate) struct Part<T> {
    value: T,
    changed: bool,
}

impl<T> Part<T> {
    /// A row that is not stored yet.
    pub(crate) fn fresh(value: T) -> Self {
        Self {
            value,
            changed: true,
        }
    }

    /// A row as stored.
    pub(crate) fn stored(value: T) -> Self {
        Self {
            value,
            changed: false,
        }
    }

    pub(crate) fn get(&self) -> &T {
        &self.value
    }

    /// The row, to be changed.
    pub(crate) fn edit(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }

    /// The row if it must be written; afterwards it counts as written.
    pub(crate) fn take_changed(&mut self) -> Option<&T> {
        std::mem::take(&mut self.changed).then_some(&self.value)
    }
}

/// One of each utility.
#[derive(Debug, Clone, Default)]
pub(crate) struct PerUtility<T> {
    electricity: T,
    water: T,
}

impl<T> PerUtility<T> {
    pub(crate) fn of(&self, utility: Utility) -> &T {
        match utility {
            Utility::Electricity => &self.electricity,
            Utility::Water => &self.water,
        }
    }

    pub(crate) fn of_mut(&mut self, utility: Utility) -> &mut T {
        match utility {
            Utility::Electricity => &mut self.electricity,
            Utility::Water => &mut self.water,
        }
    }
}

/// A meter's rows.
pub(crate) struct MeterSheet {
    pub(crate) no: i64,
    pub(crate) row: Part<MeterRow>,
    pub(crate) usage: Usage,
    pub(crate) spells: Spells,
}

/// Every row of one account.
pub(crate) struct Sheet {
    pub(crate) no: i64,
    pub(crate) account: Part<AccountRow>,
    pub(crate) wallets: PerUtility<Option<Part<Wallet>>>,
    pub(crate) supply: PerUtility<Option<Part<Supply>>>,
    pub(crate) deadlines: PerUtility<Deadlines>,
    pub(crate) debt: Option<Part<Debt>>,
    pub(crate) prepayment: Option<Part<Prepayment>>,
    pub(crate) consumer: Option<Part<Consumer>>,
    pub(crate) meters: Vec<MeterSheet>,
    pub(crate) statement: Statement,
    /// Waits to be written.
    pub(crate) queued: bool,
}

impl Sheet {
    /// The sheet of an account that has no rows yet.
    pub(crate) fn opened(no: i64, account: AccountRow) -> Self {
        Self {
            no,
            account: Part::fresh(account),
            wallets: PerUtility::default(),
            supply: PerUtility::default(),
            deadlines: PerUtility::default(),
            debt: None,
            prepayment: None,
            consumer: None,
            meters: Vec::new(),
            statement: Statement::default(),
            queued: false,
        }
    }

    /// Reads the rows of an account that is not in memory.
    pub(crate) fn load(conn: &Connection, account: &str) -> rusqlite::Result<Option<Self>> {
        let Some((no, row)) = accounts::load(conn, account)? else {
            return Ok(None);
        };
        let mut sheet = Self::opened(no, row.clone());
        sheet.account = Part::stored(row);
        for utility in Utility::ALL {
            *sheet.wallets.of_mut(utility) = balances::load(conn, no, utility)?.map(Part::stored);
            *sheet.supply.of_mut(utility) = supply::load(conn, no, utility)?.map(Part::stored);
            *sheet.deadlines.of_mut(utility) = Deadlines::load(conn, no, utility)?;
        }
        sheet.debt = debts::load(conn, no)?.map(Part::stored);
        sheet.prepayment = prepayment::load(conn, no)?.map(Part::stored);
        sheet.consumer = consumers::load(conn, no)?.map(Part::stored);
        sheet.statement = Statement::load(conn, no)?;
        for (meter_no, row) in accounts::load_meters(conn, no)? {
            sheet.meters.push(MeterSheet {
                no: meter_no,
                usage: Usage::load(conn, meter_no)?,
                spells: Spells::load(conn, meter_no)?,
                row: Part::stored(row),
            });
        }
        Ok(Some(sheet))
    }

    /// The newest rows of a meter number.
    pub(crate) fn meter_mut(&mut self, number: &MeterNumber) -> Option<&mut MeterSheet> {
        self.meters
            .iter_mut()
            .rev()
            .find(|m| m.row.get().meter == *number)
    }

    /// The rows of the meter that had this number at an instant (C5).
    pub(crate) fn meter_at(
        &mut self,
        number: &MeterNumber,
        at: Timestamp,
    ) -> Option<&mut MeterSheet> {
        self.meters.iter_mut().rev().find(|m| {
            let row = m.row.get();
            row.meter == *number
                && row.installed <= at
                && row.removed.is_none_or(|removed| at <= removed)
        })
    }

    /// The wallet of a utility, made when it is first needed.
    pub(crate) fn wallet_mut(&mut self, utility: Utility) -> &mut Part<Wallet> {
        self.wallets
            .of_mut(utility)
            .get_or_insert_with(|| Part::fresh(Wallet::default()))
    }

    /// The supply of a utility, made when it is first needed.
    pub(crate) fn supply_mut(&mut self, utility: Utility) -> &mut Part<Supply> {
        self.supply
            .of_mut(utility)
            .get_or_insert_with(|| Part::fresh(Supply::default()))
    }
}
