"""OCPI objects that come in through the operator API: completed, checked against the wire type, kept as JSON."""

from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from kit.errors import InvalidInput
from ocpi.datetimes import format_datetime
from ocpi.types import OcpiModel
from ocpi.validation import findings

Json = dict[str, Any]


def completed(model: type[OcpiModel], body: Json, *, party: tuple[str, str], now: datetime, **fixed: object) -> Json:
    """The object with its owner, its id (`fixed`) and `last_updated`; raises `InvalidInput` that names each fault."""
    whole = {**body, "country_code": party[0], "party_id": party[1], **fixed, "last_updated": format_datetime(now)}
    try:
        model.model_validate_json(orjson.dumps(whole))
    except ValidationError as error:
        faults = list(findings(error))
        raise InvalidInput("; ".join(faults[:5]), extensions={"errors": list(faults)}) from None
    return whole


def stamped(body: Json, now: datetime) -> Json:
    """The body with `last_updated` wherever an EVSE or a connector lacks it."""
    text = format_datetime(now)
    evses = [
        {
            "last_updated": text,
            **evse,
            "connectors": [
                {"last_updated": text, **connector} if isinstance(connector, dict) else connector
                for connector in _list(evse.get("connectors"))
            ],
        }
        if isinstance(evse, dict)
        else evse
        for evse in _list(body.get("evses"))
    ]
    return {**body, "evses": evses} if "evses" in body else body


def _list(value: object) -> list[Any]:
    """A list as it is, nothing for an absent one; anything else as one item, which the check of the whole refuses."""
    return value if isinstance(value, list) else [] if value is None else [value]


def own_party(text: str | None, own: list[str]) -> tuple[str, str]:
    """The own party that a request names as `CC*PID`; the first one when it names none. Raises `InvalidInput`."""
    key = (text or own[0]).upper()
    if key not in own:
        raise InvalidInput(f"{key} is none of our parties: {', '.join(own)}")
    country_code, _, party_id = key.partition("*")
    return country_code, party_id
