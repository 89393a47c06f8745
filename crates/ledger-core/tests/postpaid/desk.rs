//! E14 and E16: applications and complaints, every state by every step by every role.

use std::collections::BTreeSet;

use ledger_core::application::{
    self, Application, ApplicationCommand, ApplyFor, EDGES, Kind, Officer, PayCharge, Stage, Step,
    StepFacts, drawing, next, opening,
};
use ledger_core::command::{BillingCommand, Command, OpeningDeposit, Source};
use ledger_core::complaint::{self, Complaint, ComplaintCommand, ComplaintKind, ComplaintStage};
use ledger_core::event::{ApplicationEvent, Event};
use ledger_core::ids::{AccountId, ApplicationId, ChannelId, CommandKey, OpaqueRef, Reference};
use ledger_core::num::Money;
use ledger_core::postings::{LedgerAccount, of};
use ledger_core::rejection::Rejection;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, Timestamp};

fn reference(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-03-02T10:00:00+05:30").unwrap()
}

fn form(kind: Kind) -> ApplyFor {
    ApplyFor {
        kind,
        scheme: "ebcm".to_owned(),
        class: "domestic".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        applicant: reference("person-7"),
        document: reference("form-1"),
        until: (kind == Kind::Temporary).then(|| LocalDate::parse("2026-05-31").unwrap()),
    }
}

fn advance(kind: Kind) -> Option<Money> {
    (kind == Kind::Temporary).then(|| money("2500"))
}

/// The command of a step, as a good desk would send it to this application.
fn good(application: &Application, step: Step) -> ApplicationCommand {
    use ApplicationCommand as C;
    let kind = application.form().map_or(Kind::General, |form| form.k);
    let why = "the plan is missing".to_owned();
    match step {
        Step::Save => C::Save(form(Kind::General)),
        Step::SaveTemporary => C::Save(form(Kind::Temporary)),
        Step::SubmitAccommodation => C::Save(form(Kind::Accommodation)),
        Step::Update => C::Update(form(kind)),
        Step::Submit => C::Submit,
        Step::Enter => C::Enter {
            form: form(Kind::General),
            advance: None,
        },
        Step::EnterTemporary => C::Enter {
            form: form(Kind::Temporary),
            advance: advance(Kind::Temporary),
        },
        Step::Accept => C::Accept {
            advance: advance(kind),
        },
        Step::Return => C::Return { why },
        Step::Reject => C::Reject { why },
        Step::ServeInspection => C::ServeInspection {
            letter: reference("letter-1"),
        },
        Step::SubmitEstimate => C::SubmitEstimate {
            charges: money("350"),
            recommended: true,
            document: reference("estimate-1"),
        },
        Step::Sanction => C::Sanction,
        Step::Redirect => C::Redirect { why },
        Step::Refuse => C::Refuse { why },
        Step::ServeDemandNote => C::ServeDemandNote {
            note: reference("note-1"),
            lateral: false,
        },
        Step::ServeLateralDemandNote => C::ServeDemandNote {
            note: reference("note-1"),
            lateral: true,
        },
        Step::PayCharge => C::PayCharge(PayCharge {
            amount: application
                .demand()
                .map_or(money("1"), |charge| charge.total()),
            source: Source::NotTaken,
            number: AccountId::parse("L-77").unwrap(),
        }),
        Step::IssueOrder => C::IssueOrder {
            order: reference("order-1"),
        },
        Step::Execute => C::Execute {
            report: reference("report-1"),
        },
    }
}

fn send(
    application: &mut Application,
    by: &[Officer],
    command: &ApplicationCommand,
) -> Result<ApplicationEvent, Rejection> {
    let policy = SchemePolicy::builtin("ebcm").unwrap();
    let key = CommandKey {
        channel: ChannelId::parse("counter").unwrap(),
        reference: Reference::parse("r-1").unwrap(),
    };
    let id = ApplicationId::parse("AP-1").unwrap();
    let facts = StepFacts {
        id: &id,
        by,
        received_at: now(),
        key: &key,
    };
    let event = application::decide(application, &policy, &facts, command)?;
    application.evolve(&event, now());
    Ok(event)
}

/// An application that went along these steps, each taken by whoever may.
fn after(steps: &[Step]) -> Application {
    let mut application = Application::default();
    for step in steps {
        let command = good(&application, *step);
        send(&mut application, &Officer::ALL, &command).unwrap();
    }
    application
}

/// Every stage, with the steps by which it is reached first.
fn reached() -> Vec<(Stage, Vec<Step>)> {
    let mut found = vec![(Stage::None, Vec::new())];
    let mut at = 0;
    while at < found.len() {
        let (stage, path) = found[at].clone();
        for step in Step::ALL {
            let Some((_, to)) = next(stage, *step) else {
                continue;
            };
            if found.iter().all(|(known, _)| *known != to) {
                let mut longer = path.clone();
                longer.push(*step);
                found.push((to, longer));
            }
        }
        at += 1;
    }
    found
}

#[test]
fn e14_every_stage_by_every_step_by_every_role_goes_as_the_table_says_and_no_other_way() {
    let stages = reached();
    let names: BTreeSet<&str> = stages.iter().map(|(stage, _)| stage.code()).collect();
    assert_eq!(names.len(), Stage::ALL.len(), "every stage is reached");
    let mut taken = BTreeSet::new();
    for (stage, path) in &stages {
        for step in Step::ALL {
            for officer in Officer::ALL {
                let mut application = after(path);
                assert_eq!(application.stage(), *stage);
                let command = good(&application, *step);
                let sent = send(&mut application, &[officer], &command);
                match (next(*stage, *step), sent) {
                    (Some((theirs, to)), Ok(_)) => {
                        assert_eq!(theirs, officer, "{stage:?} {step:?}");
                        assert_eq!(application.stage(), to);
                        taken.insert((*stage, *step));
                    }
                    (Some((theirs, _)), Err(refusal)) => {
                        assert_ne!(theirs, officer, "{stage:?} {step:?}: {refusal}");
                        assert_eq!(refusal.code(), "WRONG_OFFICER");
                        assert_eq!(application.stage(), *stage);
                    }
                    (None, Ok(event)) => panic!("{stage:?} by {step:?}: {event:?}"),
                    (None, Err(refusal)) => {
                        let codes = [
                            "UNKNOWN_APPLICATION",
                            "APPLICATION_EXISTS",
                            "WRONG_APPLICATION_STEP",
                        ];
                        assert!(
                            codes.contains(&refusal.code()),
                            "{stage:?} {step:?}: {refusal}"
                        );
                    }
                }
            }
        }
    }
    let edges: BTreeSet<(Stage, Step)> = EDGES.iter().map(|(a, b, _, _)| (*a, *b)).collect();
    assert_eq!(edges.len(), EDGES.len(), "an edge stands once");
    assert_eq!(taken, edges, "every edge was taken, and nothing else");
}

#[test]
fn e14_the_drawing_of_applications_is_the_codes_own() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/applications.md");
    let drawn = drawing();
    let stored = std::fs::read_to_string(page).unwrap_or_default();
    if stored == drawn {
        return;
    }
    let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/applications.md");
    std::fs::write(fresh, drawn).unwrap();
    panic!("docs/applications.md is not what the table says; the new drawing is {fresh}");
}

#[test]
fn e14_the_deposit_is_paid_as_demanded_and_posted_as_deposit_and_charges() {
    use Step as S;
    let mut application = after(&[
        S::Enter,
        S::ServeInspection,
        S::SubmitEstimate,
        S::Sanction,
        S::ServeDemandNote,
    ]);
    let pay = |amount: &str| {
        ApplicationCommand::PayCharge(PayCharge {
            amount: money(amount),
            source: Source::NotTaken,
            number: AccountId::parse("L-77").unwrap(),
        })
    };
    for (wrong, code) in [
        ("1349.99", "NOT_THE_CHARGE"),
        ("1350.01", "NOT_THE_CHARGE"),
        ("1350.001", "TOO_FINE"),
        ("0", "BAD_INPUT"),
    ] {
        let refused = send(&mut application, &[Officer::Bcc], &pay(wrong)).unwrap_err();
        assert_eq!(refused.code(), code, "{wrong}");
    }
    let event = send(&mut application, &[Officer::Bcc], &pay("1350")).unwrap();
    let lines = of(&Event::Application(event), None);
    let sum: Money = lines.iter().map(|line| line.amount).sum();
    assert!(sum.is_zero());
    let number = AccountId::parse("L-77").unwrap();
    let amount = |account: LedgerAccount| {
        let line = lines.iter().find(|line| line.account == account).unwrap();
        line.amount.to_string()
    };
    assert_eq!(
        amount(LedgerAccount::SecurityDeposit(number.clone())),
        "-1000"
    );
    assert_eq!(amount(LedgerAccount::Fees), "-350");
    let order = good(&application, S::IssueOrder);
    send(&mut application, &Officer::ALL, &order).unwrap();
    let policy = SchemePolicy::builtin("ebcm").unwrap();
    let execute = good(&application, S::Execute);
    let (account, command) = opening(&application, &policy, &execute).unwrap();
    assert_eq!(account, number);
    let Command::Billing(billing) = command else {
        panic!("{command:?}")
    };
    let BillingCommand::OpenConnection { open, deposit } = *billing else {
        panic!("{billing:?}")
    };
    assert_eq!(deposit, OpeningDeposit::OnRecord(money("1000")));
    assert_eq!(open.class, "domestic");
}

#[test]
fn e14_only_a_temporary_connection_has_a_last_day_and_an_advance() {
    let codes = |form: ApplyFor, advance: Option<Money>| {
        let mut application = Application::default();
        let enter = ApplicationCommand::Enter { form, advance };
        let sent = send(&mut application, &[Officer::Je], &enter);
        sent.err().map_or("", |refusal| refusal.code())
    };
    assert_eq!(codes(form(Kind::General), None), "");
    assert_eq!(codes(form(Kind::General), Some(money("5"))), "BAD_INPUT");
    assert_eq!(codes(form(Kind::Temporary), None), "BAD_INPUT");
    assert_eq!(codes(form(Kind::Temporary), Some(money("2500"))), "");
    let mut late = form(Kind::Temporary);
    late.until = Some(LocalDate::parse("2026-03-01").unwrap());
    assert_eq!(codes(late, Some(money("2500"))), "BAD_INPUT");
    let mut endless = form(Kind::Temporary);
    endless.until = None;
    assert_eq!(codes(endless, Some(money("2500"))), "BAD_INPUT");
    let mut unknown = form(Kind::General);
    unknown.class = "palace".to_owned();
    assert_eq!(codes(unknown, None), "NO_TARIFF");
}

fn complaint_command(step: complaint::ComplaintStep) -> ComplaintCommand {
    let what = "line staff sent".to_owned();
    match step {
        complaint::ComplaintStep::Record => ComplaintCommand::Record {
            kind: ComplaintKind::Supply,
            account: None,
            document: reference("call-1"),
        },
        complaint::ComplaintStep::Act => ComplaintCommand::Act { what },
        complaint::ComplaintStep::Rectify => ComplaintCommand::Rectify { what },
    }
}

#[test]
fn e16_a_complaint_is_recorded_acted_on_and_rectified_by_the_roles_of_its_table_and_no_other_way() {
    use complaint::ComplaintStep as S;
    let day = LocalDate::parse("2026-03-02").unwrap();
    let paths: [(ComplaintStage, &[S]); 4] = [
        (ComplaintStage::None, &[]),
        (ComplaintStage::Recorded, &[S::Record]),
        (ComplaintStage::UnderWay, &[S::Record, S::Act, S::Act]),
        (ComplaintStage::Rectified, &[S::Record, S::Act, S::Rectify]),
    ];
    let mut taken = 0;
    for (stage, path) in paths {
        for step in S::ALL {
            for officer in Officer::ALL {
                let mut case = Complaint::default();
                for step in path {
                    let command = complaint_command(*step);
                    let event = complaint::decide(&case, &Officer::ALL, day, &command).unwrap();
                    case.evolve(&event, now());
                }
                assert_eq!(case.stage(), stage);
                let decided = complaint::decide(&case, &[officer], day, &complaint_command(step));
                match (complaint::next(stage, step), decided) {
                    (Some((theirs, to)), Ok(event)) => {
                        assert!(theirs.contains(&officer));
                        case.evolve(&event, now());
                        assert_eq!(case.stage(), to);
                        taken += 1;
                    }
                    (Some((theirs, _)), Err(refusal)) => {
                        assert!(!theirs.contains(&officer));
                        assert_eq!(refusal.code(), "WRONG_OFFICER");
                    }
                    (None, decided) => {
                        let code = decided.unwrap_err().code();
                        assert!(code.contains("COMPLAINT"), "{stage:?} {step:?}: {code}");
                    }
                }
            }
        }
    }
    assert_eq!(taken, 6, "two may record, one does the rest");
}
