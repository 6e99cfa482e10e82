"""Rules of the tariffs module (chapter 11) besides those of lists and of whole objects."""

from ocpi.endpoint import Interface
from simulators.conformance.modules import samples
from simulators.conformance.registry import rule
from simulators.conformance.session import Session, expect_http, expect_ok


@rule(
    "tariffs.delete",
    "11.2.2.3",
    "a tariff that was deleted is gone",
    roles=frozenset({"CPO"}),
    needs=(("tariffs", Interface.RECEIVER),),
)
async def delete(session: Session) -> None:
    tariff = {**samples.tariff(session), "id": session.id("DELETE")}
    url = session.peer.url("tariffs", Interface.RECEIVER, *session.owner, tariff["id"])
    expect_ok(await session.peer.request("PUT", url, tariff))
    expect_ok(await session.peer.request("DELETE", url))
    expect_http(await session.peer.request("GET", url), 404)
