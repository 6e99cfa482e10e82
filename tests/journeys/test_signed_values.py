"""Signed meter values on their way from the charger to the CDR, to the letter."""

import base64
import itertools
from typing import Any

import orjson
import pytest
from sqlmodel import select
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from hub.sessions.tables import Cdr
from ocpi.v221.cdrs import Cdr as WireCdr
from tests.csms.test_signed import PUBLIC, ocmf
from tests.journeys.network import Json, Network, eventually

pytestmark = pytest.mark.anyio

IDS = itertools.count()


async def call(socket: ClientConnection, action: str, payload: Json) -> Json:
    call_id = f"c{next(IDS)}"
    await socket.send(orjson.dumps([2, call_id, action, payload]).decode())
    async for text in socket:
        frame = orjson.loads(text)
        if frame[1] == call_id:
            assert frame[0] == 3, frame
            result: Json = frame[2]
            return result
    raise AssertionError("the connection has ended")


async def test_what_the_meter_signed_is_in_the_cdr_and_an_operator_sees_that_it_is_genuine(network: Network) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    made = await network.send("POST", "/stations", {"id": "CS-1", "location_id": "LOC1"}, expect=201)
    basic = base64.b64encode(f"CS-1:{made['password']}".encode()).decode()
    text = ocmf()
    async with connect(
        f"{network.up.ocpp_url}/CS-1",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {basic}"},
        proxy=None,
    ) as socket:
        start = {"connectorId": 1, "idTag": "04AABBCCDD", "meterStart": 1000, "timestamp": "2026-05-01T10:00:00Z"}
        number = (await call(socket, "StartTransaction", start))["transactionId"]
        signed = {"value": text, "format": "SignedData", "context": "Transaction.End"}
        stop = {
            "transactionId": number,
            "meterStop": 1500,
            "timestamp": "2026-05-01T10:20:00Z",
            "transactionData": [{"timestamp": "2026-05-01T10:20:00Z", "sampledValue": [signed]}],
        }
        await call(socket, "StopTransaction", stop)

    async def cdrs() -> Any:
        return (await network.get("/cdrs"))["items"]

    await eventually(cdrs)
    [session] = (await network.get("/sessions"))["items"]
    path = f"/sessions/{session['id']}/signed-values"
    [value] = await network.get(path, public_key=PUBLIC)
    assert (value["text"], value["nature"], value["verdict"]) == (text, "End", "genuine")
    assert (float(value["begin_kwh"]), float(value["end_kwh"]), value["issues"]) == (1.0, 1.5, [])
    assert (await network.get(path))[0]["verdict"] == "no_key"
    assert (await network.api.get("/sessions/none/signed-values")).status_code == 404

    async with network.up.hub.db.read() as tx:
        [cdr] = await tx.all(select(Cdr))
    [held] = cdr.body()["signed_data"]["signed_values"]
    assert held["signed_data"] == text
    assert held["plain_data"] == text.split("|")[1]
    assert WireCdr.model_validate(cdr.body()).signed_data is not None
