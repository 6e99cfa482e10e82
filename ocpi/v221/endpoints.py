"""The endpoints of OCPI 2.2.1, from the section Interfaces and endpoints of each module."""

from ocpi.endpoint import Endpoint, Interface, Module, Parameter, Verb
from ocpi.types import OcpiModel, Role
from ocpi.v221.cdrs import Cdr
from ocpi.v221.charging_profiles import (
    ActiveChargingProfile,
    ActiveChargingProfileResult,
    ChargingProfileResponse,
    ChargingProfileResult,
    ClearProfileResult,
    SetChargingProfile,
)
from ocpi.v221.commands import (
    CancelReservation,
    CommandResponse,
    CommandResult,
    CommandType,
    ReserveNow,
    StartSession,
    StopSession,
    UnlockConnector,
)
from ocpi.v221.credentials import Credentials
from ocpi.v221.hub_client_info import ClientInfo
from ocpi.v221.locations import Connector, Evse, Location
from ocpi.v221.sessions import ChargingPreferences, Session
from ocpi.v221.tariffs import Tariff
from ocpi.v221.tokens import AuthorizationInfo, LocationReferences, Token

CREDENTIALS = Module("credentials", functional=False)
LOCATIONS = Module("locations", owner=Role.CPO)
TARIFFS = Module("tariffs", owner=Role.CPO)
SESSIONS = Module("sessions", owner=Role.CPO)
CDRS = Module("cdrs", owner=Role.CPO)
TOKENS = Module("tokens", owner=Role.EMSP)
COMMANDS = Module("commands")
CHARGING_PROFILES = Module("chargingprofiles")
HUB_CLIENT_INFO = Module("hubclientinfo", owner=Role.HUB, functional=False)

_SENDER, _RECEIVER = Interface.SENDER, Interface.RECEIVER
_OWNER = ("{country_code}", "{party_id}")
_OWNER_IDENTITY = {"country_code": "country_code", "party_id": "party_id"}
_TOKEN_TYPE = Parameter("type")
_RESPONSE_URL = Parameter("response_url", required=True)


def _list_of(module: Module, data: type[OcpiModel], *, date_from_required: bool = False) -> Endpoint:
    return Endpoint(module, _SENDER, Verb.GET, "list", data=data, paged=True, date_from_required=date_from_required)


def _owned(
    module: Module,
    level: str,
    model: type[OcpiModel],
    verbs: tuple[Verb, ...],
    path: tuple[str, ...],
    identity: dict[str, str],
    *,
    query: tuple[Parameter, ...] = (),
    query_identity: dict[str, str] | None = None,
) -> tuple[Endpoint, ...]:
    """The verbs of a client owned object at the receiver (transport and format, section Client Owned Object Push)."""
    return tuple(
        Endpoint(
            module,
            _RECEIVER,
            verb,
            level,
            path=(*_OWNER, *path),
            body=model if verb in (Verb.PUT, Verb.PATCH) else None,
            data=model if verb is Verb.GET else None,
            query=query,
            identity=identity,
            query_identity=query_identity or {},
        )
        for verb in verbs
    )


_LOCATION_PATHS: tuple[tuple[str, type[OcpiModel], tuple[str, ...], dict[str, str]], ...] = (
    ("location", Location, ("{location_id}",), {**_OWNER_IDENTITY, "location_id": "id"}),
    ("evse", Evse, ("{location_id}", "{evse_uid}"), {"evse_uid": "uid"}),
    ("connector", Connector, ("{location_id}", "{evse_uid}", "{connector_id}"), {"connector_id": "id"}),
)

_COMMANDS: dict[CommandType, type[OcpiModel]] = {
    CommandType.CANCEL_RESERVATION: CancelReservation,
    CommandType.RESERVE_NOW: ReserveNow,
    CommandType.START_SESSION: StartSession,
    CommandType.STOP_SESSION: StopSession,
    CommandType.UNLOCK_CONNECTOR: UnlockConnector,
}

# The two result bodies without a profile look alike, so the URL that we hand out says which request it answers.
_PROFILE_RESULTS: dict[str, type[OcpiModel]] = {
    "active_profile_result": ActiveChargingProfileResult,
    "set_profile_result": ChargingProfileResult,
    "clear_profile_result": ClearProfileResult,
}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(CREDENTIALS, _SENDER, Verb.GET, "credentials", data=Credentials),
    Endpoint(CREDENTIALS, _SENDER, Verb.POST, "credentials", body=Credentials, data=Credentials),
    Endpoint(CREDENTIALS, _SENDER, Verb.PUT, "credentials", body=Credentials, data=Credentials),
    Endpoint(CREDENTIALS, _SENDER, Verb.DELETE, "credentials"),
    _list_of(LOCATIONS, Location),
    *(
        Endpoint(LOCATIONS, _SENDER, Verb.GET, level, path=path, data=model)
        for level, model, path, _ in _LOCATION_PATHS
    ),
    *(
        endpoint
        for level, model, path, identity in _LOCATION_PATHS
        for endpoint in _owned(LOCATIONS, level, model, (Verb.GET, Verb.PUT, Verb.PATCH), path, identity)
    ),
    _list_of(TARIFFS, Tariff),
    *_owned(
        TARIFFS,
        "tariff",
        Tariff,
        (Verb.GET, Verb.PUT, Verb.DELETE),
        ("{tariff_id}",),
        {**_OWNER_IDENTITY, "tariff_id": "id"},
    ),
    _list_of(SESSIONS, Session, date_from_required=True),
    Endpoint(
        SESSIONS,
        _SENDER,
        Verb.PUT,
        "charging_preferences",
        path=("{session_id}", "charging_preferences"),
        body=ChargingPreferences,
    ),
    *_owned(
        SESSIONS,
        "session",
        Session,
        (Verb.GET, Verb.PUT, Verb.PATCH),
        ("{session_id}",),
        {**_OWNER_IDENTITY, "session_id": "id"},
    ),
    _list_of(CDRS, Cdr),
    Endpoint(CDRS, _RECEIVER, Verb.POST, "list", body=Cdr),
    # OCPI leaves this URL to the receiver, who returns it as the Location of a POST. Ids are unique for each owner.
    Endpoint(CDRS, _RECEIVER, Verb.GET, "cdr", path=(*_OWNER, "{cdr_id}"), data=Cdr),
    _list_of(TOKENS, Token),
    Endpoint(
        TOKENS,
        _SENDER,
        Verb.POST,
        "authorize",
        path=("{token_uid}", "authorize"),
        body=LocationReferences,
        body_optional=True,
        data=AuthorizationInfo,
        query=(_TOKEN_TYPE,),
    ),
    *_owned(
        TOKENS,
        "token",
        Token,
        (Verb.GET, Verb.PUT, Verb.PATCH),
        ("{token_uid}",),
        {**_OWNER_IDENTITY, "token_uid": "uid"},
        query=(_TOKEN_TYPE,),
        query_identity={"type": "type"},
    ),
    *(
        Endpoint(COMMANDS, _RECEIVER, Verb.POST, command.value, path=(command.value,), body=body, data=CommandResponse)
        for command, body in _COMMANDS.items()
    ),
    Endpoint(
        COMMANDS,
        _SENDER,
        Verb.POST,
        "result",
        path=("{command}", "{uid}"),
        body=CommandResult,
        body_maybe_wrapped=True,
    ),
    Endpoint(
        CHARGING_PROFILES,
        _RECEIVER,
        Verb.GET,
        "profile",
        path=("{session_id}",),
        data=ChargingProfileResponse,
        query=(Parameter("duration", required=True, integer=True), _RESPONSE_URL),
    ),
    Endpoint(
        CHARGING_PROFILES,
        _RECEIVER,
        Verb.PUT,
        "profile",
        path=("{session_id}",),
        body=SetChargingProfile,
        data=ChargingProfileResponse,
    ),
    Endpoint(
        CHARGING_PROFILES,
        _RECEIVER,
        Verb.DELETE,
        "profile",
        path=("{session_id}",),
        data=ChargingProfileResponse,
        query=(_RESPONSE_URL,),
    ),
    Endpoint(
        CHARGING_PROFILES, _SENDER, Verb.PUT, "active_profile", path=("{session_id}",), body=ActiveChargingProfile
    ),
    *(
        Endpoint(
            CHARGING_PROFILES, _SENDER, Verb.POST, level, path=(level, "{uid}"), body=body, body_maybe_wrapped=True
        )
        for level, body in _PROFILE_RESULTS.items()
    ),
    _list_of(HUB_CLIENT_INFO, ClientInfo),
    *_owned(HUB_CLIENT_INFO, "client_info", ClientInfo, (Verb.GET, Verb.PUT), (), _OWNER_IDENTITY),
)
