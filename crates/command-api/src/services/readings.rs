//! `ReadingService`: readings that people post, as a stream of lines (E13).

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use super::{Api, call_of, lines};
use crate::convert::{AskedReading, posted};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;

/// Serves `ReadingService`.
#[derive(Clone)]
pub(crate) struct Readings(pub(crate) Arc<Api>);

#[tonic::async_trait]
impl pb::reading_service_server::ReadingService for Readings {
    type PostReadingsStream = lines::Answers<pb::PostReadingsResponse>;

    async fn post_readings(
        &self,
        request: Request<Streaming<pb::PostReadingsRequest>>,
    ) -> Result<Response<Self::PostReadingsStream>, Status> {
        let call = call_of(&request)?;
        let api = Arc::clone(&self.0);
        let each = {
            let (api, call) = (Arc::clone(&api), Arc::clone(&call));
            move |line| {
                let (api, call) = (Arc::clone(&api), Arc::clone(&call));
                async move { post(&api, &call, line).await }
            }
        };
        let lines = request.into_inner();
        Ok(Response::new(lines::answers(&api, &call, lines, each)))
    }
}

async fn post(api: &Api, call: &Call, line: pb::PostReadingsRequest) -> pb::PostReadingsResponse {
    let asked = AskedReading::try_from(&line);
    // A stream may live for hours: its lines are received when they come, unless time is stated.
    let received_at = if call.received_at_stated {
        Ok(call.received_at)
    } else {
        api.gate.stamp("received_at", None)
    };
    let (AskedReading(reading), received_at) = match (asked, received_at) {
        (Ok(asked), Ok(received_at)) => (asked, received_at),
        (Err(no), _) | (_, Err(no)) => return posted(line.line, Err(no)),
    };
    let actor = &call.principal.actor;
    let answered = api.ledger.record_reading(actor, received_at, reading).await;
    posted(line.line, answered.map_err(No::from))
}
