"""All faults by name, and the switchboard of one partner."""

from collections.abc import Callable
from dataclasses import dataclass, field

from simulators.partner.faults import answers, paging, pushes
from simulators.partner.faults.exchange import Fault
from simulators.partner.faults.pushes import PushFault
from simulators.partner.faults.scene import Scene

ANSWER_FAULTS: dict[str, tuple[str, Callable[[str, Scene], Fault]]] = {
    "slow": ("1", answers.slow),
    "rate-limited": ("20", answers.rate_limited),
    "server-errors": ("0.1", answers.server_errors),
    "refuses-every-token": ("", answers.refuses_every_token),
    "accepts-any-token": ("", answers.accepts_any_token),
    "forbidden": ("", answers.forbidden),
    "registers-twice": ("", answers.registers_twice),
    "slash-redirect": ("", answers.slash_redirect),
    "missing-field": ("last_updated", answers.missing_field),
    "no-data": ("", answers.no_data),
    "no-envelope": ("", answers.no_envelope),
    "no-routing-headers": ("", answers.no_routing_headers),
    "clock": ("3600", answers.clock),
    "naive-dates": ("", answers.naive_dates),
    "offset-dates": ("", answers.offset_dates),
    "truncated": ("", answers.truncated),
    "link-loop": ("", paging.link_loop),
    "link-foreign": ("", paging.link_foreign),
    "link-missing": ("", paging.link_missing),
    "wrong-total": ("1", paging.wrong_total),
    "repeats-objects": ("", paging.repeats_objects),
    "skips-objects": ("", paging.skips_objects),
    "ignores-filters": ("", paging.ignores_filters),
}
"""Faults of answers with their default values, the outermost first."""

PUSH_FAULTS: dict[str, tuple[str, Callable[[str, Scene], PushFault]]] = {
    "replayed": ("", pushes.replayed),
    "old-states": ("", pushes.old_states),
    "clock": ("3600", pushes.clock),
}
"""Faults of what the partner sends."""


def descriptions() -> dict[str, str]:
    """What each fault does, by name."""
    makers = {name: maker for table in (PUSH_FAULTS, ANSWER_FAULTS) for name, (_, maker) in table.items()}
    return {name: (makers[name].__doc__ or "").strip() for name in sorted(makers)}


class UnknownFault(ValueError):
    """No fault has that name, or it cannot have that value."""


@dataclass(slots=True)
class Faults:
    """The faults of one partner that are switched on, by name, with their values."""

    scene: Scene
    values: dict[str, str] = field(default_factory=dict)
    _answers: dict[str, Fault] = field(default_factory=dict)
    _pushes: dict[str, PushFault] = field(default_factory=dict)

    def switch_on(self, setting: str) -> None:
        """Switch on `name` or `name=value`. Raises `UnknownFault`."""
        name, _, value = setting.partition("=")
        if name not in ANSWER_FAULTS and name not in PUSH_FAULTS:
            raise UnknownFault(f"{name!r} is none of {', '.join(descriptions())}")
        self.switch_off(name)
        try:
            if name in ANSWER_FAULTS:
                default, make = ANSWER_FAULTS[name]
                self._answers[name] = make(value or default, self.scene)
            if name in PUSH_FAULTS:
                default, make_push = PUSH_FAULTS[name]
                self._pushes[name] = make_push(value or default, self.scene)
        except ValueError as error:
            self.switch_off(name)
            raise UnknownFault(f"{setting!r}: {error}") from error
        self.values[name] = value or default

    def switch_off(self, name: str) -> None:
        """Switch off one fault; one that is not on stays off."""
        for table in (self.values, self._answers, self._pushes):
            table.pop(name, None)

    def answers(self) -> list[Fault]:
        """The faults of answers that are on, the outermost first."""
        return [self._answers[name] for name in ANSWER_FAULTS if name in self._answers]

    def pushes(self) -> list[PushFault]:
        """The faults of pushes that are on."""
        return [self._pushes[name] for name in PUSH_FAULTS if name in self._pushes]
