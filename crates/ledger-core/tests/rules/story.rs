//! A story about one account: commands at local times of Brunei, facts and balances read back.

use ledger_core::account::{
    Account, Course, Decided, PastFact, Recall, Supply, decide, reaches_back, recall,
};
use ledger_core::answer::{Answer, ReadingOutcome, Receipt};
use ledger_core::command::{
    Command, Facts, InstallMeter, OpenAccount, PayDebt, Reading, Source, TopUp, VoidableTopUp,
};
use ledger_core::event::{AccountEvent, Event, kind_of};
use ledger_core::ids::{AccountId, Actor, ChannelId, CommandKey, MeterNumber, Reference};
use ledger_core::num::{Money, Quantity};
use ledger_core::postings;
use ledger_core::rejection::Rejection;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDateTime, Month, Timestamp};
use ledger_core::utility::Utility;

pub(crate) use crate::common::{scheme, scheme_text};

pub(crate) const E: &str = "E10000001";
pub(crate) const W: &str = "W10000001";

pub(crate) fn bnd(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub(crate) fn q(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

pub(crate) fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

pub(crate) fn meter(text: &str) -> MeterNumber {
    MeterNumber::parse(text).unwrap()
}

/// Scheme-local time, `2026-03-01 08:00:00`.
pub(crate) fn local(text: &str) -> Timestamp {
    // Brunei and Singapore keep the same time.
    let policy = SchemePolicy::builtin("usms").unwrap();
    policy
        .zone()
        .local_to_utc(LocalDateTime::parse(&text.replace(' ', "T")).unwrap(), None)
}

/// One account and everything that happened to it.
pub(crate) struct Story {
    pub(crate) account: Account,
    pub(crate) policy: SchemePolicy,
    pub(crate) events: Vec<AccountEvent>,
    commands: u32,
    pub(crate) voidable: Option<VoidableTopUp>,
    pub(crate) initial_credit_claimed: bool,
}

impl Story {
    /// An open residential account without meters.
    pub(crate) fn opened(at: &str) -> Self {
        Self::of_class(at, "residential", None)
    }

    pub(crate) fn of_class(at: &str, class: &str, contracted_kva: Option<u32>) -> Self {
        Self::opened_under(scheme("usms"), at, class, contracted_kva)
    }

    /// An open account of a class under a scheme.
    pub(crate) fn under(policy: SchemePolicy, at: &str, class: &str) -> Self {
        Self::opened_under(policy, at, class, None)
    }

    fn opened_under(
        policy: SchemePolicy,
        at: &str,
        class: &str,
        contracted_kva: Option<u32>,
    ) -> Self {
        let account = Account::new(AccountId::parse("A1").unwrap());
        let mut story = Self {
            account,
            policy,
            events: Vec::new(),
            commands: 0,
            voidable: None,
            initial_credit_claimed: false,
        };
        let open = OpenAccount {
            scheme: None,
            class: class.to_owned(),
            dwelling_units: 1,
            contracted_kva,
            customer: None,
        };
        story.done(at, Command::OpenAccount(open));
        story
    }

    /// An account with both meters installed at `at`, registers at zero, not yet activated.
    pub(crate) fn with_meters(at: &str) -> Self {
        let mut story = Self::opened(at);
        story.install(at, Utility::Electricity, E, "0");
        story.install(at, Utility::Water, W, "0");
        story
    }

    /// Both meters active and past their first period, with credit in both wallets.
    pub(crate) fn running(at: &str, electricity: &str, water: &str) -> Self {
        let mut story = Self::with_meters(at);
        story.activate(at, E);
        story.activate(at, W);
        story.top_up(at, E, electricity);
        story.top_up(at, W, water);
        story
    }

    pub(crate) fn install(&mut self, at: &str, utility: Utility, number: &str, first: &str) {
        let install = InstallMeter {
            utility,
            meter: meter(number),
            register: None,
            at: local(at),
            first_value: q(first),
        };
        self.done(at, Command::InstallMeter(install));
    }

    pub(crate) fn activate(&mut self, at: &str, number: &str) {
        self.done(
            at,
            Command::ActivateMeter {
                meter: meter(number),
            },
        );
    }

    /// Sends a command and returns what was decided.
    pub(crate) fn send(&mut self, at: &str, command: Command) -> Decided {
        self.send_at(local(at), command)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a story hands its commands over"
    )]
    pub(crate) fn send_at(&mut self, at: Timestamp, command: Command) -> Decided {
        self.commands += 1;
        let key = CommandKey {
            channel: ChannelId::parse("incomm").unwrap(),
            reference: Reference::parse(&format!("r{}", self.commands)).unwrap(),
        };
        let course = match &command {
            Command::RecordReading(reading) => {
                let late = (reading, at);
                course_for(&self.account, &self.policy, late, &self.events)
            }
            _ => None,
        };
        let facts = Facts {
            account: self.account.id().clone(),
            received_at: at,
            actor: Actor::parse("test").unwrap(),
            key: Some(key),
            delivery: u64::from(self.commands),
            prior: None,
            course,
            voidable: self.voidable.clone(),
            initial_credit_claimed: self.initial_credit_claimed,
        };
        let decided = decide(&mut self.account, &self.policy, &facts, &command);
        self.check(&decided);
        decided
    }

    /// Standing checks of every decision: postings balance, and folding the facts gives the same state.
    fn check(&mut self, decided: &Decided) {
        for emitted in &decided.events {
            let lines = postings::of_account(self.account.id(), &emitted.event);
            let sum: Money = lines.iter().map(|line| line.amount).sum();
            assert!(
                sum.is_zero(),
                "c2: {} balances",
                kind_of(&Event::Account(emitted.event.clone()))
            );
            self.events.push(emitted.event.clone());
        }
    }

    pub(crate) fn done(&mut self, at: &str, command: Command) -> Vec<&'static str> {
        let decided = self.send(at, command);
        assert!(
            matches!(decided.answer, Answer::Done { .. }),
            "{:?}",
            decided.answer
        );
        kinds(&decided)
    }

    pub(crate) fn refused(&mut self, at: &str, command: Command) -> Rejection {
        let decided = self.send(at, command);
        let Some(rejection) = decided.answer.refusal() else {
            panic!("was not refused: {:?}", decided.answer)
        };
        rejection.clone()
    }

    pub(crate) fn top_up_command(number: &str, amount: &str) -> Command {
        Command::TopUp(TopUp {
            meter: meter(number),
            amount: bnd(amount),
            source: Source::NotTaken,
        })
    }

    pub(crate) fn top_up(&mut self, at: &str, number: &str, amount: &str) -> Receipt {
        let decided = self.send(at, Self::top_up_command(number, amount));
        let Answer::Receipt(receipt) = decided.answer else {
            panic!("no receipt: {:?}", decided.answer)
        };
        receipt
    }

    pub(crate) fn pay_debt(&mut self, at: &str, amount: &str) -> Answer {
        self.send(
            at,
            Command::PayDebt(PayDebt {
                amount: bnd(amount),
                source: Source::NotTaken,
            }),
        )
        .answer
    }

    /// A reading received when it was read.
    pub(crate) fn read(&mut self, at: &str, number: &str, value: &str) -> ReadingOutcome {
        self.read_received(at, at, number, value)
    }

    pub(crate) fn read_received(
        &mut self,
        read: &str,
        received: &str,
        number: &str,
        value: &str,
    ) -> ReadingOutcome {
        let reading = Reading {
            meter: meter(number),
            register: None,
            read_at: local(read),
            value: q(value),
        };
        match self.send(received, Command::RecordReading(reading)).answer {
            Answer::Reading(outcome) => outcome,
            other => panic!("not a reading's answer: {other:?}"),
        }
    }

    pub(crate) fn balance(&self, utility: Utility) -> Money {
        self.account.wallet(utility).unwrap().balance
    }

    pub(crate) fn supply(&self, utility: Utility) -> Supply {
        self.account.wallet(utility).unwrap().supply
    }

    /// How often a fact of this kind was recorded.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.events
            .iter()
            .filter(|e| kind_of(&Event::Account((*e).clone())) == kind)
            .count()
    }

    pub(crate) fn tick(&mut self, at: &str) -> Vec<&'static str> {
        self.done(at, Command::Tick)
    }
}

/// What a decision is given of the past of a late reading: as far back as it says, and no further.
pub(crate) fn course_for(
    account: &Account,
    policy: &SchemePolicy,
    (reading, received_at): (&Reading, Timestamp),
    facts: &[AccountEvent],
) -> Option<Course> {
    if recall(account, policy, reading, received_at) != Recall::Course {
        return None;
    }
    let mut past = Vec::new();
    for event in facts.iter().rev() {
        past.push(PastFact {
            event: event.clone(),
            delivery: 0,
        });
        let known = past.iter().map(|fact| fact.event.clone());
        if reaches_back(account, policy, reading, known) {
            break;
        }
    }
    let meters = account.meters().iter();
    let utility = meters.rev().find(|m| m.number == reading.meter)?.utility;
    Some(Course::of(utility, &past))
}

pub(crate) fn kinds(decided: &Decided) -> Vec<&'static str> {
    decided
        .events
        .iter()
        .map(|e| kind_of(&Event::Account(e.event.clone())))
        .collect()
}

pub(crate) fn accepted(outcome: &ReadingOutcome) -> (Quantity, Money) {
    match outcome {
        ReadingOutcome::Accepted { quantity, amount } => (*quantity, *amount),
        other => panic!("not accepted: {other:?}"),
    }
}
