"""The hub that foreign clients talk to."""

from tests.journeys.conftest import network

__all__ = ["network"]
