"""homa::rpc for Python: services of .proto files, by their descriptors, without generated code.

Unary methods, synchronous and for asyncio. Clients and servers in C++ are the same services
(docs/rpc.md). A service implementation is any object with a method for each method of the service:

    class Shop:
        def Place(self, order, context): return shop_pb2.Receipt(number=1)

    server = homa.rpc.Server(host, 4000)
    server.add(shop_pb2.DESCRIPTOR.services_by_name["Orders"], Shop())
    with server: ...

    channel = homa.rpc.Channel(host, "10.0.0.2:4000")
    orders = channel.stub(shop_pb2.DESCRIPTOR.services_by_name["Orders"])
    receipt = orders.Place(shop_pb2.Order(item="apple"), timeout=0.1)
"""

from __future__ import annotations

import asyncio
import enum
import random
import threading
import time
from typing import Any, Callable, Iterator, NamedTuple, Optional, Union

from google.protobuf import (
    descriptor,
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    symbol_database,
)

from homa import _header
from homa._header import Metadata
from homa.aio import AsyncSocket
from homa.errors import ErrorCode, Executed, HomaError, HomaTimeout
from homa.messages import Address, Host, Kind, Message, Socket


class StatusCode(enum.IntEnum):
    """gRPC's."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RpcError(Exception):
    """How a call ended. A handler raises it to answer with a status."""

    def __init__(
        self,
        code: StatusCode,
        message: str = "",
        details: bytes = b"",
        *,
        executed: Executed = Executed.YES,
        metadata: Metadata = (),
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.details = details
        self.executed = executed
        self.metadata = list(metadata)


_CODES = {
    ErrorCode.TIMEOUT: StatusCode.DEADLINE_EXCEEDED,
    ErrorCode.WOULD_BLOCK: StatusCode.DEADLINE_EXCEEDED,
    ErrorCode.CANCELLED: StatusCode.CANCELLED,
    ErrorCode.OVERLOADED: StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.TOO_LONG: StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.NO_MEMORY: StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.TOO_SLOW: StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.INVALID_ARGUMENT: StatusCode.INVALID_ARGUMENT,
    ErrorCode.NOT_PERMITTED: StatusCode.PERMISSION_DENIED,
    ErrorCode.SYSTEM: StatusCode.INTERNAL,
    ErrorCode.WRONG_PROCESS: StatusCode.INTERNAL,
}


def _of_transport(error: HomaError) -> RpcError:
    code = _CODES.get(error.code, StatusCode.UNAVAILABLE)
    return RpcError(code, str(error), executed=error.executed)


def class_of(message: descriptor.Descriptor) -> Any:
    """The class of a message that is known by its descriptor."""
    get = getattr(message_factory, "GetMessageClass", None)
    return get(message) if get else symbol_database.Default().GetPrototype(message)


def services_of(descriptors: bytes) -> dict[str, descriptor.ServiceDescriptor]:
    """The services in what `protoc --include_imports --descriptor_set_out=FILE` wrote, by their
    full names. class_of() gives the classes of their messages."""
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptors)
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    found = {}
    for file in files.file:
        for service in pool.FindFileByName(file.name).services_by_name.values():
            found[service.full_name] = service
    return found


def _name_of(method: descriptor.MethodDescriptor) -> str:
    return f"{method.containing_service.full_name}/{method.name}"


def _is_idempotent(method: descriptor.MethodDescriptor) -> bool:
    unknown = descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN
    return bool(method.GetOptions().idempotency_level != unknown)


def _check_unary(method: descriptor.MethodDescriptor) -> None:
    streams = descriptor_pb2.MethodDescriptorProto()
    method.CopyToProto(streams)
    if streams.client_streaming or streams.server_streaming:
        raise NotImplementedError(f"{_name_of(method)} has streams, which Python does not have yet")


# --- Clients ---


class _Call:
    """One call: its request's bytes, its deadline, and which server is asked next."""

    ATTEMPTS_MOST = 3

    def __init__(
        self,
        servers: list[Address],
        method: descriptor.MethodDescriptor,
        request: Any,
        timeout: Optional[float],
        metadata: Metadata,
    ) -> None:
        _check_unary(method)
        self._left = random.sample(servers, len(servers))[: self.ATTEMPTS_MOST]
        self._method = method
        self._body = request.SerializeToString()
        self._metadata = metadata
        self._until = None if timeout is None else time.monotonic() + timeout
        self._last: Optional[RpcError] = None

    def servers(self) -> Iterator[Address]:
        """Each once, as long as the call may be tried again."""
        while self._left and (self._last is None or self._may_repeat(self._last)):
            yield self._left.pop()
        assert self._last is not None
        raise self._last

    def _may_repeat(self, error: RpcError) -> bool:
        if error.code in (StatusCode.DEADLINE_EXCEEDED, StatusCode.INVALID_ARGUMENT):
            return False
        if error.executed is Executed.NO:
            return True
        return error.code is StatusCode.UNAVAILABLE and _is_idempotent(self._method)

    def timeout(self) -> Optional[float]:
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def encode(self) -> bytes:
        name = _header.method_id(_name_of(self._method))
        return _header.encode_request(name, self.timeout(), self._metadata, self._body)

    def failed(self, error: HomaError) -> None:
        self._last = _of_transport(error)

    def read(self, answer: Message) -> Any:
        """The response; None: another server may be asked, or servers() raises."""
        with answer:
            try:
                header = _header.parse_response(answer.view)
                if header.code == StatusCode.OK:
                    return class_of(self._method.output_type).FromString(bytes(header.body))
                executed = Executed.YES if header.executed else Executed.NO
                self._last = RpcError(
                    StatusCode(header.code),
                    header.message,
                    header.details,
                    executed=executed,
                    metadata=header.metadata,
                )
            except ValueError as error:  # BadHeader, and protobuf's DecodeError below
                self._last = RpcError(StatusCode.INTERNAL, f"the server's response is {error}")
            except Exception as error:  # pylint: disable=broad-except
                self._last = RpcError(StatusCode.INTERNAL, f"the server's response: {error}")
        return None


def _servers_of(target: str) -> list[Address]:
    """ "host:port", or "list:host:port,host:port"."""
    names = target[len("list:") :].split(",") if target.startswith("list:") else [target]
    return [Address(name.strip()) for name in names]


class Stub:
    """A service's methods as functions: stub.Method(request, timeout=None, metadata=())."""

    def __init__(self, service: descriptor.ServiceDescriptor, call: Callable[..., Any]) -> None:
        for method in service.methods:
            setattr(self, method.name, self._function(method, call))

    @staticmethod
    def _function(method: descriptor.MethodDescriptor, call: Callable[..., Any]) -> Any:
        def function(
            request: Any, timeout: Optional[float] = None, metadata: Metadata = ()
        ) -> Any:
            return call(method, request, timeout, metadata)

        function.__name__ = method.name
        return function


class Channel:
    """Calls one of the servers behind `target`. Any thread."""

    def __init__(self, host: Host, target: str) -> None:
        self._servers = _servers_of(target)
        self._socket = host.client()

    def stub(self, service: descriptor.ServiceDescriptor) -> Any:
        return Stub(service, self.call)

    def call(
        self,
        method: descriptor.MethodDescriptor,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Metadata = (),
    ) -> Any:
        """The response. RpcError: it failed."""
        call = _Call(self._servers, method, request, timeout, metadata)
        for server in call.servers():
            try:
                answer = self._socket.call(server, call.encode(), call.timeout())
            except HomaError as error:
                call.failed(error)
                continue
            response = call.read(answer)
            if response is not None:
                return response
        raise AssertionError("servers() raises")

    def close(self) -> None:
        self._socket.close()


class AsyncChannel:
    """The same for asyncio. Make it in the event loop's thread."""

    def __init__(self, host: Host, target: str) -> None:
        self._servers = _servers_of(target)
        self._socket = AsyncSocket(host.client())

    def stub(self, service: descriptor.ServiceDescriptor) -> Any:
        return Stub(service, self.call)

    async def call(
        self,
        method: descriptor.MethodDescriptor,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Metadata = (),
    ) -> Any:
        """The response. RpcError: it failed. A task that is cancelled aborts its call."""
        call = _Call(self._servers, method, request, timeout, metadata)
        for server in call.servers():
            try:
                answer = await self._socket.call(server, call.encode(), call.timeout())
            except HomaError as error:
                call.failed(error)
                continue
            response = call.read(answer)
            if response is not None:
                return response
        raise AssertionError("servers() raises")

    def close(self) -> None:
        self._socket.close()


# --- Servers ---


class Context:
    """What a handler sees of its call."""

    def __init__(self, socket: Socket, message: Message, request: _header.Request) -> None:
        self._socket = socket
        self._rpc = message.rpc
        self._until = None if request.timeout is None else time.monotonic() + request.timeout
        self.peer = message.peer
        self.metadata = request.metadata
        self.response_metadata: list[tuple[str, bytes]] = []

    def time_left(self) -> Optional[float]:
        """Seconds until the client gives up; None: it did not say."""
        return None if self._until is None else self._until - time.monotonic()

    def is_cancelled(self) -> bool:
        """The deadline has passed, or the client gave up or is gone."""
        left = self.time_left()
        return (left is not None and left <= 0) or not self._socket.client_waits(self._rpc)


class _Method(NamedTuple):
    descriptor: descriptor.MethodDescriptor
    handler: Callable[[Any, Context], Any]


class _Refused(NamedTuple):
    answer: bytes


class _Services:
    """Which handler a request is for, and how its result is answered."""

    def __init__(self) -> None:
        self._methods: dict[int, _Method] = {}

    def add(self, service: descriptor.ServiceDescriptor, implementation: object) -> None:
        for method in service.methods:
            handler = getattr(implementation, method.name, None)
            if handler is None:
                continue  # it is answered as unimplemented
            _check_unary(method)
            identity = _header.method_id(_name_of(method))
            if identity in self._methods:
                raise ValueError(f"{_name_of(method)} is there already, or has the id of another")
            self._methods[identity] = _Method(method, handler)

    def find(
        self, socket: Socket, message: Message
    ) -> Union[_Refused, tuple[_Method, Any, Context]]:
        def refused(code: StatusCode, text: str) -> _Refused:
            return _Refused(_header.encode_response(code, False, (), text, b"", b""))

        with message:
            try:
                request = _header.parse_request(message.view)
            except ValueError as error:
                return refused(StatusCode.INTERNAL, f"the request is {error}")
            method = self._methods.get(request.method)
            if method is None or request.kind != _header.UNARY:
                return refused(StatusCode.UNIMPLEMENTED, "the server has no such method")
            try:
                body = class_of(method.descriptor.input_type).FromString(bytes(request.body))
            except Exception:  # pylint: disable=broad-except
                name = method.descriptor.input_type.full_name
                return refused(StatusCode.INVALID_ARGUMENT, f"the request is no {name}")
            return method, body, Context(socket, message, request)

    @staticmethod
    def answer(response: Any, context: Context) -> bytes:
        body = response.SerializeToString()
        return _header.encode_response(0, True, context.response_metadata, "", b"", body)

    @staticmethod
    def failure(error: BaseException, context: Context) -> bytes:
        if not isinstance(error, RpcError):
            error = RpcError(StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")
        metadata = context.response_metadata
        return _header.encode_response(
            error.code, True, metadata, error.message, error.details, b""
        )


def _reply(socket: Socket, rpc: int, answer: bytes) -> None:
    try:
        socket.reply(rpc, answer)
    except HomaError as error:
        if error.code is ErrorCode.NO_SUCH_RPC:
            return  # its client gave up
        text = f"the response cannot be sent: {error}"
        try:
            socket.reply(
                rpc, _header.encode_response(StatusCode.INTERNAL, True, (), text, b"", b"")
            )
        except HomaError:
            return  # the socket was closed


class Server:
    """Runs the handlers of services in threads: start() and stop(), or `with`."""

    def __init__(self, host: Host, port: int, threads: int = 4) -> None:
        self._socket = host.serve(port)
        self._services = _Services()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def add(self, service: descriptor.ServiceDescriptor, implementation: object) -> None:
        """Before start(). Methods that `implementation` does not have are unimplemented."""
        self._services.add(service, implementation)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, drain: float = 5.0) -> None:
        """Refuses new calls, and waits at most `drain` seconds for those in progress."""
        try:
            self._socket.stop_accepting()
            self._socket.drain(drain)
        except HomaTimeout:
            pass  # what is left is aborted
        finally:
            self._socket.close()
            for thread in self._threads:
                thread.join()

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while True:
            try:
                message = self._socket.receive()
            except HomaError as error:
                if error.code is ErrorCode.CLOSED:
                    return
                continue
            if message.kind is Kind.REQUEST:
                _reply(self._socket, message.rpc, self._handle(message))

    def _handle(self, message: Message) -> bytes:
        found = self._services.find(self._socket, message)
        if isinstance(found, _Refused):
            return found.answer
        method, request, context = found
        try:
            return self._services.answer(method.handler(request, context), context)
        except Exception as error:  # pylint: disable=broad-except
            return self._services.failure(error, context)


class AsyncServer:
    """Handlers are coroutines, each request a task of the event loop: `async with`."""

    def __init__(self, host: Host, port: int) -> None:
        self._socket = AsyncSocket(host.serve(port))
        self._services = _Services()
        self._tasks: set[asyncio.Task[None]] = set()
        self._main: Optional[asyncio.Task[None]] = None

    def add(self, service: descriptor.ServiceDescriptor, implementation: object) -> None:
        self._services.add(service, implementation)

    async def __aenter__(self) -> "AsyncServer":
        self._main = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self, drain: float = 5.0) -> None:
        """Refuses new calls, and waits at most `drain` seconds for the handlers in progress."""
        self._socket.socket.stop_accepting()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain)
        self._socket.close()
        for task in self._tasks:
            task.cancel()
        if self._main is not None:
            await self._main

    async def _run(self) -> None:
        while True:
            try:
                message = await self._socket.receive()
            except HomaError:
                return
            if message.kind is Kind.REQUEST:
                task = asyncio.create_task(self._handle(message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _handle(self, message: Message) -> None:
        rpc = message.rpc
        found = self._services.find(self._socket.socket, message)
        if isinstance(found, _Refused):
            return _reply(self._socket.socket, rpc, found.answer)
        method, request, context = found
        try:
            answer = self._services.answer(await method.handler(request, context), context)
        except Exception as error:  # pylint: disable=broad-except
            answer = self._services.failure(error, context)
        _reply(self._socket.socket, rpc, answer)
