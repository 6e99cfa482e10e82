"""Who is connected with whom: the handshake from either side, new tokens, and the end of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ocpi.errors import OcpiError, PeerError, PeerRefused
from ocpi.headers import authorization
from simulators.partner.partner import Partner

pytestmark = pytest.mark.anyio

Run = Callable[..., Awaitable[Partner]]


async def status(partner: Partner, path: str, token: str) -> int:
    headers = {"Authorization": authorization(token)}
    return (await partner.http.get(f"{partner.public_url}/ocpi/{path}", headers=headers)).status_code


async def test_each_may_invite_the_other(cpo: Partner, emsp: Partner) -> None:
    for inviting, invited in ((emsp, cpo), (cpo, emsp)):
        invitation = inviting.invite()
        await invited.register(invitation["versions_url"], invitation["token"])
        for one, other in ((cpo, emsp), (emsp, cpo)):
            assert one.state.link is not None
            assert other.state.link is not None
            assert one.state.link.token_out == other.state.link.token_in
            assert [role["party_id"] for role in one.state.link.roles] == [other.party.party_id]
        cpo.state.link = emsp.state.link = None


async def test_a_registration_token_is_good_once_and_for_registration_only(peers: tuple[Partner, Partner]) -> None:
    cpo, emsp = peers
    token = cpo.invite()["token"]
    assert await status(cpo, "versions", token) == 200
    assert await status(cpo, "2.2.1/sender/locations", token) == 401
    assert await status(emsp, "versions", token) == 401
    with pytest.raises((PeerError, OcpiError)):
        await emsp.register(f"{cpo.public_url}/ocpi/versions", "no-such-token")


async def test_who_is_registered_is_told_to_use_put(peers: tuple[Partner, Partner]) -> None:
    cpo, emsp = peers
    invitation = emsp.invite()
    with pytest.raises(PeerRefused) as refused:
        await cpo.register(invitation["versions_url"], invitation["token"])
    assert refused.value.http_status == 405


async def test_renewed_tokens_replace_the_old_ones(peers: tuple[Partner, Partner]) -> None:
    cpo, emsp = peers
    assert cpo.state.link is not None
    old = cpo.state.link.token_out
    await cpo.renew()
    assert cpo.state.link.token_out != old
    assert await status(emsp, "2.2.1/sender/tokens", old) == 401
    assert [token["uid"] for token in await cpo.pull("tokens")] == ["04AABBCC"]
    assert [location["id"] for location in await emsp.pull("locations")] == ["LOC1"]


async def test_after_the_end_nobody_knows_the_other(peers: tuple[Partner, Partner]) -> None:
    cpo, emsp = peers
    await cpo.unregister()
    assert cpo.state.link is None
    assert emsp.state.link is None
    with pytest.raises(PeerError, match="not registered"):
        await cpo.pull("tokens")


async def test_a_role_offers_its_own_modules(run: Run, peers: tuple[Partner, Partner]) -> None:
    cpo, _ = peers
    nsp = await run(role="NSP", party="FR*NSP", name="Map")
    invitation = nsp.invite()
    cpo.state.link = None
    await cpo.register(invitation["versions_url"], invitation["token"])
    assert cpo.state.link is not None
    endpoints = cpo.state.link.endpoints
    offered = {f"{interface.value}/{module}" for module, interface in endpoints if module != "credentials"}
    assert offered == {"RECEIVER/locations", "RECEIVER/tariffs", "RECEIVER/hubclientinfo"}


async def test_a_role_that_is_not_played_is_refused(run: Run) -> None:
    with pytest.raises(KeyError):
        await run(role="NAP", party="FR*XXX", name="Smart")


async def test_the_state_shows_no_secret(peers: tuple[Partner, Partner]) -> None:
    cpo, _ = peers
    assert cpo.state.link is not None
    shown: dict[str, Any] = cpo.state.as_json()
    assert shown["registered"] is True
    assert cpo.state.link.token_in not in str(shown)
    assert cpo.state.link.token_out not in str(shown)
