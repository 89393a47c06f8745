//! Subscriptions: order, checkpoints, catching up, slow clients, many at once, the end of the server.

use std::time::Duration;

use kurrent_wire::pb::shared::Empty;
use kurrent_wire::pb::streams::ReadReq;
use kurrent_wire::pb::streams::read_req::options::stream_options::RevisionOption;
use kurrent_wire::pb::streams::streams_client::StreamsClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::{Ask, Server, config, next_words, soon};

#[tokio::test]
async fn a_subscription_confirms_then_tells_history_then_what_is_new() {
    for server in [
        Server::in_memory(config()).await,
        Server::embedded(config()).await,
    ] {
        server.write("a", "k.v1", 0..2).await;
        let mut all = Ask::all_start().follow().open(&server).await.expect("open");
        assert_eq!(
            next_words(&mut all, 4).await,
            ["confirmation", "a@0", "a@1", "caught up at 1"]
        );
        let mut after = Ask::all_at(0).follow().open(&server).await.expect("open");
        assert_eq!(
            next_words(&mut after, 3).await,
            ["confirmation", "a@1", "caught up at 1"]
        );
        let mut end = Ask::all_end().follow().open(&server).await.expect("open");
        assert_eq!(
            next_words(&mut end, 2).await,
            ["confirmation", "caught up at 1"]
        );
        for n in 2..6 {
            server.write("b", "k.v1", n..n + 1).await;
        }
        for subscription in [&mut all, &mut after, &mut end] {
            assert_eq!(
                next_words(subscription, 4).await,
                ["b@0", "b@1", "b@2", "b@3"]
            );
        }
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn a_stream_is_followed_from_after_a_revision_without_its_neighbours() {
    for server in [
        Server::in_memory(config()).await,
        Server::embedded(config()).await,
    ] {
        server.write("a", "k.v1", 0..3).await;
        let open = async |begin| {
            let ask = Ask::stream("a", begin).follow();
            ask.open(&server).await.expect("open")
        };
        let mut start = open(RevisionOption::Start(Empty {})).await;
        let mut after = open(RevisionOption::Revision(1)).await;
        let mut end = open(RevisionOption::End(Empty {})).await;
        assert_eq!(
            next_words(&mut start, 5).await,
            [
                "confirmation",
                "a@0",
                "a@1",
                "a@2",
                "caught up at revision 2"
            ]
        );
        assert_eq!(
            next_words(&mut after, 3).await,
            ["confirmation", "a@2", "caught up at revision 2"]
        );
        assert_eq!(
            next_words(&mut end, 2).await,
            ["confirmation", "caught up at revision 2"]
        );
        server.write("b", "k.v1", 3..500).await;
        server.write("a", "k.v1", 500..502).await;
        for subscription in [&mut start, &mut after, &mut end] {
            assert_eq!(next_words(subscription, 2).await, ["a@3", "a@4"]);
        }
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn a_stream_that_is_not_there_yet_is_waited_for() {
    let server = Server::embedded(config()).await;
    let mut coming = Ask::stream_start("coming")
        .follow()
        .open(&server)
        .await
        .expect("open");
    assert_eq!(
        next_words(&mut coming, 2).await,
        ["confirmation", "caught up"]
    );
    server.write("other", "k.v1", 0..3).await;
    server.write("coming", "k.v1", 3..4).await;
    assert_eq!(next_words(&mut coming, 1).await, ["coming@0"]);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn an_empty_log_is_caught_up_with_at_once() {
    let server = Server::in_memory(config()).await;
    let mut all = Ask::all_start().follow().open(&server).await.expect("open");
    assert_eq!(next_words(&mut all, 2).await, ["confirmation", "caught up"]);
    server.write("a", "k.v1", 0..1).await;
    assert_eq!(next_words(&mut all, 1).await, ["a@0"]);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_filtered_subscription_has_a_checkpoint_each_window_and_before_it_caught_up() {
    let server = Server::in_memory(config()).await;
    server.write("noise", "noise.v1", 0..7).await;
    server.write("signal", "signal.v1", 7..8).await;
    let ask = Ask::all_start().types_like("^signal", 3).follow();
    let mut filtered = ask.open(&server).await.expect("open");
    assert_eq!(
        next_words(&mut filtered, 6).await,
        [
            "confirmation",
            "checkpoint 2",
            "checkpoint 5",
            "signal@0",
            "checkpoint 7",
            "caught up at 7"
        ]
    );
    server.write("noise", "noise.v1", 8..11).await;
    server.write("signal", "signal.v1", 11..12).await;
    assert_eq!(
        next_words(&mut filtered, 2).await,
        ["checkpoint 10", "signal@1"]
    );
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_checkpoint_never_goes_back_below_the_one_a_client_began_with() {
    let server = Server::in_memory(config()).await;
    server.write("noise", "noise.v1", 0..5).await;
    let ask = Ask::all_at(4).types_like("^signal", 3).follow();
    let mut filtered = ask.open(&server).await.expect("open");
    assert_eq!(
        next_words(&mut filtered, 2).await,
        ["confirmation", "caught up at 4"]
    );
    server.stop().await.expect("stopped in order");
}

/// More than all buffers between the follower and a client hold.
const MANY: u32 = 60_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_holds_nobody_up_and_misses_nothing() {
    let server = Server::in_memory(config()).await;
    let mut slow = Ask::all_start().follow().open(&server).await.expect("open");
    let mut slow_stream = Ask::stream_start("a")
        .follow()
        .open(&server)
        .await
        .expect("open");
    assert_eq!(
        next_words(&mut slow, 2).await,
        ["confirmation", "caught up"]
    );
    assert_eq!(
        next_words(&mut slow_stream, 2).await,
        ["confirmation", "caught up"]
    );
    let mut quick = Ask::all_end().follow().open(&server).await.expect("open");
    assert_eq!(
        next_words(&mut quick, 2).await,
        ["confirmation", "caught up"]
    );
    for n in 0..MANY / 500 {
        server.write("a", "k.v1", n * 500..(n + 1) * 500).await;
        tokio::task::yield_now().await;
    }
    for subscription in [&mut quick, &mut slow, &mut slow_stream] {
        let mut next = 0u32;
        while next < MANY {
            let word = next_words(subscription, 1).await.remove(0);
            if word.starts_with("caught up") {
                continue;
            }
            assert_eq!(word, format!("a@{next}"));
            next += 1;
        }
    }
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn many_follow_at_once_and_one_more_than_there_is_room_for_is_turned_away() {
    let mut config = config();
    config.limits.subscriptions_max = 50;
    let server = Server::embedded(config).await;
    let mut followers = Vec::new();
    for n in 0..50 {
        let ask = match n % 2 {
            0 => Ask::all_start(),
            _ => Ask::stream_start("a"),
        };
        let mut follower = ask.follow().open(&server).await.expect("open");
        next_words(&mut follower, 2).await;
        followers.push(follower);
    }
    let status = Ask::all_start()
        .follow()
        .read(&server)
        .await
        .expect_err("one more");
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("50 subscriptions"), "{status}");
    for n in 0..20 {
        server.write("a", "k.v1", n..n + 1).await;
    }
    for follower in &mut followers {
        let words = next_words(follower, 20).await;
        assert_eq!(words.last().map(String::as_str), Some("a@19"));
    }
    followers.clear();
    let again = async {
        while Ask::all_start().follow().open(&server).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("room", again).await;
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_subscription_ends_when_the_server_stops() {
    let server = Server::in_memory(config()).await;
    let mut all = Ask::all_start().follow().open(&server).await.expect("open");
    next_words(&mut all, 2).await;
    server.stop().await.expect("stopped in order");
    let end = soon("the end", all.message()).await;
    assert_eq!(end.expect_err("no more").code(), Code::Unavailable);
}

#[tokio::test]
async fn a_client_that_pings_all_the_time_stays_connected() {
    let server = Server::in_memory(config()).await;
    let channel = Channel::from_shared(format!("http://{}", server.address))
        .expect("an address")
        .http2_keep_alive_interval(Duration::from_millis(5))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .connect()
        .await
        .expect("it connects");
    let request = ReadReq {
        options: Some(Ask::all_start().follow().0),
    };
    let mut all = StreamsClient::new(channel)
        .read(request)
        .await
        .expect("open")
        .into_inner();
    next_words(&mut all, 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.write("a", "k.v1", 0..1).await;
    assert_eq!(next_words(&mut all, 1).await, ["a@0"]);
    server.stop().await.expect("stopped in order");
}
