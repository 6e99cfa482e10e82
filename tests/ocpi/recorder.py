"""A handler that remembers, and what the tests of the router send it."""

import json
from pathlib import Path

from ocpi.call import Answer, Call, Handler, ListAnswer
from ocpi.endpoint import HandlerKey, Interface, Verb

GOLDEN = Path(__file__).parent.parent / "golden" / "ocpi-2.2.1"
LOCATION = json.loads((GOLDEN / "locations_location_1.json").read_text())
CDR = (GOLDEN / "cdrs_cdr_1.json").read_bytes()
TOKEN = json.loads((GOLDEN / "tokens_token_1.json").read_text())

AUTH = {"Authorization": "Token c2VjcmV0LXRva2Vu"}
RECEIVER, SENDER = Interface.RECEIVER, Interface.SENDER
LOCATION_URL = "/ocpi/2.2.1/receiver/locations/BE/BEC/LOC1"


class Recorder:
    """A handler that remembers its calls and gives one answer."""

    def __init__(self, answer: Answer | ListAnswer | Exception | None = None) -> None:
        self.answer = answer or Answer()
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> Answer | ListAnswer:
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def call(self) -> Call:
        return self.calls[-1]


def location_handlers(handler: Handler) -> dict[HandlerKey, Handler]:
    return {
        ("locations", RECEIVER, verb, level): handler
        for verb in (Verb.GET, Verb.PUT, Verb.PATCH)
        for level in ("location", "evse", "connector")
    }
