"""Files that chargers upload: the URL that lets them in, and what is kept."""

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from hub.stations.tables import Station
from hub.stations.uploads import KEPT, UPLOADS, Uploads
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.errors import Forbidden, NotFound, TooLarge
from kit.tx import Database

pytestmark = pytest.mark.anyio

BASE = "https://hub.example.com"


@pytest.fixture
async def uploads(db: Database, keys: KeyRing, tmp_path: Path) -> Uploads:
    async with db.tx() as tx:
        who = {"country_code": "NL", "party_id": "PLB", "location_id": "L", "password_digest": ""}
        tx.add(Station(id="CS-1", folded_id="cs-1", created_at=tx.now, **who))
    return Uploads(db, keys, tmp_path / "data", BASE, timedelta(hours=1), 10)


async def offered(uploads: Uploads) -> str:
    async with uploads.db.tx() as tx:
        url = await uploads.offer(tx, "CS-1", "diagnostics", 7)
    assert url.startswith(f"{BASE}{UPLOADS}/")
    assert len(url) < 255
    return url.rpartition("/")[2]


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_what_comes_is_kept_under_the_name_that_it_has(uploads: Uploads) -> None:
    file_id = uploads.verified(await offered(uploads), uploads.db.clock.now())
    with pytest.raises(NotFound):
        await uploads.path_of("CS-1", file_id)
    await uploads.receive(file_id, "a.log", chunks(b"12345", b"67890"))
    row, path = await uploads.path_of("cs-1", file_id)
    assert (row.file_name, row.size, row.sha256) == ("a.log", 10, sha256(b"1234567890").hexdigest())
    assert path.read_bytes() == b"1234567890"
    await uploads.receive(file_id, None, chunks(b"again"))
    assert path.read_bytes() == b"again", "a charger that tries again is welcome"
    with pytest.raises(NotFound):
        await uploads.path_of("CS-2", file_id)


async def test_a_file_that_is_too_large_leaves_nothing_behind(uploads: Uploads) -> None:
    file_id = uploads.verified(await offered(uploads), uploads.db.clock.now())
    with pytest.raises(TooLarge):
        await uploads.receive(file_id, "a.log", chunks(b"12345", b"678901"))
    assert [path for path in uploads.folder.rglob("*") if path.is_file()] == []


async def test_a_url_is_good_for_a_while_and_for_one_file(uploads: Uploads, clock: ManualClock) -> None:
    token = await offered(uploads)
    file_id, expires, digest = token.split(".")
    forged = [f"{file_id}.{int(expires) + 1}.{digest}", f"x{token}", token[:-1], "", "..", f"{file_id}.x.{digest}"]
    for wrong in forged:
        with pytest.raises(Forbidden):
            uploads.verified(wrong, clock.now())
    clock.advance(3601)
    with pytest.raises(Forbidden):
        uploads.verified(token, clock.now())


async def test_old_files_are_deleted(uploads: Uploads, clock: ManualClock) -> None:
    file_id = uploads.verified(await offered(uploads), clock.now())
    await uploads.receive(file_id, "a.log", chunks(b"1"))
    _, path = await uploads.path_of("CS-1", file_id)
    clock.advance(KEPT.total_seconds() + 1)
    await uploads.forget_old()
    assert not path.exists()
    with pytest.raises(NotFound):
        await uploads.receive(file_id, "a.log", chunks(b"1"))
