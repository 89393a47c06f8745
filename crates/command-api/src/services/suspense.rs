//! `SuspenseService`: money that could not be applied, listed, allocated, returned.

use std::sync::Arc;

use ledger_service::ReturnRequest;
use tonic::{Request, Response, Status};

use super::payments::own_channel_or;
use super::{Api, call_of};
use crate::convert::{AskedReturn, SuspenseQuestion, to_page_token};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `SuspenseService`.
#[derive(Clone)]
pub(crate) struct Suspenses(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::suspense_service_server::SuspenseService for Suspenses {
    async fn list_suspense(
        &self,
        request: Request<pb::ListSuspenseRequest>,
    ) -> Result<Response<pb::ListSuspenseResponse>, Status> {
        let call = call_of(&request)?;
        let answered = list(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn allocate_suspense(
        &self,
        request: Request<pb::AllocateSuspenseRequest>,
    ) -> Result<Response<pb::AllocateSuspenseResponse>, Status> {
        self.0.ask(request).await
    }

    async fn return_suspense(
        &self,
        request: Request<pb::ReturnSuspenseRequest>,
    ) -> Result<Response<pb::ReturnSuspenseResponse>, Status> {
        let call = call_of(&request)?;
        let asked = AskedReturn::try_from((&call.principal.channel, request.get_ref()));
        let AskedReturn {
            key,
            item,
            document,
        } = asked.map_err(|no| no.status(""))?;
        let reference = key.reference.clone();
        let actor = call.principal.actor.clone();
        let command = ReturnRequest {
            key,
            actor,
            received_at: call.received_at,
            item,
            document,
        };
        let answered = match self.0.ledger.return_suspense(command).await {
            Ok(reply) => pb::ReturnSuspenseResponse::try_from(reply),
            Err(error) => Err(No::from(error)),
        };
        answered
            .map(Response::new)
            .map_err(|no| no.status(reference.as_str()))
    }
}

async fn list(
    api: &Api,
    call: &Call,
    m: &pb::ListSuspenseRequest,
) -> Result<pb::ListSuspenseResponse, No> {
    let SuspenseQuestion {
        mut channel,
        state,
        page,
    } = SuspenseQuestion::try_from(m)?;
    let principal = &call.principal;
    match &channel {
        Some(channel) => {
            own_channel_or(&principal.channel, channel, principal.sees_all_channels())?;
        }
        None if principal.sees_all_channels() => {}
        None => channel = Some(principal.channel.clone()),
    }
    let ask = move |snapshot: &projections::Snapshot| {
        Ok(snapshot.suspense(channel.as_ref(), state, page)?)
    };
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let entries = found.items.into_iter().map(Into::into).collect();
    Ok(pb::ListSuspenseResponse {
        entries,
        next_page_token,
        token,
    })
}
