//! The folded form of an account, pinned to its version: a snapshot of another form must not be used.

use std::collections::BTreeSet;

use ledger_core::account::Account;
use ledger_core::command::Command;
use ledger_core::utility::Utility;
use serde_json::Value;

use crate::story::{E, Story, bnd, meter, month};

const START: &str = "2026-03-01 08:00:00";

/// Every place of a value, without its contents.
fn places(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                places(value, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                places(item, &format!("{path}[]"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.insert(path.to_owned());
        }
    }
}

/// An account in which every part of the state has something: wallets, an order, quarantine, a debt.
fn eventful() -> Account {
    let mut story = Story::running(START, "20", "20");
    story.read("2026-03-02 08:00:00", E, "5");
    story.read("2026-03-02 09:00:00", E, "900");
    let debt = Command::AgreeDebt {
        utility: Utility::Water,
        principal: bnd("100"),
        instalment: bnd("30"),
        start: month("2026-03"),
    };
    story.done("2026-03-02 10:00:00", debt);
    story.pay_debt("2026-03-02 10:00:00", "30");
    let cut = Command::Disconnect { meter: meter(E) };
    story.done("2026-03-02 11:00:00", cut);
    story.account
}

/// The snapshot is named by the version. When this fails, the folded form has changed: raise the version
/// in `account/mod.rs` and accept the new snapshot beside the old one, so that what older programs saved
/// is folded anew instead of being taken with a hole in it.
#[test]
fn the_folded_form_of_an_account_changes_only_with_its_version() {
    let state = serde_json::to_value(eventful()).unwrap();
    let mut found = BTreeSet::new();
    places(&state, "account", &mut found);
    let form = found.into_iter().collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(Account::state_version(), form);
}
