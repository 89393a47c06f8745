//! `AccountService`: opening and closing of accounts, legacy credit.
//!
//! Conversion only; what may be done is decided by the accounts themselves.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Api;
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

    async fn enter_legacy_credit(
        &self,
        request: Request<pb::EnterLegacyCreditRequest>,
    ) -> Result<Response<pb::EnterLegacyCreditResponse>, Status> {
        self.0.ask(request).await
    }
}
