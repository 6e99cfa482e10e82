"""What a central system keeps at a station beside its configuration: lists, limits, reservations, texts, roots."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from kit.clock import Clock
from simulators.station.evse import Evse
from simulators.station.maintenance import Maintenance
from simulators.station.words import Json

COST_VENDOR = "org.openchargealliance.costmsg"
VOLTS, PHASES = 230, 3


@dataclass(slots=True)
class Upkeep:
    """What is kept, and the answers of whoever keeps it. `soon`, `call` and `status` are the station's own."""

    evses: dict[int, Evse]
    soon: Callable[[Coroutine[Any, Any, Any]], None]
    call: Callable[[str, Json], Coroutine[Any, Any, Json]]
    status: Callable[[int, str], Coroutine[Any, Any, None]]
    clock: Clock
    is_2x: bool
    maintenance: Maintenance = field(init=False)
    list_version: int = 0
    local_list: dict[str, Json] = field(default_factory=dict)
    """The verdict (`idTagInfo`, `idTokenInfo`) by token."""
    most_entries: int = 50
    """Most entries of one message."""
    profiles: dict[int, Json] = field(default_factory=dict)
    reservations: dict[int, Json] = field(default_factory=dict)
    texts: dict[int, Json] = field(default_factory=dict)
    costs: list[Json] = field(default_factory=list)
    monitors: dict[int, Json] = field(default_factory=dict)
    roots: dict[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.maintenance = Maintenance(self.soon, self.call, self.clock, self.is_2x)

    def answer(self, action: str, payload: Json) -> Json | None:
        """The answer to a call; None for what is none of these. Raises KeyError, TypeError or ValueError."""
        answers: dict[str, Callable[[Json], Json]] = {
            "DataTransfer": self._data,
            "GetLocalListVersion": lambda payload: {self._version_word: self.list_version},
            "SendLocalList": self._send_list,
            "SetChargingProfile": self._set_profile,
            "ClearChargingProfile": self._clear_profile,
            "GetCompositeSchedule": self._schedule,
            "ReserveNow": self._reserve,
            "CancelReservation": self._cancel,
            "SetDisplayMessage": self._show_text,
            "ClearDisplayMessage": self._clear_text,
            "GetDisplayMessages": self._texts,
            "CostUpdated": self._cost,
            "GetTransactionStatus": self._transaction,
            "SetVariableMonitoring": self._monitor,
            "ClearVariableMonitoring": self._clear_monitors,
            "GetMonitoringReport": lambda payload: {"status": "EmptyResultSet"},
            "SetMonitoringLevel": lambda payload: {"status": "Accepted"},
            "CustomerInformation": lambda payload: {"status": "Accepted"},
            "InstallCertificate": self._install,
            "GetInstalledCertificateIds": self._installed,
            "DeleteCertificate": self._delete,
        }
        found = answers.get(action)
        return self.maintenance.answer(action, payload) if found is None else found(payload)

    def report(self, action: str, payload: Json) -> None:
        """Send a message that was asked for, once the answer is on its way."""
        self.soon(self.call(action, payload))

    @property
    def _version_word(self) -> str:
        return "versionNumber" if self.is_2x else "listVersion"

    def _show(self, evse: Evse) -> None:
        self.soon(self.status(evse.id, evse.resting_status))

    def _data(self, payload: Json) -> Json:
        if payload["vendorId"] != COST_VENDOR:
            return {"status": "UnknownVendorId"}
        self.costs.append(payload)
        return {"status": "Accepted"}

    def _send_list(self, payload: Json) -> Json:
        version = payload[self._version_word]
        entries = payload.get("localAuthorizationList") or []
        if len(entries) > self.most_entries:
            return {"status": "Failed"}
        if payload["updateType"] == "Full":
            self.local_list.clear()
        elif version <= self.list_version:
            return {"status": "VersionMismatch"}
        for entry in entries:
            token = entry["idTag"] if "idTag" in entry else entry["idToken"]["idToken"]
            info = entry.get("idTagInfo", entry.get("idTokenInfo"))
            if info is None:
                self.local_list.pop(token, None)
            else:
                self.local_list[token] = info
        self.list_version = version
        return {"status": "Accepted"}

    def _set_profile(self, payload: Json) -> Json:
        profile = payload["csChargingProfiles"] if "csChargingProfiles" in payload else payload["chargingProfile"]
        number = payload["connectorId"] if "connectorId" in payload else payload["evseId"]
        if number and number not in self.evses:
            return {"status": "Rejected"}
        self.keep_profile(number, profile)
        return {"status": "Accepted"}

    def keep_profile(self, number: int, profile: Json) -> None:
        """Limit an EVSE, or all of them (0), as a profile says; it takes the place of one like it."""
        same = [
            known
            for known, each in self.profiles.items()
            if (each["evse"], each["purpose"], each["level"])
            == (number, profile["chargingProfilePurpose"], profile["stackLevel"])
        ]
        for known in same:
            del self.profiles[known]
        schedule = profile["chargingSchedule"]
        schedule = schedule[0] if isinstance(schedule, list) else schedule
        self.profiles[profile["chargingProfileId"] if "chargingProfileId" in profile else profile["id"]] = {
            "evse": number,
            "purpose": profile["chargingProfilePurpose"],
            "level": profile["stackLevel"],
            "schedule": schedule,
        }
        self._apply()

    def forget_transaction(self, number: int) -> None:
        """The limits of a transaction end with it."""
        for known, each in [*self.profiles.items()]:
            if each["evse"] == number and each["purpose"] == "TxProfile":
                del self.profiles[known]
        self._apply()

    def _clear_profile(self, payload: Json) -> Json:
        criteria = payload.get("chargingProfileCriteria") or payload
        number = payload.get("id", payload.get("chargingProfileId"))
        wanted = {
            "evse": criteria.get("connectorId", criteria.get("evseId")),
            "purpose": criteria.get("chargingProfilePurpose"),
            "level": criteria.get("stackLevel"),
        }
        gone = [
            known
            for known, each in self.profiles.items()
            if number in (None, known) and all(want in (None, each[name]) for name, want in wanted.items())
        ]
        for known in gone:
            del self.profiles[known]
        self._apply()
        return {"status": "Accepted" if gone else "Unknown"}

    def _apply(self) -> None:
        """Limit each EVSE to the first period of what is set for it: the simulator keeps no time in its profiles."""
        for evse in self.evses.values():
            limits = [
                _watts(each["schedule"], each["schedule"]["chargingSchedulePeriod"][0])
                for each in self.profiles.values()
                if each["evse"] in (0, evse.id)
            ]
            evse.limit_w = min(limits, default=None)

    def _schedule(self, payload: Json) -> Json:
        number = payload["evseId"] if self.is_2x else payload["connectorId"]
        if number and number not in self.evses:
            return {"status": "Rejected"}
        unit = payload.get("chargingRateUnit", "A")
        evse = self.evses.get(number)
        watts = evse.offered_w if evse else sum(each.offered_w for each in self.evses.values())
        limit = watts if unit == "W" else round(watts / VOLTS / PHASES, 1)
        schedule: Json = {
            "duration": payload["duration"],
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        }
        start = "2026-01-01T00:00:00Z"
        if self.is_2x:
            return {"status": "Accepted", "schedule": {**schedule, "evseId": number, "scheduleStart": start}}
        return {"status": "Accepted", "connectorId": number, "scheduleStart": start, "chargingSchedule": schedule}

    def use_reservation(self, evse: Evse, id_token: str) -> int | None:
        """The reservation of this token for the EVSE, or for any, which ends; None without one that is still good."""
        for number, kept in self.reservations.items():
            token = kept["idTag"] if "idTag" in kept else kept["idToken"]["idToken"]
            expires_at = datetime.fromisoformat(kept.get("expiryDate") or kept["expiryDateTime"])
            is_here = (kept.get("connectorId", kept.get("evseId")) or 0) in (0, evse.id)
            if is_here and token.casefold() == id_token.casefold() and expires_at > self.clock.now():
                del self.reservations[number]
                evse.reserved = False
                return number
        return None

    def _reserve(self, payload: Json) -> Json:
        number = payload.get("connectorId", payload.get("evseId")) or 0
        free = [each for each in self.evses.values() if number in (0, each.id)]
        if not free:
            return {"status": "Rejected"}
        if all(each.charging is not None or each.vehicle is not None for each in free):
            return {"status": "Occupied"}
        self.reservations[payload["reservationId"] if "reservationId" in payload else payload["id"]] = payload
        if number:
            free[0].reserved = True
            self._show(free[0])
        return {"status": "Accepted"}

    def _cancel(self, payload: Json) -> Json:
        known = self.reservations.pop(payload["reservationId"], None)
        if known is None:
            return {"status": "Rejected"}
        evse = self.evses.get(known.get("connectorId", known.get("evseId")) or 0)
        if evse is not None:
            evse.reserved = False
            self._show(evse)
        return {"status": "Accepted"}

    def _show_text(self, payload: Json) -> Json:
        self.texts[payload["message"]["id"]] = payload["message"]
        return {"status": "Accepted"}

    def _clear_text(self, payload: Json) -> Json:
        return {"status": "Accepted" if self.texts.pop(payload["id"], None) else "Unknown"}

    def _texts(self, payload: Json) -> Json:
        if not self.texts:
            return {"status": "Unknown"}
        told = {"requestId": payload["requestId"], "messageInfo": list(self.texts.values())}
        self.report("NotifyDisplayMessages", told)
        return {"status": "Accepted"}

    def _cost(self, payload: Json) -> Json:
        self.costs.append(payload)
        return {}

    def note_total(self, reference: str, answer: Json) -> None:
        """Show what the answer to the end of a transaction says that it cost."""
        if "totalCost" in answer:
            self.costs.append({"totalCost": answer["totalCost"], "transactionId": reference, "ended": True})

    def _transaction(self, payload: Json) -> Json:
        reference = payload.get("transactionId")
        if reference is None:
            return {"messagesInQueue": False}
        running = any(each.charging and each.charging.reference == reference for each in self.evses.values())
        return {"ongoingIndicator": running, "messagesInQueue": False}

    def _monitor(self, payload: Json) -> Json:
        results: list[Json] = []
        for asked in payload["setMonitoringData"]:
            number = asked.get("id") or max(self.monitors, default=0) + 1
            self.monitors[number] = asked
            told = {name: asked[name] for name in ("type", "severity", "component", "variable")}
            results.append({**told, "id": number, "status": "Accepted"})
        return {"setMonitoringResult": results}

    def _clear_monitors(self, payload: Json) -> Json:
        return {
            "clearMonitoringResult": [
                {"id": number, "status": "Accepted" if self.monitors.pop(number, None) else "NotFound"}
                for number in payload["id"]
            ]
        }

    def _install(self, payload: Json) -> Json:
        if "BEGIN CERTIFICATE" not in payload["certificate"]:
            return {"status": "Rejected"}
        self.roots[sha256(payload["certificate"].encode()).hexdigest()[:40]] = payload
        return {"status": "Accepted"}

    def _installed(self, payload: Json) -> Json:
        wanted = payload.get("certificateType")
        words: list[Any] = wanted if isinstance(wanted, list) else [wanted]
        found = {serial: root for serial, root in self.roots.items() if root["certificateType"] in words}
        named = [(root["certificateType"], _hash(serial)) for serial, root in found.items()]
        if not named:
            return {"status": "NotFound"}
        if isinstance(wanted, list):
            chains = [{"certificateType": word, "certificateHashData": each} for word, each in named]
            return {"status": "Accepted", "certificateHashDataChain": chains}
        return {"status": "Accepted", "certificateHashData": [each for _, each in named]}

    def _delete(self, payload: Json) -> Json:
        serial = payload["certificateHashData"]["serialNumber"]
        return {"status": "Accepted" if self.roots.pop(serial, None) else "NotFound"}


def _watts(schedule: Json, period: Json) -> int:
    limit = period.get("limit", 0)
    return int(limit if schedule["chargingRateUnit"] == "W" else limit * VOLTS * PHASES)


def _hash(serial: str) -> Json:
    return {"hashAlgorithm": "SHA256", "issuerNameHash": "00", "issuerKeyHash": "00", "serialNumber": serial}
