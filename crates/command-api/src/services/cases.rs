//! `ApplicationService` and `ComplaintService`: steps of cases, and where cases stand (E14, E16).
//!
//! The gate lets through who has any step; whose this very step is, the case's own table says.

use std::sync::Arc;

use ledger_core::application::Officer;
use ledger_core::ids::ChannelId;
use ledger_service::{CaseRequest, Reply};
use projections::Snapshot;
use tonic::{Request, Response, Status};

use super::{Api, call_of};
use crate::convert::{ApplicationsQuestion, AskedCase, ComplaintsQuestion, to_page_token};
use crate::errors::No;
use crate::gate::Call;
use crate::keys::{Principal, Role};
use crate::pb;

/// Serves `ApplicationService`.
#[derive(Clone)]
pub(crate) struct Applications(pub(crate) Arc<Api>);

/// Serves `ComplaintService`.
#[derive(Clone)]
pub(crate) struct Complaints(pub(crate) Arc<Api>);

/// The officers that a caller is; a channel is a portal of the consumers.
fn officers(principal: &Principal) -> Vec<Officer> {
    let officer = |role: &Role| match role {
        Role::Channel => Some(Officer::Portal),
        Role::Bcc => Some(Officer::Bcc),
        Role::Je => Some(Officer::Je),
        Role::Ae => Some(Officer::Ae),
        Role::Ee => Some(Officer::Ee),
        Role::Ccc => Some(Officer::Ccc),
        Role::Staff | Role::Operator | Role::Analyst => None,
    };
    principal.roles.iter().filter_map(officer).collect()
}

impl Api {
    /// Takes a step and gives its answer as a message.
    async fn case<M, A>(&self, request: Request<M>) -> Result<Response<A>, Status>
    where
        for<'a> AskedCase: TryFrom<(&'a ChannelId, &'a M), Error = No>,
        A: TryFrom<Reply, Error = No>,
    {
        let call = call_of(&request)?;
        let asked = AskedCase::try_from((&call.principal.channel, request.get_ref()))
            .map_err(|no| no.status(""))?;
        let AskedCase { key, step } = asked;
        let reference = key.reference.clone();
        let step = CaseRequest {
            key,
            actor: call.principal.actor.clone(),
            by: officers(&call.principal),
            received_at: call.received_at,
            step,
        };
        let answered = match self.ledger.case(step).await {
            Ok(reply) => A::try_from(reply),
            Err(error) => Err(No::from(error)),
        };
        answered
            .map(Response::new)
            .map_err(|no| no.status(reference.as_str()))
    }
}

#[tonic::async_trait]
impl pb::application_service_server::ApplicationService for Applications {
    async fn take_application_step(
        &self,
        request: Request<pb::TakeApplicationStepRequest>,
    ) -> Result<Response<pb::TakeApplicationStepResponse>, Status> {
        self.0.case(request).await
    }

    async fn list_applications(
        &self,
        request: Request<pb::ListApplicationsRequest>,
    ) -> Result<Response<pb::ListApplicationsResponse>, Status> {
        let call = call_of(&request)?;
        let answered = applications(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }
}

#[tonic::async_trait]
impl pb::complaint_service_server::ComplaintService for Complaints {
    async fn record_complaint(
        &self,
        request: Request<pb::RecordComplaintRequest>,
    ) -> Result<Response<pb::RecordComplaintResponse>, Status> {
        self.0.case(request).await
    }

    async fn act_on_complaint(
        &self,
        request: Request<pb::ActOnComplaintRequest>,
    ) -> Result<Response<pb::ActOnComplaintResponse>, Status> {
        self.0.case(request).await
    }

    async fn rectify_complaint(
        &self,
        request: Request<pb::RectifyComplaintRequest>,
    ) -> Result<Response<pb::RectifyComplaintResponse>, Status> {
        self.0.case(request).await
    }

    async fn list_complaints(
        &self,
        request: Request<pb::ListComplaintsRequest>,
    ) -> Result<Response<pb::ListComplaintsResponse>, Status> {
        let call = call_of(&request)?;
        let answered = complaints(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }
}

async fn applications(
    api: &Api,
    call: &Call,
    m: &pb::ListApplicationsRequest,
) -> Result<pb::ListApplicationsResponse, No> {
    let ApplicationsQuestion { filter, page } = ApplicationsQuestion::try_from(m)?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.applications(&filter, page)?);
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let applications = found.items.into_iter().map(Into::into).collect();
    Ok(pb::ListApplicationsResponse {
        applications,
        next_page_token,
        token,
    })
}

async fn complaints(
    api: &Api,
    call: &Call,
    m: &pb::ListComplaintsRequest,
) -> Result<pb::ListComplaintsResponse, No> {
    let ComplaintsQuestion { mut filter, page } = ComplaintsQuestion::try_from(m)?;
    filter.account = api.by_id(&m.at_least, filter.account).await?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.complaints(&filter, page)?);
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let rows = found.items.into_iter();
    let complaints = rows.map(|row| (row, call.received_at).into()).collect();
    Ok(pb::ListComplaintsResponse {
        complaints,
        next_page_token,
        token,
    })
}
