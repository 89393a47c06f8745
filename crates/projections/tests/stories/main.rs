//! Stories of single accounts and channels: what the questions answer after a few facts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod billing;
mod channels;
#[path = "../common/mod.rs"]
mod common;
mod credit;
mod prepayment;
mod readings;
mod swaps;

use common::*;
use ledger_core::event::*;
use ledger_core::ids::*;
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Timestamp, Zone};
use projections::SchemeFacts;
use projections::queries::{
    Book, DueKind, ExceptionFilter, ExceptionKind, LocalDays, PageOf, ReceiptFilter,
    SettlementKind, StatementRange, SuspenseState,
};

const PAGE: PageOf = PageOf::first(100);

fn usms(_scheme: &str) -> SchemeFacts {
    SchemeFacts::of(&SchemePolicy::builtin("usms").unwrap())
}
