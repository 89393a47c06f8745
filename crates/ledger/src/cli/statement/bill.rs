//! `ledger statement bill`: the bill of a postpaid account's month.

use clap::Args;
use ledger_core::time::{LocalDate, Month, Zone};

use super::{PrintArgs, Wanted, print};
use crate::cli::Globals;
use crate::cli::client::ServerArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::statement::Period;

/// Which bill.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The bill is made from the account's own entries: each charge is explained by
the lines of the tariff that priced it, and what is to be paid is as of the
month's end. Names stand on it only with --with-person.

Examples:
  ledger statement bill L-100 --month 2026-03
  ledger statement bill meter:L10006414 --month 2026-03 --pdf march.pdf
  ledger statement bill L-100 --month 2026-03 --with-person | lp")]
pub(super) struct BillArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    /// The month, local to the scheme; the present one when left out.
    #[arg(long, value_name = "MONTH")]
    month: Option<String>,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: &BillArgs, globals: &Globals) -> Result<Exit, Failure> {
    let month = match &args.month {
        Some(text) => Some(Month::parse(text).map_err(|error| {
            Failure::usage("MONTH", format!("--month {text:?}: {error}"))
                .advise("give a month such as 2026-03")
        })?),
        None => None,
    };
    let period = move |_: &Zone, today: LocalDate| {
        let month = month.unwrap_or_else(|| today.month());
        Ok(Period {
            from: month.first_day(),
            to: month.last_day(),
        })
    };
    let wanted = Wanted {
        account: &args.account,
        is_bill: true,
        period: &period,
    };
    print(&wanted, (&args.server, &args.print), globals).await
}
