"""Faults of single answers: late, refused, broken, or without what belongs into them."""

from typing import Any

from ocpi.datetimes import format_datetime
from ocpi.headers import authorization
from simulators.partner.faults.exchange import Asked, Fault, Next, Told
from simulators.partner.faults.scene import Scene, shifted, with_stamps

_ROUTING = ("ocpi_to_party_id", "ocpi_to_country_code", "ocpi_from_party_id", "ocpi_from_country_code")


def slow(value: str, scene: Scene) -> Fault:
    """Each answer is late by so many seconds."""
    seconds = float(value)

    async def fault(asked: Asked, following: Next) -> Told:
        await scene.clock.sleep(seconds)
        return await following(asked)

    return fault


def rate_limited(value: str, scene: Scene) -> Fault:
    """No more than so many requests in a second: 429 with Retry-After for the others."""
    limit, recent = int(value), list[float]()

    async def fault(asked: Asked, following: Next) -> Told:
        now = scene.clock.monotonic()
        recent[:] = [at for at in recent if at > now - 1]
        if len(recent) >= limit:
            return Told.of(429, _refusal(scene, "too many requests"), **{"retry-after": "1"})
        recent.append(now)
        return await following(asked)

    return fault


def server_errors(value: str, scene: Scene) -> Fault:
    """So large a part of the requests ends in a 500, by a chance that is the same in each run."""
    share = float(value)

    async def fault(asked: Asked, following: Next) -> Told:
        return Told.of(500) if scene.chance.random() < share else await following(asked)

    return fault


def missing_field(value: str, scene: Scene) -> Fault:
    """The objects in answers lack a field."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        document = told.document()
        if not isinstance(document, dict) or "data" not in document or _is_configuration(asked):
            return told
        return told.with_document({**document, "data": _without(document["data"], value)})

    return fault


def truncated(value: str, scene: Scene) -> Fault:
    """Answers of functional modules end in the middle."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        return told if _is_configuration(asked) else Told(told.status, told.headers, told.body[: len(told.body) // 2])

    return fault


def no_envelope(value: str, scene: Scene) -> Fault:
    """The bare data instead of the envelope."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        document = told.document()
        if not isinstance(document, dict) or _is_configuration(asked):
            return told
        return told.with_document(document.get("data"))

    return fault


def no_data(value: str, scene: Scene) -> Fault:
    """An envelope without data, as if there were nothing to say."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        document = told.document()
        if not isinstance(document, dict) or _is_configuration(asked):
            return told
        return told.with_document({name: each for name, each in document.items() if name != "data"})

    return fault


def no_routing_headers(value: str, scene: Scene) -> Fault:
    """Answers do not say whom they are from and for."""

    async def fault(asked: Asked, following: Next) -> Told:
        return (await following(asked)).with_headers(**dict.fromkeys(_ROUTING))

    return fault


def slash_redirect(value: str, scene: Scene) -> Fault:
    """A redirect to the same path with a slash at its end."""

    async def fault(asked: Asked, following: Next) -> Told:
        if asked.path.endswith("/"):
            return await following(asked)
        target = f"{asked.path}/" + (f"?{asked.query}" if asked.query else "")
        return Told.of(307, location=target)

    return fault


def clock(value: str, scene: Scene) -> Fault:
    """All time stamps in answers are off by so many seconds."""
    seconds = float(value)

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        return told.with_document(shifted(told.document(), seconds))

    return fault


def naive_dates(value: str, scene: Scene) -> Fault:
    """Time stamps lack their Z, which OCPI permits."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        return told.with_document(with_stamps(told.document(), lambda text: text.removesuffix("Z")))

    return fault


def offset_dates(value: str, scene: Scene) -> Fault:
    """Time stamps carry an offset, which OCPI forbids."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        return told.with_document(with_stamps(told.document(), lambda text: text.removesuffix("Z") + "+00:00"))

    return fault


def refuses_every_token(value: str, scene: Scene) -> Fault:
    """401 for everybody, whatever the token."""

    async def fault(asked: Asked, following: Next) -> Told:
        return await following(asked.changed(headers={**asked.headers, "authorization": "Token bm9ib2R5"}))

    return fault


def accepts_any_token(value: str, scene: Scene) -> Fault:
    """Everybody is taken for the registered partner, with and without a token."""

    async def fault(asked: Asked, following: Next) -> Told:
        link = scene.state.link
        if link is not None:
            asked = asked.changed(headers={**asked.headers, "authorization": authorization(link.token_in)})
        return await following(asked)

    return fault


def forbidden(value: str, scene: Scene) -> Fault:
    """403 where 401 belongs."""

    async def fault(asked: Asked, following: Next) -> Told:
        told = await following(asked)
        return Told(403, told.headers, told.body) if told.status == 401 else told

    return fault


def registers_twice(value: str, scene: Scene) -> Fault:
    """A POST of credentials by one who is registered is answered 200, with new tokens."""

    async def fault(asked: Asked, following: Next) -> Told:
        is_again = scene.state.link is not None and asked.method == "POST" and asked.path.endswith("/credentials")
        return await following(asked.changed(method="PUT") if is_again else asked)

    return fault


def _is_configuration(asked: Asked) -> bool:
    """Whether a request belongs to the handshake, without which nothing else can be seen to be broken."""
    return "/credentials" in asked.path or not ("/sender/" in asked.path or "/receiver/" in asked.path)


def _without(data: Any, name: str) -> Any:
    if isinstance(data, list):
        return [_without(each, name) for each in data]
    return {key: value for key, value in data.items() if key != name} if isinstance(data, dict) else data


def _refusal(scene: Scene, message: str) -> dict[str, object]:
    return {"status_code": 2000, "status_message": message, "timestamp": format_datetime(scene.clock.now())}
