"""A client of KurrentDB, the official one for Python, that says in JSON what it reads, appends and follows.

The same commands and answers as `kurrent_client.mjs` and the Rust `kurrent-client` beside it, so that one
test asks all three the same. Errors are told by the name of the client's own type.

    python kurrent_client.py reads URL             one object: what each way of reading gave
    python kurrent_client.py appends URL           one object: what became of each append
    python kurrent_client.py tries URL             one object: a read, an append and a delete
    python kurrent_client.py follow URL stream NAME
    python kurrent_client.py follow URL all PREFIX
        a line for each thing heard, for ever; after a loss it goes on from the last position it saw

Needs: kurrentdbclient.
"""

import argparse
import json
import signal
import sys
import time
from uuid import UUID

from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError, WrongCurrentVersionError

# Longest a call takes, seconds.
DEADLINE_SECONDS = 30
# Longest life of a follower, seconds; the test ends it long before.
LIFE_SECONDS = 300
# Pause before it subscribes again, seconds.
PAUSE_SECONDS = 0.05
# Events looked at between two checkpoints.
WINDOW = 4


def word(event):
    return f"{event.stream_name}@{event.stream_position} {event.type}"


def words(events):
    return [word(event) for event in events]


def error_of(call):
    try:
        call()
    except KurrentDBClientError as error:
        return type(error).__name__
    return None


def reads(client):
    def stream(name, **options):
        return words(client.get_stream(name, timeout=DEADLINE_SECONDS, **options))

    def both(**options):
        read = lambda **way: words(client.read_all(timeout=DEADLINE_SECONDS, **way, **options))
        return {"forwards": read(), "backwards": read(backwards=True)}

    positions = [event.commit_position for event in client.read_all(timeout=DEADLINE_SECONDS)]
    by_stream = {"filter_by_stream_name": True}
    prefix = {"filter_by_prefix": True, "filter_exclude": ()}
    return {
        "stream": stream("account-1"),
        "stream_backwards": stream("account-1", backwards=True),
        "stream_middle": stream("account-1", stream_position=1, limit=2),
        "stream_middle_backwards": stream("account-1", stream_position=2, backwards=True, limit=2),
        "missing": error_of(lambda: client.get_stream("nowhere", timeout=DEADLINE_SECONDS)),
        "all": both(filter_exclude=()),
        "all_from_third": words(
            client.read_all(commit_position=positions[2], limit=2, timeout=DEADLINE_SECONDS)
        ),
        "all_before_third": words(
            client.read_all(
                commit_position=positions[2], backwards=True, limit=2, timeout=DEADLINE_SECONDS
            )
        ),
        "usual_filter": both(),
        "stream_prefix": both(filter_include=("meter-", "key-"), **by_stream, **prefix),
        "stream_regex": both(filter_include=(r"account-[0-9]+",), **by_stream),
        "stream_look_ahead": both(filter_exclude=("account-.*",), **by_stream),
        "type_prefix": both(filter_include=("paid.", "installed."), **prefix),
        "type_regex": both(filter_include=(r"(charged|paid)\.v1",)),
        "type_look_ahead": both(filter_exclude=(r"charged\..*", r"\$.+")),
    }


def event(n):
    return NewEvent(type="noted.v1", data=json.dumps({"n": n}).encode(), id=UUID(int=n))


def appends(client):
    def append(events, version):
        client.append_to_stream(
            "a", events=events, current_version=version, timeout=DEADLINE_SECONDS
        )
        return client.get_current_version("a", timeout=DEADLINE_SECONDS)

    def conflict(events, version):
        try:
            append(events, version)
        except WrongCurrentVersionError as error:
            return {"error": type(error).__name__, "says": str(error)}
        return None

    one = StreamState.NO_STREAM
    return {
        "first": append(event(1), one),
        "second": append([event(2), event(3)], 0),
        "again": append([event(2), event(3)], 0),
        "any": append(event(4), StreamState.ANY),
        "wrong_single": conflict(event(5), 1),
        "wrong_batch": conflict([event(6), event(7)], 1),
        "wrong_no_stream": conflict(event(8), one),
        "read_back": words(client.get_stream("a", timeout=DEADLINE_SECONDS)),
        "data": [json.loads(event.data) for event in client.get_stream("a", timeout=DEADLINE_SECONDS)],
    }


def tries(client):
    def all_kinds():
        return [event.type for event in client.read_all(timeout=DEADLINE_SECONDS)]

    refused = error_of(all_kinds)
    once = {"current_version": StreamState.ANY, "timeout": DEADLINE_SECONDS}
    return {
        "read": refused or all_kinds(),
        "append": error_of(lambda: client.append_to_stream("a", events=event(1), **once)),
        "append_batch": error_of(lambda: client.append_to_stream("a", events=[event(1)], **once)),
        "delete": error_of(lambda: client.delete_stream("a", **once)),
    }


def say(**told):
    print(json.dumps(told), flush=True)


def subscription(client, what, name, after):
    if what == "stream":
        return client.subscribe_to_stream(name, stream_position=after, include_caught_up=True)
    return client.subscribe_to_all(
        commit_position=after,
        filter_include=(name,),
        filter_by_stream_name=True,
        filter_by_prefix=True,
        include_checkpoints=True,
        include_caught_up=True,
        window_size=WINDOW,
        checkpoint_interval_multiplier=1,
    )


def hear(client, what, name, after):
    """Says what comes, and gives each position back as it is reached."""
    with subscription(client, what, name, after) as heard:
        say(subscribed=after)
        for one in heard:
            at = one.stream_position if what == "stream" else one.commit_position
            if one.is_checkpoint:
                say(checkpoint=at)
            elif one.is_caught_up:
                say(caught_up=True)
                continue
            else:
                say(event=word(one), at=at)
            yield at


def follow(client, what, name):
    signal.alarm(LIFE_SECONDS)
    after = None
    while True:
        try:
            for at in hear(client, what, name, after):
                after = at
            say(dropped="end")
        except KurrentDBClientError as error:
            say(dropped=type(error).__name__)
        time.sleep(PAUSE_SECONDS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["reads", "appends", "tries", "follow"])
    parser.add_argument("url", help="kurrentdb://…")
    parser.add_argument("what", nargs="?", choices=["stream", "all"])
    parser.add_argument("name", nargs="?", help="the stream, or the prefix of streams")
    args = parser.parse_args()
    client = KurrentDBClient(args.url)
    if args.command == "follow":
        follow(client, args.what, args.name)
    told = {"reads": reads, "appends": appends, "tries": tries}[args.command](client)
    print(json.dumps(told))
    client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
