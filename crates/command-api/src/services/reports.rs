//! `ReportService`: every report of the read models through one call.
//!
//! What a report is stands with the read models; here it is only asked, with each scheme's local day.

use std::sync::Arc;

use ledger_core::time::Timestamp;
use projections::Snapshot;
use projections::queries::reports::{ALL, SchemeLocal};
use tonic::{Request, Response, Status};

use super::{Api, call_of};
use crate::convert::{
    ReportQuestion, report_columns, report_described, report_told, to_instant, to_page_token,
};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `ReportService`.
#[derive(Clone)]
pub(crate) struct Reports(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::report_service_server::ReportService for Reports {
    async fn list_reports(
        &self,
        _: Request<pb::ListReportsRequest>,
    ) -> Result<Response<pb::ListReportsResponse>, Status> {
        let reports = ALL.into_iter().map(report_described).collect();
        Ok(Response::new(pb::ListReportsResponse { reports }))
    }

    async fn get_report(
        &self,
        request: Request<pb::GetReportRequest>,
    ) -> Result<Response<pb::GetReportResponse>, Status> {
        let call = call_of(&request)?;
        let answered = page(&self.0, &call, request.get_ref()).await;
        answered.map(Response::new).map_err(|no| no.status(""))
    }
}

async fn page(
    api: &Api,
    call: &Call,
    m: &pb::GetReportRequest,
) -> Result<pb::GetReportResponse, No> {
    let schemes = schemes(api, call.received_at);
    let (report, mut question) = ReportQuestion::try_from(m)?.to(schemes)?;
    question.account = api.by_id(&m.at_least, question.account).await?;
    let ask = move |snapshot: &Snapshot| Ok(snapshot.report(report, &question)?);
    let (answer, token) = api.report(call, &m.at_least, ask).await?;
    let next_page_token = to_page_token(answer.rows.next);
    let (rows, totals, ties) = report_told(answer);
    Ok(pb::GetReportResponse {
        name: report.name.to_owned(),
        columns: report_columns(report),
        rows,
        totals,
        ties,
        next_page_token,
        asked_at: Some(to_instant(call.received_at)),
        token,
    })
}

/// Each scheme as its local days go at an instant.
fn schemes(api: &Api, now: Timestamp) -> Vec<SchemeLocal> {
    let policies = api.ledger.policies().all();
    let local = |policy: &Arc<ledger_core::scheme::SchemePolicy>| {
        let policy = policy.in_force_at(now);
        let status = policy.billing().and_then(|billing| billing.status.as_ref());
        SchemeLocal {
            name: policy.name().to_owned(),
            zone: policy.zone().clone(),
            currency: policy.currency().code.clone(),
            today: policy.zone().date_of(now),
            belated_to_day: status.map(|status| status.belated_to_day),
        }
    };
    policies.iter().map(local).collect()
}
