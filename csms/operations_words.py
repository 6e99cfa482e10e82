"""What operations have in common in all OCPP versions: words of schedules, and answers in words of no version. Pure."""

from collections.abc import Mapping
from typing import Any

from csms.charging import ChargingProfile, LimitUnit, ProfileKind
from csms.commands import CommandOutcome, CommandStatus
from csms.words import tenths, without_none

KIND_WORD = {
    ProfileKind.ABSOLUTE: "Absolute",
    ProfileKind.RELATIVE: "Relative",
    ProfileKind.DAILY: "Recurring",
    ProfileKind.WEEKLY: "Recurring",
}
"""What the times of a schedule count from."""


def schedule_periods(profile: ChargingProfile) -> list[dict[str, Any]]:
    """The periods of a schedule."""
    return [
        without_none(startPeriod=period.start_s, limit=tenths(period.limit), numberPhases=period.phases)
        for period in profile.periods
    ]


def recurrence(kind: ProfileKind) -> str | None:
    """How often a schedule comes back, in the word of every version."""
    return {ProfileKind.DAILY: "Daily", ProfileKind.WEEKLY: "Weekly"}.get(kind)


def schedule_result(schedule: Mapping[str, Any], start: object) -> dict[str, Any]:
    """A composite schedule in the words that no version owns; limits as texts."""
    periods = schedule.get("chargingSchedulePeriod") or ()
    return {
        "unit": schedule.get("chargingRateUnit", LimitUnit.AMPERE.value),
        "start_at": start,
        "periods": [
            {"start_s": period.get("startPeriod"), "limit": str(period["limit"]) if "limit" in period else None}
            for period in periods
        ],
    }


def settings_outcome(values: list[dict[str, Any]], payload: dict[str, Any]) -> CommandOutcome:
    """What came of reading settings: accepted when any of them has been read."""
    unread = [value for value in values if value["status"] != "accepted"]
    if values and len(unread) == len(values):
        reason = ", ".join(f"{value['status']}: {value['name']}" for value in unread[:5])
        return CommandOutcome(CommandStatus.REJECTED, reason, payload, {"values": values})
    return CommandOutcome(CommandStatus.ACCEPTED, "", payload, {"values": values})


def certificate_found(use: str, named: Mapping[str, Any]) -> dict[str, Any]:
    """A root that a station trusts, from the hashes that name it."""
    return {
        "use": use,
        "algorithm": named.get("hashAlgorithm"),
        "issuer_name_hash": named.get("issuerNameHash"),
        "issuer_key_hash": named.get("issuerKeyHash"),
        "serial_number": named.get("serialNumber"),
    }
