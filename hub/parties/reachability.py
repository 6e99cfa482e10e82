"""Whether a partner is there: what it means that it answers, and that it does not."""

from collections.abc import Collection
from datetime import timedelta

import orjson
from sqlalchemy import select, update
from sqlmodel import col

from hub.parties import clientinfo, hub_reading, pulls
from hub.parties.changes import Cursor
from hub.parties.directory import DOORBELL
from hub.parties.lanes import lock_all
from hub.parties.tables import CONNECTED, OFFLINE, Platform
from kit.tx import Tx


async def note_reached(tx: Tx, platform_id: str, *, we_were_away_after: timedelta | None = None) -> None:
    """The partner answers or speaks: it is CONNECTED, and whatever waited for it need not wait longer.

    When it was away we read what we missed. So we do when we were: nobody was heard of for `we_were_away_after`.
    """
    platform = await tx.first(select(Platform).where(col(Platform.id) == platform_id).with_for_update())
    if platform is None or platform.status not in (CONNECTED, OFFLINE):
        return
    was_away, seen = platform.status == OFFLINE, platform.last_seen_at or platform.created_at
    if was_away or we_were_away_after is not None:
        platform.last_seen_at = tx.now
    if was_away or (we_were_away_after is not None and tx.now - seen > we_were_away_after):
        await pulls.ask(tx, platform_id, pulls.DELTA, since=seen)
    if was_away:
        platform.status = CONNECTED
        await lock_all(tx, platform_id)
        await tx.execute(update(Cursor).where(col(Cursor.platform_id) == platform_id).values(retry_at=None, failures=0))
        await clientinfo.tell(tx, platform_id)
        if hub_reading.LIST in orjson.loads(platform.endpoints):
            hub_reading.ask(tx, platform_id)
        tx.ring(DOORBELL)


async def note_all_reached(tx: Tx, platform_ids: Collection[str], *, we_were_away_after: timedelta) -> list[str]:
    """`note_reached` for many, in two statements; returns those for whom it means more than that they were seen."""
    rows = await tx.execute(
        select(col(Platform.id), col(Platform.status), col(Platform.last_seen_at), col(Platform.created_at))
        .where(col(Platform.id).in_(platform_ids), col(Platform.status).in_((CONNECTED, OFFLINE)))
        .order_by(col(Platform.id))
        .with_for_update()
    )
    as_ever: list[str] = []
    news: list[str] = []
    for row in rows:
        is_back = row.status == OFFLINE or tx.now - (row.last_seen_at or row.created_at) > we_were_away_after
        (news if is_back else as_ever).append(row.id)
    if as_ever:
        await tx.execute(update(Platform).where(col(Platform.id).in_(as_ever)).values(last_seen_at=tx.now))
    return news


async def note_unreachable(tx: Tx, platform_id: str) -> None:
    """The partner does not answer any more: it is OFFLINE until it does, or speaks to us."""
    changed = await tx.execute(
        update(Platform)
        .where(col(Platform.id) == platform_id, col(Platform.status) == CONNECTED)
        .values(status=OFFLINE)
    )
    if changed.rowcount:
        await clientinfo.tell(tx, platform_id)
        tx.ring(DOORBELL)
