//! The clock seam of the service: the machine's time, or a simulated one that comes with the requests.
//!
//! Every entrance stamps a request here, once; from there on time is part of the command (C6). A time
//! stated by the sender is accepted only where time is simulated: in production nobody dates his own
//! payment. Absent on purpose: waiting and timers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use event_store::Clock;
use ledger_core::time::Timestamp;

use crate::api::ServiceError;

/// Where *received at* comes from.
#[derive(Clone)]
pub enum TimeSource {
    /// A clock, usually the machine's.
    Clock(Arc<dyn Clock>),
    /// The newest time that a request has stated.
    Simulated(Arc<AtomicI64>),
}

impl std::fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Clock(_) => "Clock",
            Self::Simulated(_) => "Simulated",
        })
    }
}

impl TimeSource {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::Clock(Arc::new(event_store::SystemClock))
    }

    /// Simulated time, standing at `start` until a request states a later one.
    #[must_use]
    pub fn simulated(start: Timestamp) -> Self {
        Self::Simulated(Arc::new(AtomicI64::new(start.as_millis())))
    }

    /// The time now: the clock's, or the newest that was stated.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ms = match self {
            Self::Clock(clock) => clock.now_ms(),
            Self::Simulated(newest) => newest.load(Ordering::SeqCst),
        };
        Timestamp::from_millis(ms)
    }

    /// When a request that states `stated` (or nothing) is received.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] when a time is stated although time is not simulated.
    pub fn stamp(&self, stated: Option<Timestamp>) -> Result<Timestamp, ServiceError> {
        match (self, stated) {
            (Self::Clock(_), Some(_)) => Err(ServiceError::Invalid(
                "received_at is taken from the ledger's clock; leave it out (it is accepted only where time is simulated)"
                    .to_owned(),
            )),
            (Self::Simulated(newest), Some(at)) => {
                newest.fetch_max(at.as_millis(), Ordering::SeqCst);
                Ok(at)
            }
            (Self::Clock(_) | Self::Simulated(_), None) => Ok(self.now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_store::ManualClock;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn c6_a_sender_dates_a_request_only_where_time_is_simulated() {
        let clock = TimeSource::Clock(Arc::new(ManualClock::new(5_000)));
        assert_eq!(clock.stamp(None), Ok(at(5_000)));
        assert_eq!(
            clock.stamp(Some(at(7))).unwrap_err().code(),
            "INVALID_REQUEST"
        );

        let simulated = TimeSource::simulated(at(100));
        assert_eq!(simulated.stamp(Some(at(900))), Ok(at(900)));
        assert_eq!(
            simulated.stamp(Some(at(200))),
            Ok(at(200)),
            "a late message keeps its time"
        );
        assert_eq!(
            simulated.now(),
            at(900),
            "the simulated clock does not run backwards"
        );
    }
}
