"""The OCPP versions that a simulated station speaks, by their WebSocket subprotocol."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

from simulators.station.words import Words
from simulators.station.words16 import Words16
from simulators.station.words201 import Words201


@dataclass(frozen=True, slots=True)
class Version:
    """What differs below the messages. `package` holds the schemas of the version."""

    words: Words
    package: str
    malformed: str
    """The error code for a call whose payload cannot be understood."""


VERSIONS: dict[str, Version] = {
    "ocpp1.6": Version(Words16(), "ocpp.v16", "FormationViolation"),
    "ocpp2.0.1": Version(Words201(), "ocpp.v201", "FormatViolation"),
}


@cache
def actions(package: str) -> frozenset[str]:
    """Every action of a version: what a station does not do of these is `NotSupported`, else `NotImplemented`."""
    names = (entry.name for entry in resources.files(package).joinpath("schemas").iterdir())
    return frozenset(name.removesuffix("Response.json") for name in names if name.endswith("Response.json"))
