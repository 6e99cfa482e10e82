"""Which tariff holds for a session: by date, by who pays, and by what the driver wishes. Pure.

OCPI 2.2.1, mod_tariffs, Tariff and TariffType; mod_sessions, ChargingPreferences.
"""

from collections.abc import Iterable
from datetime import datetime

from hub.tariffs.model import Tariff

AD_HOC, REGULAR = "AD_HOC_PAYMENT", "REGULAR"


def wanted_type(*, ad_hoc: bool = False, profile: str | None = None) -> str:
    """The TariffType for a payment at the charger, or for a ProfileType that the driver set (none: REGULAR)."""
    return AD_HOC if ad_hoc else f"PROFILE_{profile}" if profile and profile != REGULAR else REGULAR


def choose(tariffs: Iterable[Tariff], at: datetime, *, wanted: str = REGULAR) -> Tariff | None:
    """The tariff of a session that starts at `at`: the first that is valid then and of the type, or of all types.

    A wish that no tariff is made for is one for the REGULAR price. None where nothing fits: a tariff for payment at
    the charger is not one for a contract, nor the other way round.
    """
    valid = [tariff for tariff in tariffs if tariff.is_valid_at(at)]
    kinds = (wanted, None, *((REGULAR,) if wanted.startswith("PROFILE_") else ()))
    for kind in kinds:
        for tariff in valid:
            if tariff.kind == kind:
                return tariff
    return None
