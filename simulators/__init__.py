"""Chargers and roaming partners to try the hub against: for the demo, for the tests, for partners."""
