//! `ledger account show`: everything about an account at a glance.

use clap::Args;
use command_api::pb;
use ledger_core::time::Zone;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::cli::client::{ServerArgs, account_named, connect, shown, told, utility_name, zone_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table, facts};

/// Which account.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger account show A-1001
  ledger account show meter:E10006414 --json")]
pub(crate) struct ShowArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: &ShowArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let request = pb::GetAccountRequest {
        account: Some(account_named(&args.account)),
        at_least: String::new(),
    };
    let account = connected
        .client
        .queries()
        .get_account(request)
        .await?
        .into_inner();
    if globals.console.is_json() {
        globals.console.json(&value(&account))?;
        return Ok(Exit::Done);
    }
    let zone = zone_of(&connected.settings, &account.scheme)?;
    globals.console.line(&text(&account, &zone))?;
    Ok(Exit::Done)
}

/// The account as people read it.
fn text(account: &pb::GetAccountResponse, zone: &Zone) -> String {
    let mut pairs = vec![
        ("account", account.account_id.clone()),
        ("scheme", account.scheme.clone()),
        ("class", account.class.clone()),
        ("opened", shown(zone, account.opened_at.as_ref())),
    ];
    if !account.former_numbers.is_empty() {
        pairs.insert(1, ("number", account.number.clone()));
        pairs.insert(2, ("before", account.former_numbers.join(", ")));
    }
    if account.closed_at.is_some() {
        pairs.push(("closed", shown(zone, account.closed_at.as_ref())));
    }
    if !account.customer.is_empty() {
        pairs.push(("customer", account.customer.clone()));
    }
    pairs.push(("times", format!("local, {}", zone.name())));
    let mut parts = vec![
        facts(&pairs),
        wallets(account, zone).text(),
        meters(account, zone).text(),
    ];
    if let Some(debt) = &account.debt {
        parts.push(debt_text(debt));
    }
    if let Some(prepayment) = &account.prepayment {
        parts.push(prepayment_text(prepayment, zone));
    }
    parts.join("\n\n")
}

fn wallets(account: &pb::GetAccountResponse, zone: &Zone) -> Table {
    let mut table = Table::new(
        &[
            ("wallet", Set::Left),
            ("credit", Set::Point),
            ("supply", Set::Left),
            ("top-ups", Set::Right),
            ("newest top-up", Set::Left),
            ("first top-up due", Set::Left),
        ],
        "no wallets",
    );
    for wallet in &account.wallets {
        let supply = account
            .supplies
            .iter()
            .find(|supply| supply.utility == wallet.utility);
        let due = wallet
            .grace_until
            .as_ref()
            .filter(|_| wallet.first_top_up_at.is_none());
        table.row(vec![
            utility_name(wallet.utility).to_owned(),
            with_decimals(&wallet.credit, 2),
            supply.map_or_else(String::new, supply_text),
            wallet.top_ups.to_string(),
            shown(zone, wallet.newest_top_up_at.as_ref()),
            shown(zone, due),
        ]);
    }
    table
}

fn supply_text(supply: &pb::Supply) -> String {
    let state = if supply.on { "on" } else { "off" };
    match (supply.order, supply.unconfirmed) {
        (0, _) => state.to_owned(),
        (_, true) => format!("ordered {state} ({})", supply.reason),
        (_, false) => format!("{state} ({})", supply.reason),
    }
}

fn meters(account: &pb::GetAccountResponse, zone: &Zone) -> Table {
    let mut table = Table::new(
        &[
            ("meter", Set::Left),
            ("utility", Set::Left),
            ("installed", Set::Left),
            ("activated", Set::Left),
            ("removed", Set::Left),
        ],
        "no meters",
    );
    for meter in &account.meters {
        table.row(vec![
            meter.meter.clone(),
            utility_name(meter.utility).to_owned(),
            shown(zone, meter.installed_at.as_ref()),
            shown(zone, meter.activated_at.as_ref()),
            shown(zone, meter.removed_at.as_ref()),
        ]);
    }
    table
}

fn debt_text(debt: &pb::Debt) -> String {
    facts(&[
        ("debt left", with_decimals(&debt.balance, 2)),
        ("of", with_decimals(&debt.principal, 2)),
        ("instalment", with_decimals(&debt.instalment, 2)),
        ("due now", with_decimals(&debt.due, 2)),
        ("months left", debt.months_left.to_string()),
        (
            "debt period",
            format!("{} months from {}", debt.period_months, debt.start_month),
        ),
    ])
}

/// Arrears and emergency credit, in cents: what is lent may have a fraction of one.
fn prepayment_text(joined: &pb::Prepayment, zone: &Zone) -> String {
    facts(&[
        ("joined", shown(zone, joined.joined_at.as_ref())),
        ("arrears left", with_decimals(&joined.arrears_left, 2)),
        ("of", with_decimals(&joined.arrears_moved_in, 2)),
        ("emergency lent", with_decimals(&joined.emergency_lent, 2)),
    ])
}

fn prepayment_value(joined: &pb::Prepayment) -> Value {
    json!({
        "utility": utility_name(joined.utility),
        "person": joined.person,
        "joined_at": told(joined.joined_at.as_ref()),
        "arrears_moved_in": joined.arrears_moved_in,
        "arrears_left": joined.arrears_left,
        "initial_credit": joined.initial_credit,
        "emergency_lent": joined.emergency_lent,
        "emergency_drawn_at": told(joined.emergency_drawn_at.as_ref()),
    })
}

fn value(account: &pb::GetAccountResponse) -> Value {
    let wallets: Vec<Value> = account.wallets.iter().map(wallet_value).collect();
    let supplies: Vec<Value> = account.supplies.iter().map(supply_value).collect();
    let meters: Vec<Value> = account.meters.iter().map(meter_value).collect();
    json!({
        "account": account.account_id,
        "number": account.number,
        "former_numbers": account.former_numbers,
        "scheme": account.scheme,
        "class": account.class,
        "dwelling_units": account.dwelling_units,
        "contracted_kva": account.contracted_kva,
        "customer": account.customer,
        "opened_at": told(account.opened_at.as_ref()),
        "closed_at": told(account.closed_at.as_ref()),
        "wallets": wallets,
        "supplies": supplies,
        "meters": meters,
        "debt": account.debt.as_ref().map(debt_value),
        "prepayment": account.prepayment.as_ref().map(prepayment_value),
        "token": account.token,
    })
}

fn wallet_value(wallet: &pb::Wallet) -> Value {
    json!({
        "utility": utility_name(wallet.utility),
        "credit": wallet.credit,
        "negative_since": told(wallet.negative_since.as_ref()),
        "activated_at": told(wallet.activated_at.as_ref()),
        "grace_until": told(wallet.grace_until.as_ref()),
        "first_top_up_at": told(wallet.first_top_up_at.as_ref()),
        "newest_top_up_at": told(wallet.newest_top_up_at.as_ref()),
        "top_ups": wallet.top_ups,
    })
}

fn supply_value(supply: &pb::Supply) -> Value {
    json!({
        "utility": utility_name(supply.utility),
        "meter": supply.meter,
        "on": supply.on,
        "order": supply.order,
        "reason": supply.reason,
        "ordered_at": told(supply.ordered_at.as_ref()),
        "unconfirmed": supply.unconfirmed,
        "confirmed_at": told(supply.confirmed_at.as_ref()),
    })
}

fn meter_value(meter: &pb::Meter) -> Value {
    json!({
        "meter": meter.meter,
        "utility": utility_name(meter.utility),
        "installed_at": told(meter.installed_at.as_ref()),
        "activated_at": told(meter.activated_at.as_ref()),
        "removed_at": told(meter.removed_at.as_ref()),
    })
}

fn debt_value(debt: &pb::Debt) -> Value {
    json!({
        "utility": utility_name(debt.utility),
        "principal": debt.principal,
        "instalment": debt.instalment,
        "start_month": debt.start_month,
        "balance": debt.balance,
        "due": debt.due,
        "months_left": debt.months_left,
        "period_months": debt.period_months,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<prost_types::Timestamp> {
        let millis = ledger_core::time::Timestamp::parse(text)
            .unwrap()
            .as_millis();
        Some(prost_types::Timestamp {
            seconds: millis / 1_000,
            nanos: 0,
        })
    }

    fn account() -> pb::GetAccountResponse {
        let wallet = |utility: pb::Utility, credit: &str, top_ups: u64| pb::Wallet {
            utility: utility.into(),
            credit: credit.to_owned(),
            top_ups,
            first_top_up_at: at("2026-03-01T02:00:00Z").filter(|_| top_ups > 0),
            newest_top_up_at: at("2026-03-09T10:30:00Z").filter(|_| top_ups > 0),
            grace_until: at("2026-03-04T00:00:00Z"),
            ..pb::Wallet::default()
        };
        let meter = |number: &str, utility: pb::Utility| pb::Meter {
            meter: number.to_owned(),
            utility: utility.into(),
            installed_at: at("2026-02-27T01:00:00Z"),
            activated_at: at("2026-03-01T00:00:00Z"),
            ..pb::Meter::default()
        };
        pb::GetAccountResponse {
            account_id: "A-1001".to_owned(),
            scheme: "usms".to_owned(),
            class: "residential".to_owned(),
            opened_at: at("2026-02-27T00:30:00Z"),
            wallets: vec![
                wallet(pb::Utility::Electricity, "17.99763", 2),
                wallet(pb::Utility::Water, "-3.2", 0),
            ],
            supplies: vec![pb::Supply {
                utility: pb::Utility::Electricity.into(),
                on: true,
                order: 2,
                reason: "first-top-up".to_owned(),
                ..pb::Supply::default()
            }],
            meters: vec![
                meter("E10006414", pb::Utility::Electricity),
                meter("W1F8730A95D67", pb::Utility::Water),
            ],
            debt: Some(pb::Debt {
                balance: "210".to_owned(),
                principal: "250".to_owned(),
                instalment: "20".to_owned(),
                due: "20".to_owned(),
                months_left: 11,
                period_months: 13,
                start_month: "2026-02".to_owned(),
                ..pb::Debt::default()
            }),
            ..pb::GetAccountResponse::default()
        }
    }

    #[test]
    fn an_account_is_read_at_a_glance() {
        let zone = Zone::named("Asia/Brunei").unwrap();
        insta::assert_snapshot!(text(&account(), &zone));
    }

    #[test]
    fn json_keeps_exact_figures_and_utc() {
        let value = value(&account());
        assert_eq!(value["wallets"][0]["credit"], "17.99763");
        assert_eq!(value["opened_at"], "2026-02-27T00:30:00Z");
    }
}
