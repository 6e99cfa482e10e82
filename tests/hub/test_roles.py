"""Which roles a process may have, and what it says when it may not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.serve import PartialRolesOnMemoryBus, check_roles, running
from hub.settings import ServerRole, Settings

SOME = [
    [ServerRole.CSMS],
    [ServerRole.API, ServerRole.OCPI],
    [role for role in ServerRole if role != ServerRole.WORKER],
]


@pytest.mark.parametrize("roles", SOME)
def test_a_part_of_a_deployment_on_a_memory_bus_is_refused(roles: list[ServerRole]) -> None:
    with pytest.raises(PartialRolesOnMemoryBus):
        check_roles(Settings(roles=roles, bus_url="memory://"))


@pytest.mark.parametrize("roles", SOME)
def test_a_part_of_a_deployment_on_nats_is_not(roles: list[ServerRole]) -> None:
    check_roles(Settings(roles=roles, bus_url="nats://localhost:4222"))


def test_every_role_in_one_process_needs_no_bus() -> None:
    check_roles(Settings(roles=list(reversed(ServerRole)), bus_url="memory://"))


@pytest.mark.anyio
async def test_a_hub_that_is_refused_touches_nothing(tmp_path: Path) -> None:
    settings = Settings(roles=[ServerRole.CSMS], database_url=f"sqlite:///{tmp_path}/t.db", keys_file=tmp_path / "keys")
    with pytest.raises(PartialRolesOnMemoryBus):
        async with running(settings):
            pytest.fail("it runs")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("roles", "reason"),
    [("csms,worker", "only on a nats:// bus"), ("csms,sheriff", "roles are api, ocpi, csms, worker")],
)
def test_the_command_line_says_what_is_wrong_with_the_roles(tmp_path: Path, roles: str, reason: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLUGBRIDGE_")}
    environment |= {"PLUGBRIDGE_DATABASE_URL": f"sqlite:///{tmp_path}/t.db", "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli", "serve", "--roles", roles], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
