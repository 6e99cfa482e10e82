"""Every example of the specification goes in by OCPI's door and is read back field for field."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.journeys.network import Json, Network, http_client
from tests.journeys.peers import Ocpi, credentials, stranger
from tests.journeys.sharing import Shared
from tests.ocpi.test_golden_221 import FAULTY, FOLDER, FRAGMENTS, INDEX, comparable, load

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.hub(hub_party="XX*HUB", cpo_parties=["XX*CPO"], emsp_parties=["XX*EMS"]),
]

KINDS = {each["file"]: each["object"] for each in INDEX}
NOT_SENT = {
    "credentials": "credentials are exchanged in the handshake, where tests/journeys/test_handshake.py reads them back",
    "list_version": "the hub's own answer",
    "version_details": "the hub's own answer",
    "response_envelope": "an answer without an object",
    "response_envelope_list_version": "the hub's own answer",
    "response_envelope_version_details": "the hub's own answer",
}
OBJECTS = ("location", "session", "cdr", "tariff", "token")
PARTS = {
    "hours": "opening_times",
    "display_text": "tariff_alt_text",
    **{kind: name for kind, (name, _) in FRAGMENTS.items()},
}
EXTRA: Json = {"x_vendor": {"deep": [1, 2.5, None, {"k": "v"}], "on": True}, "x_list": []}
OLD, NEW = "2015-01-01T00:00:00Z", "2031-01-01T00:00:00.125Z"


def examples() -> Iterator[tuple[str, str, Json]]:
    """Each whole object: its file, its kind and its JSON."""
    for file, kind in KINDS.items():
        loaded: Any = json.loads((FOLDER / file).read_text())
        if file in FAULTY or kind in NOT_SENT or kind.startswith("patch_"):
            continue
        if kind in OBJECTS:
            yield file, kind, loaded
        elif kind.startswith("response_envelope"):
            data = loaded["data"]
            for each in data if isinstance(data, list) else [data]:
                yield file, "token", each
        else:
            whole = "tariff" if kind == "display_text" else "location"
            body = json.loads((FOLDER / f"{whole}s_{whole}_{2 if whole == 'tariff' else 1}.json").read_text())
            part = loaded.get(PARTS[kind], loaded) if isinstance(loaded, dict) else loaded
            yield file, whole, {**body, PARTS[kind]: [part] if kind == "display_text" else part}


EXAMPLES = list(examples())


def test_every_example_is_sent_or_has_a_reason() -> None:
    sent = {file for file, _, _ in EXAMPLES} | set(PATCHES) | set(FAULTY)
    left_out = {file for file, kind in KINDS.items() if kind in NOT_SENT}
    assert sent | left_out == {path.name for path in FOLDER.glob("*.json")} - {"INDEX.json"}
    assert not sent & left_out


def path_of(kind: str, body: Json) -> str:
    if kind == "token":
        return f"receiver/tokens/{body['country_code']}/{body['party_id']}/{body['uid']}?type={body['type']}"
    return f"receiver/{kind}s/{body['country_code']}/{body['party_id']}/{body['id']}"


@pytest.fixture(scope="module")
async def module_owner(shared_hub: Shared) -> AsyncIterator[Ocpi]:
    parties = sorted({f"{body['country_code']}*{body['party_id']}" for _, _, body in EXAMPLES})
    roles = [f"{role}:{party}" for party in parties for role in ("CPO", "EMSP")]
    network = shared_hub.network
    async with stranger() as server, http_client() as http:
        invitation = await network.send("POST", "/partners/invitations", {"name": "all"}, expect=201)
        invitee = Ocpi.with_token(network, http, invitation["token"])
        joined = await invitee.send("POST", "credentials", credentials(server.speaks({}), *roles))
        assert joined.json()["status_code"] == 1000, joined.text
        await shared_hub.remember()
        yield Ocpi.with_token(network, http, joined.json()["data"]["token"])


@pytest.fixture
def owner(module_owner: Ocpi, network: Network) -> Ocpi:
    """A platform on which every party of the examples lives, as CPO and as eMSP."""
    return module_owner


async def sent_and_read(owner: Ocpi, kind: str, body: Json) -> Json:
    if kind == "cdr":
        posted = await owner.send("POST", "receiver/cdrs", body)
        assert posted.json()["status_code"] == 1000, posted.text
        read = await owner.send("GET", posted.headers["location"].removeprefix(f"{owner.base}/"))
    else:
        put = await owner.send("PUT", path_of(kind, body), body)
        assert put.json()["status_code"] == 1000, put.text
        read = await owner.send("GET", path_of(kind, body))
    assert read.json()["status_code"] == 1000, read.text
    data: Json = read.json()["data"]
    return data


async def test_every_object_is_read_back_as_it_was_sent(owner: Ocpi) -> None:
    """Twice: as it stands, and then with fields that OCPI does not know and a time with a fraction."""
    for year, (file, kind, body) in enumerate(EXAMPLES, 2032):  # some examples share an id: each is newer than the last
        first = (
            {**body, "id": f"{body['id'][:30]}-{file[:4]}"}
            if kind == "cdr"
            else {**body, "last_updated": f"{year}-01-01T00:00:00Z"}
        )
        assert await sent_and_read(owner, kind, first) == first, file
        extended = {**body, **EXTRA, "last_updated": f"{year}-06-01T00:00:00.125Z"}
        if kind == "cdr":
            extended["id"] = f"{body['id'][:30]}-EXTRA"
        assert await sent_and_read(owner, kind, extended) == extended, file


async def test_values_of_enums_that_nobody_knows_survive(owner: Ocpi) -> None:
    examples = {kind: body for _, kind, body in EXAMPLES}
    for kind, field in (
        ("location", "parking_type"),
        ("session", "status"),
        ("tariff", "type"),
        ("token", "whitelist"),
    ):
        body = {**examples[kind], field: "FROM_THE_FUTURE", "last_updated": NEW}
        assert await sent_and_read(owner, kind, body) == body, kind


@pytest.mark.parametrize(
    "text", ["2032-01-01T00:00:00", "2032-01-01T00:00:00Z", "2032-01-01T00:00:00.123", "2032-01-01T00:00:00.9Z"]
)
async def test_times_are_read_back_as_they_were_written(owner: Ocpi, text: str) -> None:
    for kind, body in {kind: body for _, kind, body in EXAMPLES}.items():
        stamped = {**body, "last_updated": text}
        assert await sent_and_read(owner, kind, stamped) == stamped


PATCHES = {
    "locations_patch_status_1.json": ("location", "/evse"),
    "locations_patch_status_2.json": ("location", "/evse"),
    "locations_patch_name_1.json": ("location", ""),
    "locations_patch_tariff_ids_1.json": ("location", "/evse/connector"),
    "sessions_patch_total_cost_1.json": ("session", ""),
    "sessions_patch_charging_periods_kwh_total_cost_1.json": ("session", ""),
    "tokens_patch_valid_1.json": ("token", ""),
}


def stamped(value: Any, time: str) -> Any:
    """The value with each `last_updated` in it set."""
    if isinstance(value, dict):
        return {name: time if name == "last_updated" else stamped(each, time) for name, each in value.items()}
    return [stamped(each, time) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("file", PATCHES)
async def test_every_patch_changes_what_it_names_and_nothing_else(owner: Ocpi, file: str) -> None:
    kind, level = PATCHES[file]
    body = stamped(next(body for _, each, body in EXAMPLES if each == kind), OLD) | EXTRA
    patch: Json = json.loads((FOLDER / file).read_text())
    await sent_and_read(owner, kind, body)
    path, _, query = path_of(kind, body).partition("?")
    part = body
    if "evse" in level:
        part = part["evses"][0]
        path = f"{path}/{part['uid']}"
    if "connector" in level:
        part = part["connectors"][0]
        path = f"{path}/{part['id']}"
    path = f"{path}?{query}" if query else path
    assert await owner.code("PATCH", path, patch) == (200, 1000)
    expected = {**part, **patch}
    if "charging_periods" in patch:
        expected["charging_periods"] = [*(part.get("charging_periods") or []), *patch["charging_periods"]]
    read = (await owner.send("GET", path)).json()["data"]
    assert comparable(read) == comparable(expected)
    if level:
        whole = (await owner.send("GET", path_of(kind, body))).json()["data"]
        assert comparable(whole["last_updated"]) == comparable(patch["last_updated"]), "a child lifts its parents"
        assert len(whole["evses"]) == len(body["evses"]), "what was removed stays, as REMOVED"


@pytest.mark.parametrize("file", FAULTY)
async def test_examples_that_break_the_specification_are_refused(owner: Ocpi, file: str) -> None:
    body = load(file)
    assert isinstance(body, dict)
    location = next(body for _, kind, body in EXAMPLES if kind == "location")
    await sent_and_read(owner, "location", location)
    path = f"{path_of('location', location)}/{body['uid']}" if "uid" in body else path_of("tariff", dict(body))
    assert await owner.code("PUT", path, json.loads((FOLDER / file).read_text())) == (200, 2001)
