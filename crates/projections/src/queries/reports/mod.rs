//! Reports: named tables over the read models, each in a file of its own, all of them in [`ALL`].
//!
//! A report states its columns, what it can be asked with, and answers a page of rows. The first page has
//! totals too, and ties them to the trial balance where money is concerned. The API, the command line and
//! CSV are made from this description, so that another report is one more file and one more line here.
//! Deliberately absent: layout, and policy, which comes in with the question.

mod aged_debt;
mod belated;
mod channel_settlement;
mod consumer_counts;
mod consumer_rows;
mod consumption_totals;
mod consumption_trends;
mod debt_periods;
mod disconnected;
mod due_for_disconnection;
mod due_for_reconnection;
mod exceptions;
mod legacy_credit;
mod permanently_disconnected;
mod receipts;
mod revenue;
mod tie;
mod value;

use ledger_core::ids::{AccountId, ChannelId};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Month, Zone};
use ledger_core::utility::Utility;

use super::{Page, PageOf, Snapshot};
use crate::error::ReadModelError;

pub use tie::Tie;
pub use value::{Column, Kind, Value};

/// Every report, in the order in which they are listed.
pub const ALL: [&Report; 15] = [
    &due_for_disconnection::REPORT,
    &disconnected::REPORT,
    &due_for_reconnection::REPORT,
    &belated::REPORT,
    &permanently_disconnected::REPORT,
    &aged_debt::REPORT,
    &debt_periods::REPORT,
    &legacy_credit::REPORT,
    &channel_settlement::REPORT,
    &revenue::REPORT,
    &consumption_trends::REPORT,
    &consumption_totals::REPORT,
    &consumer_counts::REPORT,
    &exceptions::REPORT,
    &receipts::REPORT,
];

/// The report of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Report> {
    ALL.into_iter().find(|report| report.name == name)
}

/// What a report can be asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// The local date it is as of; today when absent, never an earlier one: rows are of now.
    AsOf,
    /// First and last local date.
    Days,
    /// First and last month.
    Months,
    /// One scheme.
    Scheme,
    /// One utility.
    Utility,
    /// One channel.
    Channel,
    /// One account.
    Account,
    /// Also what needs nobody any more.
    Everything,
}

impl Takes {
    /// The word of the contract and the command line.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AsOf => "as_of",
            Self::Days => "from_date, to_date",
            Self::Months => "from_month, to_month",
            Self::Scheme => "scheme",
            Self::Utility => "utility",
            Self::Channel => "channel",
            Self::Account => "account_id",
            Self::Everything => "everything",
        }
    }
}

/// A report.
#[derive(Debug)]
pub struct Report {
    /// By which it is asked for.
    pub name: &'static str,
    /// What it shows, in a sentence.
    pub about: &'static str,
    /// What it can be asked with.
    pub takes: &'static [Takes],
    /// Its columns, in parts that other reports may have too.
    columns: &'static [&'static [Column]],
    run: fn(&Snapshot, &Question) -> Result<Answer, ReadModelError>,
}

impl Report {
    /// Its columns, from left to right.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().copied().flatten()
    }
}

/// A scheme as its local days go.
#[derive(Debug, Clone)]
pub struct SchemeLocal {
    /// Name.
    pub name: String,
    /// Its zone.
    pub zone: Zone,
    /// ISO 4217 code of its money.
    pub currency: String,
    /// Its local date now.
    pub today: LocalDate,
    /// Last day of a month on which a belated bill is paid before supply may be cut (E5).
    pub belated_to_day: Option<u32>,
}

/// What a report is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Every scheme that is served.
    pub schemes: Vec<SchemeLocal>,
    /// [`Takes::AsOf`]
    pub as_of: Option<LocalDate>,
    /// First date of [`Takes::Days`].
    pub from_day: Option<LocalDate>,
    /// Last date of [`Takes::Days`].
    pub to_day: Option<LocalDate>,
    /// First month of [`Takes::Months`].
    pub from_month: Option<Month>,
    /// Last month of [`Takes::Months`].
    pub to_month: Option<Month>,
    /// [`Takes::Scheme`]
    pub scheme: Option<String>,
    /// [`Takes::Utility`]
    pub utility: Option<Utility>,
    /// [`Takes::Channel`]
    pub channel: Option<ChannelId>,
    /// [`Takes::Account`]
    pub account: Option<AccountId>,
    /// [`Takes::Everything`]
    pub everything: bool,
    /// Which page.
    pub page: PageOf,
}

impl Question {
    /// A question with nothing but a page.
    #[must_use]
    pub fn of(schemes: Vec<SchemeLocal>, page: PageOf) -> Self {
        Self {
            schemes,
            as_of: None,
            from_day: None,
            to_day: None,
            from_month: None,
            to_month: None,
            scheme: None,
            utility: None,
            channel: None,
            account: None,
            everything: false,
            page,
        }
    }

    /// What was given that this report does not take: names of the contract.
    #[must_use]
    pub fn not_taken_by(&self, report: &Report) -> Vec<&'static str> {
        let given = [
            (Takes::AsOf, self.as_of.is_some()),
            (
                Takes::Days,
                self.from_day.is_some() || self.to_day.is_some(),
            ),
            (
                Takes::Months,
                self.from_month.is_some() || self.to_month.is_some(),
            ),
            (Takes::Scheme, self.scheme.is_some()),
            (Takes::Utility, self.utility.is_some()),
            (Takes::Channel, self.channel.is_some()),
            (Takes::Account, self.account.is_some()),
            (Takes::Everything, self.everything),
        ];
        given
            .into_iter()
            .filter(|(takes, given)| *given && !report.takes.contains(takes))
            .map(|(takes, _)| takes.code())
            .collect()
    }

    fn is_first(&self) -> bool {
        self.page.after.is_none()
    }

    fn scheme_named(&self, name: &str) -> Option<&SchemeLocal> {
        self.schemes.iter().find(|scheme| scheme.name == name)
    }

    fn zone(&self, scheme: &str) -> Option<&Zone> {
        self.scheme_named(scheme).map(|scheme| &scheme.zone)
    }

    fn currency(&self, scheme: &str) -> String {
        let known = self.scheme_named(scheme);
        known.map_or_else(String::new, |scheme| scheme.currency.clone())
    }

    /// The date a scheme's rows are as of; none for a scheme that is not served any more.
    fn date(&self, scheme: &str) -> Option<LocalDate> {
        self.as_of
            .or_else(|| self.scheme_named(scheme).map(|scheme| scheme.today))
    }

    /// Rows are of now: their age on an earlier day would be that of other rows.
    fn must_not_look_back(&self) -> Result<(), ReadModelError> {
        let asked = self.as_of;
        let concerned = self
            .schemes
            .iter()
            .filter(|scheme| self.scheme.as_ref().is_none_or(|name| *name == scheme.name));
        let newest = concerned.map(|scheme| scheme.today).min();
        match asked.zip(newest) {
            Some((asked, today)) if asked < today => Err(ReadModelError::BadQuery {
                field: "as_of",
                reason: format!(
                    "{asked} lies before today, {today}: balances are those of now; ask as of today or a later day"
                ),
            }),
            Some(_) | None => Ok(()),
        }
    }

    fn utility_code(&self) -> Option<&'static str> {
        self.utility.map(Utility::code)
    }
}

/// A sum over the whole report, not the page alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// Of what: a column, with whatever it is split by.
    pub name: String,
    /// Currency; empty where the sum has none.
    pub currency: String,
    /// The sum.
    pub value: Value,
}

/// A page of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Rows, a value for each column.
    pub rows: Page<Vec<Value>>,
    /// On the first page.
    pub totals: Vec<Total>,
    /// On the first page, where money is concerned.
    pub ties: Vec<Tie>,
}

impl Answer {
    /// Rows alone.
    fn rows(rows: Page<Vec<Value>>) -> Self {
        Self {
            rows,
            totals: Vec::new(),
            ties: Vec::new(),
        }
    }
}

/// Adds an amount to the sum of its name and currency.
fn add_total(totals: &mut Vec<Total>, name: &str, currency: &str, amount: Money) {
    let known = totals
        .iter_mut()
        .find(|total| total.name == name && total.currency == currency);
    match known {
        Some(Total {
            value: Value::Money(sum),
            ..
        }) => *sum += amount,
        Some(_) | None => totals.push(Total {
            name: name.to_owned(),
            currency: currency.to_owned(),
            value: Value::Money(amount),
        }),
    }
}

impl Snapshot {
    /// A page of a report.
    ///
    /// # Errors
    /// When the page or a part of the question is out of range, or the database refuses.
    pub fn report(&self, report: &Report, question: &Question) -> Result<Answer, ReadModelError> {
        let _ = question.page.checked()?;
        let answer = (report.run)(self, question)?;
        let width = report.columns().count();
        assert!(
            answer.rows.items.iter().all(|row| row.len() == width),
            "a row has a value for each column"
        );
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_report_has_a_name_of_its_own_and_says_what_it_and_its_columns_are() {
        let names: BTreeSet<&str> = ALL.into_iter().map(|report| report.name).collect();
        assert_eq!(names.len(), ALL.len());
        for report in ALL {
            assert!(report.about.ends_with('.'), "{}", report.name);
            let columns: BTreeSet<&str> = report.columns().map(|c| c.name).collect();
            assert_eq!(columns.len(), report.columns().count(), "{}", report.name);
            assert!(report.columns().all(|c| !c.about.is_empty()));
            assert_eq!(named(report.name).unwrap().about, report.about);
        }
        assert!(named("no-such-report").is_none());
    }
}
