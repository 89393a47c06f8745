//! Crate `command-api`.
