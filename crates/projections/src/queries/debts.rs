//! The debt of an account, as of a month (U12–U15).

use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::time::{Month, Timestamp};
use ledger_core::utility::Utility;
use serde::Serialize;

use super::Snapshot;
use crate::error::ReadModelError;
use crate::models::debts::plan;
use crate::sql::Cells;

/// The newest debt agreement of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DebtView {
    /// Utility whose department is owed.
    pub utility: Utility,
    /// Principal of the agreement.
    pub principal: Money,
    /// Monthly instalment now.
    pub instalment: Money,
    /// First month of the agreement.
    pub start: Month,
    /// First month of the plan in force, another than `start` after a reschedule.
    pub plan_start: Month,
    /// When it was agreed.
    pub agreed_at: Timestamp,
    /// Paid so far.
    pub paid: Money,
    /// What is left.
    pub balance: Money,
    /// The month these are as of.
    pub month: Month,
    /// What must be paid before a top-up.
    pub due: Money,
    /// Months left at the present instalment.
    pub months_left: u32,
    /// Months from the start to the month in which it will be cleared, inclusively.
    pub period: u32,
}

impl Snapshot {
    /// The debt of an account as of `month`, the scheme's local month now.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn debt(
        &self,
        account: &AccountId,
        month: Month,
    ) -> Result<Option<DebtView>, ReadModelError> {
        let found = self.one(
            "SELECT d.plan, d.agreed_ms, d.paid_micro, d.paid_rest
             FROM debts d JOIN accounts a USING (account_no) WHERE a.account = ?1",
            [account.as_str()],
            |row| {
                let mut cells = Cells::of(row);
                Ok((plan(&mut cells)?, cells.time()?, cells.money()?))
            },
        )?;
        Ok(found.map(|(plan, agreed_at, paid)| DebtView {
            utility: plan.utility,
            principal: plan.principal,
            instalment: plan.instalment,
            start: plan.start,
            plan_start: plan.plan_start(),
            agreed_at,
            paid,
            balance: plan.balance(),
            month,
            due: plan.due(month),
            months_left: plan.months_left(),
            period: plan.period(month),
        }))
    }
}
