"""Processes that end when the one that started them does, even when that one is killed."""

import shutil
from collections.abc import Sequence
from pathlib import Path


def tied(command: Sequence[str | Path], *, signal: str = "TERM") -> list[str | Path]:
    """The command, sent a signal when its parent ends. Where `setpriv` is missing, the command as it is."""
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", signal] if setpriv else []), *command]
