//! Filters of all events: by the stream's name or the event's type, by prefixes or a regular expression.
//!
//! Clients write expressions for .NET, most often with a negative look-ahead. Such expressions backtrack, so
//! each match has a limit; one that passes it ends the read and says so.

use event_store::RecordedEvent;
use fancy_regex::{Regex, RegexBuilder};
use kurrent_wire::limits::WINDOW_DEFAULT;
use kurrent_wire::pb::streams::read_req::options::FilterOptions;
use kurrent_wire::pb::streams::read_req::options::filter_options::{
    Expression, Filter as WireFilter, Window,
};
use tonic::Status;

use crate::trailers;

/// Longest regular expression, bytes: people write a line.
const REGEX_BYTES_MAX: usize = 4 * 1024;
/// Largest compiled expression, bytes, so that `(a{1000}){1000}` is refused and not built.
const REGEX_COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Steps back of one match: names have 200 bytes at most, for which an honest expression takes some hundred.
const BACKTRACKS_MAX: usize = 10_000;
/// Most prefixes of one filter, each compared with every event.
const PREFIXES_MAX: usize = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Stream,
    Type,
}

#[derive(Debug)]
enum Pattern {
    Regex(Regex),
    Prefixes(Vec<String>),
}

/// Which events of all.
#[derive(Debug)]
pub(super) struct Filter {
    by: By,
    pattern: Pattern,
}

/// A filter with how many events are looked at between two checkpoints.
#[derive(Debug)]
pub(super) struct Windowed {
    pub(super) filter: Filter,
    pub(super) interval: u64,
}

impl Windowed {
    pub(super) fn of(options: FilterOptions) -> Result<Self, Status> {
        let window = match options.window {
            Some(Window::Max(max)) => max,
            Some(Window::Count(_)) => WINDOW_DEFAULT,
            None => return Err(trailers::invalid("the filter's 'window' is missing")),
        };
        let multiplier = options.checkpoint_interval_multiplier;
        let (by, expression) = match options.filter {
            Some(WireFilter::StreamIdentifier(expression)) => (By::Stream, expression),
            Some(WireFilter::EventType(expression)) => (By::Type, expression),
            None => return Err(trailers::invalid("the filter says nothing to filter by")),
        };
        Ok(Self {
            filter: Filter::new(by, expression)?,
            interval: u64::from(window.max(1)).saturating_mul(u64::from(multiplier.max(1))),
        })
    }
}

impl Filter {
    fn new(by: By, expression: Expression) -> Result<Self, Status> {
        let Expression { regex, prefix } = expression;
        let pattern = if regex.is_empty() {
            if prefix.len() > PREFIXES_MAX {
                return Err(trailers::invalid(format!(
                    "{} prefixes, at most {PREFIXES_MAX} a filter",
                    prefix.len()
                )));
            }
            Pattern::Prefixes(prefix)
        } else {
            Pattern::Regex(compile(&regex)?)
        };
        Ok(Self { by, pattern })
    }

    /// Whether an event passes.
    pub(super) fn admits(&self, event: &RecordedEvent) -> Result<bool, Status> {
        let text = match self.by {
            By::Stream => event.stream.as_str(),
            By::Type => &event.kind,
        };
        match &self.pattern {
            Pattern::Prefixes(prefixes) => {
                Ok(prefixes.iter().any(|prefix| text.starts_with(prefix)))
            }
            Pattern::Regex(regex) => regex.is_match(text).map_err(|error| {
                tracing::warn!(%error, text, "a client's filter took too many steps");
                trailers::invalid(format!(
                    "the filter's regular expression takes too many steps on {text:?}: {error}"
                ))
            }),
        }
    }
}

fn compile(regex: &str) -> Result<Regex, Status> {
    if regex.len() > REGEX_BYTES_MAX {
        return Err(trailers::invalid(format!(
            "a regular expression of {} bytes, at most {REGEX_BYTES_MAX}",
            regex.len()
        )));
    }
    RegexBuilder::new(regex)
        .backtrack_limit(BACKTRACKS_MAX)
        .delegate_size_limit(REGEX_COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| {
            trailers::invalid(format!(
                "the filter's regular expression {regex:?}: {error}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use event_store::{Position, StreamName};
    use kurrent_wire::pb::shared::Empty;
    use tonic::Code;
    use uuid::Uuid;

    use super::*;

    fn event(stream: &str, kind: &str) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new(stream).expect("a name"),
            revision: 0,
            position: Position::default(),
            id: Uuid::nil(),
            kind: Arc::from(kind),
            data: Bytes::new(),
            meta: Bytes::new(),
            recorded_at_ms: 0,
        }
    }

    fn regex(by: By, regex: &str) -> Result<Filter, Status> {
        Filter::new(
            by,
            Expression {
                regex: regex.to_owned(),
                prefix: Vec::new(),
            },
        )
    }

    #[test]
    fn the_look_ahead_that_clients_send_by_default_leaves_out_system_events() {
        let usual = r"^(?!(\$.+$|PersistentConfig\d+$|Result$))";
        let filter = regex(By::Type, usual).expect("the default of a client");
        for (kind, passes) in [
            ("$metadata", false),
            ("PersistentConfig1", false),
            ("PersistentConfigured", true),
            ("Result", false),
            ("Results", true),
            ("consumption-charged.v1", true),
        ] {
            assert_eq!(
                filter.admits(&event("s", kind)).expect("judged"),
                passes,
                "{kind}"
            );
        }
        let nothing = regex(By::Type, r"^(?!(.*$))").expect("all excluded");
        assert!(!nothing.admits(&event("s", "any.v1")).expect("judged"));
    }

    #[test]
    fn an_expression_is_searched_for_anywhere() {
        let filter = regex(By::Stream, "count-[0-9]").expect("an expression");
        assert!(filter.admits(&event("account-7", "k")).expect("judged"));
        assert!(!filter.admits(&event("account-x", "k")).expect("judged"));
        let both = regex(By::Stream, r"^[^\$].*").expect("an expression");
        assert!(both.admits(&event("account-7", "k")).expect("judged"));
        assert!(!both.admits(&event("$all", "k")).expect("judged"));
    }

    #[test]
    fn any_of_the_prefixes_will_do_and_none_of_none() {
        let of = |prefix: &[&str]| {
            let expression = Expression {
                regex: String::new(),
                prefix: prefix.iter().map(|&p| p.to_owned()).collect(),
            };
            Filter::new(By::Stream, expression).expect("a filter")
        };
        let admits = |filter: &Filter| filter.admits(&event("meter-1", "k")).expect("judged");
        assert!(admits(&of(&["account-", "meter-"])));
        assert!(!admits(&of(&["account-"])));
        assert!(!admits(&of(&[])));
    }

    #[test]
    fn an_expression_that_is_broken_or_huge_is_refused() {
        for text in ["(", "[z-a]", "(a{1000}){1000}", &"a".repeat(5_000)] {
            let status = regex(By::Type, text).expect_err(text);
            assert_eq!(status.code(), Code::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn an_expression_that_explodes_ends_the_read() {
        let filter = regex(By::Type, r"^(a|a)*(?!x)b\1$").expect("it compiles");
        let status = filter
            .admits(&event("s", &"a".repeat(150)))
            .expect_err("2 to the power of 150 steps");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("too many steps"));
    }

    #[test]
    fn checkpoints_stand_a_multiple_of_the_window_apart() {
        let of = |window, multiplier| {
            Windowed::of(FilterOptions {
                filter: Some(WireFilter::EventType(Expression::default())),
                window,
                checkpoint_interval_multiplier: multiplier,
            })
        };
        assert_eq!(
            of(Some(Window::Max(50)), 3).expect("a window").interval,
            150
        );
        assert_eq!(
            of(Some(Window::Count(Empty {})), 1)
                .expect("a window")
                .interval,
            32
        );
        assert_eq!(of(Some(Window::Max(1)), 0).expect("a window").interval, 1);
        assert_eq!(
            of(None, 1).expect_err("no window").code(),
            Code::InvalidArgument
        );
    }
}
