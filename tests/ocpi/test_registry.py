"""The table of endpoints, and what is generated from it."""

import json

import pytest

from ocpi.endpoint import Interface, Verb
from ocpi.openapi import openapi_document
from ocpi.registry import CONFIGURATION_MODULES, ENDPOINTS, VERSIONS, endpoint, module
from ocpi.resources import Resources, endpoint_head
from ocpi.types import Role
from ocpi.v221.sessions import Session

EXPECTED = """
credentials SENDER  DELETE
credentials SENDER  GET
credentials SENDER  POST
credentials SENDER  PUT
cdrs RECEIVER GET /{country_code}/{party_id}/{cdr_id}
cdrs RECEIVER POST
cdrs SENDER GET
chargingprofiles RECEIVER DELETE /{session_id}
chargingprofiles RECEIVER GET /{session_id}
chargingprofiles RECEIVER PUT /{session_id}
chargingprofiles SENDER POST /active_profile_result/{uid}
chargingprofiles SENDER POST /clear_profile_result/{uid}
chargingprofiles SENDER POST /set_profile_result/{uid}
chargingprofiles SENDER PUT /{session_id}
commands RECEIVER POST /CANCEL_RESERVATION
commands RECEIVER POST /RESERVE_NOW
commands RECEIVER POST /START_SESSION
commands RECEIVER POST /STOP_SESSION
commands RECEIVER POST /UNLOCK_CONNECTOR
commands SENDER POST /{command}/{uid}
hubclientinfo RECEIVER GET /{country_code}/{party_id}
hubclientinfo RECEIVER PUT /{country_code}/{party_id}
hubclientinfo SENDER GET
locations RECEIVER GET /{country_code}/{party_id}/{location_id}
locations RECEIVER GET /{country_code}/{party_id}/{location_id}/{evse_uid}
locations RECEIVER GET /{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}
locations RECEIVER PATCH /{country_code}/{party_id}/{location_id}
locations RECEIVER PATCH /{country_code}/{party_id}/{location_id}/{evse_uid}
locations RECEIVER PATCH /{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}
locations RECEIVER PUT /{country_code}/{party_id}/{location_id}
locations RECEIVER PUT /{country_code}/{party_id}/{location_id}/{evse_uid}
locations RECEIVER PUT /{country_code}/{party_id}/{location_id}/{evse_uid}/{connector_id}
locations SENDER GET
locations SENDER GET /{location_id}
locations SENDER GET /{location_id}/{evse_uid}
locations SENDER GET /{location_id}/{evse_uid}/{connector_id}
sessions RECEIVER GET /{country_code}/{party_id}/{session_id}
sessions RECEIVER PATCH /{country_code}/{party_id}/{session_id}
sessions RECEIVER PUT /{country_code}/{party_id}/{session_id}
sessions SENDER GET
sessions SENDER PUT /{session_id}/charging_preferences
tariffs RECEIVER DELETE /{country_code}/{party_id}/{tariff_id}
tariffs RECEIVER GET /{country_code}/{party_id}/{tariff_id}
tariffs RECEIVER PUT /{country_code}/{party_id}/{tariff_id}
tariffs SENDER GET
tokens RECEIVER GET /{country_code}/{party_id}/{token_uid}
tokens RECEIVER PATCH /{country_code}/{party_id}/{token_uid}
tokens RECEIVER PUT /{country_code}/{party_id}/{token_uid}
tokens SENDER GET
tokens SENDER POST /{token_uid}/authorize
"""


def test_221_has_the_endpoints_of_the_specification_and_no_other() -> None:
    found = {
        (each.module.identifier, each.interface.value, each.verb.value, "".join(f"/{part}" for part in each.path))
        for each in ENDPOINTS["2.2.1"]
    }
    expected = {tuple([*line.split(), ""][:4]) for line in EXPECTED.split("\n") if line}
    assert found == expected


def test_owners_and_configuration_modules() -> None:
    owners = {each.module.identifier: each.module.owner for each in ENDPOINTS["2.2.1"]}
    assert owners == {
        "credentials": None,
        "locations": Role.CPO,
        "tariffs": Role.CPO,
        "sessions": Role.CPO,
        "cdrs": Role.CPO,
        "tokens": Role.EMSP,
        "commands": None,
        "chargingprofiles": None,
        "hubclientinfo": Role.HUB,
    }
    assert frozenset({"credentials", "hubclientinfo"}) == CONFIGURATION_MODULES
    assert module("2.2.1", "tokens").owner is Role.EMSP


@pytest.mark.parametrize("version", VERSIONS)
def test_every_key_is_unique_and_every_path_leads_to_its_endpoint(version: str) -> None:
    table = ENDPOINTS[version]
    assert len({each.key for each in table}) == len(table)
    resources = Resources(table)
    for each in table:
        segments = (*endpoint_head(each), *(part.strip("{}") for part in each.path))
        found = resources.find(segments)
        assert found is not None
        assert found[0].endpoint(each.verb.value) is each
        assert endpoint(version, each.key) is each


@pytest.mark.parametrize("version", VERSIONS)
def test_the_identity_of_an_endpoint_exists_in_its_path_and_in_its_body(version: str) -> None:
    for each in ENDPOINTS[version]:
        for parameter, name in each.identity.items():
            assert f"{{{parameter}}}" in each.path
            assert each.body is None or name in each.body.model_fields


def test_the_openapi_document_is_complete_and_the_same_each_time() -> None:
    text = json.dumps(openapi_document("2.2.1"))
    assert text == json.dumps(openapi_document("2.2.1"))
    document = json.loads(text)
    schemas = document["components"]["schemas"]
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}:
        name, _, field = reference.partition("/properties/")
        assert name in schemas
        assert not field or field in schemas[name]["properties"]
    operations = [(path, verb) for path, verbs in document["paths"].items() for verb in verbs]
    assert len(operations) == len(ENDPOINTS["2.2.1"])


def test_the_openapi_document_can_be_limited_to_what_is_handled() -> None:
    key = ("sessions", Interface.RECEIVER, Verb.PUT, "session")
    document = openapi_document("2.2.1", keys=[key])
    paths = document["paths"]
    assert isinstance(paths, dict)
    assert list(paths) == ["/2.2.1/receiver/sessions/{country_code}/{party_id}/{session_id}"]
    assert endpoint("2.2.1", key).body is Session
