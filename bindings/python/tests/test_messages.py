"""Messages from Python, synchronous and by asyncio, over loopback."""

import asyncio
import threading
import unittest

import homa
from homa.aio import AsyncSocket

PATIENT = {"timeout_ticks": 5000, "unscheduled_bytes": 20000}


class Echo(threading.Thread):
    """Answers every request with its own bytes until its socket is closed."""

    def __init__(self, host: homa.Host, port: int) -> None:
        super().__init__()
        self.socket = host.serve(port)
        self.start()

    def run(self) -> None:
        while True:
            try:
                with self.socket.receive() as request:
                    self.socket.reply(request.rpc, bytes(request))
            except homa.HomaError:
                return

    def stop(self) -> None:
        self.socket.close()
        self.join()


class Messages(unittest.TestCase):
    def setUp(self) -> None:
        self.servers = homa.Host("127.0.0.1", parameters=PATIENT)
        self.clients = homa.Host("127.0.0.1", parameters=PATIENT)
        self.client = self.clients.client()
        self.addCleanup(self.servers.close)
        self.addCleanup(self.clients.close)

    def address(self, port: int) -> str:
        return f"{self.servers.address}:{port}"

    def test_a_call_of_every_size_comes_back(self) -> None:
        echo = Echo(self.servers, 4000)
        self.addCleanup(echo.stop)
        for size in (1, 1400, 100_000, 1_000_000):
            data = bytes(i % 251 for i in range(size))
            with self.client.call(self.address(4000), data, timeout=10) as response:
                self.assertEqual(bytes(response), data)
                self.assertEqual(response.kind, homa.Kind.RESPONSE)
                self.assertEqual(str(response.peer), self.address(4000))
                self.assertEqual(response.view[0], data[0])
                self.assertTrue(response.view.readonly)

    def test_errors_say_what_happened_and_whether_it_was_executed(self) -> None:
        server = self.servers.serve(4000)
        with self.assertRaises(homa.HomaTimeout) as late:
            self.client.call(self.address(4000), b"x", timeout=0.05)
        self.assertIsInstance(late.exception, TimeoutError)
        self.assertEqual(late.exception.code, homa.ErrorCode.TIMEOUT)
        self.assertEqual(late.exception.executed, homa.Executed.PERHAPS)
        server.stop_accepting()
        with self.assertRaises(homa.HomaError) as draining:
            self.client.call(self.address(4000), b"x", timeout=5)
        self.assertEqual(draining.exception.code, homa.ErrorCode.DRAINING)
        self.assertEqual(draining.exception.executed, homa.Executed.NO)
        with self.assertRaises(homa.HomaError) as empty:
            self.client.send(self.address(4000), b"")
        self.assertEqual(empty.exception.code, homa.ErrorCode.INVALID_ARGUMENT)
        for wrong in (0, 32768):
            with self.assertRaises(homa.HomaError):
                self.servers.serve(wrong)
        with self.assertRaises(homa.HomaError):
            homa.Host("127.0.0.1", parameters={"no_such_parameter": 1})

    def test_many_at_once(self) -> None:
        server = self.servers.serve(4000)
        wanted = [homa.Outgoing(self.address(4000), b"%d" % i, cookie=i) for i in range(1, 41)]
        wanted.append(homa.Outgoing(self.address(4000), b""))
        sent = self.client.send_many(wanted)
        self.assertEqual(sum(isinstance(one, int) for one in sent), 40)
        self.assertIsInstance(sent[-1], homa.HomaError)
        answered = 0
        while answered < 40:
            requests = server.receive_many(16, timeout=5)
            answers = [(request.rpc, bytes(request)) for request in requests]
            outcomes = server.reply_many([*answers, (12345, b"nobody")])
            self.assertEqual(outcomes[:-1], [None] * len(answers))
            self.assertEqual(outcomes[-1].code, homa.ErrorCode.NO_SUCH_RPC)
            answered += len(requests)
        for _ in range(40):
            with self.client.receive(timeout=5) as response:
                self.assertEqual(int(bytes(response)), response.cookie)
        with self.assertRaises(homa.HomaTimeout):
            self.client.receive(timeout=0)

    def test_the_head_of_a_long_request_comes_first(self) -> None:
        server = self.servers.serve(4000)
        server.announce_longer_than(50_000)
        data = bytes(200_000)
        taken = self.client.send(self.address(4000), data, private=True)
        head = server.receive(timeout=5)
        self.assertEqual((head.kind, head.total), (homa.Kind.HEAD, len(data)))
        self.assertLess(len(head), len(data))
        server.accept(head)
        with server.receive(timeout=5) as request:
            self.assertEqual(bytes(request), data)
            server.reply(request.rpc, b"ok")
        self.client.receive(timeout=5, rpc=taken).release()
        refused = self.client.send(self.address(4000), data, private=True)
        server.refuse(server.receive(timeout=5), homa.ErrorCode.NOT_PERMITTED)
        error = self.client.receive(timeout=5, rpc=refused).error
        self.assertEqual(error.code, homa.ErrorCode.NOT_PERMITTED)
        self.assertEqual(error.executed, homa.Executed.NO)

    def test_asyncio_calls_and_serves(self) -> None:
        async def run() -> None:
            async with AsyncSocket(self.servers.serve(4000)) as server:
                async with AsyncSocket(self.clients.client()) as client:

                    async def serve() -> None:
                        while True:
                            with await server.receive() as request:
                                if bytes(request) != b"never":
                                    server.reply(request.rpc, bytes(request) + b"!")

                    serving = asyncio.create_task(serve())
                    server_name = self.address(4000)
                    calls = [client.call(server_name, b"%d" % i, timeout=10) for i in range(200)]
                    for i, response in enumerate(await asyncio.gather(*calls)):
                        self.assertEqual(bytes(response), b"%d!" % i)
                        response.release()
                    with self.assertRaises(homa.HomaTimeout):
                        await client.call(server_name, b"never", timeout=0.05)
                    task = asyncio.create_task(client.call(server_name, b"never"))
                    await asyncio.sleep(0.05)
                    task.cancel()
                    with self.assertRaises(asyncio.CancelledError):
                        await task
                    left = asyncio.create_task(client.call(server_name, b"never"))
                    await asyncio.sleep(0)
                    client.close()
                    with self.assertRaises(homa.HomaError) as closed:
                        await left
                    self.assertEqual(closed.exception.code, homa.ErrorCode.CLOSED)
                server.close()
                with self.assertRaises(homa.HomaError):
                    await serving

        asyncio.run(run())


if __name__ == "__main__":
    unittest.main()
