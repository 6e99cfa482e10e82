"""A hub to be measured: its settings, and a key for it."""

import os
import subprocess
import sys

from bench.harness import ROOT


def environment_in(folder: str, database_url: str | None = None) -> dict[str, str]:
    """The environment of a hub that keeps its files in `folder`, on SQLite unless another database is named."""
    return {
        **os.environ,
        "PLUGBRIDGE_DATABASE_URL": database_url or f"sqlite:///{folder}/bench.db",
        "PLUGBRIDGE_KEYS_FILE": f"{folder}/keys",
        "PLUGBRIDGE_HTTP_PORT": "0",
        "PLUGBRIDGE_OCPP_PORT": "0",
        "PLUGBRIDGE_EGRESS_PRIVATE_NETWORKS": "127.0.0.0/8,::1/128",
        "PLUGBRIDGE_LOG_LEVEL": "warning",
        "PLUGBRIDGE_OCPI_REQUESTS_PER_S": "0",
    }


def operator_key(environment: dict[str, str]) -> str:
    """A new key for the operator API of the hub with this environment."""
    command = [sys.executable, "-m", "hub.cli", "operator-key", "create"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return done.stdout.strip()
