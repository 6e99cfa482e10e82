"""The facts that the central system records for the rest of the house. Telemetry is not among them."""

from dataclasses import dataclass

from kit.tx import Event


@dataclass(frozen=True)
class StationBooted(Event):
    """A station has started and told its vendor, model and firmware (`csms_station`)."""

    station_id: str

    def replace_key(self) -> str | None:
        """The newest boot stands for all."""
        return self.station_id[:200]


@dataclass(frozen=True)
class ConnectorStatusChanged(Event):
    """A connector, or with EVSE 0 the station, has another status: a word of `csms.station.ConnectorStatus`."""

    station_id: str
    evse_id: int
    connector_id: int
    status: str

    def replace_key(self) -> str | None:
        """The newest status stands for all."""
        return f"{self.station_id}/{self.evse_id}/{self.connector_id}"

    def lane(self) -> str | None:
        """One at a time for each connector."""
        return f"csms.connector:{self.station_id}/{self.evse_id}/{self.connector_id}"


@dataclass(frozen=True)
class StationProgressed(Event):
    """How far a station is with its firmware or a log: words of `csms.station.Task` and `Progress`, and its own."""

    station_id: str
    task: str
    progress: str
    word: str
    request_id: int | None

    def lane(self) -> str | None:
        """One at a time for each station."""
        return f"csms.progress:{self.station_id}"[:200]


@dataclass(frozen=True)
class TransactionChanged(Event):
    """A transaction has started or ended, has another charging state or token, or was corrected after its end."""

    transaction_id: int

    def replace_key(self) -> str | None:
        """Who reacts reads the whole record, so that the newest stands for all."""
        return str(self.transaction_id)

    def lane(self) -> str | None:
        """One at a time for each transaction."""
        return f"csms.transaction:{self.transaction_id}"
