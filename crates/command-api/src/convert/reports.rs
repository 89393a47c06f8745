//! Questions for reports, and reports as messages: every one of them through the same few lines.

use ledger_core::ids::{AccountId, ChannelId};
use ledger_core::time::{LocalDate, Month};
use ledger_core::utility::Utility;
use projections::queries::PageOf;
use projections::queries::reports::{
    ALL, Answer, Column, Kind, Question, Report, SchemeLocal, Takes, Tie, Total, named,
};

use super::fields::Fields;
use super::questions::{if_given, page};
use crate::errors::{Malformed, No};
use crate::pb;

/// A question for a report, without what the schemes say.
pub struct ReportQuestion {
    /// Which report.
    pub report: &'static Report,
    given: Given,
    page: PageOf,
}

struct Given {
    as_of: Option<LocalDate>,
    days: (Option<LocalDate>, Option<LocalDate>),
    months: (Option<Month>, Option<Month>),
    scheme: Option<String>,
    utility: Option<Utility>,
    channel: Option<ChannelId>,
    account: Option<AccountId>,
    everything: bool,
}

impl ReportQuestion {
    /// The whole question.
    ///
    /// # Errors
    /// When it names a scheme that is not served, or gives what the report does not take.
    pub fn to(self, schemes: Vec<SchemeLocal>) -> Result<(&'static Report, Question), No> {
        let mut f = Fields::new();
        if let Some(name) = &self.given.scheme
            && !schemes.iter().any(|scheme| scheme.name == *name)
        {
            let known: Vec<&str> = schemes.iter().map(|s| s.name.as_str()).collect();
            let why = format!("it is one of {}", known.join(", "));
            f.note("scheme", Malformed::FieldOutOfRange, why);
        }
        let Given {
            as_of,
            days: (from_day, to_day),
            months: (from_month, to_month),
            scheme,
            utility,
            channel,
            account,
            everything,
        } = self.given;
        let question = Question {
            as_of,
            from_day,
            to_day,
            from_month,
            to_month,
            scheme,
            utility,
            channel,
            account,
            everything,
            ..Question::of(schemes, self.page)
        };
        for field in question.not_taken_by(self.report) {
            let takes: Vec<&str> = self.report.takes.iter().map(|takes| takes.code()).collect();
            let why = format!(
                "report {} does not take it; it takes: {}",
                self.report.name,
                takes.join(", ")
            );
            f.note(field, Malformed::FieldOutOfRange, why);
        }
        f.finish(Some((self.report, question)))
    }
}

impl TryFrom<&pb::GetReportRequest> for ReportQuestion {
    type Error = No;

    fn try_from(m: &pb::GetReportRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let report = report_named(&mut f, &m.name);
        let month =
            |f: &mut Fields, field: &str, text: &str| if_given(text, |text| f.month(field, text));
        let utility = if m.utility == i32::from(pb::Utility::Unspecified) {
            None
        } else {
            f.utility("utility", m.utility)
        };
        let given = Given {
            as_of: f.date_if_given("as_of", &m.as_of),
            days: (
                f.date_if_given("from_date", &m.from_date),
                f.date_if_given("to_date", &m.to_date),
            ),
            months: (
                month(&mut f, "from_month", &m.from_month),
                month(&mut f, "to_month", &m.to_month),
            ),
            scheme: (!m.scheme.is_empty()).then(|| m.scheme.clone()),
            utility,
            channel: if_given(&m.channel, |text| f.channel("channel", text)),
            account: if_given(&m.account_id, |text| f.account("account_id", text)),
            everything: m.everything,
        };
        let runs_back = matches!(given.days, (Some(from), Some(to)) if to < from);
        if runs_back {
            f.note(
                "to_date",
                Malformed::FieldOutOfRange,
                "it lies before from_date",
            );
        }
        if matches!(given.months, (Some(from), Some(to)) if to < from) {
            f.note(
                "to_month",
                Malformed::FieldOutOfRange,
                "it lies before from_month",
            );
        }
        let page = page(&mut f, m.page_size, &m.page_token);
        let question = report.zip(page).map(|(report, page)| Self {
            report,
            given,
            page,
        });
        f.finish(question)
    }
}

fn report_named(f: &mut Fields, name: &str) -> Option<&'static Report> {
    if !f.given("name", name) {
        return None;
    }
    let found = named(name);
    if found.is_none() {
        let known: Vec<&str> = ALL.into_iter().map(|report| report.name).collect();
        let why = format!("there is no such report; there are {}", known.join(", "));
        f.note("name", Malformed::FieldOutOfRange, why);
    }
    found
}

/// A report's description.
#[must_use]
pub fn described(report: &Report) -> pb::ReportDescription {
    let fields = report
        .takes
        .iter()
        .flat_map(|takes: &Takes| takes.code().split(", "));
    pb::ReportDescription {
        name: report.name.to_owned(),
        about: report.about.to_owned(),
        columns: columns(report),
        takes: fields.map(str::to_owned).collect(),
    }
}

/// A report's columns.
#[must_use]
pub fn columns(report: &Report) -> Vec<pb::ReportColumn> {
    report.columns().map(column).collect()
}

fn column(column: &Column) -> pb::ReportColumn {
    let kind = match column.kind {
        Kind::Text => pb::ReportColumnKind::Text,
        Kind::Count => pb::ReportColumnKind::Count,
        Kind::Money => pb::ReportColumnKind::Money,
        Kind::Quantity => pb::ReportColumnKind::Quantity,
        Kind::Percent => pb::ReportColumnKind::Percent,
        Kind::Date => pb::ReportColumnKind::Date,
        Kind::Month => pb::ReportColumnKind::Month,
        Kind::Time => pb::ReportColumnKind::Time,
        Kind::YesNo => pb::ReportColumnKind::YesNo,
    };
    pb::ReportColumn {
        name: column.name.to_owned(),
        kind: kind.into(),
        about: column.about.to_owned(),
    }
}

/// Rows, totals and ties as messages.
#[must_use]
pub fn told(answer: Answer) -> (Vec<pb::ReportRow>, Vec<pb::ReportTotal>, Vec<pb::ReportTie>) {
    let row = |values: Vec<_>| pb::ReportRow {
        cells: values
            .iter()
            .map(projections::queries::reports::Value::to_string)
            .collect(),
    };
    let total = |total: Total| pb::ReportTotal {
        name: total.name,
        currency: total.currency,
        value: total.value.to_string(),
    };
    let tie = |tie: Tie| pb::ReportTie {
        in_report: tie.in_report.to_string(),
        elsewhere: tie.elsewhere.to_string(),
        in_ledger: tie.in_ledger.to_string(),
        ties: tie.ties(),
        ledger_account: tie.ledger_account,
    };
    (
        answer.rows.items.into_iter().map(row).collect(),
        answer.totals.into_iter().map(total).collect(),
        answer.ties.into_iter().map(tie).collect(),
    )
}
