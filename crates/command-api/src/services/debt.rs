//! `DebtService`: agreements, payments, and how a debt stands.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Api, call_of};
use crate::convert::Named;
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `DebtService`.
#[derive(Clone)]
pub(crate) struct Debts(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::debt_service_server::DebtService for Debts {
    async fn agree_debt(
        &self,
        request: Request<pb::AgreeDebtRequest>,
    ) -> Result<Response<pb::AgreeDebtResponse>, Status> {
        self.0.ask(request).await
    }

    async fn reschedule_debt(
        &self,
        request: Request<pb::RescheduleDebtRequest>,
    ) -> Result<Response<pb::RescheduleDebtResponse>, Status> {
        self.0.ask(request).await
    }

    async fn pay_debt(
        &self,
        request: Request<pb::PayDebtRequest>,
    ) -> Result<Response<pb::PayDebtResponse>, Status> {
        self.0.ask(request).await
    }

    async fn get_debt(
        &self,
        request: Request<pb::GetDebtRequest>,
    ) -> Result<Response<pb::GetDebtResponse>, Status> {
        let call = call_of(&request)?;
        let answered = debt(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }
}

async fn debt(api: &Api, call: &Call, m: &pb::GetDebtRequest) -> Result<pb::GetDebtResponse, No> {
    let account = api
        .account_of(&m.at_least, Named::try_from(m.account.as_ref())?)
        .await?;
    let ask = |snapshot: &projections::Snapshot| api.overview(snapshot, &account, call);
    let (overview, token) = api.point(call, &m.at_least, ask).await?;
    Ok(pb::GetDebtResponse {
        account_id: account.to_string(),
        debt: overview.debt.map(Into::into),
        token,
    })
}
