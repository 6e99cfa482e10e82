"""Paging from both sides: whatever the server does to its links, a crawl sees each object once."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi.crawl import crawl
from ocpi.errors import InvalidParameters, PeerRefused, PeerUnintelligible
from ocpi.paging import (
    Page,
    PageQuery,
    next_link,
    page_headers,
    parse_page_query,
    same_origin,
    whole_number,
    with_query,
)

pytestmark = pytest.mark.anyio

URL = "https://peer.example/ocpi/2.2.1/sender/locations"


class Server:
    """A list at a peer, with a way of getting its links wrong."""

    def __init__(self, items: list[int], *, cap: int, links: str = "good", totals: bool = True) -> None:
        self.items = items
        self.cap = cap
        self.links = links
        self.totals = totals
        self.asked: list[str] = []
        self.on_page: dict[int, int] = {}

    async def fetch(self, url: str) -> Page[int]:
        self.asked.append(url)
        if "/nowhere" in url:
            raise PeerRefused("not here", http_status=404)
        assert url.startswith(URL)
        for _ in range(self.on_page.get(len(self.asked), 0)):
            self.items = self.items[1:]
        query = parse_page_query(dict(pair.split("=") for pair in url.partition("?")[2].split("&") if pair))
        limit = query.capped(self.cap)
        found = self.items[query.offset : query.offset + limit]
        headers = page_headers(
            url, total=len(self.items), cap=self.cap, page_limit=limit, offset=query.offset, count=len(found)
        )
        total = len(self.items) if self.totals else None
        return Page(found, total=total, link=self._link(headers.get("Link"), url))

    def _link(self, good: str | None, url: str) -> str | None:
        if good is None or self.links == "good":
            return good
        return {
            "none": None,
            "relative": good.replace("https://peer.example", ""),
            "broken": '<https://[>; rel="next"',
            "foreign": good.replace("peer.example", "evil.example"),
            "other scheme": good.replace("https:", "http:"),
            "nowhere": good.replace("/ocpi/2.2.1/sender/locations", "/nowhere"),
            "loop": f'<{url}>; rel="next"',
        }[self.links]


async def collect(server: Server, url: str = URL, **options: int) -> list[int]:
    return [item async for page in crawl(server.fetch, url, **options) for item in page.items]


@given(
    total=st.integers(0, 40),
    cap=st.integers(1, 15),
    limit=st.none() | st.integers(1, 20),
    links=st.sampled_from(["good", "none", "relative", "foreign", "broken", "other scheme", "nowhere", "loop"]),
    totals=st.booleans(),
)
async def test_each_object_is_seen_exactly_once(
    total: int, cap: int, limit: int | None, links: str, totals: bool
) -> None:
    server = Server(list(range(total)), cap=cap, links=links, totals=totals or links == "none")
    url = URL if limit is None else with_query(URL, limit=limit)
    assert await collect(server, url) == list(range(total))
    assert len(server.asked) == len(set(server.asked))
    assert all(same_origin(asked, URL) for asked in server.asked)


async def test_filters_stay_in_the_link() -> None:
    server = Server(list(range(10)), cap=4)
    await collect(server, with_query(URL, date_from="2016-01-01T00:00:00Z", limit=3))
    assert server.asked[1] == f"{URL}?date_from=2016-01-01T00:00:00Z&offset=3&limit=3"


@given(st.integers(2, 30), st.integers(1, 5), st.integers(2, 4), st.integers(1, 3))
async def test_nothing_is_missed_when_objects_leave_on_the_way(total: int, cap: int, page: int, gone: int) -> None:
    server = Server(list(range(total)), cap=cap)
    server.on_page = {page: gone}
    seen = await collect(server)
    assert set(server.items) <= set(seen)


async def test_an_endless_list_is_given_up() -> None:
    server = Server(list(range(100)), cap=1)
    with pytest.raises(PeerUnintelligible, match="more than 5 pages"):
        await collect(server, max_pages=5)


async def test_a_server_that_ignores_the_offset_is_given_up() -> None:
    async def fetch(url: str) -> Page[int]:
        return Page([1, 2, 3], total=100)

    with pytest.raises(PeerUnintelligible, match="same page"):
        _ = [page async for page in crawl(fetch, URL)]


async def test_a_refusal_of_the_first_page_is_told() -> None:
    with pytest.raises(PeerRefused):
        await collect(Server([], cap=1), "https://peer.example/nowhere")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, PageQuery()),
        ({"offset": "", "limit": ""}, PageQuery()),
        ({"offset": "50", "limit": "100"}, PageQuery(offset=50, limit=100)),
        ({"date_from": "2019-01-28T12:00:00"}, PageQuery(date_from=datetime(2019, 1, 28, 12, tzinfo=UTC))),
        ({"date_to": "2019-01-28T12:00:00Z"}, PageQuery(date_to=datetime(2019, 1, 28, 12, tzinfo=UTC))),
        ({"date_to": "2019-01-28T12:00:00 00:00"}, PageQuery(date_to=datetime(2019, 1, 28, 12, tzinfo=UTC))),
        ({"utm": "x"}, PageQuery()),
    ],
)
async def test_a_page_query_is_read(query: dict[str, str], expected: PageQuery) -> None:
    assert parse_page_query(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        {"offset": "-1"},
        {"offset": "1.5"},
        {"offset": "٣"},
        {"limit": "0"},
        {"limit": "9" * 40},
        {"limit": "None"},
        {"date_from": "yesterday"},
        {"date_to": "2019-01-28T12:00:00+02:00"},
    ],
)
async def test_a_bad_page_query_is_an_invalid_parameter(query: dict[str, str]) -> None:
    with pytest.raises(InvalidParameters, match=next(iter(query))):
        parse_page_query(query)


async def test_date_from_can_be_required() -> None:
    with pytest.raises(InvalidParameters, match="date_from"):
        parse_page_query({}, date_from_required=True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("garbage", None),
        ('<https://a/b?x=1,2;3>; rel="next"', "https://a/b?x=1,2;3"),
        ("<https://a/b>; rel=next", "https://a/b"),
        ('<https://a/1>; rel="prev", <https://a/2>; title="a, b"; rel="last next"', "https://a/2"),
        ('<https://a/1>; rel="nextish"', None),
        ("<https://a/1>;REL=Next", "https://a/1"),
    ],
)
async def test_the_next_link_is_found(header: str | None, expected: str | None) -> None:
    assert next_link(header) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a/x", "https://a:443/y", True),
        ("https://A/x", "https://a/y", True),
        ("https://a", "http://a", False),
        ("https://a", "https://a:8443", False),
        ("https://a", "https://a.evil", False),
        ("https://a", "https://a:port", False),
        ("https://[", "https://[", False),
    ],
)
async def test_origins_are_compared_by_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert same_origin(one, other) is same


@pytest.mark.parametrize(("text", "number"), [("12", 12), (None, None), ("-1", None), ("x", None), ("9" * 30, None)])
async def test_a_count_from_a_header_is_read_or_left(text: str | None, number: int | None) -> None:
    assert whole_number(text) == number
