"""What can go wrong: the codes of libhoma, and the exceptions that carry them."""

from __future__ import annotations

import enum

from homa._library import ffi, lib


class ErrorCode(enum.IntEnum):
    """Numbers are libhoma's (homa/error.h)."""

    OK = 0
    TIMEOUT = 1
    NO_SUCH_SOCKET = 2
    PEER_UNREACHABLE = 3
    PEER_RESTARTED = 4
    CANCELLED = 5
    OVERLOADED = 6
    NOT_A_SERVER = 7
    TOO_LONG = 8
    INVALID_ARGUMENT = 9
    NO_SUCH_RPC = 10
    WOULD_BLOCK = 11
    CLOSED = 12
    IN_USE = 13
    NO_MEMORY = 14
    NOT_PERMITTED = 15
    SYSTEM = 16
    STALE = 17
    PEER_SILENT = 18
    PEER_GONE = 19
    WRONG_PROCESS = 20
    TOO_SLOW = 21
    ENGINE_LOST = 22
    DRAINING = 23


class Executed(enum.IntEnum):
    """Whether the server executed the request of an RPC that failed."""

    NO = 0
    PERHAPS = 1
    YES = 2


class HomaError(Exception):
    """A call of libhoma that failed: a code, a sentence, and whether the request was executed."""

    def __init__(self, code: ErrorCode, text: str, executed: Executed = Executed.NO) -> None:
        super().__init__(text)
        self.code = code
        self.executed = executed


class HomaTimeout(HomaError, TimeoutError):
    """The time that the caller gave is up."""


def error_of(code: int, text: str, executed: int) -> HomaError:
    """The exception for a number that libhoma returned, with or without its sign."""
    kind = ErrorCode(abs(code))
    late = kind in (ErrorCode.TIMEOUT, ErrorCode.WOULD_BLOCK)
    return (HomaTimeout if late else HomaError)(kind, text, Executed(executed))


def words_of(code: int) -> str:
    """ "timeout", "no such socket", ..."""
    return str(ffi.string(lib.homa_strerror(code)).decode())


def check(result: int) -> int:
    """Raises what a negative result says; it is of the calling thread's last call."""
    if result >= 0:
        return result
    text = ffi.string(lib.homa_last_error()).decode()
    raise error_of(result, text or words_of(result), lib.homa_last_executed())
