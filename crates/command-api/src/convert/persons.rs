//! Persons: messages in and out. Texts about a person are taken over as they are; the store looks at them.

use ledger_core::ids::{ChannelId, CommandKey, OpaqueRef};
use persons::{
    Added, AuditPage, Change, Erased, ErasureReason, Form, PAGE_MAX, Page, Personal, Shown, Sought,
    State, Updated,
};

use super::answers::to_instant;
use super::fields::Fields;
use crate::errors::{Malformed, No};
use crate::pb;

/// Items of a page when the question does not say.
const PAGE_DEFAULT: u32 = 100;

fn texts(values: &[String]) -> Vec<Personal> {
    values.iter().map(Personal::new).collect()
}

/// A person by the reference in the field `person`.
///
/// # Errors
/// When it is missing or malformed.
pub fn person_named(text: &str) -> Result<OpaqueRef, No> {
    let mut f = Fields::new();
    let person = f.opaque("person", text);
    f.finish(person)
}

fn limit(f: &mut Fields, size: u32) -> Option<usize> {
    let most = u32::try_from(PAGE_MAX).unwrap_or(u32::MAX);
    let size = if size == 0 {
        Some(PAGE_DEFAULT)
    } else {
        f.within("page_size", size, 1..=most)
    };
    size.and_then(|size| usize::try_from(size).ok())
}

/// A person to be added.
#[derive(Debug)]
pub struct AskedAdd {
    /// The sender's key.
    pub key: CommandKey,
    /// The data as sent.
    pub form: Form,
}

impl TryFrom<(&ChannelId, &pb::AddPersonRequest)> for AskedAdd {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::AddPersonRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let data = f.part("data", m.data.as_ref());
        let asked = key.zip(data).map(|(key, data)| Self {
            key,
            form: Form {
                name: Personal::new(&data.name),
                identity_numbers: texts(&data.identity_numbers),
                telephones: texts(&data.telephones),
                emails: texts(&data.emails),
            },
        });
        f.finish(asked)
    }
}

/// A change of a person's data.
#[derive(Debug)]
pub struct AskedUpdate {
    /// Whose.
    pub person: OpaqueRef,
    /// The revision that was shown, if it matters.
    pub revision: Option<u64>,
    /// What changes.
    pub change: Change,
}

impl TryFrom<&pb::UpdatePersonRequest> for AskedUpdate {
    type Error = No;

    fn try_from(m: &pb::UpdatePersonRequest) -> Result<Self, No> {
        let person = person_named(&m.person)?;
        let all = |part: Option<&pb::PersonTexts>| part.map(|part| texts(&part.values));
        Ok(Self {
            person,
            revision: (m.revision > 0).then_some(m.revision),
            change: Change {
                name: (!m.name.is_empty()).then(|| Personal::new(&m.name)),
                identity_numbers: all(m.identity_numbers.as_ref()),
                telephones: all(m.telephones.as_ref()),
                emails: all(m.emails.as_ref()),
            },
        })
    }
}

/// A person to be erased.
#[derive(Debug)]
pub struct AskedErasure {
    /// Who.
    pub person: OpaqueRef,
    /// Why.
    pub reason: ErasureReason,
    /// Document of the decision.
    pub document: Option<OpaqueRef>,
}

impl TryFrom<&pb::ErasePersonRequest> for AskedErasure {
    type Error = No;

    fn try_from(m: &pb::ErasePersonRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let person = f.opaque("person", &m.person);
        let reason = reason_of(&mut f, m.reason);
        let document = if m.document.is_empty() {
            None
        } else {
            f.opaque("document", &m.document)
        };
        let asked = person.zip(reason).map(|(person, reason)| Self {
            person,
            reason,
            document,
        });
        f.finish(asked)
    }
}

fn reason_of(f: &mut Fields, number: i32) -> Option<ErasureReason> {
    match pb::ErasureReason::try_from(number) {
        Ok(pb::ErasureReason::Request) => Some(ErasureReason::Request),
        Ok(pb::ErasureReason::Retention) => Some(ErasureReason::Retention),
        Ok(pb::ErasureReason::Mistake) => Some(ErasureReason::Mistake),
        Ok(pb::ErasureReason::Order) => Some(ErasureReason::Order),
        Ok(pb::ErasureReason::Unspecified) => {
            f.note("reason", Malformed::FieldMissing, "it must be given");
            None
        }
        Err(_) => {
            let why = format!("there is no reason {number}");
            f.note("reason", Malformed::FieldOutOfRange, why);
            None
        }
    }
}

/// A reason as a message's number.
#[must_use]
pub fn reason_number(reason: ErasureReason) -> i32 {
    let number = match reason {
        ErasureReason::Request => pb::ErasureReason::Request,
        ErasureReason::Retention => pb::ErasureReason::Retention,
        ErasureReason::Mistake => pb::ErasureReason::Mistake,
        ErasureReason::Order => pb::ErasureReason::Order,
    };
    number.into()
}

/// A page of the list.
#[derive(Debug)]
pub struct AskedList {
    /// The last reference of the page before.
    pub after: Option<OpaqueRef>,
    /// Most to answer.
    pub limit: usize,
}

impl TryFrom<&pb::ListPersonsRequest> for AskedList {
    type Error = No;

    fn try_from(m: &pb::ListPersonsRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let limit = limit(&mut f, m.page_size);
        let after = if m.page_token.is_empty() {
            None
        } else {
            f.opaque("page_token", &m.page_token)
        };
        let asked = limit.map(|limit| Self { after, limit });
        f.finish(asked)
    }
}

/// A page of the audit trail.
#[derive(Debug)]
pub struct AskedAudit {
    /// Only of this person.
    pub person: Option<OpaqueRef>,
    /// Only lines after this number.
    pub after: u64,
    /// Most lines to answer.
    pub limit: usize,
}

impl TryFrom<&pb::ReadPersonAuditRequest> for AskedAudit {
    type Error = No;

    fn try_from(m: &pb::ReadPersonAuditRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let limit = limit(&mut f, m.page_size);
        let person = if m.person.is_empty() {
            None
        } else {
            f.opaque("person", &m.person)
        };
        let asked = limit.map(|limit| Self {
            person,
            after: m.after,
            limit,
        });
        f.finish(asked)
    }
}

/// What is sought.
///
/// # Errors
/// When it is not said.
pub fn sought(m: &pb::FindPersonsRequest) -> Result<Sought, No> {
    use pb::find_persons_request::By;
    let mut f = Fields::new();
    let by = f.part("by", m.by.as_ref());
    let sought = by.map(|by| match by {
        By::Telephone(text) => Sought::Telephone(Personal::new(text)),
        By::IdentityNumber(text) => Sought::IdentityNumber(Personal::new(text)),
    });
    f.finish(sought)
}

impl From<Added> for pb::AddPersonResponse {
    fn from(added: Added) -> Self {
        Self {
            person: added.person.to_string(),
            duplicate: added.duplicate,
            same_identity: added
                .same_identity
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

impl From<Shown> for pb::GetPersonResponse {
    fn from(shown: Shown) -> Self {
        let all = |texts: &[Personal]| texts.iter().map(|t| t.expose().to_owned()).collect();
        let content = &shown.content;
        Self {
            person: shown.person.to_string(),
            data: Some(pb::PersonData {
                name: content.name.expose().to_owned(),
                identity_numbers: all(&content.identity_numbers),
                telephones: all(&content.telephones),
                emails: all(&content.emails),
            }),
            revision: shown.revision,
            added_at: Some(to_instant(shown.added_at)),
            updated_at: Some(to_instant(shown.updated_at)),
        }
    }
}

impl From<Updated> for pb::UpdatePersonResponse {
    fn from(updated: Updated) -> Self {
        Self {
            revision: updated.revision,
            changed: updated.changed,
        }
    }
}

impl From<Erased> for pb::ErasePersonResponse {
    fn from(erased: Erased) -> Self {
        Self {
            person: erased.person.to_string(),
            erased_at: Some(to_instant(erased.at)),
            erased_by: erased.by.to_string(),
            reason: reason_number(erased.reason),
            document: erased.document.map_or_else(String::new, |d| d.to_string()),
            identity_numbers: erased.counts.identity_numbers,
            telephones: erased.counts.telephones,
            emails: erased.counts.emails,
            again: erased.again,
        }
    }
}

impl From<Page> for pb::ListPersonsResponse {
    fn from(page: Page) -> Self {
        let last = page.items.last().filter(|_| page.more);
        let next_page_token = last.map_or_else(String::new, |last| last.person.to_string());
        let persons = page.items.into_iter().map(|item| {
            let (erased_at, reason) = match item.state {
                State::Kept => (None, pb::ErasureReason::Unspecified.into()),
                State::Erased { at, reason } => (Some(to_instant(at)), reason_number(reason)),
            };
            pb::PersonEntry {
                person: item.person.to_string(),
                added_at: Some(to_instant(item.added_at)),
                updated_at: Some(to_instant(item.updated_at)),
                erased_at,
                reason,
            }
        });
        Self {
            persons: persons.collect(),
            next_page_token,
        }
    }
}

impl From<AuditPage> for pb::ReadPersonAuditResponse {
    fn from(page: AuditPage) -> Self {
        let lines = page.lines.into_iter().map(|line| pb::PersonAuditLine {
            seq: line.seq,
            at: Some(to_instant(line.at)),
            actor: line.actor.to_string(),
            act: line.act.as_str().to_owned(),
            person: line.person.map_or_else(String::new, |p| p.to_string()),
            found: line.found,
        });
        Self {
            lines: lines.collect(),
            more: page.more,
        }
    }
}
