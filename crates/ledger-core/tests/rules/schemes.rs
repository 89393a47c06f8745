//! C12 and what a scheme leaves out: an account belongs to one scheme, and what that does not have is refused.

use ledger_core::account::{Account, decide};
use ledger_core::command::{Command, Facts, OpenAccount};
use ledger_core::ids::{AccountId, Actor};
use ledger_core::rejection::Rejection;
use ledger_core::scheme::SchemePolicy;

use crate::story::{Story, bnd, local, month, scheme_text};

const START: &str = "2026-03-01 08:00:00";

/// The facts of a command that comes at the start.
pub(crate) fn facts(account: AccountId) -> Facts {
    Facts {
        account,
        received_at: local(START),
        actor: Actor::parse("test").unwrap(),
        key: None,
        delivery: 0,
        prior: None,
        course: None,
        voidable: None,
        initial_credit_claimed: false,
    }
}

#[test]
fn c12_an_account_is_opened_in_the_scheme_it_names_or_not_at_all() {
    let facts = facts(AccountId::parse("A1").unwrap());
    let open = |scheme: &str| {
        let mut account = Account::new(facts.account.clone());
        let open = OpenAccount {
            scheme: Some(scheme.to_owned()),
            class: "residential".to_owned(),
            dwelling_units: 1,
            contracted_kva: None,
            customer: None,
        };
        let policy = crate::story::scheme("usms");
        let decided = decide(&mut account, &policy, &facts, &Command::OpenAccount(open));
        (
            decided.answer.refusal().map(Rejection::code),
            account.scheme().to_owned(),
        )
    };
    assert_eq!(open("usms"), (None, "usms".to_owned()));
    assert_eq!(open("atlantis"), (Some("BAD_INPUT"), String::new()));
}

/// Tells a mutation run whether its mutant is a scheme at all; named after no rule, since it shows none.
#[test]
fn the_scheme_that_is_handed_in_loads() {
    for name in SchemePolicy::builtin_names() {
        SchemePolicy::from_toml(&scheme_text(name)).unwrap();
    }
}

#[test]
fn u12_a_scheme_without_debt_agreements_makes_none() {
    let mut story = Story::with_meters(START);
    let text = scheme_text("usms");
    let start = text.find("[debt]").unwrap();
    let end = start + text[start..].find("gate = true\n").unwrap() + "gate = true\n".len();
    let text = format!("{}{}", &text[..start], &text[end..]);
    story.policy = SchemePolicy::from_toml(&text).unwrap();
    let agree = Command::AgreeDebt {
        utility: ledger_core::utility::Utility::Water,
        principal: bnd("10"),
        instalment: bnd("5"),
        start: month("2026-03"),
    };
    assert_eq!(story.refused(START, agree).code(), "NOT_OFFERED");
    story.top_up(START, crate::story::E, "2");
}

#[test]
fn u3_without_a_first_period_supply_follows_credit_from_the_activation_on() {
    let mut story = Story::with_meters(START);
    let text = scheme_text("usms");
    let text = text.replacen(
        "first_topup_hours = 72\n# At what balance that first top-up brings supply back, if it came late: \"any_balance\" or\n# \"above_zero\" (U2; decided).\nfirst_topup_reconnect = \"above_zero\"\n",
        "",
        1,
    );
    story.policy = SchemePolicy::from_toml(&text).unwrap();
    story.activate(START, crate::story::E);
    assert_eq!(story.count("supply-disconnection-ordered.v1"), 1);
    story.top_up(START, crate::story::E, "2");
    assert_eq!(story.count("supply-reconnection-ordered.v1"), 1);
}
