"""Rules of client owned objects (4.1.4.2 to 4.1.5), the same for each module: put, read back, patched, refused."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface
from ocpi.paging import with_query
from simulators.conformance.exchange import Exchange
from simulators.conformance.modules.samples import MAKERS
from simulators.conformance.outcomes import Violation
from simulators.conformance.registry import rule
from simulators.conformance.session import Session, expect_code, expect_http, expect_ok, expect_refused, expect_same
from simulators.partner.state import Json

_RECEIVER = Interface.RECEIVER
_CPO, _EMSP = frozenset({"CPO"}), frozenset({"EMSP"})


@dataclass(frozen=True, slots=True)
class Owned:
    """The objects of one module: `optional` may be left out, `required` may not, `change` is what a PATCH says."""

    module: str
    role: frozenset[str]
    sections: tuple[str, str, str]
    """Those of GET, PUT and PATCH (or DELETE) at the receiver."""
    optional: str
    required: str
    change: Json
    name: str = "id"

    def url(self, session: Session, object_id: str) -> str:
        """Where an object of ours stands at the platform."""
        url = session.peer.url(self.module, _RECEIVER, *session.owner, object_id)
        return with_query(url, type="RFID") if self.module == "tokens" else url

    def make(self, session: Session, object_id: str) -> Json:
        """A whole object."""
        return {**MAKERS[self.module](session), self.name: session.id(object_id), "last_updated": session.stamp()}

    async def put(self, session: Session, body: Json) -> Exchange:
        """Send an object."""
        return await session.peer.request("PUT", self.url(session, body[self.name]), body)

    async def get(self, session: Session, object_id: str) -> Exchange:
        """Read it back."""
        return await session.peer.request("GET", self.url(session, object_id))


OWNED = (
    Owned("locations", _CPO, ("8.2.2.1", "8.2.2.2", "8.2.2.3"), "name", "time_zone", {"name": "New name"}),
    Owned("tariffs", _CPO, ("11.2.2.1", "11.2.2.2", "11.2.2.3"), "tariff_alt_url", "currency", {}),
    Owned("sessions", _CPO, ("9.2.2.1", "9.2.2.2", "9.2.2.3"), "meter_id", "currency", {"kwh": 3.5}),
    Owned("tokens", _EMSP, ("12.2.1.1", "12.2.1.2", "12.2.1.3"), "visual_number", "issuer", {"valid": False}, "uid"),
)


async def put_and_get(session: Session, owned: Owned) -> None:
    """What was put is what is read back."""
    body = owned.make(session, "PUT")
    expect_http(expect_ok(await owned.put(session, body)), 200, 201)
    expect_same(body, expect_ok(await owned.get(session, body[owned.name])))


async def get_unknown(session: Session, owned: Owned) -> None:
    """An object that is not there is HTTP 404."""
    expect_http(await owned.get(session, session.id("NOWHERE")), 404)


async def put_replaces(session: Session, owned: Owned) -> None:
    """A field that a second PUT leaves out is gone."""
    body = owned.make(session, "REPLACE")
    expect_ok(await owned.put(session, body))
    later = {name: value for name, value in body.items() if name != owned.optional}
    later["last_updated"] = _later(session)
    expect_ok(await owned.put(session, later))
    held = expect_ok(await owned.get(session, body[owned.name]))
    expect_same(later, held)
    if (held.data or {}).get(owned.optional) is not None:
        raise Violation(f"/{owned.optional} was left out, and is still there", held)


async def required_fields(session: Session, owned: Owned) -> None:
    """An object without a required field is 2001."""
    body = owned.make(session, "LACKING")
    del body[owned.required]
    expect_code(await owned.put(session, body), 2001)


async def unknown_fields(session: Session, owned: Owned) -> None:
    """A field that OCPI does not have is no reason to refuse; a hub passes it on."""
    body = {**owned.make(session, "UNKNOWN"), "x_conformance": {"a": [1]}}
    expect_ok(await owned.put(session, body))
    if session.peer.is_hub:
        expect_same(body, expect_ok(await owned.get(session, body[owned.name])))


async def id_mismatch(session: Session, owned: Owned) -> None:
    """An id that is not the one in the URL is 2001."""
    body = owned.make(session, "OTHER")
    answer = await session.peer.request("PUT", owned.url(session, session.id("URL")), body)
    expect_code(answer, 2001)


async def patch(session: Session, owned: Owned) -> None:
    """A PATCH changes what it names and nothing else."""
    body = owned.make(session, "PATCH")
    expect_ok(await owned.put(session, body))
    change = {**owned.change, "last_updated": _later(session)}
    expect_ok(await session.peer.request("PATCH", owned.url(session, body[owned.name]), change))
    expect_same({**body, **change}, expect_ok(await owned.get(session, body[owned.name])))


async def patch_without_last_updated(session: Session, owned: Owned) -> None:
    """A PATCH without last_updated is 2001."""
    body = owned.make(session, "UNDATED")
    expect_ok(await owned.put(session, body))
    expect_code(await session.peer.request("PATCH", owned.url(session, body[owned.name]), owned.change), 2001)


async def patch_unknown(session: Session, owned: Owned) -> None:
    """A PATCH of an object that is not there is refused, so that the sender knows to PUT it."""
    change = {**owned.change, "last_updated": session.stamp()}
    expect_refused(await session.peer.request("PATCH", owned.url(session, session.id("NOWHERE")), change))


_PUTS: tuple[tuple[str, int | str, str, Callable[[Session, Owned], Any]], ...] = (
    ("put", 1, "are put, and read back as they were sent", put_and_get),
    ("get-unknown", 0, "that are not there are HTTP 404", get_unknown),
    ("put-replaces", "4.1.4.2", "are replaced as a whole by PUT", put_replaces),
    ("required-fields", "5.2", "that lack a required field are refused with 2001", required_fields),
    ("unknown-fields", 1, "with unknown fields are taken; a hub keeps the fields", unknown_fields),
    ("id-mismatch", "4.1.5.1", "under the URL of another are refused with 2001", id_mismatch),
)
_PATCHES: tuple[tuple[str, int | str, str, Callable[[Session, Owned], Any]], ...] = (
    ("patch", 2, "are changed by PATCH in the fields that it names", patch),
    ("patch-undated", "5.2", "are not changed by a PATCH without last_updated: 2001", patch_without_last_updated),
    ("patch-unknown", "4.1.4.3", "that are not there cannot be patched", patch_unknown),
)


def _register(owned: Owned) -> None:
    for name, section, title, check in _PUTS + (_PATCHES if owned.change else ()):

        async def checked(session: Session, check: Any = check) -> None:
            await check(session, owned)

        rule(
            f"{owned.module}.{name}",
            owned.sections[section] if isinstance(section, int) else section,
            f"{owned.module} {title}",
            roles=owned.role,
            needs=((owned.module, _RECEIVER),),
        )(checked)


def _later(session: Session) -> str:
    """A moment after all that was sent so far, though no second may have passed."""
    return format_datetime(session.now() + timedelta(seconds=1))


for _each in OWNED:
    _register(_each)
