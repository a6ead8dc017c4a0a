"""Services from Python: clients and servers by descriptors, headers against hostile input."""

import asyncio
import random
import struct
import time
import unittest

from google.protobuf import descriptor_pb2

import homa
import homa.rpc
from homa import _header

PATIENT = {"timeout_ticks": 5000}


def shop() -> bytes:
    """What protoc would write for a small file."""
    files = descriptor_pb2.FileDescriptorSet()
    file = files.file.add(name="shop.proto", package="shop", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    messages = {"Order": (("item", 9), ("count", 13)), "Receipt": (("number", 4),)}
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, (label, kind) in enumerate(fields, 1):
            message.field.add(name=label, number=number, type=kind, label=field.LABEL_OPTIONAL)
    service = file.service.add(name="Orders")
    for name in ("Place", "Find", "Wait"):
        service.method.add(name=name, input_type=".shop.Order", output_type=".shop.Receipt")
    service.method[1].options.idempotency_level = descriptor_pb2.MethodOptions.IDEMPOTENT
    service.method.add(
        name="List", input_type=".shop.Order", output_type=".shop.Receipt", server_streaming=True
    )
    return files.SerializeToString()


ORDERS = homa.rpc.services_of(shop())["shop.Orders"]
Order = homa.rpc.class_of(ORDERS.methods_by_name["Place"].input_type)
Receipt = homa.rpc.class_of(ORDERS.methods_by_name["Place"].output_type)


class Shop:
    """The handlers. Find is left out, so that it is unimplemented."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = False

    def Place(self, order, context):  # pylint: disable=invalid-name
        self.calls += 1
        if order.item == "":
            raise homa.rpc.RpcError(homa.rpc.StatusCode.INVALID_ARGUMENT, "no item", b"\x01")
        if order.item == "bug":
            raise KeyError("bug")
        context.response_metadata.append(("seen", dict(context.metadata).get("who", b"")))
        return Receipt(number=order.count + 1)

    def Wait(self, _order, context):  # pylint: disable=invalid-name
        while not context.is_cancelled():
            pass
        self.cancelled = True
        time.sleep(0.5)  # its client has given up by then, however late its thread gets its turn
        return Receipt()


class Services(unittest.TestCase):
    def setUp(self) -> None:
        self.servers = homa.Host("127.0.0.1", parameters=PATIENT)
        self.clients = homa.Host("127.0.0.1", parameters=PATIENT)
        self.addCleanup(self.servers.close)
        self.addCleanup(self.clients.close)
        self.target = f"{self.servers.address}:4000"

    def test_calls_and_statuses(self) -> None:
        implementation = Shop()
        server = homa.rpc.Server(self.servers, 4000)
        server.add(ORDERS, implementation)
        with server:
            orders = homa.rpc.Channel(self.clients, self.target).stub(ORDERS)
            receipt = orders.Place(
                Order(item="apple", count=3), timeout=10, metadata=[("who", b"me")]
            )
            self.assertEqual(receipt.number, 4)
            with self.assertRaises(homa.rpc.RpcError) as wrong:
                orders.Place(Order())
            self.assertEqual(wrong.exception.code, homa.rpc.StatusCode.INVALID_ARGUMENT)
            self.assertEqual(wrong.exception.message, "no item")
            self.assertEqual(wrong.exception.details, b"\x01")
            with self.assertRaises(homa.rpc.RpcError) as bug:
                orders.Place(Order(item="bug"))
            self.assertEqual(bug.exception.code, homa.rpc.StatusCode.UNKNOWN)
            with self.assertRaises(homa.rpc.RpcError) as missing:
                orders.Find(Order())
            self.assertEqual(missing.exception.code, homa.rpc.StatusCode.UNIMPLEMENTED)
            self.assertEqual(missing.exception.executed, homa.Executed.NO)
            with self.assertRaises(homa.rpc.RpcError) as late:
                orders.Wait(Order(), timeout=0.1)
            self.assertEqual(late.exception.code, homa.rpc.StatusCode.DEADLINE_EXCEEDED)
            with self.assertRaises(NotImplementedError):
                orders.List(Order())
        self.assertTrue(implementation.cancelled)

    def test_another_server_is_asked_only_if_nothing_ran(self) -> None:
        implementation = Shop()
        server = homa.rpc.Server(self.servers, 4000)
        server.add(ORDERS, implementation)
        draining = self.servers.serve(4001)
        draining.stop_accepting()
        with server:
            channel = homa.rpc.Channel(
                self.clients, f"list:{self.target},{self.servers.address}:4001"
            )
            orders = channel.stub(ORDERS)
            for count in range(20):
                self.assertEqual(orders.Place(Order(item="x", count=count)).number, count + 1)
        self.assertEqual(implementation.calls, 20)

    def test_asyncio(self) -> None:
        class AsyncShop:
            async def Place(self, order, _context):  # pylint: disable=invalid-name
                await asyncio.sleep(0.01)
                return Receipt(number=order.count)

        async def run() -> None:
            server = homa.rpc.AsyncServer(self.servers, 4000)
            server.add(ORDERS, AsyncShop())
            async with server:
                channel = homa.rpc.AsyncChannel(self.clients, self.target)
                orders = channel.stub(ORDERS)
                calls = [orders.Place(Order(item="x", count=i), timeout=10) for i in range(100)]
                numbers = [receipt.number for receipt in await asyncio.gather(*calls)]
                self.assertEqual(numbers, list(range(100)))
                with self.assertRaises(homa.rpc.RpcError) as missing:
                    await orders.Find(Order())
                self.assertEqual(missing.exception.code, homa.rpc.StatusCode.UNIMPLEMENTED)
                channel.close()

        asyncio.run(run())


class Headers(unittest.TestCase):
    def test_as_documented(self) -> None:
        # The vectors of src/rpc/header_test.cc: FNV-1a's published values, and one of ours.
        self.assertEqual(_header.method_id(""), 0xCBF29CE484222325)
        self.assertEqual(_header.method_id("a"), 0xAF63DC4C8601EC8C)
        request = _header.encode_request(5, 0.25, [("k", b"vv")], b"body")
        self.assertEqual(request[:16], struct.pack(">BBHIQ", 1, 0, 6, 250_000, 5))
        self.assertEqual(request[16:], b"\x01\x00\x02kvvbody")
        parsed = _header.parse_request(memoryview(request))
        self.assertEqual(parsed.metadata, [("k", b"vv")])
        self.assertEqual(bytes(parsed.body), b"body")
        response = _header.encode_response(3, False, (), "no", b"d", b"")
        self.assertEqual(response, struct.pack(">BBHHH", 1, 131, 0, 2, 1) + b"nod")

    def test_no_input_raises_anything_else(self) -> None:
        draw = random.Random(1)
        good = _header.encode_response(0, True, [("key", b"value")], "text", b"d", b"body")
        for _ in range(20_000):
            data = bytearray(good[: draw.randrange(len(good) + 1)])
            for _ in range(draw.randrange(4)):
                if data:
                    data[draw.randrange(len(data))] = draw.randrange(256)
            for parse in (_header.parse_request, _header.parse_response):
                try:
                    parse(memoryview(bytes(data)))
                except _header.BadHeader:
                    pass

    def test_what_cannot_be_sent_is_refused(self) -> None:
        for metadata in ([("", b"")], [("k" * 256, b"")], [("k", b"v" * 65_536)]):
            with self.assertRaises(ValueError):
                _header.encode_request(1, None, metadata, b"")


if __name__ == "__main__":
    unittest.main()
