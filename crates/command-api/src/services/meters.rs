//! `MeterService`: meters of an account.
//!
//! Conversion only; what may be done is decided by the accounts themselves.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Api;
use crate::pb;

/// Serves `MeterService`.
#[derive(Clone)]
pub(crate) struct Meters(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::meter_service_server::MeterService for Meters {
    async fn install_meter(
        &self,
        request: Request<pb::InstallMeterRequest>,
    ) -> Result<Response<pb::InstallMeterResponse>, Status> {
        self.0.ask(request).await
    }

    async fn exchange_meter(
        &self,
        request: Request<pb::ExchangeMeterRequest>,
    ) -> Result<Response<pb::ExchangeMeterResponse>, Status> {
        self.0.ask(request).await
    }

    async fn remove_meter(
        &self,
        request: Request<pb::RemoveMeterRequest>,
    ) -> Result<Response<pb::RemoveMeterResponse>, Status> {
        self.0.ask(request).await
    }

    async fn resolve_meter(
        &self,
        request: Request<pb::ResolveMeterRequest>,
    ) -> Result<Response<pb::ResolveMeterResponse>, Status> {
        self.0.ask(request).await
    }

    async fn activate_meter(
        &self,
        request: Request<pb::ActivateMeterRequest>,
    ) -> Result<Response<pb::ActivateMeterResponse>, Status> {
        self.0.ask(request).await
    }
}
