//! `SchemeService`: versions of schemes, published and listed.

use std::sync::Arc;

use ledger_core::answer::Answer;
use ledger_core::event::SchemePublished;
use ledger_core::scheme::SchemePolicy;
use ledger_service::PublishRequest;
use tonic::{Request, Response, Status};

use super::{Api, call_of};
use crate::convert::{Fields, published, to_instant, to_token};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `SchemeService`.
#[derive(Clone)]
pub(crate) struct Schemes(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::scheme_service_server::SchemeService for Schemes {
    async fn publish_scheme(
        &self,
        request: Request<pb::PublishSchemeRequest>,
    ) -> Result<Response<pb::PublishSchemeResponse>, Status> {
        let call = call_of(&request)?;
        let message = request.into_inner();
        let reference = message.reference.clone();
        let answered = publish(&self.0, &call, message).await;
        answered
            .map(Response::new)
            .map_err(|no| no.status(&reference))
    }

    async fn list_scheme_versions(
        &self,
        request: Request<pb::ListSchemeVersionsRequest>,
    ) -> Result<Response<pb::ListSchemeVersionsResponse>, Status> {
        call_of(&request)?;
        let scheme = &request.get_ref().scheme;
        let versions = self.0.ledger.scheme_versions(scheme).await;
        let versions = versions.map_err(|error| No::from(error).status(""))?;
        let versions = versions.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListSchemeVersionsResponse { versions }))
    }
}

async fn publish(
    api: &Api,
    call: &Call,
    m: pb::PublishSchemeRequest,
) -> Result<pb::PublishSchemeResponse, No> {
    let mut f = Fields::new();
    let key = f.key(&call.principal.channel, &m.reference);
    f.given("text", &m.text);
    let key = f.finish(key)?;
    // A text that is no scheme is refused by the ledger, with line and key.
    let priced_until = match SchemePolicy::from_toml(&m.text) {
        Ok(policy) => {
            let tail = api.store.tail().await.map_err(|e| No::Bug(e.to_string()))?;
            let name = policy.name().to_owned();
            let ask = move |snapshot: &projections::Snapshot| Ok(snapshot.priced_until(&name)?);
            api.report(call, &to_token(tail), ask).await?.0
        }
        Err(_) => None,
    };
    let request = PublishRequest {
        key,
        actor: call.principal.actor.clone(),
        received_at: call.received_at,
        text: m.text,
    };
    let reply = api.ledger.publish_scheme(request, priced_until).await?;
    match reply.answer {
        Answer::Published(told) => Ok(pb::PublishSchemeResponse {
            published: Some(published(told)),
            duplicate: reply.duplicate,
            token: to_token(reply.token),
        }),
        Answer::Refused(refusal) => Err(No::Refused(refusal)),
        other @ (Answer::Done { .. }
        | Answer::Receipt(_)
        | Answer::Step(_)
        | Answer::Suspended(_)
        | Answer::Returned(_)
        | Answer::Reading(_)) => Err(No::Bug(format!(
            "a publication was answered as something else: {other:?}"
        ))),
    }
}

impl From<SchemePublished> for pb::SchemeVersion {
    fn from(version: SchemePublished) -> Self {
        Self {
            scheme: version.scheme,
            version: version.version,
            effective_from: Some(to_instant(version.from)),
            digest: version.digest,
            text: version.text,
        }
    }
}
