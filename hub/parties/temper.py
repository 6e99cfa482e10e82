"""Telling a partner of an object in the way that it takes it: a module whose PUT it refuses is told by PATCH.

An object goes out in its whole present state, so a PATCH with all of its fields says the same as a PUT, as long as the
partner has the object at all; that is for the partner to know, who would not take it otherwise.
"""

from dataclasses import replace

from hub.parties.clients import Clients
from hub.parties.directory import Peer
from hub.parties.notices import Notices
from hub.parties.outbox import Outgoing, Refused

METHOD_NOT_ALLOWED = (405, 501)


class Temper:
    """Delivers with regard to the partner's quirks; a `hub.parties.outbox.Sender`."""

    def __init__(self, clients: Clients, notices: Notices) -> None:
        self._clients = clients
        self._notices = notices

    async def deliver(self, peer: Peer, module: str, outgoing: Outgoing, *, to: str | None) -> str | None:
        """Send an object; the `Location` of the answer. Raises as `Clients.deliver` does."""
        if outgoing.verb != "PUT" or module in peer.quirks.modules("refuses_patch"):
            return await self._clients.deliver(peer, module, outgoing, to=to)
        if module in peer.quirks.modules("refuses_put"):
            return await self._clients.deliver(peer, module, _as_patch(outgoing), to=to)
        try:
            return await self._clients.deliver(peer, module, outgoing, to=to)
        except Refused as error:
            if error.http_status not in METHOD_NOT_ALLOWED:
                raise
        try:
            location = await self._clients.deliver(peer, module, _as_patch(outgoing), to=to)
        except Refused as error:
            if error.http_status in METHOD_NOT_ALLOWED:
                self._notices.learned(peer.id, "refuses_patch", (module,))
            raise
        self._notices.learned(peer.id, "refuses_put", (module,))
        return location


def _as_patch(outgoing: Outgoing) -> Outgoing:
    return replace(outgoing, verb="PATCH")
