//! Health and reflection: open without a key.

use command_api::pb;
use futures::{StreamExt, stream};
use prost::Message;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::harness::World;

#[tokio::test]
async fn health_is_told_without_a_key() {
    let world = World::start().await;
    let mut health = HealthClient::new(world.client("office").await.channel());
    for service in ["", "ledger.v1.PaymentService", "ledger.v1.QueryService"] {
        let ask = HealthCheckRequest {
            service: service.to_owned(),
        };
        let told = health.check(ask).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::Serving, "{service:?}");
    }
}

#[tokio::test]
async fn the_contract_with_its_comments_is_reflected_without_a_key() {
    let world = World::start().await;
    let channel = world.client("office").await.channel();
    let ask = |request| v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(request),
    };
    let symbol = v1::server_reflection_request::MessageRequest::FileContainingSymbol;
    let asked = stream::iter([ask(symbol("ledger.v1.PaymentService".to_owned()))]);
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let answer = client
        .server_reflection_info(asked)
        .await
        .unwrap()
        .into_inner()
        .next()
        .await
        .unwrap()
        .unwrap();
    let Some(v1::server_reflection_response::MessageResponse::FileDescriptorResponse(files)) =
        answer.message_response
    else {
        panic!("no file")
    };
    let file = prost_types::FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice())
        .unwrap();
    assert_eq!(file.name(), "ledger/v1/payments.proto");
    let comments = file.source_code_info.unwrap().location;
    assert!(comments.iter().any(|c| {
        c.leading_comments()
            .contains("Tops up the credit of a meter")
    }));
    let list = v1alpha::server_reflection_request::MessageRequest::ListServices(String::new());
    let ask = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(list),
    };
    let mut old = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let answer = old
        .server_reflection_info(stream::iter([ask]))
        .await
        .unwrap()
        .into_inner();
    let answer = answer.into_future().await.0.unwrap().unwrap();
    let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("no list")
    };
    let names: Vec<String> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for name in [
        "ledger.v1.AccountService",
        "ledger.v1.QueryService",
        "grpc.health.v1.Health",
    ] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} of {names:?}"
        );
    }
}

#[test]
fn the_embedded_contract_is_whole() {
    let set = prost_types::FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
    let services: usize = set.file.iter().map(|file| file.service.len()).sum();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/ledger/v1");
    let written: usize = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .map(|text| text.lines().filter(|l| l.starts_with("service ")).count())
        .sum();
    assert_eq!(services, written);
}
