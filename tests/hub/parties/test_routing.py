"""OCPI's routing scenarios, row by row, and that nothing falls between them."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.parties.routing import (
    CONFIGURATION_MODULES,
    DRIVER_MODULES,
    OPPOSITE_ROLES,
    Broadcast,
    Collect,
    Decision,
    Forward,
    Local,
    Parties,
    PartyRef,
    Refuse,
    Resolve,
    RoutingRequest,
    Subject,
    decide,
    receivers,
)
from ocpi.endpoint import Interface, Verb
from ocpi.headers import Party

SENDER, RECEIVER = Interface.SENDER, Interface.RECEIVER
GET, POST, PUT, PATCH, DELETE = Verb.GET, Verb.POST, Verb.PUT, Verb.PATCH, Verb.DELETE

HUB, OUR_CPO, OUR_EMSP = Party("NL", "HUB"), Party("NL", "OWN"), Party("NL", "DRV")
CPO, EMSP, NSP, OTHER, AWAY, SILENT = (Party("DE", name) for name in ("CPO", "MSP", "NSP", "OTH", "AWA", "SIL"))
STRANGER = Party("XX", "XXX")
TWIN_ONE, TWIN_TWO = Party("BE", "ONE"), Party("BE", "TWO")

EMSP_SIDE = frozenset({"locations", "tariffs", "sessions", "cdrs"})
CPO_SIDE = frozenset({"tokens", "commands", "chargingprofiles"})


def partner(party: Party, role: str, *, platform: str | None = None, connected: bool = True) -> PartyRef:
    side = CPO_SIDE if role == "CPO" else EMSP_SIDE
    return PartyRef(party, frozenset({role}), platform or party.party_id.lower(), connected, side)


PARTIES = Parties(
    (
        PartyRef(HUB, frozenset({"HUB"})),
        PartyRef(OUR_CPO, frozenset({"CPO"})),
        PartyRef(OUR_EMSP, frozenset({"EMSP"})),
        partner(CPO, "CPO"),
        partner(EMSP, "EMSP"),
        partner(NSP, "NSP"),
        partner(OTHER, "OTHER"),
        partner(AWAY, "EMSP", connected=False),
        PartyRef(SILENT, frozenset({"EMSP"}), "sil"),
        partner(TWIN_ONE, "CPO", platform="twins"),
        partner(TWIN_TWO, "EMSP", platform="twins"),
    )
)
EVERY_EMSP_SIDE = frozenset({"msp", "nsp", "oth", "awa", "twins"})


def ask(
    module: str,
    interface: Interface,
    verb: Verb,
    *,
    sender: Party | None = CPO,
    receiver: Party | None = None,
    is_list: bool = False,
    **more: object,
) -> Decision:
    ref = PARTIES.find(sender) if sender else None
    platform = ref.platform if ref else "cpo"
    request = RoutingRequest(module, interface, verb, platform, sender, receiver, is_list)
    return decide(replace(request, **more), PARTIES)  # type: ignore[arg-type]


DIRECT = [
    ("locations", RECEIVER, PUT, CPO, EMSP, Forward("msp", CPO, EMSP)),
    ("locations", RECEIVER, GET, CPO, EMSP, Forward("msp", CPO, EMSP)),
    ("sessions", RECEIVER, PATCH, CPO, EMSP, Forward("msp", CPO, EMSP)),
    ("cdrs", RECEIVER, POST, CPO, EMSP, Forward("msp", CPO, EMSP)),
    ("tokens", SENDER, POST, CPO, EMSP, Forward("msp", CPO, EMSP)),
    ("locations", SENDER, GET, EMSP, CPO, Forward("cpo", EMSP, CPO)),
    ("commands", RECEIVER, POST, EMSP, CPO, Forward("cpo", EMSP, CPO)),
    ("commands", RECEIVER, POST, OUR_EMSP, CPO, Forward("cpo", OUR_EMSP, CPO)),
    ("tokens", SENDER, POST, OUR_CPO, EMSP, Forward("msp", OUR_CPO, EMSP)),
    ("commands", RECEIVER, POST, EMSP, OUR_CPO, Local(OUR_CPO)),
    ("sessions", RECEIVER, PUT, CPO, OUR_EMSP, Local(OUR_EMSP)),
    ("tokens", SENDER, POST, CPO, OUR_EMSP, Local(OUR_EMSP)),
    ("tokens", RECEIVER, PUT, TWIN_TWO, TWIN_ONE, Forward("twins", TWIN_TWO, TWIN_ONE)),
]


@pytest.mark.parametrize(("module", "interface", "verb", "sender", "receiver", "expected"), DIRECT)
def test_a_direct_request_goes_to_the_party_it_names(
    module: str, interface: Interface, verb: Verb, sender: Party, receiver: Party, expected: Decision
) -> None:
    assert ask(module, interface, verb, sender=sender, receiver=receiver) == expected
    lower = Party(receiver.country_code.lower(), receiver.party_id.lower())
    assert ask(module, interface, verb, sender=sender, receiver=lower) == expected


@pytest.mark.parametrize(
    ("module", "verb", "sender", "platforms"),
    [
        ("locations", PUT, CPO, EVERY_EMSP_SIDE),
        ("locations", PATCH, CPO, EVERY_EMSP_SIDE),
        ("tariffs", PUT, CPO, EVERY_EMSP_SIDE),
        ("tariffs", DELETE, CPO, EVERY_EMSP_SIDE),
        ("locations", PUT, TWIN_ONE, EVERY_EMSP_SIDE - {"twins"}),
        ("tokens", PUT, EMSP, frozenset({"cpo", "twins"})),
        ("tokens", PATCH, OTHER, frozenset({"cpo", "twins"})),
        ("locations", PUT, OUR_CPO, EVERY_EMSP_SIDE),
    ],
)
def test_a_push_to_the_hub_is_broadcast_to_the_opposite_role(
    module: str, verb: Verb, sender: Party, platforms: frozenset[str]
) -> None:
    assert ask(module, RECEIVER, verb, sender=sender, receiver=HUB) == Broadcast(platforms)
    assert ask(module, RECEIVER, verb, sender=sender) == Broadcast(platforms)


@pytest.mark.parametrize(("module", "sender"), [("locations", EMSP), ("tariffs", OTHER), ("tokens", CPO)])
def test_nobody_broadcasts_what_his_role_does_not_own(module: str, sender: Party) -> None:
    assert ask(module, RECEIVER, PUT, sender=sender, receiver=HUB) == Refuse(
        2001, "OCPI-from: a party of this role has no such objects to share"
    )


@pytest.mark.parametrize(
    ("module", "interface", "verb", "sender", "expected"),
    [
        ("tokens", SENDER, POST, CPO, Resolve(Subject.TOKEN)),
        ("commands", RECEIVER, POST, EMSP, Resolve(Subject.COMMAND)),
        ("sessions", RECEIVER, PUT, CPO, Resolve(Subject.DRIVER)),
        ("sessions", RECEIVER, PATCH, CPO, Resolve(Subject.DRIVER)),
        ("cdrs", RECEIVER, POST, CPO, Resolve(Subject.DRIVER)),
        ("sessions", SENDER, PUT, EMSP, Resolve(Subject.SESSION)),
        ("chargingprofiles", RECEIVER, GET, EMSP, Resolve(Subject.SESSION)),
        ("chargingprofiles", RECEIVER, PUT, EMSP, Resolve(Subject.SESSION)),
        ("chargingprofiles", RECEIVER, DELETE, EMSP, Resolve(Subject.SESSION)),
        ("chargingprofiles", SENDER, PUT, CPO, Resolve(Subject.SESSION)),
        ("locations", SENDER, GET, EMSP, Local()),
        ("locations", RECEIVER, GET, CPO, Local()),
        ("tariffs", RECEIVER, GET, CPO, Local()),
        ("tokens", RECEIVER, GET, EMSP, Local()),
        ("sessions", RECEIVER, GET, CPO, Local()),
    ],
)
def test_an_open_request_is_routed_by_what_it_is_about(
    module: str, interface: Interface, verb: Verb, sender: Party, expected: Decision
) -> None:
    assert ask(module, interface, verb, sender=sender) == expected


def test_an_open_request_reaches_the_party_that_was_found() -> None:
    found = ask("commands", RECEIVER, POST, sender=EMSP, resolved=CPO)
    assert found == Forward("cpo", EMSP, CPO)
    assert ask("commands", RECEIVER, POST, sender=EMSP, resolved=OUR_CPO) == Local(OUR_CPO)
    assert ask("commands", RECEIVER, POST, sender=EMSP, resolved=STRANGER) == Local()
    assert ask("tokens", SENDER, POST, resolved=AWAY) == Refuse(4003, "the receiver is not connected")


@pytest.mark.parametrize("module", ["locations", "tariffs", "sessions", "cdrs", "tokens"])
def test_get_all_is_answered_for_everybody(module: str) -> None:
    assert ask(module, SENDER, GET, receiver=HUB, is_list=True) == Collect()
    assert ask(module, SENDER, GET, is_list=True) == Collect()
    assert ask(module, SENDER, GET, sender=None, is_list=True) == Collect()


@pytest.mark.parametrize("module", ["credentials", "versions", "hubclientinfo"])
@pytest.mark.parametrize("receiver", [None, HUB, EMSP, OUR_CPO, STRANGER])
def test_configuration_modules_are_never_routed(module: str, receiver: Party | None) -> None:
    for interface, verb in product(Interface, Verb):
        assert ask(module, interface, verb, receiver=receiver) == Local()
        assert ask(module, interface, verb, sender=STRANGER, receiver=receiver) == Local()


@pytest.mark.parametrize("module", sorted(DRIVER_MODULES))
def test_what_concerns_one_driver_is_never_broadcast(module: str) -> None:
    assert ask(module, RECEIVER, PUT, receiver=HUB) == Resolve(Subject.DRIVER)
    assert ask(module, RECEIVER, PUT, receiver=HUB, resolved=EMSP) == Forward("msp", CPO, EMSP)


@pytest.mark.parametrize(
    ("module", "interface", "verb"),
    [
        ("locations", RECEIVER, GET),
        ("sessions", RECEIVER, GET),
        ("tokens", SENDER, POST),
        ("sessions", SENDER, PUT),
        ("commands", RECEIVER, POST),
        ("chargingprofiles", RECEIVER, PUT),
    ],
)
def test_what_cannot_be_meant_for_the_hub_is_refused(module: str, interface: Interface, verb: Verb) -> None:
    decision = ask(module, interface, verb, receiver=HUB)
    assert isinstance(decision, Refuse)
    assert decision.status_code == 2001


@pytest.mark.parametrize(
    ("sender", "receiver", "status_code"),
    [
        (CPO, STRANGER, 4001),
        (CPO, AWAY, 4003),
        (CPO, SILENT, 4003),
        (CPO, CPO, 2001),
    ],
)
def test_what_cannot_be_delivered_is_refused(sender: Party, receiver: Party, status_code: int) -> None:
    decision = ask("locations", RECEIVER, PUT, sender=sender, receiver=receiver)
    assert isinstance(decision, Refuse)
    assert decision.status_code == status_code


@pytest.mark.parametrize("receiver", [None, HUB, EMSP, OUR_CPO])
def test_nobody_speaks_for_a_party_of_another_platform(receiver: Party | None) -> None:
    for pretended in (EMSP, OUR_CPO, HUB, STRANGER):
        decision = decide(RoutingRequest("locations", RECEIVER, PUT, "cpo", pretended, receiver), PARTIES)
        assert decision == Refuse(2001, "OCPI-from: that party does not live on your platform")


def test_the_only_party_of_a_platform_need_not_say_its_name() -> None:
    request = RoutingRequest("locations", RECEIVER, PUT, "cpo", None, EMSP)
    assert decide(request, PARTIES) == Forward("msp", CPO, EMSP)
    several = decide(replace(request, platform="twins"), PARTIES)
    assert isinstance(several, Refuse)
    assert several.status_code == 2001


@pytest.mark.parametrize(("module", "interface", "verb"), [("commands", SENDER, POST), ("cdrs", RECEIVER, GET)])
def test_a_url_that_we_gave_out_is_answered_here(module: str, interface: Interface, verb: Verb) -> None:
    for receiver in (None, HUB, EMSP, STRANGER):
        assert ask(module, interface, verb, receiver=receiver, url_is_ours=True) == Local()


@pytest.mark.parametrize(
    ("module", "origin", "audience", "expected"),
    [
        ("locations", None, None, EVERY_EMSP_SIDE),
        ("locations", "msp", None, EVERY_EMSP_SIDE - {"msp"}),
        ("locations", None, EMSP, frozenset({"msp"})),
        ("tariffs", "cpo", None, EVERY_EMSP_SIDE),
        ("tokens", None, None, frozenset({"cpo", "twins"})),
        ("tokens", "twins", None, frozenset({"cpo"})),
        ("sessions", None, EMSP, frozenset({"msp"})),
        ("sessions", "cpo", AWAY, frozenset({"awa"})),
        ("sessions", "msp", EMSP, frozenset()),
        ("sessions", None, None, frozenset()),
        ("sessions", None, SILENT, frozenset()),
        ("cdrs", None, OUR_EMSP, frozenset()),
        ("cdrs", None, None, frozenset()),
        ("commands", None, None, frozenset()),
        ("hubclientinfo", None, None, frozenset()),
    ],
)
def test_who_must_be_told_of_a_change(
    module: str, origin: str | None, audience: Party | None, expected: frozenset[str]
) -> None:
    assert receivers(module, origin=origin, parties=PARTIES, audience=audience) == expected


# Each row of the table of routing headers (OCPI 2.2.1, transport and format), as messages: who it is from, whom it is
# to, on which interface, and what becomes of it.
ROWS = [
    ("direct request", "locations", RECEIVER, PUT, CPO, EMSP, Forward("msp", CPO, EMSP)),
    ("direct request", "sessions", SENDER, GET, EMSP, CPO, Forward("cpo", EMSP, CPO)),
    ("direct request to us", "commands", RECEIVER, POST, EMSP, OUR_CPO, Local(OUR_CPO)),
    ("broadcast push", "locations", RECEIVER, PUT, CPO, HUB, Broadcast(EVERY_EMSP_SIDE)),
    ("broadcast push", "tariffs", RECEIVER, DELETE, CPO, HUB, Broadcast(EVERY_EMSP_SIDE)),
    ("broadcast push", "tokens", RECEIVER, PATCH, EMSP, HUB, Broadcast(frozenset({"cpo", "twins"}))),
    ("broadcast of what is private", "cdrs", RECEIVER, POST, CPO, HUB, Resolve(Subject.DRIVER)),
    ("open routing", "tokens", SENDER, POST, CPO, None, Resolve(Subject.TOKEN)),
    ("open routing", "commands", RECEIVER, POST, EMSP, None, Resolve(Subject.COMMAND)),
    ("open routing", "chargingprofiles", RECEIVER, PUT, EMSP, None, Resolve(Subject.SESSION)),
    ("open routing", "chargingprofiles", SENDER, PUT, CPO, None, Resolve(Subject.SESSION)),
    ("open routing", "sessions", RECEIVER, PATCH, CPO, None, Resolve(Subject.DRIVER)),
    ("open routing of one object", "locations", SENDER, GET, EMSP, None, Local()),
    ("GET all", "locations", SENDER, GET, EMSP, HUB, Collect()),
    ("GET all", "tokens", SENDER, GET, CPO, HUB, Collect()),
    ("GET is not broadcast", "locations", RECEIVER, GET, CPO, HUB, 2001),
    ("a write is not GET all", "tokens", SENDER, POST, CPO, HUB, 2001),
    ("a write is not GET all", "sessions", SENDER, PUT, EMSP, HUB, 2001),
    ("commands are not broadcast", "commands", RECEIVER, POST, EMSP, HUB, 2001),
    ("profiles are not broadcast", "chargingprofiles", RECEIVER, DELETE, EMSP, HUB, 2001),
    ("nobody", "commands", RECEIVER, POST, EMSP, STRANGER, 4001),
    ("away", "locations", RECEIVER, PUT, CPO, AWAY, 4003),
    ("lacks the module", "locations", RECEIVER, PUT, CPO, SILENT, 4003),
    ("configuration", "credentials", SENDER, POST, CPO, EMSP, Local()),
    ("configuration", "hubclientinfo", SENDER, GET, CPO, HUB, Local()),
    ("configuration", "versions", SENDER, GET, CPO, STRANGER, Local()),
]


@pytest.mark.parametrize(("row", "module", "interface", "verb", "sender", "receiver", "expected"), ROWS)
def test_each_row_of_the_routing_table(
    row: str,
    module: str,
    interface: Interface,
    verb: Verb,
    sender: Party,
    receiver: Party | None,
    expected: Decision | int,
) -> None:
    is_list = interface is SENDER and verb is GET and row != "open routing of one object"
    found = ask(module, interface, verb, sender=sender, receiver=receiver, is_list=is_list)
    assert (found.status_code if isinstance(found, Refuse) else found) == expected, row


def test_references_to_one_party_count_as_one() -> None:
    both = Parties((partner(EMSP, "CPO", platform="p"), partner(EMSP, "EMSP", platform="p")))
    (ref,) = both.on("p")
    assert ref.roles == {"CPO", "EMSP"}
    assert ref.receives == CPO_SIDE | EMSP_SIDE
    assert Parties((*both.refs, partner(EMSP, "NSP", platform="thief"))).find(EMSP) == ref


anyone = st.sampled_from([*(ref.party for ref in PARTIES.refs), STRANGER]) | st.none()
requests = st.builds(
    RoutingRequest,
    module=st.sampled_from(
        [*OPPOSITE_ROLES, *DRIVER_MODULES, "commands", "chargingprofiles", *CONFIGURATION_MODULES, "xyz"]
    ),
    interface=st.sampled_from(Interface),
    verb=st.sampled_from(Verb),
    platform=st.sampled_from([*(ref.platform for ref in PARTIES.refs), "unknown"]),
    sender=anyone,
    receiver=anyone,
    is_list=st.booleans(),
    url_is_ours=st.booleans(),
    resolved=anyone,
)


@given(requests)
def test_every_message_has_an_answer_and_none_goes_astray(request: RoutingRequest) -> None:
    decision = decide(request, PARTIES)
    match decision:
        case Forward(platform, sender, receiver):
            target, speaker = PARTIES.find(receiver), PARTIES.find(sender)
            assert target is not None
            assert speaker is not None
            assert target.platform == platform
            assert target.connected
            assert speaker.platform == request.platform
            assert receiver in (request.receiver, request.resolved)
        case Broadcast(platforms):
            assert request.module in OPPOSITE_ROLES
            assert request.verb is not GET
            assert request.interface is RECEIVER
            assert request.platform not in platforms
            assert request.receiver in (None, HUB)
        case Collect():
            assert request.verb is GET
            assert request.interface is SENDER
            assert request.receiver in (None, HUB)
        case Refuse(status_code):
            assert status_code in (2001, 4001, 4003)
            assert request.module not in CONFIGURATION_MODULES
        case Resolve():
            assert request.resolved is None
        case Local(party):
            assert party is None or PARTIES.find(party) in PARTIES.on(None)
