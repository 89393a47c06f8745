//! What a failed call means for whoever made it.

use std::error::Error;

use event_store::ReadError;
use kurrent_wire::names;
use tonic::{Code, Status};

use crate::settings::Host;

/// How a server begins to say that it can neither append nor read now, whatever its code: it answers, but does
/// not serve.
const SERVES_NOT: [&str; 4] = [
    "Server Is Not Ready",
    "Server Is Busy",
    "Server Is Too Busy",
    "No leader info available",
];

/// Whether a server's words say that it does not serve, so that another one may have to be looked for.
pub(crate) fn serves_not(said: &str) -> bool {
    SERVES_NOT.iter().any(|words| said.contains(words))
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Another node leads; where it is, if the server said so.
    NotLeader(Option<Host>),
    /// The server knows who asks and says no, or does not know.
    Denied(String),
    /// The stream was ended for ever.
    Deleted(String),
    /// The server will say the same again.
    Refused(String),
    /// May get better. `lost` says that the connection is of no more use.
    Passing { text: String, lost: bool },
    /// What came back is not what the protocol says.
    Broken(String),
    /// The store was closed.
    Closed,
}

impl Trouble {
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        Self::Passing {
            text: text.into(),
            lost: false,
        }
    }

    pub(crate) fn lost(text: impl Into<String>) -> Self {
        Self::Passing {
            text: text.into(),
            lost: true,
        }
    }

    /// Whether asking again can help.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::NotLeader(_) | Self::Passing { .. })
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::NotLeader(Some(host)) => format!("the server says that {host} leads"),
            Self::NotLeader(None) => "the server says that another one leads".to_owned(),
            Self::Denied(said) => format!(
                "the server denies access ({said}); check user and password of the connection string \
                 and the rights on the server's streams"
            ),
            Self::Deleted(said) => format!(
                "a stream was deleted on the server ({said}); a ledger's history must be whole: \
                 restore the server from a backup"
            ),
            Self::Refused(text) | Self::Broken(text) | Self::Passing { text, .. } => text.clone(),
            Self::Closed => "the store was closed".to_owned(),
        }
    }

    /// As the error of a read that is given up.
    pub(crate) fn into_read_error(self) -> ReadError {
        match self {
            Self::Deleted(_) | Self::Broken(_) => ReadError::Damaged(self.text()),
            Self::NotLeader(_)
            | Self::Denied(_)
            | Self::Refused(_)
            | Self::Passing { .. }
            | Self::Closed => ReadError::Unavailable(self.text()),
        }
    }
}

impl From<&Status> for Trouble {
    fn from(status: &Status) -> Self {
        let said = format!("{:?}: {}", status.code(), status.message());
        let trailer = |name| {
            let value = status.metadata().get(name)?;
            value.to_str().ok()
        };
        match trailer(names::TRAILER_EXCEPTION) {
            Some(names::EXCEPTION_NOT_LEADER) => {
                let name = trailer(names::TRAILER_LEADER_HOST);
                let port = trailer(names::TRAILER_LEADER_PORT);
                let leader = name.zip(port);
                return Self::NotLeader(leader.and_then(|(name, port)| Host::named(name, port)));
            }
            Some(names::EXCEPTION_STREAM_DELETED) => return Self::Deleted(said),
            Some(names::EXCEPTION_ACCESS_DENIED) => return Self::Denied(said),
            Some(_) | None => {}
        }
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => Self::Denied(said),
            Code::InvalidArgument
            | Code::Unimplemented
            | Code::OutOfRange
            | Code::FailedPrecondition
            | Code::AlreadyExists => Self::Refused(said),
            // A status with a source was made on this side: the connection failed.
            Code::Unavailable => Self::lost(said),
            Code::Unknown if serves_not(status.message()) => Self::lost(said),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::DataLoss => Self::Passing {
                text: said,
                lost: status.source().is_some(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(code: Code, trailers: &[(&'static str, &'static str)]) -> Trouble {
        let mut status = Status::new(code, "said");
        for (name, value) in trailers {
            let value = value.parse().unwrap();
            status.metadata_mut().insert(*name, value);
        }
        Trouble::from(&status)
    }

    #[test]
    fn a_server_that_does_not_lead_says_who_does() {
        let trailers = [
            (names::TRAILER_EXCEPTION, names::EXCEPTION_NOT_LEADER),
            (names::TRAILER_LEADER_HOST, "10.0.0.2"),
            (names::TRAILER_LEADER_PORT, "2113"),
        ];
        for (named, host) in [
            ("10.0.0.2", "10.0.0.2:2113"),
            ("fd00::2", "[fd00::2]:2113"),
            ("[fd00::2]", "[fd00::2]:2113"),
        ] {
            let trailers = [
                trailers[0],
                (names::TRAILER_LEADER_HOST, named),
                trailers[2],
            ];
            assert_eq!(
                with(Code::NotFound, &trailers),
                Trouble::NotLeader(Some(host.parse().unwrap()))
            );
        }
        assert_eq!(
            with(Code::NotFound, &trailers[..1]),
            Trouble::NotLeader(None)
        );
    }

    #[test]
    fn what_may_get_better_is_told_from_what_will_not() {
        for code in [
            Code::Unavailable,
            Code::Aborted,
            Code::Unknown,
            Code::DeadlineExceeded,
            Code::ResourceExhausted,
        ] {
            assert!(with(code, &[]).may_pass(), "{code:?}");
        }
        for code in [
            Code::Unauthenticated,
            Code::PermissionDenied,
            Code::InvalidArgument,
            Code::Unimplemented,
        ] {
            assert!(!with(code, &[]).may_pass(), "{code:?}");
        }
        let leaderless = Status::unknown("No leader info available in response");
        assert!(matches!(
            Trouble::from(&leaderless),
            Trouble::Passing { lost: true, .. }
        ));
        let deleted = [(names::TRAILER_EXCEPTION, names::EXCEPTION_STREAM_DELETED)];
        let error = with(Code::FailedPrecondition, &deleted).into_read_error();
        assert!(matches!(error, ReadError::Damaged(_)), "{error}");
    }
}
