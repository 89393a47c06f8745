//! U12–U15: the debt agreement as commands see it; its arithmetic is tested beside the module.

use ledger_core::answer::Answer;
use ledger_core::command::Command;
use ledger_core::rejection::Rejection;
use ledger_core::utility::Utility::Water;

use crate::story::{E, Story, W, bnd, month};

const START: &str = "2026-03-01 08:00:00";

fn agree(principal: &str, instalment: &str, start: &str) -> Command {
    Command::AgreeDebt {
        utility: Water,
        principal: bnd(principal),
        instalment: bnd(instalment),
        start: month(start),
    }
}

fn with_debt() -> Story {
    let mut story = Story::running(START, "20", "20");
    story.done("2026-03-20 10:00:00", agree("100", "25", "2026-04"));
    story
}

#[test]
fn u12_one_agreement_at_a_time_with_an_instalment_that_fits_and_a_start_not_in_the_past() {
    let mut story = Story::running(START, "20", "20");
    assert_eq!(
        story
            .refused(START, agree("100", "100.01", "2026-04"))
            .code(),
        "BAD_DEBT_TERMS"
    );
    assert_eq!(
        story.refused(START, agree("100", "25", "2026-02")).code(),
        "BAD_DEBT_TERMS"
    );
    assert_eq!(
        story.refused(START, agree("0", "25", "2026-04")).code(),
        "BAD_INPUT"
    );
    story.done(START, agree("100", "25", "2026-03"));
    assert_eq!(
        story.refused(START, agree("10", "5", "2026-04")),
        Rejection::DebtInForce { left: bnd("100") }
    );
}

#[test]
fn u13_while_an_instalment_is_due_every_top_up_of_the_account_is_refused_naming_it() {
    let mut story = with_debt();
    story.top_up("2026-03-31 23:59:59", E, "5");
    for meter in [E, W] {
        let refused = story.refused("2026-04-01 00:00:00", Story::top_up_command(meter, "5"));
        assert_eq!(refused, Rejection::InstalmentDue { due: bnd("25") });
    }
    story.pay_debt("2026-04-02 08:00:00", "10");
    let refused = story.refused("2026-04-02 09:00:00", Story::top_up_command(E, "5"));
    assert_eq!(refused, Rejection::InstalmentDue { due: bnd("15") });
    story.pay_debt("2026-04-02 10:00:00", "15");
    story.top_up("2026-04-02 11:00:00", E, "5");
}

#[test]
fn u13_the_gate_shuts_also_when_the_agreement_came_after_the_months_first_top_up() {
    let mut story = Story::running(START, "20", "20");
    story.done("2026-03-20 10:00:00", agree("100", "25", "2026-03"));
    let refused = story.refused("2026-03-20 11:00:00", Story::top_up_command(E, "5"));
    assert_eq!(refused, Rejection::InstalmentDue { due: bnd("25") });
}

#[test]
fn u14_a_missed_month_doubles_what_is_due_and_a_payment_beyond_the_debt_is_refused() {
    let mut story = with_debt();
    let refused = story.refused("2026-05-01 08:00:00", Story::top_up_command(E, "5"));
    assert_eq!(refused, Rejection::InstalmentDue { due: bnd("50") });
    let Answer::Refused(refused) = story.pay_debt("2026-05-01 08:00:00", "100.01") else {
        panic!("refused")
    };
    assert_eq!(refused, Rejection::AboveDebt { left: bnd("100") });
    let Answer::Receipt(receipt) = story.pay_debt("2026-05-01 08:00:00", "100") else {
        panic!("paid")
    };
    assert_eq!(receipt.balance, bnd("0"));
    let Answer::Refused(refused) = story.pay_debt("2026-05-01 08:00:00", "1") else {
        panic!("refused")
    };
    assert_eq!(refused, Rejection::NoDebt);
}

#[test]
fn u15_a_reschedule_opens_the_gate_until_its_first_month_which_is_next_month_at_the_earliest() {
    let mut story = with_debt();
    let reschedule = |instalment: &str, start: &str| Command::RescheduleDebt {
        instalment: bnd(instalment),
        start: month(start),
    };
    assert_eq!(
        story
            .refused("2026-05-10 08:00:00", reschedule("10", "2026-05"))
            .code(),
        "BAD_DEBT_TERMS"
    );
    story.done("2026-05-10 08:00:00", reschedule("10", "2026-06"));
    story.top_up("2026-05-31 08:00:00", E, "5");
    let refused = story.refused("2026-06-01 08:00:00", Story::top_up_command(E, "5"));
    assert_eq!(refused, Rejection::InstalmentDue { due: bnd("10") });
    assert_eq!(
        story.account.debt().unwrap().balance(),
        bnd("100"),
        "nothing is lost"
    );
}
