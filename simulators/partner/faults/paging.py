"""Faults of lists: how a crawl from page to page goes wrong."""

from urllib.parse import parse_qsl

from ocpi.paging import with_query
from simulators.partner.faults.exchange import Asked, Fault, Next, Told
from simulators.partner.faults.scene import Scene

_FOREIGN = '<http://pages.invalid/ocpi/2.2.1/sender/locations?offset=1>; rel="next"'


def link_loop(value: str, scene: Scene) -> Fault:
    """Each page's Link leads to the page itself."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        query = f"?{asked.query}" if asked.query else ""
        return told.with_headers(link=f'<{asked.path}{query}>; rel="next"') if "link" in told.headers else told

    return fault


def link_foreign(value: str, scene: Scene) -> Fault:
    """The Link leads to another server."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        return told.with_headers(link=_FOREIGN) if "link" in told.headers else told

    return fault


def link_missing(value: str, scene: Scene) -> Fault:
    """No page has a Link."""

    async def fault(asked: Asked, following: Next) -> Told:
        return (await following(asked)).with_headers(link=None)

    return fault


def wrong_total(value: str, scene: Scene) -> Fault:
    """X-Total-Count is off by so many."""
    off_by = int(value)

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        if not told.is_list:
            return told
        return told.with_headers(x_total_count=str(max(0, int(told.headers["x-total-count"]) + off_by)))

    return fault


def repeats_objects(value: str, scene: Scene) -> Fault:
    """Each page but the first begins with the last object of the page before."""
    return _shifted_pages(-1)


def skips_objects(value: str, scene: Scene) -> Fault:
    """Each page but the first begins one object too late."""
    return _shifted_pages(1)


def ignores_filters(value: str, scene: Scene) -> Fault:
    """Lists do not look at date_from and date_to."""

    async def fault(asked: Asked, following: Next) -> Told:
        if asked.method != "GET" or asked.path.endswith("/sessions"):  # sessions are not listed without a date
            return await following(asked)
        kept = [pair for pair in asked.query.split("&") if not pair.startswith(("date_from=", "date_to="))]
        return await following(asked.changed(query="&".join(kept)))

    return fault


def _shifted_pages(by: int) -> Fault:
    async def fault(asked: Asked, following: Next) -> Told:
        offset = dict(parse_qsl(asked.query)).get("offset", "0")
        if asked.method != "GET" or not offset.isdigit() or int(offset) == 0:
            return await following(asked)
        moved = with_query(f"?{asked.query}", offset=int(offset) + by)
        return await following(asked.changed(query=moved.partition("?")[2]))

    return fault
