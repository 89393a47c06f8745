//! From command to facts: existence and status first, then each noun's own guards.
//!
//! Guard order is part of the API: role and key are checked before an account is asked; here come
//! existence, status, input, policy. Deadlines that were due before the command act first, and stay
//! also when the command is refused (C6).

use super::consumer::Listed;
use super::draft::Draft;
use super::{
    Account, Lifecycle, bills, closing, consumer, deadlines, debts, delivery, emergency, joining,
    legacy, meters, numbers, payments, queries, readings, responsible, supply,
};
use crate::answer::{Answer, ReadingOutcome};
use crate::command::{BillingCommand, Command, Facts, OpenAccount};
use crate::event::{AccountEvent, AccountOpened, Listing};
use crate::rejection::Rejection;
use crate::scheme::SchemePolicy;
use crate::time::Timestamp;

/// A fact decided, with the time it counts at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// The fact.
    pub event: AccountEvent,
    /// When it counts.
    pub at: Timestamp,
    /// An own deadline of the account did it.
    pub by_deadline: bool,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Facts in order; none means that nothing changes.
    pub events: Vec<Emitted>,
    /// What the sender is told.
    pub answer: Answer,
}

/// Decides a command. `account` is already folded over the decided facts when this returns; if they are
/// not stored, it must be thrown away and loaded again.
pub fn decide(
    account: &mut Account,
    policy: &SchemePolicy,
    facts: &Facts,
    command: &Command,
) -> Decided {
    let mut draft = Draft::new(account, policy, facts);
    let at = draft.at;
    if draft.account.lifecycle() == Lifecycle::Open {
        deadlines::act(&mut draft, at);
    }
    draft.begin_step(at, false);
    let answer = match apply(&mut draft, command) {
        Ok(answer) => {
            draft.end_step();
            answer
        }
        Err(rejection) => refuse(command, rejection),
    };
    Decided {
        events: draft.emitted,
        answer,
    }
}

fn refuse(command: &Command, rejection: Rejection) -> Answer {
    if matches!(command, Command::RecordReading(_)) {
        Answer::Reading(ReadingOutcome::Refused(rejection))
    } else {
        Answer::Refused(rejection)
    }
}

fn apply(draft: &mut Draft<'_>, command: &Command) -> Result<Answer, Rejection> {
    must_be_alive(draft.account, command)?;
    match command {
        Command::OpenAccount(open) => {
            open_account(draft, open)?;
            consumer::list_opened(draft);
        }
        Command::CloseAccount { finals, to } => closing::close(draft, finals, to)?,
        Command::InstallMeter(install) => meters::install(draft, install)?,
        Command::RemoveMeter { last, at } => meters::remove(draft, last, *at)?,
        Command::ExchangeMeter(exchange) => meters::exchange(draft, exchange)?,
        Command::ResolveMeter { meter, how } => meters::resolve(draft, meter, how)?,
        Command::ActivateMeter { meter } => meters::activate(draft, meter)?,
        Command::AgreeDebt {
            utility,
            principal,
            instalment,
            start,
        } => {
            debts::agree(draft, *utility, (*principal, *instalment), *start)?;
        }
        Command::RescheduleDebt { instalment, start } => {
            debts::reschedule(draft, *instalment, *start)?;
        }
        Command::EnterLegacyCredit {
            utility,
            amount,
            from,
        } => {
            legacy::enter_at_once(draft, *utility, *amount, from)?;
        }
        Command::RegisterLegacyCredit(register) => legacy::register(draft, register)?,
        Command::ChooseLegacyCredit {
            utility,
            from,
            refund,
        } => legacy::choose(draft, *utility, from, *refund)?,
        Command::CreditLegacyCredit(credit) => legacy::credit(draft, credit)?,
        Command::RefundLegacyCredit { utility, from, by } => {
            legacy::refund(draft, *utility, from, by)?;
        }
        Command::Renumber { to } => numbers::renumber(draft, to)?,
        Command::ChangeResponsible(change) => responsible::change(draft, change)?,
        Command::TopUp(top_up) => return payments::top_up(draft, top_up),
        Command::VoidTopUp(void) => return payments::void_top_up(draft, void),
        Command::PayDebt(pay) => return debts::pay(draft, pay),
        Command::AcceptMovedCredit { from, credit } => closing::accept_moved(draft, from, credit),
        Command::Disconnect { meter } => supply::disconnect(draft, meter)?,
        Command::Reconnect { meter } => supply::reconnect(draft, meter)?,
        Command::ConfirmOrder { meter, order, at } => supply::confirm(draft, meter, *order, *at)?,
        Command::Tick => supply::repeat_lapsed_orders(draft),
        Command::JoinScheme(join) => joining::join(draft, join)?,
        Command::DrawEmergencyCredit { meter } => emergency::draw(draft, meter)?,
        Command::DeliverCredit(deliver) => delivery::deliver(draft, deliver)?,
        Command::RecordReading(reading) => {
            return readings::record(draft, reading).map(Answer::Reading);
        }
        Command::Billing(command) => return apply_billing(draft, command),
    }
    Ok(Answer::Done {
        account: draft.account.id().clone(),
    })
}

/// Commands to postpaid accounts.
fn apply_billing(draft: &mut Draft<'_>, command: &BillingCommand) -> Result<Answer, Rejection> {
    match command {
        BillingCommand::OpenConnection { open, deposit } => {
            let listed = Listed {
                deposit: *deposit,
                ..Listed::of(Listing::General)
            };
            consumer::open(draft, open, &listed)?;
        }
        BillingCommand::OpenTemporary {
            open,
            until,
            deposit,
        } => {
            let listed = Listed {
                until: Some(*until),
                deposit: *deposit,
                ..Listed::of(Listing::Temporary)
            };
            consumer::open(draft, open, &listed)?;
        }
        BillingCommand::Import {
            open,
            arrears,
            since,
        } => {
            let listed = Listed {
                arrears: *arrears,
                since: Some(*since),
                ..Listed::of(Listing::Imported)
            };
            consumer::open(draft, open, &listed)?;
        }
        BillingCommand::PayBill(pay) => return bills::pay(draft, pay),
        BillingCommand::PayDeposit { amount, source } => {
            return consumer::pay_deposit(draft, *amount, source);
        }
        BillingCommand::UseDeposit => consumer::use_deposit(draft)?,
        BillingCommand::PayOut { channel } => consumer::pay_out(draft, channel)?,
        BillingCommand::PostMiscellaneous {
            kind,
            amount,
            document,
        } => bills::post_miscellaneous(draft, *kind, *amount, document)?,
        BillingCommand::Adjust { amount, document } => bills::adjust(draft, *amount, document)?,
        BillingCommand::CutConsumer { reading } => consumer::cut(draft, reading.as_ref())?,
        BillingCommand::ReconnectConsumer => consumer::reconnect(draft)?,
        BillingCommand::EndConnection { last } => consumer::end(draft, last.as_ref())?,
        BillingCommand::StopBill { reading } => consumer::stop(draft, reading.as_ref())?,
        BillingCommand::Reactivate => consumer::reactivate(draft)?,
        BillingCommand::ExtendTemporary { until } => consumer::extend(draft, *until)?,
        BillingCommand::CutForDues { run_began_at } => {
            consumer::cut_in_run(draft, *run_began_at)?;
        }
        BillingCommand::RaiseQuery { document } => queries::raise(draft, document)?,
        BillingCommand::AnswerQuery {
            query,
            document,
            settled,
        } => queries::answer(draft, *query, document, *settled)?,
    }
    Ok(Answer::Done {
        account: draft.account.id().clone(),
    })
}

/// Existence and status. Readings of a closed account's meter are judged by the meter's own end.
fn must_be_alive(account: &Account, command: &Command) -> Result<(), Rejection> {
    let opens = command.opening().is_some();
    let reads = matches!(command, Command::RecordReading(_) | Command::Tick);
    match account.lifecycle() {
        Lifecycle::Unborn if opens => Ok(()),
        Lifecycle::Unborn => Err(Rejection::UnknownAccount),
        Lifecycle::Open if opens => Err(Rejection::AccountExists),
        Lifecycle::Open => Ok(()),
        Lifecycle::Closed if opens => Err(Rejection::AccountExists),
        Lifecycle::Closed if reads => Ok(()),
        Lifecycle::Closed => Err(Rejection::AccountClosed),
    }
}

pub(super) fn open_account(draft: &mut Draft<'_>, open: &OpenAccount) -> Result<(), Rejection> {
    numbers::must_be_free(draft)?;
    if open
        .scheme
        .as_ref()
        .is_some_and(|scheme| scheme != draft.policy.name())
    {
        return Err(bad_input("scheme", "no scheme of this name is served"));
    }
    if open.dwelling_units == 0 {
        return Err(bad_input("dwelling_units", "at least 1"));
    }
    if open.contracted_kva == Some(0) {
        return Err(bad_input("contracted_kva", "above zero, or left out"));
    }
    let limits = draft.policy.limits();
    if open.dwelling_units > limits.dwelling_units_max {
        return Err(bad_input(
            "dwelling_units",
            &format!("at most {}", limits.dwelling_units_max),
        ));
    }
    if open
        .contracted_kva
        .is_some_and(|kva| kva > limits.contracted_kva_max)
    {
        return Err(bad_input(
            "contracted_kva",
            &format!("at most {}", limits.contracted_kva_max),
        ));
    }
    if !draft.policy.has_class(&open.class) {
        return Err(Rejection::NoTariff {
            what: format!("class {:?}", open.class),
        });
    }
    let event = AccountOpened {
        account: draft.facts.account.clone(),
        scheme: draft.policy.name().to_owned(),
        class: open.class.clone(),
        dwelling_units: open.dwelling_units,
        contracted_kva: open.contracted_kva,
        customer: open.customer.clone(),
    };
    draft.emit(AccountEvent::AccountOpened(event));
    Ok(())
}

pub(super) fn not_offered(what: &str) -> Rejection {
    Rejection::NotOffered {
        what: what.to_owned(),
    }
}

pub(super) fn bad_input(field: &str, reason: &str) -> Rejection {
    Rejection::BadInput {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}
