//! Payload of a change of who is responsible for an account's payments (U17). Persons and documents are
//! named by opaque references (C17).

use serde::{Deserialize, Serialize};

use crate::ids::OpaqueRef;

/// As what a person is responsible for payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResponsibleAs {
    /// The owner of the premises.
    Owner,
    /// A tenant.
    Tenant,
}

/// `payment-responsible-changed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentResponsibleChanged {
    /// As what.
    pub role: ResponsibleAs,
    /// The person's record.
    pub p: OpaqueRef,
    /// Copies of the documents that were shown.
    pub docs: Vec<OpaqueRef>,
}
