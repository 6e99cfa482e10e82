"""The OCPI endpoints of a simulated partner, by the role that it plays."""

import asyncio
from collections.abc import Callable

import orjson

from ocpi.call import Answer, Call, Handler
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import MethodNotAllowed, NotFound, TokenNotFound, UnknownLocation
from ocpi.types import OcpiModel
from ocpi.v221.cdrs import Cdr
from ocpi.v221.commands import CommandResult
from ocpi.v221.credentials import Credentials
from ocpi.v221.locations import Location
from ocpi.v221.sessions import Session
from ocpi.v221.tariffs import Tariff
from ocpi.v221.tokens import Token
from simulators.partner.partner import Partner
from simulators.partner.places import LocationShelf
from simulators.partner.shelves import Shelf, remember
from simulators.partner.state import Json

_SENDER, _RECEIVER = Interface.SENDER, Interface.RECEIVER

COMMAND_TIMEOUT_S = 30

Table = dict[HandlerKey, Handler]


class Handlers:
    """Handlers of one partner."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner
        self._state = partner.state
        self._commands: set[asyncio.Task[None]] = set()
        self._locations = LocationShelf(self._state, "locations", Location, party=partner.party)
        self._tariffs = self._shelf("tariffs", Tariff)
        self._tokens = self._shelf("tokens", Token, name="uid")
        self._sessions = self._shelf("sessions", Session)
        self._cdrs = self._shelf("cdrs", Cdr)

    def table(self) -> Table:
        """The handlers by endpoint, for the partner's role. Raises `KeyError` for a role that is not played here."""
        roles: dict[str, Callable[[], Table]] = {
            "CPO": self._of_cpo,
            "EMSP": self._of_emsp,
            "NSP": self._of_nsp,
            "SCSP": self._of_scsp,
            "HUB": self._of_hub,
        }
        return self._of_everybody() | roles[self._partner.role]()

    async def close(self) -> None:
        """Drop the commands that are still carried out."""
        for task in self._commands:
            task.cancel()
        await asyncio.gather(*self._commands, return_exceptions=True)
        await self._partner.profiles.close()

    def _shelf(self, module: str, model: type[OcpiModel], *, name: str = "id") -> Shelf:
        return Shelf(self._state, module, model, party=self._partner.party, name=name)

    def _of_everybody(self) -> Table:
        return {
            ("credentials", _SENDER, Verb.GET, "credentials"): self._credentials,
            ("credentials", _SENDER, Verb.POST, "credentials"): self._register,
            ("credentials", _SENDER, Verb.PUT, "credentials"): self._register,
            ("credentials", _SENDER, Verb.DELETE, "credentials"): self._unregister,
            ("hubclientinfo", _RECEIVER, Verb.GET, "client_info"): self._get_client,
            ("hubclientinfo", _RECEIVER, Verb.PUT, "client_info"): self._put_client,
        }

    def _of_hub(self) -> Table:
        hubbing: Table = {("hubclientinfo", _SENDER, Verb.GET, "list"): self._partner.hubbing.list}
        return self._of_cpo() | self._of_emsp() | hubbing

    def _of_cpo(self) -> Table:
        profiles = self._partner.profiles
        commands: Table = {
            ("commands", _RECEIVER, Verb.POST, name): self._command
            for name in ("START_SESSION", "STOP_SESSION", "UNLOCK_CONNECTOR", "RESERVE_NOW", "CANCEL_RESERVATION")
        }
        return {
            ("locations", _SENDER, Verb.GET, "list"): self._locations.list,
            ("locations", _SENDER, Verb.GET, "location"): self._locations.get,
            ("locations", _SENDER, Verb.GET, "evse"): self._locations.get_part,
            ("locations", _SENDER, Verb.GET, "connector"): self._locations.get_part,
            ("tariffs", _SENDER, Verb.GET, "list"): self._tariffs.list,
            ("sessions", _SENDER, Verb.GET, "list"): self._sessions.list,
            ("cdrs", _SENDER, Verb.GET, "list"): self._cdrs.list,
            ("tokens", _RECEIVER, Verb.GET, "token"): self._tokens.get,
            ("tokens", _RECEIVER, Verb.PUT, "token"): self._tokens.put,
            ("tokens", _RECEIVER, Verb.PATCH, "token"): self._tokens.patch,
            ("sessions", _SENDER, Verb.PUT, "charging_preferences"): profiles.preferences,
            ("chargingprofiles", _RECEIVER, Verb.GET, "profile"): profiles.read,
            ("chargingprofiles", _RECEIVER, Verb.PUT, "profile"): profiles.put,
            ("chargingprofiles", _RECEIVER, Verb.DELETE, "profile"): profiles.delete,
            **commands,
        }

    def _of_nsp(self) -> Table:
        return {
            ("locations", _RECEIVER, Verb.GET, "location"): self._locations.get,
            ("locations", _RECEIVER, Verb.PUT, "location"): self._locations.put,
            ("locations", _RECEIVER, Verb.PATCH, "location"): self._locations.patch,
            **{
                key: handler
                for level in ("evse", "connector")
                for key, handler in {
                    ("locations", _RECEIVER, Verb.GET, level): self._locations.get_part,
                    ("locations", _RECEIVER, Verb.PUT, level): self._locations.put_part,
                    ("locations", _RECEIVER, Verb.PATCH, level): self._locations.patch_part,
                }.items()
            },
            ("tariffs", _RECEIVER, Verb.GET, "tariff"): self._tariffs.get,
            ("tariffs", _RECEIVER, Verb.PUT, "tariff"): self._tariffs.put,
            ("tariffs", _RECEIVER, Verb.DELETE, "tariff"): self._tariffs.delete,
        }

    def _of_emsp(self) -> Table:
        return {
            **self._of_nsp(),
            **self._of_scsp(),
            ("tokens", _SENDER, Verb.GET, "list"): self._tokens.list,
            ("tokens", _SENDER, Verb.POST, "authorize"): self._authorize,
            ("cdrs", _RECEIVER, Verb.POST, "list"): self._post_cdr,
            ("cdrs", _RECEIVER, Verb.GET, "cdr"): self._cdrs.get,
            ("commands", _SENDER, Verb.POST, "result"): self._result,
        }

    def _of_scsp(self) -> Table:
        results: Table = {
            ("chargingprofiles", _SENDER, Verb.POST, level): self._profile_result
            for level in ("active_profile_result", "set_profile_result", "clear_profile_result")
        }
        return {
            ("sessions", _RECEIVER, Verb.GET, "session"): self._sessions.get,
            ("sessions", _RECEIVER, Verb.PUT, "session"): self._sessions.put,
            ("sessions", _RECEIVER, Verb.PATCH, "session"): self._sessions.patch,
            ("chargingprofiles", _SENDER, Verb.PUT, "active_profile"): self._active_profile,
            **results,
        }

    # Who is connected

    async def _credentials(self, call: Call) -> Answer:
        link = self._state.link
        if link is None:
            raise MethodNotAllowed("you are not registered: use POST")
        return Answer.of(self._partner.hub.credentials(link.token_in))

    async def _register(self, call: Call) -> Answer:
        registered = self._state.link is not None
        if registered and call.verb is Verb.POST:
            raise MethodNotAllowed("you are registered already: use PUT")
        if not registered and call.verb is Verb.PUT:
            raise MethodNotAllowed("you are not registered: use POST")
        return Answer.of(await self._partner.hub.be_registered(call.model(Credentials)))

    async def _unregister(self, call: Call) -> Answer:
        if self._state.link is None:
            raise MethodNotAllowed("you are not registered")
        self._state.link = None
        return Answer()

    async def _get_client(self, call: Call) -> Answer:
        owner = f"{call.owner}*".upper()
        found = [info for key, info in self._state.clients.items() if key.upper().startswith(owner)]
        if not found:
            raise NotFound("send it with PUT first")
        return Answer(orjson.dumps(found[0]))

    async def _put_client(self, call: Call) -> Answer:
        body = remember(self._state, call)
        self._state.clients[f"{body['country_code']}*{body['party_id']}*{body['role']}"] = body
        return Answer()

    # What the hub tells an eMSP

    async def _post_cdr(self, call: Call) -> Answer:
        """A CDR is kept as it came first: nothing replaces it."""
        body = remember(self._state, call)
        is_new = body["id"] not in self._state.cdrs
        self._state.cdrs.setdefault(body["id"], body)
        owner = f"{body['country_code']}/{body['party_id']}"
        location = f"{self._partner.public_url}/ocpi/2.2.1/receiver/cdrs/{owner}/{body['id']}"
        return Answer(http_status=201 if is_new else 200, headers={"Location": location}, sender=self._partner.party)

    # What an eMSP is asked

    async def _authorize(self, call: Call) -> Answer:
        """Real-time authorization: a token that we know is allowed while it is valid, unless `allowed` says else."""
        self._state.authorizations += 1
        self._state.asked_under.append(call.headers.correlation_id)
        await self._partner.clock.sleep(self._state.authorize_delay_s)
        token = self._state.tokens.get(call.path["token_uid"])
        if token is None:
            raise TokenNotFound
        allowed = self._state.allowed.get(token["uid"], "ALLOWED" if token["valid"] else "BLOCKED")
        info: Json = {"allowed": allowed, "token": token}
        if allowed == "ALLOWED":
            info["authorization_reference"] = f"AUTH-{self._state.authorizations}"
        return Answer(orjson.dumps(info), sender=self._partner.party)

    async def _result(self, call: Call) -> Answer:
        remember(self._state, call)
        result = call.model(CommandResult)
        self._state.results[call.path["uid"]] = {"command": call.path["command"], "result": str(result.result)}
        return Answer(sender=self._partner.party)

    async def _profile_result(self, call: Call) -> Answer:
        body = remember(self._state, call)
        self._state.results[call.path["uid"]] = {"command": call.level, **body}
        return Answer(sender=self._partner.party)

    async def _active_profile(self, call: Call) -> Answer:
        self._state.profiles[call.path["session_id"]] = remember(self._state, call)
        return Answer(sender=self._partner.party)

    # What a CPO is asked

    async def _command(self, call: Call) -> Answer:
        """Answered at once and carried out afterwards, as a CPO with real chargers does."""
        body = remember(self._state, call)
        response = self._response(call.level, body)
        if response == "ACCEPTED":
            task = asyncio.create_task(self._partner.chargers.carry_out(call.level, body, call.headers))
            self._commands.add(task)
            task.add_done_callback(self._commands.discard)
        return Answer(orjson.dumps({"result": response, "timeout": COMMAND_TIMEOUT_S}), sender=self._partner.party)

    def _response(self, command: str, body: Json) -> str:
        if command == "CANCEL_RESERVATION":
            return "ACCEPTED"
        if command == "STOP_SESSION":
            return "ACCEPTED" if self._partner.chargers.is_active(body["session_id"]) else "UNKNOWN_SESSION"
        try:
            self._partner.chargers.place(body["location_id"], body.get("evse_uid"))
        except KeyError:
            raise UnknownLocation from None
        return "ACCEPTED"
