//! Credit of older systems that is pending, with what is overdue (U10, U11).

use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::time::LocalDate;
use ledger_core::utility::Utility;

use super::super::{LegacyFilter, LegacyState, LegacyView, Page, Snapshot};
use super::tie::Tie;
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes, add_total};
use crate::error::ReadModelError;

pub(super) const REPORT: Report = Report {
    name: "legacy-credit",
    about: "Credit of older systems by the last day of its term: pending and overdue; with everything, settled too.",
    takes: &[
        Takes::AsOf,
        Takes::Utility,
        Takes::Account,
        Takes::Everything,
    ],
    columns: &[&COLUMNS],
    run,
};

const COLUMNS: [Column; 14] = [
    column("account", Kind::Text, "account that takes it over"),
    column("scheme", Kind::Text, "scheme by name"),
    column("class", Kind::Text, "customer class"),
    column("utility", Kind::Text, "utility"),
    column("old_account", Kind::Text, "account of the older system"),
    column(
        "state",
        Kind::Text,
        "pending, overdue, credited or refunded",
    ),
    column(
        "due",
        Kind::Date,
        "last day of its term; empty where it was entered without one",
    ),
    column(
        "units",
        Kind::Quantity,
        "balance in units, where the old meter counted those",
    ),
    column(
        "amount",
        Kind::Money,
        "balance in money, where it was kept in money",
    ),
    column("choice", Kind::Text, "transfer or refund"),
    column("photo", Kind::Text, "photograph of the old meter"),
    column("registered", Kind::Time, "when it was registered"),
    column("settled", Kind::Money, "what was credited or refunded"),
    column("settled_at", Kind::Time, "when"),
];

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    question.must_not_look_back()?;
    let filter = LegacyFilter {
        account: question.account.clone(),
        utility: question.utility,
        state: (!question.everything).then_some(LegacyState::Pending),
        overdue_only: false,
    };
    let dates: Vec<(&str, LocalDate)> = question
        .schemes
        .iter()
        .map(|scheme| (scheme.name.as_str(), question.as_of.unwrap_or(scheme.today)))
        .collect();
    let found = snapshot.legacy_credits(&filter, &dates, question.page)?;
    let mut items = Vec::with_capacity(found.items.len());
    for view in &found.items {
        let scheme = scheme_of(snapshot, &view.account)?;
        items.push(row(view, &scheme, question));
    }
    let mut answer = Answer::rows(Page {
        items,
        next: found.next,
    });
    if question.is_first() {
        sums(snapshot, question, &mut answer)?;
    }
    Ok(answer)
}

fn scheme_of(snapshot: &Snapshot, account: &AccountId) -> Result<String, ReadModelError> {
    let sql = "SELECT scheme FROM accounts WHERE account = ?1";
    let found = snapshot.one(sql, [account.as_str()], |row| row.get(0))?;
    Ok(found.unwrap_or_default())
}

fn row(view: &LegacyView, scheme: &str, question: &Question) -> Vec<Value> {
    let zone = question.zone(scheme);
    let state = if view.overdue {
        "overdue"
    } else {
        view.state.code()
    };
    vec![
        Value::text(&view.account),
        Value::text(scheme),
        Value::text(&view.class),
        Value::text(view.utility),
        Value::text(&view.old_account),
        Value::text(state),
        Value::date(view.due),
        view.units.map_or(Value::Empty, Value::Quantity),
        view.amount.map_or(Value::Empty, Value::Money),
        Value::text(if view.refund { "refund" } else { "transfer" }),
        Value::text_opt(view.photo.as_ref()),
        Value::time(zone, view.registered_at),
        view.settled.map_or(Value::Empty, Value::Money),
        view.settled_at
            .map_or(Value::Empty, |at| Value::time(zone, at)),
    ]
}

/// Pending amounts are in no account of the chart before they are settled; what was settled is in the
/// clearing of its utility.
fn sums(
    snapshot: &Snapshot,
    question: &Question,
    answer: &mut Answer,
) -> Result<(), ReadModelError> {
    let pending = snapshot.all(
        "SELECT a.scheme, l.utility, ifnull(sum(l.amount_micro), 0), ifnull(sum(l.amount_rest), 0)
         FROM legacy_credits l JOIN accounts a USING (account_no)
         WHERE l.state = 'pending' AND (?1 IS NULL OR a.account = ?1) AND (?2 IS NULL OR l.utility = ?2)
         GROUP BY a.scheme, l.utility ORDER BY a.scheme, l.utility",
        rusqlite::params![
            question.account.as_ref().map(AccountId::as_str),
            question.utility_code()
        ],
        |row| {
            let mut cells = crate::sql::Cells::of(row);
            Ok((cells.get::<String>()?, cells.utility()?, cells.money()?))
        },
    )?;
    for (scheme, utility, amount) in pending {
        let name = format!("amount pending, {utility}");
        add_total(
            &mut answer.totals,
            &name,
            &question.currency(&scheme),
            amount,
        );
    }
    for utility in Utility::ALL {
        let settled =
            |account: Option<&AccountId>, wanted: bool| -> Result<Money, ReadModelError> {
                snapshot.money_of(
                    "SELECT ifnull(sum(l.settled_micro), 0), ifnull(sum(l.settled_rest), 0)
                 FROM legacy_credits l JOIN accounts a USING (account_no)
                 WHERE l.utility = ?1 AND (?2 IS NULL OR a.account = ?2) = ?3",
                    rusqlite::params![utility.code(), account.map(AccountId::as_str), wanted],
                )
            };
        let is_asked = question.everything && question.utility.is_none_or(|asked| asked == utility);
        let (inside, outside) = (
            settled(question.account.as_ref(), true)?,
            settled(question.account.as_ref(), false)?,
        );
        let name = format!("legacy-clearing:{utility}");
        answer.ties.push(Tie {
            in_report: if is_asked { inside } else { Money::ZERO },
            elsewhere: if is_asked { outside } else { inside + outside },
            in_ledger: snapshot.debit_of(&name)?,
            ledger_account: name,
        });
    }
    Ok(())
}
