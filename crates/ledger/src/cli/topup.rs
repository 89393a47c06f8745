//! `ledger topup`: tops a meter up through a running server, as a till does.

use clap::Args;
use command_api::pb;
use ledger_core::num::Money;
use serde_json::json;

use crate::cli::client::{ServerArgs, connect, instant, told, utility_name};
use crate::cli::{Globals, block_on};
use crate::compose::policies;
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::local::local_time_with_zone;
use crate::output::money::with_decimals;
use crate::output::table::facts;

/// What to top up.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The reference is the till's own name of this payment, unique for ever: sent
again with the same content it gets the same answer and credits nothing twice;
with other content it is refused. After a time-out send the same again. The
key in LEDGER_API_KEY says whose channel it is.

Examples:
  ledger topup E10006414 20.00 --reference TILL1-2026-03-01-0007
  ledger topup W1F8730A95D67 5 --reference R-8 --taken     the cash is in the drawer already: what
                                                           cannot be credited goes to suspense")]
pub(crate) struct TopUpArgs {
    /// Meter number.
    meter: String,
    /// Amount in the scheme's currency.
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

pub(crate) fn run(args: &TopUpArgs, globals: &Globals) -> Result<Exit, Failure> {
    block_on(async {
        let connected = connect(&args.server, globals).await?;
        let money = if args.taken {
            pb::MoneyState::Taken
        } else {
            pb::MoneyState::NotTaken
        };
        let request = pb::TopUpRequest {
            reference: args.reference.clone(),
            meter: args.meter.clone(),
            amount: args.amount.clone(),
            money: money.into(),
        };
        let answer = connected
            .client
            .payments()
            .top_up(request)
            .await?
            .into_inner();
        match &answer.result {
            Some(pb::top_up_response::Result::Receipt(receipt)) => {
                credited(receipt, answer.duplicate, &connected.settings, globals)
            }
            Some(pb::top_up_response::Result::Suspended(held)) => suspended(held, &answer, globals),
            None => Err(Failure::damaged(
                "ANSWER",
                "the server answered neither receipt nor suspense",
            )
            .advise("use a client of the server's version")),
        }
    })
}

fn credited(
    receipt: &pb::Receipt,
    duplicate: bool,
    settings: &Settings,
    globals: &Globals,
) -> Result<Exit, Failure> {
    // A receipt does not name its scheme; new accounts and tills are in the first one's zone.
    let zone = policies(settings)?.default_policy().zone().clone();
    let at = receipt.at.as_ref().and_then(instant);
    let at = at.map_or_else(String::new, |at| local_time_with_zone(&zone, at));
    globals.console.answer(
        || {
            let again = if duplicate {
                " (given before; nothing was credited again)"
            } else {
                ""
            };
            let mut pairs = vec![
                ("receipt", format!("{}{again}", receipt.number)),
                ("account", receipt.account_id.clone()),
                (
                    "meter",
                    format!("{} ({})", receipt.meter, utility_name(receipt.utility)),
                ),
                ("amount", with_decimals(&receipt.amount, 2)),
            ];
            pairs.extend(split_of(receipt));
            pairs.extend([
                ("credit", with_decimals(&receipt.balance, 2)),
                ("at", at),
                (
                    "reference",
                    format!("{}/{}", receipt.channel, receipt.reference),
                ),
            ]);
            facts(&pairs)
        },
        || {
            json!({
                "result": "credited",
                "duplicate": duplicate,
                "receipt": receipt.number,
                "account": receipt.account_id,
                "meter": receipt.meter,
                "utility": utility_name(receipt.utility),
                "amount": receipt.amount,
                "arrears": receipt.arrears,
                "emergency_repaid": receipt.emergency_repaid,
                "emergency_withdrawn": receipt.emergency_withdrawn,
                "balance": receipt.balance,
                "at": told(receipt.at.as_ref()),
                "channel": receipt.channel,
                "reference": receipt.reference,
                "first": receipt.first,
            })
        },
    )?;
    Ok(Exit::Done)
}

/// What of the amount was no new credit, in cents, half up (P5).
fn split_of(receipt: &pb::Receipt) -> Vec<(&'static str, String)> {
    let cents = |text: &str| {
        let amount = Money::parse(text).map(|amount| amount.round_half_up(2));
        amount.map_or_else(
            |_| text.to_owned(),
            |amount| with_decimals(&amount.to_string(), 2),
        )
    };
    [
        ("to arrears", &receipt.arrears),
        ("emergency credit repaid", &receipt.emergency_repaid),
        ("emergency credit withdrawn", &receipt.emergency_withdrawn),
    ]
    .into_iter()
    .filter(|(_, amount)| !amount.is_empty())
    .map(|(name, amount)| (name, cents(amount)))
    .collect()
}

fn suspended(
    held: &pb::Suspended,
    answer: &pb::TopUpResponse,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let refusal = held.refusal.clone().unwrap_or_default();
    globals.console.answer(
        || {
            facts(&[
                ("suspense", format!("{}/{}", held.channel, held.reference)),
                ("amount", with_decimals(&held.amount, 2)),
                ("because", format!("{} [{}]", refusal.message, refusal.code)),
                (
                    "to do",
                    "staff allocate it to a meter or return it".to_owned(),
                ),
            ])
        },
        || {
            json!({
                "result": "suspended",
                "duplicate": answer.duplicate,
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

    #[test]
    fn p5_a_receipt_shows_what_repaid_emergency_credit_in_cents_half_up() {
        let receipt = pb::Receipt {
            arrears: "2".to_owned(),
            emergency_repaid: "1.0246912".to_owned(),
            emergency_withdrawn: "1.9753088".to_owned(),
            ..pb::Receipt::default()
        };
        let shown: Vec<_> = split_of(&receipt)
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(shown, ["2.00", "1.02", "1.98"]);
        assert!(split_of(&pb::Receipt::default()).is_empty());
    }
}
