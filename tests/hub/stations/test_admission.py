"""How a station is let in: as the operator said of it, else as its model needs it, else as all are."""

from dataclasses import replace

import pytest

from csms.capabilities import Capabilities
from hub.stations.admission import Policy, admission
from hub.stations.tables import Station

POLICY = Policy(heartbeat_interval_s=300, ping_interval_s=45, unknown="refuse", most_quarantined=0)


@pytest.mark.parametrize(
    ("told_s", "model_s", "all_s", "expected"),
    [
        (None, None, 45, 45),
        (None, 0.0, 45, None),
        (None, 20.0, 45, 20),
        (60, 0.0, 45, 60),
        (0, 20.0, 45, None),
        (None, None, 0, None),
    ],
)
def test_pings_are_the_operators_then_the_models_then_everybodys(
    told_s: int | None, model_s: float | None, all_s: int, expected: float | None
) -> None:
    station = Station(id="CS-1", folded_id="cs-1", ping_interval_s=told_s)
    let_in = admission(replace(POLICY, ping_interval_s=all_s), station, Capabilities(ping_interval_s=model_s))
    assert let_in.ping_interval_s == expected


def test_a_model_that_offers_no_subprotocol_and_needs_rest_is_known_for_it() -> None:
    station = Station(id="CS-1", folded_id="cs-1")
    known = Capabilities(assume_protocol="ocpp1.6", settle_s=10.0)
    let_in = admission(POLICY, station, known)
    assert (let_in.assume_protocol, let_in.settle_s) == ("ocpp1.6", 10.0)
    assert admission(POLICY, station, Capabilities()).assume_protocol is None
    station.assume_protocol = "ocpp2.0.1"
    assert admission(POLICY, station, known).assume_protocol == "ocpp2.0.1"
