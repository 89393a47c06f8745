//! `ledger doctor`: what a crash, a closing or a silent meter has left for a person, and what to do.
//!
//! Looks at the folder of a stopped ledger, or asks a running one (`--live`). With `--fix` it finishes what can be finished without a
//! decision: credit that is on its way arrives, lapsed orders are sent again. Absent on purpose: fixing
//! what needs a judgement; that is a command of staff.

mod live;

use std::time::Duration;

use clap::Args;
use ledger_core::ids::AccountId;
use ledger_core::time::Timestamp;
use ledger_service::Finding;
use projections::ReadModelError;
use projections::queries::{ExceptionFilter, PAGE_MAX, Page, PageOf, SuspenseState};
use serde_json::{Value, json};

use crate::cli::client::{ServerArgs, connect};
use crate::cli::{Globals, block_on};
use crate::compose::{Core, StartOptions, ledger_exists};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::money::with_decimals;

/// How long the read models may take to catch up: a log of a hundred million events from nothing.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(3_600);
/// Findings of one sort that are listed; more are counted.
const LISTED_MAX: usize = 200;
/// Findings of one sort that are looked at; a ledger with more needs another tool first.
const FOUND_MAX: usize = 100_000;
/// Findings asked for at once; the server's largest page.
const LISTED_AT_ONCE: u32 = 1_000;

const ADVICE_ORDER: &str =
    "the clock sends it again while the ledger runs; if it stays, send someone to the meter";
const ADVICE_SUSPENSE: &str = "staff allocate it to a meter or a debt, or return it to the payer";
const ADVICE_EXCEPTION: &str =
    "the next plausible reading ends it; a suspected exchange is resolved by staff (ResolveMeter)";

/// What to look for.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The ledger must be stopped, unless --live asks a running one (with a key of
role staff). Exit code 0: nothing was found, or all of it was fixed; 1:
something is left.

Examples:
  ledger doctor --data-dir ./data
  ledger doctor --live                       ask the running server
  ledger doctor --data-dir ./data --fix      finish what needs no decision")]
pub(crate) struct DoctorArgs {
    /// Finish what needs no decision: credit in transit, lapsed orders.
    #[arg(long)]
    fix: bool,
    /// Ask a running ledger over gRPC: orders, suspense, readings.
    #[arg(long, conflicts_with = "fix")]
    live: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Something found.
struct Found {
    /// Stable word.
    sort: &'static str,
    /// What it is about.
    what: String,
    /// What to do about it.
    advice: String,
    /// `--fix` has dealt with it.
    fixed: bool,
}

pub(crate) fn run(args: &DoctorArgs, globals: &Globals) -> Result<Exit, Failure> {
    if args.live {
        return block_on(async {
            let connected = connect(&args.server, globals).await?;
            report(&live::look(&connected).await?, globals)
        });
    }
    let settings = globals.settings(Vec::new())?;
    ledger_exists(&settings)?;
    block_on(async {
        let core = Core::start(&settings, StartOptions::default()).await?;
        let found = look(&core, args.fix).await;
        core.shutdown().await;
        report(&found?, globals)
    })
}

async fn look(core: &Core, fix: bool) -> Result<Vec<Found>, Failure> {
    core.caught_up(CATCH_UP_WITHIN).await?;
    let before = core.ledger.doctor().await?;
    let after = if fix {
        core.ledger.sweep().await;
        core.ledger.doctor().await?
    } else {
        before.clone()
    };
    let mut found: Vec<Found> = before
        .into_iter()
        .map(|finding| {
            let fixed = !after.contains(&finding);
            of_finding(&finding, fixed)
        })
        .collect();
    found.extend(orders(core, fix).await?);
    found.extend(suspense(core)?);
    found.extend(readings(core)?);
    Ok(found)
}

fn of_finding(finding: &Finding, fixed: bool) -> Found {
    match finding {
        Finding::OrphanedClaim { meter, account } => Found {
            sort: "orphaned-claim",
            what: format!(
                "meter {meter} is claimed by account {account}, which does not have it in place"
            ),
            advice: format!(
                "run `ledger verify`; then staff install meter {meter} at {account}, or remove it there"
            ),
            fixed,
        },
        Finding::CreditInTransit { from, to, credit } => {
            let parts: Vec<String> = credit
                .iter()
                .map(|(utility, amount)| format!("{utility} {amount}"))
                .collect();
            Found {
                sort: "credit-in-transit",
                what: format!("credit of closed account {from} has not reached {to}: {}", parts.join(", ")),
                advice: "run `ledger doctor --fix`; if it stays, the receiving account is closed: open another".to_owned(),
                fixed,
            }
        }
    }
}

/// Every item of a paged list, up to [`FOUND_MAX`].
fn all<T>(
    mut page_from: impl FnMut(PageOf) -> Result<Page<T>, ReadModelError>,
) -> Result<Vec<T>, Failure> {
    let mut items = Vec::new();
    let mut page = PageOf::first(PAGE_MAX);
    loop {
        let got = page_from(page)?;
        items.extend(got.items);
        let Some(next) = got.next.filter(|_| items.len() < FOUND_MAX) else {
            return Ok(items);
        };
        page.after = Some(next);
    }
}

async fn orders(core: &Core, fix: bool) -> Result<Vec<Found>, Failure> {
    let now = core.ledger.time().now();
    let snapshot = core.reads.snapshot()?;
    let unconfirmed = all(|page| snapshot.unconfirmed_orders(page))?;
    drop(snapshot);
    let mut lapsed: Vec<AccountId> = Vec::new();
    let mut found = Vec::new();
    for order in unconfirmed {
        let has_lapsed = order.supply.until.is_some_and(|until| until <= now);
        if has_lapsed && !lapsed.contains(&order.account) {
            lapsed.push(order.account.clone());
        }
        let meter = order
            .supply
            .meter
            .map_or_else(|| "no meter".to_owned(), |meter| meter.to_string());
        let state = if order.supply.on { "on" } else { "off" };
        found.push(Found {
            sort: "unconfirmed-order",
            what: format!(
                "account {}: {meter} has not confirmed order {} to switch {state}, sent {} times",
                order.account, order.supply.order, order.supply.sent
            ),
            advice: ADVICE_ORDER.to_owned(),
            fixed: false,
        });
    }
    if fix && !lapsed.is_empty() {
        repeat(core, lapsed, now).await?;
    }
    Ok(found)
}

/// Lets lapsed orders be sent again, as the clock would.
async fn repeat(core: &Core, accounts: Vec<AccountId>, now: Timestamp) -> Result<(), Failure> {
    for result in core.ledger.tick(accounts, now).await {
        result?;
    }
    Ok(())
}

fn suspense(core: &Core) -> Result<Vec<Found>, Failure> {
    let waiting = Some(SuspenseState::Waiting);
    let snapshot = core.reads.snapshot()?;
    let items = all(|page| snapshot.suspense(None, waiting, page))?;
    let found = items.into_iter().map(|item| Found {
        sort: "suspense-waiting",
        what: format!(
            "{} taken by {} on {} (reference {}) for {:?} waits: {}",
            with_decimals(&item.amount.to_string(), 2),
            item.channel,
            item.taken_on,
            item.reference,
            item.named,
            item.why
        ),
        advice: ADVICE_SUSPENSE.to_owned(),
        fixed: false,
    });
    Ok(found.collect())
}

fn readings(core: &Core) -> Result<Vec<Found>, Failure> {
    let filter = ExceptionFilter {
        open_only: true,
        ..ExceptionFilter::default()
    };
    let snapshot = core.reads.snapshot()?;
    let items = all(|page| snapshot.exceptions(&filter, page))?;
    let found = items.into_iter().map(|item| Found {
        sort: "open-exception",
        what: format!(
            "account {}, meter {}: {:?} ({}), {} readings since {}",
            item.account, item.meter, item.kind, item.why, item.readings, item.from
        ),
        advice: ADVICE_EXCEPTION.to_owned(),
        fixed: false,
    });
    Ok(found.collect())
}

fn report(found: &[Found], globals: &Globals) -> Result<Exit, Failure> {
    globals
        .console
        .answer(|| text(found), || found.iter().map(value).collect())?;
    let is_left = found.iter().any(|one| !one.fixed);
    Ok(if is_left { Exit::Found } else { Exit::Done })
}

fn text(found: &[Found]) -> String {
    if found.is_empty() {
        return "nothing was found".to_owned();
    }
    let mut lines = Vec::new();
    for one in found.iter().take(LISTED_MAX) {
        let mark = if one.fixed { "fixed" } else { "found" };
        lines.push(format!("{mark}  {}: {}", one.sort, one.what));
        if !one.fixed {
            lines.push(format!("       to do: {}", one.advice));
        }
    }
    if let Some(more) = found.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
        lines.push(format!("and {more} more; --json lists them all"));
    }
    lines.join("\n")
}

fn value(one: &Found) -> Value {
    json!({"sort": one.sort, "what": one.what, "advice": one.advice, "fixed": one.fixed})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_to_do_about_it() {
        let found = vec![
            Found {
                sort: "suspense-waiting",
                what: "2 taken by incomm".to_owned(),
                advice: "staff return it".to_owned(),
                fixed: false,
            },
            Found {
                sort: "credit-in-transit",
                what: "from A to B".to_owned(),
                advice: String::new(),
                fixed: true,
            },
        ];
        insta::assert_snapshot!(text(&found), @r"
        found  suspense-waiting: 2 taken by incomm
               to do: staff return it
        fixed  credit-in-transit: from A to B
        ");
        assert_eq!(text(&[]), "nothing was found");
    }
}
