"""The control API of a partner: what a test, the demo or a person tells it to do, as JSON over HTTP.

    GET  /control/state
    POST /control/invite                                             → {"versions_url", "token"}
    POST /control/register           {"versions_url", "token"}
    POST /control/renew · /control/unregister
    POST /control/push/{module}      an object                       kept and sent to the hub
    POST /control/patch/{module}     {"path": ["LOC1"], "change"}
    POST /control/delete/{module}    {"id"}
    POST /control/keep/{module}      an object                       kept only
    POST /control/pull/{module}      ?limit= &date_from=             → what the hub lists
    POST /control/tap                {"uid", "kwh"?, "location_id"?, "evse_uid"?}
    POST /control/start-session      {"uid", "location_id", "evse_uid"?, "to"?}  → {"command_id"}
    POST /control/stop-session       {"session_id", "to"?}
    POST /control/unlock             {"location_id", "evse_uid", "connector_id", "to"?}
    POST /control/reserve            {"uid", "location_id", "reservation_id", "evse_uid"?, "for_s"?, "to"?}
    POST /control/cancel-reservation {"reservation_id", "to"?}
    POST /control/withdraw           {"reservation_id"}              as the CPO, of its own accord
    POST /control/set-profile        {"session_id", "profile", "to"?}    null clears it
    POST /control/get-profile        {"session_id", "duration_s"?, "to"?}
    POST /control/preferences        {"session_id", "preferences", "to"?}
    POST /control/faults             {"on": ["slow=2"], "off": ["clock"]}  → what is on
    POST /control/settings           {"authorize_delay_s"?, "charging_s"?, "billing_error"?, "allowed"?}
    POST /control/offline            {"refuse"?, "for_s"?}
    POST /control/online             {} or {"online": false}

What the hub refuses is HTTP 502 with `{"error", "detail"}`; an order that cannot be understood is 422.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ocpi.errors import OcpiError, PeerError
from ocpi.headers import Party
from simulators.partner.partner import Partner
from simulators.partner.state import Json

Order = Callable[[Request, Json], Awaitable[object]]

_MISUNDERSTOOD = (KeyError, ValueError, TypeError, InvalidOperation)


def control_routes(partner: Partner) -> list[BaseRoute]:
    """The routes of the control API."""
    orders = {
        **_connection_orders(partner),
        **_object_orders(partner),
        **_driver_orders(partner),
        **_profile_orders(partner),
    }

    async def state(_: Request) -> Response:
        return JSONResponse(partner.state.as_json())

    return [
        Route("/control/state", state),
        *(Route(f"/control/{path}", _endpoint(order), methods=["POST"]) for path, order in orders.items()),
    ]


def _endpoint(order: Order) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = json.loads(await request.body() or b"{}")
            return JSONResponse(await order(request, body))
        except (OcpiError, PeerError) as error:
            return _problem(error, 502)
        except _MISUNDERSTOOD as error:
            return _problem(error, 422)

    return endpoint


def _problem(error: Exception, status: int) -> Response:
    return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status)


def _connection_orders(partner: Partner) -> dict[str, Order]:
    async def invite(_: Request, asked: Json) -> object:
        return partner.invite()

    async def register(_: Request, asked: Json) -> object:
        await partner.register(asked["versions_url"], asked["token"])
        return {"registered": True}

    async def renew(_: Request, asked: Json) -> object:
        await partner.renew()
        return {"registered": True}

    async def unregister(_: Request, asked: Json) -> object:
        await partner.unregister()
        return {"registered": False}

    async def offline(_: Request, asked: Json) -> object:
        # Not awaited: the door may be the one that this order came in by, and it closes when the order is answered.
        background = asyncio.ensure_future(
            partner.go_away(refuse=bool(asked.get("refuse", False)), for_s=asked.get("for_s"))
        )
        leaving.add(background)
        background.add_done_callback(leaving.discard)
        return {"online": False}

    async def online(request: Request, asked: Json) -> object:
        if asked.get("online") is False:
            return await offline(request, asked)
        await partner.come_back()
        return {"online": True}

    leaving: set[asyncio.Future[None]] = set()
    return {
        "invite": invite,
        "register": register,
        "renew": renew,
        "unregister": unregister,
        "offline": offline,
        "online": online,
    }


def _object_orders(partner: Partner) -> dict[str, Order]:
    async def push(request: Request, asked: Json) -> object:
        await partner.push(request.path_params["module"], asked)
        return {"pushed": True}

    async def patch(request: Request, asked: Json) -> object:
        await partner.patch(request.path_params["module"], asked["path"], asked["change"])
        return {"patched": True}

    async def delete(request: Request, asked: Json) -> object:
        await partner.delete(request.path_params["module"], asked["id"])
        return {"deleted": True}

    async def keep(request: Request, asked: Json) -> object:
        partner.keep(request.path_params["module"], asked)
        return {"kept": True}

    async def pull(request: Request, asked: Json) -> object:
        limit = request.query_params.get("limit")
        return await partner.pull(
            request.path_params["module"],
            limit=int(limit) if limit else None,
            date_from=request.query_params.get("date_from"),
        )

    named = {"push": push, "patch": patch, "delete": delete, "keep": keep, "pull": pull}
    return {f"{name}/{{module}}": order for name, order in named.items()}


def _driver_orders(partner: Partner) -> dict[str, Order]:
    async def tap(_: Request, asked: Json) -> object:
        return await partner.tap(
            asked["uid"],
            kwh=str(asked.get("kwh", "7.5")),
            location_id=asked.get("location_id"),
            evse_uid=asked.get("evse_uid"),
        )

    async def start_session(_: Request, asked: Json) -> object:
        to = _party(asked.get("to"))
        return {
            "command_id": await partner.start_session(asked["uid"], asked["location_id"], asked.get("evse_uid"), to=to)
        }

    async def stop_session(_: Request, asked: Json) -> object:
        return {"command_id": await partner.stop_session(asked["session_id"], to=_party(asked.get("to")))}

    async def unlock(_: Request, asked: Json) -> object:
        place = (asked["location_id"], asked["evse_uid"], asked["connector_id"])
        return {"command_id": await partner.unlock(*place, to=_party(asked.get("to")))}

    async def reserve(_: Request, asked: Json) -> object:
        command_id = await partner.reserve(
            asked["uid"],
            asked["location_id"],
            asked["reservation_id"],
            evse_uid=asked.get("evse_uid"),
            for_s=float(asked.get("for_s", 900)),
            to=_party(asked.get("to")),
        )
        return {"command_id": command_id}

    async def cancel_reservation(_: Request, asked: Json) -> object:
        to = _party(asked.get("to"))
        return {"command_id": await partner.cancel_reservation(asked["reservation_id"], to=to)}

    async def withdraw(_: Request, asked: Json) -> object:
        await partner.chargers.withdraw(asked["reservation_id"])
        return {"withdrawn": True}

    async def settings(_: Request, asked: Json) -> object:
        partner.state.authorize_delay_s = float(asked.get("authorize_delay_s", partner.state.authorize_delay_s))
        partner.charging_s = float(asked.get("charging_s", partner.charging_s))
        partner.billing_error = Decimal(str(asked.get("billing_error", partner.billing_error)))
        partner.state.allowed |= asked.get("allowed", {})
        return {"set": True}

    return {
        "tap": tap,
        "start-session": start_session,
        "stop-session": stop_session,
        "unlock": unlock,
        "reserve": reserve,
        "cancel-reservation": cancel_reservation,
        "withdraw": withdraw,
        "settings": settings,
    }


def _profile_orders(partner: Partner) -> dict[str, Order]:
    async def set_profile(_: Request, asked: Json) -> object:
        to = _party(asked.get("to"))
        return {"command_id": await partner.asking.profile(asked["session_id"], asked["profile"], to=to)}

    async def get_profile(_: Request, asked: Json) -> object:
        duration_s, to = int(asked.get("duration_s", 3600)), _party(asked.get("to"))
        return {"command_id": await partner.asking.active_profile(asked["session_id"], duration_s, to=to)}

    async def preferences(_: Request, asked: Json) -> object:
        to = _party(asked.get("to"))
        return {"answer": await partner.asking.preferences(asked["session_id"], asked["preferences"], to=to)}

    async def faults(_: Request, asked: Json) -> object:
        for name in asked.get("off", []):
            partner.faults.switch_off(name)
        for setting in asked.get("on", []):
            partner.faults.switch_on(setting)
        return partner.faults.values

    return {"set-profile": set_profile, "get-profile": get_profile, "preferences": preferences, "faults": faults}


def _party(key: str | None) -> Party | None:
    """A party that is written `CC*PID`."""
    if key is None:
        return None
    country_code, _, party_id = key.partition("*")
    return Party(country_code, party_id)
