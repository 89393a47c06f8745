//! Crate `ledger-service`.
