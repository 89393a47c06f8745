//! Crate `ledger-core`.
