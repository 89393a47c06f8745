//! `ledger replay`: the events of the log as NDJSON, from the folder of a stopped ledger.
//!
//! What is printed is what is stored; nothing is folded. For one account of a running ledger there is
//! `ledger account history`.

pub(crate) mod ndjson;

use std::sync::Arc;

use clap::Args;
use event_store::transact::{BEGUN, DROPPED};
use event_store::{Direction, EventStore, Position, RecordedEvent, StreamName};
use ledger_core::event::KINDS;
use ledger_core::time::Timestamp;

use crate::cli::{Globals, block_on};
use crate::compose::Log;
use crate::exit::Exit;
use crate::failure::Failure;

/// Events read at once: a few hundred KiB.
const PAGE_EVENTS: usize = 4_096;

/// Which events.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Every event is one line of JSON: position, stream, revision, kind,
recorded_at, id, data, meta. The ledger must be stopped; of a running one,
`ledger account history` prints an account's events.

Examples:
  ledger replay --data-dir ./data | head
  ledger replay --stream account-A-1001
  ledger replay --kind credit-topped-up.v1 --kind top-up-voided.v1 | jq .data.a
  ledger replay --from 1000 --to 1999 > part.ndjson")]
pub(crate) struct ReplayArgs {
    /// Only this stream, such as account-A-1001.
    #[arg(long)]
    stream: Option<String>,
    /// Only this kind, such as credit-topped-up.v1 (or credit-topped-up for every version); may be given
    /// several times.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// First position.
    #[arg(long, default_value_t = 0, value_name = "POSITION")]
    from: u64,
    /// Last position, inclusive.
    #[arg(long, value_name = "POSITION")]
    to: Option<u64>,
    /// Events at most; 0 means all.
    #[arg(long, default_value_t = 0, value_name = "EVENTS")]
    limit: u64,
}

pub(crate) fn run(args: &ReplayArgs, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    let to = args.to.unwrap_or(u64::MAX);
    if to < args.from {
        return Err(Failure::usage(
            "RANGE",
            format!("--to {to} lies before --from {}", args.from),
        )
        .advise("give the first position with --from and the last with --to"));
    }
    if let Some(kind) = args.kinds.iter().find(|kind| !is_any_kind(kind)) {
        return Err(
            Failure::usage("KIND", format!("no event is of the kind {kind:?}"))
                .advise(format!("kinds are: {}", KINDS.join(", "))),
        );
    }
    let stream = args.stream.as_deref().map(StreamName::new).transpose();
    let stream = stream.map_err(|error| Failure::usage("STREAM", error.to_string()))?;
    block_on(async {
        let log = Log::open_closed(&settings).await?;
        let printed = print(args, stream, &log, globals).await;
        log.close().await;
        printed.map(|()| Exit::Done)
    })
}

async fn print(
    args: &ReplayArgs,
    stream: Option<StreamName>,
    log: &Log,
    globals: &Globals,
) -> Result<(), Failure> {
    let to = args.to.unwrap_or(u64::MAX);
    let mut left = if args.limit == 0 {
        u64::MAX
    } else {
        args.limit
    };
    let wanted = |event: &RecordedEvent| {
        event.position.commit >= args.from
            && event.position.commit <= to
            && (args.kinds.is_empty() || args.kinds.iter().any(|kind| is_kind(&event.kind, kind)))
    };
    let mut pages = Pages::new(log, stream, args.from);
    while let Some(page) = pages.next_page().await? {
        let is_past = page.last().is_some_and(|event| event.position.commit >= to);
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let lines: Vec<String> = page
            .iter()
            .filter(|event| wanted(event))
            .take(most)
            .map(line)
            .collect();
        left = left.saturating_sub(lines.len() as u64);
        globals.console.lines(lines)?;
        if left == 0 || is_past {
            break;
        }
    }
    Ok(())
}

/// Whether events of this kind, or of some version of it, can be in a log.
fn is_any_kind(wanted: &str) -> bool {
    let mut kinds = KINDS.iter().chain(&[BEGUN, DROPPED]);
    kinds.any(|kind| is_kind(kind, wanted))
}

/// The kind itself, or any version of it.
fn is_kind(kind: &str, wanted: &str) -> bool {
    kind == wanted
        || kind
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.starts_with(".v"))
}

/// Reads a log, or one stream of it, page by page.
struct Pages {
    store: Arc<dyn EventStore>,
    stream: Option<StreamName>,
    /// Next revision of the stream, or position before the next event.
    revision: u64,
    after: Option<Position>,
}

impl Pages {
    fn new(log: &Log, stream: Option<StreamName>, from: u64) -> Self {
        // Where positions have gaps, only that of an event can be read from: it is read from the beginning.
        let before = log.embedded().and_then(|_| from.checked_sub(1));
        let after = before.map(|at| Position {
            commit: at,
            prepare: at,
        });
        Self {
            store: log.store(),
            stream,
            revision: 0,
            after,
        }
    }

    async fn next_page(&mut self) -> Result<Option<Vec<RecordedEvent>>, Failure> {
        let page = match &self.stream {
            Some(stream) => {
                self.store
                    .read_stream(stream, self.revision, Direction::Forwards, PAGE_EVENTS)
            }
            None => self
                .store
                .read_all(self.after, Direction::Forwards, PAGE_EVENTS),
        };
        let page = page.await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.revision = last.revision.saturating_add(1);
        self.after = Some(last.position);
        Ok(Some(page))
    }
}

fn line(event: &RecordedEvent) -> String {
    let recorded_at = Timestamp::from_millis(event.recorded_at_ms).to_string();
    ndjson::Line {
        position: event.position.commit,
        stream: Some(event.stream.as_str()),
        revision: event.revision,
        kind: &event.kind,
        id: &event.id.to_string(),
        recorded_at: Some(&recorded_at),
        data: &event.data,
        meta: &event.meta,
    }
    .text()
}

#[cfg(test)]
mod tests {
    use super::is_kind;

    #[test]
    fn a_kind_without_a_version_means_every_version() {
        assert!(is_kind("credit-topped-up.v1", "credit-topped-up.v1"));
        assert!(is_kind("credit-topped-up.v2", "credit-topped-up"));
        assert!(!is_kind("credit-topped-up.v12", "credit-topped-up.v1"));
        assert!(!is_kind("credit-topped-up.v1", "credit"));
    }
}
