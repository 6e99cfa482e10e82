"""Which tariff holds for a session: by date, by who pays, and by what the driver wishes. Pure.

OCPI 2.2.1, mod_tariffs, Tariff and TariffType; mod_sessions, ChargingPreferences.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from hub.tariffs.parsing import instant

Json = dict[str, Any]

AD_HOC, REGULAR = "AD_HOC_PAYMENT", "REGULAR"


def wanted_type(*, ad_hoc: bool = False, profile: str | None = None) -> str:
    """The TariffType for a payment at the charger, or for a ProfileType that the driver set (none: REGULAR)."""
    return AD_HOC if ad_hoc else f"PROFILE_{profile}" if profile and profile != REGULAR else REGULAR


def choose(tariffs: Iterable[Json], at: datetime, *, wanted: str = REGULAR) -> Json | None:
    """The tariff of a session that starts at `at`, of those of its connector; None where none is valid then.

    The first of the wanted type goes first, then one of all types, then a REGULAR one, and at last any: a driver is not
    let off because of a type.
    """
    valid = [tariff for tariff in tariffs if is_valid_at(tariff, at)]
    for kind in (wanted, None, REGULAR):
        for tariff in valid:
            if tariff.get("type") == kind:
                return tariff
    return valid[0] if valid else None


def is_valid_at(tariff: Mapping[str, Any], moment: datetime) -> bool:
    """Whether a session that starts then falls under the tariff: from its start, and not after its end."""
    starts, ends = instant(tariff.get("start_date_time")), instant(tariff.get("end_date_time"))
    return (starts is None or moment >= starts) and (ends is None or moment <= ends)
