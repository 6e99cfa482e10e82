"""Reading the provider's books: the lines of a movement, once it has made them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from kit import log
from kit.jobs import Retry
from kit.tx import Database
from payments import lines
from payments.books import LineKind, Movement
from payments.errors import PspUnavailable, Refused, Unknown
from payments.psp import Psp

logger = log.get(__name__)


class Books:
    """Reads the provider's books."""

    def __init__(self, psp: Psp) -> None:
        self._psp = psp

    async def read(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `lines.READ`: note the lines of something; look again later while the wanted one is missing."""
        movement, object_id, wants = Movement(payload["movement"]), payload["object_id"], LineKind(payload["wants"])
        try:
            found = await self._psp.lines_of(movement, object_id)
        except (Unknown, PspUnavailable) as error:
            raise Retry(error.code) from error
        except Refused as error:
            logger.warning("lines_refused", movement=movement, object_id=object_id, error=error.provider_code)
            return
        try:
            async with db.tx() as tx:
                for each in found:
                    await lines.keep(tx, each)
                if not any(each.kind is wants for each in found):
                    lines.read_later(tx, movement, object_id, wants=wants, looks=payload["looks"] + 1)
        except IntegrityError as error:  # another process has noted one of them at the same moment
            raise Retry("lines_noted_twice") from error
