//! A typed client: the generated clients over one connection, with the API key attached.
//!
//! For the command line, the demo, the bench and the tests. Absent on purpose: retries. Every write may be
//! sent again under the same reference; when to do so is the caller's decision.

use std::time::Duration;

use ledger_core::time::Timestamp;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::gate::RECEIVED_AT_HEADER;
use crate::pb;

/// Longest a connection takes to be made: a server on the same continent answers in a fraction.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of one stream in flight before the server waits; the same as the server's own.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes of one connection in flight before the server waits.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none, or nobody answers there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Address as given.
        address: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// The key has characters that a header cannot carry.
    #[error("the API key has characters that a header cannot carry")]
    BadKey,
}

/// Puts the API key, and the time of receipt where one is stated, beside every call.
#[derive(Debug, Clone)]
pub struct Attach {
    bearer: MetadataValue<Ascii>,
    received_at: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Attach {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", self.bearer.clone());
        if let Some(at) = &self.received_at {
            request
                .metadata_mut()
                .insert(RECEIVED_AT_HEADER, at.clone());
        }
        Ok(request)
    }
}

/// What the generated clients run over.
pub type Wire = InterceptedService<Channel, Attach>;

/// A connection with an API key.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    attach: Attach,
}

impl Client {
    /// Connects to `http://host:port` with an API key.
    ///
    /// # Errors
    /// When nobody answers there within 5 s, or the key cannot be sent.
    pub async fn connect(address: &str, key: &str) -> Result<Self, ClientError> {
        let failed = |source| ClientError::Connect {
            address: address.to_owned(),
            source,
        };
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(failed)?;
        let channel = tuned(endpoint).connect().await.map_err(failed)?;
        Self::over(channel, key)
    }

    /// Uses a connection that exists.
    ///
    /// # Errors
    /// When the key cannot be sent.
    pub fn over(channel: Channel, key: &str) -> Result<Self, ClientError> {
        let mut bearer: MetadataValue<Ascii> = format!("Bearer {key}")
            .parse()
            .map_err(|_| ClientError::BadKey)?;
        bearer.set_sensitive(true);
        Ok(Self {
            channel,
            attach: Attach {
                bearer,
                received_at: None,
            },
        })
    }

    /// The same, stating the time of receipt; for servers with the simulated clock only.
    #[must_use]
    pub fn at(&self, received_at: Timestamp) -> Self {
        let mut copy = self.clone();
        // RFC 3339 is ASCII.
        copy.attach.received_at = received_at.to_string().parse().ok();
        copy
    }

    /// The connection itself.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    fn wire(&self) -> Wire {
        InterceptedService::new(self.channel.clone(), self.attach.clone())
    }

    /// Accounts.
    #[must_use]
    pub fn accounts(&self) -> pb::account_service_client::AccountServiceClient<Wire> {
        pb::account_service_client::AccountServiceClient::new(self.wire())
    }

    /// Meters.
    #[must_use]
    pub fn meters(&self) -> pb::meter_service_client::MeterServiceClient<Wire> {
        pb::meter_service_client::MeterServiceClient::new(self.wire())
    }

    /// Payments.
    #[must_use]
    pub fn payments(&self) -> pb::payment_service_client::PaymentServiceClient<Wire> {
        pb::payment_service_client::PaymentServiceClient::new(self.wire())
    }

    /// Debt.
    #[must_use]
    pub fn debt(&self) -> pb::debt_service_client::DebtServiceClient<Wire> {
        pb::debt_service_client::DebtServiceClient::new(self.wire())
    }

    /// Suspense.
    #[must_use]
    pub fn suspense(&self) -> pb::suspense_service_client::SuspenseServiceClient<Wire> {
        pb::suspense_service_client::SuspenseServiceClient::new(self.wire())
    }

    /// Persons.
    #[must_use]
    pub fn persons(&self) -> pb::person_service_client::PersonServiceClient<Wire> {
        pb::person_service_client::PersonServiceClient::new(self.wire())
    }

    /// Prepayment with arrears.
    #[must_use]
    pub fn prepayment(&self) -> pb::prepayment_service_client::PrepaymentServiceClient<Wire> {
        pb::prepayment_service_client::PrepaymentServiceClient::new(self.wire())
    }

    /// Versions of schemes.
    #[must_use]
    pub fn schemes(&self) -> pb::scheme_service_client::SchemeServiceClient<Wire> {
        pb::scheme_service_client::SchemeServiceClient::new(self.wire())
    }

    /// Supply.
    #[must_use]
    pub fn supply(&self) -> pb::supply_service_client::SupplyServiceClient<Wire> {
        pb::supply_service_client::SupplyServiceClient::new(self.wire())
    }

    /// Credit of older systems.
    #[must_use]
    pub fn legacy(&self) -> pb::legacy_credit_service_client::LegacyCreditServiceClient<Wire> {
        pb::legacy_credit_service_client::LegacyCreditServiceClient::new(self.wire())
    }

    /// Work orders.
    #[must_use]
    pub fn work_orders(&self) -> pb::work_order_service_client::WorkOrderServiceClient<Wire> {
        pb::work_order_service_client::WorkOrderServiceClient::new(self.wire())
    }

    /// Reports.
    #[must_use]
    pub fn reports(&self) -> pb::report_service_client::ReportServiceClient<Wire> {
        pb::report_service_client::ReportServiceClient::new(self.wire())
    }

    /// Readings that people post.
    #[must_use]
    pub fn readings(&self) -> pb::reading_service_client::ReadingServiceClient<Wire> {
        pb::reading_service_client::ReadingServiceClient::new(self.wire())
    }

    /// Applications for a connection.
    #[must_use]
    pub fn applications(&self) -> pb::application_service_client::ApplicationServiceClient<Wire> {
        pb::application_service_client::ApplicationServiceClient::new(self.wire())
    }

    /// Complaints.
    #[must_use]
    pub fn complaints(&self) -> pb::complaint_service_client::ComplaintServiceClient<Wire> {
        pb::complaint_service_client::ComplaintServiceClient::new(self.wire())
    }

    /// Bills and consumers.
    #[must_use]
    pub fn billing(&self) -> pb::billing_service_client::BillingServiceClient<Wire> {
        pb::billing_service_client::BillingServiceClient::new(self.wire())
    }

    /// Reads.
    #[must_use]
    pub fn queries(&self) -> pb::query_service_client::QueryServiceClient<Wire> {
        pb::query_service_client::QueryServiceClient::new(self.wire())
    }
}

/// An endpoint with what makes small calls fast and long streams steady.
#[must_use]
pub fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
}
