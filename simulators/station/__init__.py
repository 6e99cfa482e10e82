"""A simulated charging station: OCPP 1.6 or 2.0.1 over a real WebSocket, with an offline queue as real ones have."""

from simulators.station.station import SimulatedStation, run_station

__all__ = ["SimulatedStation", "run_station"]
