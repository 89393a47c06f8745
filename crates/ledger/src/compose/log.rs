//! Opening the log: with the witnesses that have seen it, or, for a stopped ledger, as it lies there.

use std::path::PathBuf;

use event_store::embedded::{EmbeddedStore, OpenOptions};

use crate::config::Settings;
use crate::failure::Failure;

/// Opens or creates the log of a ledger that is being started. The read models bear witness of what was
/// durable; the gateway asks its own streams when it starts.
pub(super) fn open(settings: &Settings, accept_older: bool) -> Result<EmbeddedStore, Failure> {
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

/// The folder of a log that exists.
///
/// # Errors
/// When there is none.
pub(crate) fn closed_log(settings: &Settings) -> Result<PathBuf, Failure> {
    let folder = settings.log_dir();
    let is_there = std::fs::read_dir(&folder).is_ok_and(|mut names| names.next().is_some());
    if is_there {
        return Ok(folder);
    }
    let what = format!("there is no log in {}", settings.data_dir.display());
    Err(Failure::usage("NO_LOG", what).advise(
        "give the ledger's folder with --data-dir or LEDGER_DATA_DIR; `ledger serve` makes one",
    ))
}

/// Opens the log of a ledger that is not running.
///
/// # Errors
/// When there is none, it is in use, or it is damaged.
pub(crate) fn open_closed_log(settings: &Settings) -> Result<EmbeddedStore, Failure> {
    let folder = closed_log(settings)?;
    let options = OpenOptions::dir(&folder)?.segment_bytes(settings.log_segment_bytes);
    Ok(EmbeddedStore::open(&options)?)
}
