//! `AccountService`: opening, renumbering and closing of accounts, legacy credit.
//!
//! Conversion only; what may be done is decided by the accounts themselves.

use std::sync::Arc;

use ledger_service::CommandRequest;
use tonic::{Request, Response, Status, Streaming};

use super::{Api, call_of, lines};
use crate::convert::{Asked, renumber_answer};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `AccountService`.
#[derive(Clone)]
pub(crate) struct Accounts(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::account_service_server::AccountService for Accounts {
    async fn open_account(
        &self,
        request: Request<pb::OpenAccountRequest>,
    ) -> Result<Response<pb::OpenAccountResponse>, Status> {
        self.0.ask(request).await
    }

    async fn close_account(
        &self,
        request: Request<pb::CloseAccountRequest>,
    ) -> Result<Response<pb::CloseAccountResponse>, Status> {
        self.0.ask(request).await
    }

    async fn change_payment_responsible(
        &self,
        request: Request<pb::ChangePaymentResponsibleRequest>,
    ) -> Result<Response<pb::ChangePaymentResponsibleResponse>, Status> {
        self.0.ask(request).await
    }

    type RenumberAccountsStream = lines::Answers<pb::RenumberAccountsResponse>;

    async fn renumber_account(
        &self,
        request: Request<pb::RenumberAccountRequest>,
    ) -> Result<Response<pb::RenumberAccountResponse>, Status> {
        self.0.ask(request).await
    }

    async fn renumber_accounts(
        &self,
        request: Request<Streaming<pb::RenumberAccountsRequest>>,
    ) -> Result<Response<Self::RenumberAccountsStream>, Status> {
        let call = call_of(&request)?;
        let api = Arc::clone(&self.0);
        let each = {
            let (api, call) = (Arc::clone(&api), Arc::clone(&call));
            move |line| {
                let (api, call) = (Arc::clone(&api), Arc::clone(&call));
                async move { renumber(&api, &call, line).await }
            }
        };
        let lines = request.into_inner();
        Ok(Response::new(lines::answers(&api, &call, lines, each)))
    }

    async fn enter_legacy_credit(
        &self,
        request: Request<pb::EnterLegacyCreditRequest>,
    ) -> Result<Response<pb::EnterLegacyCreditResponse>, Status> {
        self.0.ask(request).await
    }
}

/// One line of a list of numbers, as the unary call would carry it out.
async fn renumber(
    api: &Api,
    call: &Call,
    line: pb::RenumberAccountsRequest,
) -> pb::RenumberAccountsResponse {
    let asked = Asked::try_from((&call.principal.channel, &line));
    // A stream may live for hours: its lines are received when they come, unless time is stated.
    let received_at = if call.received_at_stated {
        Ok(call.received_at)
    } else {
        api.gate.stamp("received_at", None)
    };
    let (asked, received_at) = match (asked, received_at) {
        (Ok(asked), Ok(received_at)) => (asked, received_at),
        (Err(no), _) | (_, Err(no)) => return renumber_answer(line.reference, Err(no)),
    };
    let command = CommandRequest {
        key: asked.key,
        actor: call.principal.actor.clone(),
        received_at,
        target: asked.target,
        ask: asked.ask,
    };
    let answered = api.ledger.submit(command).await.map_err(No::from);
    renumber_answer(line.reference, answered)
}
