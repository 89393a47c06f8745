//! Exact numbers: money, quantities and prices in fixed point (rule C3).
//!
//! Every number of the ledger is an integer of a stated scale, so that nothing is ever rounded unless
//! a rule says how. The scales are chosen so that a price (8 places) times a quantity (6 places) is a
//! money amount (14 places) without a remainder. There are no floats here and no arbitrary precision:
//! ranges are stated and checked where text becomes a number.

mod decimal;
mod factor;
mod money;
mod price;
mod quantity;

pub use decimal::DecimalError;
pub use factor::Factor;
pub use money::Money;
pub use price::Price;
pub use quantity::Quantity;
