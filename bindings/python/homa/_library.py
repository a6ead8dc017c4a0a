"""libhoma by cffi: the C interface as its own header declares it."""

from __future__ import annotations

import os
import pathlib
import re
from typing import Any

import cffi

_HERE = pathlib.Path(__file__).resolve().parent
# Beside this file where it is installed; in the source tree it is the C header itself.
_HEADERS = (_HERE / "_homa.h", _HERE.parents[2] / "include" / "homa" / "homa.h")


def _declarations() -> str:
    """The header without what cffi does not read: comments, directives, and C++."""
    for header in _HEADERS:
        if header.exists():
            text = header.read_text(encoding="utf-8")
            break
    else:
        raise ImportError(f"homa: neither of these headers is there: {_HEADERS}")
    text = re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.DOTALL)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    return "struct iovec { void* iov_base; size_t iov_len; };\n" + text


ffi: Any = cffi.FFI()
ffi.cdef(_declarations())

_NAME = os.environ.get("HOMA_LIBRARY", "libhoma.so.0")
try:
    lib: Any = ffi.dlopen(_NAME)
except OSError as error:
    raise ImportError(
        f"homa: {_NAME} cannot be loaded ({error}); install libhoma0, or name the library in "
        "HOMA_LIBRARY"
    ) from error
