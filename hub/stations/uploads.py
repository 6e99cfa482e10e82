"""Files that chargers upload to us: diagnostics and logs, by a signed URL that is good for a while.

The file lies in the data folder under its id; what is known of it is a row. Every process that answers HTTP needs the
same folder.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Index, select
from sqlmodel import Field, SQLModel, col

import kit.db  # noqa: F401 - sets the naming convention before the first table
from kit.crypto import KeyRing
from kit.db import BigInt
from kit.errors import Forbidden, NotFound, TooLarge
from kit.ids import uuid7
from kit.tx import Database, Tx

UPLOADS = "/station-uploads"
KEPT = timedelta(days=90)
_PURPOSE = "station-upload"


class StationFile(SQLModel, table=True):
    """A file that a station was asked for; `received_at` is null as long as it has not come."""

    __tablename__ = "station_file"
    __table_args__ = (Index("ix_station_file_station", "station_id", "id"),)

    id: str = Field(primary_key=True, max_length=36)
    station_id: str = Field(max_length=48, foreign_key="station.id")
    kind: str = Field(max_length=16)
    """`diagnostics` or `security`."""
    request_id: int
    """That of the operation that asked for it."""
    file_name: str | None = Field(default=None, max_length=255)
    """As the station calls it."""
    size: int | None = Field(default=None, sa_type=BigInt)
    sha256: str | None = Field(default=None, max_length=64)
    created_at: datetime
    expires_at: datetime
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Uploads:
    """Offers URLs, takes what comes, and gives it out. `base_url` is how chargers reach our HTTP."""

    db: Database
    keys: KeyRing
    folder: Path
    base_url: str
    validity: timedelta
    max_bytes: int

    async def offer(self, tx: Tx, station_id: str, kind: str, request_id: int) -> str:
        """Note a file that is about to be asked for, once for each request; the URL to upload it to."""
        expires_at = tx.now + self.validity
        where = (col(StationFile.station_id) == station_id, col(StationFile.request_id) == request_id)
        row = await tx.first(select(StationFile).where(*where))
        if row is None:
            row = StationFile(
                id=uuid7(),
                station_id=station_id,
                kind=kind,
                request_id=request_id,
                created_at=tx.now,
                expires_at=expires_at,
            )
            tx.add(row)
        row.expires_at = expires_at
        return f"{self.base_url}{UPLOADS}/{self._signed(row.id, row.expires_at)}"

    def verified(self, token: str, now: datetime) -> str:
        """The id of the file that a URL is for. Raises `Forbidden` when it is none of ours, or no longer good."""
        file_id, _, rest = token.partition(".")
        expires, _, digest = rest.partition(".")
        if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            raise Forbidden("this URL is not ours")
        if not self.keys.matches(_PURPOSE, f"{file_id}.{expires}", digest):
            raise Forbidden("this URL is not ours")
        if int(expires) < now.timestamp():
            raise Forbidden("this URL is no longer good")
        return file_id

    async def receive(self, file_id: str, name: str | None, chunks: AsyncIterator[bytes]) -> None:
        """Store a file; one that comes again replaces the one before.

        Raises `NotFound` when nobody asked for it, and `TooLarge`; nothing is left of it then.
        """
        async with self.db.read() as tx:
            await self._known(tx, file_id)
        await asyncio.to_thread(self._place(file_id).parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        handle, path = await asyncio.to_thread(tempfile.mkstemp, dir=self._place(file_id).parent, prefix="incoming-")
        digest, size = sha256(), 0
        try:
            with os.fdopen(handle, "wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > self.max_bytes:
                        raise TooLarge(f"the largest file taken has {self.max_bytes} bytes")
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
            os.replace(path, self._place(file_id))
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(path)
            raise
        async with self.db.tx() as tx:
            row = await self._known(tx, file_id)
            row.size, row.sha256, row.received_at = size, digest.hexdigest(), tx.now
            row.file_name = (name or "")[:255] or row.file_name

    async def of_station(self, tx: Tx, station_id: str) -> Sequence[StationFile]:
        """The files that a station was asked for, newest first; a hundred at most."""
        where = col(StationFile.station_id) == station_id
        return await tx.all(select(StationFile).where(where).order_by(col(StationFile.id).desc()).limit(100))

    async def path_of(self, station_id: str, file_id: str) -> tuple[StationFile, Path]:
        """A file that has come, and where it lies. Raises `NotFound`."""
        async with self.db.read() as tx:
            row = await tx.get(StationFile, file_id)
        if row is None or row.station_id.casefold() != station_id.casefold() or row.received_at is None:
            raise NotFound("no such file")
        path = self._place(row.id)
        if not await asyncio.to_thread(path.is_file):
            raise NotFound("the file is not in the data folder of this process")
        return row, path

    async def forget_old(self) -> None:
        """Delete the files that were asked for long ago."""
        async with self.db.tx() as tx:
            old = await tx.all(select(StationFile).where(col(StationFile.created_at) < tx.now - KEPT).limit(1000))
            for row in old:
                await tx.delete(row)
        for row in old:
            await asyncio.to_thread(self._place(row.id).unlink, missing_ok=True)

    async def _known(self, tx: Tx, file_id: str) -> StationFile:
        row = await tx.get(StationFile, file_id)
        if row is None:
            raise NotFound("nobody has asked for this file")
        return row

    def _place(self, file_id: str) -> Path:
        return self.folder / "station-files" / file_id

    def _signed(self, file_id: str, expires_at: datetime) -> str:
        text = f"{file_id}.{int(expires_at.timestamp())}"
        return f"{text}.{self.keys.digest(_PURPOSE, text)}"
