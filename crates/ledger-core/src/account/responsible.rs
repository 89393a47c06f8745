//! Who is responsible for an account's payments: the owner, or a tenant (U17).
//!
//! The account knows references only. Names, identity numbers and the copies of documents are kept where
//! they can be erased (C17).

use serde::{Deserialize, Serialize};

use super::Account;
use super::decide::bad_input;
use super::draft::Draft;
use crate::command::ChangeResponsible;
use crate::event::{AccountEvent, PaymentResponsibleChanged, ResponsibleAs};
use crate::ids::OpaqueRef;
use crate::rejection::Rejection;

/// The most documents of one change: both sides of a card, a contract and what goes with it.
const DOCUMENTS_MAX: usize = 8;

/// Who is responsible for payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Responsible {
    /// As what.
    pub role: ResponsibleAs,
    /// The person's record.
    pub person: OpaqueRef,
}

impl Account {
    /// Who is responsible for payments; none when nobody was ever named.
    #[must_use]
    pub fn responsible(&self) -> Option<&Responsible> {
        self.responsible.as_ref()
    }

    /// The customer of the opening is the owner until somebody else is named.
    pub(super) fn fold_customer(&mut self, customer: Option<&OpaqueRef>) {
        self.responsible = customer.map(|person| Responsible {
            role: ResponsibleAs::Owner,
            person: person.clone(),
        });
    }

    pub(super) fn fold_responsible(&mut self, e: &PaymentResponsibleChanged) {
        self.responsible = Some(Responsible {
            role: e.role,
            person: e.p.clone(),
        });
    }
}

/// Names another owner or tenant, with the documents that were shown.
pub(super) fn change(draft: &mut Draft<'_>, asked: &ChangeResponsible) -> Result<(), Rejection> {
    let ChangeResponsible {
        role,
        person,
        documents,
    } = asked;
    if documents.is_empty() {
        return Err(bad_input("documents", "at least one document is on file"));
    }
    if documents.len() > DOCUMENTS_MAX {
        return Err(bad_input(
            "documents",
            &format!("at most {DOCUMENTS_MAX} documents"),
        ));
    }
    draft.emit(AccountEvent::PaymentResponsibleChanged(
        PaymentResponsibleChanged {
            role: *role,
            p: person.clone(),
            docs: documents.clone(),
        },
    ));
    Ok(())
}
