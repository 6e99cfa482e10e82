"""What requests and answers show of partners in passing: that they live, and what their ways are. In memory only.

Noticing costs a dictionary entry; `hub.parties.presence` writes it down now and then. What a process that dies has not
written yet is noticed again.
"""

from hub.parties.quirks import Value


class Notices:
    """What this process has noticed since somebody last took it."""

    def __init__(self) -> None:
        self._heard: set[str] = set()
        self._learned: dict[str, dict[str, Value]] = {}

    def heard(self, platform_id: str) -> None:
        """The partner spoke, or answered."""
        self._heard.add(platform_id)

    def learned(self, platform_id: str, quirk: str, value: Value) -> None:
        """The partner has shown one of its ways (`hub.parties.quirks.KINDS`)."""
        found = self._learned.setdefault(platform_id, {})
        known = found.get(quirk)
        found[quirk] = tuple({*known, *value}) if isinstance(known, tuple) and isinstance(value, tuple) else value

    def take(self) -> tuple[set[str], dict[str, dict[str, Value]]]:
        """All of it; nothing is left."""
        taken = self._heard, self._learned
        self._heard, self._learned = set(), {}
        return taken
