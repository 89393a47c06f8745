//! The binary as its users meet it: started as a process, judged by its output and its exit code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test tells its story in one piece and stops at the step that fails"
)]

mod billing;
mod books;
mod documents;
mod household;
mod payments;
mod persons;
mod renumber;
mod running;
mod scheme;
mod serving;
mod tariff;
mod usage;
