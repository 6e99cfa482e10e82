"""The OCPP versions that a simulated station speaks, by their WebSocket subprotocol."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

from simulators.station.words import Words
from simulators.station.words16 import Words16
from simulators.station.words201 import Words201


@dataclass(frozen=True, slots=True)
class Version:
    """What differs below the messages. `folder` of the `ocpp` package holds the schemas of the version."""

    words: Words
    folder: str
    malformed: str
    """The error code for a call whose payload cannot be understood."""


VERSIONS: dict[str, Version] = {
    "ocpp1.6": Version(Words16(), "v16", "FormationViolation"),
    "ocpp2.0.1": Version(Words201(), "v201", "FormatViolation"),
    "ocpp2.1": Version(Words201(), "v21", "FormatViolation"),
}


@cache
def actions(folder: str) -> frozenset[str]:
    """Every action of a version: what a station does not do of these is `NotSupported`, else `NotImplemented`."""
    names = (entry.name for entry in resources.files("ocpp").joinpath(folder, "schemas").iterdir())
    return frozenset(name.removesuffix("Response.json") for name in names if name.endswith("Response.json"))
