//! `QueryService`: the reads, one function a question.
//!
//! The questions themselves are the read models' own. A channel's key is kept to what is its own here,
//! since a read model knows no callers.

use std::pin::Pin;
use std::sync::Arc;

use futures::stream::Stream;
use ledger_core::ids::MeterNumber;
use projections::Snapshot;
use projections::queries::LocalDays;
use tonic::{Request, Response, Status};

use super::history::history;
use super::payments::own_channel_or;
use super::reading::not_found;
use super::{Api, call_of};
use crate::catalogue;
use crate::convert::{
    DaysQuestion, ExceptionsQuestion, MeterQuestion, MonthsQuestion, Named, ReceiptsQuestion,
    SettlementQuestion, StatementQuestion, to_page_token,
};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `QueryService`.
#[derive(Clone)]
pub(crate) struct Queries(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::query_service_server::QueryService for Queries {
    type ReadHistoryStream =
        Pin<Box<dyn Stream<Item = Result<pb::ReadHistoryResponse, Status>> + Send>>;

    async fn read_history(
        &self,
        request: Request<pb::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        let call = call_of(&request)?;
        let events = history(Arc::clone(&self.0), call, request.get_ref()).await;
        events
            .map(|events| Response::new(Box::pin(events) as Self::ReadHistoryStream))
            .map_err(|no| no.status(""))
    }

    async fn error_catalogue(
        &self,
        _: Request<pb::ErrorCatalogueRequest>,
    ) -> Result<Response<pb::ErrorCatalogueResponse>, Status> {
        Ok(Response::new(pb::ErrorCatalogueResponse {
            entries: catalogue::entries(),
        }))
    }

    async fn get_balance(
        &self,
        request: Request<pb::GetBalanceRequest>,
    ) -> Result<Response<pb::GetBalanceResponse>, Status> {
        let call = call_of(&request)?;
        let answered = balance(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_account(
        &self,
        request: Request<pb::GetAccountRequest>,
    ) -> Result<Response<pb::GetAccountResponse>, Status> {
        let call = call_of(&request)?;
        let answered = account(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn list_meter_holders(
        &self,
        request: Request<pb::ListMeterHoldersRequest>,
    ) -> Result<Response<pb::ListMeterHoldersResponse>, Status> {
        let call = call_of(&request)?;
        let answered = holders(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_statement(
        &self,
        request: Request<pb::GetStatementRequest>,
    ) -> Result<Response<pb::GetStatementResponse>, Status> {
        let call = call_of(&request)?;
        let answered = statement(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn list_receipts(
        &self,
        request: Request<pb::ListReceiptsRequest>,
    ) -> Result<Response<pb::ListReceiptsResponse>, Status> {
        let call = call_of(&request)?;
        let answered = receipts(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_daily_consumption(
        &self,
        request: Request<pb::GetDailyConsumptionRequest>,
    ) -> Result<Response<pb::GetDailyConsumptionResponse>, Status> {
        let call = call_of(&request)?;
        let answered = daily(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_monthly_consumption(
        &self,
        request: Request<pb::GetMonthlyConsumptionRequest>,
    ) -> Result<Response<pb::GetMonthlyConsumptionResponse>, Status> {
        let call = call_of(&request)?;
        let answered = monthly(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_completeness(
        &self,
        request: Request<pb::GetCompletenessRequest>,
    ) -> Result<Response<pb::GetCompletenessResponse>, Status> {
        let call = call_of(&request)?;
        let answered = completeness(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_settlement(
        &self,
        request: Request<pb::GetSettlementRequest>,
    ) -> Result<Response<pb::GetSettlementResponse>, Status> {
        let call = call_of(&request)?;
        let answered = settlement(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn list_exceptions(
        &self,
        request: Request<pb::ListExceptionsRequest>,
    ) -> Result<Response<pb::ListExceptionsResponse>, Status> {
        let call = call_of(&request)?;
        let answered = exceptions(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_trial_balance(
        &self,
        request: Request<pb::GetTrialBalanceRequest>,
    ) -> Result<Response<pb::GetTrialBalanceResponse>, Status> {
        let call = call_of(&request)?;
        let answered = trial_balance(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }

    async fn get_totals(
        &self,
        request: Request<pb::GetTotalsRequest>,
    ) -> Result<Response<pb::GetTotalsResponse>, Status> {
        let call = call_of(&request)?;
        let answered = totals(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }
}

async fn balance(
    api: &Api,
    call: &Call,
    m: &pb::GetBalanceRequest,
) -> Result<pb::GetBalanceResponse, No> {
    let account = api
        .account_of(&m.at_least, Named::try_from(m.account.as_ref())?)
        .await?;
    let ask = |snapshot: &Snapshot| {
        let wallets = snapshot.balances(&account)?;
        if wallets.is_empty() {
            // Either it has had no meter yet, or there is none.
            api.overview(snapshot, &account, call)?;
        }
        Ok(wallets)
    };
    let (wallets, token) = api.point(call, &m.at_least, ask).await?;
    let wallets = wallets.into_iter().map(Into::into).collect();
    Ok(pb::GetBalanceResponse {
        account_id: account.to_string(),
        wallets,
        token,
    })
}

async fn account(
    api: &Api,
    call: &Call,
    m: &pb::GetAccountRequest,
) -> Result<pb::GetAccountResponse, No> {
    let account = api
        .account_of(&m.at_least, Named::try_from(m.account.as_ref())?)
        .await?;
    let ask = |snapshot: &Snapshot| api.overview(snapshot, &account, call);
    Ok(api.point(call, &m.at_least, ask).await?.into())
}

async fn holders(
    api: &Api,
    call: &Call,
    m: &pb::ListMeterHoldersRequest,
) -> Result<pb::ListMeterHoldersResponse, No> {
    let MeterQuestion { meter } = MeterQuestion::try_from(m)?;
    let (found, token) = api
        .point(call, &m.at_least, |snapshot| {
            Ok(snapshot.holders_of(&meter)?)
        })
        .await?;
    if found.is_empty() {
        return Err(not_found(&format!("meter {meter}")));
    }
    Ok(pb::ListMeterHoldersResponse {
        holders: found.into_iter().map(Into::into).collect(),
        token,
    })
}

async fn statement(
    api: &Api,
    call: &Call,
    m: &pb::GetStatementRequest,
) -> Result<pb::GetStatementResponse, No> {
    let StatementQuestion { range, page } = StatementQuestion::try_from(m)?;
    let account = api
        .account_of(&m.at_least, Named::try_from(m.account.as_ref())?)
        .await?;
    let account_id = account.to_string();
    let month = api
        .ledger
        .policies()
        .default_policy()
        .zone()
        .month_of(call.received_at);
    let ask = move |snapshot: &Snapshot| {
        let found = snapshot.statement(&account, range, page)?;
        if found.items.is_empty() && snapshot.account(&account, month)?.is_none() {
            return Err(not_found(&format!("account {account}")));
        }
        Ok(found)
    };
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let lines = found.items.into_iter().map(Into::into).collect();
    Ok(pb::GetStatementResponse {
        account_id,
        lines,
        next_page_token,
        token,
    })
}

async fn receipts(
    api: &Api,
    call: &Call,
    m: &pb::ListReceiptsRequest,
) -> Result<pb::ListReceiptsResponse, No> {
    let ReceiptsQuestion { mut filter, page } = ReceiptsQuestion::try_from(m)?;
    filter.account = api.by_id(&m.at_least, filter.account).await?;
    let principal = &call.principal;
    match &filter.channel {
        Some(channel) => {
            own_channel_or(&principal.channel, channel, principal.sees_all_channels())?;
        }
        None if principal.sees_all_channels() => {}
        None => filter.channel = Some(principal.channel.clone()),
    }
    let ask = move |snapshot: &Snapshot| Ok(snapshot.receipts(&filter, page)?);
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let receipts = found.items.into_iter().map(|receipt| {
        let channel_kind = api.gate.channel_kind(receipt.channel.as_str());
        pb::ReceiptRecord {
            channel_kind,
            ..receipt.into()
        }
    });
    let receipts = receipts.collect();
    Ok(pb::ListReceiptsResponse {
        receipts,
        next_page_token,
        token,
    })
}

async fn daily(
    api: &Api,
    call: &Call,
    m: &pb::GetDailyConsumptionRequest,
) -> Result<pb::GetDailyConsumptionResponse, No> {
    let DaysQuestion { meter, from, to } = DaysQuestion::try_from(m)?;
    api.holder_of(&m.at_least, &meter).await?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.consumption_daily(&meter, from, to)?);
    let (days, token) = api.report(call, &m.at_least, ask).await?;
    Ok(pb::GetDailyConsumptionResponse {
        days: days.into_iter().map(Into::into).collect(),
        token,
    })
}

async fn monthly(
    api: &Api,
    call: &Call,
    m: &pb::GetMonthlyConsumptionRequest,
) -> Result<pb::GetMonthlyConsumptionResponse, No> {
    let MonthsQuestion { meter, from, to } = MonthsQuestion::try_from(m)?;
    api.holder_of(&m.at_least, &meter).await?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.consumption_monthly(&meter, from, to)?);
    let (months, token) = api.report(call, &m.at_least, ask).await?;
    Ok(pb::GetMonthlyConsumptionResponse {
        months: months.into_iter().map(Into::into).collect(),
        token,
    })
}

async fn completeness(
    api: &Api,
    call: &Call,
    m: &pb::GetCompletenessRequest,
) -> Result<pb::GetCompletenessResponse, No> {
    let DaysQuestion { meter, from, to } = DaysQuestion::try_from(m)?;
    let local = local_days(api, call, (&m.at_least, &meter)).await?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.completeness(&meter, (from, to), &local)?);
    let (days, token) = api.report(call, &m.at_least, ask).await?;
    Ok(pb::GetCompletenessResponse {
        days: days.into_iter().map(Into::into).collect(),
        token,
    })
}

/// How the days of a meter are told: those of the scheme of whoever holds it, or held it last.
async fn local_days(
    api: &Api,
    call: &Call,
    (at_least, meter): (&str, &MeterNumber),
) -> Result<LocalDays, No> {
    let holder = api.holder_of(at_least, meter).await?;
    let account = api.ledger.account(&holder.account).await?;
    let policies = api.ledger.policies();
    let scheme = account.and_then(|view| policies.named(view.account.scheme()));
    let zone = scheme.unwrap_or(policies.default_policy()).zone().clone();
    let today = zone.date_of(call.received_at);
    Ok(LocalDays { zone, today })
}

async fn settlement(
    api: &Api,
    call: &Call,
    m: &pb::GetSettlementRequest,
) -> Result<pb::GetSettlementResponse, No> {
    let SettlementQuestion { channel, day, page } = SettlementQuestion::try_from(m)?;
    let principal = &call.principal;
    let channel = channel.unwrap_or_else(|| principal.channel.clone());
    own_channel_or(&principal.channel, &channel, principal.sees_all_channels())?;
    let is_known = api.gate.keys().names_channel(&channel);
    let ask = move |snapshot: &Snapshot| Ok(snapshot.settlement(&channel, day, page)?);
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    if found.count == 0 && !is_known {
        // A slip of the pen must not read like a day without takings that ties.
        return Err(not_found(&format!(
            "channel {}: no key acts for it, and it took nothing on {}",
            found.channel, found.day
        )));
    }
    Ok(pb::GetSettlementResponse {
        channel_kind: api.gate.channel_kind(found.channel.as_str()),
        channel: found.channel.to_string(),
        date: found.day.to_string(),
        count: found.count,
        total: found.total.to_string(),
        posted: found.posted.to_string(),
        ties: found.ties,
        next_page_token: to_page_token(found.lines.next),
        lines: found.lines.items.into_iter().map(Into::into).collect(),
        token,
    })
}

async fn exceptions(
    api: &Api,
    call: &Call,
    m: &pb::ListExceptionsRequest,
) -> Result<pb::ListExceptionsResponse, No> {
    let ExceptionsQuestion { mut filter, page } = ExceptionsQuestion::try_from(m)?;
    filter.account = api.by_id(&m.at_least, filter.account).await?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.exceptions(&filter, page)?);
    let (found, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(found.next);
    let exceptions = found.items.into_iter().map(Into::into).collect();
    Ok(pb::ListExceptionsResponse {
        exceptions,
        next_page_token,
        token,
    })
}

async fn trial_balance(
    api: &Api,
    call: &Call,
    m: &pb::GetTrialBalanceRequest,
) -> Result<pb::GetTrialBalanceResponse, No> {
    let ask = |snapshot: &Snapshot| Ok((snapshot.trial_balance()?, snapshot.control_accounts()?));
    let ((trial, controls), token) = api.report(call, &m.at_least, ask).await?;
    Ok(pb::GetTrialBalanceResponse {
        lines: trial.lines.into_iter().map(Into::into).collect(),
        debit: trial.debit.to_string(),
        credit: trial.credit.to_string(),
        balanced: trial.balanced,
        controls: controls.into_iter().map(Into::into).collect(),
        token,
    })
}

async fn totals(
    api: &Api,
    call: &Call,
    m: &pb::GetTotalsRequest,
) -> Result<pb::GetTotalsResponse, No> {
    Ok(api
        .report(call, &m.at_least, |snapshot| Ok(snapshot.totals()?))
        .await?
        .into())
}
