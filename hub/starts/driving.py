"""A driver begins, inside one transaction: the quote is used up, and the charger will be told."""

from auth.subjects import DriverIdentity
from hub.drivers import service as drivers
from hub.starts import quoting, service
from hub.starts.lifecycle import StartMethod
from hub.starts.service import Asked
from hub.starts.tables import Start
from hub.tokens import service as tokens
from hub.tokens.flows import Authorization
from hub.tokens.whitelist import Verdict
from kit.crypto import KeyRing
from kit.errors import Forbidden, NotFound
from kit.ids import uuid7
from kit.tx import Tx


class DriverBlocked(Forbidden):
    """The operator has blocked this driver."""

    code, title = "account_blocked", "Your account is blocked"


def payer_of(driver_id: str) -> str:
    """A driver as the payer of a quote."""
    return f"driver:{driver_id}"


async def begin(tx: Tx, ring: KeyRing, who: DriverIdentity, *, quote_id: str, signed: str, issuer: str) -> Start:
    """Start at the connector of a quote, for the driver whose quote it is.

    The quote is the driver's authorization: his token is vouched for here, so that nobody is asked again. Raises
    `DriverBlocked` and what `quoting.redeem` raises.
    """
    driver = await drivers.get(tx, who.driver_id)
    if driver.blocked_at is not None:
        raise DriverBlocked
    row = await quoting.redeem(tx, ring, quote_id=quote_id, signed=signed, payer=payer_of(driver.id))
    token = await tokens.app_token(tx, ring, driver, issuer=issuer)
    asked = Asked(
        StartMethod.APP,
        driver.token_uid,
        row.place(),
        station_id=row.station_id,
        evse_id=row.evse_id,
        driver_id=driver.id,
    )
    start = service.note(tx, ring, asked)
    row.used_by = start.id
    service.decide(tx, start, Authorization(Verdict.ALLOWED, token, auth_method="COMMAND", reference=uuid7()))
    service.request(tx, start)
    return start


async def own_start(tx: Tx, who: DriverIdentity, start_id: str) -> Start:
    """A start of this driver's. Raises `NotFound` for anybody else's, too."""
    start = await tx.get(Start, start_id)
    if start is None or start.driver_id != who.driver_id:
        raise NotFound("no such start")
    return start
