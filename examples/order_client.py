#!/usr/bin/env python3
"""The client of order_server.cc in Python, with nothing generated: it reads what protoc knows.

usage: order_client.py TARGET DESCRIPTORS place ITEM COUNT | find NUMBER
DESCRIPTORS: protoc --include_imports --descriptor_set_out=DESCRIPTORS order.proto
"""
import pathlib
import sys

import homa
import homa.rpc


def main() -> int:
    if len(sys.argv) < 5:
        print(__doc__, file=sys.stderr)
        return 2
    target, descriptors, command, *arguments = sys.argv[1:]
    service = homa.rpc.services_of(pathlib.Path(descriptors).read_bytes())["shop.Orders"]
    request_of = {method.name: homa.rpc.class_of(method.input_type) for method in service.methods}
    orders = homa.rpc.Channel(homa.Host(), target).stub(service)
    try:
        if command == "place":
            order = request_of["Place"](item=arguments[0], count=int(arguments[1]))
            receipt = orders.Place(order, timeout=2)
            print(f"order {receipt.number}: {receipt.cents} cents")
        else:
            answer = orders.Find(request_of["Find"](number=int(arguments[0])), timeout=2)
            print(f"{answer.order.count} {answer.order.item}")
    except homa.rpc.RpcError as error:
        print(f"order_client.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
