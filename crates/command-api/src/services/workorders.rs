//! `WorkOrderService`: the steps of a swap, and where work orders stand.

use std::sync::Arc;

use ledger_core::ids::ChannelId;
use ledger_service::{Reply, WorkOrderRequest};
use projections::Snapshot;
use tonic::{Request, Response, Status};

use super::{Api, call_of};
use crate::convert::{AskedStep, WorkOrdersQuestion, to_page_token};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `WorkOrderService`.
#[derive(Clone)]
pub(crate) struct WorkOrders(pub(crate) Arc<Api>);

impl WorkOrders {
    /// Takes a step and gives its answer as a message.
    async fn step<M, A>(&self, request: Request<M>) -> Result<Response<A>, Status>
    where
        for<'a> AskedStep: TryFrom<(&'a ChannelId, &'a M), Error = No>,
        A: TryFrom<Reply, Error = No>,
    {
        let call = call_of(&request)?;
        let asked = AskedStep::try_from((&call.principal.channel, request.get_ref()))
            .map_err(|no| no.status(""))?;
        let AskedStep {
            key,
            order,
            command,
        } = asked;
        let reference = key.reference.clone();
        let step = WorkOrderRequest {
            key,
            actor: call.principal.actor.clone(),
            received_at: call.received_at,
            order,
            command,
        };
        let answered = match self.0.ledger.work_order(step).await {
            Ok(reply) => A::try_from(reply),
            Err(error) => Err(No::from(error)),
        };
        answered
            .map(Response::new)
            .map_err(|no| no.status(reference.as_str()))
    }
}

#[tonic::async_trait]
impl pb::work_order_service_server::WorkOrderService for WorkOrders {
    async fn issue_work_order(
        &self,
        request: Request<pb::IssueWorkOrderRequest>,
    ) -> Result<Response<pb::IssueWorkOrderResponse>, Status> {
        self.step(request).await
    }

    async fn appoint_installation(
        &self,
        request: Request<pb::AppointInstallationRequest>,
    ) -> Result<Response<pb::AppointInstallationResponse>, Status> {
        self.step(request).await
    }

    async fn move_appointment(
        &self,
        request: Request<pb::MoveAppointmentRequest>,
    ) -> Result<Response<pb::MoveAppointmentResponse>, Status> {
        self.step(request).await
    }

    async fn prevent_installation(
        &self,
        request: Request<pb::PreventInstallationRequest>,
    ) -> Result<Response<pb::PreventInstallationResponse>, Status> {
        self.step(request).await
    }

    async fn read_old_meter(
        &self,
        request: Request<pb::ReadOldMeterRequest>,
    ) -> Result<Response<pb::ReadOldMeterResponse>, Status> {
        self.step(request).await
    }

    async fn install_new_meter(
        &self,
        request: Request<pb::InstallNewMeterRequest>,
    ) -> Result<Response<pb::InstallNewMeterResponse>, Status> {
        self.step(request).await
    }

    async fn activate_new_meter(
        &self,
        request: Request<pb::ActivateNewMeterRequest>,
    ) -> Result<Response<pb::ActivateNewMeterResponse>, Status> {
        self.step(request).await
    }

    async fn settle_old_account(
        &self,
        request: Request<pb::SettleOldAccountRequest>,
    ) -> Result<Response<pb::SettleOldAccountResponse>, Status> {
        self.step(request).await
    }

    async fn return_old_meter(
        &self,
        request: Request<pb::ReturnOldMeterRequest>,
    ) -> Result<Response<pb::ReturnOldMeterResponse>, Status> {
        self.step(request).await
    }

    async fn cancel_work_order(
        &self,
        request: Request<pb::CancelWorkOrderRequest>,
    ) -> Result<Response<pb::CancelWorkOrderResponse>, Status> {
        self.step(request).await
    }

    async fn list_work_orders(
        &self,
        request: Request<pb::ListWorkOrdersRequest>,
    ) -> Result<Response<pb::ListWorkOrdersResponse>, Status> {
        let call = call_of(&request)?;
        let answered = list(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }
}

async fn list(
    api: &Api,
    call: &Call,
    m: &pb::ListWorkOrdersRequest,
) -> Result<pb::ListWorkOrdersResponse, No> {
    let WorkOrdersQuestion { mut filter, page } = WorkOrdersQuestion::try_from(m)?;
    filter.account = api.by_id(&m.at_least, filter.account).await?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.work_orders(&filter, page)?);
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let work_orders = found.items.into_iter().map(Into::into).collect();
    Ok(pb::ListWorkOrdersResponse {
        work_orders,
        next_page_token,
        token,
    })
}
