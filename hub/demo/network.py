"""The stage: the hub in this process; chargers, partners and a payment provider in processes of their own."""

import asyncio
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from auth.keys import create_key
from auth.subjects import OperatorRole
from hub.app import DRIVER_API
from hub.demo import cast
from hub.demo.bank import KEY, WEBHOOK_SECRET, Bank
from hub.demo.cast import Charger, PartnerRole
from hub.demo.children import DemoFailed, Fleet, end, first_line, start
from hub.demo.doors import Door
from hub.demo.narrator import Narrator
from hub.serve import Running, running
from hub.settings import ServerRole, Settings
from kit import log

PARTNERS = (cast.EMSP, cast.CPO)
_STRIPE = ("fake-stripe", "--port=0", "--until-eof", "--json")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the demo plays."""

    speed: float
    """Seconds of charging that pass in one."""
    meter_interval_s: float
    update_interval_s: float
    """How often a running session is priced and told to its partner."""
    charge_s: float
    partner_charge_s: float
    """How long a session at a partner's charger lasts."""


ONCE = Pace(speed=1200, meter_interval_s=0.3, update_interval_s=0.3, charge_s=1.2, partner_charge_s=2)
ONWARD = Pace(speed=60, meter_interval_s=1.0, update_interval_s=1.0, charge_s=18, partner_charge_s=15)


@dataclass(frozen=True, slots=True)
class Network:
    """Everything that takes part, and the doors to it."""

    up: Running
    key: str
    pace: Pace
    api: Door
    fleet: Fleet
    emsp: Door
    cpo: Door
    bank: Bank

    @property
    def driver_url(self) -> str:
        """Where apps of drivers and guests ask."""
        return f"{self.up.http_url}{DRIVER_API}"


def settings_for(directory: Path, pace: Pace, *, http_port: int, ocpp_port: int, stripe_url: str) -> Settings:
    """A hub of its own that leaves nothing behind and may talk to partners on this machine."""
    return Settings(
        database_url=f"sqlite:///{directory}/demo.db",
        bus_url="memory://",
        roles=list(ServerRole),
        http_host="127.0.0.1",
        http_port=http_port,
        ocpp_host="127.0.0.1",
        ocpp_port=ocpp_port,
        public_url=None,
        keys=None,
        keys_file=directory / "demo.keys",
        operator_name=cast.OPERATOR,
        cpo_parties=[cast.OWN_CPO],
        emsp_parties=[cast.OWN_CPO],
        egress_private_networks=["127.0.0.0/8", "::1/128"],
        session_update_interval_s=pace.update_interval_s,
        stripe_key=SecretStr(KEY),
        stripe_api_url=stripe_url,
        stripe_webhook_secrets=[SecretStr(WEBHOOK_SECRET)],
        live_page_public=True,
    )


def is_free(port: int) -> bool:
    """Whether a listener could have this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@asynccontextmanager
async def staged(narrator: Narrator, pace: Pace, *, http_port: int, ocpp_port: int) -> AsyncIterator[Network]:
    """The whole network, running; gone without a trace when the block is left."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="plugbridge-demo-")))
        children: list[Process] = []
        stack.push_async_callback(_end_all, children)
        fleet_options = (f"--speed={pace.speed}", f"--meter-interval-s={pace.meter_interval_s}")
        for arguments in (("simulate", "fleet", *fleet_options), *(_partner(each, pace) for each in PARTNERS), _STRIPE):
            children.append(await start(*arguments))
        stripe_url = (await first_line(children[-1]))["url"]
        settings = settings_for(directory, pace, http_port=http_port, ocpp_port=ocpp_port, stripe_url=stripe_url)
        up = await stack.enter_async_context(running(settings))
        stack.push_async_callback(_end_all, children)  # before the hub, or they would miss it
        async with up.hub.db.tx() as tx:
            key = await create_key(tx, up.hub.keys, name="demo", role=OperatorRole.ADMIN)
        doors = [Door(f"{up.http_url}/api/operator/v1", key=key)]
        doors += [Door((await first_line(partner))["control_url"]) for partner in children[1:-1]]
        doors.append(Door(stripe_url, key=KEY))
        for door in doors:
            stack.push_async_callback(door.close)
        fleet = Fleet(children[0])
        listening = asyncio.create_task(fleet.listen())
        stack.callback(listening.cancel)
        network = Network(up, key, pace, doors[0], fleet, doors[1], doors[2], Bank(doors[3]))
        await open_business(network, narrator)
        yield network


async def open_business(network: Network, narrator: Narrator) -> None:
    """Publish, register partners through their doors, issue cards, and let the chargers boot."""
    api, up = network.api, network.up
    narrator.addresses(
        [
            ("live page", f"{up.http_url}/"),
            ("operator API", f"{up.http_url}/api/operator/v1"),
            ("  its key", network.key),
            ("driver API", network.driver_url),
            ("OCPI", f"{up.http_url}/ocpi/versions"),
            ("OCPP", f"{up.ocpp_url}/<station>"),
        ]
    )
    await network.bank.tell(f"{up.http_url}/payments/stripe/events")
    narrator.headline("Opening", f"chargers run {network.pace.speed:.0f} times as fast as real ones")
    await api.send("PUT", "/seller", cast.SELLER)
    for tariff_id, tariff in cast.TARIFFS.items():
        await api.send("PUT", f"/tariffs/{tariff_id}", tariff)
    for location_id, location in cast.LOCATIONS.items():
        await api.send("PUT", f"/locations/{location_id}", location)
    await _register_partners(network, narrator)
    for uid in (*cast.OWN_CARDS, *cast.OWN_CARDS_ABROAD):
        await api.send("POST", "/tokens", {"uid": uid})
    await asyncio.gather(*(_boot(network, narrator, charger) for charger in cast.CHARGERS))


async def _register_partners(network: Network, narrator: Narrator) -> None:
    """The eMSP accepts our invitation; with the CPO it is the other way round."""
    emsp, cpo = cast.EMSP, cast.CPO
    invited = {"name": emsp.name, "roles": [{"role": emsp.role, "party": emsp.party}]}
    invitation = await network.api.send("POST", "/partners/invitations", invited)
    asked = {"versions_url": invitation["versions_url"], "token": invitation["token"]}
    await network.emsp.send("POST", "/control/register", asked)
    narrator.tell(emsp.name, "eMSP accepted our invitation", colour="magenta", detail=f"{emsp.party}, OCPI 2.2.1")
    for token in cast.partner_tokens():
        await network.emsp.send("POST", "/control/keep/tokens", token)
    offered = await network.cpo.send("POST", "/control/invite")
    await network.api.send("POST", "/partners", {"name": cpo.name, **offered})
    narrator.tell(cpo.name, "CPO invited us, and we registered", colour="magenta", detail=f"{cpo.party}, OCPI 2.2.1")
    await network.cpo.send("POST", "/control/push/tariffs", cast.partner_tariff())
    for location in cast.partner_locations():
        await network.cpo.send("POST", "/control/push/locations", location)


async def _boot(network: Network, narrator: Narrator, charger: Charger) -> None:
    evses = [{"evse_id": 1, "evse_uid": charger.evse_uid, "connector_id": "1"}]
    body = {"id": charger.id, "location_id": charger.location_id, "evses": evses}
    made = await network.api.send("POST", "/stations", body)
    options = {"password": made["password"], "protocol": charger.protocol, "power_w": charger.power_w}
    async for told in network.fleet.command("connect", station=charger.id, url=network.up.ocpp_url, **options):
        if told["event"] == "booted" and told["status"] != "Accepted":
            raise DemoFailed(f"the boot of {charger.id} was answered {told['status']}")
    narrator.tell(
        charger.place, "charger booted", colour="cyan", detail=f"{charger.speaks}, {charger.power_w // 1000} kW"
    )


async def _end_all(children: list[Process]) -> None:
    log.configure("critical", json=False)  # what breaks while everything is taken down is no news
    await asyncio.gather(*(end(process) for process in children))


def _partner(partner: PartnerRole, pace: Pace) -> list[str]:
    named = [f"--role={partner.role}", f"--party={partner.party}", f"--name={partner.name}"]
    return ["simulate", "partner", *named, f"--charging-s={pace.partner_charge_s}", "--until-eof", "--json"]
