//! What people and programs read: the console, tables, money and times as text, progress.
//!
//! One command answers either as text or, with `--json`, as JSON on standard output; everything about
//! the run itself (progress, notes, errors) goes to standard error, so that output can be piped.

pub(crate) mod console;
pub(crate) mod csv;
pub(crate) mod local;
pub(crate) mod money;
pub(crate) mod progress;
pub(crate) mod table;

pub(crate) use console::Console;
