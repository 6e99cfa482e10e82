"""Reaching a station wherever its socket is: a direct call, or a request on the bus subject of that station."""

import orjson

from csms.commands import Command, CommandOutcome, CommandStatus
from csms.registry import Registry, subject
from csms.wire import decode_outcome, encode_request
from kit.bus import Bus, BusMessageTooLarge, BusTimeout, BusUnavailable, HandlerFailed, NoResponders
from kit.log import get
from kit.tx import forbid_in_tx

log = get("csms.link")

CALL_TIMEOUT_S = 30.0
_BUS_MARGIN_S = 2.0


class Link:
    """Calls to stations. A process without sockets makes one with an empty `Registry`."""

    def __init__(self, registry: Registry, bus: Bus) -> None:
        self._registry = registry
        self._bus = bus

    async def call(self, station_id: str, command: Command, timeout_s: float = CALL_TIMEOUT_S) -> CommandOutcome:
        """Have a station do something; how it went is always an outcome, never an exception.

        `timeout_s` covers the wait for earlier calls to the same station. Raises `NetworkInsideTx` inside a
        transaction.
        """
        forbid_in_tx("csms.link")
        session = self._registry.get(station_id)
        if session is not None:
            return await session.call(command, timeout_s)
        try:
            request = encode_request(command, timeout_s)
            answer = await self._bus.request(subject(station_id), request, timeout_s=timeout_s + _BUS_MARGIN_S)
        except NoResponders:
            return CommandOutcome(CommandStatus.OFFLINE, "the station is not connected")
        except BusUnavailable:
            return CommandOutcome(CommandStatus.OFFLINE, "the bus to the other processes is not available")
        except BusTimeout:
            return CommandOutcome(CommandStatus.TIMED_OUT, "no answer in time")
        except (TypeError, BusMessageTooLarge):
            return CommandOutcome(CommandStatus.INVALID, "the command cannot be sent to the other process")
        except HandlerFailed:
            return CommandOutcome(CommandStatus.FAILED, "the process of the station failed")
        return decode_outcome(answer)

    async def send_away(self, station_id: str) -> None:
        """Close the connection of a station, wherever it is: it comes back by itself and is judged anew.

        Raises `NetworkInsideTx` inside a transaction.
        """
        forbid_in_tx("csms.link")
        if self._registry.get(station_id) is not None:
            return self._registry.send_away(station_id)
        try:
            await self._bus.publish(subject(station_id), orjson.dumps({"come_again": True}))
        except BusUnavailable:
            log.warning("csms bus unavailable", station_id=station_id)
