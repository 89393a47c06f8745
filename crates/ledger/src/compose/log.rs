//! The log of a ledger, wherever it is: the embedded one in the data folder, or one in a KurrentDB.
//!
//! What every log has is asked here; what only the embedded one has (segments, what opening it found, the
//! disk) is asked of [`Log::embedded`]. The witnesses that have seen an embedded log are heard when it is
//! opened.

use std::sync::Arc;

use event_store::embedded::{EmbeddedStore, OpenOptions};
use event_store::{Clock, Direction, EventStore, ManualClock, Position, RecordedEvent};
use kurrent_store::{ConnectError, KurrentStore, Options};

use crate::config::{EventStoreUrl, Settings};
use crate::failure::Failure;

/// To look at a log writes nothing, and an empty server is no ledger's.
const MUST_EXIST: bool = true;
/// Whoever serves or fills a log begins one where there is none.
const MAY_BEGIN: bool = false;

/// What the streams of trials begin with: those of `conformance` and of `bench`.
const TRIAL_STREAMS: [&str; 2] = ["conformance-", "bench-"];
/// Events looked at to tell a server for trials: a ledger's first event is its own.
const FIRST_EVENTS: usize = 64;

/// An open log.
#[derive(Clone)]
pub(crate) enum Log {
    /// In the data folder; this process alone has it.
    Embedded(Arc<EmbeddedStore>),
    /// In a KurrentDB; others may have it too.
    Kurrent(Kurrent),
}

/// A log in a KurrentDB.
#[derive(Clone)]
pub(crate) struct Kurrent {
    store: Arc<KurrentStore>,
    url: EventStoreUrl,
}

impl Log {
    /// Opens or creates the log of a ledger that is being started. The read models bear witness of what
    /// was durable; the gateway asks its own streams when it starts.
    ///
    /// # Errors
    /// When it is in use, damaged, older than a witness, or cannot be reached.
    pub(super) async fn open(settings: &Settings, accept_older: bool) -> Result<Self, Failure> {
        let Some(url) = &settings.event_store else {
            let store = Arc::new(open_embedded(settings, accept_older)?);
            return Ok(Self::Embedded(store));
        };
        if accept_older {
            let what = "--accept-older-log is for the embedded log";
            return Err(Failure::usage("NOT_EMBEDDED", what).advise(
                "a restored KurrentDB needs fresh read models: remove them, the next start folds them anew",
            ));
        }
        std::fs::create_dir_all(&settings.data_dir)
            .map_err(|error| Failure::file("making folder", &settings.data_dir, &error))?;
        Ok(Self::Kurrent(Kurrent::connect(url, MAY_BEGIN).await?))
    }

    /// Opens the log of a ledger that is not running, to look at it.
    ///
    /// # Errors
    /// When there is none, it is in use, damaged, or cannot be reached.
    pub(crate) async fn open_closed(settings: &Settings) -> Result<Self, Failure> {
        if let Some(url) = &settings.event_store {
            return Ok(Self::Kurrent(Kurrent::connect(url, MUST_EXIST).await?));
        }
        ledger_exists(settings)?;
        let options =
            OpenOptions::dir(&settings.log_dir())?.segment_bytes(settings.log_segment_bytes);
        Ok(Self::Embedded(Arc::new(EmbeddedStore::open(&options)?)))
    }

    /// Opens a server to try it: what is written stays, so a ledger's own server is refused.
    ///
    /// # Errors
    /// When it cannot be reached, none is named, or it holds more than trials.
    pub(crate) async fn open_for_trial(settings: &Settings) -> Result<Self, Failure> {
        let Some(url) = &settings.event_store else {
            let what = "no server is named: the embedded log has its own tests";
            return Err(
                Failure::usage("EVENT_STORE_URL", what).advise("give --url kurrentdb://host:2113")
            );
        };
        let log = Self::Kurrent(Kurrent::connect(url, MAY_BEGIN).await?);
        match log.must_be_for_trials().await {
            Ok(()) => Ok(log),
            Err(failure) => {
                log.close().await;
                Err(failure)
            }
        }
    }

    async fn must_be_for_trials(&self) -> Result<(), Failure> {
        let read = self
            .store()
            .read_all(None, Direction::Forwards, FIRST_EVENTS);
        let is_trial = |event: &RecordedEvent| {
            let stream = event.stream.as_str();
            TRIAL_STREAMS.iter().any(|trial| stream.starts_with(trial))
        };
        let Some(event) = read.await?.into_iter().find(|event| !is_trial(event)) else {
            return Ok(());
        };
        let what = format!(
            "{} holds more than trials: stream {}",
            self.place(),
            event.stream
        );
        Err(Failure::refused("NOT_FOR_TRIALS", what)
            .advise("give a server that is for trials: what is written stays there"))
    }

    /// Opens or creates a log that is filled from another one, on a clock that stands at that one's times.
    ///
    /// # Errors
    /// When it is in use, damaged, or cannot be reached.
    pub(crate) async fn open_to_fill(
        settings: &Settings,
        clock: &Arc<ManualClock>,
    ) -> Result<Self, Failure> {
        if let Some(url) = &settings.event_store {
            return Ok(Self::Kurrent(Kurrent::connect(url, MAY_BEGIN).await?));
        }
        let options = OpenOptions::dir(&settings.log_dir())?
            .segment_bytes(settings.log_segment_bytes)
            .clock(Arc::clone(clock) as Arc<dyn Clock>);
        Ok(Self::Embedded(Arc::new(EmbeddedStore::open(&options)?)))
    }

    /// The log as an event store.
    pub(crate) fn store(&self) -> Arc<dyn EventStore> {
        match self {
            Self::Embedded(store) => Arc::clone(store) as Arc<dyn EventStore>,
            Self::Kurrent(kurrent) => Arc::clone(&kurrent.store) as Arc<dyn EventStore>,
        }
    }

    /// The embedded log, where it is that one.
    pub(crate) fn embedded(&self) -> Option<&EmbeddedStore> {
        match self {
            Self::Embedded(store) => Some(store),
            Self::Kurrent(_) => None,
        }
    }

    /// Where it is, for people; never with a password.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Embedded(_) => "embedded".to_owned(),
            Self::Kurrent(kurrent) => kurrent.url.to_string(),
        }
    }

    /// Newest durable event.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn tail(&self) -> Result<Option<Position>, Failure> {
        Ok(self.store().tail().await?)
    }

    /// The newest trouble with a server, if there was any.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self {
            Self::Embedded(_) => None,
            Self::Kurrent(kurrent) => kurrent.store.stats().last_error,
        }
    }

    /// Events met in it that no ledger has written, where there are any.
    pub(crate) fn foreign(&self) -> Option<u64> {
        match self {
            Self::Embedded(_) => None,
            Self::Kurrent(kurrent) => {
                Some(kurrent.store.stats().foreign_events).filter(|foreign| *foreign > 0)
            }
        }
    }

    /// Events in it, where the log counts them.
    pub(crate) fn events(&self) -> Option<u64> {
        self.embedded().map(|store| store.stats().events)
    }

    /// Why it takes nothing more, if it has stopped for good.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.embedded().and_then(|store| store.stats().stopped)
    }

    /// Writes what is queued and lets it go.
    pub(crate) async fn close(&self) {
        let store = match self {
            Self::Embedded(store) => Arc::clone(store),
            Self::Kurrent(kurrent) => return kurrent.store.close().await,
        };
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        if let Err(error) = closed {
            tracing::warn!(%error, "the log was not closed in order; the next start recovers it");
        }
    }
}

impl Kurrent {
    async fn connect(url: &EventStoreUrl, must_exist: bool) -> Result<Self, Failure> {
        let options = Options {
            must_exist,
            ..Options::default()
        };
        match KurrentStore::connect(url.secret(), options).await {
            Ok(store) => {
                tracing::info!(%url, "the log is open: a KurrentDB");
                Ok(Self {
                    store: Arc::new(store),
                    url: url.clone(),
                })
            }
            Err(error) => Err(away(url, &error)),
        }
    }
}

/// Why a KurrentDB could not be connected, and where it was looked for.
fn away(url: &EventStoreUrl, error: &ConnectError) -> Failure {
    let what = format!("event store {url}: {error}");
    match error {
        ConnectError::Settings(_) => Failure::usage("EVENT_STORE_URL", what)
            .advise("give kurrentdb://host:2113, with user:password@ and options as needed"),
        ConnectError::Unreachable(_) => Failure::unavailable("EVENT_STORE_AWAY", what)
            .advise("start the server, or correct event_store, then try again"),
        ConnectError::Denied(_) => Failure::usage("EVENT_STORE_DENIED", what)
            .advise("give a user that may read and write as kurrentdb://user:password@host:2113"),
        ConnectError::NoLedger => Failure::usage("NO_LOG", what)
            .advise("give the store of a ledger; `ledger serve` begins one where there is none"),
        ConnectError::Identity(_) => Failure::damaged("EVENT_STORE_FOREIGN", what)
            .advise("give the ledger a server of its own; nothing was written"),
    }
}

fn open_embedded(settings: &Settings, accept_older: bool) -> Result<EmbeddedStore, Failure> {
    let mut options =
        OpenOptions::dir(&settings.log_dir())?.segment_bytes(settings.log_segment_bytes);
    options.accept_older = accept_older;
    let file = settings.read_models_file();
    match projections::stored_position(&file) {
        Ok(Some(position)) => {
            options = options.witness(
                &format!("the read model {}", file.display()),
                position.commit,
            );
        }
        Ok(None) => {}
        // The read models say themselves what is wrong with them when they start.
        Err(error) => tracing::warn!(%error, "the read model bears no witness of the log"),
    }
    let store = EmbeddedStore::open(&options)?;
    let report = store.report();
    tracing::info!(folder = %settings.log_dir().display(), "the log is open: {report}");
    Ok(store)
}

/// Checks that there is a ledger, before something opens its log and would make one. A KurrentDB tells
/// when it is asked.
///
/// # Errors
/// When there is none.
pub(crate) fn ledger_exists(settings: &Settings) -> Result<(), Failure> {
    if settings.event_store.is_some() {
        return Ok(());
    }
    let folder = settings.log_dir();
    let is_there = std::fs::read_dir(&folder).is_ok_and(|mut names| names.next().is_some());
    if is_there {
        return Ok(());
    }
    let what = format!("there is no log in {}", settings.data_dir.display());
    Err(Failure::usage("NO_LOG", what).advise(
        "give the ledger's folder with --data-dir or LEDGER_DATA_DIR; `ledger serve` makes one",
    ))
}
