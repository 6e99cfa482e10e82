"""Logs that carry the correlation id and let no secret through."""

import asyncio
import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from kit import log
from kit.redact import REDACTED, is_secret_name, redact, redact_path, redact_text

pytestmark = pytest.mark.anyio

LEAK = "LEAK9f3b"
SECRET_NAMES = [
    *("authorization", "Authorization", "token", "access_token", "token_uid", "password", "new_password", "secret"),
    *("client_secret", "uid", "rfid", "id_token", "idToken", "idTag", "parentIdTag", "auth_id", "contract_id"),
    *("contractId", "email", "e-mail", "driver_email", "phone", "api_key", "X-Api-Key", "cookie", "Set-Cookie"),
    *("credentials_token", "card_number", "cvc", "pin", "iban", "visual_number", "passphrase", "emaid"),
]

Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Configures JSON logs and gives the lines written so far; fails when one contains the leak."""
    written = io.StringIO()
    log.configure("DEBUG", True, stream=written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    log.configure("WARNING", True)
    assert LEAK not in written.getvalue()


def test_a_line_is_one_json_object_with_time_level_logger_and_words(lines: Lines) -> None:
    log.get("hub.starts").info("start accepted", start_id="s1", attempt=2)
    (line,) = lines()
    assert datetime.fromisoformat(str(line.pop("timestamp"))).tzinfo is not None
    assert line == {"event": "start accepted", "level": "info", "logger": "hub.starts", "start_id": "s1", "attempt": 2}


def test_lines_below_the_level_are_not_written() -> None:
    written = io.StringIO()
    log.configure("WARNING", True, stream=written)
    log.get("x").info("quiet")
    logging.getLogger("library").info("quiet")
    assert written.getvalue() == ""


async def test_each_task_writes_its_own_correlation_id(lines: Lines) -> None:
    async def work(number: int) -> None:
        with log.bind_correlation(f"c-{number}"):
            await asyncio.sleep(0)
            log.get("x").info("inside", number=number)
        log.get("x").info("outside")

    await asyncio.gather(*(work(number) for number in range(5)))
    inside = [line for line in lines() if line["event"] == "inside"]
    assert all(line["correlation_id"] == f"c-{line['number']}" for line in inside)
    assert all("correlation_id" not in line for line in lines() if line["event"] == "outside")


def test_a_binding_without_a_block_stays() -> None:
    async def scenario() -> None:
        log.bind_correlation("c-1")
        assert log.correlation_id.get() == "c-1"
        with log.bind_correlation("c-2"):
            assert log.correlation_id.get() == "c-2"
        assert log.correlation_id.get() == "c-1"

    asyncio.run(scenario())
    assert log.correlation_id.get() is None


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_value_under_a_telling_name_is_replaced_at_any_depth(lines: Lines, name: str) -> None:
    log.get("x").info("attempt", **{name: LEAK}, payload={"list": [{"deep": ({name: {"inner": LEAK}},)}]})
    (line,) = lines()
    assert line[name] == REDACTED
    assert line["payload"] == {"list": [{"deep": [{name: REDACTED}]}]}


@pytest.mark.parametrize("name", SECRET_NAMES)
@pytest.mark.parametrize(
    "shape",
    [
        '{{"{name}": "{value}"}}',
        "{{'{name}': '{value}'}}",
        '{{\\"{name}\\": \\"{value}\\"}}',
        "https://partner.example/x?a=1&{name}={value}&b=2",
        "{name}: {value}",
        "{name}={value}, next",
        "call({name}='{value}')",
        '{{"{name}": ["{value}", "{value}"], "x": 1}}',
        '{{"{name}": {{"inner": "{value}"}}}}',
        '{{"{name}": "cut off {value}',
        "{name}:\n  '{value}",
    ],
)
def test_a_value_beside_a_telling_name_inside_a_text_is_cut_out(lines: Lines, name: str, shape: str) -> None:
    text = shape.format(name=name, value=LEAK)
    log.get("x").info(text, detail=text)
    assert REDACTED in str(lines()[0]["detail"])


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Token {LEAK}",
        f"Authorization: Custom {LEAK}, more {LEAK}\nHost: x",
        f"Set-Cookie: session={LEAK}; Path=/; x={LEAK}",
        f"got Token {LEAK}== from there",
        f"Basic {LEAK}dXNlcjpwYXNz",
        f"bearer {LEAK}.x-y_z",
        f"cannot reach postgresql://hub:{LEAK}@db/hub",
        f"sk_live_{LEAK} and whsec_{LEAK}",
        f"pi_3abc_secret_{LEAK}",
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{LEAK}.{LEAK}",
        f"-----BEGIN EC PRIVATE KEY-----\n{LEAK}\n-----END EC PRIVATE KEY-----",
        f"mail to {LEAK}.driver@example.org bounced",
        f"[SQL: SELECT 1]\n[parameters: ('{LEAK}', 1)]\n(Background)",
    ],
)
def test_credentials_inside_a_text_are_cut_out(lines: Lines, text: str) -> None:
    log.get("x").warning(text, note=text, nested=[text], **{"key with " + text: 1})
    logging.getLogger("library").warning("said %s", text)
    try:
        raise ValueError(text)
    except ValueError as error:
        log.get("x").exception("failed", error=error)
        logging.getLogger("library").exception("failed")
    assert len(lines()) == 4


def test_a_card_number_is_cut_out(lines: Lines) -> None:
    log.get("x").info("paid with 4242 4242 4242 4242", other="5555-5555-5555-4444")
    [line] = lines()
    assert "4242" not in str(line["event"])
    assert "5555" not in str(line["other"])


def test_objects_show_their_type_alone(lines: Lines) -> None:
    class Driver(BaseModel):
        name: str

    @dataclass
    class Row:
        name: str

    class Custom:
        def __repr__(self) -> str:
            return LEAK

        __str__ = __repr__

    log.get("x").info("seen", a=Driver(name=LEAK), b=Row(LEAK), c=Custom(), d=LEAK.encode(), e=[Custom()], f=Row)
    line = lines()[0]
    assert (line["a"], line["c"], line["d"], line["f"]) == ("<Driver>", "<Custom>", "<8 bytes>", "Row")


def test_plain_values_stay_readable() -> None:
    class Colour(StrEnum):
        RED = "red"

    value = {
        "amount": Decimal("1.50"),
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "colour": Colour.RED,
        "none": None,
        "ok": True,
        "token": None,
        "has_password": True,
        "session_id": "0190-abc",
        "evse_uid": "EVSE-1",
        "token_type": "RFID",
        "both": {"a"},
    }
    assert redact(value) == {
        "amount": "1.50",
        "at": "2026-01-02T00:00:00+00:00",
        "colour": "red",
        "none": None,
        "ok": True,
        "token": None,
        "has_password": True,
        "session_id": "0190-abc",
        "evse_uid": "EVSE-1",
        "token_type": "RFID",
        "both": ["a"],
    }


@pytest.mark.parametrize(
    "text",
    [
        "session s-1 ended after 3600 s with 12.5 kWh",
        "0190b5c0-7d2c-7a3e-9f10-2b4c6d8e0f12",
        "2026-11-24T03:31:04.453026Z",
        "the token was refused",
        "hub.starts.service",
    ],
)
def test_harmless_texts_are_left_alone(text: str) -> None:
    assert redact_text(text) == text


def test_a_structure_without_end_is_cut(lines: Lines) -> None:
    loop: list[object] = []
    loop.append(loop)
    log.get("x").info("loop", loop=loop)
    assert "[too deep]" in str(lines()[0])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(LEAK) | st.just(f"Token {LEAK}"),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.sampled_from([*SECRET_NAMES, "x"]), children, max_size=3)
    ),
    max_leaves=10,
)


@given(value=JSON, name=st.sampled_from(SECRET_NAMES))
def test_nothing_under_a_telling_name_survives_in_any_structure(value: object, name: str) -> None:
    assert LEAK not in json.dumps(redact({name: [value, LEAK]}))
    assert LEAK not in redact_text(json.dumps({name: LEAK, "x": f"Token {LEAK}"}))


@given(text=st.text(max_size=500))
def test_redacting_ends_and_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


def test_long_hostile_texts_do_not_hold_up_the_process() -> None:
    pieces = [
        "token=",
        "a",
        "a@",
        "://",
        "a.b@",
        "a.",
        "eyJ-",
        "eyJ.",
        'token:\\"',
        "uid='",
        "x_",
        " ",
        "{",
        "Token ",
        "1",
    ]
    pieces += [
        "-----BEGIN PRIVATE KEY-----",
        "[parameters: ",
        "authorization: ",
        '"uid": [',
        "a-",
        "pi_a_secret",
        "a: ",
    ]
    started = time.process_time()
    for piece in pieces:
        redact_text(piece * (100_000 // len(piece)))
        redact_text(piece * (100_000 // len(piece)) + "=")
    assert time.process_time() - started < 10


@pytest.mark.parametrize("name", ["uuid", "evse_uid", "session_id", "country_code", "state", "price", "key", "name"])
def test_names_that_tell_nothing_are_left_alone(name: str) -> None:
    assert not is_secret_name(name)


def test_console_output_is_redacted_as_well() -> None:
    written = io.StringIO()
    log.configure("INFO", False, stream=written)
    log.get("x").info("hello", uid=LEAK, text=f"Token {LEAK}")
    log.configure("WARNING", True)
    assert "hello" in written.getvalue()
    assert LEAK not in written.getvalue()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/ocpi/2.2.1/receiver/locations", "/ocpi/2.2.1/receiver/locations"),
        ("/ocpi/emsp/2.1.1/tokens/NL/TNM/012345678", "/ocpi/emsp/2.1.1/tokens/*/*/*"),
        ("/tokens/deadbeef/authorize", "/tokens/*/authorize"),
        ("/commands/START_SESSION/0190b5c0", "/commands/START_SESSION/*"),
        ("/v1/payment_intents/pi_123", "/v1/payment_intents/*"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_paths_show_their_words_and_hide_identifiers(path: str, shown: str) -> None:
    assert redact_path(path) == shown
