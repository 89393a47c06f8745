//! How an account begins: what its scheme asks for, and what some bring along.

use ledger_core::command::{BillingCommand, Command, JoinScheme, OpenAccount, OpeningDeposit};
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;

use crate::house::{House, whole};
use crate::people::document;

/// Classes that schemes have.
const CLASSES: [&str; 4] = ["residential", "domestic", "commercial", "government"];

/// The commands that open the account.
pub(crate) fn opening(house: &mut House, policy: &SchemePolicy, at: Timestamp) -> Vec<Command> {
    let class = class(house, policy, at);
    let open = OpenAccount {
        scheme: Some(policy.name().to_owned()),
        contracted_kva: (class == CLASSES[2]).then_some(20),
        class,
        dwelling_units: 1,
        customer: None,
    };
    let status = policy.billing().and_then(|b| b.status.as_ref());
    let Some(status) = status else {
        return vec![Command::OpenAccount(open)];
    };
    let today = policy.zone().date_of(at);
    let opening = match house.dice.between(1, 100) {
        1..=60 => return vec![Command::OpenAccount(open)],
        61..=75 => BillingCommand::OpenConnection {
            open,
            deposit: OpeningDeposit::taken(status.deposit),
        },
        76..=88 => BillingCommand::Import {
            open,
            arrears: whole(house.dice.between(1, 900)),
            since: today.plus_months(-30),
        },
        _ => BillingCommand::OpenTemporary {
            open,
            until: today.plus_days(i32::try_from(house.dice.between(40, 400)).unwrap()),
            deposit: OpeningDeposit::None,
        },
    };
    vec![Command::billing(opening)]
}

fn class(house: &mut House, policy: &SchemePolicy, at: Timestamp) -> String {
    if let Some(joining) = policy.joining() {
        return house.dice.pick(&joining.classes);
    }
    let utilities = || {
        Utility::ALL
            .into_iter()
            .filter(|u| policy.utility(*u).is_some())
    };
    let priced = |class: &&str| utilities().all(|u| policy.tariff_for(u, class, at).is_some());
    let classes: Vec<&str> = CLASSES.into_iter().filter(priced).collect();
    // Most are the first: residential, or domestic.
    if house.dice.percent(80) {
        classes[0].to_owned()
    } else {
        house.dice.pick(&classes).to_owned()
    }
}

/// The commands that follow when the meters hang.
pub(crate) fn settling(house: &mut House, policy: &SchemePolicy) -> Vec<Command> {
    let mut commands = Vec::new();
    let own = format!("{}-{}", house.index, house.generation);
    if let Some(joining) = policy.joining() {
        commands.push(Command::JoinScheme(JoinScheme {
            utility: house.devices[0].utility,
            person: document(&format!("person-{own}")),
            application: document(&format!("application-{own}")),
            disconnected: true,
            cannot_pay_minimum: true,
            broken_plans: joining.broken_plans_min,
            arrears: Money::from_cents(house.dice.between(1, 60_000)),
            arrears_from: document(&format!("old-{own}")),
        }));
    }
    if policy.top_up().is_some() {
        for device in &house.devices {
            let meter = device.number.clone();
            commands.push(Command::ActivateMeter { meter });
        }
    }
    for utility in Utility::ALL {
        if policy.legacy(utility).is_some() && house.dice.percent(30) {
            commands.push(Command::EnterLegacyCredit {
                utility,
                amount: Money::from_cents(house.dice.between(1, 3_000)),
                from: document(&format!("old-{own}-{}", utility.code())),
            });
        }
    }
    commands
}
