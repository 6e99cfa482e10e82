"""Every example of the specification is read by its type and written again, field for field."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from ocpi.datetimes import parse_datetime
from ocpi.envelope import parse_envelope, read_envelope
from ocpi.patch import check
from ocpi.types import DisplayText, JsonObject, JsonValue, OcpiModel, to_bytes
from ocpi.v221.cdrs import Cdr
from ocpi.v221.credentials import Credentials
from ocpi.v221.locations import Connector, EnergyMix, Evse, Hours, Location
from ocpi.v221.sessions import Session
from ocpi.v221.tariffs import Tariff
from ocpi.v221.tokens import Token
from ocpi.v221.versions import Version, VersionDetails
from ocpi.validation import findings

FOLDER = Path(__file__).parent.parent / "golden" / "ocpi-2.2.1"
INDEX = json.loads((FOLDER / "INDEX.json").read_text())["items"]

OBJECTS: dict[str, type[OcpiModel]] = {
    "credentials": Credentials,
    "cdr": Cdr,
    "evse": Evse,
    "location": Location,
    "hours": Hours,
    "session": Session,
    "tariff": Tariff,
    "token": Token,
    "version_details": VersionDetails,
    "display_text": DisplayText,
}
LISTS: dict[str, type[OcpiModel]] = {"list_version": Version}
ENVELOPES: dict[str, type[OcpiModel]] = {
    "response_envelope_list_version": Version,
    "response_envelope_version_details": VersionDetails,
    "response_envelope_token": Token,
    "response_envelope_list_token": Token,
}
FRAGMENTS: dict[str, tuple[str, type[OcpiModel]]] = {
    "fragment_energy_mix": ("energy_mix", EnergyMix),
    "fragment_opening_times": ("opening_times", Hours),
}
PATCHES: dict[str, type[OcpiModel]] = {
    "locations_patch_status_1.json": Evse,
    "locations_patch_status_2.json": Evse,
    "locations_patch_name_1.json": Location,
    "locations_patch_tariff_ids_1.json": Connector,
    "sessions_patch_total_cost_1.json": Session,
    "sessions_patch_charging_periods_kwh_total_cost_1.json": Session,
    "tokens_patch_valid_1.json": Token,
}
# Examples that break the specification's own tables, with what is wrong in them.
FAULTY: dict[str, set[str]] = {
    "locations_evse_1.json": {
        "/connectors/0/power_type",
        "/connectors/0/max_voltage",
        "/connectors/0/max_amperage",
        "/connectors/0/last_updated",
        "/physical_reference",
    },
    "tariffs_tariff_1.json": {"/last_updated"},
}

_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z?")


def load(name: str) -> JsonValue:
    loaded: JsonValue = json.loads((FOLDER / name).read_text(), parse_float=Decimal)
    return loaded


def comparable(value: object) -> object:
    """Numbers as numbers, date-times as instants."""
    if isinstance(value, dict):
        return {name: comparable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if isinstance(value, str) and _DATE_TIME.fullmatch(value):
        return parse_datetime(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return value


def assert_survives(model_type: type[OcpiModel], example: JsonValue) -> None:
    written = json.loads(to_bytes(model_type.model_validate(example)), parse_float=Decimal)
    assert comparable(written) == comparable(example)


def names(kind: dict[str, object] | dict[str, type[OcpiModel]]) -> list[tuple[str, str]]:
    return [(each["file"], each["object"]) for each in INDEX if each["object"] in kind and each["file"] not in FAULTY]


def test_every_example_is_covered() -> None:
    covered = {file for kind in (OBJECTS, LISTS, ENVELOPES) for file, _ in names(kind)}
    covered |= {each["file"] for each in INDEX if each["object"] in FRAGMENTS or each["object"] == "response_envelope"}
    covered |= set(PATCHES) | set(FAULTY)
    assert covered == {path.name for path in FOLDER.glob("*.json")} - {"INDEX.json"}


@pytest.mark.parametrize(("file", "kind"), names(OBJECTS))
def test_an_object_survives_field_for_field(file: str, kind: str) -> None:
    assert_survives(OBJECTS[kind], load(file))


@pytest.mark.parametrize(("file", "kind"), names(LISTS))
def test_a_list_survives_field_for_field(file: str, kind: str) -> None:
    for item in TypeAdapter(list[JsonObject]).validate_python(load(file)):
        assert_survives(LISTS[kind], item)


@pytest.mark.parametrize(("file", "kind"), names(ENVELOPES))
def test_an_envelope_and_what_is_in_it_survive(file: str, kind: str) -> None:
    reply = read_envelope(load(file))
    assert reply is not None
    assert reply.ok
    assert reply.timestamp == parse_datetime("2015-06-30T21:59:59Z")
    for item in reply.data if isinstance(reply.data, list) else [reply.data]:
        assert_survives(ENVELOPES[kind], item)


def test_an_error_envelope_has_no_data() -> None:
    reply = parse_envelope((FOLDER / "transport_and_format_response_envelope_1.json").read_bytes())
    assert reply is not None
    assert (reply.ok, reply.status_code, reply.data) == (False, 2001, None)
    assert reply.status_message == "Missing required field: type"


@pytest.mark.parametrize("file", [each["file"] for each in INDEX if each["object"] in FRAGMENTS])
def test_a_fragment_survives_field_for_field(file: str) -> None:
    kind = next(each["object"] for each in INDEX if each["file"] == file)
    name, model_type = FRAGMENTS[kind]
    example = load(file)
    assert isinstance(example, dict)
    assert_survives(model_type, example[name])


@pytest.mark.parametrize(("file", "model_type"), PATCHES.items())
def test_a_patch_is_accepted(file: str, model_type: type[OcpiModel]) -> None:
    patch = json.loads((FOLDER / file).read_text())
    check(model_type, patch)


@pytest.mark.parametrize("file", FAULTY)
def test_a_faulty_example_is_refused_for_its_faults_alone(file: str) -> None:
    kind = next(each["object"] for each in INDEX if each["file"] == file)
    with pytest.raises(ValidationError) as caught:
        OBJECTS[kind].model_validate(load(file))
    assert {finding.partition(":")[0] for finding in findings(caught.value)} == FAULTY[file]
