"""A charger of ours."""

import pytest

from kit.crypto import KeyRing
from kit.tx import Database
from tests.hub.starts.charger import Charger


@pytest.fixture
async def charger(db: Database, keys: KeyRing) -> Charger:
    made = Charger(db, keys)
    await made.install()
    return made
