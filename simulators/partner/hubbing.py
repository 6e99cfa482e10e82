"""What makes a small hub of a partner: the parties behind it, who they are, and whom a message is for."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from kit.clock import Clock
from ocpi.call import Answer, Call, ListAnswer
from ocpi.datetimes import format_datetime
from ocpi.errors import ReceiverNotConnected, UnknownReceiver
from ocpi.headers import Party
from ocpi.registry import CONFIGURATION_MODULES
from simulators.partner.shelves import PAGE_LIMIT, in_window
from simulators.partner.state import Json, State

CONNECTED = "CONNECTED"


@dataclass(frozen=True, slots=True)
class Behind:
    """A party that is reached through the hub."""

    role: str
    party: Party


DEFAULT_PARTIES = (Behind("CPO", Party("NL", "HCP")), Behind("EMSP", Party("NL", "HEM")))


@dataclass(slots=True)
class Hubbing:
    """The hub's own module, and its gate for messages. The parties' platforms are the hub itself."""

    party: Party
    parties: Sequence[Behind]
    state: State
    clock: Clock

    def introduce(self) -> None:
        """Note everybody as connected."""
        for each in self.parties:
            self.set_status(each, CONNECTED)

    def set_status(self, which: Behind, status: str) -> Json:
        """Note the status of a party; its ClientInfo."""
        info: Json = {
            "country_code": which.party.country_code,
            "party_id": which.party.party_id,
            "role": which.role,
            "status": status,
            "last_updated": format_datetime(self.clock.now()),
        }
        self.state.clients[f"{which.party}*{which.role}"] = info
        return info

    def owner(self, role: str) -> Party:
        """The first party behind the hub with a role; the hub itself when there is none."""
        return next((each.party for each in self.parties if each.role == role), self.party)

    async def list(self, call: Call) -> ListAnswer:
        """Who can be reached."""
        query = call.page_query()
        found = [each for each in self.state.clients.values() if in_window(each, query)]
        asked = found[query.offset : query.offset + query.capped(PAGE_LIMIT)]
        return ListAnswer(total=len(found), limit=PAGE_LIMIT, items=[orjson.dumps(each) for each in asked])

    async def intercept(self, call: Call) -> Answer | None:
        """Refuse what is for nobody, or for somebody who is away. Raises `UnknownReceiver`, `ReceiverNotConnected`."""
        to = call.headers.to_party
        if call.module in CONFIGURATION_MODULES or to is None or to == self.party:
            return None
        named = [info for key, info in self.state.clients.items() if key.upper().startswith(f"{to.key}*")]
        if not named:
            raise UnknownReceiver
        if all(info["status"] != CONNECTED for info in named):
            raise ReceiverNotConnected
        return None
