"""Problem documents for every error that leaves an HTTP application of ours (RFC 9457)."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args

from fastapi.exceptions import RequestValidationError
from pydantic_core.core_schema import ErrorType
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.errors import (
    PROBLEM_MEDIA_TYPE,
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    InvalidInput,
    JsonValue,
    MethodNotAllowed,
    NotFound,
    Problem,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    problem_json,
)
from kit.ids import uuid7
from kit.log import correlation_id, get

_MOST_ERRORS = 50
_LONGEST_MESSAGE = 200
_CORRELATION_HEADER = b"x-correlation-id"
_CORRELATION = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

_BY_STATUS: Mapping[int, type[Problem]] = {
    problem.status: problem
    for problem in (
        *(BadRequest, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, Conflict, Gone, TooLarge),
        *(UnsupportedMedia, InvalidInput, Unavailable),
    )
}

# Messages of pydantic that are fixed but for the limits of the model; the others may quote the input.
_QUOTING = frozenset({"value_error", "assertion_error", "union_tag_invalid"})
_FIXED_MESSAGES = frozenset(get_args(ErrorType)) - _QUOTING

log = get("kit.problems")


class CorrelationMiddleware:
    """Binds the caller's `X-Correlation-ID`, or a new one, to everything the request causes, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its correlation id."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _CORRELATION_HEADER), b"")
        identifier = given if _CORRELATION.fullmatch(given) else uuid7().encode()
        # Not reset on leaving: the handler of unknown exceptions runs outside, in the same task, and needs it.
        correlation_id.set(identifier.decode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                if all(name.lower() != _CORRELATION_HEADER for name, _ in headers):
                    message["headers"] = [*headers, (_CORRELATION_HEADER, identifier)]
            await send(message)

        await self._app(scope, receive, send_with_id)


def install_problem_handlers(app: Starlette) -> None:
    """Make every error of this application, unknown ones too, a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unknown)


def problem_response(error: Problem, request: Request) -> JSONResponse:
    """The HTTP answer for an error."""
    document = problem_json(error, request.url.path, correlation_id.get())
    return JSONResponse(document, error.status, error.headers, PROBLEM_MEDIA_TYPE)


def pointer_errors(errors: Sequence[Mapping[str, Any]]) -> list[JsonValue]:
    """Validation errors of pydantic as `{in, pointer, code, message}` without any value of the input.

    `in` is body, query, path, header or cookie; `pointer` a JSON pointer (RFC 6901) into it.
    """
    return [_pointer_error(error) for error in errors[:_MOST_ERRORS]]


def _pointer_error(error: Mapping[str, Any]) -> JsonValue:
    location = [str(part) for part in error["loc"]]
    place, path = (location[0], location[1:]) if location else ("body", [])
    if error["type"] == "json_invalid":
        path = []  # the position in the text, not a path
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    return {
        "in": place,
        "pointer": pointer[:_LONGEST_MESSAGE],
        "code": str(error["type"]),
        "message": _message(error)[:_LONGEST_MESSAGE],
    }


def _message(error: Mapping[str, Any]) -> str:
    message = str(error["msg"])
    if error["type"] in _FIXED_MESSAGES:
        return message
    given = error.get("input")
    quotable = isinstance(given, str | int | float) and str(given) and str(given) not in message
    return message.removeprefix("Value error, ") if quotable else "Not valid"


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101  (Starlette's handlers are typed for any exception)
    if error.status >= 500:
        log.warning("request failed", code=error.code, status=error.status, detail=error.detail)
    return problem_response(error, request)


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return problem_response(InvalidInput(extensions={"errors": pointer_errors(error.errors())}), request)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return problem_response(_from_http_exception(error), request)


async def _on_unknown(request: Request, error: Exception) -> JSONResponse:
    if correlation_id.get() is None:
        correlation_id.set(uuid7())
    log.error("request failed", exc_info=error)
    return problem_response(Problem(), request)


def _from_http_exception(error: HTTPException) -> Problem:
    known = _BY_STATUS.get(error.status_code)
    if known is not None:
        detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else None
        return known(detail, headers=error.headers)
    return OtherStatus(error)


class OtherStatus(Problem):
    """A status that a library chose and for which the house has no error of its own."""

    code = "http_error"

    def __init__(self, error: HTTPException) -> None:
        super().__init__(error.detail, headers=error.headers)
        self.status = error.status_code  # type: ignore[misc]
        self.title = HTTPStatus(error.status_code).phrase  # type: ignore[misc]
