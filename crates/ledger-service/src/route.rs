//! From a request to a task: which stream decides it.
//!
//! A meter number is looked up in the directory, money goes to the present holder. What no account can
//! decide goes to a desk, so that its key is looked at first all the same and its refusal is remembered.

use ledger_core::account::{Account, Lifecycle};
use ledger_core::answer::Answer;
use ledger_core::command::{BillingCommand, CloseTo, Command, PayBill, PayDebt, TopUp};
use ledger_core::ids::{AccountId, ChannelId, CommandKey, MeterNumber, Reference};
use ledger_core::rejection::Rejection;
use ledger_core::suspense;
use ledger_core::utility::Utility;

use crate::api::{Ask, CommandRequest, KeyStatus, ReturnRequest, ServiceError, Target};
use crate::content;
use crate::directory::{Holder, Present};
use crate::domain::opens;
use crate::service::Ledger;
use crate::task::{Claim, DeskTask, DeskWork, KeyedTask, Task, account_stream, prefix, stream};

/// Channel of the keys that the ledger derives for itself.
pub(crate) const OWN_CHANNEL: &str = "ledger";

/// Longest text of a target that is repeated in answers and events, in characters.
const NAMED_CHARS_MAX: usize = 80;

/// Who decides.
struct Decider {
    account: AccountId,
    stream: event_store::StreamName,
}

/// Routes a keyed command.
pub(crate) async fn command(
    ledger: &Ledger,
    request: CommandRequest,
) -> Result<Task, ServiceError> {
    must_be_foreign(&request.key)?;
    must_fit(&request)?;
    let claim = claim(
        &request.key,
        content::of_command(&request.target, &request.ask),
    );
    let named = named(&request.target);
    let found = match &request.target {
        Target::Account(number) => {
            let account = decided_by(ledger, number, &request.ask);
            Ok(Decider {
                stream: account_stream(&account),
                account,
            })
        }
        Target::Meter(text) => holder(ledger, text).map(decider),
        Target::TopUp(reference) => credited(ledger, &request.key.channel, reference).await?,
    };
    let CommandRequest {
        actor,
        received_at,
        ask,
        target,
        ..
    } = request;
    let Decider { account, stream } = match found {
        Ok(decider) => decider,
        Err(refusal) => {
            let stream = desk(&claim.key);
            let work = refused_work(ask, named, refusal);
            return Ok(Task::Desk(Box::new(DeskTask {
                stream,
                claim,
                actor,
                received_at,
                work,
            })));
        }
    };
    let command = by_id(ledger, command_of(ask, &target)?);
    let objection = objection(ledger, &account, &command).await?;
    let task = KeyedTask {
        stream,
        account,
        command,
        claim,
        actor,
        received_at,
        named,
        objection,
    };
    Ok(Task::Keyed(Box::new(task)))
}

/// The account that decides: an opening is for the very id it names, anything else for the account of the
/// number (K1).
fn decided_by(ledger: &Ledger, number: &AccountId, ask: &Ask) -> AccountId {
    match ask {
        Ask::Command(command) if opens(command) => number.clone(),
        Ask::Command(_)
        | Ask::TopUp { .. }
        | Ask::PayDebt { .. }
        | Ask::PayBill(_)
        | Ask::PayDeposit { .. } => ledger.account_id(number),
    }
}

/// The command with accounts that it names by their ids: what is stored never names a later number.
fn by_id(ledger: &Ledger, command: Command) -> Command {
    if let Command::CloseAccount {
        finals,
        to: CloseTo::Move(to),
    } = command
    {
        let to = CloseTo::Move(ledger.account_id(&to));
        return Command::CloseAccount { finals, to };
    }
    command
}

/// Routes a return from suspense.
pub(crate) fn suspense_return(request: ReturnRequest) -> Result<Task, ServiceError> {
    must_be_foreign(&request.key)?;
    let claim = claim(&request.key, content::of_return(&request));
    let ReturnRequest {
        key,
        actor,
        received_at,
        item,
        document,
    } = request;
    let item_stream = stream(&suspense::stream_of(&item));
    let work = DeskWork::Return {
        item,
        item_stream,
        document,
    };
    Ok(Task::Desk(Box::new(DeskTask {
        stream: desk(&key),
        claim,
        actor,
        received_at,
        work,
    })))
}

/// A key and its content.
pub(crate) fn claim(key: &CommandKey, hash: String) -> Claim {
    Claim {
        key: key.clone(),
        stream: stream(&key.stream()),
        hash,
    }
}

/// The present holder of a meter number as sent.
pub(crate) fn holder(ledger: &Ledger, text: &str) -> Result<Holder, Rejection> {
    let wrong = || {
        let rule = ledger.policies().default_policy().meter_number().rule();
        Rejection::WrongMeterFormat {
            meter: text.chars().take(NAMED_CHARS_MAX).collect(),
            rule,
        }
    };
    let meter = MeterNumber::parse(text).map_err(|_| wrong())?;
    let fits = ledger
        .policies()
        .all()
        .iter()
        .any(|policy| policy.meter_number().accepts(text));
    if fits {
        ledger.present_holder(&meter)
    } else {
        Err(wrong())
    }
}

impl Ledger {
    /// Who holds the number now, or why nobody does.
    pub(crate) fn present_holder(&self, meter: &MeterNumber) -> Result<Holder, Rejection> {
        match self.0.registry.read().directory.present(meter) {
            Present::Held(holder) => Ok(holder.clone()),
            Present::Removed => Err(Rejection::MeterRemoved {
                meter: meter.clone(),
            }),
            Present::Unknown => Err(Rejection::UnknownMeter {
                meter: meter.to_string(),
            }),
        }
    }
}

fn decider(holder: Holder) -> Decider {
    let Holder {
        account, stream, ..
    } = holder;
    Decider { account, stream }
}

/// The account that a top-up of the channel was credited to.
async fn credited(
    ledger: &Ledger,
    channel: &ChannelId,
    reference: &Reference,
) -> Result<Result<Decider, Rejection>, ServiceError> {
    let original = CommandKey {
        channel: channel.clone(),
        reference: reference.clone(),
    };
    let account = match ledger.key_status(&original).await? {
        KeyStatus::Answered { answer, .. } => match *answer {
            Answer::Receipt(receipt) => Some(receipt.account),
            Answer::Done { .. }
            | Answer::Suspended(_)
            | Answer::Returned(_)
            | Answer::Published(_)
            | Answer::Step(_)
            | Answer::Refused(_)
            | Answer::Reading(_) => None,
        },
        KeyStatus::Unknown => None,
    };
    Ok(match account {
        Some(account) => Ok(Decider {
            stream: account_stream(&account),
            account,
        }),
        None => Err(Rejection::NotVoidable {
            reference: reference.to_string(),
            reason: "this channel made no such top-up".to_owned(),
        }),
    })
}

pub(crate) fn desk(key: &CommandKey) -> event_store::StreamName {
    stream(&format!(
        "{}{}-{}",
        prefix::DESK,
        key.channel,
        key.reference
    ))
}

fn named(target: &Target) -> String {
    let text = match target {
        Target::Account(account) => account.as_str(),
        Target::Meter(text) => text.as_str(),
        Target::TopUp(reference) => reference.as_str(),
    };
    text.chars().take(NAMED_CHARS_MAX).collect()
}

fn refused_work(ask: Ask, named: String, refusal: Rejection) -> DeskWork {
    let (amount, source) = match ask {
        // A bill of zero is confirmed by a payment of zero, of which nothing can wait.
        Ask::PayBill(PayBill { amount, .. }) | Ask::PayDeposit { amount, .. }
            if amount.is_zero() =>
        {
            return DeskWork::Other { refusal };
        }
        Ask::TopUp { amount, source }
        | Ask::PayDebt { amount, source }
        | Ask::PayDeposit { amount, source }
        | Ask::PayBill(PayBill { amount, source, .. }) => (amount, source),
        Ask::Command(_) => return DeskWork::Other { refusal },
    };
    DeskWork::Payment {
        amount,
        source,
        named,
        refusal,
    }
}

/// The command that an ask is for its account.
pub(crate) fn command_of(ask: Ask, target: &Target) -> Result<Command, ServiceError> {
    match (ask, target) {
        (Ask::TopUp { amount, source }, Target::Meter(text)) => {
            let meter = MeterNumber::parse(text).map_err(|error| invalid(&error.to_string()))?;
            Ok(Command::TopUp(TopUp {
                meter,
                amount,
                source,
            }))
        }
        (Ask::TopUp { .. }, Target::Account(_) | Target::TopUp(_)) => {
            Err(invalid("a top-up names a meter"))
        }
        (Ask::PayDebt { amount, source }, _) => Ok(Command::PayDebt(PayDebt { amount, source })),
        (Ask::PayBill(pay), _) => Ok(Command::billing(BillingCommand::PayBill(pay))),
        (Ask::PayDeposit { amount, source }, _) => {
            Ok(Command::billing(BillingCommand::PayDeposit {
                amount,
                source,
            }))
        }
        (Ask::Command(command), _) => Ok(command),
    }
}

fn invalid(what: &str) -> ServiceError {
    ServiceError::Invalid(what.to_owned())
}

/// Keys of the ledger's own channel are derived; nobody sends them.
pub(crate) fn must_be_foreign(key: &CommandKey) -> Result<(), ServiceError> {
    if key.channel.as_str() == OWN_CHANNEL {
        return Err(invalid(
            "channel \"ledger\" is the ledger's own; use the sender's channel",
        ));
    }
    Ok(())
}

/// Whether ask and target fit together.
fn must_fit(request: &CommandRequest) -> Result<(), ServiceError> {
    match (&request.ask, &request.target) {
        (Ask::TopUp { .. }, Target::Account(_) | Target::TopUp(_)) => {
            Err(invalid("a top-up names a meter"))
        }
        (Ask::PayDebt { .. }, Target::TopUp(_)) => {
            Err(invalid("a debt payment names an account or a meter"))
        }
        (Ask::PayBill(_) | Ask::PayDeposit { .. }, Target::TopUp(_)) => Err(invalid(
            "a bill or deposit payment names an account or a meter",
        )),
        (Ask::TopUp { .. } | Ask::PayDebt { .. } | Ask::PayBill(_) | Ask::PayDeposit { .. }, _) => {
            Ok(())
        }
        (Ask::Command(command), target) => must_be_for_senders(command, target),
    }
}

fn must_be_for_senders(command: &Command, target: &Target) -> Result<(), ServiceError> {
    if command.is_payment() {
        return Err(invalid("payments have an ask of their own"));
    }
    if command.opening().is_some() && !matches!(target, Target::Account(_)) {
        return Err(invalid("an account is opened by its id"));
    }
    match (command, target) {
        (Command::RecordReading(_), _) => Err(invalid("readings have a door of their own")),
        (Command::Tick | Command::ConfirmOrder { .. } | Command::AcceptMovedCredit { .. }, _) => {
            Err(invalid("this command is the ledger's own"))
        }
        (Command::VoidTopUp(void), Target::TopUp(reference)) if void.reference != *reference => {
            Err(invalid("the void names another top-up than its target"))
        }
        (Command::VoidTopUp(_), _) | (_, Target::Account(_)) => Ok(()),
        (_, Target::TopUp(_)) => Err(invalid("only a void goes by a top-up's reference")),
        (_, Target::Meter(_)) => Ok(()),
    }
}

/// What the receiving account says against a move of credit: it goes to the same utility of an open
/// account of the scheme (C16).
async fn objection(
    ledger: &Ledger,
    from: &AccountId,
    command: &Command,
) -> Result<Option<Rejection>, ServiceError> {
    let Command::CloseAccount {
        to: CloseTo::Move(to),
        ..
    } = command
    else {
        return Ok(None);
    };
    let Some(from) = ledger.account(from).await? else {
        return Ok(None);
    };
    let Some(to) = ledger.account(to).await? else {
        return Ok(Some(Rejection::UnknownAccount));
    };
    Ok(unfit_for_move(&from.account, &to.account))
}

fn unfit_for_move(from: &Account, to: &Account) -> Option<Rejection> {
    let bad = |reason: String| {
        Some(Rejection::BadInput {
            field: "to".to_owned(),
            reason,
        })
    };
    if to.lifecycle() == Lifecycle::Closed {
        return Some(Rejection::AccountClosed);
    }
    if from.scheme() != to.scheme() {
        return bad(format!(
            "belongs to scheme {}, not {}",
            to.scheme(),
            from.scheme()
        ));
    }
    let lacking = Utility::ALL.into_iter().find(|utility| {
        let has_credit = from
            .wallet(*utility)
            .is_some_and(|wallet| wallet.balance.is_positive());
        has_credit && to.meter_of(*utility).is_none()
    });
    lacking.and_then(|utility| bad(format!("has no {utility} meter to take the credit")))
}
