"""Rules of the versions module (chapter 6)."""

from ocpi.endpoint import Interface
from ocpi.v221.versions import Version, VersionDetails
from simulators.conformance.outcomes import Violation
from simulators.conformance.registry import Stage, rule
from simulators.conformance.session import Session, expect_ok, expect_valid

VERSION = "2.2.1"


@rule("versions.list", "6.1.3", "the versions are listed, 2.2.1 among them", stage=Stage.INVITED)
async def versions_list(session: Session) -> None:
    peer = session.peer
    answer = expect_ok(await peer.request("GET", peer.versions_url, routed=False))
    if not isinstance(answer.data, list):
        raise Violation("the data is no list", answer)
    for each in answer.data:
        expect_valid(Version, each, answer)
    url = next((each["url"] for each in answer.data if each["version"] == VERSION), None)
    if url is None:
        raise Violation(f"{VERSION} is not among the versions", answer)
    peer.details_url = url


@rule("versions.details", "6.2.6", "the details list every endpoint with its role", stage=Stage.INVITED)
async def versions_details(session: Session) -> None:
    peer = session.peer
    answer = expect_ok(await peer.request("GET", peer.details_url, routed=False))
    expect_valid(VersionDetails, answer.data, answer)
    for each in answer.data["endpoints"]:
        side = Interface(each["role"])
        peer.endpoints[each["identifier"], side] = each["url"]
        if each["identifier"] == "credentials":
            peer.endpoints["credentials", Interface.SENDER] = each["url"]
    if ("credentials", Interface.SENDER) not in peer.endpoints:
        raise Violation("there is no credentials endpoint", answer)
