//! Crate `projections`.
