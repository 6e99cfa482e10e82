"""What stations ask about certificates, in each version's words."""

from datetime import UTC, datetime

import pytest

from csms.schemas import schemas_21, schemas_201
from csms.station import CertificateState, CertificateStatus

pytestmark = pytest.mark.anyio

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


def certificate(serial: str) -> dict[str, str]:
    return {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": serial}


@pytest.mark.parametrize(("protocol", "action"), [("ocpp1.6", "1.6"), ("ocpp2.0.1", "2"), ("ocpp2.1", "2")])
async def test_a_request_for_a_certificate_is_passed_on(world, protocol: str, action: str) -> None:
    point = await world.point(protocol=protocol)
    assert (await point.call("SignCertificate", {"csr": "good"}))["status"] == "Accepted"
    assert (await point.call("SignCertificate", {"csr": "bad"}))["status"] == "Rejected"
    if protocol == "ocpp2.1":
        asked = {"csr": "good", "certificateType": "V2GCertificate", "requestId": 7}
        await point.call("SignCertificate", asked)
        assert (world.desk.signing[-1].purpose, world.desk.signing[-1].request_id) == ("V2GCertificate", 7)


@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp2.1"])
async def test_the_state_of_one_certificate_is_the_responders_signed_answer(world, protocol: str) -> None:
    point = await world.point(protocol=protocol)
    world.desk.statuses = {
        "01": CertificateStatus(CertificateState.GOOD, "c2lnbmVk", UNTIL),
        "02": CertificateStatus(CertificateState.FAILED),
    }
    schemas = schemas_201() if protocol == "ocpp2.0.1" else schemas_21()
    for serial, expected in (("01", "Accepted"), ("02", "Failed"), ("03", "Failed")):
        data = certificate(serial) | {"responderURL": "http://ocsp.example.com"}
        answer = await point.call("GetCertificateStatus", {"ocspRequestData": data})
        assert answer["status"] == expected
        assert answer.get("ocspResult") == ("c2lnbmVk" if serial == "01" else None)
        assert schemas.is_strictly_valid_response("GetCertificateStatus", answer)


async def test_the_states_of_a_chain_come_in_its_order(world) -> None:
    point = await world.point(protocol="ocpp2.1")
    states = {"01": CertificateState.GOOD, "02": CertificateState.REVOKED, "03": CertificateState.UNKNOWN}
    world.desk.statuses = {serial: CertificateStatus(state, None, UNTIL) for serial, state in states.items()}
    asked = [
        {"source": "OCSP", "urls": ["http://ocsp.example.com"], "certificateHashData": certificate(serial)}
        for serial in ("02", "01", "03", "04")
    ]
    answer = await point.call("GetCertificateChainStatus", {"certificateStatusRequests": asked})
    assert schemas_21().is_strictly_valid_response("GetCertificateChainStatus", answer)
    told = answer["certificateStatus"]
    assert [one["status"] for one in told] == ["Revoked", "Good", "Unknown", "Failed"]
    assert [one["certificateHashData"]["serialNumber"] for one in told] == ["02", "01", "03", "04"]
    assert told[0]["nextUpdate"] == "2030-01-01T00:00:00.000Z"
