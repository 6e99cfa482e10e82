"""Cards of our drivers at chargers, ours and partners': authorized, and paid while the charger waits.

A charger, or a partner, waits for an answer, so the provider has `patience_s`. When it takes longer, the answer is no,
and what it puts aside after that is given back.
"""

import asyncio
from dataclasses import dataclass, replace

from csms.station import TokenType
from hub.parties.agreements import ANY
from hub.starts import places, service, tapping, vehicles
from hub.starts.lifecycle import StartMethod, StartState
from hub.starts.places import Where
from hub.starts.service import Asked
from hub.starts.tables import Start
from hub.starts.tapping import TapRules
from hub.stations import service as stations
from hub.stations.service import Place
from hub.tokens import linked
from hub.tokens.flows import Authorization, Authorizer, Question
from hub.tokens.linked_schemas import is_vehicle
from hub.tokens.whitelist import Verdict
from kit.crypto import KeyRing
from kit.errors import InvalidInput, NotFound
from kit.tx import Database, Tx
from ocpi.v221.tokens import LocationReferences
from payments.operator import Operator


@dataclass(frozen=True, slots=True)
class Tap:
    """A token that was presented at one of our stations; `evse_id` is None until a connector was chosen."""

    station_id: str
    evse_id: int | None
    uid: str
    kind: TokenType

    @property
    def token_type(self) -> str:
        """The kind in OCPI's words. OCPP 1.6 knows no kinds, and marks a vehicle's address by how it begins."""
        if self.kind is TokenType.RFID and is_vehicle(self.uid, "OTHER"):
            return "OTHER"
        return "OTHER" if self.kind in (TokenType.CONTRACT, TokenType.MAC_ADDRESS) else "RFID"

    @property
    def is_announcement(self) -> bool:
        """Whether it is a vehicle's own address, which anybody can copy."""
        return vehicles.is_announcement(self.uid, is_mac=self.kind is TokenType.MAC_ADDRESS)

    @property
    def method(self) -> StartMethod:
        """How the driver asks."""
        return StartMethod.VEHICLE if self.token_type == "OTHER" else StartMethod.RFID  # noqa: S105 - no password


@dataclass(frozen=True, slots=True)
class Taps:
    """The use cases. `operator` is None where no cards are taken; `own_cpos` are parties of ours, `CC*PID`."""

    db: Database
    keys: KeyRing
    authorizer: Authorizer
    operator: Operator | None
    rules: TapRules
    patience_s: float
    own_cpos: list[str]

    async def tap(self, tap: Tap) -> tuple[Authorization, str]:
        """A driver presents a token at one of our stations: the verdict, and the id of the attempt.

        Chargers ask again about a token that they were just told to start with, and about one that charges: the attempt
        that there is stands for it.
        """
        async with self.db.read() as tx:
            place = await stations.place(tx, tap.station_id, tap.evse_id or 1)
            cpo = await stations.cpo_of(tx, tap.station_id)
            known = await service.commanded_at(tx, self.keys, tap.station_id, tap.evse_id, tap.uid)
            known = known or await tapping.standing_attempt(
                tx, self.keys, tap.uid, station_id=tap.station_id, evse_id=tap.evse_id
            )
        if known is not None:
            return Authorization(Verdict.ALLOWED), known.id
        question = Question(tap.uid, tap.token_type, references(place), cpos=(cpo or ANY,))
        answer = await self.authorizer.decide(question)
        asked = Asked(tap.method, tap.uid, place, station_id=tap.station_id, evse_id=tap.evse_id)
        where = Where(place, tap.station_id, tap.evse_id or 1) if place is not None else None
        async with self.db.tx() as tx:
            if tap.is_announcement:
                answer = await self._of_vehicle(tx, tap, answer)
            start, order = await self._begin(tx, asked, answer, where)
        return await self._paid(start, order, answer), start.id

    async def decide(self, question: Question) -> Authorization:
        """A partner asks about a token; one of a driver of ours is paid as at our own chargers."""
        answer = await self.authorizer.decide(question)
        is_vehicle_off = is_vehicle(question.uid, question.token_type) and not self.rules.autocharge
        if not answer.allowed or answer.token is None or len(question.cpos) != 1 or question.cpos[0] == ANY:
            return answer
        country_code, _, party_id = question.cpos[0].partition("*")
        async with self.db.tx() as tx:
            if await linked.driver_of(tx, self.keys, answer.token) is None:
                return answer
            if is_vehicle_off:
                return replace(answer, verdict=Verdict.NOT_ALLOWED, reference=None)
            cpo = country_code, party_id
            known = await tapping.standing_attempt(tx, self.keys, question.uid, station_id=None, evse_id=None, cpo=cpo)
            if known is not None and known.location_id == question.location_id:
                return tapping.verdict(known, answer)
            where = await self._where(tx, question)
            kind = StartMethod.VEHICLE if is_vehicle(question.uid, question.token_type) else StartMethod.RFID
            place = where.place if where is not None else None
            start, order = await self._begin(tx, Asked(kind, question.uid, place), answer, where)
            start.country_code, start.party_id = cpo
            start.location_id = start.location_id or question.location_id
            if question.place is None or not question.place.evse_uids:
                start.evse_uid = start.connector_id = None
        return await self._paid(start, order, answer)

    async def _of_vehicle(self, tx: Tx, tap: Tap, answer: Authorization) -> Authorization:
        """The answer about a vehicle's address: one that is nobody's can be confirmed during a session."""
        token = answer.token
        is_somebodys = token is not None and await linked.driver_of(tx, self.keys, token) is not None
        if is_somebodys and not self.rules.autocharge:
            return replace(answer, verdict=Verdict.NOT_ALLOWED)
        if not is_somebodys and not answer.allowed and self.rules.autocharge:
            vehicles.remember(tx, self.keys, tap.station_id, tap.evse_id, tap.uid)
        return answer

    async def _begin(
        self, tx: Tx, asked: Asked, answer: Authorization, where: Where | None
    ) -> tuple[Start, str | None]:
        start = service.note(tx, self.keys, asked)
        driver = await linked.driver_of(tx, self.keys, answer.token) if answer.token is not None else None
        if driver is None or not answer.allowed:
            service.decide(tx, start, answer)
            start.driver_id = driver.id if driver is not None else None
            return start, None
        order = await tapping.begin(tx, self.keys, start, driver, answer, where, self.rules)
        return start, order.id if order is not None else None

    async def _paid(self, start: Start, order: str | None, answer: Authorization) -> Authorization:
        """The verdict, once the provider has put the amount aside, or was given the time for it."""
        if start.driver_id is None or not answer.allowed:
            return answer
        if order is not None and self.operator is not None:
            try:
                async with asyncio.timeout(self.patience_s):
                    await self.operator.run(self.db, order)
            except TimeoutError:
                pass  # the janitor asks what became of the order, and what it put aside is given back
        if start.state == StartState.PAYING:
            async with self.db.tx() as tx:
                start = await tapping.conclude(tx, start.id)
        return tapping.verdict(start, answer)

    async def _where(self, tx: Tx, question: Question) -> Where | None:
        """The connector that a partner asks about, as far as we know it."""
        if question.place is None:
            return None
        try:
            return await places.at_location(
                tx,
                location_id=question.place.location_id,
                evse_uid=question.place.evse_uids[0] if question.place.evse_uids else None,
                connector_id=None,
                cpo=question.cpos[0],
                own=self.own_cpos,
            )
        except (NotFound, InvalidInput):
            return None


def references(place: Place | None) -> LocationReferences | None:
    """A place, in the words of a question about a token."""
    if place is None:
        return None
    return LocationReferences(location_id=place.location_id, evse_uids=[place.evse_uid] if place.evse_uid else None)
