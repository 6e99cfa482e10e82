"""Processes that end when the one that started them does, even when that one is killed; and ports to come back to."""

import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def tied(command: Sequence[str | Path], *, signal: str = "TERM") -> list[str | Path]:
    """The command, sent a signal when its parent ends. Where `setpriv` is missing, the command as it is."""
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", signal] if setpriv else []), *command]


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody gets by chance: only who asks for it by number may still listen on it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port
