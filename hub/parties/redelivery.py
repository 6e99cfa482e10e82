"""An object that a partner refused, offered again as a job of its own that blocks nothing behind it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hub.parties.audience import visible_to
from hub.parties.directory import Directory
from hub.parties.objects import ObjectKey
from hub.parties.outbox import Sender, Source, Unreachable, remember_receipt
from kit.jobs import GiveUp, Retry
from kit.tx import Database


def redeliver(
    directory: Directory, sources: Mapping[str, Source], send: Sender
) -> Callable[[Database, Mapping[str, Any]], Awaitable[None]]:
    """The flow that tries an object again that a partner refused, in its state by then, until it gives up."""

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        peer = (await directory.snapshot()).peers.get(payload["platform_id"])
        if peer is None or not peer.is_registered:
            raise GiveUp("the partner is gone")
        module, key = payload["module"], ObjectKey(*payload["key"])
        async with db.read() as tx:
            outgoing = await sources[module](tx, key, removed=False)
            visible = visible_to(peer, module, await directory.agreements(tx))
        if outgoing is None or not visible.shows(f"{key.country_code}*{key.party_id}", key.object_id):
            return
        try:
            location = await send(peer, module, outgoing, to=payload["audience"])
        except Unreachable as error:
            raise Retry(str(error), after_s=error.retry_after_s) from error
        if outgoing.once:
            async with db.tx() as tx:
                remember_receipt(tx, peer.id, module, key, location)

    return flow
