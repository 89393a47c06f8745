//! The service of streams: who is let in, and what is asked of the store. Nothing is ever deleted.

use std::sync::Arc;

use kurrent_wire::names;
use kurrent_wire::pb::streams::streams_server::Streams;
use kurrent_wire::pb::streams::{
    AppendReq, AppendResp, BatchAppendReq, DeleteReq, DeleteResp, ReadReq, TombstoneReq,
    TombstoneResp,
};
use tonic::{Request, Response, Status, Streaming};

use crate::append::{self, BatchAnswers, Outcome, Refusal};
use crate::auth::Grant;
use crate::config::{Advertised, Appends};
use crate::connection::{ConnectionInfo, Cut};
use crate::faults::Fate;
use crate::read::{self, Answers};
use crate::server::Shared;
use crate::trailers;

/// Streams over an event store.
pub(crate) struct StreamsOverStore(pub(crate) Arc<Shared>);

/// Who appends, and over which connection.
pub(crate) struct Caller {
    pub(crate) shared: Arc<Shared>,
    pub(crate) name: String,
    may_append: bool,
    cut: Cut,
    reached: Advertised,
}

impl Caller {
    fn new<T>(shared: &Arc<Shared>, grant: Grant, request: &Request<T>) -> Self {
        let extensions = request.extensions();
        let info = extensions.get::<ConnectionInfo>();
        Self {
            shared: Arc::clone(shared),
            name: grant.name,
            may_append: grant.append,
            cut: info.map(|info| info.cut.clone()).unwrap_or_default(),
            reached: shared.reached(extensions),
        }
    }

    /// Why this caller's appends are refused, if they are.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self.shared.appends {
            Appends::Refused => Some(Refusal::ReadOnly),
            Appends::Allowed if !self.may_append => Some(Refusal::Forbidden),
            Appends::Allowed => None,
        }
    }

    /// Who leads, when a fault says that this server does not.
    pub(crate) fn leader(&self) -> Advertised {
        let other = self.shared.faults.plan().leader;
        other.unwrap_or_else(|| self.reached.clone())
    }

    /// What the desk calls with the outcome. Faults keep answers of committed appends back.
    pub(crate) fn reply(
        &self,
        fate: Fate,
        send: impl FnOnce(Outcome) + Send + 'static,
    ) -> Box<dyn FnOnce(Outcome) + Send> {
        let faults = self.shared.faults.clone();
        let cut = self.cut.clone();
        Box::new(move |outcome| {
            let committed = matches!(
                outcome,
                Outcome::Written {
                    position: Some(_),
                    ..
                }
            );
            match fate {
                Fate::ReplyDropped if committed => faults.reply_dropped(),
                Fate::Broken if committed => {
                    faults.broken();
                    cut.now();
                }
                Fate::Usual
                | Fate::Dropped
                | Fate::ReplyDropped
                | Fate::Broken
                | Fate::NotLeader
                | Fate::NotReady => send(outcome),
            }
        })
    }
}

fn requires_leader<T>(request: &Request<T>) -> bool {
    request
        .metadata()
        .get(names::HEADER_REQUIRES_LEADER)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

#[tonic::async_trait]
impl Streams for StreamsOverStore {
    type ReadStream = Answers;
    type BatchAppendStream = BatchAnswers;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Answers>, Status> {
        let grant = self.0.admit(request.metadata())?;
        if self.0.faults.isolated() {
            return Err(Status::unavailable(trailers::NOT_READY));
        }
        if requires_leader(&request) && self.0.faults.sends_reader_away() {
            return Err(trailers::not_leader(&self.0.leader(request.extensions())));
        }
        let remote = request
            .extensions()
            .get::<ConnectionInfo>()
            .and_then(|info| info.remote);
        let options = request
            .into_inner()
            .options
            .ok_or_else(|| trailers::invalid("'options' is missing"))?;
        tracing::debug!(caller = %grant.name, ?remote, ?options, "a KurrentDB client reads");
        read::read(&self.0, options).map(Response::new)
    }

    async fn append(
        &self,
        request: Request<Streaming<AppendReq>>,
    ) -> Result<Response<AppendResp>, Status> {
        let grant = self.0.admit(request.metadata())?;
        let caller = Caller::new(&self.0, grant, &request);
        let answer = append::append(&caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        let grant = self.0.admit(request.metadata())?;
        tracing::info!(caller = %grant.name, "a delete was refused");
        Err(trailers::access_denied(trailers::NOTHING_DELETED))
    }

    async fn tombstone(
        &self,
        request: Request<TombstoneReq>,
    ) -> Result<Response<TombstoneResp>, Status> {
        let grant = self.0.admit(request.metadata())?;
        tracing::info!(caller = %grant.name, "a tombstone was refused");
        Err(trailers::access_denied(trailers::NOTHING_DELETED))
    }

    async fn batch_append(
        &self,
        request: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<BatchAnswers>, Status> {
        let grant = self.0.admit(request.metadata())?;
        let caller = Arc::new(Caller::new(&self.0, grant, &request));
        Ok(Response::new(append::batch_append(
            caller,
            request.into_inner(),
        )))
    }
}
