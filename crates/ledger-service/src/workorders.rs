//! Work orders (U16): the steps of a swap, each with the account's commands that it needs.
//!
//! A step asks its work order first whether it may be taken, then sends the account's commands, under
//! keys derived from the work order and the step's name, then records itself. What a crash leaves between
//! the two is finished when the step is sent again: the account knows its part by the derived key and
//! answers as it did. Absent on purpose: taking back what the account did for a step that another one
//! overtook; both were sent for the same meter, and the account shows which it took.

use ledger_core::account::Lifecycle;
use ledger_core::answer::Answer;
use ledger_core::command::Command;
use ledger_core::ids::{AccountId, Actor, ChannelId, CommandKey, Reference, WorkOrderId};
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_core::workorder::{WorkOrder, WorkOrderCommand, decide, drives};

use crate::api::{Ask, Reply, ServiceError, Target};
use crate::content;
use crate::domain::State;
use crate::route::{OWN_CHANNEL, claim, must_be_foreign};
use crate::service::{Ledger, refused};
use crate::task::{KeyedTask, Task, WorkOrderTask, account_stream, prefix, stream};

/// A step of a work order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrderRequest {
    /// The sender's key (C4).
    pub key: CommandKey,
    /// Who acts; not part of the content.
    pub actor: Actor,
    /// When it was received; not part of the content.
    pub received_at: Timestamp,
    /// Which work order.
    pub order: WorkOrderId,
    /// What is done with it.
    pub command: WorkOrderCommand,
}

impl Ledger {
    /// Takes a step of a work order, and waits until it is durable.
    ///
    /// # Errors
    /// See [`ServiceError`]. Business refusals are answers.
    pub async fn work_order(&self, request: WorkOrderRequest) -> Result<Reply, ServiceError> {
        must_be_foreign(&request.key)?;
        let order = self.order(&request.order).await?;
        let (scheme, objection) = match &request.command {
            WorkOrderCommand::Issue(issue) => self.may_be_issued(&issue.account).await?,
            WorkOrderCommand::Appoint { .. }
            | WorkOrderCommand::Move { .. }
            | WorkOrderCommand::Prevent { .. }
            | WorkOrderCommand::Read(_)
            | WorkOrderCommand::Install(_)
            | WorkOrderCommand::Activate
            | WorkOrderCommand::Settle(_)
            | WorkOrderCommand::Return { .. }
            | WorkOrderCommand::Cancel { .. } => (None, None),
        };
        if self.would_be_taken(&order, &request)
            && let Some(refusal) = self.drive(&order, &request).await?
        {
            return Ok(refused(refusal));
        }
        let WorkOrderRequest {
            key,
            actor,
            received_at,
            order,
            mut command,
        } = request;
        let hash = content::of_work_order(&order, &command);
        if let WorkOrderCommand::Issue(issue) = &mut command {
            issue.account = self.account_id(&issue.account);
        }
        let task = WorkOrderTask {
            stream: order_stream(&order),
            claim: claim(&key, hash),
            actor,
            received_at,
            command,
            scheme,
            objection,
        };
        self.run(Task::WorkOrder(Box::new(task))).await
    }

    async fn order(&self, id: &WorkOrderId) -> Result<WorkOrder, ServiceError> {
        match self.0.transact.state(order_stream(id)).await?.state {
            State::WorkOrder(order) => Ok(*order),
            State::Account(_)
            | State::Gateway { .. }
            | State::Number(_)
            | State::Application(_)
            | State::Complaint(_)
            | State::Desk => Ok(WorkOrder::default()),
        }
    }

    /// The scheme of the account that a work order is for, or why there can be none.
    async fn may_be_issued(
        &self,
        account: &AccountId,
    ) -> Result<(Option<String>, Option<Rejection>), ServiceError> {
        let Some(view) = self.account(account).await? else {
            return Ok((None, Some(Rejection::UnknownAccount)));
        };
        if view.account.lifecycle() == Lifecycle::Closed {
            return Ok((None, Some(Rejection::AccountClosed)));
        }
        Ok((Some(view.account.scheme().to_owned()), None))
    }

    /// A step that the work order would refuse, or has taken already, sends nothing to the account.
    fn would_be_taken(&self, order: &WorkOrder, request: &WorkOrderRequest) -> bool {
        let Some(issued) = order.issued() else {
            return false;
        };
        let Some(policy) = self.policies().named(&issued.scheme) else {
            return false;
        };
        let policy = policy.in_force_at(request.received_at);
        decide(order, policy, request.received_at, &request.command).is_ok()
    }

    /// Sends the account's commands of a step, in order; the first refusal stops it.
    async fn drive(
        &self,
        order: &WorkOrder,
        request: &WorkOrderRequest,
    ) -> Result<Option<Rejection>, ServiceError> {
        let Some(issued) = order.issued() else {
            return Ok(None);
        };
        for (name, command) in drives(order, &request.command) {
            let task = driven(&issued.account, name, command, request)?;
            let reply = self.run(task).await?;
            match reply.answer {
                // The derived key is known with other content: not the sender's own conflict.
                Answer::Refused(Rejection::KeyConflict) => {
                    return Ok(Some(Rejection::WorkOrderStepDiffers));
                }
                Answer::Refused(refusal) => return Ok(Some(refusal)),
                Answer::Done { .. }
                | Answer::Receipt(_)
                | Answer::Suspended(_)
                | Answer::Returned(_)
                | Answer::Published(_)
                | Answer::Step(_)
                | Answer::Reading(_) => {}
            }
        }
        Ok(None)
    }
}

/// An account's command of a step, under a key of the ledger's own channel.
fn driven(
    account: &AccountId,
    name: &str,
    command: Command,
    request: &WorkOrderRequest,
) -> Result<Task, ServiceError> {
    let bad = |error: ledger_core::ids::BadName| ServiceError::Invalid(error.to_string());
    let key = CommandKey {
        channel: ChannelId::parse(OWN_CHANNEL).map_err(bad)?,
        reference: Reference::parse(&format!("workorder-{}-{name}", request.order)).map_err(bad)?,
    };
    let target = Target::Account(account.clone());
    let hash = content::of_command(&target, &Ask::Command(command.clone()));
    let task = KeyedTask {
        stream: account_stream(account),
        account: account.clone(),
        named: account.to_string(),
        command,
        claim: claim(&key, hash),
        actor: request.actor.clone(),
        received_at: request.received_at,
        objection: None,
    };
    Ok(Task::Keyed(Box::new(task)))
}

fn order_stream(id: &WorkOrderId) -> event_store::StreamName {
    stream(&format!("{}{id}", prefix::WORK_ORDER))
}
