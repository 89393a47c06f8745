//! The `ledger` binary.
fn main() {}
