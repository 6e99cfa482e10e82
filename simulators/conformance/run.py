"""One run: our side is started, the rules are tested stage by stage, and the platform is left as it was found."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from kit.ids import uuid7
from simulators.conformance.exchange import Exchange
from simulators.conformance.modules import in_order
from simulators.conformance.outcomes import NotApplicable, Skipped, Violation
from simulators.conformance.peer import Peer, Unreachable
from simulators.conformance.registry import Rule, Stage, Status, Verdict
from simulators.conformance.session import Session
from simulators.partner.server import running_partner

ROLES = ("CPO", "EMSP", "NSP", "SCSP")


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is told. `role` and `party` are ours; `location_id` and `token_uid` the platform's."""

    versions_url: str
    token: str
    role: str = "EMSP"
    party: str = "DE*CFT"
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str | None = None
    location_id: str | None = None
    token_uid: str | None = None
    keep: bool = False
    wait_s: float = 10.0
    timeout_s: float = 30.0


async def run(options: Options) -> list[Verdict]:
    """Test every rule; the verdicts in the order of the tests."""
    async with AsyncExitStack() as stack:
        us = await stack.enter_async_context(
            running_partner(
                role=options.role,
                party=options.party,
                name="Conformance runner",
                host=options.host,
                port=options.port,
                public_url=options.public_url,
            )
        )
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=options.timeout_s))
        peer = Peer(http, us.clock, us.party, options.token, options.versions_url)
        session = Session(
            peer,
            us,
            options.role,
            uuid7()[-8:],
            options.location_id,
            options.token_uid,
            options.wait_s,
        )
        return [await _tested(rule, session, keep=options.keep) for rule in in_order()]


def passed(verdicts: Sequence[Verdict]) -> bool:
    """Whether nothing failed, and something was tested at all."""
    statuses = {verdict.status for verdict in verdicts}
    return Status.FAIL not in statuses and Status.PASS in statuses


def summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """All verdicts as one JSON document."""
    counts = {status.value: sum(verdict.status is status for verdict in verdicts) for status in Status}
    return {"passed": passed(verdicts), "counts": counts, "rules": [verdict.as_json() for verdict in verdicts]}


async def _tested(rule: Rule, session: Session, *, keep: bool) -> Verdict:
    before = len(session.peer.exchanges)
    try:
        _applies(rule, session, keep=keep)
        await rule.check(session)
    except Violation as error:
        return Verdict(rule, Status.FAIL, str(error), error.exchange or _latest(session, before))
    except NotApplicable as error:
        return Verdict(rule, Status.NOT_APPLICABLE, str(error))
    except Skipped as error:
        return Verdict(rule, Status.SKIPPED, str(error))
    except Unreachable as error:
        return Verdict(rule, Status.FAIL, f"no answer: {error}", _latest(session, before))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # What the platform sent is not of the shape that the rule reads; the answer shows how.
        what = f"the answer cannot be read: {type(error).__name__} {error}"
        return Verdict(rule, Status.FAIL, what, _latest(session, before))
    return Verdict(rule, Status.PASS)


def _applies(rule: Rule, session: Session, *, keep: bool) -> None:
    """Raises `NotApplicable` or `Skipped` where a rule is not for this run."""
    if rule.stage is Stage.REVIEW:
        return
    if session.role not in rule.roles:
        raise NotApplicable(f"it is for {', '.join(sorted(rule.roles))}; we are {session.role}")
    needs_registration = rule.stage is not Stage.INVITED and rule.id not in ("credentials.post", "credentials.deleted")
    if needs_registration and session.us.state.link is None:
        raise Skipped("we are not registered")
    if rule.stage is Stage.LEAVING and keep:
        raise Skipped("the registration is kept")
    missing = [f"{module} {side}" for module, side in rule.needs if (module, side) not in session.peer.endpoints]
    if missing:
        raise NotApplicable(f"the platform has no {', '.join(missing)}")


def _latest(session: Session, before: int) -> Exchange | None:
    return session.peer.exchanges[-1] if len(session.peer.exchanges) > before else None
