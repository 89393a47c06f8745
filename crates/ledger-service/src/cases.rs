//! Cases of the consumers' desk: applications for a connection (E14) and complaints (E16), step by step.
//!
//! The execution of an application opens the account first, under a key derived from the application, then
//! records itself. What a crash leaves between the two is finished when the step is sent again: the account
//! knows its opening by the derived key and answers as it did.

use ledger_core::answer::Answer;
use ledger_core::application::{
    Application, ApplicationCommand, Officer, StepFacts, decide, opening, opening_reference,
};
use ledger_core::complaint::ComplaintCommand;
use ledger_core::ids::{Actor, ApplicationId, ChannelId, CommandKey, ComplaintId, Reference};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;

use crate::api::{Ask, Reply, ServiceError, Target};
use crate::content;
use crate::domain::State;
use crate::route::{OWN_CHANNEL, claim, must_be_foreign};
use crate::service::{Ledger, refused};
use crate::task::{CaseTask, CaseWork, KeyedTask, Task, account_stream, prefix, stream};

/// What is done with which case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseStep {
    /// A step of an application.
    Application(ApplicationId, ApplicationCommand),
    /// A step of a complaint.
    Complaint(ComplaintId, ComplaintCommand),
}

/// A step of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRequest {
    /// The sender's key (C4).
    pub key: CommandKey,
    /// Who acts; not part of the content.
    pub actor: Actor,
    /// Roles of whoever acts; not part of the content.
    pub by: Vec<Officer>,
    /// When it was received; not part of the content.
    pub received_at: Timestamp,
    /// What.
    pub step: CaseStep,
}

impl Ledger {
    /// Takes a step of an application or a complaint, and waits until it is durable.
    ///
    /// # Errors
    /// See [`ServiceError`]. Business refusals are answers.
    pub async fn case(&self, request: CaseRequest) -> Result<Reply, ServiceError> {
        must_be_foreign(&request.key)?;
        let hash = match &request.step {
            CaseStep::Application(id, command) => content::of_application(id, command),
            CaseStep::Complaint(id, command) => content::of_complaint(id, command),
        };
        if let CaseStep::Application(id, command) = &request.step
            && let Some(refusal) = self.open_for(id, command, &request).await?
        {
            return Ok(refused(refusal));
        }
        let CaseRequest {
            key,
            actor,
            by,
            received_at,
            step,
        } = request;
        let (stream, work) = match step {
            CaseStep::Application(id, command) => {
                (application_stream(&id), CaseWork::Application(id, command))
            }
            CaseStep::Complaint(id, command) => {
                let stream = stream(&format!("{}{id}", prefix::COMPLAINT));
                self.hear().await?;
                (stream, CaseWork::Complaint(self.with_account_id(command)))
            }
        };
        let task = CaseTask {
            stream,
            claim: claim(&key, hash),
            actor,
            by,
            received_at,
            work,
        };
        self.run(Task::Case(Box::new(task))).await
    }

    /// What is stored names an account by its id.
    fn with_account_id(&self, command: ComplaintCommand) -> ComplaintCommand {
        match command {
            ComplaintCommand::Record {
                kind,
                account,
                document,
            } => ComplaintCommand::Record {
                kind,
                account: account.map(|number| self.account_id(&number)),
                document,
            },
            other @ (ComplaintCommand::Act { .. } | ComplaintCommand::Rectify { .. }) => other,
        }
    }

    /// Opens the account of an execution that its application would take; why not, where it refuses.
    async fn open_for(
        &self,
        id: &ApplicationId,
        command: &ApplicationCommand,
        request: &CaseRequest,
    ) -> Result<Option<Rejection>, ServiceError> {
        let application = self.application(id).await?;
        let scheme = application.form().map(|form| form.scheme.clone());
        let Some(policy) = scheme.and_then(|name| self.policies().named(&name)) else {
            return Ok(None);
        };
        let policy = policy.in_force_at(request.received_at);
        let facts = StepFacts {
            id,
            by: &request.by,
            received_at: request.received_at,
            key: &request.key,
        };
        if decide(&application, policy, &facts, command).is_err() {
            return Ok(None);
        }
        let Some((account, command)) = opening(&application, policy, command) else {
            return Ok(None);
        };
        let bad = |error: ledger_core::ids::BadName| ServiceError::Invalid(error.to_string());
        let key = CommandKey {
            channel: ChannelId::parse(OWN_CHANNEL).map_err(bad)?,
            reference: Reference::parse(&opening_reference(id)).map_err(bad)?,
        };
        let target = Target::Account(account.clone());
        let hash = content::of_command(&target, &Ask::Command(command.clone()));
        let task = KeyedTask {
            stream: account_stream(&account),
            named: account.to_string(),
            account,
            command,
            claim: claim(&key, hash),
            actor: request.actor.clone(),
            received_at: request.received_at,
            objection: None,
        };
        match self.run(Task::Keyed(Box::new(task))).await?.answer {
            Answer::Refused(refusal) => Ok(Some(refusal)),
            Answer::Done { .. }
            | Answer::Receipt(_)
            | Answer::Suspended(_)
            | Answer::Returned(_)
            | Answer::Published(_)
            | Answer::Step(_)
            | Answer::Reading(_) => Ok(None),
        }
    }

    /// An application as the log has it; one without events stands nowhere.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn application(&self, id: &ApplicationId) -> Result<Application, ServiceError> {
        match self.0.transact.state(application_stream(id)).await?.state {
            State::Application(application) => Ok(*application),
            State::Account(_)
            | State::Gateway { .. }
            | State::WorkOrder(_)
            | State::Number(_)
            | State::Complaint(_)
            | State::Desk => Ok(Application::default()),
        }
    }
}

fn application_stream(id: &ApplicationId) -> event_store::StreamName {
    stream(&format!("{}{id}", prefix::APPLICATION))
}
