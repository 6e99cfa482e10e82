"""Single locations that an agreement hides or shows: commands, reads and lists that pass through the hub."""

import pytest

from tests.journeys.network import PARTNER_TOKEN, Json, Network
from tests.journeys.peers import Ocpi, addressed, stamped_location

pytestmark = pytest.mark.anyio

TOKEN: Json = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}


async def test_a_hidden_location_can_neither_be_charged_at_nor_be_read_by_any_way(network: Network) -> None:
    cpo, emsp = await network.partner("CPO", "BE*CPO"), await network.partner("EMSP", "DE*EMS")
    for location_id in ("OPEN", "SECRET"):
        cpo.keep("locations", stamped_location(id=location_id))
        owned = stamped_location(id=location_id, country_code="BE", party_id="CPO")
        await Ocpi.of(network, cpo).send("PUT", f"receiver/locations/BE/CPO/{location_id}", owned)
    await network.send("PUT", "/agreements/BE*CPO/DE*EMS/locations/SECRET", {"allowed": False})
    ocpi, to_cpo = Ocpi.of(network, emsp), addressed(to="BE*CPO", sender="DE*EMS")
    response_url = f"{emsp.public_url}/ocpi/2.2.1/sender/commands/START_SESSION/1"

    async def started(location_id: str, headers: Json | None) -> int:
        body = {"response_url": response_url, "token": TOKEN, "location_id": location_id}
        return (await ocpi.code("POST", "receiver/commands/START_SESSION", body, headers=headers))[1]

    for headers in (to_cpo, None):
        assert await started("SECRET", headers) == 2003
        assert await started("secret", headers) == 2003, "ids ignore the case"
        assert await started("OPEN", headers) == 1000
    assert (await ocpi.code("GET", "sender/locations/SECRET", headers=to_cpo))[1] == 2003
    assert (await ocpi.code("GET", "sender/locations/SECRET/EVSE-1", headers=to_cpo))[1] == 2003
    assert (await ocpi.code("GET", "sender/locations/OPEN", headers=to_cpo))[1] == 1000
    for headers in (to_cpo, addressed(to="NL*PLH", sender="DE*EMS"), None):
        listed = (await ocpi.send("GET", "sender/locations", headers=headers)).json()["data"]
        assert [location["id"] for location in listed] == ["OPEN"], headers
