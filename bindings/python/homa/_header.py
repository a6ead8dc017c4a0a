"""The headers of homa::rpc (docs/rpc.md, "On the wire"). What comes from the network is checked."""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional, Sequence

VERSION = 1
UNARY = 0
_REQUEST = struct.Struct(">BBHIQ")
_RESPONSE = struct.Struct(">BBHHH")
_NOT_RUN = 128
_CODE_BITS = 63
_CODES = 17
_TIMEOUT_MOST = 0xFFFFFFFF
Metadata = Sequence[tuple[str, bytes]]


class BadHeader(ValueError):
    """Not a header of this version, or one that is cut off."""


class Request(NamedTuple):
    kind: int
    method: int
    timeout: Optional[float]  # seconds that the client still waits
    metadata: list[tuple[str, bytes]]
    body: memoryview


class Response(NamedTuple):
    code: int
    executed: bool
    metadata: list[tuple[str, bytes]]
    message: str
    details: bytes
    body: memoryview


def method_id(name: str) -> int:
    """FNV-1a of "package.Service/Method"."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def _encode_metadata(metadata: Metadata) -> bytes:
    pieces = []
    for key, value in metadata:
        name = key.encode()
        if not 0 < len(name) < 256 or len(value) > 0xFFFF:
            raise ValueError(f"metadata: a key has 1 to 255 bytes, a value at most 65,535: {key}")
        pieces.append(struct.pack(">BH", len(name), len(value)) + name + value)
    encoded = b"".join(pieces)
    if len(encoded) > 0xFFFF:
        raise ValueError("metadata: all pairs together have at most 65,535 bytes")
    return encoded


def _decode_metadata(encoded: memoryview) -> list[tuple[str, bytes]]:
    pairs = []
    while encoded:
        if len(encoded) < 3:
            raise BadHeader("metadata that are cut off")
        key, value = struct.unpack(">BH", encoded[:3])
        if key == 0 or len(encoded) < 3 + key + value:
            raise BadHeader("metadata that are cut off, or have an empty key")
        name = bytes(encoded[3 : 3 + key]).decode("utf-8", "replace")
        pairs.append((name, bytes(encoded[3 + key : 3 + key + value])))
        encoded = encoded[3 + key + value :]
    return pairs


def encode_request(
    method: int, timeout: Optional[float], metadata: Metadata, body: bytes
) -> bytes:
    encoded = _encode_metadata(metadata)
    left = 0 if timeout is None else max(1, int(timeout * 1e6))
    if left > _TIMEOUT_MOST:
        left = 0  # as good as none
    return _REQUEST.pack(VERSION, UNARY, len(encoded), left, method) + encoded + body


def parse_request(data: memoryview) -> Request:
    if len(data) < _REQUEST.size:
        raise BadHeader("shorter than a header")
    version, kind, metadata, timeout, method = _REQUEST.unpack(data[: _REQUEST.size])
    if version != VERSION:
        raise BadHeader(f"of version {version}")
    if kind != UNARY:
        return Request(kind, method, None, [], memoryview(b""))
    rest = data[_REQUEST.size :]
    if len(rest) < metadata:
        raise BadHeader("cut off")
    left = timeout / 1e6 if timeout else None
    return Request(kind, method, left, _decode_metadata(rest[:metadata]), rest[metadata:])


def encode_response(
    code: int, executed: bool, metadata: Metadata, message: str, details: bytes, body: bytes
) -> bytes:
    encoded = _encode_metadata(metadata)
    text = message.encode()[:0xFFFF]
    if len(details) > 0xFFFF:
        raise ValueError("details have at most 65,535 bytes")
    flags = code | (0 if executed else _NOT_RUN)
    header = _RESPONSE.pack(VERSION, flags, len(encoded), len(text), len(details))
    return header + encoded + text + details + body


def parse_response(data: memoryview) -> Response:
    if len(data) < _RESPONSE.size:
        raise BadHeader("shorter than a header")
    version, flags, metadata, text, details = _RESPONSE.unpack(data[: _RESPONSE.size])
    if version != VERSION:
        raise BadHeader(f"of version {version}")
    rest = data[_RESPONSE.size :]
    if len(rest) < metadata + text + details or flags & _CODE_BITS >= _CODES:
        raise BadHeader("cut off, or of an unknown status")
    message = bytes(rest[metadata : metadata + text]).decode("utf-8", "replace")
    end = metadata + text + details
    return Response(
        flags & _CODE_BITS,
        not flags & _NOT_RUN,
        _decode_metadata(rest[:metadata]),
        message,
        bytes(rest[metadata + text : end]),
        rest[end:],
    )
