//! Standing properties over random histories of one account.

use ledger_core::account::{Account, Wallet};
use ledger_core::command::{Command, PayDebt, Reading, Source};
use ledger_core::event::{Event, Stamp, decode, encode, kind_of};
use ledger_core::ids::AccountId;
use ledger_core::num::{Money, Quantity};
use ledger_core::postings::{self, LedgerAccount};
use ledger_core::time::Millis;
use ledger_core::utility::Utility;
use proptest::prelude::*;

use crate::story::{E, Story, W, bnd, local, meter, month};

#[derive(Debug, Clone)]
enum Step {
    Read {
        water: bool,
        minutes: i64,
        rise: i64,
    },
    TopUp {
        water: bool,
        cents: i64,
    },
    PayDebt {
        cents: i64,
    },
    Tick,
    Cut,
    Lift,
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let what = prop_oneof![
        6 => (any::<bool>(), -90i64..600, -20_000_i64..3_000_000)
            .prop_map(|(water, minutes, rise)| Step::Read { water, minutes, rise }),
        3 => (any::<bool>(), 100i64..5_000).prop_map(|(water, cents)| Step::TopUp { water, cents }),
        1 => (1i64..4_000).prop_map(|cents| Step::PayDebt { cents }),
        1 => Just(Step::Tick),
        1 => Just(Step::Cut),
        1 => Just(Step::Lift),
    ];
    (1i64..4_000, what)
}

/// Plays the steps and returns the story with the decided stamps.
fn play(steps: &[(i64, Step)]) -> (Story, Vec<(Event, Stamp)>) {
    let start = "2026-03-01 08:00:00";
    let mut story = Story::with_meters(start);
    let mut log = Vec::new();
    let mut now = local(start);
    let mut registers = [0i64, 0];
    for command in [
        Command::ActivateMeter { meter: meter(E) },
        Command::ActivateMeter { meter: meter(W) },
        Command::AgreeDebt {
            utility: Utility::Water,
            principal: bnd("60"),
            instalment: bnd("20"),
            start: month("2026-03"),
        },
    ] {
        record(&mut story, &mut log, now, command);
    }
    for (minutes, step) in steps {
        now += Millis::minutes(*minutes);
        let number = |water: bool| meter(if water { W } else { E });
        let command = match step {
            Step::Read {
                water,
                minutes,
                rise,
            } => {
                let register = &mut registers[usize::from(*water)];
                *register = (*register + rise).max(0);
                let read_at = (now - Millis::minutes(*minutes)).max(local(start));
                let value = Quantity::from_micro(*register);
                Command::RecordReading(Reading {
                    meter: number(*water),
                    register: None,
                    read_at,
                    value,
                })
            }
            Step::TopUp { water, cents } => Story::top_up_command(
                if *water { W } else { E },
                &Money::from_cents(*cents).to_string(),
            ),
            Step::PayDebt { cents } => Command::PayDebt(PayDebt {
                amount: Money::from_cents(*cents),
                source: Source::NotTaken,
            }),
            Step::Tick => Command::Tick,
            Step::Cut => Command::Disconnect { meter: meter(E) },
            Step::Lift => Command::Reconnect { meter: meter(E) },
        };
        record(&mut story, &mut log, now, command);
    }
    (story, log)
}

fn record(
    story: &mut Story,
    log: &mut Vec<(Event, Stamp)>,
    now: ledger_core::time::Timestamp,
    command: Command,
) {
    let before = u64::try_from(story.events.len()).unwrap();
    let decided = story.send_at(now, command);
    for emitted in decided.events {
        // Deliveries only tell redeliveries apart; any steady number serves the fold.
        let stamp = Stamp {
            at: emitted.at,
            by_deadline: emitted.by_deadline,
            delivery: before,
        };
        log.push((Event::Account(emitted.event), stamp));
    }
}

fn fold(account: &mut Account, events: &[(Event, Stamp)]) {
    for (event, stamp) in events {
        if let Event::Account(inner) = event {
            account.evolve(inner, *stamp);
        }
    }
}

fn money_of(account: &Account) -> Vec<Wallet> {
    account.wallets().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn c2_money_is_conserved_and_wallets_equal_their_control_account(steps in prop::collection::vec(step(), 1..60)) {
        let (story, log) = play(&steps);
        let lines: Vec<_> = log.iter().flat_map(|(e, _)| postings::of(e, Some(story.account.id()))).collect();
        let total: Money = lines.iter().map(|l| l.amount).sum();
        prop_assert!(total.is_zero());
        for wallet in story.account.wallets() {
            let control = LedgerAccount::CustomerCredit(story.account.id().clone(), wallet.utility);
            let credit: Money = lines.iter().filter(|l| l.account == control).map(|l| -l.amount).sum();
            prop_assert_eq!(credit, wallet.balance);
        }
        let owed: Money =
            lines.iter().filter(|l| matches!(l.account, LedgerAccount::DebtReceivable(_))).map(|l| l.amount).sum();
        prop_assert_eq!(owed, story.account.debt().unwrap().balance());
    }

    #[test]
    fn c6_folding_the_stream_gives_the_state_also_when_cut_anywhere(
        steps in prop::collection::vec(step(), 1..40), cut in 0usize..60,
    ) {
        let (story, log) = play(&steps);
        let opening: Vec<(Event, Stamp)> = story.events.iter().take(story.events.len() - log.len())
            .map(|e| (Event::Account(e.clone()), Stamp { at: local("2026-03-01 08:00:00"), by_deadline: false, delivery: 0 }))
            .collect();
        let all: Vec<_> = opening.into_iter().chain(log).collect();
        let mut whole = Account::new(AccountId::parse("A1").unwrap());
        fold(&mut whole, &all);
        let cut = cut.min(all.len());
        let mut part = Account::new(AccountId::parse("A1").unwrap());
        fold(&mut part, &all[..cut]);
        let text = serde_json::to_string(&part).unwrap();
        let mut part: Account = serde_json::from_str(&text).unwrap();
        fold(&mut part, &all[cut..]);
        prop_assert_eq!(&part, &whole);
        prop_assert_eq!(money_of(&whole), money_of(&story.account));
    }

    #[test]
    fn c1_every_fact_survives_being_written_and_read(steps in prop::collection::vec(step(), 1..40)) {
        let (_, log) = play(&steps);
        for (event, _) in log {
            let back = decode(kind_of(&event), &encode(&event)).unwrap();
            prop_assert_eq!(back, event);
        }
    }

    #[test]
    fn c4_repeating_a_reading_at_once_changes_nothing(steps in prop::collection::vec(step(), 1..40)) {
        let (mut story, _) = play(&steps);
        let now = story.account.newest_at();
        let Some(base) = story.account.meter_of(Utility::Electricity).map(|m| m.recent.last().copied().unwrap()) else {
            return Ok(());
        };
        let before = story.account.clone();
        let reading = Reading { meter: meter(E), register: None, read_at: base.at, value: base.value };
        let decided = story.send_at(now, Command::RecordReading(reading));
        prop_assert!(decided.events.is_empty());
        prop_assert_eq!(&story.account, &before);
    }
}

/// Readings of one meter within one month: minutes since its start, and the register then.
fn month_of_readings() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((1i64..43_000, 0i64..90_000_000), 2..60).prop_map(|mut steps| {
        steps.sort_unstable();
        steps.dedup_by_key(|s| s.0);
        let (mut before, mut register) = (0, 0);
        let rise = |(minute, rise): (i64, i64)| {
            // At most 96 kW since the reading before, so that every pair of readings is plausible.
            register += rise % (1_600_000 * (minute - before));
            before = minute;
            (minute, register)
        };
        steps.into_iter().map(rise).collect()
    })
}

fn charged(readings: &[(i64, i64)]) -> (Quantity, Money) {
    let start = "2026-03-01 00:00:00";
    let mut story = Story::opened(start);
    story.install(start, Utility::Electricity, E, "0");
    let received = local("2026-04-01 00:00:00");
    for (minute, register) in readings {
        let read_at = local(start) + Millis::minutes(*minute);
        let value = Quantity::from_micro(*register);
        let reading = Reading {
            meter: meter(E),
            register: None,
            read_at,
            value,
        };
        story.send_at(received, Command::RecordReading(reading));
    }
    let position = story
        .account
        .wallet(Utility::Electricity)
        .unwrap()
        .position
        .clone()
        .unwrap();
    (position.units, -story.balance(Utility::Electricity))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn c8_shuffling_a_month_of_readings_changes_neither_its_consumption_nor_its_charge(
        readings in month_of_readings(), seed in any::<u64>(),
    ) {
        let mut shuffled = readings.clone();
        let mut state = seed;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        prop_assert_eq!(charged(&shuffled), charged(&readings));
    }
}
