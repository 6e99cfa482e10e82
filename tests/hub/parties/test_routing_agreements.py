"""Routing and agreements: who may not meet, and single locations and tariffs that are excepted."""

from dataclasses import replace

import pytest

from hub.parties.agreements import ANY, Agreements, Term
from hub.parties.routing import (
    DRIVER_MODULES,
    UNKNOWN_LOCATION,
    Broadcast,
    Forward,
    Local,
    Parties,
    Refuse,
    RoutingRequest,
    decide,
)
from ocpi.endpoint import Interface
from ocpi.headers import Party
from tests.hub.parties.test_routing import (
    CPO,
    EMSP,
    GET,
    HUB,
    OUR_CPO,
    PARTIES,
    POST,
    PUT,
    RECEIVER,
    SENDER,
    STRANGER,
)

APART = Parties(PARTIES.refs, Agreements([Term("DE*CPO", "DE*MSP", False), Term("NL*OWN", "DE*MSP", False)]))


@pytest.mark.parametrize(
    ("module", "interface", "sender", "receiver"),
    [
        ("locations", RECEIVER, CPO, EMSP),
        ("locations", SENDER, EMSP, CPO),
        ("tariffs", SENDER, EMSP, OUR_CPO),
        ("tokens", RECEIVER, EMSP, CPO),
        ("tokens", RECEIVER, EMSP, OUR_CPO),
        ("tokens", SENDER, CPO, EMSP),
        ("commands", RECEIVER, EMSP, CPO),
        ("commands", RECEIVER, EMSP, OUR_CPO),
        ("chargingprofiles", RECEIVER, EMSP, CPO),
    ],
)
def test_who_has_no_agreement_is_answered_as_if_the_other_did_not_exist(
    module: str, interface: Interface, sender: Party, receiver: Party
) -> None:
    request = RoutingRequest(module, interface, PUT, sender.party_id.lower(), sender, receiver)
    unknown = decide(replace(request, receiver=STRANGER), APART)
    assert decide(request, APART) == unknown
    assert decide(replace(request, sender=None), APART) == unknown
    assert decide(request, PARTIES) != unknown
    opened = decide(replace(request, receiver=None, resolved=receiver), APART)
    assert opened != Forward(receiver.party_id.lower(), sender, receiver)


@pytest.mark.parametrize("module", sorted(DRIVER_MODULES))
def test_sessions_and_cdrs_reach_whom_they_concern_all_the_same(module: str) -> None:
    request = RoutingRequest(module, RECEIVER, PUT, "cpo", CPO, EMSP)
    assert decide(request, APART) == Forward("msp", CPO, EMSP)


def test_a_broadcast_goes_to_those_who_have_an_agreement() -> None:
    request = RoutingRequest("locations", RECEIVER, PUT, "cpo", CPO, HUB)
    everybody, agreed = decide(request, PARTIES), decide(request, APART)
    assert isinstance(everybody, Broadcast)
    assert agreed == Broadcast(everybody.platforms - {"msp"})


SOME = Parties(
    PARTIES.refs,
    Agreements(
        [
            Term("DE*CPO", ANY, False, "locations", "hidden"),
            Term("DE*CPO", "DE*NSP", False),
            Term("DE*CPO", "DE*NSP", True, "locations", "shown"),
        ]
    ),
)
NSP = Party("DE", "NSP")


@pytest.mark.parametrize(("module", "interface", "verb"), [("commands", RECEIVER, POST), ("locations", SENDER, GET)])
def test_a_message_about_one_location_is_judged_by_that_location(module: str, interface: Interface, verb: str) -> None:
    def asked(sender: Party, location_id: str) -> object:
        platform = sender.party_id.lower()
        named = ("locations", location_id)
        request = RoutingRequest(module, interface, verb, platform, sender, CPO, named=named)
        opened = replace(request, receiver=None, resolved=CPO, module="commands", interface=RECEIVER, verb=POST)
        return decide(request, SOME), isinstance(decide(opened, SOME), Forward)

    assert asked(EMSP, "L1") == (Forward("cpo", EMSP, CPO), True)
    hidden, opened = asked(EMSP, "Hidden")
    assert isinstance(hidden, Refuse)
    assert (hidden.status_code, opened) == (UNKNOWN_LOCATION, False)
    assert asked(NSP, "Shown") == (Forward("cpo", NSP, CPO), True)
    assert asked(NSP, "L1") == (decide(RoutingRequest("commands", RECEIVER, POST, "nsp", NSP, STRANGER), SOME), False)


def test_a_cpo_cannot_push_to_an_emsp_what_is_hidden_from_it() -> None:
    request = RoutingRequest("locations", RECEIVER, PUT, "cpo", CPO, EMSP, named=("locations", "HIDDEN"))
    assert isinstance(decide(request, SOME), Refuse)
    assert decide(replace(request, named=("locations", "L1")), SOME) == Forward("msp", CPO, EMSP)
    assert isinstance(decide(replace(request, named=("locations", "HIDDEN"), receiver=OUR_CPO), SOME), Local | Refuse)
