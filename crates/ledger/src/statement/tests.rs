//! Documents of accounts whose facts the core decided: what is printed, word for word, and that it adds up.

use ledger_core::account::{Account, decide};
use ledger_core::command::{
    BillingCommand, Command, Facts, InstallMeter, OpenAccount, PayBill, Reading, Source, TopUp,
};
use ledger_core::ids::{
    AccountId, Actor, ChannelId, CommandKey, MeterNumber, OpaqueRef, Reference,
};
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, LocalDateTime, Month, Timestamp};
use ledger_core::utility::Utility;

use super::pdf::tests::read_back;
use super::*;

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

struct Story {
    account: Account,
    policy: SchemePolicy,
    stored: Vec<Stored>,
    commands: u32,
}

impl Story {
    fn of(scheme: &str, class: &str, at: &str) -> Self {
        let mut story = Self {
            account: Account::new(AccountId::parse("L-100").unwrap()),
            policy: SchemePolicy::builtin(scheme).unwrap(),
            stored: Vec::new(),
            commands: 0,
        };
        let open = OpenAccount {
            scheme: None,
            class: class.to_owned(),
            dwelling_units: 1,
            contracted_kva: None,
            customer: Some(OpaqueRef::parse("p-7f3k").unwrap()),
        };
        story.done(at, Command::OpenAccount(open));
        let install = InstallMeter {
            utility: Utility::Electricity,
            meter: Self::meter(),
            register: None,
            at: story.local(at),
            first_value: Quantity::ZERO,
        };
        story.done(at, Command::InstallMeter(install));
        story
    }

    fn meter() -> MeterNumber {
        MeterNumber::parse("E10006414").unwrap()
    }

    fn local(&self, text: &str) -> Timestamp {
        let local = LocalDateTime::parse(&text.replace(' ', "T")).unwrap();
        self.policy.zone().local_to_utc(local, None)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a story hands its commands over"
    )]
    fn done(&mut self, at: &str, command: Command) {
        self.commands += 1;
        let facts = Facts {
            account: self.account.id().clone(),
            received_at: self.local(at),
            actor: Actor::parse("test").unwrap(),
            key: Some(CommandKey {
                channel: ChannelId::parse("counter").unwrap(),
                reference: Reference::parse(&format!("R-{}", self.commands)).unwrap(),
            }),
            delivery: 0,
            prior: None,
            course: None,
            voidable: None,
            initial_credit_claimed: false,
        };
        let decided = decide(&mut self.account, &self.policy, &facts, &command);
        assert!(decided.answer.refusal().is_none(), "{:?}", decided.answer);
        self.stored
            .extend(decided.events.into_iter().map(|emitted| Stored {
                stamp: ledger_core::event::Stamp {
                    at: emitted.at,
                    by_deadline: emitted.by_deadline,
                    delivery: 0,
                },
                event: emitted.event,
            }));
    }

    fn read(&mut self, at: &str, value: &str) {
        let reading = Reading {
            meter: Self::meter(),
            register: None,
            read_at: self.local(at),
            value: Quantity::parse(value).unwrap(),
        };
        self.done(at, Command::RecordReading(reading));
    }

    fn pay(&mut self, at: &str, amount: &str) {
        let pay = PayBill {
            amount: money(amount),
            reading: None,
            protest: None,
            source: Source::NotTaken,
        };
        self.done(at, Command::billing(BillingCommand::PayBill(pay)));
    }

    fn document(&self, from: &str, to: &str, is_bill: bool) -> Statement {
        let period = Period {
            from: LocalDate::parse(from).unwrap(),
            to: LocalDate::parse(to).unwrap(),
        };
        let id = self.account.id().clone();
        statement(&id, &self.stored, self.policy.clone(), (period, is_bill))
    }
}

/// A consumer who pays for January and not for February.
fn belated() -> Story {
    let mut story = Story::of("ebcm", "domestic", "2026-01-02 08:00:00");
    story.read("2026-01-20 09:00:00", "150");
    let owed = story
        .account
        .billing()
        .unwrap()
        .dues()
        .payable(2)
        .to_string();
    story.pay("2026-01-21 09:00:00", &owed);
    story.done("2026-02-01 00:00:00", Command::Tick);
    story.read("2026-02-18 09:00:00", "420");
    story.done("2026-03-02 00:00:00", Command::Tick);
    story
}

/// Every book's lines lead from what was brought forward to what is carried.
fn adds_up(document: &Statement) {
    for kept in &document.books {
        let mut balance = kept.forward;
        for line in &kept.movements {
            balance += line.amount;
            assert_eq!(balance, line.balance, "{:?}: {}", kept.book, line.what);
        }
        assert_eq!(balance, kept.carried, "{:?}", kept.book);
    }
}

#[test]
fn k6_a_bill_explains_each_amount_by_its_line_of_the_tariff() {
    let story = belated();
    let bill = story.document("2026-02-01", "2026-02-28", true);
    adds_up(&bill);
    assert!(bill.charges.unexplained.is_empty(), "{:?}", bill.charges);
    let charged = bill.books[0]
        .movements
        .iter()
        .filter(|line| line.readings > 0);
    let charged: Money = charged.map(|line| line.amount).sum();
    assert_eq!(bill.charges.total(), charged, "each cent of it");
    insta::assert_snapshot!(text(&bill));
}

#[test]
fn e3_a_bill_of_january_is_the_same_after_everything_that_came_later() {
    let mut story = belated();
    let before = text(&story.document("2026-01-01", "2026-01-31", true));
    story.done("2026-08-02 00:00:00", Command::Tick);
    assert_eq!(
        text(&story.document("2026-01-01", "2026-01-31", true)),
        before
    );
    assert!(before.contains("nothing to pay"), "{before}");
}

#[test]
fn u12_a_statement_has_the_debt_with_its_period_and_the_payments() {
    let mut story = Story::of("usms", "residential", "2026-01-05 08:00:00");
    let agree = Command::AgreeDebt {
        utility: Utility::Water,
        principal: money("100"),
        instalment: money("25"),
        start: Month::parse("2026-02").unwrap(),
    };
    story.done("2026-01-06 08:00:00", agree);
    let top_up = TopUp {
        meter: Story::meter(),
        amount: money("20"),
        source: Source::NotTaken,
    };
    story.done("2026-01-06 09:00:00", Command::TopUp(top_up));
    for (day, value) in [("07", "3.5"), ("08", "9"), ("09", "12.237")] {
        story.read(&format!("2026-01-{day} 00:00:00"), value);
    }
    let pay = ledger_core::command::PayDebt {
        amount: money("25"),
        source: Source::NotTaken,
    };
    story.done("2026-02-03 09:00:00", Command::PayDebt(pay));
    let document = story.document("2026-01-01", "2026-02-28", false);
    adds_up(&document);
    insta::assert_snapshot!(text(&document));
    let february = story.document("2026-02-01", "2026-02-28", false);
    adds_up(&february);
    let credit = &february.books[0];
    assert_eq!(credit.forward, credit.carried);
    assert_eq!(
        credit.forward,
        money("19.87763"),
        "brought forward from January"
    );
}

#[test]
fn k7_a_bill_with_bands_levies_and_taxes_is_explained_whole() {
    let mut story = Story::of("kplc", "domestic", "2026-01-05 08:00:00");
    story.read("2026-02-05 08:00:00", "28");
    story.read("2026-03-05 08:00:00", "140");
    let bill = story.document("2026-03-01", "2026-03-31", true);
    adds_up(&bill);
    assert!(bill.charges.unexplained.is_empty(), "{:?}", bill.charges);
    let shown = text(&bill);
    assert!(shown.contains("band"), "{shown}");
    assert!(shown.contains("to be paid by"), "{shown}");
}

#[test]
fn k6_the_pdf_is_the_text_of_the_document_and_every_page_has_its_number() {
    let bill = belated().document("2026-02-01", "2026-02-28", true);
    let lines = read_back(&pdf(&bill));
    let foot = lines.last().unwrap();
    assert_eq!(foot, "Bill L-100, 2026-02-01 to 2026-02-28  page 1 of 1");
    let shown = text(&bill);
    let body: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .take(lines.len() - 1)
        .collect();
    assert_eq!(body, shown.lines().collect::<Vec<_>>());
}

#[test]
fn c17_a_document_has_no_name_unless_it_was_asked_for() {
    let mut bill = belated().document("2026-02-01", "2026-02-28", true);
    let shown = text(&bill);
    assert!(shown.contains("customer   p-7f3k"), "{shown}");
    bill.name = Some("Aishabi Koya".to_owned());
    let named = text(&bill);
    assert!(
        named.contains("name       Aishabi Koya") && !named.contains("p-7f3k"),
        "{named}"
    );
}

#[test]
fn c10_a_charge_that_the_tariffs_at_hand_do_not_explain_is_told_as_the_event_has_it() {
    let mut story = belated();
    let text_of = SchemePolicy::builtin_text("ebcm").unwrap();
    let dearer = text_of.replacen("\"1.00\"", "\"1.01\"", 1);
    assert_ne!(dearer, text_of);
    story.policy = SchemePolicy::from_toml(&dearer).unwrap();
    let bill = story.document("2026-02-01", "2026-02-28", true);
    adds_up(&bill);
    assert!(bill.charges.lines.is_empty(), "{:?}", bill.charges);
    let charged = bill.books[0]
        .movements
        .iter()
        .filter(|line| line.readings > 0);
    let charged: Money = charged.map(|line| line.amount).sum();
    assert_eq!(bill.charges.total(), charged);
}

#[test]
fn e4_roundings_estimates_and_what_takes_them_back_stand_by_their_names() {
    let mut story = Story::of("ebcm", "domestic", "2026-01-02 08:00:00");
    story.read("2026-01-20 09:00:00", "150.123");
    story.pay("2026-01-21 09:00:00", "175.18");
    story.done("2026-02-01 00:00:00", Command::Tick);
    story.done("2026-03-01 00:00:00", Command::Tick);
    story.read("2026-03-10 09:00:00", "300");
    let document = story.document("2026-01-01", "2026-03-31", false);
    adds_up(&document);
    let named = |what: &str| -> Vec<Money> {
        let lines = document.books.iter().flat_map(|kept| &kept.movements);
        lines
            .filter(|line| line.what.starts_with(what))
            .map(|line| line.amount)
            .collect()
    };
    assert_eq!(named("payment"), [money("-175.18")]);
    assert_eq!(named("rounding of the payment"), [money("-0.0045")]);
    let shown = text(&document);
    assert!(
        shown.contains("electricity: estimate ") && shown.contains("estimates taken back"),
        "{shown}"
    );
}
