//! Crate `meter-gateway`.
