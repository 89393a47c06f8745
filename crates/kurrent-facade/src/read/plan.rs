//! What a client asked for, judged before anything is read.

use event_store::{Direction, Position, StreamName};
use kurrent_wire::convert::{UuidForm, stream_from_wire};
use kurrent_wire::pb::shared::StreamIdentifier;
use kurrent_wire::pb::streams::read_req::Options;
use kurrent_wire::pb::streams::read_req::options::{
    AllOptions, CountOption, FilterOption, ReadDirection, StreamOption, StreamOptions, all_options,
    stream_options, uuid_option,
};
use tonic::Status;

use super::filter::Windowed;
use crate::trailers;

/// A stream as it was named.
#[derive(Debug, Clone)]
pub(super) struct NamedStream {
    /// As the client wrote it.
    pub(super) identifier: StreamIdentifier,
    /// `None` when no store can hold a stream of this name: there is none.
    pub(super) name: Option<StreamName>,
}

#[derive(Debug, Clone)]
pub(super) enum Source {
    Stream(NamedStream),
    All,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Start,
    End,
    /// A revision of the stream.
    Revision(u64),
    /// A position of all.
    Position(Position),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Count(u64),
    Subscription,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) source: Source,
    pub(super) begin: Begin,
    pub(super) direction: Direction,
    pub(super) extent: Extent,
    pub(super) filter: Option<Windowed>,
    pub(super) uuids: UuidForm,
    /// The client wants to know where a stream ends.
    pub(super) tells_end: bool,
}

fn combination() -> Status {
    trailers::invalid(
        "The combination of (stream_option, read_direction, count_option, filter_option) is invalid.",
    )
}

impl Plan {
    pub(super) fn of(options: Options) -> Result<Self, Status> {
        let direction = match ReadDirection::try_from(options.read_direction) {
            Ok(ReadDirection::Forwards) => Direction::Forwards,
            Ok(ReadDirection::Backwards) => Direction::Backwards,
            Err(_) => return Err(combination()),
        };
        let extent = match options.count_option {
            Some(CountOption::Count(count)) => Extent::Count(count),
            Some(CountOption::Subscription(_)) if direction == Direction::Forwards => {
                Extent::Subscription
            }
            Some(CountOption::Subscription(_)) | None => return Err(combination()),
        };
        let (source, begin) = match options.stream_option {
            Some(StreamOption::Stream(stream)) => of_stream(stream)?,
            Some(StreamOption::All(all)) => (Source::All, of_all(&all)?),
            None => return Err(combination()),
        };
        let filter = match (options.filter_option, &source) {
            (Some(FilterOption::NoFilter(_)), _) => None,
            (Some(FilterOption::Filter(filter)), Source::All) => Some(Windowed::of(filter)?),
            (Some(FilterOption::Filter(_)), Source::Stream(_)) | (None, _) => {
                return Err(combination());
            }
        };
        let uuids = match options.uuid_option.and_then(|option| option.content) {
            Some(uuid_option::Content::Structured(_)) => UuidForm::Structured,
            Some(uuid_option::Content::String(_)) => UuidForm::Text,
            None => return Err(trailers::invalid("'uuid_option' is missing")),
        };
        Ok(Self {
            source,
            begin,
            direction,
            extent,
            filter,
            uuids,
            tells_end: options
                .control_option
                .is_some_and(|control| control.compatibility >= 1),
        })
    }
}

fn of_stream(stream: StreamOptions) -> Result<(Source, Begin), Status> {
    let identifier = stream
        .stream_identifier
        .ok_or_else(|| trailers::invalid("'stream_identifier' is missing"))?;
    let text = stream_from_wire(&identifier)
        .ok_or_else(|| trailers::invalid("the stream's name is not UTF-8"))?;
    if text.is_empty() {
        return Err(trailers::invalid("the stream's name is empty"));
    }
    let name = StreamName::new(text).ok();
    let begin = match stream.revision_option {
        Some(stream_options::RevisionOption::Revision(revision)) => Begin::Revision(revision),
        Some(stream_options::RevisionOption::Start(_)) => Begin::Start,
        Some(stream_options::RevisionOption::End(_)) => Begin::End,
        None => return Err(trailers::invalid("'revision_option' is missing")),
    };
    Ok((Source::Stream(NamedStream { identifier, name }), begin))
}

fn of_all(all: &AllOptions) -> Result<Begin, Status> {
    Ok(match all.all_option {
        Some(all_options::AllOption::Position(position)) => {
            if position.commit_position == u64::MAX {
                // How some clients write the end.
                Begin::End
            } else {
                Begin::Position(Position {
                    commit: position.commit_position,
                    prepare: position.prepare_position,
                })
            }
        }
        Some(all_options::AllOption::Start(_)) => Begin::Start,
        Some(all_options::AllOption::End(_)) => Begin::End,
        None => return Err(trailers::invalid("'all_option' is missing")),
    })
}

#[cfg(test)]
mod tests {
    use kurrent_wire::pb::shared::Empty;
    use kurrent_wire::pb::streams::read_req::options::{
        FilterOptions, SubscriptionOptions, UuidOption,
    };
    use tonic::Code;

    use super::*;

    fn usual() -> Options {
        Options {
            stream_option: Some(StreamOption::All(AllOptions {
                all_option: Some(all_options::AllOption::Start(Empty {})),
            })),
            read_direction: ReadDirection::Forwards.into(),
            resolve_links: false,
            count_option: Some(CountOption::Count(u64::MAX)),
            filter_option: Some(FilterOption::NoFilter(Empty {})),
            uuid_option: Some(UuidOption {
                content: Some(uuid_option::Content::String(Empty {})),
            }),
            control_option: None,
        }
    }

    #[test]
    fn a_subscription_backwards_is_refused() {
        let mut options = usual();
        options.count_option = Some(CountOption::Subscription(SubscriptionOptions {}));
        assert!(Plan::of(options.clone()).is_ok());
        options.read_direction = ReadDirection::Backwards.into();
        let status = Plan::of(options).expect_err("backwards");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with("The combination of ("));
        assert!(status.message().ends_with(") is invalid."));
    }

    #[test]
    fn a_filter_on_one_stream_is_refused() {
        let mut options = usual();
        options.stream_option = Some(StreamOption::Stream(StreamOptions {
            stream_identifier: Some(kurrent_wire::convert::stream_to_wire("a")),
            revision_option: Some(stream_options::RevisionOption::Start(Empty {})),
        }));
        assert!(Plan::of(options.clone()).is_ok());
        options.filter_option = Some(FilterOption::Filter(FilterOptions::default()));
        assert_eq!(
            Plan::of(options).expect_err("filter").code(),
            Code::InvalidArgument
        );
    }

    #[test]
    fn who_does_not_say_how_ids_are_written_is_told_so() {
        let mut options = usual();
        options.uuid_option = None;
        let status = Plan::of(options).expect_err("no form of ids");
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("uuid_option"));
    }

    #[test]
    fn a_position_of_all_ones_is_the_end() {
        let all = AllOptions {
            all_option: Some(all_options::AllOption::Position(
                kurrent_wire::pb::streams::read_req::options::Position {
                    commit_position: u64::MAX,
                    prepare_position: u64::MAX,
                },
            )),
        };
        assert_eq!(of_all(&all).expect("a beginning"), Begin::End);
    }
}
