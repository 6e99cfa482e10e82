"""Chargers that send rubbish: each call is answered in the words of the protocol, and nobody else takes harm."""

import json
from random import Random

import pytest

from tests.fuzz.conftest import CARD
from tests.fuzz.frames import REQUESTS, RudeCharger, rubbish
from tests.journeys.network import Network
from tests.journeys.process import HubProcess

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FRAMES = 1500
CODES = {
    "ocpp1.6": {
        "NotImplemented",
        "NotSupported",
        "ProtocolError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    },
    "ocpp2.0.1": {
        "FormatViolation",
        "MessageTypeNotSupported",
        "NotImplemented",
        "NotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "TypeConstraintViolation",
    },
}
CODES["ocpp2.1"] = CODES["ocpp2.0.1"]


async def rude(network: Network[HubProcess], protocol: str) -> RudeCharger:
    made = await network.send("POST", "/stations", {"id": "RUDE-1", "location_id": "LOC1"}, expect=201)
    return RudeCharger(network.up.ocpp_url, "RUDE-1", made["password"], protocol)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("protocol", REQUESTS)
async def test_rubbish_is_answered_and_harms_nobody(network: Network[HubProcess], protocol: str, seed: int) -> None:
    random = Random(f"{protocol} {seed}")
    charger = await rude(network, protocol)
    for number in range(FRAMES):
        frame, answered = rubbish(number, protocol, random)
        await charger.send(frame)
        if answered is not None:
            charger.asked.add(answered)
        if number % 50 == 0:
            await charger.call(f"good-{number}", "Heartbeat", {})
    await charger.settle()

    for frame in charger.answers:
        assert isinstance(frame, list)
        assert frame[0] in (3, 4), frame
        if frame[0] == 3:
            assert len(frame) == 3, frame
            assert isinstance(frame[2], dict), frame
        else:
            assert len(frame) == 5, frame
            assert frame[2] in CODES[protocol], frame
            assert len(frame[3]) <= 255, frame
    boot = await charger.call("last", *REQUESTS[protocol][0])
    assert boot[2]["status"] == "Accepted"
    assert (await charger.call("after", *REQUESTS[protocol][2]))[0] == 3
    await charger.close()
    assert set(charger.closed) <= {1002, 1007, 1009}


@pytest.mark.parametrize("protocol", REQUESTS)
async def test_a_message_of_two_mebibytes_closes_its_connection_alone(
    network: Network[HubProcess], protocol: str
) -> None:
    charger = await rude(network, protocol)
    huge = "x" * 2**21
    for number, message in enumerate(
        [
            json.dumps([2, "1", "DataTransfer", {"vendorId": "v", "data": huge}]),
            json.dumps([2, "2", huge, {}]),
            json.dumps([2, huge, "Heartbeat", {}]),
            "[" * 2**21,
            b"\x00" * 2**21,
        ],
        1,
    ):
        await charger.send(message)
        await charger.thrown_out()
        assert (await charger.call(f"good-{number}", "Heartbeat", {}))[0] == 3
    await charger.close()
    assert charger.closed == [1009] * 5
    assert CARD not in network.up.log()
