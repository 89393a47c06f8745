//! What a command says, as a hash: by it a repetition is told from another command with the same key (C4).
//!
//! BLAKE3 over the JSON of target and ask, as sent, without stamp and actor; numbers by value, since
//! their JSON form is canonical. The form is frozen: a golden test keeps it, for a repetition may come
//! years later.

use ledger_core::application::ApplicationCommand;
use ledger_core::complaint::ComplaintCommand;
use ledger_core::ids::{ApplicationId, CommandKey, ComplaintId, OpaqueRef, WorkOrderId};
use ledger_core::workorder::WorkOrderCommand;
use serde::Serialize;

use crate::api::{Ask, ReturnRequest, Target};

#[derive(Serialize)]
struct Content<'a> {
    target: &'a Target,
    ask: &'a Ask,
}

#[derive(Serialize)]
struct ReturnContent<'a> {
    return_suspense: &'a CommandKey,
    document: &'a OpaqueRef,
}

#[derive(Serialize)]
struct WorkOrderContent<'a> {
    work_order: &'a WorkOrderId,
    step: &'a WorkOrderCommand,
}

/// The hash of a step of a work order.
pub(crate) fn of_work_order(order: &WorkOrderId, step: &WorkOrderCommand) -> String {
    hash(&WorkOrderContent {
        work_order: order,
        step,
    })
}

#[derive(Serialize)]
struct ApplicationContent<'a> {
    application: &'a ApplicationId,
    step: &'a ApplicationCommand,
}

#[derive(Serialize)]
struct ComplaintContent<'a> {
    complaint: &'a ComplaintId,
    step: &'a ComplaintCommand,
}

/// The hash of a step of an application.
pub(crate) fn of_application(application: &ApplicationId, step: &ApplicationCommand) -> String {
    hash(&ApplicationContent { application, step })
}

/// The hash of a step of a complaint.
pub(crate) fn of_complaint(complaint: &ComplaintId, step: &ComplaintCommand) -> String {
    hash(&ComplaintContent { complaint, step })
}

#[derive(Serialize)]
struct PublishContent<'a> {
    publish_scheme: &'a str,
}

/// The hash of a command's content, 64 hexadecimal digits.
pub(crate) fn of_command(target: &Target, ask: &Ask) -> String {
    hash(&Content { target, ask })
}

/// The hash of a publication's content.
pub(crate) fn of_publication(text: &str) -> String {
    hash(&PublishContent {
        publish_scheme: text,
    })
}

/// The hash of a return's content.
pub(crate) fn of_return(request: &ReturnRequest) -> String {
    hash(&ReturnContent {
        return_suspense: &request.item,
        document: &request.document,
    })
}

fn hash<T: Serialize>(content: &T) -> String {
    let mut hasher = blake3::Hasher::new();
    let written = serde_json::to_writer(&mut hasher, content);
    assert!(
        written.is_ok(),
        "a command is plain data, which JSON can always hold"
    );
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::command::{Command, PayBill, Source};
    use ledger_core::ids::{AccountId, MeterNumber};
    use ledger_core::num::Money;

    fn top_up(amount: &str, source: Source) -> Ask {
        Ask::TopUp {
            amount: Money::parse(amount).unwrap(),
            source,
        }
    }

    #[test]
    fn c4_content_is_compared_by_value_and_everything_in_it_counts() {
        let meter = |number: &str| Target::Meter(number.to_owned());
        let base = of_command(&meter("E1"), &top_up("2", Source::NotTaken));
        assert_eq!(
            base,
            of_command(&meter("E1"), &top_up("2.00", Source::NotTaken))
        );
        for other in [
            of_command(&meter("E2"), &top_up("2", Source::NotTaken)),
            of_command(&meter("E1"), &top_up("2.01", Source::NotTaken)),
            of_command(&meter("E1"), &top_up("2", Source::Taken)),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn c4_the_hashed_form_is_frozen() {
        let target = Target::Meter("E1".to_owned());
        let json = serde_json::to_string(&Content {
            target: &target,
            ask: &top_up("2.50", Source::NotTaken),
        });
        assert_eq!(
            json.unwrap(),
            r#"{"target":{"meter":"E1"},"ask":{"top_up":{"amount":"2.5","source":"NotTaken"}}}"#
        );
        let account = Target::Account(AccountId::parse("a-1").unwrap());
        let pay = PayBill {
            amount: Money::parse("155.43").unwrap(),
            reading: None,
            protest: None,
            source: Source::Taken,
        };
        let deposit = Ask::PayDeposit {
            amount: Money::parse("1000").unwrap(),
            source: Source::NotTaken,
        };
        for (ask, frozen) in [
            (
                Ask::PayBill(pay),
                r#"{"pay_bill":{"amount":"155.43","reading":null,"protest":null,"source":"Taken"}}"#,
            ),
            (
                deposit,
                r#"{"pay_deposit":{"amount":"1000","source":"NotTaken"}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&ask).unwrap(), frozen);
        }
        let activate = Ask::Command(Command::ActivateMeter {
            meter: MeterNumber::parse("E1").unwrap(),
        });
        let json = serde_json::to_string(&Content {
            target: &account,
            ask: &activate,
        })
        .unwrap();
        assert_eq!(
            json,
            r#"{"target":{"account":"a-1"},"ask":{"command":{"ActivateMeter":{"meter":"E1"}}}}"#
        );
    }
}
