"""Who may see and charge where: terms between CPOs and eMSPs, and exceptions for single objects. Pure.

    a location or tariff and an eMSP   ►  the object and any eMSP
    a CPO and an eMSP                  ►  one of them and anybody  ►  anybody and anybody  ►  the default

The first row that says anything decides, from left to right; where the CPO with anybody and anybody with the eMSP say
different things, the no counts. A party needs no agreement with itself. "eMSP" stands for whoever reads what a CPO
publishes: NSP, NAP and OTHER, too. Money and privacy go together: two parties that may not meet see none of each
other's locations, tariffs and tokens, ask each other for no authorization, and send each other no command. Sessions
and CDRs are no part of it: they are of charging that was allowed when it began, and are owed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

ANY = "*"
"""Stands for every party in a term."""

EXCEPTED_MODULES = ("locations", "tariffs")
"""Of these modules single objects can be excepted."""

EMSP_OWNED = frozenset({"tokens"})
_NOBODY_IN_PARTICULAR = ""


@dataclass(frozen=True, slots=True)
class Term:
    """What was agreed between a CPO and an eMSP, each `CC*PID` or `ANY`.

    With a module and an object id (casefolded) it is about one object of the CPO alone.
    """

    cpo: str
    emsp: str
    allowed: bool
    module: str = ""
    object_id: str = ""


@dataclass(frozen=True, slots=True)
class Visible:
    """Whose objects of one module a platform may see.

    `owners` are the parties for which the opposite of `others` holds; `shown` and `hidden` are single objects
    (owner, casefolded id) for which the opposite of their owner's holds.
    """

    others: bool = True
    owners: frozenset[str] = frozenset()
    shown: frozenset[tuple[str, str]] = frozenset()
    hidden: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_everything(self) -> bool:
        """Whether nothing at all is kept back."""
        return self.others and not self.owners and not self.hidden

    def shows_owner(self, owner: str) -> bool:
        """Whether the objects of a party are seen, exceptions aside."""
        return self.others is not (owner in self.owners)

    def shows(self, owner: str, object_id: str) -> bool:
        """Whether one object is seen."""
        key = (owner, object_id.casefold())
        return key in self.shown or (self.shows_owner(owner) and key not in self.hidden)


EVERYTHING = Visible()


class Agreements:
    """Every term at one moment, and what holds without one."""

    def __init__(self, terms: Iterable[Term] = (), *, default: bool = True) -> None:
        self.terms = frozenset(terms)
        self.default = default
        self._pairs = {(term.cpo, term.emsp): term.allowed for term in self.terms if not term.module}
        self._objects: dict[tuple[str, str, str], dict[str, bool]] = {}
        for term in self.terms:
            if term.module:
                self._objects.setdefault((term.module, term.cpo, term.object_id), {})[term.emsp] = term.allowed
        self._visible: dict[tuple[str, tuple[str, ...]], Visible] = {}
        self._excepting = frozenset((module, owner) for module, owner, _ in self._objects)

    @property
    def has_exceptions(self) -> bool:
        """Whether any term is about a single object."""
        return bool(self._excepting)

    def excepts(self, module: str, owner: str) -> bool:
        """Whether any term is about a single object of this owner."""
        return (module, owner) in self._excepting

    def may_meet(self, cpo: str, emsp: str) -> bool:
        """Whether drivers of the eMSP may charge at the CPO, and the two know of each other at all."""
        exact = self._pairs.get((cpo, emsp))
        if exact is not None:
            return exact
        if cpo == emsp:
            return True
        one_sided = [said for pair in ((cpo, ANY), (ANY, emsp)) if (said := self._pairs.get(pair)) is not None]
        return all(one_sided) if one_sided else self._pairs.get((ANY, ANY), self.default)

    def may_charge(self, cpo: str, emsp: str, location_id: str | None = None) -> bool:
        """Whether drivers of the eMSP may charge at the CPO's location, or at the CPO in general."""
        return self.may_meet(cpo, emsp) if location_id is None else self.may_see("locations", cpo, location_id, emsp)

    def may_see(self, module: str, owner: str, object_id: str, viewer: str) -> bool:
        """Whether a party may see one object of another's."""
        excepted = self._objects.get((module, owner, object_id.casefold()), {})
        if viewer in excepted:
            return excepted[viewer]
        if ANY in excepted and viewer != owner:
            return excepted[ANY]
        return self._sees_owner(module, owner, viewer)

    def visible_owners(self, module: str, viewers: tuple[str, ...]) -> Visible:
        """Whose objects of a module a platform may see on which `viewers` live: what any of them may see."""
        key = (module, viewers)
        known = self._visible.get(key)
        if known is None:
            known = self._visible[key] = self._compute(module, viewers)
        return known

    def _compute(self, module: str, viewers: tuple[str, ...]) -> Visible:
        others = self._any_sees_owner(module, _NOBODY_IN_PARTICULAR, viewers)
        side = 1 if module in EMSP_OWNED else 0
        named = {pair[side] for pair in self._pairs if pair[1 - side] == ANY or pair[1 - side] in viewers}
        named = (named | set(viewers)) - {ANY}
        opposite = frozenset(owner for owner in named if self._any_sees_owner(module, owner, viewers) is not others)
        shown: set[tuple[str, str]] = set()
        hidden: set[tuple[str, str]] = set()
        for of_module, owner, object_id in self._objects:
            if of_module != module:
                continue
            usual = self._any_sees_owner(module, owner, viewers)
            if any(self.may_see(module, owner, object_id, viewer) for viewer in viewers) is not usual:
                (hidden if usual else shown).add((owner, object_id))
        return Visible(others, opposite, frozenset(shown), frozenset(hidden))

    def _any_sees_owner(self, module: str, owner: str, viewers: tuple[str, ...]) -> bool:
        return any(self._sees_owner(module, owner, viewer) for viewer in viewers)

    def _sees_owner(self, module: str, owner: str, viewer: str) -> bool:
        return self.may_meet(viewer, owner) if module in EMSP_OWNED else self.may_meet(owner, viewer)


def grants(before: Visible, after: Visible) -> bool:
    """Whether a change of terms shows anything that was kept back."""
    owners = before.owners | after.owners
    objects = before.shown | before.hidden | after.shown | after.hidden
    return (
        (after.others and not before.others)
        or any(after.shows_owner(owner) and not before.shows_owner(owner) for owner in owners)
        or any(after.shows(*each) and not before.shows(*each) for each in objects)
    )
