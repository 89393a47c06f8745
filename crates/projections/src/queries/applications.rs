//! The register of applications for a connection (E14).

use ledger_core::application::Stage;
use ledger_core::ids::{AccountId, ApplicationId, OpaqueRef};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Timestamp};
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::applications::stage;
use crate::sql::Cells;

/// An application as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApplicationView {
    /// Its id.
    pub application: ApplicationId,
    /// `general`, `temporary` or `accommodation`.
    pub kind: String,
    /// Scheme by name.
    pub scheme: String,
    /// Customer class.
    pub class: String,
    /// The applicant's record.
    pub applicant: OpaqueRef,
    /// Where it stands.
    #[serde(serialize_with = "code")]
    pub stage: Stage,
    /// Last day of a temporary connection.
    pub until: Option<LocalDate>,
    /// Why it was last returned, rejected or refused.
    pub reason: Option<String>,
    /// The newest paper: form, letter, estimate, note, order or report.
    pub document: OpaqueRef,
    /// What is or was to be paid.
    pub demanded: Money,
    /// The deposit that is held until the account is open.
    pub held: Money,
    /// The consumer's number, once it is given.
    pub number: Option<AccountId>,
    /// Receipt of the payment.
    pub receipt: Option<String>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

fn code<S: serde::Serializer>(stage: &Stage, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(stage.code())
}

/// Which applications; all given fields must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationFilter {
    /// This one.
    pub application: Option<ApplicationId>,
    /// At this stage.
    pub stage: Option<Stage>,
    /// Of this applicant.
    pub applicant: Option<OpaqueRef>,
}

impl Snapshot {
    /// Applications, the oldest first, then by id. A page's cursor counts rows.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn applications(
        &self,
        filter: &ApplicationFilter,
        page: PageOf,
    ) -> Result<Page<ApplicationView>, ReadModelError> {
        let page = page.checked()?;
        let skip = page.after.unwrap_or(0).max(0);
        let rows = self.all(
            "SELECT application, kind, scheme, class, applicant, stage, until, reason, document, demanded_micro,
                    demanded_rest, held_micro, held_rest, number, receipt, begun_ms, changed_ms
             FROM applications
             WHERE (?1 IS NULL OR application = ?1) AND (?2 IS NULL OR stage = ?2)
               AND (?3 IS NULL OR applicant = ?3)
             ORDER BY begun_ms, application LIMIT ?4 OFFSET ?5",
            params![
                filter.application.as_ref().map(ApplicationId::as_str),
                filter.stage.map(Stage::code),
                filter.applicant.as_ref().map(OpaqueRef::as_str),
                page.limit + 1,
                skip
            ],
            view,
        )?;
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<ApplicationView> {
    let mut cells = Cells::of(row);
    Ok(ApplicationView {
        application: cells.name(ApplicationId::parse)?,
        kind: cells.get()?,
        scheme: cells.get()?,
        class: cells.get()?,
        applicant: cells.name(OpaqueRef::parse)?,
        stage: stage(&mut cells)?,
        until: cells.date_opt()?,
        reason: cells.get()?,
        document: cells.name(OpaqueRef::parse)?,
        demanded: cells.money()?,
        held: cells.money()?,
        number: cells.name_opt(AccountId::parse)?,
        receipt: cells.get()?,
        begun_at: cells.time()?,
        changed_at: cells.time()?,
    })
}
