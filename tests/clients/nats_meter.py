"""A meter's gateway in plain Python: sends a reading, waits for the meter's order and a notification.

Uses nats-py only, as a maker of gateways would. Prints one line of JSON with the order, the notification and
the sequence of the reading.

    python nats_meter.py URL METER READ_AT VALUE KIND [--utility electricity] [--orders STREAM]
        [--notifications STREAM] [--timeout SECONDS]
"""

import argparse
import asyncio
import json
import sys

import nats
from nats.js.api import ConsumerConfig, DeliverPolicy


async def newest_matching(js, stream, subject, matches, timeout):
    """The first message of the subject, from the stream's beginning, that matches."""
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    subscription = await js.subscribe(subject, stream=stream, ordered_consumer=True, config=config)
    loop = asyncio.get_running_loop()
    give_up = loop.time() + timeout
    try:
        while True:
            left = give_up - loop.time()
            if left <= 0:
                raise TimeoutError(f"nothing that matches on {subject} within {timeout} s")
            try:
                message = await subscription.next_msg(timeout=left)
            except nats.errors.TimeoutError:
                continue
            content = json.loads(message.data)
            if matches(content):
                return content
    finally:
        await subscription.unsubscribe()


async def stream_is_there(js, stream, timeout):
    """Waits for a stream that the ledger makes."""
    for _ in range(max(1, int(timeout * 10))):
        try:
            await js.stream_info(stream)
            return
        except nats.js.errors.NotFoundError:
            await asyncio.sleep(0.1)
    raise TimeoutError(f"stream {stream} is not there after {timeout} s")


async def run(arguments):
    client = await nats.connect(arguments.url)
    try:
        js = client.jetstream()
        for stream in ("METER_READINGS", arguments.orders, arguments.notifications):
            await stream_is_there(js, stream, arguments.timeout)
        reading = {"meter": arguments.meter, "read_at": arguments.read_at, "value": arguments.value}
        ack = await js.publish(
            f"meter.readings.{arguments.utility}.python",
            json.dumps(reading).encode(),
            headers={"Nats-Msg-Id": f"{arguments.meter}@{arguments.read_at}"},
        )
        order = await newest_matching(
            js,
            arguments.orders,
            f"meter.orders.{arguments.meter}",
            lambda content: content["meter"] == arguments.meter,
            arguments.timeout,
        )
        notification = await newest_matching(
            js,
            arguments.notifications,
            f"notify.{arguments.kind}",
            lambda content: content["kind"] == arguments.kind,
            arguments.timeout,
        )
        print(json.dumps({"sequence": ack.seq, "order": order, "notification": notification}))
    finally:
        await client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("meter")
    parser.add_argument("read_at")
    parser.add_argument("value")
    parser.add_argument("kind", help="kind of the notification to wait for, such as low-credit")
    parser.add_argument("--utility", default="electricity", choices=["electricity", "water"])
    parser.add_argument("--orders", default="METER_ORDERS", help="stream of the orders")
    parser.add_argument("--notifications", default="NOTIFICATIONS", help="stream of the notifications")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds for each wait")
    try:
        asyncio.run(run(parser.parse_args()))
    except TimeoutError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
