"""A charger of ours with its location and tariff, and what it says of its transactions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlmodel import select

from csms.documents import fact_document
from csms.events import TransactionChanged
from csms.station import TransactionFact
from csms.tables import Transaction, TransactionMessage
from hub.locations import service as locations
from hub.sessions.running import RunningSessions
from hub.sessions.tables import Cdr, Session
from hub.starts import service
from hub.starts.tables import Start
from hub.stations import service as stations
from hub.stations.service import Place
from hub.tariffs import service as tariffs
from hub.tokens import service as tokens
from kit.crypto import KeyRing
from kit.tx import Database
from ocpi.headers import Party

START = datetime(2026, 3, 1, 11, tzinfo=UTC)
STAMP = "2026-03-01T09:00:00Z"
PLACE = Place("NL", "PLB", "LOC1", "E1", "1")

Json = dict[str, Any]


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def location() -> Json:
    connector: Json = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE"}
    connector |= {"max_voltage": 400, "max_amperage": 32, "tariff_ids": ["T1"], "last_updated": STAMP}
    evses = [
        {"uid": uid, "status": "AVAILABLE", "connectors": [connector], "last_updated": STAMP} for uid in ("E1", "E2")
    ]
    return {
        "country_code": "NL",
        "party_id": "PLB",
        "id": "LOC1",
        "publish": True,
        "address": "Canal Street 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": {"latitude": "52.09083", "longitude": "5.12222"},
        "evses": evses,
        "time_zone": "Europe/Amsterdam",
        "last_updated": STAMP,
    }


def tariff() -> Json:
    components = [{"type": "ENERGY", "price": 0.4, "step_size": 1}]
    owner = {"country_code": "NL", "party_id": "PLB"}
    elements = [{"price_components": components}]
    return {**owner, "id": "T1", "currency": "EUR", "elements": elements, "last_updated": STAMP}


def token(**fields: Any) -> Json:
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": "0411AABBCC",
        "type": "RFID",
        "contract_id": "DE-EMS-C1",
        "issuer": "An eMSP",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": STAMP,
        **fields,
    }


@dataclass
class Charger:
    """Two of our stations, CS-1 and CS-2, in one location."""

    db: Database
    keys: KeyRing
    running: RunningSessions = field(default_factory=RunningSessions)

    async def install(self) -> None:
        async with self.db.tx() as tx:
            await locations.put(tx, location(), platform_id=None)
            await tariffs.put(tx, tariff(), platform_id=None)
            for station_id in ("CS-1", "CS-2"):
                await stations.register(
                    tx,
                    self.keys,
                    station_id=station_id,
                    party=("NL", "PLB"),
                    location_id="LOC1",
                    evses=(),
                    password=None,
                )

    async def store_token(self, **fields: Any) -> None:
        async with self.db.tx() as tx:
            await tokens.put(tx, self.keys, token(**fields), platform_id="P1")

    async def say(
        self,
        number: int,
        *facts: TransactionFact,
        station_id: str = "CS-1",
        verdict: str | None = None,
        start: str | None = None,
    ) -> None:
        """The station says something about a transaction, and the hub follows."""
        async with self.db.tx() as tx:
            row = await tx.get(Transaction, number)
            if row is None:
                row = Transaction(
                    id=number,
                    station_id=station_id,
                    reference=str(number),
                    origin=str(number),
                    started_at=START,
                    energy_wh=Decimal(0),
                    doc=b"{}",
                )
                tx.add(row)
            row.authorization_status = verdict or row.authorization_status
            row.authorization_reference = start or row.authorization_reference
            for fact in facts:
                tx.add(
                    TransactionMessage(
                        station_id=station_id,
                        transaction_id=number,
                        key=f"{number}-{fact.key}",
                        kind=fact.kind,
                        received_at=tx.now,
                        doc=fact_document(fact),
                    )
                )
        await self.follow(number)

    async def follow(self, number: int) -> None:
        async with self.db.tx() as tx:
            event, emsp = TransactionChanged(number), Party("NL", "PLB")
            await service.follow_transaction(tx, self.keys, event, running=self.running, currency="EUR", emsp=emsp)

    async def rows(self, model: type[Any]) -> Sequence[Any]:
        async with self.db.read() as tx:
            return await tx.all(select(model))

    async def session(self) -> Session:
        [row] = await self.rows(Session)
        assert isinstance(row, Session)
        return row

    async def cdrs(self) -> Sequence[Cdr]:
        return await self.rows(Cdr)

    async def start(self, start_id: str) -> Start:
        async with self.db.read() as tx:
            row = await tx.get(Start, start_id)
        assert row is not None
        return row
