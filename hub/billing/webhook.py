"""Where the payment provider tells us what happened. Stored first, handled later, once."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kit.errors import TooLarge
from kit.tx import Database
from payments.webhooks import LARGEST_BODY, Webhooks

PATH = "/payments/stripe/events"


def door(db: Database, webhooks: Webhooks) -> list[BaseRoute]:
    """The route. It answers 202 whether an event is new or not, and a problem for what is no event of ours."""

    async def take(request: Request) -> Response:
        await webhooks.take(
            db,
            await _body(request),
            signature=request.headers.get("stripe-signature"),
            content_type=request.headers.get("content-type"),
        )
        return Response(status_code=202)

    return [Route(PATH, take, methods=["POST"])]


async def _body(request: Request) -> bytes:
    """The body, of which no more is read than an event may have. Raises `TooLarge`."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise TooLarge
    return body
