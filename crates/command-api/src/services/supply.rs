//! `SupplyService`: orders of staff, confirmations, and how supply stands.

use std::sync::Arc;

use projections::Snapshot;
use tonic::{Request, Response, Status};

use super::{Api, call_of};
use crate::convert::{AskedConfirmation, Named, OrdersQuestion, to_page_token};
use crate::errors::No;
use crate::gate::Call;
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
        let call = call_of(&request)?;
        let asked = AskedConfirmation::try_from(request.get_ref()).map_err(|no| no.status(""))?;
        let AskedConfirmation { meter, order, at } = asked;
        let actor = &call.principal.actor;
        let answered = match self
            .0
            .ledger
            .confirm_order(actor, call.received_at, (meter, order, at))
            .await
        {
            Ok(reply) => pb::ConfirmOrderResponse::try_from(reply),
            Err(error) => Err(No::from(error)),
        };
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_supply(
        &self,
        request: Request<pb::GetSupplyRequest>,
    ) -> Result<Response<pb::GetSupplyResponse>, Status> {
        let call = call_of(&request)?;
        let answered = supply(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn list_unconfirmed_orders(
        &self,
        request: Request<pb::ListUnconfirmedOrdersRequest>,
    ) -> Result<Response<pb::ListUnconfirmedOrdersResponse>, Status> {
        let call = call_of(&request)?;
        let answered = unconfirmed(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }
}

async fn supply(
    api: &Api,
    call: &Call,
    m: &pb::GetSupplyRequest,
) -> Result<pb::GetSupplyResponse, No> {
    let account = api
        .account_of(&m.at_least, Named::try_from(m.account.as_ref())?)
        .await?;
    let ask = |snapshot: &Snapshot| api.overview(snapshot, &account, call);
    let (overview, token) = api.point(call, &m.at_least, ask).await?;
    let supplies = overview.supply.into_iter().map(Into::into).collect();
    Ok(pb::GetSupplyResponse {
        account_id: account.to_string(),
        supplies,
        token,
    })
}

async fn unconfirmed(
    api: &Api,
    call: &Call,
    m: &pb::ListUnconfirmedOrdersRequest,
) -> Result<pb::ListUnconfirmedOrdersResponse, No> {
    let OrdersQuestion { lapsed_only, page } = OrdersQuestion::try_from(m)?;
    let now = call.received_at;
    let ask = move |snapshot: &Snapshot| {
        let found = if lapsed_only {
            snapshot.lapsed_orders(now, page)
        } else {
            snapshot.unconfirmed_orders(page)
        };
        Ok(found?)
    };
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let orders = found.items.into_iter().map(Into::into).collect();
    Ok(pb::ListUnconfirmedOrdersResponse {
        orders,
        next_page_token,
        token,
    })
}
