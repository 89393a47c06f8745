//! The generated service traits, each implemented in a file of its own, and what they share.
//!
//! A handler converts, asks the ledger or a read model, converts back. It decides nothing.

mod accounts;
mod billing;
mod cases;
mod debt;
mod history;
mod legacy;
mod lines;
mod meters;
mod payments;
mod persons;
mod prepayment;
mod queries;
mod reading;
mod readings;
mod reports;
mod schemes;
mod supply;
mod suspense;
mod workorders;

use std::sync::Arc;

use event_store::EventStore;
use ledger_core::ids::ChannelId;
use ledger_service::{CommandRequest, Ledger, Reply};
use projections::ReadModels;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::convert::Asked;
use crate::errors::No;
use crate::gate::{Call, Gate};
use crate::rehearsal::Rehearsal;

pub(crate) use accounts::Accounts;
pub(crate) use billing::Bills;
pub(crate) use cases::{Applications, Complaints};
pub(crate) use debt::Debts;
pub(crate) use legacy::LegacyCredits;
pub(crate) use meters::Meters;
pub(crate) use payments::Payments;
pub(crate) use persons::PersonRecords;
pub(crate) use prepayment::Prepayments;
pub(crate) use queries::Queries;
pub(crate) use readings::Readings;
pub(crate) use reports::Reports;
pub(crate) use schemes::Schemes;
pub(crate) use supply::Supplies;
pub(crate) use suspense::Suspenses;
pub(crate) use workorders::WorkOrders;

/// What every handler needs.
pub(crate) struct Api {
    /// The one write path.
    pub(crate) ledger: Ledger,
    /// The read models.
    pub(crate) reads: ReadModels,
    /// The log, for an account's raw history.
    pub(crate) store: Arc<dyn EventStore>,
    /// The persons' records, where they are kept.
    pub(crate) persons: Option<Arc<::persons::Persons>>,
    /// Places for calls to them.
    pub(crate) person_calls: Semaphore,
    /// The gate that the calls came through.
    pub(crate) gate: Arc<Gate>,
    /// Places for reports, which take milliseconds: so many that point questions still find a connection.
    pub(crate) reports: Semaphore,
    /// Lines of one stream that may be under way at once.
    pub(crate) stream_lines_max: usize,
    /// Faults shown on purpose, in a sandbox.
    pub(crate) rehearsal: Option<Rehearsal>,
    /// Fires when the server is going down: streams then take no more lines.
    pub(crate) going_down: tokio::sync::watch::Receiver<bool>,
}

/// What the gate has put beside a message.
fn call_of<M>(request: &Request<M>) -> Result<Arc<Call>, Status> {
    let call = request.extensions().get::<Arc<Call>>().cloned();
    call.ok_or_else(|| No::Bug("a call came round the gate".to_owned()).status(""))
}

impl Api {
    /// Carries out a command and gives its answer as a message.
    async fn ask<M, A>(&self, request: Request<M>) -> Result<Response<A>, Status>
    where
        for<'a> Asked: TryFrom<(&'a ChannelId, &'a M), Error = No>,
        A: TryFrom<Reply, Error = No>,
    {
        let call = call_of(&request)?;
        let asked = Asked::try_from((&call.principal.channel, request.get_ref()))
            .map_err(|no| no.status(""))?;
        let Asked { key, target, ask } = asked;
        let reference = key.reference.clone();
        let actor = call.principal.actor.clone();
        let command = CommandRequest {
            key,
            actor,
            received_at: call.received_at,
            target,
            ask,
        };
        let answered = match self.ledger.submit(command).await {
            Ok(reply) => A::try_from(reply),
            Err(error) => Err(No::from(error)),
        };
        answered
            .map(Response::new)
            .map_err(|no| no.status(reference.as_str()))
    }
}
