//! `PrepaymentService`: joining with arrears, emergency credit, credit that reached its meter.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Api;
use crate::pb;

/// Serves `PrepaymentService`.
#[derive(Clone)]
pub(crate) struct Prepayments(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::prepayment_service_server::PrepaymentService for Prepayments {
    async fn join_scheme(
        &self,
        request: Request<pb::JoinSchemeRequest>,
    ) -> Result<Response<pb::JoinSchemeResponse>, Status> {
        self.0.ask(request).await
    }

    async fn draw_emergency_credit(
        &self,
        request: Request<pb::DrawEmergencyCreditRequest>,
    ) -> Result<Response<pb::DrawEmergencyCreditResponse>, Status> {
        self.0.ask(request).await
    }

    async fn deliver_credit(
        &self,
        request: Request<pb::DeliverCreditRequest>,
    ) -> Result<Response<pb::DeliverCreditResponse>, Status> {
        self.0.ask(request).await
    }
}
