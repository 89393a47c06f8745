//! The conformance suite against the embedded log, with segments of the usual size and with small ones,
//! so that every promise is also kept across sealed segments.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

use std::sync::{Arc, Mutex};

use event_store::embedded::{EmbeddedStore, OpenOptions};
use event_store::{EventStore, conformance};
use futures::FutureExt;

async fn broken_promises(segment_bytes: u64) -> Vec<conformance::Outcome> {
    let dirs = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&dirs);
    let fresh = move || {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions::dir(dir.path())
            .unwrap()
            .segment_bytes(segment_bytes)
            .reserve_bytes(8192);
        kept.lock().unwrap().push(dir);
        async move { Arc::new(EmbeddedStore::open(&options).unwrap()) as Arc<dyn EventStore> }
            .boxed()
    };
    let outcomes = conformance::run(&fresh, "embedded").await;
    assert!(outcomes.len() > 25, "the whole suite ran");
    outcomes.into_iter().filter(|o| o.result.is_err()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_log_keeps_every_promise_of_the_port() {
    let broken = broken_promises(4 * 1024 * 1024).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_log_keeps_every_promise_over_many_small_segments() {
    let broken = broken_promises(4096).await;
    assert!(broken.is_empty(), "{broken:#?}");
}
