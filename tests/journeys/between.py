"""Three partners with a hub between them: a CPO with a location, and two eMSPs with a card each."""

from dataclasses import dataclass
from typing import Any

from ocpi.headers import Party
from simulators.partner.partner import Partner
from tests.journeys.network import PARTNER_TOKEN, Json, Network, eventually
from tests.journeys.peers import Ocpi, session_of, stamped_location

CPO, EMSP, RIVAL = Party("BE", "CPO"), Party("DE", "EMS"), Party("AT", "RIV")
UID = PARTNER_TOKEN["uid"]


@dataclass
class Three:
    """A hub between BE*CPO, DE*EMS and AT*RIV. The CPO's location L1 with EVSE-1 is known to the hub."""

    network: Network
    cpo: Partner
    emsp: Partner
    rival: Partner

    def raw(self, partner: Partner) -> Ocpi:
        """Requests byte by byte in a partner's name."""
        return Ocpi.of(self.network, partner)

    def asked(self, partner: Partner, module: str, verb: str | None = None) -> list[Json]:
        """The bodies that a partner was sent of a module."""
        found = [each for each in partner.state.pushed if each.module == module]
        return [each.body or {} for each in found if verb in (None, each.verb)]

    async def running_session(self, session_id: str = "S1", token_party: str = "DE*EMS") -> None:
        """A session at the CPO that the hub was told of."""
        body = session_of("BE*CPO", session_id, token_party, location_id="L1", evse_uid="EVSE-1")
        self.cpo.state.sessions[session_id] = body
        assert await self.raw(self.cpo).code("PUT", f"receiver/sessions/BE/CPO/{session_id}", body) == (201, 1000)


async def three(network: Network) -> Three:
    """Everybody registers, and the CPO publishes its location."""
    made = Three(
        network,
        await network.partner("CPO", "BE*CPO", charging_s=60),
        await network.partner("EMSP", "DE*EMS"),
        await network.partner("EMSP", "AT*RIV"),
    )
    for partner in (made.emsp, made.rival):
        owner = {"country_code": partner.party.country_code, "party_id": partner.party.party_id}
        partner.state.tokens[UID] = {**PARTNER_TOKEN, **owner}
    await publish(made.cpo, "L1")
    return made


async def publish(cpo: Partner, location_id: str, **fields: Any) -> None:
    """A location of a CPO's."""
    owner = {"country_code": cpo.party.country_code, "party_id": cpo.party.party_id}
    await cpo.push("locations", stamped_location(id=location_id, **owner, **fields))


async def result_of(partner: Partner, command_id: str) -> str:
    """What came of a command."""

    async def told() -> object:
        return partner.state.results.get(command_id)

    found: Json = await eventually(told)
    return str(found["result"])
