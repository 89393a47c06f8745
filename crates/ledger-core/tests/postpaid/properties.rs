//! Standing properties over random histories of one consumer.

use ledger_core::command::{BillingCommand, Command};
use ledger_core::num::Money;
use ledger_core::postings;
use ledger_core::time::Millis;
use proptest::prelude::*;

use crate::story::{M, Story, document, last, meter};

#[derive(Debug, Clone)]
enum Act {
    Read(i64),
    PayAll(Option<i64>),
    PayPart(i64),
    Cut,
    Reconnect,
    Adjust(i64),
    End(i64),
    Stop,
    Tick,
}

fn act() -> impl Strategy<Value = (i64, Act)> {
    let what = prop_oneof![
        4 => (-2_000_i64..90_000).prop_map(Act::Read),
        4 => prop::option::of(0_i64..90_000).prop_map(Act::PayAll),
        2 => (1_i64..9_000).prop_map(Act::PayPart),
        1 => Just(Act::Cut),
        1 => Just(Act::Reconnect),
        1 => (-9_000_i64..9_000).prop_map(Act::Adjust),
        1 => (0_i64..9_000).prop_map(Act::End),
        1 => Just(Act::Stop),
        4 => Just(Act::Tick),
    ];
    (1_i64..60 * 24 * 20, what)
}

fn play(acts: &[(i64, Act)]) -> Story {
    let mut story = Story::live("2026-01-05 08:00:00");
    let mut now = story.account.newest_at();
    for (minutes, act) in acts {
        now += Millis::minutes(*minutes);
        let base = story.account.meter_in_place(&meter(M)).unwrap().base.value;
        let at = |rise: i64| {
            let micro = (base.micro() + rise * 1_000).max(0);
            ledger_core::num::Quantity::from_micro(micro)
        };
        let reading = |rise: i64| ledger_core::command::Reading {
            meter: meter(M),
            register: None,
            read_at: now,
            value: at(rise),
        };
        let billing = |command| Command::billing(command);
        let command = match act {
            Act::Read(rise) => Command::RecordReading(reading(*rise)),
            Act::PayAll(rise) => {
                let mut trial = story.clone();
                let own = rise.map(&reading);
                if let Some(reading) = &own {
                    trial.send_at(now, Command::RecordReading(reading.clone()));
                } else {
                    trial.send_at(now, Command::Tick);
                }
                let all = trial.payable().max(Money::ZERO).to_string();
                billing(Story::pay_command(&all, own))
            }
            Act::PayPart(cents) => billing(Story::pay_command(
                &Money::from_cents(*cents).to_string(),
                None,
            )),
            Act::Cut => billing(BillingCommand::CutConsumer { reading: None }),
            Act::Reconnect => billing(BillingCommand::ReconnectConsumer),
            Act::Adjust(cents) => billing(BillingCommand::Adjust {
                amount: Money::from_cents(*cents),
                document: document("c-1"),
            }),
            Act::End(rise) => billing(BillingCommand::EndConnection {
                last: last(&at(*rise).to_string()),
            }),
            Act::Stop => billing(BillingCommand::StopBill { reading: None }),
            Act::Tick => Command::Tick,
        };
        story.send_at(now, command);
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn c2_postpaid_histories_balance_tie_and_fold_to_the_same_state(acts in prop::collection::vec(act(), 1..60)) {
        let story = play(&acts);
        let lines = story.log.iter().flat_map(|(e, _)| postings::of_account(story.account.id(), e));
        prop_assert!(lines.map(|l| l.amount).sum::<Money>().is_zero());
        prop_assert_eq!(&story.refolded(), &story.account);
        let text = serde_json::to_string(&story.account).unwrap();
        let back: ledger_core::account::Account = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&back, &story.account);
    }
}
