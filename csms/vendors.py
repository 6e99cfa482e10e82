"""Messages of vendors' own (DataTransfer) that stations send, and who handles them.

    async def hello(message: VendorMessage) -> VendorAnswer:
        return VendorAnswer(VendorVerdict.ACCEPTED, {"time": "12:00"})

    CentralSystem(…, vendors={"com.vendor": hello})

A vendor is compared casefolded. Without a handler the station is told that the vendor is unknown. A handler may take
its time: no other message of the station waits for it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class VendorVerdict(StrEnum):
    """How a message of a vendor's own was taken, in the words of every version."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE = "UnknownMessageId"
    UNKNOWN_VENDOR = "UnknownVendorId"


@dataclass(frozen=True, slots=True)
class VendorMessage:
    """What a station sent. `data` is a text on 1.6 and any JSON on 2.x, unchecked."""

    station_id: str
    vendor: str
    message: str | None
    data: Any


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """What it is told. `data` that is no text goes as JSON inside of one on 1.6."""

    verdict: VendorVerdict
    data: Any = None


VendorHandler = Callable[[VendorMessage], Awaitable[VendorAnswer]]


class Vendors:
    """The handlers by vendor."""

    def __init__(self, handlers: Mapping[str, VendorHandler] | None = None) -> None:
        self._handlers = {vendor.casefold(): handler for vendor, handler in (handlers or {}).items()}

    async def handle(self, message: VendorMessage) -> VendorAnswer:
        """The answer of the vendor's handler; that nobody knows the vendor where there is none."""
        handler = self._handlers.get(message.vendor.casefold())
        return VendorAnswer(VendorVerdict.UNKNOWN_VENDOR) if handler is None else await handler(message)
