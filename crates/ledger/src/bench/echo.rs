//! The reference of `ledger bench topup`: the same messages over the same transport, and nothing behind.
//!
//! What gRPC alone costs on this machine. It answers every top-up with a receipt that is made of the
//! request; the other calls of the service are not offered.

use std::pin::Pin;

use command_api::pb;
use command_api::pb::payment_service_server::{PaymentService, PaymentServiceServer};
use futures::stream::{Stream, StreamExt};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::cli::block_on;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;

/// The windows of the ledger's own server, so that neither side is held back by the transport.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// See [`STREAM_WINDOW_BYTES`].
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Serves on a free loopback port, told in one line, until it is ended.
///
/// # Errors
/// When no port can be had.
pub(crate) fn serve(console: Console) -> Result<Exit, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::unavailable("BENCH_ECHO", format!("the echo: {error}"))
    };
    block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        console.json(&json!({"event": "ready", "grpc": address.to_string()}))?;
        let incoming = TcpListenerStream::new(listener).inspect(|stream| {
            if let Ok(stream) = stream {
                // Where this is refused, small answers are late, and the figures show it.
                let _ = stream.set_nodelay(true);
            }
        });
        Server::builder()
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .add_service(PaymentServiceServer::new(Echo))
            .serve_with_incoming(incoming)
            .await
            .map_err(|error| failed(&error))?;
        Ok(Exit::Done)
    })
}

struct Echo;

type Answers = Pin<Box<dyn Stream<Item = Result<pb::TopUpStreamResponse, Status>> + Send>>;

/// As long as a real receipt.
fn receipt(reference: &str, meter: &str, amount: &str) -> pb::Receipt {
    pb::Receipt {
        number: format!("{meter}-000001"),
        kind: pb::ReceiptKind::TopUp.into(),
        account_id: meter.to_owned(),
        utility: pb::Utility::Electricity.into(),
        meter: meter.to_owned(),
        amount: amount.to_owned(),
        balance: "512.34567".to_owned(),
        at: Some(some_time()),
        channel: "incomm".to_owned(),
        reference: reference.to_owned(),
        first: false,
        arrears: String::new(),
        emergency_repaid: String::new(),
        emergency_withdrawn: String::new(),
    }
}

fn some_time() -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: 1_772_323_200,
        nanos: 500_000_000,
    }
}

/// As long as a real token.
const TOKEN: &str = "00000000000000000000000000000000000000000000";

#[tonic::async_trait]
impl PaymentService for Echo {
    type TopUpStreamStream = Answers;

    async fn top_up(
        &self,
        request: Request<pb::TopUpRequest>,
    ) -> Result<Response<pb::TopUpResponse>, Status> {
        let pb::TopUpRequest {
            reference,
            meter,
            amount,
            ..
        } = request.into_inner();
        let receipt = receipt(&reference, &meter, &amount);
        let result = Some(pb::top_up_response::Result::Receipt(receipt));
        Ok(Response::new(pb::TopUpResponse {
            result,
            duplicate: false,
            token: TOKEN.to_owned(),
        }))
    }

    async fn top_up_stream(
        &self,
        request: Request<Streaming<pb::TopUpStreamRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let answers = request.into_inner().map(|line| {
            let pb::TopUpStreamRequest {
                reference,
                meter,
                amount,
                ..
            } = line?;
            let receipt = receipt(&reference, &meter, &amount);
            let result = Some(pb::top_up_stream_response::Result::Receipt(receipt));
            Ok(pb::TopUpStreamResponse {
                reference,
                result,
                duplicate: false,
                token: TOKEN.to_owned(),
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn validate_top_up(
        &self,
        _: Request<pb::ValidateTopUpRequest>,
    ) -> Result<Response<pb::ValidateTopUpResponse>, Status> {
        Err(Status::unimplemented("the echo answers top-ups only"))
    }

    async fn quote_top_up(
        &self,
        _: Request<pb::QuoteTopUpRequest>,
    ) -> Result<Response<pb::QuoteTopUpResponse>, Status> {
        Err(Status::unimplemented("the echo answers top-ups only"))
    }

    async fn void_top_up(
        &self,
        _: Request<pb::VoidTopUpRequest>,
    ) -> Result<Response<pb::VoidTopUpResponse>, Status> {
        Err(Status::unimplemented("the echo answers top-ups only"))
    }

    async fn find_command(
        &self,
        _: Request<pb::FindCommandRequest>,
    ) -> Result<Response<pb::FindCommandResponse>, Status> {
        Err(Status::unimplemented("the echo answers top-ups only"))
    }
}
