//! Publishing a version of a scheme: judged, put on record, served at once (C12).
//!
//! The record is the stream `scheme-<name>`; a start reads it, and a store that others write to is looked
//! at now and then. Absent on purpose: what is priced already, which a read model knows and the caller
//! says.

use std::time::Duration;

use event_store::{Direction, EventStore};
use ledger_core::answer::Answer;
use ledger_core::event::{Event, SchemePublished, decode};
use ledger_core::ids::{Actor, CommandKey};
use ledger_core::rejection::Rejection;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;

use crate::api::{Reply, ServiceError};
use crate::content;
use crate::policies::Policies;
use crate::route;
use crate::service::{Ledger, StartError, refused};
use crate::task::{DeskTask, DeskWork, Publishing, Task, prefix, stream};

/// Longest text of a scheme, in bytes: four times the largest known, and well within a commit.
const SCHEME_BYTES_MAX: usize = 256 * 1024;
/// Versions of a scheme: twenty years of a change a week.
const VERSIONS_MAX: usize = 1_000;
/// How often versions that other processes publish are looked for.
const FOLLOW_EVERY: Duration = Duration::from_secs(5);

/// Asks to publish a version of a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishRequest {
    /// The sender's key.
    pub key: CommandKey,
    /// Who acts.
    pub actor: Actor,
    /// When it was received.
    pub received_at: Timestamp,
    /// The scheme's file.
    pub text: String,
}

impl Ledger {
    /// Publishes a version of a scheme; when it is answered, decisions go by it from its first instant on.
    /// `priced_until` tells the time of the newest charge under a scheme.
    ///
    /// # Errors
    /// See [`ServiceError`]. A refusal is an answer.
    pub async fn publish_scheme(
        &self,
        request: PublishRequest,
        priced_until: Option<Timestamp>,
    ) -> Result<Reply, ServiceError> {
        if request.text.len() > SCHEME_BYTES_MAX {
            let what = format!("a scheme has at most {SCHEME_BYTES_MAX} bytes");
            return Err(ServiceError::Invalid(what));
        }
        let policy = match SchemePolicy::from_toml(&request.text) {
            Ok(policy) => policy,
            Err(error) => {
                return Ok(refused(Rejection::SchemeInvalid {
                    line: u32::try_from(error.line).unwrap_or(0),
                    key: error.key,
                    reason: error.message,
                }));
            }
        };
        let name = policy.name().to_owned();
        let task = publication(request, policy, priced_until)?;
        // Carried through also when the caller no longer waits: what is on record must be served.
        let ledger = self.clone();
        let carried = tokio::spawn(async move {
            let reply = ledger.run(task).await?;
            if matches!(reply.answer, Answer::Published(_)) {
                let versions = ledger.scheme_versions(&name).await?;
                ledger
                    .policies()
                    .adopt(&versions)
                    .map_err(ServiceError::Damaged)?;
            }
            Ok(reply)
        });
        carried
            .await
            .unwrap_or_else(|error| Err(ServiceError::Stopped(error.to_string())))
    }

    /// The versions of a scheme that are on record, oldest first.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn scheme_versions(&self, name: &str) -> Result<Vec<SchemePublished>, ServiceError> {
        Ok(versions(&*self.0.store, name).await?)
    }
}

fn publication(
    request: PublishRequest,
    policy: SchemePolicy,
    priced_until: Option<Timestamp>,
) -> Result<Task, ServiceError> {
    route::must_be_foreign(&request.key)?;
    let claim = route::claim(&request.key, content::of_publication(&request.text));
    let work = Publishing {
        stream: stream(&stream_name(policy.name())),
        digest: blake3::hash(request.text.as_bytes()).to_hex().to_string(),
        policy,
        text: request.text,
        priced_until,
    };
    Ok(Task::Desk(Box::new(DeskTask {
        stream: route::desk(&request.key),
        claim,
        actor: request.actor,
        received_at: request.received_at,
        work: DeskWork::Publish(Box::new(work)),
    })))
}

fn stream_name(scheme: &str) -> String {
    format!("{}{scheme}", prefix::SCHEME)
}

async fn versions(store: &dyn EventStore, name: &str) -> Result<Vec<SchemePublished>, StartError> {
    let stream = stream(&stream_name(name));
    let events = store
        .read_stream(&stream, 0, Direction::Forwards, VERSIONS_MAX)
        .await?;
    let understood = events.iter().map(|event| {
        let damaged = |why: String| StartError::Damaged(format!("{stream}: {why}"));
        match decode(&event.kind, &event.data).map_err(|error| damaged(error.to_string()))? {
            Event::Scheme(published) => Ok(published),
            Event::Account(_)
            | Event::Meter(_)
            | Event::Key(_)
            | Event::Suspense(_)
            | Event::Gateway(_)
            | Event::InitialCredit(_)
            | Event::Legacy(_)
            | Event::WorkOrder(_)
            | Event::Reserved(_)
            | Event::Application(_)
            | Event::Complaint(_)
            | Event::Number(_) => Err(damaged(format!("{} does not belong there", event.kind))),
        }
    });
    understood.collect()
}

/// Takes in what is on record of every scheme that is served.
///
/// # Errors
/// When the log cannot be read or understood.
pub(crate) async fn load(store: &dyn EventStore, policies: &Policies) -> Result<(), StartError> {
    for policy in policies.all() {
        let versions = versions(store, policy.name()).await?;
        policies.adopt(&versions).map_err(StartError::Damaged)?;
    }
    Ok(())
}

/// Follows what other processes publish on a shared store.
pub(crate) async fn follow(store: std::sync::Arc<dyn EventStore>, policies: Policies) {
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        if let Err(error) = load(&*store, &policies).await {
            tracing::warn!(%error, "published schemes cannot be read now; they are looked for again");
        }
    }
}
