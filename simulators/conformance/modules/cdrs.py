"""Rules of the CDRs module (chapter 10) besides those of its list."""

from typing import Any

from ocpi.endpoint import Interface
from simulators.conformance.exchange import Exchange
from simulators.conformance.modules import samples
from simulators.conformance.outcomes import Violation
from simulators.conformance.registry import rule
from simulators.conformance.session import Session, expect_code, expect_ok, expect_same

_RECEIVER = (("cdrs", Interface.RECEIVER),)
_CPO = frozenset({"CPO"})


@rule("cdrs.post", "10.2.2.2", "a CDR is posted, and read back at its Location", roles=_CPO, needs=_RECEIVER)
async def post(session: Session) -> None:
    body = samples.cdr(session, "CDR")
    answer = expect_ok(await _post(session, body))
    expect_same(body, expect_ok(await session.peer.request("GET", _location(answer))))


@rule(
    "cdrs.required-fields", "5.2", "a CDR that lacks a required field is refused with 2001", roles=_CPO, needs=_RECEIVER
)
async def required_fields(session: Session) -> None:
    body = samples.cdr(session, "LACKING")
    del body["currency"]
    expect_code(await _post(session, body), 2001)


@rule("cdrs.immutable", "10.2.2.2", "a CDR that was posted never changes", roles=_CPO, needs=_RECEIVER)
async def immutable(session: Session) -> None:
    body = samples.cdr(session, "FIXED")
    answer = expect_ok(await _post(session, body))
    await _post(session, {**body, "total_energy": 99.5, "last_updated": session.stamp()})
    expect_same(body, expect_ok(await session.peer.request("GET", _location(answer))))


async def _post(session: Session, body: dict[str, Any]) -> Exchange:
    return await session.peer.request("POST", session.peer.url("cdrs", Interface.RECEIVER), body)


def _location(answer: Exchange) -> str:
    location = answer.headers.get("location")
    if location is None:
        raise Violation("the answer has no Location", answer)
    return str(location)
