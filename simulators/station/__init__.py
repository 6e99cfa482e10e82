"""A simulated charging station: OCPP 1.6, 2.0.1 or 2.1 over a real WebSocket, offline queue included."""

from simulators.station.evse import Evse, Vehicle
from simulators.station.presence import CONNECTION_FAILURES
from simulators.station.rpc import CallRefused, Offline
from simulators.station.run import run_station
from simulators.station.station import SimulatedStation
from simulators.station.words import Charging, NeutralAnswer, StopReason

__all__ = [
    "CONNECTION_FAILURES",
    "CallRefused",
    "Charging",
    "Evse",
    "NeutralAnswer",
    "Offline",
    "SimulatedStation",
    "StopReason",
    "Vehicle",
    "run_station",
]
