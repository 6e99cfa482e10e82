"""From what somebody names to a connector: an EVSE of a location, ours or a partner's."""

from dataclasses import dataclass
from typing import Any

from hub.locations import service as locations
from hub.locations import tree
from hub.stations.service import Place
from hub.stations.tables import by_evse_uid
from hub.tariffs import service as tariffs
from kit.errors import InvalidInput, NotFound
from kit.tx import Tx

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Where:
    """A connector; at a charger of ours, which station and EVSE that is."""

    place: Place
    station_id: str | None = None
    evse_id: int | None = None


async def tariffs_at(tx: Tx, place: Place, location: Json) -> list[Json]:
    """The tariffs that a connector names and that we have."""
    named = tree.tariff_ids(location, place.evse_uid, place.connector_id)
    known = [await tariffs.get(tx, place.country_code, place.party_id, tariff_id) for tariff_id in named]
    return [tariff for tariff in known if tariff is not None]


async def at_location(
    tx: Tx, *, location_id: str, evse_uid: str | None, connector_id: str | None, cpo: str | None, own: list[str]
) -> Where:
    """The connector that is named; the first EVSE and connector where none is. `own` are our CPO parties, `CC*PID`.

    Raises `NotFound` for an unknown location, `InvalidInput` for an EVSE that it has not, or that nothing serves.
    """
    for row in await locations.with_id(tx, location_id):
        owner = f"{row.country_code}*{row.party_id}"
        if cpo is not None and cpo.upper() != owner:
            continue
        evses = row.body().get("evses") or []
        uid = evse_uid or (evses[0]["uid"] if evses else "")
        connectors = next((evse["connectors"] for evse in evses if evse["uid"].casefold() == uid.casefold()), None)
        if connectors is None:
            raise InvalidInput("the location has no such EVSE")
        place = Place(row.country_code, row.party_id, row.body()["id"], uid, connector_id or connectors[0]["id"])
        if owner not in own:
            return Where(place)
        evse = await by_evse_uid(tx, row.country_code, row.party_id, uid)
        if evse is None:
            raise InvalidInput("no station serves that EVSE")
        return Where(place, evse.station_id, evse.evse_id)
    raise NotFound("no such location")
