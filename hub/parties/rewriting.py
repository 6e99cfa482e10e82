"""What changes in a message on its way between two partners: the URLs that lead back to one of them, nothing else.

Each partner holds a token for the hub alone, so `response_url`, the `Link` to the next page and the `Location` of a CDR
are exchanged for URLs of ours (`hub.parties.callbacks`). A URL is exchanged only when it lies on its owner's platform:
with our token for that platform we call no other server.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from hub.parties import callbacks
from hub.parties.callbacks import Callback
from hub.parties.directory import Peer
from hub.parties.relay import Relayed
from kit.clock import Clock
from kit.crypto import KeyRing
from ocpi.call import Call
from ocpi.datetimes import parse_datetime
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import InvalidParameters
from ocpi.headers import Party
from ocpi.inplace import JsonMembers
from ocpi.paging import Origin, absolute_url, next_link, origin

PAGE: Final = "hub_page"
"""The parameter of a list's URL that holds the token of a partner's next page."""
CDR_VALIDITY = timedelta(days=3650)
"""As long as somebody may have to show a bill."""

_PASSED_BACK = ("content-type", "x-total-count", "x-limit")
# A URL that every reader takes for the same one: no user, no backslash, nothing that is not ASCII.
_PLAIN_URL = re.compile(
    r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:[/?][\x21\x23-\x3B\x3D\x3F-\x5B\x5D-\x7E]*)?"
)
_PORTS = {"http": 80, "https": 443}
_PROFILE_RESULTS = {
    Verb.GET: "active_profile_result",
    Verb.PUT: "set_profile_result",
    Verb.DELETE: "clear_profile_result",
}
_CDR_POST: HandlerKey = ("cdrs", Interface.RECEIVER, Verb.POST, "list")


@dataclass(frozen=True, slots=True)
class Address:
    """A party and the platform that it lives on."""

    party: Party
    peer: Peer


@dataclass(frozen=True, slots=True)
class Given:
    """A URL of ours that a partner calls: which kind, and its token."""

    kind: str
    token: str


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Exchanges URLs. `base_url` is our OCPI version's, `validity` how long a result may take."""

    keys: KeyRing
    clock: Clock
    base_url: str
    validity: timedelta

    def request(self, call: Call, body: JsonMembers | None, sender: Address, receiver: Address) -> dict[str, str]:
        """The fields of the body or of the query to exchange. Raises `InvalidParameters` for another server's URL."""
        kind = result_kind(call)
        if kind is None:
            return {}
        url = body.text("response_url") if body is not None else call.query.get("response_url", "")
        if not belongs_to(url, sender.peer):
            raise InvalidParameters("/response_url: that URL is not one of your platform")
        until = self._until(body.value("expiry_date") if body is not None else None)
        token = self._token(url, kind, owner=sender, user=receiver, until=until)
        if token is None:
            raise InvalidParameters("/response_url: too long")
        return {"response_url": f"{self.base_url}/sender/{kind}/{token}"}

    def answer_headers(self, call: Call, answer: Relayed, asker: Address, answerer: Address) -> dict[str, str]:
        """The headers that go back to the asker. A `Link` or `Location` that leads off the platform is left out."""
        headers = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
        link = next_link(answer.headers.get("link")) if call.level == "list" and call.verb is Verb.GET else None
        if link is not None:
            kind, until = page_kind(call.module), self.clock.now() + self.validity
            token = self._back(answer.url, link, kind, owner=answerer, user=asker, until=until)
            if token is not None:
                url = f"{self.base_url}/sender/{call.module}?{PAGE}={token}"
                headers["link"] = f'<{url}>; rel="next"'
        location = answer.headers.get("location") if call.key == _CDR_POST else None
        if location is not None:
            until = self.clock.now() + CDR_VALIDITY
            token = self._back(answer.url, location, "cdr", owner=answerer, user=asker, until=until)
            if token is not None:
                owner = asker.party
                headers["location"] = f"{self.base_url}/receiver/cdrs/{owner.country_code}/{owner.party_id}/{token}"
        return headers

    def _until(self, expiry_date: object) -> datetime:
        """A reservation can be cancelled by its CPO as long as it stands."""
        now = self.clock.now()
        try:
            stands_until = parse_datetime(expiry_date) if isinstance(expiry_date, str) else now
            return max(now, stands_until) + self.validity
        except (ValueError, OverflowError):
            return now + self.validity

    def _back(
        self, asked: str, reference: str, kind: str, *, owner: Address, user: Address, until: datetime
    ) -> str | None:
        url = absolute_url(asked, reference)
        if url is None or not belongs_to(url, owner.peer):
            return None
        return self._token(url, kind, owner=owner, user=user, until=until)

    def _token(self, url: str, kind: str, *, owner: Address, user: Address, until: datetime) -> str | None:
        if len(url) > callbacks.LONGEST_URL:
            return None
        return callbacks.sign(
            self.keys,
            Callback(url, owner.party, user.party, until),
            kind=kind,
            owner_platform=owner.peer.id,
            user_platform=user.peer.id,
        )


def result_kind(call: Call) -> str | None:
    """The kind of the result that a request asks to be posted to its `response_url`; None when it has none.

    Results look alike (ChargingProfileResult and ClearProfileResult are the same), so the URL tells them apart.
    """
    if call.interface is not Interface.RECEIVER:
        return None
    if call.module == "commands":
        return f"commands/{call.level}"
    return f"chargingprofiles/{_PROFILE_RESULTS[call.verb]}" if call.module == "chargingprofiles" else None


def page_kind(module: str) -> str:
    """The kind of a URL of the next page of a module's list."""
    return f"{module}?{PAGE}"


def given(call: Call) -> Given | None:
    """The call's URL as one that we may have given out; the token is not looked at."""
    if call.interface is Interface.SENDER:
        if call.module == "commands":
            return Given(f"commands/{call.path['command']}", call.path["uid"])
        if call.module == "chargingprofiles" and call.level in _PROFILE_RESULTS.values():
            return Given(f"chargingprofiles/{call.level}", call.path["uid"])
        if call.level == "list" and PAGE in call.query:
            return Given(page_kind(call.module), call.query[PAGE])
    return Given("cdr", call.path["cdr_id"]) if call.level == "cdr" else None


def belongs_to(url: str, peer: Peer) -> bool:
    """Whether a URL that a partner gave lies on its own platform: where its endpoints or its versions are."""
    plain = _PLAIN_URL.fullmatch(url)
    if plain is None:
        return False
    scheme, host, port = plain.groups()
    found = scheme, host.strip("[]").lower(), int(port) if port else _PORTS[scheme]
    return found in _origins((*peer.endpoints.values(), peer.versions_url or ""))


@lru_cache(maxsize=4096)
def _origins(homes: tuple[str, ...]) -> frozenset[Origin | None]:
    """Partners have few URLs, and each message asks for those of one."""
    return frozenset(map(origin, homes))
