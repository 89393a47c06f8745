//! The steps of `ledger application`, each one call.

use clap::{Args, Subcommand, ValueEnum};
use command_api::pb;
use command_api::pb::take_application_step_request::Step as Asked;
use command_api::pb::take_application_step_response::Result as Taken;
use serde_json::json;

use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::facts;

/// What every step names.
#[derive(Debug, Clone, Args)]
pub(super) struct Which {
    /// Id of the application.
    application: String,
    /// The sender's own reference of this command.
    #[arg(long)]
    reference: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Kinds of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// For good.
    General,
    /// For a time, against an advance.
    Temporary,
    /// For accommodation of the government.
    Accommodation,
}

/// A form.
#[derive(Debug, Clone, Args)]
pub(super) struct Form {
    #[command(flatten)]
    which: Which,
    /// Kind of connection.
    #[arg(long, value_enum, default_value = "general")]
    kind: Kind,
    /// Scheme by name.
    #[arg(long)]
    scheme: String,
    /// Customer class.
    #[arg(long)]
    class: String,
    /// Dwelling units.
    #[arg(long, default_value_t = 1)]
    dwelling_units: u32,
    /// Contracted kVA.
    #[arg(long)]
    contracted_kva: Option<u32>,
    /// Reference of the applicant's record; no name.
    #[arg(long)]
    applicant: String,
    /// Reference of the form, as it is kept.
    #[arg(long)]
    document: String,
    /// Last day of a temporary connection.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct EnterArgs {
    #[command(flatten)]
    form: Form,
    /// Advance of a temporary connection.
    #[arg(long)]
    advance: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct AcceptArgs {
    #[command(flatten)]
    which: Which,
    /// Advance of a temporary connection.
    #[arg(long)]
    advance: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    which: Which,
    /// Why; no names.
    #[arg(long)]
    why: String,
}

#[derive(Debug, Clone, Args)]
pub(super) struct DocumentArgs {
    #[command(flatten)]
    which: Which,
    /// Reference of the letter, order or report.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Clone, Args)]
pub(super) struct EstimateArgs {
    #[command(flatten)]
    which: Which,
    /// Connection charges.
    #[arg(long, default_value = "0")]
    charges: String,
    /// Recommend that it is refused.
    #[arg(long)]
    against: bool,
    /// Reference of the estimate.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Clone, Args)]
pub(super) struct DemandArgs {
    #[command(flatten)]
    which: Which,
    /// Reference of the demand note.
    #[arg(long)]
    note: String,
    /// Of a connection that is made from another one.
    #[arg(long)]
    lateral: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger application pay AP-17 1350 --number L-4711 --reference R-9")]
pub(super) struct PayArgs {
    #[command(flatten)]
    which: Which,
    /// Exactly what is demanded.
    amount: String,
    /// The consumer's number, never an account's before.
    #[arg(long)]
    number: String,
    /// The money has been taken already.
    #[arg(long)]
    taken: bool,
}

/// A step.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Step {
    /// Saves a form from the portal; one for accommodation is submitted by that.
    Save(Form),
    /// Changes a saved or returned form.
    Update(Form),
    /// Submits a form.
    Submit(Which),
    /// Enters a form that came on paper (je).
    Enter(EnterArgs),
    /// Accepts a submitted form (ae).
    Accept(AcceptArgs),
    /// Sends a form back to be changed (ae).
    Return(WhyArgs),
    /// Rejects a form (ae).
    Reject(WhyArgs),
    /// Announces the inspection (je).
    ServeInspection(DocumentArgs),
    /// Submits the estimate for sanction (je).
    Estimate(EstimateArgs),
    /// Sanctions it (ae).
    Sanction(Which),
    /// Sends the estimate back (ae).
    Redirect(WhyArgs),
    /// Refuses the connection (ae; at the demand note je).
    Refuse(WhyArgs),
    /// Serves the demand note (je).
    Demand(DemandArgs),
    /// Takes what is demanded and gives the consumer's number (bcc).
    Pay(PayArgs),
    /// Issues the connection order (ae).
    Order(DocumentArgs),
    /// Executes the order: the account is opened (je).
    Execute(DocumentArgs),
}

impl Form {
    fn message(&self) -> pb::ApplicationForm {
        let kind = match self.kind {
            Kind::General => pb::ConnectionKind::General,
            Kind::Temporary => pb::ConnectionKind::Temporary,
            Kind::Accommodation => pb::ConnectionKind::Accommodation,
        };
        pb::ApplicationForm {
            kind: kind.into(),
            scheme: self.scheme.clone(),
            class: self.class.clone(),
            dwelling_units: self.dwelling_units,
            contracted_kva: self.contracted_kva,
            applicant: self.applicant.clone(),
            document: self.document.clone(),
            until: self.until.clone().unwrap_or_default(),
        }
    }
}

/// Which application, and the step as it is sent.
fn asked(step: &Step) -> (&Which, Asked) {
    let plain = pb::PlainStep {};
    match step {
        Step::Save(form) => (&form.which, Asked::Save(form.message())),
        Step::Update(form) => (&form.which, Asked::Update(form.message())),
        Step::Submit(which) => (which, Asked::Submit(plain)),
        Step::Enter(args) => {
            let enter = pb::EnterApplication {
                form: Some(args.form.message()),
                advance: args.advance.clone().unwrap_or_default(),
            };
            (&args.form.which, Asked::Enter(enter))
        }
        Step::Accept(args) => {
            let advance = args.advance.clone().unwrap_or_default();
            let accept = pb::AcceptApplication { advance };
            (&args.which, Asked::Accept(accept))
        }
        Step::Return(args) => (&args.which, Asked::ReturnFor(args.why.clone())),
        Step::Reject(args) => (&args.which, Asked::RejectFor(args.why.clone())),
        Step::ServeInspection(args) => {
            let letter = args.document.clone();
            (&args.which, Asked::ServeInspection(letter))
        }
        Step::Estimate(args) => {
            let estimate = pb::SubmitEstimate {
                charges: args.charges.clone(),
                recommended: !args.against,
                document: args.document.clone(),
            };
            (&args.which, Asked::SubmitEstimate(estimate))
        }
        Step::Sanction(which) => (which, Asked::Sanction(plain)),
        Step::Redirect(args) => (&args.which, Asked::RedirectFor(args.why.clone())),
        Step::Refuse(args) => (&args.which, Asked::RefuseFor(args.why.clone())),
        Step::Demand(args) => {
            let note = pb::ServeDemandNote {
                note: args.note.clone(),
                lateral: args.lateral,
            };
            (&args.which, Asked::ServeDemandNote(note))
        }
        Step::Pay(args) => (&args.which, Asked::Pay(pay(args))),
        Step::Order(args) => (&args.which, Asked::IssueOrder(args.document.clone())),
        Step::Execute(args) => (&args.which, Asked::Execute(args.document.clone())),
    }
}

fn pay(args: &PayArgs) -> pb::PayConnectionCharge {
    let money = if args.taken {
        pb::MoneyState::Taken
    } else {
        pb::MoneyState::NotTaken
    };
    pb::PayConnectionCharge {
        amount: args.amount.clone(),
        money: money.into(),
        number: args.number.clone(),
    }
}

pub(super) async fn run(step: &Step, globals: &Globals) -> Result<Exit, Failure> {
    let (which, step) = asked(step);
    let request = pb::TakeApplicationStepRequest {
        reference: which.reference.clone(),
        application: which.application.clone(),
        step: Some(step),
    };
    let mut client = connect(&which.server, globals).await?.client.applications();
    let answer = client.take_application_step(request).await?.into_inner();
    match answer.result {
        Some(Taken::Suspended(held)) => {
            let refusal = held.refusal.unwrap_or_default();
            globals.console.answer(
                || {
                    facts(&[
                        ("suspended", refusal.message.clone()),
                        ("code", refusal.code.clone()),
                    ])
                },
                || json!({"result": "suspended", "code": refusal.code, "message": refusal.message}),
            )?;
            Ok(Exit::Found)
        }
        Some(Taken::Outcome(outcome)) => told(&outcome, globals),
        None => told(&pb::StepOutcome::default(), globals),
    }
}

/// What became of a step of an application or a complaint.
pub(crate) fn told(outcome: &pb::StepOutcome, globals: &Globals) -> Result<Exit, Failure> {
    globals.console.answer(
        || {
            let again = if outcome.duplicate {
                " (answered before; nothing was done again)"
            } else {
                ""
            };
            let mut pairs = vec![
                ("case", outcome.case.clone()),
                ("stage", format!("{}{again}", outcome.stage)),
            ];
            for (name, value) in [("number", &outcome.number), ("receipt", &outcome.receipt)] {
                if !value.is_empty() {
                    pairs.push((name, value.clone()));
                }
            }
            facts(&pairs)
        },
        || {
            json!({
                "case": outcome.case,
                "stage": outcome.stage,
                "number": outcome.number,
                "receipt": outcome.receipt,
                "duplicate": outcome.duplicate,
                "token": outcome.token,
            })
        },
    )?;
    Ok(Exit::Done)
}
