//! `PaymentService`: quotes, top-ups one by one and in bulk, voids, and what became of a command.
//!
//! The unary top-up is the hot path: one look-up of the key at the gate, one parse, one submission. The
//! bulk stream differs from it in nothing but the transport.

use std::sync::Arc;

use ledger_core::command::Source;
use ledger_core::ids::{ChannelId, CommandKey};
use ledger_service::{Ask, CommandRequest, Quote, QuoteRequest, Target};
use tonic::{Request, Response, Status, Streaming};

use super::{Api, call_of, lines};
use crate::convert::{Asked, AskedQuote, Fields, stream_answer, stream_error};
use crate::errors::No;
use crate::gate::Call;
use crate::keys::Role;
use crate::pb;

/// Serves `PaymentService`.
#[derive(Clone)]
pub(crate) struct Payments(pub(crate) Arc<Api>);

type Answers = lines::Answers<pb::TopUpStreamResponse>;

#[tonic::async_trait]
impl pb::payment_service_server::PaymentService for Payments {
    type TopUpStreamStream = Answers;

    async fn validate_top_up(
        &self,
        request: Request<pb::ValidateTopUpRequest>,
    ) -> Result<Response<pb::ValidateTopUpResponse>, Status> {
        let call = call_of(&request)?;
        let asked = AskedQuote::try_from(request.get_ref());
        let quote = self
            .0
            .quote(&call, asked)
            .await
            .map_err(|no| no.status(""))?;
        Ok(Response::new(quote.into()))
    }

    async fn quote_top_up(
        &self,
        request: Request<pb::QuoteTopUpRequest>,
    ) -> Result<Response<pb::QuoteTopUpResponse>, Status> {
        let call = call_of(&request)?;
        let asked = AskedQuote::try_from(request.get_ref());
        let quote = self
            .0
            .quote(&call, asked)
            .await
            .map_err(|no| no.status(""))?;
        Ok(Response::new(quote.into()))
    }

    async fn top_up(
        &self,
        request: Request<pb::TopUpRequest>,
    ) -> Result<Response<pb::TopUpResponse>, Status> {
        let Some(rehearsal) = self.0.rehearsal else {
            return self.0.ask(request).await;
        };
        let meter = request.get_ref().meter.clone();
        let answered: Result<Response<pb::TopUpResponse>, Status> = self.0.ask(request).await;
        let answered = answered?;
        if answered.get_ref().duplicate {
            return Ok(answered);
        }
        rehearsal.before_answering(&meter).await?;
        Ok(answered)
    }

    async fn top_up_stream(
        &self,
        request: Request<Streaming<pb::TopUpStreamRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let call = call_of(&request)?;
        let api = Arc::clone(&self.0);
        let each = {
            let (api, call) = (Arc::clone(&api), Arc::clone(&call));
            move |line| {
                let (api, call) = (Arc::clone(&api), Arc::clone(&call));
                async move { api.line(&call, line).await }
            }
        };
        Ok(Response::new(lines::answers(
            &api,
            &call,
            request.into_inner(),
            each,
        )))
    }

    async fn void_top_up(
        &self,
        request: Request<pb::VoidTopUpRequest>,
    ) -> Result<Response<pb::VoidTopUpResponse>, Status> {
        self.0.ask(request).await
    }

    async fn find_command(
        &self,
        request: Request<pb::FindCommandRequest>,
    ) -> Result<Response<pb::FindCommandResponse>, Status> {
        let call = call_of(&request)?;
        let message = request.get_ref();
        let found = self.0.find_command(&call, message).await;
        found
            .map(Response::new)
            .map_err(|no| no.status(&message.reference))
    }
}

impl Api {
    async fn quote(&self, call: &Call, asked: Result<AskedQuote, No>) -> Result<Quote, No> {
        let AskedQuote { meter, amount } = asked?;
        let ask = Ask::TopUp {
            amount,
            source: Source::NotTaken,
        };
        let request = QuoteRequest {
            target: Target::Meter(meter),
            ask,
            received_at: call.received_at,
        };
        self.ledger.quote(request).await?.map_err(No::Refused)
    }

    async fn find_command(
        &self,
        call: &Call,
        m: &pb::FindCommandRequest,
    ) -> Result<pb::FindCommandResponse, No> {
        let mut f = Fields::new();
        let reference = f.reference("reference", &m.reference);
        let channel = if m.channel.is_empty() {
            Some(call.principal.channel.clone())
        } else {
            f.channel("channel", &m.channel)
        };
        let key = (|| {
            Some(CommandKey {
                channel: channel?,
                reference: reference?,
            })
        })();
        let key = f.finish(key)?;
        own_channel_or(
            &call.principal.channel,
            &key.channel,
            call.principal.has(Role::Staff),
        )?;
        self.ledger.key_status(&key).await?.try_into()
    }

    /// One line of a stream, as the unary call would carry it out.
    async fn line(&self, call: &Call, line: pb::TopUpStreamRequest) -> pb::TopUpStreamResponse {
        let asked = Asked::try_from((&call.principal.channel, &line));
        let received_at = self.line_received_at(call, &line);
        let reference = line.reference;
        let (asked, received_at) = match (asked, received_at) {
            (Ok(asked), Ok(received_at)) => (asked, received_at),
            (Err(no), _) | (_, Err(no)) => return stream_error(reference, &no),
        };
        let Asked { key, target, ask } = asked;
        let actor = call.principal.actor.clone();
        let command = CommandRequest {
            key,
            actor,
            received_at,
            target,
            ask,
        };
        stream_answer(
            reference,
            self.ledger.submit(command).await.map_err(No::from),
        )
    }

    fn line_received_at(
        &self,
        call: &Call,
        line: &pb::TopUpStreamRequest,
    ) -> Result<ledger_core::time::Timestamp, No> {
        if line.received_at.is_none() {
            // A stream may live for hours: its lines are received when they come, unless time is stated.
            return if call.received_at_stated {
                Ok(call.received_at)
            } else {
                self.gate.stamp("received_at", None)
            };
        }
        let mut f = Fields::new();
        let stated = f.instant("received_at", line.received_at);
        self.gate.stamp("received_at", Some(f.finish(stated)?))
    }
}

/// A channel's key reaches what is its own; others need to see all channels.
pub(super) fn own_channel_or(own: &ChannelId, asked: &ChannelId, sees_all: bool) -> Result<(), No> {
    if own == asked || sees_all {
        return Ok(());
    }
    let text = format!("channel {asked} is not that of the API key");
    Err(No::Operational(
        crate::errors::Operational::OtherChannel,
        text,
    ))
}
