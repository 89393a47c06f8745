//! Faults on demand: each does what it says, counts itself, and can be switched on a running server.

use std::time::Duration;

use kurrent_facade::{Advertised, FaultPlan, Faults, Rate};
use kurrent_wire::pb::streams::batch_append_req::options::ExpectedStreamPosition;
use tonic::Code;

use crate::appending::Batch;
use crate::support::{Ask, Server, config, next_words, soon, trailer, words};

const ANY: ExpectedStreamPosition = ExpectedStreamPosition::Any(());

async fn faulty(plan: FaultPlan) -> (Server, Faults) {
    let faults = Faults::new(plan);
    let config = config().allow_appends().faults(faults.clone());
    (Server::embedded(config).await, faults)
}

async fn stored(server: &Server) -> Vec<String> {
    words(&Ask::all_start().read(server).await.expect("read"))
}

#[tokio::test]
async fn an_answer_that_is_dropped_belongs_to_an_append_that_is_written() {
    let (server, faults) = faulty(FaultPlan {
        drop_reply: Rate::ALWAYS,
        ..FaultPlan::default()
    })
    .await;
    let mut batch = Batch::open(&server).await;
    batch.send(1, "a", ANY, &[1]).await;
    while faults.strikes().drop_reply == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    faults.set(FaultPlan::default());
    batch.send(2, "b", ANY, &[2]).await;
    assert_eq!(batch.answer().await, (2, "0".to_owned()));
    // Sent again it is known.
    batch.send(3, "a", ANY, &[1]).await;
    assert_eq!(batch.answer().await, (3, "0".to_owned()));
    batch.close().await;
    assert_eq!(stored(&server).await, ["a@0", "b@0"]);
    assert_eq!(faults.strikes().drop_reply, 1);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_request_that_is_dropped_is_neither_written_nor_answered() {
    let (server, faults) = faulty(FaultPlan {
        drop: Rate::ALWAYS,
        ..FaultPlan::default()
    })
    .await;
    let mut batch = Batch::open(&server).await;
    batch.send(1, "a", ANY, &[1]).await;
    while faults.strikes().drop == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    faults.set(FaultPlan::default());
    batch.send(2, "b", ANY, &[2]).await;
    assert_eq!(batch.answer().await, (2, "0".to_owned()));
    batch.close().await;
    assert_eq!(stored(&server).await, ["b@0"]);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_connection_is_cut_right_after_the_commit() {
    let (server, faults) = faulty(FaultPlan {
        break_after_commit: Rate::ALWAYS,
        ..FaultPlan::default()
    })
    .await;
    let mut batch = Batch::open(&server).await;
    batch.send(1, "a", ANY, &[1]).await;
    batch
        .try_answer()
        .await
        .expect_err("the connection is gone");
    assert_eq!(faults.strikes().break_after_commit, 1);
    assert_eq!(stored(&server).await, ["a@0"]);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn who_does_not_lead_names_another() {
    let (server, faults) = faulty(FaultPlan {
        not_leader: Rate::ALWAYS,
        leader: Some(Advertised {
            host: "other.example".to_owned(),
            port: 2114,
        }),
        ..FaultPlan::default()
    })
    .await;
    let mut batch = Batch::open(&server).await;
    batch.send(1, "a", ANY, &[1]).await;
    let status = batch.try_answer().await.expect_err("not the leader");
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(trailer(&status, "exception").as_deref(), Some("not-leader"));
    assert_eq!(
        trailer(&status, "leader-endpoint-host").as_deref(),
        Some("other.example")
    );
    assert_eq!(faults.strikes().not_leader, 1);
    assert!(stored(&server).await.is_empty());
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn slow_reads_are_slow_and_whole() {
    let (server, faults) = faulty(FaultPlan {
        slow_read: Duration::from_millis(30),
        ..FaultPlan::default()
    })
    .await;
    server.write("a", "k.v1", 0..3).await;
    let begun = std::time::Instant::now();
    assert_eq!(stored(&server).await.len(), 3);
    assert!(begun.elapsed() >= Duration::from_millis(30));
    assert!(faults.strikes().slow_read >= 1);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn connections_are_refused_while_that_is_switched_on() {
    let (server, faults) = faulty(FaultPlan {
        refuse_connections: true,
        ..FaultPlan::default()
    })
    .await;
    let mut socket = tokio::net::TcpStream::connect(server.address)
        .await
        .expect("accepted and closed");
    let mut byte = [0u8];
    let read = tokio::io::AsyncReadExt::read(&mut socket, &mut byte);
    assert!(matches!(soon("the end", read).await, Ok(0) | Err(_)));
    assert_eq!(faults.strikes().refused, 1);
    faults.set(FaultPlan::default());
    assert!(stored(&server).await.is_empty());
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_restart_cuts_every_connection_and_comes_back_on_the_same_port() {
    let (server, faults) = faulty(FaultPlan::default()).await;
    let mut batch = Batch::open(&server).await;
    batch.send(1, "a", ANY, &[1]).await;
    batch.answer().await;
    let mut all = Ask::all_start().follow().open(&server).await.expect("open");
    next_words(&mut all, 3).await;
    let down = Duration::from_millis(300);
    let restarting = faults.clone();
    let restart = tokio::spawn(async move { restarting.restart(down).await });
    soon("the cut", all.message()).await.expect_err("cut");
    batch.try_answer().await.expect_err("cut");
    let refused = tokio::net::TcpStream::connect(server.address).await;
    assert!(refused.is_err(), "nobody listens meanwhile");
    assert!(soon("the return", restart).await.expect("a task"));
    assert_eq!(faults.strikes().restarts, 1);
    // The history is there; ids seen before are not known any more.
    let mut batch = Batch::open(&server).await;
    batch.send(2, "a", ANY, &[1]).await;
    assert_eq!(batch.answer().await, (2, "1".to_owned()));
    batch.close().await;
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_server_restarts_by_itself_when_its_plan_says_so() {
    let plan = "restart-every=100ms,down=50ms".parse().expect("a plan");
    let (server, faults) = faulty(plan).await;
    let twice = async {
        while faults.strikes().restarts < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("two restarts", twice).await;
    faults.set(FaultPlan::default());
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_server_whose_places_are_all_taken_restarts_all_the_same() {
    let faults = Faults::none();
    let mut config = config().faults(faults.clone());
    config.limits.connections_max = 1;
    let server = Server::in_memory(config).await;
    let mut all = Ask::all_start().follow().open(&server).await.expect("open");
    next_words(&mut all, 2).await;
    let restart = faults.restart(Duration::from_millis(1));
    assert!(soon("the return", restart).await);
    soon("the cut", all.message()).await.expect_err("cut");
    assert!(stored(&server).await.is_empty());
    server.stop().await.expect("stopped in order");
}
