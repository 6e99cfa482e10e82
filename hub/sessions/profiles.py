"""Charging profiles over OCPI, where one of our own parties is meant; those between partners are only passed on."""

from hub.parties.callers import caller
from hub.sessions.tables import own_session
from kit.tx import Database
from ocpi.call import Answer, Call, Handler
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import NotFound
from ocpi.v221.charging_profiles import ChargingProfileResponse, ChargingProfileResponseType

_RECEIVER, _SENDER = Interface.RECEIVER, Interface.SENDER


class ChargingProfileHandlers:
    """Handlers of the chargingprofiles module.

    Our chargers take no limits from partners, so every request about a session of ours is NOT_SUPPORTED; and our eMSP
    sets no profiles, so nothing waits for a result.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint."""
        return {
            **{
                ("chargingprofiles", _RECEIVER, verb, "profile"): self.refuse
                for verb in (Verb.GET, Verb.PUT, Verb.DELETE)
            },
            ("chargingprofiles", _SENDER, Verb.PUT, "active_profile"): self.unexpected,
            ("chargingprofiles", _SENDER, Verb.POST, "active_profile_result"): self.unexpected,
            ("chargingprofiles", _SENDER, Verb.POST, "set_profile_result"): self.unexpected,
            ("chargingprofiles", _SENDER, Verb.POST, "clear_profile_result"): self.unexpected,
        }

    async def refuse(self, call: Call) -> Answer:
        """A profile is asked for, set or cleared: only the driver's eMSP learns that the session exists."""
        async with self._db.read() as tx:
            session = await own_session(tx, call.path["session_id"])
        is_theirs = session is not None and session.audience in caller(call).viewer.parties
        if session is None or not is_theirs or session.ended_at is not None:
            return _response(ChargingProfileResponseType.UNKNOWN_SESSION)
        return _response(ChargingProfileResponseType.NOT_SUPPORTED)

    async def unexpected(self, call: Call) -> Answer:
        """A result, or the active profile of a session, that nobody here has asked for."""
        raise NotFound("nothing waits for this profile")


def _response(result: ChargingProfileResponseType) -> Answer:
    """An answer after which no result follows: there is nothing to wait for."""
    return Answer.of(ChargingProfileResponse(result=result, timeout=0))
