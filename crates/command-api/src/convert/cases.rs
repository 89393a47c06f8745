//! Messages about applications and complaints: the steps in, the rows out.

use ledger_core::answer::{Answer, StepTaken};
use ledger_core::application::{ApplicationCommand, ApplyFor, Kind, PayCharge, Stage};
use ledger_core::complaint::{ComplaintCommand, ComplaintKind};
use ledger_core::ids::{ApplicationId, ChannelId, CommandKey, ComplaintId};
use ledger_core::num::Money;
use ledger_core::time::Timestamp;
use ledger_service::{CaseStep, Reply};
use projections::queries::{
    ApplicationFilter, ApplicationView, ComplaintFilter, ComplaintView, PageOf,
};

use super::answers::{to_instant, to_token};
use super::fields::Fields;
use super::payments::source;
use super::questions::{if_given, page};
use crate::errors::{Malformed, No};
use crate::pb;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A step of a case with the key of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedCase {
    /// The sender's key.
    pub key: CommandKey,
    /// Which step of which case.
    pub step: CaseStep,
}

impl TryFrom<(&ChannelId, &pb::TakeApplicationStepRequest)> for AskedCase {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::TakeApplicationStepRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let id = f.name("application", &m.application, ApplicationId::parse);
        let step = f.part("step", m.step.as_ref());
        let command = step.and_then(|step| command(&mut f, step));
        let asked = (|| {
            Some(Self {
                key: key?,
                step: CaseStep::Application(id?, command?),
            })
        })();
        f.finish(asked)
    }
}

fn command(
    f: &mut Fields,
    step: &pb::take_application_step_request::Step,
) -> Option<ApplicationCommand> {
    use ApplicationCommand as C;
    use pb::take_application_step_request::Step as S;
    match step {
        S::Save(m) => form(f, m).map(C::Save),
        S::Update(m) => form(f, m).map(C::Update),
        S::Submit(_) => Some(C::Submit),
        S::Enter(m) => {
            let advance = advance(f, &m.advance);
            let form = f.part("enter.form", m.form.as_ref());
            let form = form.and_then(|m| self::form(f, m));
            Some(C::Enter {
                form: form?,
                advance: advance?,
            })
        }
        S::Accept(m) => advance(f, &m.advance).map(|advance| C::Accept { advance }),
        S::ReturnFor(why) => f.text_given("return_for", why).map(|why| C::Return { why }),
        S::RejectFor(why) => f.text_given("reject_for", why).map(|why| C::Reject { why }),
        S::ServeInspection(letter) => f
            .opaque("serve_inspection", letter)
            .map(|letter| C::ServeInspection { letter }),
        S::SubmitEstimate(m) => {
            let charges = money_or_zero(f, "submit_estimate.charges", &m.charges);
            let document = f.opaque("submit_estimate.document", &m.document);
            Some(C::SubmitEstimate {
                charges: charges?,
                recommended: m.recommended,
                document: document?,
            })
        }
        S::Sanction(_) => Some(C::Sanction),
        S::RedirectFor(why) => f
            .text_given("redirect_for", why)
            .map(|why| C::Redirect { why }),
        S::RefuseFor(why) => f.text_given("refuse_for", why).map(|why| C::Refuse { why }),
        S::ServeDemandNote(m) => {
            let note = f.opaque("serve_demand_note.note", &m.note);
            note.map(|note| C::ServeDemandNote {
                note,
                lateral: m.lateral,
            })
        }
        S::Pay(m) => pay(f, m),
        S::IssueOrder(order) => f
            .opaque("issue_order", order)
            .map(|order| C::IssueOrder { order }),
        S::Execute(report) => f
            .opaque("execute", report)
            .map(|report| C::Execute { report }),
    }
}

fn pay(f: &mut Fields, m: &pb::PayConnectionCharge) -> Option<ApplicationCommand> {
    let amount = money_or_zero(f, "pay.amount", &m.amount);
    let source = source(f, m.money);
    let number = f.account("pay.number", &m.number);
    Some(ApplicationCommand::PayCharge(PayCharge {
        amount: amount?,
        source: source?,
        number: number?,
    }))
}

fn form(f: &mut Fields, m: &pb::ApplicationForm) -> Option<ApplyFor> {
    let kind = match pb::ConnectionKind::try_from(m.kind) {
        Ok(pb::ConnectionKind::General) => Some(Kind::General),
        Ok(pb::ConnectionKind::Temporary) => Some(Kind::Temporary),
        Ok(pb::ConnectionKind::Accommodation) => Some(Kind::Accommodation),
        Ok(pb::ConnectionKind::Unspecified) | Err(_) => {
            f.note("kind", Malformed::FieldMissing, "it must be given");
            None
        }
    };
    let scheme = f.text_given("scheme", &m.scheme);
    let class = f.text_given("class", &m.class);
    let applicant = f.opaque("applicant", &m.applicant);
    let document = f.opaque("document", &m.document);
    let until = f.date_if_given("until", &m.until);
    Some(ApplyFor {
        kind: kind?,
        scheme: scheme?,
        class: class?,
        dwelling_units: m.dwelling_units.max(1),
        contracted_kva: m.contracted_kva,
        applicant: applicant?,
        document: document?,
        until,
    })
}

/// An advance, where one is given; the outer none is a malformed one.
fn advance(f: &mut Fields, text: &str) -> Option<Option<Money>> {
    if text.is_empty() {
        Some(None)
    } else {
        f.money("advance", text).map(Some)
    }
}

fn money_or_zero(f: &mut Fields, field: &str, text: &str) -> Option<Money> {
    if Money::parse(text).is_ok_and(Money::is_zero) {
        return Some(Money::ZERO);
    }
    f.money(field, text)
}

/// Reads what every step of a complaint has: its reference and its complaint.
fn complaint(
    mut f: Fields,
    (channel, reference, id): (&ChannelId, &str, &str),
    command: Option<ComplaintCommand>,
) -> Result<AskedCase, No> {
    let key = f.key(channel, reference);
    let id = f.name("complaint", id, ComplaintId::parse);
    let asked = (|| {
        Some(AskedCase {
            key: key?,
            step: CaseStep::Complaint(id?, command?),
        })
    })();
    f.finish(asked)
}

impl TryFrom<(&ChannelId, &pb::RecordComplaintRequest)> for AskedCase {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::RecordComplaintRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let kind = ComplaintKind::parse(&m.kind);
        if kind.is_none() {
            let known = ComplaintKind::ALL.map(ComplaintKind::code).join(", ");
            let text = format!("it is one of {known}");
            f.note("kind", Malformed::FieldOutOfRange, text);
        }
        let account = if_given(&m.account_id, |text| f.account("account_id", text));
        let document = f.opaque("document", &m.document);
        let command = (|| {
            Some(ComplaintCommand::Record {
                kind: kind?,
                account,
                document: document?,
            })
        })();
        complaint(f, (channel, &m.reference, &m.complaint), command)
    }
}

impl TryFrom<(&ChannelId, &pb::ActOnComplaintRequest)> for AskedCase {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::ActOnComplaintRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let what = f.text_given("what", &m.what);
        let command = what.map(|what| ComplaintCommand::Act { what });
        complaint(f, (channel, &m.reference, &m.complaint), command)
    }
}

impl TryFrom<(&ChannelId, &pb::RectifyComplaintRequest)> for AskedCase {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::RectifyComplaintRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let what = f.text_given("what", &m.what);
        let command = what.map(|what| ComplaintCommand::Rectify { what });
        complaint(f, (channel, &m.reference, &m.complaint), command)
    }
}

/// A step that was taken.
pub(super) fn step(taken: StepTaken) -> pb::StepOutcome {
    pb::StepOutcome {
        case: taken.case,
        stage: taken.stage,
        number: shown(taken.number),
        receipt: shown(taken.receipt),
        duplicate: false,
        token: String::new(),
    }
}

impl TryFrom<Reply> for pb::StepOutcome {
    type Error = No;

    fn try_from(reply: Reply) -> Result<Self, No> {
        match reply.answer {
            Answer::Step(taken) => Ok(Self {
                duplicate: reply.duplicate,
                token: to_token(reply.token),
                ..step(taken)
            }),
            Answer::Refused(rejection) => Err(No::Refused(rejection)),
            Answer::Done { .. }
            | Answer::Receipt(_)
            | Answer::Suspended(_)
            | Answer::Returned(_)
            | Answer::Published(_)
            | Answer::Reading(_) => {
                Err(No::Bug("a step was answered as something else".to_owned()))
            }
        }
    }
}

impl TryFrom<Reply> for pb::TakeApplicationStepResponse {
    type Error = No;

    fn try_from(reply: Reply) -> Result<Self, No> {
        use pb::take_application_step_response::Result as R;
        let result = if let Answer::Suspended(suspended) = reply.answer {
            R::Suspended(suspended.into())
        } else {
            R::Outcome(reply.try_into()?)
        };
        Ok(Self {
            result: Some(result),
        })
    }
}

macro_rules! step_response {
    ($($name:ident),+ $(,)?) => {$(
        impl TryFrom<Reply> for pb::$name {
            type Error = No;

            fn try_from(reply: Reply) -> Result<Self, No> {
                Ok(Self { outcome: Some(reply.try_into()?) })
            }
        }
    )+};
}

step_response!(
    RecordComplaintResponse,
    ActOnComplaintResponse,
    RectifyComplaintResponse,
);

/// A question for applications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationsQuestion {
    /// Which.
    pub filter: ApplicationFilter,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListApplicationsRequest> for ApplicationsQuestion {
    type Error = No;

    fn try_from(m: &pb::ListApplicationsRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let stage = Stage::parse(&m.stage);
        if stage.is_none() && !m.stage.is_empty() {
            let known: Vec<&str> = Stage::ALL.iter().skip(1).map(|one| one.code()).collect();
            let text = format!("it is one of {}", known.join(", "));
            f.note("stage", Malformed::FieldOutOfRange, text);
        }
        let filter = ApplicationFilter {
            application: if_given(&m.application, |text| {
                f.name("application", text, ApplicationId::parse)
            }),
            stage,
            applicant: if_given(&m.applicant, |text| f.opaque("applicant", text)),
        };
        let page = page(&mut f, m.page_size, &m.page_token);
        f.finish(page.map(|page| Self { filter, page }))
    }
}

/// A question for complaints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplaintsQuestion {
    /// Which.
    pub filter: ComplaintFilter,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListComplaintsRequest> for ComplaintsQuestion {
    type Error = No;

    fn try_from(m: &pb::ListComplaintsRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let filter = ComplaintFilter {
            complaint: if_given(&m.complaint, |text| {
                f.name("complaint", text, ComplaintId::parse)
            }),
            account: if_given(&m.account_id, |text| f.account("account_id", text)),
            day: f.date_if_given("day", &m.day),
            pending_only: m.pending_only,
        };
        let page = page(&mut f, m.page_size, &m.page_token);
        f.finish(page.map(|page| Self { filter, page }))
    }
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

impl From<ApplicationView> for pb::Application {
    fn from(v: ApplicationView) -> Self {
        Self {
            application: v.application.to_string(),
            kind: v.kind,
            scheme: v.scheme,
            class: v.class,
            applicant: v.applicant.to_string(),
            stage: v.stage.code().to_owned(),
            until: shown(v.until),
            reason: v.reason.unwrap_or_default(),
            document: v.document.to_string(),
            demanded: v.demanded.to_string(),
            held: v.held.to_string(),
            number: shown(v.number),
            receipt: v.receipt.unwrap_or_default(),
            begun_at: Some(to_instant(v.begun_at)),
            changed_at: Some(to_instant(v.changed_at)),
        }
    }
}

impl From<(ComplaintView, Timestamp)> for pb::Complaint {
    fn from((v, now): (ComplaintView, Timestamp)) -> Self {
        let age = (now.as_millis() - v.recorded_at.as_millis()).max(0) / DAY_MS;
        let pending = v.rectified_at.is_none();
        let actions = v.actions.into_iter().map(|action| pb::ComplaintAction {
            at: Some(to_instant(action.at)),
            day: action.day.to_string(),
            what: action.what,
        });
        Self {
            complaint: v.complaint.to_string(),
            kind: v.kind.code().to_owned(),
            account_id: shown(v.account),
            document: v.document.to_string(),
            stage: v.stage,
            day: v.day.to_string(),
            age_days: if pending {
                u32::try_from(age).unwrap_or(u32::MAX)
            } else {
                0
            },
            recorded_at: Some(to_instant(v.recorded_at)),
            changed_at: Some(to_instant(v.changed_at)),
            rectified_at: v.rectified_at.map(to_instant),
            actions: actions.collect(),
        }
    }
}
