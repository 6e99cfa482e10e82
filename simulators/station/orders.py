"""What a central system asks of a station, and how the station answers: first its word, then the deed."""

from collections.abc import Coroutine
from typing import Any, Protocol

from kit.clock import Clock
from simulators.station import configuration
from simulators.station.evse import Evse
from simulators.station.identity import Identity
from simulators.station.rpc import Answered
from simulators.station.upkeep import Upkeep
from simulators.station.versions import VERSIONS, actions
from simulators.station.words import Json, StopReason

SIGNING = frozenset({"SignChargePointCertificate", "SignChargingStationCertificate"})
TRIGGERS = SIGNING | {"BootNotification", "Heartbeat", "MeterValues", "StatusNotification", "TransactionEvent"}


class Charger(Protocol):
    """What orders need of the station."""

    clock: Clock
    evses: dict[int, Evse]
    identity: Identity | None
    configuration: dict[str, str]
    upkeep: Upkeep

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background."""
        ...

    def configured(self, key: str) -> None:
        """A value of the configuration was changed."""
        ...

    async def start_remotely(
        self, evse: Evse, id_token: str, *, token_type: str, remote_start_id: int | None
    ) -> None: ...
    async def stop_remotely(self, evse: Evse, reason: StopReason) -> None: ...
    async def reset(self, *, hard: bool) -> None: ...
    async def set_operative(self, evse: Evse, operative: bool) -> None: ...
    async def send_triggered(self, message: str, evse: Evse) -> None: ...


async def answer(charger: Charger, protocol: str, action: str, payload: Json) -> Answered:
    """The answer to a call, in the words of the version that is spoken."""
    version = VERSIONS[protocol]
    known = action in actions(version.folder)
    try:
        answered = await _obey(charger, action, payload) if known else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return Answered(error=version.malformed)
    return answered or Answered(error="NotSupported" if known else "NotImplemented")


async def _obey(charger: Charger, action: str, payload: Json) -> Answered | None:
    """The answer to a call; None for an action that this station does not do.

    Raises KeyError, TypeError or ValueError for a payload that cannot be understood.
    """
    match action:
        case "RemoteStartTransaction":
            evse = _evse(charger, payload.get("connectorId"))
            return _start(charger, evse, payload["idTag"], "ISO14443", payload)
        case "RequestStartTransaction":
            evse, token = _evse(charger, payload.get("evseId")), payload["idToken"]
            return _start(charger, evse, token["idToken"], token["type"], payload)
        case "RemoteStopTransaction" | "RequestStopTransaction":
            return _stop(charger, payload["transactionId"])
        case "Reset":
            return _reset(charger, payload["type"])
        case "TriggerMessage" | "ExtendedTriggerMessage":
            return _trigger(charger, payload)
        case "UnlockConnector":
            return _unlock(charger, payload)
        case "ChangeAvailability":
            return _availability(charger, payload)
        case "CertificateSigned":
            chain, identity = payload["certificateChain"], charger.identity
            is_installed = identity is not None and identity.install(chain)
            return Answered({"status": "Accepted" if is_installed else "Rejected"})
        case "ClearCache":
            return Answered({"status": "Accepted"})
        case _:
            kept = charger.upkeep.answer(action, payload)
            return Answered(kept) if kept is not None else _configuration(charger, action, payload)


def _configuration(charger: Charger, action: str, payload: Json) -> Answered | None:
    values = charger.configuration
    before = dict(values)
    match action:
        case "GetConfiguration":
            return Answered(configuration.get_configuration(values, payload))
        case "ChangeConfiguration":
            answer: Json = {"status": configuration.change(values, payload["key"], payload["value"])}
        case "GetBaseReport":
            charger.upkeep.report(
                "NotifyReport", configuration.report(values, payload["requestId"], charger.clock.now())
            )
            return Answered({"status": "Accepted"})
        case "GetVariables":
            return Answered(configuration.get_variables(values, payload))
        case "SetVariables":
            answer = configuration.set_variables(values, payload)
        case _:
            return None
    for key in [key for key, value in values.items() if before[key] != value]:
        charger.configured(key)
    return Answered(answer)


def _start(charger: Charger, evse: Evse | None, id_token: str, token_type: str, payload: Json) -> Answered:
    if evse is None or evse.charging is not None or not evse.operative:
        return Answered({"status": "Rejected"})
    place, number = evse, payload.get("remoteStartId")
    if "chargingProfile" in payload:
        charger.upkeep.keep_profile(place.id, payload["chargingProfile"])

    def afterwards() -> None:
        charger.soon(charger.start_remotely(place, id_token, token_type=token_type, remote_start_id=number))

    return Answered({"status": "Accepted"}, afterwards=afterwards)


def _stop(charger: Charger, transaction_id: int | str) -> Answered:
    running = [(evse, evse.charging) for evse in charger.evses.values() if evse.charging is not None]
    meant = [evse for evse, tx in running if transaction_id in (tx.transaction_id, tx.reference)]
    if not meant:
        return Answered({"status": "Rejected"})
    return Answered(
        {"status": "Accepted"},
        afterwards=lambda: charger.soon(charger.stop_remotely(meant[0], StopReason.REMOTE)),
    )


def _reset(charger: Charger, kind: str) -> Answered:
    busy = any(evse.charging for evse in charger.evses.values())
    status = "Scheduled" if kind == "OnIdle" and busy else "Accepted"
    hard = kind in ("Hard", "Immediate")
    return Answered({"status": status}, afterwards=lambda: charger.soon(charger.reset(hard=hard)))


def _trigger(charger: Charger, payload: Json) -> Answered:
    message = payload["requestedMessage"]
    evse = _evse(charger, payload.get("connectorId") or payload.get("evse", {}).get("id"))
    if evse is None:
        return Answered({"status": "Rejected"})
    if message not in TRIGGERS:
        return Answered({"status": "NotImplemented"})
    place = evse
    return Answered({"status": "Accepted"}, afterwards=lambda: charger.soon(charger.send_triggered(message, place)))


def _unlock(charger: Charger, payload: Json) -> Answered:
    is_2x = "evseId" in payload
    evse = charger.evses.get(payload["evseId"] if is_2x else payload["connectorId"])
    if evse is None:
        return Answered({"status": "UnknownConnector" if is_2x else "NotSupported"})
    if evse.charging is None:
        return Answered({"status": "Unlocked"})
    if is_2x:
        return Answered({"status": "OngoingAuthorizedTransaction"})
    place = evse
    return Answered(
        {"status": "Unlocked"},
        afterwards=lambda: charger.soon(charger.stop_remotely(place, StopReason.UNLOCK_COMMAND)),
    )


def _availability(charger: Charger, payload: Json) -> Answered:
    operative = (payload.get("type") or payload["operationalStatus"]) == "Operative"
    number = payload.get("connectorId") or payload.get("evse", {}).get("id")
    evses = [evse for evse in charger.evses.values() if number in (None, 0, evse.id)]
    if not evses:
        return Answered({"status": "Rejected"})
    scheduled = not operative and any(evse.charging for evse in evses)

    def afterwards() -> None:
        for evse in evses:
            charger.soon(charger.set_operative(evse, operative))

    return Answered({"status": "Scheduled" if scheduled else "Accepted"}, afterwards=afterwards)


def _evse(charger: Charger, number: int | None) -> Evse | None:
    """The EVSE that a call means; the first free one when it names none."""
    if number:
        return charger.evses.get(number)
    free = [evse for evse in charger.evses.values() if evse.charging is None and evse.operative]
    return free[0] if free else next(iter(charger.evses.values()))
