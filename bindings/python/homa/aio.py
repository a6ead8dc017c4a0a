"""Sockets for asyncio: one descriptor in the loop, however many calls are in progress."""

from __future__ import annotations

import asyncio
from typing import Optional, Union

from homa.errors import ErrorCode, HomaError, HomaTimeout
from homa.messages import Address, Bytes, Kind, Message, Socket

_AT_ONCE = 64


class AsyncSocket:
    """Takes a socket over. To be used in the thread of the event loop that it was made in."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, asyncio.Future[Message]] = {}
        self._requests: asyncio.Queue[Optional[Message]] = asyncio.Queue()
        self._closed = False
        self._descriptor = socket.fileno()
        if self._descriptor < 0:
            raise HomaError(ErrorCode.SYSTEM, "the socket has no descriptor")
        self._loop.add_reader(self._descriptor, self._take)

    async def __aenter__(self) -> "AsyncSocket":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def socket(self) -> Socket:
        """For what does not wait; receive() is this object's."""
        return self._socket

    def _take(self) -> None:
        while not self._closed:
            try:
                messages = self._socket.receive_many(_AT_ONCE, 0)
            except HomaTimeout:
                return
            except HomaError:
                self.close()
                return
            for message in messages:
                self._give(message)

    def _give(self, message: Message) -> None:
        waiting = self._calls.pop(message.rpc, None)
        if waiting is None:
            if message.kind in (Kind.REQUEST, Kind.HEAD):
                self._requests.put_nowait(message)
            return
        if waiting.done():
            return
        error = message.error
        if error is None:
            waiting.set_result(message)
        else:
            waiting.set_exception(error)

    async def call(
        self, server: Union[str, Address], request: Bytes, timeout: Optional[float] = None
    ) -> Message:
        """Sends a request and waits for its response. A task that is cancelled, or whose time is
        up, aborts the RPC; the server learns of it."""
        if self._closed:
            raise HomaError(ErrorCode.CLOSED, "the socket was closed")
        rpc = self._socket.send(server, request)
        future: asyncio.Future[Message] = self._loop.create_future()
        self._calls[rpc] = future
        try:
            return await asyncio.wait_for(future, timeout)
        except (asyncio.TimeoutError, asyncio.CancelledError) as error:
            if self._calls.pop(rpc, None) is not None and not self._closed:
                self._abort(rpc)
            if isinstance(error, HomaError) or isinstance(error, asyncio.CancelledError):
                raise
            raise HomaTimeout(ErrorCode.TIMEOUT, "the time is up") from None

    def _abort(self, rpc: int) -> None:
        try:
            self._socket.abort(rpc)
        except HomaError:
            pass  # it has just ended

    async def receive(self) -> Message:
        """The next request. HomaError (CLOSED) when the socket was closed."""
        message = None if self._closed else await self._requests.get()
        if message is None:
            self._requests.put_nowait(None)  # for the next one who waits
            raise HomaError(ErrorCode.CLOSED, "the socket was closed")
        return message

    def reply(self, rpc: int, response: Bytes) -> None:
        self._socket.reply(rpc, response)

    def close(self) -> None:
        """Shuts the socket down; all that waits ends with CLOSED."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._descriptor)
        self._socket.close()
        calls, self._calls = self._calls, {}
        for future in calls.values():
            if not future.done():
                future.set_exception(HomaError(ErrorCode.CLOSED, "the socket was closed"))
        self._requests.put_nowait(None)
