"""What an application answers when something goes wrong."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Header, Query
from pydantic import BaseModel, Field, field_validator
from starlette.exceptions import HTTPException

from kit import log
from kit.errors import Conflict, RateLimited, Unavailable
from kit.problems import CorrelationMiddleware, install_problem_handlers

pytestmark = pytest.mark.anyio


class Card(BaseModel):
    pin: int = Field(ge=1000, le=9999)
    uid: str = Field(max_length=8)
    tags: list[int] = []
    note: str | None = None

    @field_validator("note")
    @classmethod
    def check_note(cls, value: str | None) -> str | None:
        if value == "quote":
            raise ValueError(f"do not write {value}")
        if value == "advise":
            raise ValueError("write something nicer")
        return value


app = FastAPI()


@app.post("/cards")
async def create(card: Card, page: Annotated[int, Query(le=5)] = 1, mode: Annotated[str, Header()] = "x") -> str:
    if card.note == "busy":
        raise RateLimited(retry_after_s=7)
    if card.note == "taken":
        raise Conflict("that card exists", extensions={"card_id": "c1"})
    if card.note == "teapot":
        raise HTTPException(418, "short and stout", {"X-Pot": "yes"})
    if card.note == "401":
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    if card.note == "down":
        raise Unavailable
    raise RuntimeError("password=" + "hunter" + str(1 + 1))


install_problem_handlers(app)
app.add_middleware(CorrelationMiddleware)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def card(**members: object) -> dict[str, object]:
    return {"pin": 1234, "uid": "A1"} | members


async def test_a_problem_is_answered_as_a_document(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/cards?page=2", json=card(note="taken"), headers={"X-Correlation-ID": "c-1", "X-Secret": "s"}
    )
    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Correlation-ID"] == "c-1"
    document = response.json()
    assert document["instance"] == "/cards"
    assert (document["code"], document["correlation_id"], document["card_id"]) == ("conflict", "c-1", "c1")


async def test_the_headers_of_a_problem_are_sent(client: httpx.AsyncClient) -> None:
    response = await client.post("/cards", json=card(note="busy"))
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


async def test_invalid_input_is_named_by_pointers_and_never_quoted(client: httpx.AsyncClient) -> None:
    body = {"pin": 987654, "uid": "DEADBEEFDEADBEEF", "tags": [1, "hunter2"], "note": "quote"}
    response = await client.post("/cards?page=777", json=body, headers={"X-Request-ID": "r", "X-Correlation-ID": "c"})
    assert response.status_code == 422
    errors = {(error["in"], error["pointer"]): error for error in response.json()["errors"]}
    assert errors.keys() == {("query", "/page"), *(("body", p) for p in ("/pin", "/uid", "/tags/1", "/note"))}
    assert errors["body", "/note"]["message"] == "Not valid"
    assert "9999" in errors["body", "/pin"]["message"]
    assert not any(value in response.text for value in ("987654", "DEADBEEF", "hunter2", "quote", "777"))


async def test_the_words_of_our_own_validators_are_passed_on_when_they_quote_nothing(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post("/cards", json=card(note="advise"))
    assert response.json()["errors"][0]["message"] == "write something nicer"


async def test_a_body_that_is_no_json_is_invalid_input(client: httpx.AsyncClient) -> None:
    response = await client.post("/cards", content=b'{"pin": hunter2', headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == ""
    assert "hunter2" not in response.text


async def test_a_pointer_escapes_what_it_must(client: httpx.AsyncClient) -> None:
    from kit.problems import pointer_errors

    error = {"loc": ("body", "a/b~c", 0), "type": "missing", "msg": "Field required", "input": {}}
    assert (
        pointer_errors([error] * 60)
        == [{"in": "body", "pointer": "/a~1b~0c/0", "code": "missing", "message": "Field required"}] * 50
    )


async def test_errors_of_the_framework_are_documents_too(client: httpx.AsyncClient) -> None:
    for response, status, code in (
        (await client.get("/nowhere"), 404, "not_found"),
        (await client.get("/cards"), 405, "method_not_allowed"),
        (await client.post("/cards", json=card(note="401")), 401, "unauthenticated"),
        (await client.post("/cards", json=card(note="down")), 503, "unavailable"),
        (await client.post("/cards", json=card(note="teapot")), 418, "http_error"),
    ):
        assert response.headers["Content-Type"] == "application/problem+json"
        assert (response.status_code, response.json()["status"], response.json()["code"]) == (status, status, code)
    assert response.headers["X-Pot"] == "yes"
    assert (await client.get("/cards")).headers["Allow"] == "POST"
    assert (await client.post("/cards", json=card(note="401"))).headers["WWW-Authenticate"] == "Bearer"


async def test_an_unknown_exception_is_a_500_that_tells_only_its_correlation_id(client: httpx.AsyncClient) -> None:
    written = io.StringIO()
    log.configure("WARNING", True, stream=written)
    try:
        response = await client.post("/cards", json=card(), headers={"X-Correlation-ID": "c-9"})
    finally:
        log.configure("WARNING", True)
    assert response.status_code == 500
    assert response.json() == {
        "type": "urn:plugbridge:problem:internal",
        "title": "Something went wrong here",
        "status": 500,
        "code": "internal",
        "instance": "/cards",
        "correlation_id": "c-9",
    }
    line = json.loads(written.getvalue().splitlines()[0])
    assert (line["correlation_id"], line["level"]) == ("c-9", "error")
    assert "RuntimeError" in line["exception"]
    assert "hunter2" not in written.getvalue()


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é"])
async def test_an_odd_correlation_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    response = await client.get("/nowhere", headers=[("X-Correlation-ID", given.encode())])
    assert len(response.headers["X-Correlation-ID"]) == 36


async def test_requests_at_the_same_time_keep_their_own_correlation_ids(client: httpx.AsyncClient) -> None:
    async def ask(number: int) -> str:
        response = await client.post("/cards", json=card(), headers={"X-Correlation-ID": f"c-{number}"})
        return str(response.json()["correlation_id"])

    log.configure("CRITICAL", True)
    try:
        answers = await asyncio.gather(*(asyncio.create_task(ask(number)) for number in range(10)))
    finally:
        log.configure("WARNING", True)
    assert answers == [f"c-{number}" for number in range(10)]
