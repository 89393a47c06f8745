//! `SupplyService`: orders of staff, confirmations, and how supply stands.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Api;
use crate::pb;

/// Serves `SupplyService`.
#[derive(Clone)]
pub(crate) struct Supplies(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::supply_service_server::SupplyService for Supplies {
    async fn disconnect(
        &self,
        request: Request<pb::DisconnectRequest>,
    ) -> Result<Response<pb::DisconnectResponse>, Status> {
        self.0.ask(request).await
    }

    async fn reconnect(
        &self,
        request: Request<pb::ReconnectRequest>,
    ) -> Result<Response<pb::ReconnectResponse>, Status> {
        self.0.ask(request).await
    }

    async fn confirm_order(
        &self,
        request: Request<pb::ConfirmOrderRequest>,
    ) -> Result<Response<pb::ConfirmOrderResponse>, Status> {
        self.0.ask(request).await
    }

    async fn get_supply(
        &self,
        request: Request<pb::GetSupplyRequest>,
    ) -> Result<Response<pb::GetSupplyResponse>, Status> {
        self.0
            .read(request, |api, call, m| Box::pin(api.supply_of(call, m)))
            .await
    }
}
