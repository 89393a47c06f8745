//! E15: every call with a key of each role: refused with the stable code, or let through.

use command_api::access::RULES;
use command_api::keys::Role;
use prost::bytes::Bytes;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};

use crate::harness::{World, reason_of};

/// Calls an RPC with an empty message; the gate answers before the message is looked at.
async fn call(world: &World, key: &str, path: &'static str) -> Result<(), Status> {
    let channel = world.client(key).await.channel();
    let mut raw = tonic::client::Grpc::new(channel);
    raw.ready().await.unwrap();
    let mut request = Request::new(());
    let bearer = format!("Bearer {}", world.key(key));
    request
        .metadata_mut()
        .insert("authorization", bearer.parse().unwrap());
    let codec: tonic_prost::ProstCodec<(), Bytes> = tonic_prost::ProstCodec::default();
    let path = PathAndQuery::from_static(path);
    raw.unary(request, path, codec).await.map(|_| ())
}

#[tokio::test]
async fn e15_every_call_is_refused_without_one_of_its_roles_and_let_through_with_one() {
    let world = World::start().await;
    let mut refused = 0;
    for rule in RULES {
        for role in Role::ALL {
            let answered = call(&world, &format!("role_{role}"), rule.path).await;
            let missing = answered.as_ref().err().is_some_and(|status| {
                status.code() == Code::PermissionDenied && reason_of(status) == "ROLE_MISSING"
            });
            assert_eq!(
                missing,
                !rule.roles.contains(&role),
                "{} with {role}: {answered:?}",
                rule.path
            );
            refused += usize::from(missing);
        }
    }
    assert!(refused > RULES.len(), "most calls are not for most roles");
}
