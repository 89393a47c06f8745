//! An account's events as they are stored, straight from the log, page by page.

use std::sync::Arc;

use event_store::transact::is_bookkeeping;
use event_store::{Direction, RecordedEvent, StreamName};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use super::Api;
use super::reading::not_found;
use crate::access::Effect;
use crate::convert::Named;
use crate::errors::No;
use crate::gate::{CALL_DEADLINE_DEFAULT, Call, too_late};
use crate::pb;

/// Events read at once: a few hundred kilobytes of memory for each reader.
const PAGE_EVENTS: usize = 256;

/// Where reading stands.
struct Reading {
    api: Arc<Api>,
    call: Arc<Call>,
    stream: StreamName,
    next: u64,
    left: u64,
}

/// The events of an account from a revision on.
pub(super) async fn history(
    api: Arc<Api>,
    call: Arc<Call>,
    m: &pb::ReadHistoryRequest,
) -> Result<impl Stream<Item = Result<pb::ReadHistoryResponse, Status>> + Send + use<>, No> {
    let account = api
        .account_of("", Named::try_from(m.account.as_ref())?)
        .await?;
    let stream =
        StreamName::new(&format!("account-{account}")).map_err(|e| No::Bug(e.to_string()))?;
    if api.store.head(&stream).await?.is_none() {
        return Err(not_found(&format!("account {account}")));
    }
    let left = if m.limit == 0 { u64::MAX } else { m.limit };
    let reading = Reading {
        api,
        call,
        stream,
        next: m.from_revision,
        left,
    };
    let pages = stream::try_unfold(reading, |mut reading| async move {
        let page = reading.page().await?;
        Ok::<_, No>((!page.is_empty()).then_some((page, reading)))
    });
    // How a decision came to be written says nothing of the account.
    let telling = |event: &RecordedEvent| !is_bookkeeping(&event.kind);
    let events = pages.map_ok(move |page| {
        stream::iter(
            page.into_iter()
                .filter(telling)
                .map(|event| Ok(event.into())),
        )
    });
    Ok(events
        .try_flatten()
        .map(|event: Result<pb::ReadHistoryResponse, No>| event.map_err(|no| no.status(""))))
}

impl Reading {
    /// The next page; empty at the end.
    async fn page(&mut self) -> Result<Vec<RecordedEvent>, No> {
        let size = usize::try_from(self.left)
            .unwrap_or(PAGE_EVENTS)
            .min(PAGE_EVENTS);
        if size == 0 {
            return Ok(Vec::new());
        }
        let read = self
            .api
            .store
            .read_stream(&self.stream, self.next, Direction::Forwards, size);
        // A reader that stated no deadline may take its time, but no page of the log may.
        let stated = self.call.deadline_stated.then_some(self.call.deadline);
        let deadline = stated.unwrap_or_else(|| Instant::now() + CALL_DEADLINE_DEFAULT);
        let page = timeout_at(deadline, read)
            .await
            .map_err(|_| too_late(Effect::Read))??;
        self.next = page.last().map_or(self.next, |event| event.revision + 1);
        self.left -= u64::try_from(page.len())
            .unwrap_or(self.left)
            .min(self.left);
        Ok(page)
    }
}
