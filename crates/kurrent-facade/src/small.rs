//! The small services: what the server can do, who is in its cluster of one, and the empty list of persistent
//! subscriptions. Every other method and service is answered as not implemented.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kurrent_wire::convert::{UuidForm, ticks_of_ms, uuid_to_wire};
use kurrent_wire::pb::gossip::gossip_server::Gossip;
use kurrent_wire::pb::gossip::member_info::VNodeState;
use kurrent_wire::pb::gossip::{ClusterInfo, EndPoint, MemberInfo};
use kurrent_wire::pb::persistent_subscriptions::persistent_subscriptions_server::PersistentSubscriptions;
use kurrent_wire::pb::persistent_subscriptions::{ListReq, ListResp};
use kurrent_wire::pb::server_features::server_features_server::ServerFeatures;
use kurrent_wire::pb::server_features::{SupportedMethod, SupportedMethods};
use kurrent_wire::pb::shared::Empty;
use tonic::{Request, Response, Status};

use crate::server::Shared;

/// The server version whose behaviour is shown; clients read nothing but its numbers.
const VERSION: &str = "25.1.0";
const STREAMS: &str = "event_store.client.streams.streams";

/// Milliseconds since 1970 UTC; a clock before that says 0.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

/// What clients may rely on.
pub(crate) struct Features;

#[tonic::async_trait]
impl ServerFeatures for Features {
    async fn get_supported_methods(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<SupportedMethods>, Status> {
        let method = |name: &str, features: &[&str]| SupportedMethod {
            method_name: name.to_owned(),
            service_name: STREAMS.to_owned(),
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
        };
        Ok(Response::new(SupportedMethods {
            methods: vec![
                method("read", &["position", "events"]),
                method("append", &[]),
                method("batchappend", &["deadline_duration"]),
                // Known and always refused.
                method("delete", &[]),
                method("tombstone", &[]),
            ],
            event_store_server_version: VERSION.to_owned(),
        }))
    }
}

/// One member, which leads unless a fault cut it off from the others.
pub(crate) struct GossipOfOne(pub(crate) Arc<Shared>);

#[tonic::async_trait]
impl Gossip for GossipOfOne {
    async fn read(&self, request: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        let reached = self.0.reached(request.extensions());
        let state = if self.0.faults.isolated() {
            VNodeState::Unknown
        } else {
            VNodeState::Leader
        };
        let member = MemberInfo {
            instance_id: Some(uuid_to_wire(self.0.store.store_id().id, UuidForm::Text)),
            time_stamp: ticks_of_ms(now_ms()),
            state: state.into(),
            is_alive: true,
            http_end_point: Some(EndPoint {
                address: reached.host,
                port: u32::from(reached.port),
            }),
        };
        Ok(Response::new(ClusterInfo {
            members: vec![member],
        }))
    }
}

/// None.
pub(crate) struct NoPersistentSubscriptions(pub(crate) Arc<Shared>);

#[tonic::async_trait]
impl PersistentSubscriptions for NoPersistentSubscriptions {
    async fn list(&self, request: Request<ListReq>) -> Result<Response<ListResp>, Status> {
        self.0.admit(request.metadata())?;
        Ok(Response::new(ListResp {
            subscriptions: Vec::new(),
        }))
    }
}
