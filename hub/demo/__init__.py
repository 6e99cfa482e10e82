"""The demo: a hub with chargers and roaming partners around it, all of them real processes on real sockets."""

from hub.demo.play import run

__all__ = ["run"]
