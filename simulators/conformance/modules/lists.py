"""Rules of lists (4.1.4.1), the same for each module: whole objects, exact filters, and pages that lose nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ocpi.datetimes import format_datetime, parse_datetime
from ocpi.endpoint import Interface
from ocpi.paging import absolute_url, next_link, same_origin, whole_number, with_query
from ocpi.types import OcpiModel
from ocpi.v221.cdrs import Cdr
from ocpi.v221.hub_client_info import ClientInfo
from ocpi.v221.locations import Location
from ocpi.v221.sessions import Session as SessionObject
from ocpi.v221.tariffs import Tariff
from ocpi.v221.tokens import Token
from simulators.conformance.exchange import Exchange
from simulators.conformance.outcomes import Skipped, Violation
from simulators.conformance.registry import ALL_ROLES, Stage, rule
from simulators.conformance.session import Session, expect_ok, expect_valid, found_in
from simulators.partner.state import Json

MOST_PAGES = 200
SINCE_EVER = datetime.fromisoformat("2010-01-01T00:00:00+00:00")
_EMSP, _MAPS, _CPO = frozenset({"EMSP"}), frozenset({"EMSP", "NSP"}), frozenset({"CPO"})


@dataclass(frozen=True, slots=True)
class Listed:
    """One module's list."""

    module: str
    model: type[OcpiModel]
    roles: frozenset[str]
    section: str
    names: tuple[str, ...]
    """What an object is told apart by."""
    stage: Stage = Stage.REGISTERED

    def key(self, item: Json) -> tuple[str, ...]:
        """An object's identity."""
        return tuple(str(item.get(name)).casefold() for name in self.names)


_OWNED = ("country_code", "party_id", "id")
LISTS = (
    Listed("locations", Location, _MAPS, "8.2.1.1", _OWNED),
    Listed("tariffs", Tariff, _MAPS, "11.2.1.1", _OWNED),
    Listed("sessions", SessionObject, _EMSP, "9.2.1.1", _OWNED, Stage.CHARGED),
    Listed("cdrs", Cdr, _EMSP, "10.2.1.1", _OWNED, Stage.CHARGED),
    Listed("tokens", Token, _CPO, "12.2.2.1", ("country_code", "party_id", "uid", "type")),
    Listed("hubclientinfo", ClientInfo, ALL_ROLES, "15.3.2.1", ("country_code", "party_id", "role")),
)


async def listing(session: Session, listed: Listed) -> None:
    """The list as a whole, kept for the other rules."""
    answer = expect_ok(await _page(session, listed))
    items, pages = list(_items(answer)), 1
    total = whole_number(answer.headers.get("x-total-count"))
    while total is not None and len(items) < total and pages < MOST_PAGES:
        more = _items(expect_ok(await _page(session, listed, offset=len(items))))
        if not more:
            break
        items, pages = items + more, pages + 1
    once = {listed.key(item): item for item in items}
    session.lists[listed.module] = list(once.values())
    if total is None:
        raise Violation("X-Total-Count is missing", answer)
    if whole_number(answer.headers.get("x-limit")) is None:
        raise Violation("X-Limit is missing", answer)


async def objects_valid(session: Session, listed: Listed) -> None:
    """Each object has all that its type requires."""
    found_in(session, listed.module)
    answer = await _page(session, listed)
    for item in _items(answer):
        expect_valid(listed.model, item, answer)


async def last_updated(session: Session, listed: Listed) -> None:
    """No object is from the future, and times are in UTC without an offset."""
    found_in(session, listed.module)
    answer = await _page(session, listed)
    for item in _items(answer):
        text = str(item.get("last_updated", ""))
        if text.endswith(("+00:00", "-00:00")):
            raise Violation("a DateTime carries no offset", answer)
        if text and parse_datetime(text) > session.now() + timedelta(minutes=5):
            raise Violation(f"last_updated lies in the future: {text}", answer)


async def date_filters(session: Session, listed: Listed) -> None:
    """`date_from` is inclusive, `date_to` exclusive, both on `last_updated`."""
    answer = await _page(session, listed)
    items = [item for item in _items(answer) if item.get("last_updated")] if found_in(session, listed.module) else []
    if not items:
        raise Skipped("no object says when it was last updated")
    newest = max(parse_datetime(item["last_updated"]) for item in items)
    text = format_datetime(newest)
    since = expect_ok(await _page(session, listed, date_from=text))
    _all_within(since, lambda at: at >= newest, "older than date_from")
    if not _items(since):
        raise Violation("date_from is inclusive: the newest object is missing", since)
    until = expect_ok(await _page(session, listed, date_from=format_datetime(SINCE_EVER), date_to=text))
    _all_within(until, lambda at: at < newest, "not older than date_to")


async def total_count(session: Session, listed: Listed) -> None:
    """`X-Total-Count` is the number of objects that match, whatever the page."""
    objects = found_in(session, listed.module)
    answer = expect_ok(await _page(session, listed, limit=1))
    total = whole_number(answer.headers.get("x-total-count"))
    if total != len(objects):
        raise Violation(f"X-Total-Count is {total}, and there are {len(objects)} objects", answer)


async def page_links(session: Session, listed: Listed) -> None:
    """Every page but the last links to the next one, on the same server, with the filters of the request."""
    objects = found_in(session, listed.module, at_least=2)
    answer = expect_ok(await _page(session, listed, limit=1, date_from=format_datetime(SINCE_EVER)))
    target = _link(answer)
    if target is None:
        raise Violation(f"the first of {len(objects)} objects has no link to the next", answer)
    if not same_origin(target, answer.url):
        raise Violation("the link leads to another server", answer)
    if target == answer.url:
        raise Violation("the link leads to the page itself", answer)
    if "date_from" not in target:
        raise Violation("the link has lost the filter", answer)
    last = expect_ok(await _page(session, listed, offset=len(objects) - 1, limit=1))
    if _link(last) is not None:
        raise Violation("the last page has a link", last)


async def paging_complete(session: Session, listed: Listed) -> None:
    """A crawl from page to page meets each object exactly once."""
    objects = found_in(session, listed.module, at_least=2)
    limit = max(1, len(objects) // 3)
    met: list[tuple[str, ...]] = []
    while True:
        answer = expect_ok(await _page(session, listed, offset=len(met), limit=limit))
        items = _items(answer)
        if len(items) > limit:
            raise Violation(f"{len(items)} objects where {limit} were asked for", answer)
        twice = next((item for item in items if listed.key(item) in met), None)
        if twice is not None:
            raise Violation(f"{'/'.join(listed.key(twice))} comes twice", answer)
        met += [listed.key(item) for item in items]
        if not items or len(met) >= len(objects):
            break
    missing = {listed.key(item) for item in objects} - set(met)
    if missing:
        raise Violation(f"{'/'.join(min(missing))} is on no page", answer)


async def same_order(session: Session, listed: Listed) -> None:
    """The same request gives the same objects in the same order."""
    found_in(session, listed.module, at_least=2)
    once, again = await _page(session, listed), await _page(session, listed)
    keys = [listed.key(item) for item in _items(once)]
    if keys != [listed.key(item) for item in _items(again)][: len(keys)]:
        raise Violation("the order has changed from one request to the next", again)


_RULES: tuple[tuple[str, str | None, str, Callable[[Session, Listed], Any]], ...] = (
    ("list", None, "are listed with X-Total-Count and X-Limit", listing),
    ("valid", None, "are whole and valid in the list", objects_valid),
    ("last-updated", None, "are never from the future", last_updated),
    ("date-filters", "4.1.4.1", "are filtered by date_from and date_to", date_filters),
    ("total-count", "4.1.4.1", "are counted in X-Total-Count", total_count),
    ("page-links", "4.1.4.1", "have pages that link to the next", page_links),
    ("paging", "4.1.4.1", "come exactly once in a crawl over the pages", paging_complete),
    ("order", "4.1.4.1", "keep their order", same_order),
)


def _register(listed: Listed) -> None:
    for name, section, title, check in _RULES:

        async def checked(session: Session, check: Any = check) -> None:
            await check(session, listed)

        rule(
            f"{listed.module}.{name}",
            section or listed.section,
            f"{listed.module} {title}",
            roles=listed.roles,
            needs=((listed.module, Interface.SENDER),),
            stage=listed.stage,
        )(checked)


async def _page(session: Session, listed: Listed, **query: int | str) -> Exchange:
    if listed.module == "sessions":
        query = {"date_from": format_datetime(SINCE_EVER), **query}
    url = session.peer.url(listed.module, Interface.SENDER)
    is_routed = listed.module != "hubclientinfo"
    return await session.peer.request("GET", with_query(url, **query) if query else url, routed=is_routed)


def _items(answer: Exchange) -> list[Json]:
    if not isinstance(answer.data, list):
        raise Violation("the data is no list", answer)
    return [item for item in answer.data if isinstance(item, dict)]


def _link(answer: Exchange) -> str | None:
    link = next_link(answer.headers.get("link"))
    return absolute_url(answer.url, link) if link else None


def _all_within(answer: Exchange, is_within: Callable[[datetime], bool], what: str) -> None:
    for item in _items(answer):
        if item.get("last_updated") and not is_within(parse_datetime(item["last_updated"])):
            raise Violation(f"an object of {item['last_updated']} is {what}", answer)


for _each in LISTS:
    _register(_each)
