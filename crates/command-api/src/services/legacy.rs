//! `LegacyCreditService`: credit of older systems, registered, chosen, credited, refunded, listed.

use std::sync::Arc;

use projections::Snapshot;
use tonic::{Request, Response, Status};

use super::{Api, call_of};
use crate::convert::{LegacyQuestion, to_page_token};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `LegacyCreditService`.
#[derive(Clone)]
pub(crate) struct LegacyCredits(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::legacy_credit_service_server::LegacyCreditService for LegacyCredits {
    async fn register_legacy_credit(
        &self,
        request: Request<pb::RegisterLegacyCreditRequest>,
    ) -> Result<Response<pb::RegisterLegacyCreditResponse>, Status> {
        self.0.ask(request).await
    }

    async fn choose_legacy_credit(
        &self,
        request: Request<pb::ChooseLegacyCreditRequest>,
    ) -> Result<Response<pb::ChooseLegacyCreditResponse>, Status> {
        self.0.ask(request).await
    }

    async fn credit_legacy_credit(
        &self,
        request: Request<pb::CreditLegacyCreditRequest>,
    ) -> Result<Response<pb::CreditLegacyCreditResponse>, Status> {
        self.0.ask(request).await
    }

    async fn refund_legacy_credit(
        &self,
        request: Request<pb::RefundLegacyCreditRequest>,
    ) -> Result<Response<pb::RefundLegacyCreditResponse>, Status> {
        self.0.ask(request).await
    }

    async fn list_legacy_credits(
        &self,
        request: Request<pb::ListLegacyCreditsRequest>,
    ) -> Result<Response<pb::ListLegacyCreditsResponse>, Status> {
        let call = call_of(&request)?;
        let answered = list(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }
}

async fn list(
    api: &Api,
    call: &Call,
    m: &pb::ListLegacyCreditsRequest,
) -> Result<pb::ListLegacyCreditsResponse, No> {
    let LegacyQuestion { mut filter, page } = LegacyQuestion::try_from(m)?;
    filter.account = api.by_id(&m.at_least, filter.account).await?;
    let today: Vec<_> = api
        .ledger
        .policies()
        .all()
        .iter()
        .map(|policy| {
            let date = policy.zone().date_of(call.received_at);
            (policy.name().to_owned(), date)
        })
        .collect();
    let ask = move |snapshot: &Snapshot| {
        let today: Vec<_> = today
            .iter()
            .map(|(name, date)| (name.as_str(), *date))
            .collect();
        Ok(snapshot.legacy_credits(&filter, &today, page)?)
    };
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let credits = found.items.into_iter().map(Into::into).collect();
    Ok(pb::ListLegacyCreditsResponse {
        credits,
        next_page_token,
        token,
    })
}
