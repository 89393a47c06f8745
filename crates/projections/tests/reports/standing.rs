//! Standing properties of all reports over random histories of an office.

use ledger_core::command::{BillingCommand, Command, PayBill, Source, TopUp};
use ledger_core::event::MiscellaneousKind;
use ledger_core::num::Money;
use ledger_core::time::Millis;
use projections::queries::PageOf;
use projections::queries::reports::{ALL, Question};
use projections::{Snapshot, verify};
use proptest::prelude::*;

use crate::common::*;
use crate::office::{Office, ask};

/// Which account, what, how much, hours since the step before.
type Step = (u8, u8, u32, u16);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..4_u8, 0..16_u8, 1..90_000_u32, 1..700_u16), 10..60)
}

async fn history(steps: Vec<Step>) -> (Office, String) {
    let mut office = Office::new();
    let ids = ["ebcm-1", "ebcm-2", "kplc-3", "usms-4"];
    for (id, class) in ids
        .into_iter()
        .zip(["domestic", "government", "domestic", "residential"])
    {
        office.open(id, class, "2026-01-03 08:00:00").await;
    }
    let mut now = office.local("ebcm-1", "2026-01-04 08:00:00");
    let mut registers = [0_u32; 4];
    for (who, what, amount, hours) in steps {
        now += Millis::hours(i64::from(hours));
        let place = usize::from(who);
        let id = ids[place];
        let command = match what {
            0..=4 => {
                registers[place] += amount % 400;
                let mut reading = office.reading(id, "2026-01-04 08:00:00", "0");
                reading.read_at = now;
                reading.value = qty(&registers[place].to_string());
                Command::RecordReading(reading)
            }
            5 | 6 => Command::Tick,
            7..=9 => pay(&office, id, what, amount),
            10 => Command::TopUp(TopUp {
                meter: Office::meter(id),
                amount: Money::from_cents(i64::from(amount)),
                source: Source::NotTaken,
            }),
            11 => Command::billing(BillingCommand::PostMiscellaneous {
                kind: MiscellaneousKind::Other,
                amount: Money::from_cents(i64::from(amount)),
                document: crate::OpaqueRef::parse("doc-1").unwrap(),
            }),
            12 => Command::billing(BillingCommand::Adjust {
                amount: Money::from_cents(i64::from(amount) - 45_000),
                document: crate::OpaqueRef::parse("doc-2").unwrap(),
            }),
            13 => Command::billing(BillingCommand::ReconnectConsumer),
            14 => Command::AgreeDebt {
                utility: W,
                principal: Money::from_cents(i64::from(amount)),
                instalment: money("0.01"),
                start: local(now).month().next(),
            },
            _ => Command::billing(BillingCommand::EndConnection { last: None }),
        };
        // A refusal is an answer too: it leaves no fact.
        let _ = office.send(id, now, command).await;
    }
    (office, local(now).next().to_string())
}

fn pay(office: &Office, id: &str, what: u8, amount: u32) -> Command {
    let owed = office
        .account(id)
        .billing()
        .map_or(Money::ZERO, |billing| billing.dues().payable(2));
    let amount = if what == 7 {
        Money::from_cents(i64::from(amount))
    } else {
        owed
    };
    Command::billing(BillingCommand::PayBill(PayBill {
        amount,
        reading: None,
        protest: None,
        source: Source::NotTaken,
    }))
}

/// Every row of a report by pages of `limit`.
fn paged(snapshot: &Snapshot, name: &str, question: &Question, limit: u32) -> Vec<Vec<String>> {
    let mut question = question.clone();
    question.page = PageOf::first(limit);
    let mut rows = Vec::new();
    loop {
        let answer = ask(snapshot, name, &question);
        assert!(answer.rows.items.len() <= usize::try_from(limit).unwrap());
        let texts = answer
            .rows
            .items
            .iter()
            .map(|row| row.iter().map(ToString::to_string).collect());
        rows.extend(texts);
        let Some(next) = answer.rows.next else { break };
        question.page.after = Some(next);
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn c2_every_report_ties_and_pages_make_the_whole_whatever_happened(steps in steps(), limit in 1..5_u32) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (office, today) = history(steps).await;
            let models = office.log.caught_up().await;
            let snapshot = models.snapshot().unwrap();
            for report in ALL {
                let mut question = office.on(&today);
                question.everything = report.takes.contains(&projections::queries::reports::Takes::Everything);
                let whole = paged(&snapshot, report.name, &question, 1_000);
                assert_eq!(paged(&snapshot, report.name, &question, limit), whole, "{}", report.name);
            }
            for control in snapshot.control_accounts().unwrap() {
                assert!(control.ties(), "{control:?}");
            }
            drop(snapshot);
            assert!(office.ids().len() == 4);
            let fresh = verify(&office.log.store(), &office.log.path()).await.unwrap();
            assert!(fresh.equal(), "{fresh:?}");
        });
    }
}
