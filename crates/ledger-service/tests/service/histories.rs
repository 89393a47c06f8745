//! Random histories: whatever is asked in whatever order, what is stored upholds the standing properties.

use std::collections::BTreeMap;

use ledger_core::account::Account;
use ledger_core::answer::Answer;
use ledger_core::command::{CloseTo, Command, Source, VoidTopUp};
use ledger_core::event::{Event, Meta, decode};
use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::postings::{self, LedgerAccount};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_service::{Ask, CommandRequest, Target};
use proptest::prelude::*;

use crate::world::*;

const ACCOUNTS: [&str; 3] = ["a0", "a1", "a2"];
const METERS: [&str; 4] = ["E100", "E200", "W100", "W200"];

/// One step, in small numbers; what it means depends on what came before.
#[derive(Debug, Clone)]
enum Step {
    Install {
        who: usize,
        what: usize,
    },
    Remove {
        what: usize,
    },
    Activate {
        what: usize,
    },
    TopUp {
        reference: u8,
        what: usize,
        cents: i64,
        taken: bool,
    },
    Allocate {
        reference: u8,
        item: u8,
        what: usize,
        cents: i64,
    },
    Return {
        reference: u8,
        item: u8,
    },
    Void {
        reference: u8,
        original: u8,
    },
    Debt {
        who: usize,
    },
    PayDebt {
        reference: u8,
        who: usize,
        cents: i64,
    },
    Reading {
        what: usize,
        back: i64,
        rise: i64,
    },
    Tick {
        who: usize,
    },
    Close {
        who: usize,
        to: usize,
    },
    Pass {
        hours: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..ACCOUNTS.len();
    let what = || 0..METERS.len();
    let cents = || prop_oneof![Just(150_i64), Just(1_000), Just(1_001)];
    prop_oneof![
        3 => (who(), what()).prop_map(|(who, what)| Step::Install { who, what }),
        1 => what().prop_map(|what| Step::Remove { what }),
        1 => what().prop_map(|what| Step::Activate { what }),
        5 => (0..12_u8, what(), cents(), any::<bool>())
            .prop_map(|(reference, what, cents, taken)| Step::TopUp { reference, what, cents, taken }),
        2 => (0..12_u8, 0..12_u8, what(), cents())
            .prop_map(|(reference, item, what, cents)| Step::Allocate { reference, item, what, cents }),
        1 => (0..12_u8, 0..12_u8).prop_map(|(reference, item)| Step::Return { reference, item }),
        1 => (0..12_u8, 0..12_u8).prop_map(|(reference, original)| Step::Void { reference, original }),
        1 => who().prop_map(|who| Step::Debt { who }),
        1 => (0..12_u8, who(), cents()).prop_map(|(reference, who, cents)| Step::PayDebt { reference, who, cents }),
        8 => (what(), prop_oneof![4 => Just(0_i64), 1 => 1..40_i64], 0..40_i64)
            .prop_map(|(what, back, rise)| Step::Reading { what, back, rise }),
        1 => who().prop_map(|who| Step::Tick { who }),
        1 => (who(), who()).prop_map(|(who, to)| Step::Close { who, to }),
        4 => (1..60_i64).prop_map(|hours| Step::Pass { hours }),
    ]
}

/// A world with a clock and register values that only rise.
struct Play {
    world: World,
    now: Timestamp,
    registers: [i64; METERS.len()],
    deliveries: u64,
    asked: Vec<(CommandRequest, Answer)>,
}

impl Play {
    async fn new() -> Self {
        let world = World::forgetful().await;
        for id in ACCOUNTS {
            world.done(open(id)).await;
        }
        Self {
            world,
            now: start(),
            registers: [0; METERS.len()],
            deliveries: 0,
            asked: Vec::new(),
        }
    }

    async fn ask(&mut self, mut request: CommandRequest) {
        request.received_at = self.now;
        let reply = self.world.submit(request.clone()).await;
        self.asked.push((request, reply.answer));
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Install { .. } | Step::Remove { .. } | Step::Activate { .. } => {
                self.take_meter(step).await;
            }
            Step::TopUp {
                reference,
                what,
                cents,
                taken,
            } => {
                let source = if taken {
                    Source::Taken
                } else {
                    Source::NotTaken
                };
                self.pay(&format!("bank/r{reference}"), what, cents, source)
                    .await;
            }
            Step::Allocate {
                reference,
                item,
                what,
                cents,
            } => {
                let source = Source::Suspense(key(&format!("bank/r{item}")));
                self.pay(&format!("office/s{reference}"), what, cents, source)
                    .await;
            }
            Step::Return { .. } | Step::Void { .. } => self.take_back(step).await,
            Step::Debt { .. } | Step::PayDebt { .. } | Step::Close { .. } => {
                self.take_rare(step).await;
            }
            Step::Reading { what, back, rise } => self.read(what, back, rise).await,
            Step::Tick { who } => {
                self.world
                    .ledger
                    .tick(vec![account(ACCOUNTS[who])], self.now)
                    .await
                    .remove(0)
                    .unwrap();
            }
            Step::Pass { hours } => self.now += ledger_core::time::Millis::hours(hours),
        }
    }

    async fn take_meter(&mut self, step: Step) {
        match step {
            Step::Install { who, what } => {
                let first = self.registers[what].to_string();
                self.ask(install_from(ACCOUNTS[who], METERS[what], self.now, &first))
                    .await;
            }
            Step::Remove { what } => {
                if let Some(holder) = self.world.ledger.meter_holder(&meter(METERS[what])) {
                    let value = self.registers[what].to_string();
                    self.ask(remove(
                        holder.account.as_str(),
                        METERS[what],
                        self.now,
                        &value,
                    ))
                    .await;
                }
            }
            Step::Activate { what } => {
                let command = Command::ActivateMeter {
                    meter: meter(METERS[what]),
                };
                let mut request = staff(&format!("office/act-{what}"), "a0", command, self.now);
                request.target = Target::Meter(METERS[what].to_owned());
                self.ask(request).await;
            }
            other => panic!("{other:?} is about no meter"),
        }
    }

    async fn take_back(&mut self, step: Step) {
        match step {
            Step::Return { reference, item } => {
                let mut request =
                    return_of(&format!("office/x{reference}"), &format!("bank/r{item}"));
                request.received_at = self.now;
                self.world.ledger.return_suspense(request).await.unwrap();
            }
            Step::Void {
                reference,
                original,
            } => {
                let original = key(&format!("bank/r{original}")).reference;
                let command = Command::VoidTopUp(VoidTopUp {
                    reference: original.clone(),
                });
                let mut request = staff(&format!("bank/v{reference}"), "a0", command, self.now);
                request.target = Target::TopUp(original);
                self.ask(request).await;
            }
            other => panic!("{other:?} takes nothing back"),
        }
    }

    async fn take_rare(&mut self, step: Step) {
        match step {
            Step::Debt { who } => {
                let month = policy().zone().month_of(self.now).to_string();
                self.ask(agree_debt(ACCOUNTS[who], "60", "20", &month))
                    .await;
            }
            Step::PayDebt {
                reference,
                who,
                cents,
            } => {
                let mut request = pay_debt(&format!("bank/d{reference}"), ACCOUNTS[who], "1");
                request.ask = Ask::PayDebt {
                    amount: Money::from_cents(cents),
                    source: Source::Taken,
                };
                self.ask(request).await;
            }
            Step::Close { who, to } => {
                let view = self
                    .world
                    .ledger
                    .account(&account(ACCOUNTS[who]))
                    .await
                    .unwrap()
                    .unwrap();
                let held = METERS
                    .iter()
                    .zip(self.registers)
                    .filter(|(number, _)| view.account.meter_in_place(&meter(number)).is_some());
                let finals = held
                    .map(|(number, value)| last(number, &value.to_string()))
                    .collect();
                self.ask(close(
                    ACCOUNTS[who],
                    finals,
                    CloseTo::Move(account(ACCOUNTS[to])),
                    self.now,
                ))
                .await;
            }
            other => panic!("{other:?} is not rare"),
        }
    }

    async fn pay(&mut self, reference: &str, what: usize, cents: i64, source: Source) {
        let mut request = top_up_from(reference, METERS[what], "1", source.clone());
        request.ask = Ask::TopUp {
            amount: Money::from_cents(cents),
            source,
        };
        self.ask(request).await;
    }

    /// A reading now, or a late one with an old value; each delivery is sent twice.
    async fn read(&mut self, what: usize, back: i64, rise: i64) {
        if back == 0 {
            self.registers[what] += rise;
        }
        self.deliveries += 1;
        let at = self.now - ledger_core::time::Millis::hours(back);
        let readings = vec![reading(METERS[what], at, &self.registers[what].to_string())];
        let class = |outcomes: &[_]| std::mem::discriminant(&outcomes[0]);
        let first = self
            .world
            .deliver_at(self.deliveries, self.now, readings.clone())
            .await;
        let written = self.world.store.len();
        let again = self
            .world
            .deliver_at(self.deliveries, self.now, readings)
            .await;
        assert_eq!(
            class(&first),
            class(&again),
            "a redelivery reports what was reported: {first:?} {again:?}"
        );
        assert_eq!(
            self.world.store.len(),
            written,
            "a redelivery writes nothing"
        );
    }
}

/// Accounts of the chart and each account's fold, from the log alone.
async fn from_log(world: &World) -> (BTreeMap<LedgerAccount, Money>, BTreeMap<AccountId, Account>) {
    let mut sums: BTreeMap<LedgerAccount, Money> = BTreeMap::new();
    let mut folds: BTreeMap<AccountId, Account> = BTreeMap::new();
    for event in world.events().await {
        let decoded = decode(&event.kind, &event.data).unwrap();
        let id = event.stream.as_str().strip_prefix("account-").map(account);
        let lines = postings::of(&decoded, id.as_ref());
        assert!(
            lines
                .iter()
                .map(|line| line.amount)
                .sum::<Money>()
                .is_zero(),
            "{event:?} balances"
        );
        for line in lines {
            *sums.entry(line.account).or_default() += line.amount;
        }
        if let (Some(id), Event::Account(fact)) = (id, &decoded) {
            let meta: Meta = serde_json::from_slice(&event.meta).unwrap();
            folds
                .entry(id.clone())
                .or_insert_with(|| Account::new(id))
                .evolve(fact, meta.stamp());
        }
    }
    (sums, folds)
}

async fn check(play: &mut Play) {
    let (sums, folds) = from_log(&play.world).await;
    assert!(
        sums.values().copied().sum::<Money>().is_zero(),
        "C2: the trial balance is zero"
    );
    for (id, fold) in &folds {
        let live = play
            .world
            .ledger
            .account(id)
            .await
            .unwrap()
            .unwrap()
            .account;
        assert_eq!(live, *fold, "C6: a replay gives the same state");
        for wallet in live.wallets() {
            let control = LedgerAccount::CustomerCredit(id.clone(), wallet.utility);
            let posted = sums.get(&control).copied().unwrap_or_default();
            assert_eq!(
                posted, -wallet.balance,
                "C2: customer credit ties to the wallets"
            );
        }
        let owed = live
            .debt()
            .map_or(Money::ZERO, ledger_core::debt::DebtPlan::balance);
        let posted = sums
            .get(&LedgerAccount::DebtReceivable(id.clone()))
            .copied()
            .unwrap_or_default();
        assert_eq!(posted, owed, "C2: receivables tie to the debts");
    }
    assert!(
        play.world.ledger.doctor().await.unwrap().is_empty(),
        "C5: no claim is orphaned, no credit lost"
    );

    // A second process, from the log alone, gives every remembered answer again and writes nothing.
    let written = play.world.store.len();
    let holders: Vec<_> = METERS
        .iter()
        .map(|m| play.world.ledger.meter_holder(&meter(m)))
        .collect();
    play.world.start_again().await;
    assert_eq!(
        METERS
            .iter()
            .map(|m| play.world.ledger.meter_holder(&meter(m)))
            .collect::<Vec<_>>(),
        holders
    );
    for (request, answer) in &play.asked {
        let payment = !matches!(request.ask, Ask::Command(_));
        // A malformed call binds nothing: its answer may follow the account.
        let malformed = matches!(
            answer.refusal(),
            Some(Rejection::BadInput { .. } | Rejection::TooFine { .. })
        );
        if answer.refusal().is_none() || (payment && !malformed) {
            let again = play.world.submit(request.clone()).await;
            assert_eq!(
                again.answer, *answer,
                "C4: the same answer for ever: {request:?}"
            );
        }
    }
    assert_eq!(
        play.world.store.len(),
        written,
        "C4: a repetition writes nothing"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn c2_c4_c5_c6_any_history_upholds_the_standing_properties(steps in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut play = Play::new().await;
            for step in steps {
                play.take(step).await;
            }
            check(&mut play).await;
        });
    }
}
