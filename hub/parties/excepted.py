"""Single locations and tariffs that an agreement excepts, in messages that pass through: which one a message names,
and lists without those that are not for who asks.
"""

import orjson

from hub.parties.agreements import EXCEPTED_MODULES, Agreements
from ocpi.call import Call
from ocpi.endpoint import Interface
from ocpi.envelope import parse_json
from ocpi.errors import HubError, InvalidJson
from ocpi.headers import Party
from ocpi.types import JsonValue

_ID_IN_PATH = dict(zip(EXCEPTED_MODULES, ("location_id", "tariff_id"), strict=True))
_AT_A_LOCATION = frozenset({"START_SESSION", "RESERVE_NOW", "UNLOCK_CONNECTOR"})


def named(call: Call) -> tuple[str, str] | None:
    """Module and id of the one location or tariff that a message is about; None when it is about none, or many."""
    if call.module == "commands" and call.interface is Interface.RECEIVER and call.level in _AT_A_LOCATION:
        try:
            body = parse_json(call.raw)
        except InvalidJson:
            return None  # whoever it is for says what is wrong with it
        location_id = body.get("location_id") if isinstance(body, dict) else None
        return ("locations", location_id) if isinstance(location_id, str) else None
    object_id = call.path.get(_ID_IN_PATH[call.module]) if call.module in _ID_IN_PATH else None
    return (call.module, object_id) if object_id is not None else None


def is_list_of_some(call: Call, owner: Party, agreements: Agreements) -> bool:
    """Whether a call asks for a list in which there may be what is not for who asks."""
    return (
        call.level == "list"
        and call.interface is Interface.SENDER
        and call.module in EXCEPTED_MODULES
        and agreements.excepts(call.module, owner.key)
    )


def without_hidden(answer: bytes, module: str, owner: Party, viewer: Party, agreements: Agreements) -> bytes:
    """A page without the objects that the viewer may not see. The count in its headers is still the owner's.

    Raises `HubError` for what cannot be read, compressed or broken: it may hold what is not for the viewer.
    """
    try:
        document = parse_json(answer)
    except InvalidJson:
        raise HubError("the list cannot be read") from None
    listed = document.get("data") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(listed, list):
        return answer
    shown = [item for item in listed if _is_for(item, module, owner, viewer, agreements)]
    return answer if len(shown) == len(listed) else orjson.dumps({**document, "data": shown})


def _is_for(item: JsonValue, module: str, owner: Party, viewer: Party, agreements: Agreements) -> bool:
    object_id = item.get("id") if isinstance(item, dict) else None
    return isinstance(object_id, str) and agreements.may_see(module, owner.key, object_id, viewer.key)
