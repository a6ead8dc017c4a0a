"""Homa for Python: messages (this module), asyncio (homa.aio) and services (homa.rpc).

See docs/python.md.
"""

from homa.errors import ErrorCode, Executed, HomaError, HomaTimeout
from homa.messages import Address, Host, Kind, Message, Outgoing, Socket

__all__ = [
    "Address",
    "ErrorCode",
    "Executed",
    "HomaError",
    "HomaTimeout",
    "Host",
    "Kind",
    "Message",
    "Outgoing",
    "Socket",
]
