//! Reads by count, who may read, and what is told without credentials.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_store::{Commit, Expected, MemoryStore, StreamAppend, StreamName};
use kurrent_facade::{Authorize, Credentials, Denied, Grant};
use kurrent_wire::pb::gossip::gossip_client::GossipClient;
use kurrent_wire::pb::persistent_subscriptions::ListReq;
use kurrent_wire::pb::persistent_subscriptions::persistent_subscriptions_client::PersistentSubscriptionsClient;
use kurrent_wire::pb::server_features::server_features_client::ServerFeaturesClient;
use kurrent_wire::pb::shared::{Empty, uuid};
use kurrent_wire::pb::streams::ReadReq;
use kurrent_wire::pb::streams::read_req::options::{
    UuidOption, stream_options::RevisionOption, uuid_option,
};
use kurrent_wire::pb::streams::read_resp::Content;
use tonic::{Code, Request};

use crate::support::{Ask, Server, config, id, new_event, next_words, soon, trailer, words};

async fn both() -> [Server; 2] {
    [
        Server::in_memory(config()).await,
        Server::embedded(config()).await,
    ]
}

#[tokio::test]
async fn a_stream_is_read_both_ways_from_anywhere() {
    for server in both().await {
        server.write("a", "k.v1", 0..5).await;
        server.write("b", "k.v1", 5..7).await;
        let read = async |ask: Ask| words(&ask.read(&server).await.expect("read"));
        assert_eq!(
            read(Ask::stream_start("a")).await,
            ["a@0", "a@1", "a@2", "a@3", "a@4"]
        );
        let at = |revision| Ask::stream("a", RevisionOption::Revision(revision));
        assert_eq!(read(at(3)).await, ["a@3", "a@4"]);
        assert_eq!(read(at(1).count(2)).await, ["a@1", "a@2"]);
        assert_eq!(read(at(1).backwards()).await, ["a@1", "a@0"]);
        assert_eq!(read(at(99).backwards().count(1)).await, ["a@4"]);
        let end = || Ask::stream("a", RevisionOption::End(Empty {}));
        assert_eq!(read(end().backwards().count(2)).await, ["a@4", "a@3"]);
        assert!(read(end()).await.is_empty());
        assert!(read(at(5)).await.is_empty());
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn a_long_stream_is_read_whole_without_a_count() {
    for server in both().await {
        server.write("long", "k.v1", 0..3_000).await;
        let forwards = Ask::stream_start("long").read(&server).await.expect("read");
        assert_eq!(forwards.len(), 3_000);
        let backwards = Ask::all_end()
            .backwards()
            .read(&server)
            .await
            .expect("read");
        assert_eq!(backwards.len(), 3_000);
        assert_eq!(words(&backwards[2_999..]), ["long@0"]);
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_a_message_and_no_error() {
    for server in both().await {
        server.write("a", "k.v1", 0..1).await;
        let very_long = "x".repeat(300);
        for name in ["b", "$$a", "with space", &very_long] {
            for ask in [
                Ask::stream_start(name),
                Ask::stream_start(name).compatibility(1),
                Ask::stream(name, RevisionOption::End(Empty {})).backwards(),
                Ask::stream(name, RevisionOption::End(Empty {})),
            ] {
                let contents = ask.read(&server).await.expect("no error");
                assert_eq!(words(&contents), ["not found"], "{name}");
            }
        }
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn who_understands_it_is_told_where_the_stream_ends() {
    let server = Server::in_memory(config()).await;
    server.write("a", "k.v1", 0..3).await;
    let ask = Ask::stream_start("a").compatibility(1);
    let read = ask.clone().count(2).read(&server).await.expect("read");
    assert_eq!(words(&read), ["a@0", "a@1", "last 2"]);
    let read = ask.count(0).read(&server).await.expect("read");
    assert_eq!(words(&read), ["last 2"]);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn an_event_arrives_with_all_that_is_known_of_it() {
    for server in both().await {
        server.write("a", "charged.v1", 0..2).await;
        let mut ask = Ask::all_at(1);
        let read = ask.clone().read(&server).await.expect("read");
        let [Content::Event(read)] = &read[..] else {
            panic!("one event: {read:?}");
        };
        let event = read.event.as_ref().expect("an event");
        assert_eq!(event.stream_revision, 1);
        assert_eq!((event.commit_position, event.prepare_position), (1, 1));
        assert_eq!(event.data, "{\"n\":1}");
        assert_eq!(event.custom_metadata, "{\"by\":\"test\"}");
        assert_eq!(event.metadata["type"], "charged.v1");
        assert_eq!(event.metadata["content-type"], "application/json");
        let ticks: i64 = event.metadata["created"].parse().expect("ticks");
        let head = server
            .store
            .read_all(None, event_store::Direction::Backwards, 1);
        let recorded = head.await.expect("read")[0].recorded_at_ms;
        assert_eq!(ticks, recorded * 10_000);
        let text = event.id.clone().expect("an id").value;
        assert_eq!(text, Some(uuid::Value::String(id(1).to_string())));

        ask.0.uuid_option = Some(UuidOption {
            content: Some(uuid_option::Content::Structured(Empty {})),
        });
        let read = ask.read(&server).await.expect("read");
        let [Content::Event(read)] = &read[..] else {
            panic!("one event: {read:?}");
        };
        let halves = read.event.clone().expect("an event").id.expect("an id");
        assert!(matches!(halves.value, Some(uuid::Value::Structured(_))));
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn all_is_read_both_ways_and_filtered() {
    for server in both().await {
        server.write("account-1", "charged.v1", 0..2).await;
        server.write("meter-1", "installed.v1", 2..4).await;
        server.write("account-2", "charged.v1", 4..6).await;
        let read = async |ask: Ask| words(&ask.read(&server).await.expect("read"));
        assert_eq!(read(Ask::all_start().count(1)).await, ["account-1@0"]);
        assert_eq!(read(Ask::all_at(4)).await, ["account-2@0", "account-2@1"]);
        // Backwards the position itself is left out.
        assert_eq!(
            read(Ask::all_at(2).backwards()).await,
            ["account-1@1", "account-1@0"]
        );
        assert!(read(Ask::all_end()).await.is_empty());
        assert!(read(Ask::all_at(900)).await.is_empty());
        let before = Ask::all_at(900).backwards().count(1);
        assert_eq!(read(before).await, ["account-2@1"]);
        assert!(read(Ask::all_start().backwards()).await.is_empty());
        let charged = r"^(?!(\$.+$|installed.*))";
        let filtered = Ask::all_start().types_like(charged, 32);
        assert_eq!(
            read(filtered.clone()).await,
            ["account-1@0", "account-1@1", "account-2@0", "account-2@1"]
        );
        assert_eq!(
            read(filtered.count(3)).await,
            ["account-1@0", "account-1@1", "account-2@0"]
        );
        let meters = Ask::all_end().backwards().streams_with(&["meter-"], 32);
        assert_eq!(read(meters).await, ["meter-1@1", "meter-1@0"]);
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn a_count_of_matches_is_found_across_many_pages() {
    let server = Server::embedded(config()).await;
    for n in 0..40u32 {
        server
            .write("noise", "noise.v1", n * 100..n * 100 + 99)
            .await;
        server
            .write("signal", "signal.v1", n * 100 + 99..n * 100 + 100)
            .await;
    }
    let ask = Ask::all_start().types_like("^signal", 32).count(30);
    let read = ask.read(&server).await.expect("read");
    assert_eq!(read.len(), 30);
    assert_eq!(words(&read[29..]), ["signal@29"]);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_filtered_read_beyond_the_end_is_refused() {
    let server = Server::in_memory(config()).await;
    server.write("a", "k.v1", 0..1).await;
    let ask = Ask::all_at(7).types_like(".*", 32);
    for ask in [ask.clone(), ask.follow()] {
        let status = ask.read(&server).await.expect_err("beyond the end");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "Trying to read from an invalid position.");
    }
    assert!(
        Ask::all_at(7)
            .read(&server)
            .await
            .expect("unfiltered")
            .is_empty()
    );
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_broken_filter_is_refused_with_the_reason() {
    let server = Server::in_memory(config()).await;
    let ask = Ask::all_start().types_like("(", 32);
    let status = ask.read(&server).await.expect_err("no expression");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("regular expression"), "{status}");
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn more_reads_than_there_is_room_for_are_turned_away() {
    let mut config = config();
    config.limits.reads_max = 1;
    let server = Server::in_memory(config).await;
    // More than lies in buffers on the way.
    for n in 0..60 {
        server.write("a", "k.v1", n * 1_000..(n + 1) * 1_000).await;
    }
    let held = Ask::all_start().open(&server).await.expect("the first");
    let second = Ask::all_start().open(&server).await.map(drop);
    let status = second.expect_err("the second");
    assert_eq!(status.code(), Code::ResourceExhausted);
    drop(held);
    let again = async {
        while Ask::all_start().open(&server).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("room", again).await;
    server.stop().await.expect("stopped in order");
}

pub(crate) struct OnlyAnalysts;

impl Authorize for OnlyAnalysts {
    fn check(&self, header: Option<&str>) -> Result<Grant, Denied> {
        match header.and_then(Credentials::of_header) {
            Some(Credentials::Bearer(token)) if token == "analyst" => Ok(Grant {
                name: token,
                append: false,
            }),
            Some(Credentials::Basic { user, password }) if password == "analyst" => Ok(Grant {
                name: user,
                append: false,
            }),
            Some(Credentials::Bearer(token)) if token == "partner" => Err(Denied::Forbidden),
            Some(_) | None => Err(Denied::Unauthenticated),
        }
    }
}

#[tokio::test]
async fn who_may_not_read_is_told_why_and_learns_nothing() {
    let store = Arc::new(MemoryStore::new());
    let server = Server::guarded(config(), store, Arc::new(OnlyAnalysts)).await;
    server.write("a", "k.v1", 0..1).await;
    let ask = async |header: Option<&str>| {
        let mut request = Request::new(ReadReq {
            options: Some(Ask::stream_start("a").0),
        });
        if let Some(header) = header {
            let value = header.parse().expect("a header");
            request.metadata_mut().insert("authorization", value);
        }
        server.streams().await.read(request).await.map(drop)
    };
    for header in [
        None,
        Some("Bearer other"),
        Some("Basic YTpi"),
        Some("nonsense"),
    ] {
        let status = ask(header).await.expect_err("not known");
        assert_eq!(status.code(), Code::Unauthenticated, "{header:?}");
    }
    let status = ask(Some("Bearer partner")).await.expect_err("not allowed");
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(status.message(), "Access Denied");
    assert_eq!(
        trailer(&status, "exception").as_deref(),
        Some("access-denied")
    );
    ask(Some("Bearer analyst")).await.expect("a token");
    // "a:analyst"
    ask(Some("Basic YTphbmFseXN0")).await.expect("a password");
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn features_and_gossip_say_what_clients_look_for() {
    let server = Server::in_memory(config()).await;
    let url = format!("http://{}", server.address);
    let mut features = ServerFeaturesClient::connect(url.clone())
        .await
        .expect("it connects");
    let methods = features
        .get_supported_methods(Empty {})
        .await
        .expect("features")
        .into_inner();
    assert!(
        methods
            .event_store_server_version
            .split('.')
            .all(|n| n.parse::<u32>().is_ok())
    );
    let names: Vec<&str> = methods
        .methods
        .iter()
        .map(|m| m.method_name.as_str())
        .collect();
    assert!(
        names.contains(&"batchappend") && names.contains(&"read"),
        "{names:?}"
    );

    let mut gossip = GossipClient::connect(url.clone())
        .await
        .expect("it connects");
    let members = gossip
        .read(Empty {})
        .await
        .expect("gossip")
        .into_inner()
        .members;
    let [member] = &members[..] else {
        panic!("one member: {members:?}");
    };
    assert!(member.is_alive);
    let place = member.http_end_point.as_ref().expect("a place");
    assert_eq!(
        (place.address.as_str(), place.port),
        ("127.0.0.1", u32::from(server.address.port()))
    );

    let mut lists = PersistentSubscriptionsClient::connect(url)
        .await
        .expect("it connects");
    let list = lists.list(ListReq { options: None }).await.expect("a list");
    assert!(list.into_inner().subscriptions.is_empty());
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn the_advertised_place_is_what_gossip_says() {
    let mut config = config();
    config.advertised = Some(kurrent_facade::Advertised {
        host: "ledger.example".to_owned(),
        port: 443,
    });
    let server = Server::in_memory(config).await;
    let url = format!("http://{}", server.address);
    let mut gossip = GossipClient::connect(url).await.expect("it connects");
    let members = gossip
        .read(Empty {})
        .await
        .expect("gossip")
        .into_inner()
        .members;
    let place = members[0].http_end_point.clone().expect("a place");
    assert_eq!(
        (place.address.as_str(), place.port),
        ("ledger.example", 443)
    );
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn large_events_behind_many_small_ones_are_all_read_whatever_a_page_holds() {
    let server = Server::in_memory(config()).await;
    server.write("a", "k.v1", 0..700).await;
    for n in 700..720 {
        let mut event = new_event("k.v1", n);
        event.data = Bytes::from(format!("\"{}\"", "z".repeat(500_000)));
        let commit = Commit {
            appends: vec![StreamAppend {
                stream: StreamName::new("a").expect("a name"),
                expected: Expected::Any,
                events: vec![event],
            }],
        };
        let written = server.store.append(vec![commit]).await;
        assert!(written.iter().all(Result::is_ok));
    }
    server.write("a", "k.v1", 720..800).await;
    let wanted: Vec<String> = (0..800).map(|n| format!("a@{n}")).collect();
    let newest_first: Vec<String> = wanted.iter().rev().cloned().collect();
    let end = RevisionOption::End(Empty {});
    for (ask, wanted) in [
        (Ask::stream_start("a"), &wanted),
        (Ask::all_start(), &wanted),
        (Ask::stream("a", end).backwards(), &newest_first),
        (Ask::all_end().backwards(), &newest_first),
    ] {
        let read = ask.read(&server).await.expect("read");
        assert_eq!(&words(&read), wanted);
    }
    for ask in [Ask::stream_start("a"), Ask::all_start()] {
        let mut follow = ask.follow().open(&server).await.expect("open");
        let seen = next_words(&mut follow, 801).await;
        assert_eq!(seen[1..], wanted);
    }
    server.stop().await.expect("stopped in order");
}
