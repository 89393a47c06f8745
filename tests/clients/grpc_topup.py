"""Tops up a meter and reads the receipt back, with nothing but what the server tells of itself.

It shows that the API can be used from another language without generated code: the messages are built
from the descriptors that the server hands out by reflection.

Needs: grpcio, grpcio-reflection, protobuf. Prints one JSON object; exits with 1 when the ledger says no.
"""

import argparse
import json
import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

# Longest a call takes, seconds; the server is told and answers before.
DEADLINE_SECONDS = 10


class Ledger:
    """Calls RPCs by name, with plain dictionaries as messages."""

    def __init__(self, address, api_key):
        self._channel = grpc.insecure_channel(address)
        self._pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self._channel))
        self._metadata = (("authorization", f"Bearer {api_key}"),)

    def call(self, service, method, **fields):
        described = self._pool.FindServiceByName(f"ledger.v1.{service}").methods_by_name[method]
        asked = message_factory.GetMessageClass(described.input_type)
        answered = message_factory.GetMessageClass(described.output_type)
        rpc = self._channel.unary_unary(
            f"/ledger.v1.{service}/{method}",
            request_serializer=asked.SerializeToString,
            response_deserializer=answered.FromString,
        )
        request = json_format.ParseDict(fields, asked())
        response = rpc(request, timeout=DEADLINE_SECONDS, metadata=self._metadata)
        return json_format.MessageToDict(response, preserving_proto_field_name=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="host:port of the ledger's gRPC listener")
    parser.add_argument("api_key", help="API key of a channel")
    parser.add_argument("meter", help="meter number")
    parser.add_argument("amount", help="amount in the currency's decimals, such as 5.00")
    parser.add_argument("reference", help="your own name of this payment, unique for ever")
    args = parser.parse_args()
    ledger = Ledger(args.address, args.api_key)
    try:
        paid = ledger.call(
            "PaymentService",
            "TopUp",
            reference=args.reference,
            meter=args.meter,
            amount=args.amount,
            money="MONEY_STATE_NOT_TAKEN",
        )
        read = ledger.call(
            "QueryService", "ListReceipts", reference=args.reference, at_least=paid["token"]
        )
    except grpc.RpcError as error:
        print(json.dumps({"status": error.code().name, "message": error.details()}))
        return 1
    print(
        json.dumps(
            {
                "receipt": paid["receipt"],
                "duplicate": paid.get("duplicate", False),
                "read_back": [found["receipt"] for found in read.get("receipts", [])],
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
