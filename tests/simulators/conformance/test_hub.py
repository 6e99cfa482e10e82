"""Our hub keeps the rules, whoever asks: an eMSP, a CPO, a navigation provider, a smart-charging provider."""

from pathlib import Path

import pytest

from simulators.conformance.run import Options, run, summary
from tests.journeys.network import TARIFF
from tests.journeys.peers import hub_with

pytestmark = pytest.mark.anyio


@pytest.mark.slow
@pytest.mark.parametrize(("role", "at_least"), [("EMSP", 55), ("CPO", 55), ("NSP", 45), ("SCSP", 35)])
async def test_our_hub_keeps_the_rules(tmp_path: Path, migrated_database_url: str, role: str, at_least: int) -> None:
    async with hub_with(tmp_path, migrated_database_url) as network:
        await network.publish()
        await network.send("PUT", "/tariffs/SECOND", TARIFF)
        await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
        await network.send("POST", "/tokens", {"uid": "04AABBCCEE"}, expect=201)
        await network.station()
        body = {"name": "Runner", "roles": [{"role": role, "party": "DE*CFT"}]}
        invitation = await network.send("POST", "/partners/invitations", body, expect=201)
        verdicts = await run(Options(invitation["versions_url"], invitation["token"], role=role, wait_s=5))
        result = summary(verdicts)
        assert [each for each in result["rules"] if each["status"] == "fail"] == []
        assert result["counts"]["pass"] > at_least
