"""Pays a top-up and does not stop before it knows what became of it (docs/integration.md).

The messages are built from the descriptors that the server hands out by reflection. Prints one JSON object;
exit code 0 when applied or suspended, 3 when refused or in conflict, 2 for a wrong call, 4 when in doubt.

Needs the packages of requirements.txt.
"""

import argparse
import json
import sys
import time

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

# Longest one call takes, seconds.
DEADLINE_SECONDS = 5
# First pause between two calls, doubled each time up to the longest, seconds.
PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 30

REFUSED = {grpc.StatusCode.FAILED_PRECONDITION: "refused", grpc.StatusCode.ALREADY_EXISTS: "conflict"}
WRONG_CALL = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
}
EXIT = {"applied": 0, "suspended": 0, "refused": 3, "conflict": 3, "wrong call": 2, "in doubt": 4}


class Payments:
    """The payment service of one ledger."""

    def __init__(self, address, api_key):
        self._channel = grpc.insecure_channel(address)
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        self._top_up = None

    def _method(self):
        # Asked for at the first call: the server may be away when the client starts.
        if self._top_up is None:
            pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self._channel))
            described = pool.FindServiceByName("ledger.v1.PaymentService").methods_by_name["TopUp"]
            asked = message_factory.GetMessageClass(described.input_type)
            answered = message_factory.GetMessageClass(described.output_type)
            rpc = self._channel.unary_unary(
                "/ledger.v1.PaymentService/TopUp",
                request_serializer=asked.SerializeToString,
                response_deserializer=answered.FromString,
            )
            self._top_up = (asked, rpc)
        return self._top_up

    def top_up(self, payment):
        """Sends once. Returns the state and what there is to say of it."""
        try:
            asked, rpc = self._method()
            request = json_format.ParseDict(payment, asked())
            answer = rpc(request, timeout=DEADLINE_SECONDS, metadata=self._metadata)
        except grpc.RpcError as error:
            return state_of(error)
        said = json_format.MessageToDict(answer, preserving_proto_field_name=True)
        state = "applied" if "receipt" in said else "suspended"
        return state, {"duplicate": said.get("duplicate", False), **said.get("receipt", said.get("suspended", {}))}


def state_of(error):
    """What an error means for the payment."""
    said = {"status": error.code().name, "message": error.details()}
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            said.update(code=info.reason, cash=info.metadata.get("cash", ""))
    if error.code() in REFUSED:
        return REFUSED[error.code()], said
    if error.code() in WRONG_CALL:
        return "wrong call", said
    return "in doubt", said


def pay(payments, payment, tries):
    """Sends the same until its state is known, or the tries are used up."""
    pause = PAUSE_SECONDS
    in_doubt_before = False
    for attempt in range(1, tries + 1):
        state, said = payments.top_up(payment)
        if state != "in doubt":
            break
        in_doubt_before = True
        if attempt < tries:
            time.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
    return {"state": state, "tries": attempt, "in_doubt_before": in_doubt_before, **said}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="host:port of the ledger")
    parser.add_argument("api_key", help="API key of your channel")
    parser.add_argument("meter", help="meter number")
    parser.add_argument("amount", help="amount in the currency's decimals, such as 20.00")
    parser.add_argument("reference", help="your own name of this payment, unique for ever")
    parser.add_argument("--taken", action="store_true", help="the cash is in the drawer already")
    parser.add_argument("--tries", type=int, default=10, help="give up, in doubt, after so many calls")
    args = parser.parse_args()
    # A real till writes this down durably before the first call.
    payment = {
        "reference": args.reference,
        "meter": args.meter,
        "amount": args.amount,
        "money": "MONEY_STATE_TAKEN" if args.taken else "MONEY_STATE_NOT_TAKEN",
    }
    outcome = pay(Payments(args.address, args.api_key), payment, args.tries)
    print(json.dumps(outcome))
    return EXIT[outcome["state"]]


if __name__ == "__main__":
    sys.exit(main())
