"""The demo: a hub with chargers, partners and a payment provider around it, all of them real processes."""

from hub.demo.play import run

__all__ = ["run"]
