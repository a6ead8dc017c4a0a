"""Hosts, sockets and messages: the C interface with Python's types.

Any thread may use a socket; calls that wait let other threads run.
"""

from __future__ import annotations

import enum
from typing import Any, Iterable, NamedTuple, Optional, Sequence, Union

from homa._library import ffi, lib
from homa.errors import ErrorCode, Executed, HomaError, check, error_of, words_of

Bytes = Union[bytes, bytearray, memoryview]

_PRIVATE = 1


class Address:
    """Where a socket is: "10.0.0.1:4000", "name:4000" (looked up), "10.0.0.1%7000:4000"."""

    def __init__(self, text: Union[str, "Address", Any]) -> None:
        self._native = ffi.new("struct homa_address*")
        if isinstance(text, Address):
            self._native[0] = text._native[0]
        elif isinstance(text, str):
            check(lib.homa_parse_address(text.encode(), self._native))
        else:
            self._native[0] = text

    def __str__(self) -> str:
        text = ffi.new("char[]", 128)
        check(lib.homa_format_address(self._native, text, len(text)))
        return str(ffi.string(text).decode())

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._bytes() == other._bytes()

    def __hash__(self) -> int:
        return hash(self._bytes())

    def _bytes(self) -> bytes:
        return bytes(ffi.buffer(self._native))


class Kind(enum.IntEnum):
    """What a message is."""

    REQUEST = 0
    RESPONSE = 1
    FAILURE = 2
    HEAD = 3


class Message:
    """A received message. It holds receive memory until it is released: at the latest when it is
    collected, better by `with` or release()."""

    def __init__(self, native: Any) -> None:
        self._native = native

    def __enter__(self) -> "Message":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        if lib is not None:
            self.release()

    def __bytes__(self) -> bytes:
        return bytes(self.view)

    def __len__(self) -> int:
        return int(self._native.length)

    @property
    def view(self) -> memoryview:
        """The bytes where they were received. Not to be used after release()."""
        if self._native.length == 0:
            return memoryview(b"")
        return memoryview(ffi.buffer(self._native.data, self._native.length)).toreadonly()

    @property
    def kind(self) -> Kind:
        return Kind(self._native.kind)

    @property
    def rpc(self) -> int:
        """The RPC's id: what reply() needs."""
        return int(self._native.id)

    @property
    def cookie(self) -> int:
        return int(self._native.cookie)

    @property
    def total(self) -> int:
        """Bytes of the whole message: more than len() for a head."""
        return int(self._native.total)

    @property
    def peer(self) -> Address:
        return Address(self._native.peer)

    @property
    def error(self) -> Optional[HomaError]:
        """Of a FAILURE: what it was."""
        if self.kind is not Kind.FAILURE:
            return None
        code = self._native.error
        return error_of(code, f"{self.peer}: {words_of(code)}", self._native.executed)

    def release(self) -> None:
        """Gives the memory back. A head's request is refused by that."""
        lib.homa_release(self._native)


class Outgoing(NamedTuple):
    """One of many requests for send_many()."""

    server: Union[str, Address]
    request: Bytes
    cookie: int = 0
    private: bool = False


def _microseconds(timeout: Optional[float]) -> int:
    return -1 if timeout is None else max(0, int(timeout * 1e6))


class Socket:
    """Sends requests, or receives them and replies. Timeouts are in seconds; None: no limit."""

    def __init__(self, native: Any, host: "Host") -> None:
        self._native = native
        self._host = host  # stays open as long as its sockets

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if lib is not None:
            lib.homa_close(self._native)

    @property
    def port(self) -> int:
        return int(lib.homa_port(self._native))

    def fileno(self) -> int:
        """For select, poll and asyncio: readable while there are messages to receive."""
        return int(lib.homa_poll_fd(self._native))

    def call(
        self, server: Union[str, Address], request: Bytes, timeout: Optional[float] = None
    ) -> Message:
        """Sends a request and waits for its response. HomaTimeout: the RPC was aborted."""
        native = ffi.new("struct homa_message*")
        data = ffi.from_buffer(request)
        check(
            lib.homa_invoke(
                self._native,
                data,
                len(data),
                Address(server)._native,
                _microseconds(timeout),
                native,
            )
        )
        return Message(native)

    def send(
        self,
        server: Union[str, Address],
        request: Bytes,
        *,
        cookie: int = 0,
        private: bool = False,
    ) -> int:
        """Starts an RPC and returns its id. `private`: only receive(rpc=id) gets its response."""
        rpc = ffi.new("uint64_t*")
        data = ffi.from_buffer(request)
        flags = _PRIVATE if private else 0
        check(
            lib.homa_send(
                self._native, data, len(data), Address(server)._native, rpc, cookie, flags
            )
        )
        return int(rpc[0])

    def send_many(self, requests: Iterable[Outgoing]) -> list[Union[int, HomaError]]:
        """send() of each, which cross to the engine together: ids, or what was wrong with it."""
        wanted = list(requests)
        data = [ffi.from_buffer(one.request) for one in wanted]
        natives = ffi.new("struct homa_outgoing[]", len(wanted))
        for native, one, bytes_ in zip(natives, wanted, data):
            native.data, native.length = bytes_, len(bytes_)
            native.server = Address(one.server)._native[0]
            native.cookie, native.flags = one.cookie, _PRIVATE if one.private else 0
        check(lib.homa_send_many(self._native, natives, len(wanted)))
        return [self._outcome(native) or int(native.id) for native in natives]

    def receive(self, timeout: Optional[float] = None, *, rpc: int = 0) -> Message:
        """The next message, or (`rpc`) the response of one RPC. HomaTimeout: none came."""
        native = ffi.new("struct homa_message*")
        check(lib.homa_recv(self._native, rpc, _microseconds(timeout), native))
        return Message(native)

    def receive_many(self, count: int, timeout: Optional[float] = None) -> list[Message]:
        """Waits for one message, then takes all that are there, at most `count`."""
        natives = ffi.new("struct homa_message[]", max(count, 1))
        came = check(
            lib.homa_recv_many(self._native, natives, max(count, 1), _microseconds(timeout))
        )
        messages = []
        for i in range(came):
            native = ffi.new("struct homa_message*", natives[i])
            messages.append(Message(native))
        return messages

    def reply(self, rpc: int, response: Bytes) -> None:
        data = ffi.from_buffer(response)
        check(lib.homa_reply(self._native, data, len(data), rpc))

    def reply_many(self, responses: Sequence[tuple[int, Bytes]]) -> list[Optional[HomaError]]:
        """reply() of each (id, response); None, or what was wrong with it."""
        data = [ffi.from_buffer(response) for _, response in responses]
        natives = ffi.new("struct homa_outgoing[]", len(responses))
        for native, (rpc, _), bytes_ in zip(natives, responses, data):
            native.data, native.length, native.id = bytes_, len(bytes_), rpc
        check(lib.homa_reply_many(self._native, natives, len(responses)))
        return [self._outcome(native) for native in natives]

    @staticmethod
    def _outcome(native: Any) -> Optional[HomaError]:
        if native.error == 0:
            return None
        return error_of(native.error, words_of(native.error), Executed.NO)

    def announce_longer_than(self, size: int) -> None:
        """Longer requests come as a HEAD first: accept() or refuse() it."""
        check(lib.homa_announce(self._native, size))

    def accept(self, head: Message) -> None:
        """The rest is to come, as a REQUEST, or a FAILURE with the same rpc."""
        check(lib.homa_accept(self._native, head._native, ffi.NULL, 0))

    def refuse(self, head: Message, error: ErrorCode = ErrorCode.OVERLOADED) -> None:
        check(lib.homa_refuse(self._native, head._native, int(error)))

    def client_waits(self, rpc: int) -> bool:
        """Whether anybody still waits for the answer to this request."""
        return bool(lib.homa_client_waits(self._native, rpc))

    def abort(self, rpc: int = 0, error: ErrorCode = ErrorCode.OK) -> None:
        """Ends an RPC, ours or one that we serve; 0: all of ours. OK: nothing comes for it."""
        check(lib.homa_abort(self._native, rpc, int(error)))

    def stop_accepting(self) -> None:
        check(lib.homa_stop_accepting(self._native))

    def drain(self, timeout: Optional[float] = None) -> None:
        """Waits until nothing is in progress on this socket. HomaTimeout: something still is."""
        check(lib.homa_drain(self._native, _microseconds(timeout)))

    def close(self) -> None:
        """Ends the socket for all threads; its RPCs end, and peers learn of it."""
        lib.homa_shutdown(self._native)


class Host:
    """One Homa engine, or homad's. A process needs one.

    `port`: the engine's UDP port; None: any free one, which is enough for clients.
    `parameters`: of the protocol, by name (docs/operating.md).
    """

    def __init__(
        self,
        address: str = "",
        port: Optional[int] = None,
        *,
        backend: str = "",
        interface: str = "",
        receive_bytes: int = 0,
        transmit_bytes: int = 0,
        parameters: Optional[dict[str, object]] = None,
    ) -> None:
        config = ffi.new("struct homa_host_config*")
        config.size = ffi.sizeof("struct homa_host_config")
        words = " ".join(f"{name}={value}" for name, value in (parameters or {}).items())
        texts = {
            "backend": backend,
            "address": address,
            "interface": interface,
            "parameters": words,
        }
        kept = {name: ffi.new("char[]", text.encode()) for name, text in texts.items() if text}
        for name, text in kept.items():
            setattr(config, name, text)
        config.udp_port = -1 if port is None else port
        config.receive_bytes = receive_bytes
        config.transmit_bytes = transmit_bytes
        error = ffi.new("int*")
        self._native = lib.homa_host_open(config, error)
        if self._native == ffi.NULL:
            check(error[0])

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if lib is not None:
            self.close()

    def client(self) -> Socket:
        return self._open(0)

    def serve(self, port: int) -> Socket:
        """A socket that receives requests for `port`, 1 to 32767."""
        if not 0 < port < 32768:
            text = f"servers have ports 1 to 32767, not {port}"
            raise HomaError(ErrorCode.INVALID_ARGUMENT, text)
        return self._open(port)

    def _open(self, port: int) -> Socket:
        if not getattr(self, "_native", None):
            raise HomaError(ErrorCode.CLOSED, "the host was closed")
        error = ffi.new("int*")
        native = lib.homa_socket(self._native, port, error)
        if native == ffi.NULL:
            check(error[0])
        return Socket(native, self)

    @property
    def address(self) -> str:
        """As peers see it, with the UDP port of the engine: f"{host.address}:4000" is a socket."""
        text = ffi.new("char[]", 128)
        check(lib.homa_host_address(self._native, text, len(text)))
        return str(ffi.string(text).decode())

    def close(self) -> None:
        """Shuts its sockets down, tells the peers, stops the engine."""
        native = getattr(self, "_native", None)
        if native:
            self._native = None
            lib.homa_host_close(native)
