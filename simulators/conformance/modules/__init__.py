"""The rules, one file for each module of the specification."""

from simulators.conformance.modules import (
    cdrs,
    charging_profiles,
    commands,
    credentials,
    hub,
    lists,
    locations,
    objects,
    pushes,
    sessions,
    tariffs,
    tokens,
    transport,
    versions,
)
from simulators.conformance.registry import RULES, Rule, Stage

IN_ORDER = (
    versions,
    credentials,
    lists,
    locations,
    tariffs,
    sessions,
    cdrs,
    tokens,
    objects,
    commands,
    charging_profiles,
    hub,
    transport,
    pushes,
)
"""What is read first serves those that follow: the endpoints, our registration, the lists."""


def in_order() -> list[Rule]:
    """All rules in the order in which they are tested."""
    names = [module.__name__ for module in IN_ORDER]
    return sorted(RULES, key=lambda rule: (list(Stage).index(rule.stage), names.index(rule.check.__module__)))
