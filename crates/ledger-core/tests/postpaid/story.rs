//! A story about one postpaid account: commands at local times, facts, dues and status read back.

use ledger_core::account::{
    Account, Billing, Course, Decided, PastFact, Recall, Supply, decide, reaches_back, recall,
};
use ledger_core::answer::{Answer, ReadingOutcome, Receipt};
use ledger_core::command::{
    BillingCommand, Command, Facts, FinalReading, InstallMeter, OpenAccount, OpeningDeposit,
    PayBill, Reading, Source,
};
use ledger_core::event::{AccountEvent, Event, Stamp, decode, encode, kind_of};
use ledger_core::ids::{
    AccountId, Actor, ChannelId, CommandKey, MeterNumber, OpaqueRef, Reference,
};
use ledger_core::num::{Money, Quantity};
use ledger_core::postings::{self, LedgerAccount};
use ledger_core::rejection::Rejection;
use ledger_core::scheme::SchemePolicy;
use ledger_core::status::Status;
use ledger_core::time::{LocalDate, LocalDateTime, Month, Timestamp};
use ledger_core::utility::Utility;

pub(crate) const M: &str = "L10006414";

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub(crate) fn q(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

pub(crate) fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

pub(crate) fn date(text: &str) -> LocalDate {
    LocalDate::parse(text).unwrap()
}

pub(crate) fn meter(text: &str) -> MeterNumber {
    MeterNumber::parse(text).unwrap()
}

pub(crate) fn document(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

pub(crate) fn open_of(class: &str) -> OpenAccount {
    OpenAccount {
        scheme: None,
        class: class.to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        customer: None,
    }
}

/// One postpaid account and everything that happened to it.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) account: Account,
    pub(crate) policy: SchemePolicy,
    pub(crate) log: Vec<(AccountEvent, Stamp)>,
    commands: u32,
    /// Whether the meter confirms an order at once.
    pub(crate) meters_confirm: bool,
}

impl Story {
    /// Nothing yet, of a scheme.
    pub(crate) fn of(scheme: &str) -> Self {
        Self::under(crate::common::scheme(scheme))
    }

    pub(crate) fn under(policy: SchemePolicy) -> Self {
        Self {
            account: Account::new(AccountId::parse("L100").unwrap()),
            policy,
            log: Vec::new(),
            commands: 0,
            meters_confirm: true,
        }
    }

    /// A live domestic consumer of eBCM, its register at zero.
    pub(crate) fn live(at: &str) -> Self {
        Self::listed(at, "domestic")
    }

    pub(crate) fn listed(at: &str, class: &str) -> Self {
        let mut story = Self::of("ebcm");
        story.done(at, Command::OpenAccount(open_of(class)));
        story.install(at);
        story
    }

    /// A consumer that was taken over with arrears of 100, its connection eight years old.
    pub(crate) fn imported(at: &str) -> Self {
        let mut story = Self::of("ebcm");
        let import = BillingCommand::Import {
            open: open_of("domestic"),
            arrears: money("100"),
            since: date("2018-01-01"),
        };
        story.done(at, Command::billing(import));
        story.install(at);
        story
    }

    pub(crate) fn temporary(at: &str, until: &str) -> Self {
        let mut story = Self::of("ebcm");
        let open = BillingCommand::OpenTemporary {
            open: open_of("domestic"),
            until: date(until),
            deposit: OpeningDeposit::None,
        };
        story.done(at, Command::billing(open));
        story.install(at);
        story
    }

    pub(crate) fn install(&mut self, at: &str) {
        let install = InstallMeter {
            utility: Utility::Electricity,
            meter: meter(M),
            register: None,
            at: self.local(at),
            first_value: q("0"),
        };
        self.done(at, Command::InstallMeter(install));
    }

    /// Scheme-local time, `2026-03-01 08:00:00`.
    pub(crate) fn local(&self, text: &str) -> Timestamp {
        let local = LocalDateTime::parse(&text.replace(' ', "T")).unwrap();
        self.policy.zone().local_to_utc(local, None)
    }

    pub(crate) fn send(&mut self, at: &str, command: Command) -> Decided {
        self.send_at(self.local(at), command)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a story hands its commands over"
    )]
    pub(crate) fn send_at(&mut self, at: Timestamp, command: Command) -> Decided {
        self.commands += 1;
        let key = CommandKey {
            channel: ChannelId::parse("counter").unwrap(),
            reference: Reference::parse(&format!("r{}", self.commands)).unwrap(),
        };
        let course = match &command {
            Command::RecordReading(reading) => self.course_for(reading, at),
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
            voidable: None,
            initial_credit_claimed: false,
        };
        let decided = decide(&mut self.account, &self.policy, &facts, &command);
        self.keep(&decided, facts.delivery);
        self.confirm();
        decided
    }

    /// What a decision is given of the past of a late reading: as far back as it says, and no further.
    fn course_for(&self, reading: &Reading, at: Timestamp) -> Option<Course> {
        if recall(&self.account, &self.policy, reading, at) != Recall::Course {
            return None;
        }
        let mut past = Vec::new();
        for (event, _) in self.log.iter().rev() {
            past.push(PastFact {
                event: event.clone(),
                delivery: 0,
            });
            let known = past.iter().map(|fact| fact.event.clone());
            if reaches_back(&self.account, &self.policy, reading, known) {
                break;
            }
        }
        Some(Course::of(Utility::Electricity, &past))
    }

    /// Meters here act at once.
    fn confirm(&mut self) {
        let wallet = self.account.wallet(Utility::Electricity);
        let Some(open) = wallet
            .and_then(|w| w.open_order.clone())
            .filter(|_| self.meters_confirm)
        else {
            return;
        };
        let at = self.account.newest_at();
        let confirm = Command::ConfirmOrder {
            meter: open.meter,
            order: open.n,
            at,
        };
        self.send_at(at, confirm);
    }

    /// Standing checks of every decision: each fact balances and survives being written and read, and
    /// the control account of the bills ties to the dues (C2).
    fn keep(&mut self, decided: &Decided, delivery: u64) {
        for emitted in &decided.events {
            let lines = postings::of_account(self.account.id(), &emitted.event);
            let sum: Money = lines.iter().map(|line| line.amount).sum();
            let event = Event::Account(emitted.event.clone());
            assert!(sum.is_zero(), "c2: {} balances", kind_of(&event));
            assert_eq!(decode(kind_of(&event), &encode(&event)).unwrap(), event);
            let stamp = Stamp {
                at: emitted.at,
                by_deadline: emitted.by_deadline,
                delivery,
            };
            self.log.push((emitted.event.clone(), stamp));
        }
        if let Some(billing) = self.account.billing() {
            assert_eq!(
                self.control(&LedgerAccount::BillsReceivable(self.account.id().clone())),
                billing.dues().balance(),
                "c2: bills receivable ties to the dues"
            );
            assert_eq!(
                -self.control(&LedgerAccount::SecurityDeposit(self.account.id().clone())),
                billing.deposit(),
                "c2: deposits tie"
            );
        }
    }

    pub(crate) fn control(&self, account: &LedgerAccount) -> Money {
        let lines = self
            .log
            .iter()
            .flat_map(|(event, _)| postings::of_account(self.account.id(), event));
        lines
            .filter(|line| line.account == *account)
            .map(|line| line.amount)
            .sum()
    }

    /// The account as its facts alone give it.
    pub(crate) fn refolded(&self) -> Account {
        let mut account = Account::new(self.account.id().clone());
        for (event, stamp) in &self.log {
            account.evolve(event, *stamp);
        }
        account
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

    pub(crate) fn ask(&mut self, at: &str, command: BillingCommand) -> Vec<&'static str> {
        self.done(at, Command::billing(command))
    }

    pub(crate) fn refused(&mut self, at: &str, command: BillingCommand) -> Rejection {
        self.refusal(at, Command::billing(command))
    }

    pub(crate) fn refusal(&mut self, at: &str, command: Command) -> Rejection {
        let decided = self.send(at, command);
        let Some(rejection) = decided.answer.refusal() else {
            panic!("was not refused: {:?}", decided.answer)
        };
        rejection.clone()
    }

    pub(crate) fn reading(&self, at: &str, value: &str) -> Reading {
        Reading {
            meter: meter(M),
            register: None,
            read_at: self.local(at),
            value: q(value),
        }
    }

    pub(crate) fn read(&mut self, at: &str, value: &str) -> ReadingOutcome {
        let reading = self.reading(at, value);
        match self.send(at, Command::RecordReading(reading)).answer {
            Answer::Reading(outcome) => outcome,
            other => panic!("not a reading's answer: {other:?}"),
        }
    }

    pub(crate) fn pay_command(amount: &str, reading: Option<Reading>) -> BillingCommand {
        BillingCommand::PayBill(PayBill {
            amount: money(amount),
            reading,
            protest: None,
            source: Source::NotTaken,
        })
    }

    pub(crate) fn pay(&mut self, at: &str, amount: &str) -> Receipt {
        self.paid(at, Self::pay_command(amount, None))
    }

    pub(crate) fn pay_with(&mut self, at: &str, amount: &str, value: &str) -> Receipt {
        let reading = self.reading(at, value);
        self.paid(at, Self::pay_command(amount, Some(reading)))
    }

    pub(crate) fn paid(&mut self, at: &str, command: BillingCommand) -> Receipt {
        let decided = self.send(at, Command::billing(command));
        let Answer::Receipt(receipt) = decided.answer else {
            panic!("no receipt: {:?}", decided.answer)
        };
        receipt
    }

    /// Lets the clock run to a local time.
    pub(crate) fn tick(&mut self, at: &str) -> Vec<&'static str> {
        self.done(at, Command::Tick)
    }

    pub(crate) fn billing(&self) -> &Billing {
        self.account.billing().unwrap()
    }

    pub(crate) fn status(&self) -> Status {
        self.account.status().unwrap()
    }

    pub(crate) fn dues(&self) -> Money {
        self.billing().dues().balance()
    }

    pub(crate) fn payable(&self) -> Money {
        self.billing().dues().payable(2)
    }

    pub(crate) fn supply(&self) -> Supply {
        self.account.wallet(Utility::Electricity).unwrap().supply
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        let of_kind = |e: &&(AccountEvent, Stamp)| kind_of(&Event::Account(e.0.clone())) == kind;
        self.log.iter().filter(of_kind).count()
    }
}

pub(crate) fn last(value: &str) -> Option<FinalReading> {
    Some(FinalReading {
        meter: meter(M),
        value: q(value),
        force: None,
    })
}

pub(crate) fn kinds(decided: &Decided) -> Vec<&'static str> {
    decided
        .events
        .iter()
        .map(|e| kind_of(&Event::Account(e.event.clone())))
        .collect()
}
