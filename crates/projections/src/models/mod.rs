//! The projections, a file each: their tables, their rows, what each event does to them.

pub(crate) mod accounts;
pub(crate) mod applications;
pub(crate) mod balances;
pub(crate) mod bills;
pub(crate) mod complaints;
pub(crate) mod consumers;
pub(crate) mod consumption;
pub(crate) mod counts;
pub(crate) mod deadlines;
pub(crate) mod debts;
pub(crate) mod exceptions;
pub(crate) mod legacy;
pub(crate) mod numbers;
pub(crate) mod prepayment;
pub(crate) mod receipts;
pub(crate) mod revenue;
pub(crate) mod supply;
pub(crate) mod suspense;
pub(crate) mod trial;
pub(crate) mod workorders;
