"""The simulated partners keep the rules, and each fault of theirs is found by the rules that it breaks."""

from collections import Counter
from typing import Any

import pytest

from simulators.conformance.run import Options, passed, run, summary
from simulators.partner.faults.catalog import descriptions
from simulators.partner.server import running_partner

pytestmark = pytest.mark.anyio


async def run_against(peer_role: str, role: str, *faults: str, **options: Any) -> dict[str, Any]:
    """The summary of a run in a role against a simulated partner in another."""
    async with running_partner(
        role=peer_role, party="NL*PEE", name="Peer", charging_s=2.0, sample_count=5, faults=faults
    ) as peer:
        invitation = peer.invite()
        verdicts = await run(
            Options(invitation["versions_url"], invitation["token"], role=role, **{"wait_s": 2.0, **options})
        )
        assert passed(verdicts) == summary(verdicts)["passed"]
        if not options.get("keep"):
            assert peer.state.link is None or faults
        return summary(verdicts)


def broken(result: dict[str, Any]) -> set[str]:
    return {each["id"] for each in result["rules"] if each["status"] == "fail"}


@pytest.mark.parametrize(("peer_role", "role"), [("CPO", "EMSP"), ("EMSP", "CPO"), ("HUB", "EMSP"), ("HUB", "CPO")])
async def test_a_simulated_partner_keeps_the_rules(peer_role: str, role: str) -> None:
    result = await run_against(peer_role, role)
    assert broken(result) == set()
    assert result["passed"]
    assert Counter(each["status"] for each in result["rules"])["pass"] > 55


ONE_CHARGE = {
    *(f"commands.{name}" for name in ("start", "stop", "cdr", "reserve", "cancel")),
    *(f"chargingprofiles.{name}" for name in ("set", "active", "clear")),
    *(f"{module}.{name}" for module in ("sessions", "cdrs") for name in ("valid", "date-filters", "paging")),
    "sessions.preferences",
}


async def test_a_run_charges_and_tries_all_that_a_charger_can_do() -> None:
    result = await run_against("CPO", "EMSP")
    assert {each["id"] for each in result["rules"] if each["status"] == "pass"} >= ONE_CHARGE


async def test_a_registration_can_be_kept() -> None:
    result = await run_against("EMSP", "CPO", keep=True)
    assert [each["status"] for each in result["rules"] if each["id"].startswith("credentials.delete")] == [
        "pass",
        "skipped",
        "skipped",
    ]


async def test_a_platform_that_is_not_there_fails_at_once() -> None:
    verdicts = await run(Options("http://127.0.0.1:9/ocpi/versions", "token", role="EMSP"))
    assert not passed(verdicts)
    assert {each["status"] for each in summary(verdicts)["rules"]} <= {"fail", "skipped", "not applicable"}


LISTS = ("locations", "tariffs", "sessions", "cdrs")


def of_lists(*names: str, modules: tuple[str, ...] = LISTS) -> set[str]:
    return {f"{module}.{name}" for module in modules for name in names}


READ_BACK = {"tokens.put", "tokens.put-replaces", "tokens.patch"}
REFUSALS = {
    "sessions.date-from",
    "tokens.required-fields",
    "tokens.id-mismatch",
    "tokens.patch-undated",
    "commands.required-fields",
    "chargingprofiles.required-fields",
}
STRANGERS = {
    "credentials.token-a-ends",
    "credentials.old-token-ends",
    "transport.token-missing",
    "transport.token-unknown",
}
FAULTS: dict[str, set[str]] = {
    "slow=0.005": set(),
    "rate-limited=60": set(),
    "naive-dates": set(),
    "slash-redirect": set(),
    "server-errors=0.1": {"transport.no-server-errors"},
    "refuses-every-token": {
        "versions.list",
        "versions.details",
        "credentials.put-unregistered",
        "credentials.delete-unregistered",
        "credentials.post",
    },
    "accepts-any-token": STRANGERS,
    "forbidden": STRANGERS | {"credentials.registration-token"},
    "registers-twice": {"credentials.post-registered"},
    "missing-field": of_lists("valid") | READ_BACK | {"locations.get"},
    "no-data": of_lists("list") | READ_BACK | {"chargingprofiles.unknown-session"},
    "no-envelope": REFUSALS | {"transport.json", "transport.envelope"},
    "truncated": of_lists("list") | READ_BACK | REFUSALS | {"chargingprofiles.unknown-session", "transport.json"},
    "no-routing-headers": {"transport.routing-headers"},
    "clock": of_lists("last-updated", "date-filters") | READ_BACK | {"transport.timestamps", "pushes.clock"},
    "offset-dates": of_lists("last-updated") | {"transport.timestamps"},
    "link-loop": of_lists("page-links"),
    "link-foreign": of_lists("page-links"),
    "link-missing": of_lists("page-links"),
    "wrong-total": of_lists("total-count"),
    "repeats-objects": of_lists("page-links", "paging"),
    "skips-objects": of_lists("paging"),
    "ignores-filters": of_lists("date-filters", "page-links", modules=("locations", "tariffs", "cdrs")),
    "replayed": {"pushes.once"},
    "old-states": {"pushes.in-order"},
}
"""The rules that each fault breaks, and no others."""


def test_every_fault_is_tried() -> None:
    assert {fault.partition("=")[0] for fault in FAULTS} == set(descriptions())


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_breaks_its_rules_and_no_others(fault: str) -> None:
    result = await run_against("CPO", "EMSP", fault)
    assert broken(result) == FAULTS[fault]
    shown = [each for each in result["rules"] if each["status"] == "fail"]
    assert all(each["detail"] for each in shown)
