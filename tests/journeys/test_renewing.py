"""What we do about a registration of our own accord: renew it, end it, withdraw an invitation."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response

from kit.clock import ManualClock
from ocpi.headers import authorization
from simulators.partner.partner import Partner
from tests.journeys.network import Network
from tests.journeys.peers import Ocpi, Seen, Stranger, credentials, hub_with, success
from tests.journeys.registering import FUNCTIONAL, invited, registered, status_of, stored

pytestmark = pytest.mark.anyio


async def id_of(network: Network) -> str:
    [partner] = await network.get("/partners")
    return str(partner["id"])


def tokens(partner: Partner) -> tuple[str, str]:
    """What it presents, and what we present to it."""
    assert partner.state.link is not None
    return partner.state.link.token_out, partner.state.link.token_in


async def test_both_tokens_change_and_the_partner_goes_on_with_the_new_ones(network: Network) -> None:
    partner = await network.partner("EMSP", "DE*EMS")
    (theirs, ours), before = tokens(partner), await stored(network)

    answer = await network.send("POST", f"/partners/{await id_of(network)}/renewal", None)

    assert answer["status"] == "CONNECTED"
    assert tokens(partner)[0] != theirs
    assert tokens(partner)[1] != ours
    assert await Ocpi.of(network, partner).code("GET", FUNCTIONAL) == (200, 1000)
    assert await Ocpi.with_token(network, partner.http, theirs).code("GET", FUNCTIONAL) == (401, 2000)
    assert await stored(network) == before
    await network.send("POST", f"/partners/{await id_of(network)}/renewal", None)


async def test_the_old_token_has_a_short_grace(
    tmp_path: Path, migrated_database_url: str, http: httpx.AsyncClient, other: Stranger
) -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    async with hub_with(tmp_path, migrated_database_url, clock=clock, old_token_grace_s=60) as network:
        before = await registered(network, http, other, "EMSP:DE*EMS")
        other.replies["/credentials"] = lambda _: success(credentials(f"{other.url}/versions", "EMSP:DE*EMS"))
        await network.send("POST", f"/partners/{await id_of(network)}/renewal", None)
        assert await before.code("GET", FUNCTIONAL) == (200, 1000)
        clock.advance(61)
        assert await before.code("GET", FUNCTIONAL) == (401, 2000)


async def test_a_partner_that_refuses_keeps_its_tokens(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    before = await registered(network, http, other, "EMSP:DE*EMS")
    other.replies["/credentials"] = lambda _: success(code=2001)
    as_it_was = await stored(network)

    refused = await network.send("POST", f"/partners/{await id_of(network)}/renewal", None, expect=502)

    assert "does not renew" in refused["detail"]
    assert await stored(network) == as_it_was
    assert await before.code("GET", FUNCTIONAL) == (200, 1000)


async def test_an_answer_that_is_lost_leaves_both_our_tokens_good(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    before = await registered(network, http, other, "EMSP:DE*EMS")
    other.replies["/credentials"] = lambda _: success(status=503, code=3000)

    lost = await network.send("POST", f"/partners/{await id_of(network)}/renewal", None, expect=502)

    assert "or not" in lost["detail"]
    sent = next(seen for seen in reversed(other.seen) if seen.path == "/credentials")
    fresh = httpx.Response(200, content=sent.body).json()["token"]
    assert await before.code("GET", FUNCTIONAL) == (200, 1000)
    assert await Ocpi.with_token(network, http, fresh).code("GET", FUNCTIONAL) == (200, 1000)


async def test_a_partner_that_cannot_be_asked_was_told_nothing(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    await registered(network, http, other, "EMSP:DE*EMS")
    as_it_was = await stored(network)
    other.replies.clear()
    away = await network.send("POST", f"/partners/{await id_of(network)}/renewal", None, expect=502)
    assert "cannot be asked" in away["detail"]
    assert await stored(network) == as_it_was, "no token that nobody knows stays good"


async def test_a_partner_that_takes_a_second_post_instead_is_remembered_for_it(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    await registered(network, http, other, "EMSP:DE*EMS")

    def answer(seen: Seen) -> Response:
        if seen.method == "PUT":
            return success(status=405, code=2000)
        return success(credentials(f"{other.url}/versions", "EMSP:DE*EMS", token="OUR-TOKEN-2"))

    other.replies["/credentials"] = answer
    platform_id = await id_of(network)
    for _ in range(2):
        await network.send("POST", f"/partners/{platform_id}/renewal", None)

    sent = [seen.method for seen in other.seen if seen.path == "/credentials"]
    assert sent == ["PUT", "POST", "POST"]
    assert other.seen[-1].headers["authorization"] == authorization("OUR-TOKEN-2")
    quirks = {each["name"]: each["value"] for each in await network.get(f"/partners/{platform_id}/quirks")}
    assert quirks["registers_again"] is True


async def test_roles_that_a_partner_may_not_have_do_not_cost_us_its_token(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    await registered(network, http, other, "EMSP:DE*EMS")
    greedy = credentials(f"{other.url}/versions", "CPO:BE*CPO", token="OUR-TOKEN-2")
    other.replies["/credentials"] = lambda _: success(greedy)

    refused = await network.send("POST", f"/partners/{await id_of(network)}/renewal", None, expect=502)

    assert "its roles stay as they were" in refused["detail"]
    [partner] = await network.get("/partners")
    assert [party["party"] for party in partner["parties"]] == ["DE*EMS"]
    other.replies["/credentials"] = lambda _: success(credentials(f"{other.url}/versions", "EMSP:DE*EMS"))
    await network.send("POST", f"/partners/{partner['id']}/renewal", None)
    sent = [seen for seen in other.seen if seen.path == "/credentials"]
    assert sent[-1].headers["authorization"] == authorization("OUR-TOKEN-2")


async def test_a_registration_ends_on_both_sides(network: Network) -> None:
    partner = await network.partner("EMSP", "DE*EMS")
    before, platform_id = Ocpi.of(network, partner), await id_of(network)

    ended = await network.send("DELETE", f"/partners/{platform_id}", None)

    assert ended == {"partner_took_note": True}
    assert partner.state.link is None
    assert await before.code("GET", FUNCTIONAL) == (401, 2000)
    assert await status_of(network, platform_id) == "SUSPENDED"
    await network.send("DELETE", f"/partners/{platform_id}", None, expect=409)
    await network.send("POST", f"/partners/{platform_id}/renewal", None, expect=409)


async def test_a_registration_ends_although_the_partner_is_away(
    network: Network, http: httpx.AsyncClient, other: Stranger
) -> None:
    before = await registered(network, http, other, "EMSP:DE*EMS")
    other.replies.clear()
    ended = await network.send("DELETE", f"/partners/{await id_of(network)}", None)
    assert ended == {"partner_took_note": False}
    assert await before.code("GET", FUNCTIONAL) == (401, 2000)


async def test_an_invitation_is_withdrawn(network: Network, http: httpx.AsyncClient, other: Stranger) -> None:
    platform_id, invitee = await invited(network, http, "EMSP:DE*EMS")
    assert await network.send("DELETE", f"/partners/{platform_id}", None) == {"partner_took_note": False}
    mine = credentials(f"{other.url}/versions", "EMSP:DE*EMS")
    assert await invitee.code("POST", "credentials", mine) == (401, 2000)
    assert await stored(network) == {"Platform": 0, "PlatformToken": 0, "Cursor": 0, "PartyRow": 0}


async def test_nobody_else_may_renew_or_end(network: Network, http: httpx.AsyncClient) -> None:
    base = f"{network.up.http_url}/api/operator/v1/partners/x"
    assert (await http.post(f"{base}/renewal")).status_code == 401
    assert (await http.delete(base)).status_code == 401
    await network.send("POST", "/partners/none/renewal", None, expect=404)
    await network.send("DELETE", "/partners/none", None, expect=404)
