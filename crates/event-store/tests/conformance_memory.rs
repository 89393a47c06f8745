//! The conformance suite against the memory store.

use std::sync::Arc;

use event_store::{EventStore, MemoryStore, conformance};
use futures::FutureExt;

#[tokio::test]
async fn the_memory_store_keeps_every_promise_of_the_port() {
    let fresh = || async { Arc::new(MemoryStore::new()) as Arc<dyn EventStore> }.boxed();
    let outcomes = conformance::run(&fresh, "memory").await;
    let broken: Vec<_> = outcomes.iter().filter(|o| o.result.is_err()).collect();
    assert!(outcomes.len() > 25, "the whole suite ran");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn the_suite_passes_on_a_store_that_is_in_use() {
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
    let same = move || {
        let store = Arc::clone(&store);
        async move { store }.boxed()
    };
    for run in ["first", "second"] {
        let outcomes = conformance::run(&same, run).await;
        let broken: Vec<_> = outcomes.iter().filter(|o| o.result.is_err()).collect();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}
