//! The protocol as Rust: messages, clients and servers, generated from `proto/kurrent/`.
//!
//! The modules are nested as the packages are, because the generated code names its neighbours by path. The
//! comments of the protos are the documentation.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::restriction
)]

pub mod google {
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
}

pub mod event_store {
    pub mod client {
        tonic::include_proto!("event_store.client");

        pub mod streams {
            tonic::include_proto!("event_store.client.streams");
        }

        pub mod server_features {
            tonic::include_proto!("event_store.client.server_features");
        }

        pub mod gossip {
            tonic::include_proto!("event_store.client.gossip");
        }

        pub mod persistent_subscriptions {
            tonic::include_proto!("event_store.client.persistent_subscriptions");
        }
    }
}

pub use event_store::client as shared;
pub use event_store::client::{gossip, persistent_subscriptions, server_features, streams};
pub use google::rpc;
