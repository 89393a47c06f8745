//! A scheme: the rules of a utility company as data.
//!
//! No scheme's name stands in an `if`: decisions read the values of a policy, and another company is
//! another file. The file is TOML, every key documented in it with the rule it sets; a key that is
//! unknown, missing or out of range is refused with its name and line, so that a policy that loads is
//! complete and consistent. Reading a file from disk is the caller's.

mod error;
mod file;
mod policy;
mod utility;

pub use error::SchemeError;
pub use policy::{
    Currency, DebtPolicy, InputLimits, MeterNumberPolicy, NumberAlphabet, OrderPolicy, ReadingPolicy, SchemePolicy,
    TopUpPolicy, TransferPolicy,
};
pub use utility::{FlowMax, ReconnectAt, RegisterDefaults, UtilityPolicy};
