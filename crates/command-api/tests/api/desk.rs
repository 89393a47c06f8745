//! E14 and E16 over gRPC: an application on its way through the offices, complaints and their registers.

use command_api::pb;
use command_api::pb::take_application_step_request::Step;
use command_api::pb::take_application_step_response::Result as Taken;
use futures::{TryStreamExt, stream};
use tonic::{Code, Status};

use crate::harness::{Setup, World, by_account, hours, instant, reason_of};

async fn world() -> World {
    World::with(Setup {
        scheme: "ebcm",
        ..Setup::default()
    })
    .await
}

async fn send(
    world: &World,
    who: &str,
    reference: &str,
    step: Step,
) -> Result<pb::StepOutcome, Status> {
    let request = pb::TakeApplicationStepRequest {
        reference: reference.to_owned(),
        application: "AP-1".to_owned(),
        step: Some(step),
    };
    let client = world.client(who).await;
    let answer = client.applications().take_application_step(request).await?;
    match answer.into_inner().result.unwrap() {
        Taken::Outcome(outcome) => Ok(outcome),
        Taken::Suspended(suspended) => panic!("{suspended:?}"),
    }
}

fn form(kind: pb::ConnectionKind) -> pb::ApplicationForm {
    pb::ApplicationForm {
        kind: kind.into(),
        scheme: "ebcm".to_owned(),
        class: "domestic".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        applicant: "person-7".to_owned(),
        document: "form-1".to_owned(),
        until: if kind == pb::ConnectionKind::Temporary {
            "2026-05-31".to_owned()
        } else {
            String::new()
        },
    }
}

fn pay(amount: &str, number: &str) -> Step {
    Step::Pay(pb::PayConnectionCharge {
        amount: amount.to_owned(),
        money: pb::MoneyState::NotTaken.into(),
        number: number.to_owned(),
    })
}

/// From the portal to the demand note.
async fn to_demand_note(world: &World) {
    let plain = pb::PlainStep {};
    let estimate = pb::SubmitEstimate {
        charges: "350".to_owned(),
        recommended: true,
        document: "estimate-1".to_owned(),
    };
    let note = pb::ServeDemandNote {
        note: "note-1".to_owned(),
        lateral: false,
    };
    let general = form(pb::ConnectionKind::General);
    let accept = pb::AcceptApplication::default();
    for (who, step, stage) in [
        ("role_channel", Step::Save(general.clone()), "OSV"),
        ("role_channel", Step::Update(general), "OSU"),
        ("role_channel", Step::Submit(plain), "OSB"),
        ("role_ae", Step::Accept(accept), "APN"),
        (
            "role_je",
            Step::ServeInspection("letter-1".to_owned()),
            "ILS",
        ),
        ("role_je", Step::SubmitEstimate(estimate), "SFS"),
        ("role_ae", Step::Sanction(plain), "AES"),
        ("role_je", Step::ServeDemandNote(note), "DNP"),
    ] {
        let outcome = send(world, who, &format!("to-{stage}"), step)
            .await
            .unwrap();
        assert_eq!(outcome.stage, stage);
    }
}

#[tokio::test]
async fn e14_an_application_goes_through_the_offices_until_the_account_is_open_with_its_deposit() {
    let world = world().await;
    to_demand_note(&world).await;
    let refused = send(&world, "role_je", "p-0", pay("1350", "L-77")).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(reason_of(&refused), "WRONG_OFFICER");
    let refused = send(&world, "role_bcc", "p-1", pay("1000", "L-77")).await;
    assert_eq!(reason_of(&refused.unwrap_err()), "NOT_THE_CHARGE");
    let paid = send(&world, "role_bcc", "p-2", pay("1350", "L-77"))
        .await
        .unwrap();
    assert_eq!((paid.stage.as_str(), paid.number.as_str()), ("SDP", "L-77"));
    assert_eq!(paid.receipt, "AP-1-charge");
    let again = send(&world, "role_bcc", "p-2", pay("1350", "L-77"))
        .await
        .unwrap();
    assert!(again.duplicate && again.receipt == paid.receipt);
    ties(&world, &paid.token).await;
    let staff = world.client("role_staff").await;
    let open = pb::OpenAccountRequest {
        reference: "o-1".to_owned(),
        account_id: "L-77".to_owned(),
        class: "domestic".to_owned(),
        scheme: "ebcm".to_owned(),
        ..Default::default()
    };
    let refused = staff.accounts().open_account(open).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NUMBER_TAKEN", "it is reserved");
    let order = Step::IssueOrder("order-1".to_owned());
    send(&world, "role_ae", "o-2", order).await.unwrap();
    let execute = Step::Execute("report-1".to_owned());
    let live = send(&world, "role_je", "x-1", execute.clone())
        .await
        .unwrap();
    assert_eq!(live.stage, "LIVE");
    assert!(
        send(&world, "role_je", "x-1", execute)
            .await
            .unwrap()
            .duplicate
    );
    let request = pb::GetAccountRequest {
        account: by_account("L-77"),
        at_least: live.token.clone(),
    };
    let account = staff
        .queries()
        .get_account(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (account.scheme.as_str(), account.customer.as_str()),
        ("ebcm", "person-7")
    );
    ties(&world, &live.token).await;
    let register = pb::ListApplicationsRequest {
        stage: "LIVE".to_owned(),
        at_least: live.token,
        ..Default::default()
    };
    let reader = world.client("role_ee").await;
    let rows = reader
        .applications()
        .list_applications(register)
        .await
        .unwrap();
    let rows = rows.into_inner().applications;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (
            rows[0].demanded.as_str(),
            rows[0].held.as_str(),
            rows[0].number.as_str()
        ),
        ("1350", "0", "L-77")
    );
}

/// The books tie, and the counter's day lists the money.
async fn ties(world: &World, token: &str) {
    let operator = world.client("role_operator").await;
    let request = pb::GetTrialBalanceRequest {
        at_least: token.to_owned(),
    };
    let trial = operator.queries().get_trial_balance(request).await.unwrap();
    let trial = trial.into_inner();
    assert!(trial.balanced);
    for control in &trial.controls {
        assert_eq!(control.difference, "0", "{control:?}");
    }
    let settlement = pb::GetSettlementRequest {
        channel: "role_bcc".to_owned(),
        date: "2025-11-03".to_owned(),
        at_least: token.to_owned(),
        ..Default::default()
    };
    let settlement = operator.queries().get_settlement(settlement).await.unwrap();
    let settlement = settlement.into_inner();
    assert!(settlement.ties);
    assert_eq!((settlement.count, settlement.total.as_str()), (1, "1350"));
}

#[tokio::test]
async fn e14_a_temporary_connection_is_made_against_its_advance() {
    let world = world().await;
    let enter = pb::EnterApplication {
        form: Some(form(pb::ConnectionKind::Temporary)),
        advance: "2500".to_owned(),
    };
    let entered = send(&world, "role_je", "e-1", Step::Enter(enter)).await;
    assert_eq!(entered.unwrap().stage, "AVP");
    let paid = send(&world, "role_bcc", "p-1", pay("2500", "T-1")).await;
    assert_eq!(paid.unwrap().stage, "TAP");
    let order = Step::IssueOrder("order-1".to_owned());
    let ordered = send(&world, "role_ae", "o-1", order).await;
    assert_eq!(ordered.unwrap().stage, "TCC");
    let execute = Step::Execute("report-1".to_owned());
    let new = send(&world, "role_je", "x-1", execute).await.unwrap();
    assert_eq!((new.stage.as_str(), new.number.as_str()), ("NEW", "T-1"));
}

#[tokio::test]
async fn e14_a_number_that_is_taken_is_refused_and_money_that_was_taken_waits() {
    let world = world().await;
    let staff = world.client("role_staff").await;
    let open = pb::OpenAccountRequest {
        reference: "o-1".to_owned(),
        account_id: "L-77".to_owned(),
        class: "domestic".to_owned(),
        scheme: "ebcm".to_owned(),
        ..Default::default()
    };
    staff.accounts().open_account(open).await.unwrap();
    to_demand_note(&world).await;
    let request = pb::TakeApplicationStepRequest {
        reference: "p-1".to_owned(),
        application: "AP-1".to_owned(),
        step: Some(Step::Pay(pb::PayConnectionCharge {
            amount: "1350".to_owned(),
            money: pb::MoneyState::Taken.into(),
            number: "L-77".to_owned(),
        })),
    };
    let counter = world.client("role_bcc").await;
    let answer = counter
        .applications()
        .take_application_step(request)
        .await
        .unwrap();
    let Some(Taken::Suspended(suspended)) = answer.into_inner().result else {
        panic!("it waits")
    };
    assert_eq!(suspended.refusal.unwrap().code, "NUMBER_TAKEN");
    let paid = send(&world, "role_bcc", "p-2", pay("1350", "L-78")).await;
    assert_eq!(paid.unwrap().number, "L-78");
}

#[tokio::test]
async fn e16_complaints_stand_on_the_daily_register_and_are_pending_by_age_until_rectified() {
    let world = world().await;
    let record = |complaint: &str| pb::RecordComplaintRequest {
        reference: format!("record-{complaint}"),
        complaint: complaint.to_owned(),
        kind: "supply".to_owned(),
        account_id: String::new(),
        document: "call-1".to_owned(),
    };
    let counter = world.client("role_bcc").await;
    counter
        .complaints()
        .record_complaint(record("C-1"))
        .await
        .unwrap();
    let cell = world.client("role_ccc").await.at(hours(24));
    cell.complaints()
        .record_complaint(record("C-2"))
        .await
        .unwrap();
    let act = |n: u32| pb::ActOnComplaintRequest {
        reference: format!("act-{n}"),
        complaint: "C-1".to_owned(),
        what: format!("visit {n}"),
    };
    let refused = counter
        .complaints()
        .act_on_complaint(act(1))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), "ROLE_MISSING");
    for n in [1, 2] {
        cell.complaints().act_on_complaint(act(n)).await.unwrap();
    }
    let list = |day: &str, pending_only: bool| pb::ListComplaintsRequest {
        day: day.to_owned(),
        pending_only,
        ..Default::default()
    };
    let reader = world.client("role_ee").await.at(hours(49));
    let rows = reader
        .complaints()
        .list_complaints(list("", true))
        .await
        .unwrap();
    let rows = rows.into_inner().complaints;
    let seen: Vec<_> = rows
        .iter()
        .map(|c| {
            (
                c.complaint.as_str(),
                c.stage.as_str(),
                c.age_days,
                c.actions.len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("C-1", "under-way", 2, 2), ("C-2", "recorded", 1, 0)]
    );
    let rectify = pb::RectifyComplaintRequest {
        reference: "rectify-1".to_owned(),
        complaint: "C-1".to_owned(),
        what: "fuse replaced".to_owned(),
    };
    let done = cell
        .complaints()
        .rectify_complaint(rectify.clone())
        .await
        .unwrap();
    assert_eq!(done.into_inner().outcome.unwrap().stage, "rectified");
    let again = pb::RectifyComplaintRequest {
        reference: "rectify-2".to_owned(),
        ..rectify
    };
    let refused = cell
        .complaints()
        .rectify_complaint(again)
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), "COMPLAINT_RECTIFIED");
    let rows = reader
        .complaints()
        .list_complaints(list("2025-11-03", false))
        .await;
    let rows = rows.unwrap().into_inner().complaints;
    assert_eq!(rows.len(), 1, "the register of the first day");
    assert_eq!(rows[0].actions[2].what, "fuse replaced");
    let pending = reader.complaints().list_complaints(list("", true)).await;
    assert_eq!(pending.unwrap().into_inner().complaints.len(), 1);
}

#[tokio::test]
async fn k6_a_customer_applies_for_a_connection_where_consumers_have_no_status() {
    let world = World::with(Setup {
        scheme: "kplc",
        ..Setup::default()
    })
    .await;
    let save = pb::ApplicationForm {
        scheme: "kplc".to_owned(),
        ..form(pb::ConnectionKind::General)
    };
    let plain = pb::PlainStep {};
    let estimate = pb::SubmitEstimate {
        charges: "34980".to_owned(),
        recommended: true,
        document: "estimate-1".to_owned(),
    };
    let note = pb::ServeDemandNote {
        note: "note-1".to_owned(),
        lateral: false,
    };
    for (n, (who, step)) in [
        ("role_channel", Step::Save(save)),
        ("role_channel", Step::Submit(plain)),
        ("role_ae", Step::Accept(pb::AcceptApplication::default())),
        ("role_je", Step::ServeInspection("letter-1".to_owned())),
        ("role_je", Step::SubmitEstimate(estimate)),
        ("role_ae", Step::Sanction(plain)),
        ("role_je", Step::ServeDemandNote(note)),
        ("role_bcc", pay("34980", "22-0077")),
        ("role_ae", Step::IssueOrder("order-1".to_owned())),
        ("role_je", Step::Execute("report-1".to_owned())),
    ]
    .into_iter()
    .enumerate()
    {
        send(&world, who, &format!("s-{n}"), step).await.unwrap();
    }
    let request = pb::ListApplicationsRequest {
        applicant: "person-7".to_owned(),
        ..Default::default()
    };
    let reader = world.client("role_staff").await;
    let rows = reader
        .applications()
        .list_applications(request)
        .await
        .unwrap();
    let row = rows.into_inner().applications.remove(0);
    assert_eq!(
        (row.stage.as_str(), row.number.as_str()),
        ("LIVE", "22-0077")
    );
    let account = pb::GetAccountRequest {
        account: by_account("22-0077"),
        at_least: String::new(),
    };
    let account = reader.queries().get_account(account).await.unwrap();
    assert_eq!(account.into_inner().scheme, "kplc");
}

#[tokio::test]
async fn e13_readings_of_government_consumers_and_surprise_checks_are_posted_in_bulk() {
    let world = world().await;
    let staff = world.client("role_staff").await;
    for (id, meter) in [("G-1", "E0000001"), ("G-2", "E0000002")] {
        let open = pb::OpenAccountRequest {
            reference: format!("open-{id}"),
            account_id: id.to_owned(),
            class: "government".to_owned(),
            scheme: "ebcm".to_owned(),
            ..Default::default()
        };
        staff.accounts().open_account(open).await.unwrap();
        let install = pb::InstallMeterRequest {
            reference: format!("install-{id}"),
            account_id: id.to_owned(),
            utility: pb::Utility::Electricity.into(),
            meter: meter.to_owned(),
            register: None,
            installed_at: instant(hours(0)),
            first_value: "100".to_owned(),
        };
        staff.meters().install_meter(install).await.unwrap();
    }
    let line = |line: u64, meter: &str, value: &str| pb::PostReadingsRequest {
        line,
        meter: meter.to_owned(),
        register: String::new(),
        read_at: instant(hours(48)),
        value: value.to_owned(),
    };
    let counter = world.client("role_bcc").await.at(hours(49));
    let post = |lines: Vec<pb::PostReadingsRequest>| {
        let mut readings = counter.readings();
        async move {
            let answers = readings.post_readings(stream::iter(lines)).await.unwrap();
            let answers: Vec<pb::PostReadingsResponse> =
                answers.into_inner().try_collect().await.unwrap();
            let mut told: Vec<(u64, String, String)> = answers
                .into_iter()
                .map(|answer| {
                    let error = answer.error.and_then(|error| error.error);
                    let class = error.map_or(answer.class, |error| error.code);
                    (answer.line, class, answer.quantity)
                })
                .collect();
            told.sort();
            told
        }
    };
    let told =
        |line: u64, class: &str, quantity: &str| (line, class.to_owned(), quantity.to_owned());
    let lines = vec![
        line(2, "E0000001", "150"),
        line(3, "E9999999", "1"),
        line(4, "E0000002", "-1"),
    ];
    assert_eq!(
        post(lines.clone()).await,
        [
            told(2, "accepted", "50"),
            told(3, "UNKNOWN_METER", ""),
            told(4, "FIELD_OUT_OF_RANGE", "")
        ]
    );
    let again = post(lines).await;
    assert_eq!(
        again[0],
        told(2, "duplicate", ""),
        "the file may be sent again"
    );
    let conflict = post(vec![line(2, "E0000001", "151")]).await;
    assert_eq!(conflict[0], told(2, "conflicting", ""));
}
