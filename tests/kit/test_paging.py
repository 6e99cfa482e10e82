"""Pages of the driver and operator APIs."""

import httpx
import pytest
from fastapi import FastAPI

from kit.paging import MOST_LIMIT, MOST_OFFSET, Page, Paging

pytestmark = pytest.mark.anyio

app = FastAPI()


@app.get("/numbers")
async def numbers(paging: Paging) -> Page[int]:
    everything = range(120)
    return Page[int].of(everything[paging.offset : paging.offset + paging.limit], len(everything), paging)


async def get(query: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(f"/numbers{query}")


async def test_a_page_says_where_it_stands_in_the_whole() -> None:
    assert (await get("?limit=3&offset=118")).json() == {"items": [118, 119], "total": 120, "limit": 3, "offset": 118}


async def test_without_parameters_the_first_fifty_come() -> None:
    page = (await get("")).json()
    assert (len(page["items"]), page["limit"], page["offset"]) == (50, 50, 0)


async def test_beyond_the_end_a_page_is_empty() -> None:
    assert (await get("?offset=5000")).json()["items"] == []


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?limit=-1", f"?limit={MOST_LIMIT + 1}", "?offset=-1", f"?offset={MOST_OFFSET + 1}", "?limit=x"],
)
async def test_what_is_out_of_bounds_is_refused(query: str) -> None:
    assert (await get(query)).status_code == 422


def test_the_parameters_and_the_page_are_described_in_openapi() -> None:
    document = app.openapi()
    parameters = document["paths"]["/numbers"]["get"]["parameters"]
    assert {(p["name"], p["in"], p["schema"]["maximum"]) for p in parameters} == {
        ("limit", "query", MOST_LIMIT),
        ("offset", "query", MOST_OFFSET),
    }
    assert document["components"]["schemas"]["Page_int_"]["required"] == ["items", "total", "limit", "offset"]
