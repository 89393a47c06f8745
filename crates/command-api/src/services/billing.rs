//! `BillingService`: connections, bills, deposits, what the office does with a consumer, queries, lists.

use std::sync::Arc;

use ledger_service::BillQuoteRequest;
use projections::Snapshot;
use tonic::{Request, Response, Status};

use super::reading::not_found;
use super::{Api, call_of};
use crate::convert::{
    AskedBillQuote, ConsumersQuestion, CountsQuestion, Named, PageQuestion, bill_quoted,
    consumer_of, to_page_token,
};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `BillingService`.
#[derive(Clone)]
pub(crate) struct Bills(pub(crate) Arc<Api>);

/// RPCs that carry out a command and answer it.
macro_rules! commands {
    ($($name:ident, $request:ident, $response:ident;)+) => {
        #[tonic::async_trait]
        impl pb::billing_service_server::BillingService for Bills {
            $(async fn $name(
                &self,
                request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                self.0.ask(request).await
            })+

            async fn quote_bill(
                &self,
                request: Request<pb::QuoteBillRequest>,
            ) -> Result<Response<pb::QuoteBillResponse>, Status> {
                let call = call_of(&request)?;
                let answered = quote(&self.0, &call, request.get_ref()).await;
                answered.map(Response::new).map_err(|no| no.status(""))
            }

            async fn get_consumer(
                &self,
                request: Request<pb::GetConsumerRequest>,
            ) -> Result<Response<pb::GetConsumerResponse>, Status> {
                let call = call_of(&request)?;
                let answered = consumer(&self.0, &call, request.get_ref()).await;
                answered.map(Response::new).map_err(|no| no.status(""))
            }

            async fn list_bills(
                &self,
                request: Request<pb::ListBillsRequest>,
            ) -> Result<Response<pb::ListBillsResponse>, Status> {
                let call = call_of(&request)?;
                let answered = bills(&self.0, &call, request.get_ref()).await;
                answered.map(Response::new).map_err(|no| no.status(""))
            }

            async fn list_consumers(
                &self,
                request: Request<pb::ListConsumersRequest>,
            ) -> Result<Response<pb::ListConsumersResponse>, Status> {
                let call = call_of(&request)?;
                let answered = consumers(&self.0, &call, request.get_ref()).await;
                answered.map(Response::new).map_err(|no| no.status(""))
            }

            async fn count_consumers(
                &self,
                request: Request<pb::CountConsumersRequest>,
            ) -> Result<Response<pb::CountConsumersResponse>, Status> {
                let call = call_of(&request)?;
                let answered = counts(&self.0, &call, request.get_ref()).await;
                answered.map(Response::new).map_err(|no| no.status(""))
            }
        }
    };
}

commands! {
    open_connection, OpenConnectionRequest, OpenConnectionResponse;
    open_temporary_connection, OpenTemporaryConnectionRequest, OpenTemporaryConnectionResponse;
    import_consumer, ImportConsumerRequest, ImportConsumerResponse;
    pay_bill, PayBillRequest, PayBillResponse;
    pay_deposit, PayDepositRequest, PayDepositResponse;
    use_deposit, UseDepositRequest, UseDepositResponse;
    pay_out_consumer, PayOutConsumerRequest, PayOutConsumerResponse;
    post_miscellaneous_bill, PostMiscellaneousBillRequest, PostMiscellaneousBillResponse;
    adjust_bill, AdjustBillRequest, AdjustBillResponse;
    cut_consumer, CutConsumerRequest, CutConsumerResponse;
    cut_for_dues, CutForDuesRequest, CutForDuesResponse;
    reconnect_consumer, ReconnectConsumerRequest, ReconnectConsumerResponse;
    end_connection, EndConnectionRequest, EndConnectionResponse;
    stop_bill, StopBillRequest, StopBillResponse;
    reactivate_consumer, ReactivateConsumerRequest, ReactivateConsumerResponse;
    extend_temporary_connection, ExtendTemporaryConnectionRequest, ExtendTemporaryConnectionResponse;
    raise_query, RaiseQueryRequest, RaiseQueryResponse;
    answer_query, AnswerQueryRequest, AnswerQueryResponse;
}

async fn quote(
    api: &Api,
    call: &Call,
    m: &pb::QuoteBillRequest,
) -> Result<pb::QuoteBillResponse, No> {
    let AskedBillQuote { target, reading } = AskedBillQuote::try_from(m)?;
    let request = BillQuoteRequest {
        target,
        reading,
        received_at: call.received_at,
    };
    let quoted = api.ledger.quote_bill(request).await?;
    quoted.map(|quote| bill_quoted(&quote)).map_err(No::Refused)
}

async fn consumer(
    api: &Api,
    call: &Call,
    m: &pb::GetConsumerRequest,
) -> Result<pb::GetConsumerResponse, No> {
    let account = api
        .account_of(&m.at_least, Named::try_from(m.account.as_ref())?)
        .await?;
    let ask = move |snapshot: &Snapshot| {
        let found = snapshot.consumer(&account)?;
        found.ok_or_else(|| not_found(&format!("consumer {account}")))
    };
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    Ok(pb::GetConsumerResponse {
        consumer: Some(consumer_of(&found)),
        token,
    })
}

async fn bills(
    api: &Api,
    call: &Call,
    m: &pb::ListBillsRequest,
) -> Result<pb::ListBillsResponse, No> {
    let account = api
        .account_of(&m.at_least, Named::try_from(m.account.as_ref())?)
        .await?;
    let PageQuestion(page) = PageQuestion::try_from((m.page_size, m.page_token.as_str()))?;
    let asked = account.clone();
    let ask = move |snapshot: &Snapshot| {
        if snapshot.consumer(&asked)?.is_none() {
            return Err(not_found(&format!("consumer {asked}")));
        }
        Ok(snapshot.bills(&asked, page)?)
    };
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    Ok(pb::ListBillsResponse {
        account_id: account.to_string(),
        next_page_token: to_page_token(found.next),
        bills: found.items.into_iter().map(Into::into).collect(),
        token,
    })
}

async fn consumers(
    api: &Api,
    call: &Call,
    m: &pb::ListConsumersRequest,
) -> Result<pb::ListConsumersResponse, No> {
    let ConsumersQuestion { filter, page } = ConsumersQuestion::try_from(m)?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.consumers(filter, page)?);
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    Ok(pb::ListConsumersResponse {
        next_page_token: to_page_token(found.next),
        consumers: found.items.iter().map(consumer_of).collect(),
        token,
    })
}

async fn counts(
    api: &Api,
    call: &Call,
    m: &pb::CountConsumersRequest,
) -> Result<pb::CountConsumersResponse, No> {
    let CountsQuestion { from, to } = CountsQuestion::try_from(m)?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.status_counts(from, to)?);
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let counts = found.into_iter().map(Into::into).collect();
    Ok(pb::CountConsumersResponse { counts, token })
}
