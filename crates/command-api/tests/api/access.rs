//! Who may call what: every RPC of the contract with every kind of key, over the socket.

use command_api::access::RULES;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::harness::{KEYS, World, reason_of};

/// Calls an RPC with an empty message; what matters is how far it gets.
async fn knock(channel: &Channel, path: &'static str, bearer: Option<&str>) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let mut request = Request::new(());
    if let Some(bearer) = bearer {
        request
            .metadata_mut()
            .insert("authorization", bearer.parse().unwrap());
    }
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    grpc.unary(request, PathAndQuery::from_static(path), codec)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn no_rpc_is_answered_without_a_known_key() {
    let world = World::start().await;
    let channel = world.client("office").await.channel();
    let stranger = format!("Bearer {}", command_api::keys::new_key().unwrap().key);
    let hash_only = format!(
        "Bearer {}",
        command_api::keys::hash_of(world.key("office").as_bytes()).to_hex()
    );
    let basic = format!("Basic {}", world.key("office"));
    for rule in RULES {
        for bearer in [
            None,
            Some("Bearer "),
            Some(&*stranger),
            Some(&*hash_only),
            Some(&*basic),
            Some("é"),
        ] {
            let status = knock(&channel, rule.path, bearer).await.unwrap_err();
            assert_eq!(
                status.code(),
                Code::Unauthenticated,
                "{} {bearer:?}",
                rule.path
            );
            assert_eq!(reason_of(&status), "UNAUTHENTICATED");
        }
    }
}

#[tokio::test]
async fn e15_a_call_without_the_role_is_refused_and_with_it_is_not() {
    let world = World::start().await;
    let channel = world.client("office").await.channel();
    for rule in RULES {
        for (name, role) in KEYS {
            let bearer = format!("Bearer {}", world.key(name));
            let may = rule.roles.iter().any(|allowed| allowed.as_str() == role);
            let got = knock(&channel, rule.path, Some(&bearer)).await;
            let code = got.as_ref().map_or_else(Status::code, |()| Code::Ok);
            if may {
                let far = [Code::Ok, Code::InvalidArgument];
                assert!(far.contains(&code), "{} as {role}: {got:?}", rule.path);
            } else {
                assert_eq!(code, Code::PermissionDenied, "{} as {role}", rule.path);
                assert_eq!(reason_of(&got.unwrap_err()), "ROLE_MISSING");
            }
        }
    }
}

#[tokio::test]
async fn an_rpc_that_does_not_exist_is_unimplemented() {
    let world = World::start().await;
    let channel = world.client("office").await.channel();
    for path in [
        "/ledger.v1.PaymentService/Steal",
        "/ledger.v9.PaymentService/TopUp",
    ] {
        let bearer = format!("Bearer {}", world.key("office"));
        let status = knock(&channel, path, Some(&bearer)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
}
