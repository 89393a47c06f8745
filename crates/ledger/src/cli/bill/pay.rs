//! `ledger bill quote|pay|deposit`: a bill is shown, then paid.

use clap::Args;
use command_api::pb;
use serde_json::{Value, json};

use super::show::{line_table, line_value};
use super::{Asked, ReadingArgs};
use crate::cli::Globals;
use crate::cli::client::{ServerArgs, account_named, connect, told, utility_name};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::money::with_decimals;
use crate::output::table::facts;

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Exit code 3 when the bill, as it is, could not be paid now; the reason stands
below it.

Examples:
  ledger bill quote L-1001
  ledger bill quote meter:L0001 --value 150.2
  ledger bill quote L-1001 --meter L0001 --value 150.2 --read-at \"2026-02-10 10:00\" --scheme ebcm")]
pub(super) struct QuoteArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
After a time-out send the same again: it takes nothing twice. A bill of zero
or below is confirmed with the amount 0, where the scheme knows that.

Examples:
  ledger bill pay meter:L0001 175.36 --value 150.237 --read-at 2026-02-10T10:00:00+05:30 --reference C1-7
  ledger bill pay L-1001 100 --reference C1-8 --taken   the cash is taken already: what cannot be
                                                        applied goes to suspense")]
pub(super) struct PayArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    /// Amount in the scheme's currency.
    amount: String,
    #[command(flatten)]
    reading: ReadingArgs,
    /// The sender's own reference of this payment.
    #[arg(long)]
    reference: String,
    /// The money has been taken already.
    #[arg(long)]
    taken: bool,
    /// Complaint under whose protest it is paid.
    #[arg(long, value_name = "DOCUMENT")]
    protest: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill deposit L-1001 1000 --reference C1-0009")]
pub(super) struct DepositArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    /// What is missing to the scheme's deposit.
    amount: String,
    /// The sender's own reference of this payment.
    #[arg(long)]
    reference: String,
    /// The money has been taken already.
    #[arg(long)]
    taken: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn quote(args: &QuoteArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let request = pb::QuoteBillRequest {
        account: Some(account_named(&args.account)),
        reading: args
            .reading
            .message(&connected, &args.account, Asked::Quote)?,
    };
    let mut client = connected.client.billing();
    let bill = client.quote_bill(request).await?.into_inner();
    globals
        .console
        .answer(|| quote_text(&bill), || quote_value(&bill))?;
    Ok(if bill.payable {
        Exit::Done
    } else {
        Exit::Refused
    })
}

fn quote_text(bill: &pb::QuoteBillResponse) -> String {
    let mut head = vec![("account", bill.account_id.clone())];
    if !bill.status.is_empty() {
        head.push(("status", bill.status.clone()));
    }
    if !bill.units.is_empty() {
        head.push(("units", bill.units.clone()));
    }
    let mut foot = vec![("to pay", with_decimals(&bill.amount, 2))];
    match &bill.refusal {
        Some(no) => foot.push(("not now", format!("{} [{}]", no.message, no.code))),
        None => foot.push(("payable now", "yes".to_owned())),
    }
    format!(
        "{}\n\n{}\n\n{}",
        facts(&head),
        line_table(&bill.lines),
        facts(&foot)
    )
}

fn quote_value(bill: &pb::QuoteBillResponse) -> Value {
    let refusal = bill
        .refusal
        .as_ref()
        .map(|no| json!({"code": no.code, "message": no.message}));
    json!({
        "account": bill.account_id,
        "utility": utility_name(bill.utility),
        "status": bill.status,
        "units": bill.units,
        "lines": bill.lines.iter().map(line_value).collect::<Vec<_>>(),
        "amount": bill.amount,
        "payable": bill.payable,
        "refusal": refusal,
    })
}

const fn money(taken: bool) -> pb::MoneyState {
    if taken {
        pb::MoneyState::Taken
    } else {
        pb::MoneyState::NotTaken
    }
}

pub(super) async fn pay(args: &PayArgs, globals: &Globals) -> Result<Exit, Failure> {
    use pb::pay_bill_response::Result as R;
    let connected = connect(&args.server, globals).await?;
    let request = pb::PayBillRequest {
        reference: args.reference.clone(),
        payee: Some(account_named(&args.account)),
        amount: args.amount.clone(),
        money: money(args.taken).into(),
        reading: args
            .reading
            .message(&connected, &args.account, Asked::Command)?,
        protest: args.protest.clone().unwrap_or_default(),
    };
    let mut client = connected.client.billing();
    let answer = client.pay_bill(request).await?.into_inner();
    match &answer.result {
        Some(R::Receipt(receipt)) => paid(receipt, answer.duplicate, globals),
        Some(R::Suspended(held)) => suspended(held, answer.duplicate, globals),
        None => Err(no_answer()),
    }
}

pub(super) async fn deposit(args: &DepositArgs, globals: &Globals) -> Result<Exit, Failure> {
    use pb::pay_deposit_response::Result as R;
    let request = pb::PayDepositRequest {
        reference: args.reference.clone(),
        payee: Some(account_named(&args.account)),
        amount: args.amount.clone(),
        money: money(args.taken).into(),
    };
    let mut client = connect(&args.server, globals).await?.client.billing();
    let answer = client.pay_deposit(request).await?.into_inner();
    match &answer.result {
        Some(R::Receipt(receipt)) => paid(receipt, answer.duplicate, globals),
        Some(R::Suspended(held)) => suspended(held, answer.duplicate, globals),
        None => Err(no_answer()),
    }
}

fn no_answer() -> Failure {
    Failure::damaged("ANSWER", "the server answered neither receipt nor suspense")
        .advise("use a client of the server's version")
}

fn paid(receipt: &pb::Receipt, duplicate: bool, globals: &Globals) -> Result<Exit, Failure> {
    let what = match receipt.kind() {
        pb::ReceiptKind::Deposit => "deposit",
        pb::ReceiptKind::Bill
        | pb::ReceiptKind::Unspecified
        | pb::ReceiptKind::TopUp
        | pb::ReceiptKind::Debt
        | pb::ReceiptKind::Void
        | pb::ReceiptKind::Arrears => "bill",
    };
    globals.console.answer(
        || {
            let again = if duplicate {
                " (given before; nothing was taken again)"
            } else {
                ""
            };
            facts(&[
                ("receipt", format!("{}{again}", receipt.number)),
                ("account", receipt.account_id.clone()),
                (
                    "paid",
                    format!("{} ({what})", with_decimals(&receipt.amount, 2)),
                ),
                ("left to pay", with_decimals(&receipt.balance, 2)),
                (
                    "reference",
                    format!("{}/{}", receipt.channel, receipt.reference),
                ),
            ])
        },
        || {
            json!({
                "result": "paid",
                "what": what,
                "duplicate": duplicate,
                "receipt": receipt.number,
                "account": receipt.account_id,
                "amount": receipt.amount,
                "left": receipt.balance,
                "at": told(receipt.at.as_ref()),
                "channel": receipt.channel,
                "reference": receipt.reference,
            })
        },
    )?;
    Ok(Exit::Done)
}

fn suspended(held: &pb::Suspended, duplicate: bool, globals: &Globals) -> Result<Exit, Failure> {
    let refusal = held.refusal.clone().unwrap_or_default();
    globals.console.answer(
        || {
            facts(&[
                ("suspense", format!("{}/{}", held.channel, held.reference)),
                ("amount", with_decimals(&held.amount, 2)),
                ("because", format!("{} [{}]", refusal.message, refusal.code)),
                (
                    "to do",
                    "staff allocate it to a bill or return it".to_owned(),
                ),
            ])
        },
        || {
            json!({
                "result": "suspended",
                "duplicate": duplicate,
                "channel": held.channel,
                "reference": held.reference,
                "amount": held.amount,
                "code": refusal.code,
                "message": refusal.message,
            })
        },
    )?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(month: &str, kind: &str, text: &str, figures: [&str; 3]) -> pb::BillLine {
        let [units, price, amount] = figures.map(str::to_owned);
        pb::BillLine {
            month: month.to_owned(),
            kind: kind.to_owned(),
            text: text.to_owned(),
            units,
            price,
            amount,
        }
    }

    #[test]
    fn e1_a_bill_is_shown_line_by_line_with_the_reason_why_it_cannot_be_paid_today() {
        let block = "block 1, above 0 to 100";
        let bill = pb::QuoteBillResponse {
            account_id: "L-1001".to_owned(),
            status: "LIVE".to_owned(),
            units: "80.237".to_owned(),
            lines: vec![
                line("2026-01", "brought-forward", "surcharge", ["", "", "1.6"]),
                line("2026-02", "consumption", block, ["80.237", "1", "80.237"]),
                line("", "rounding", "", ["", "", "0.003"]),
            ],
            amount: "81.84".to_owned(),
            refusal: Some(pb::Refusal {
                code: "OUTSIDE_PAYMENT_WINDOW".to_owned(),
                message:
                    "a current bill is paid from day 1 to day 25 of the month; today is day 26"
                        .to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        insta::assert_snapshot!(quote_text(&bill));
    }
}
