//! Which store a server is: an event of the ledger's own, written once.
//!
//! KurrentDB has no identity that survives a restore, so the ledger writes one into a stream of its own the
//! first time it connects. Of several processes that do so at once one wins, and the others read its event.

use std::sync::Arc;

use bytes::Bytes;
use event_store::{
    AppendError, Commit, Direction, Expected, NewEvent, StoreId, StreamAppend, StreamName,
};
use uuid::Uuid;

use crate::ConnectError;
use crate::store::KurrentStore;
use crate::wire::IDENTITY_STREAM;

const KIND: &str = "store-created.v1";

/// Reads the identity, or writes one unless it `must_exist`. Without an answer it is asked again for as long as its caller waits.
pub(crate) async fn find(store: &KurrentStore, must_exist: bool) -> Result<StoreId, ConnectError> {
    let stream =
        StreamName::new(IDENTITY_STREAM).map_err(|e| ConnectError::Identity(e.to_string()))?;
    loop {
        let first = store
            .read_raw(stream.clone(), 0, Direction::Forwards, 1)
            .await?;
        if let Some(event) = first.first() {
            if event.kind.as_ref() != KIND {
                return Err(ConnectError::Identity(format!(
                    "stream {IDENTITY_STREAM} begins with {}, not with {KIND}; the server is used by \
                     something else",
                    event.kind
                )));
            }
            return Ok(StoreId {
                id: event.id,
                epoch: 0,
            });
        }
        if must_exist {
            return Err(ConnectError::NoLedger);
        }
        let written = store.append_raw(vec![created(stream.clone())?]).await;
        match written.into_iter().next() {
            Some(Err(AppendError::Stopped(why) | AppendError::Invalid(why))) => {
                return Err(ConnectError::Unreachable(why));
            }
            // Whatever became of it, the stream now says.
            Some(
                Ok(_) | Err(AppendError::WrongExpectedRevision { .. } | AppendError::InDoubt(_)),
            )
            | None => {}
        }
    }
}

fn created(stream: StreamName) -> Result<Commit, ConnectError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| ConnectError::Identity(e.to_string()))?;
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(commit(stream, id))
}

fn commit(stream: StreamName, id: Uuid) -> Commit {
    Commit {
        appends: vec![StreamAppend {
            stream,
            expected: Expected::NoStream,
            events: vec![NewEvent {
                id,
                kind: Arc::from(KIND),
                data: Bytes::from(format!("{{\"store\":\"{id}\"}}")),
                meta: Bytes::new(),
            }],
        }],
    }
}
