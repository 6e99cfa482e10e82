"""The statements that lists are read by, in the words of both databases, with `?` for values (`kit.reader`).

Each puts the documents of a slice together inside the database: a row each would cost more than everything else.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from hub.parties.objects import OcpiObject
from hub.parties.visibility import Reference, Shelf, Visibility

Statement = tuple[str, list[Any]]
_STAMP = "(SELECT CAST(coalesce(sum(version), 0) AS BIGINT) FROM object_shelf WHERE module = ?)"
_OWNER = "country_code || '*' || party_id"


class Words:
    """The statements of one module."""

    shelves = "SELECT country_code, party_id, audience, total, version FROM object_shelf WHERE module = ?"

    def __init__(self, model: type[OcpiObject], dialect: str) -> None:
        self._module = model.module
        self._table = f'"{model.__tablename__}"'
        if dialect == "sqlite":
            joined = "group_concat(doc), group_concat(length(doc))"
        else:
            joined = "string_agg(doc, '\\x2c'::bytea), string_agg(octet_length(doc)::text, ',')"
        self._joined = f"SELECT {joined}, count(*), min(id), max(id)"

    def in_order(self, visibility: Visibility | None, first: int, passed_over: int, limit: int) -> Statement:
        """By the ids, passing over what is not seen; None sees everything."""
        condition, values = _seen(visibility)
        text = _in_order(self._joined, self._table, condition)
        return text, [self._module, first, *values, limit, passed_over]

    def by_shelves(self, shelves: Sequence[Shelf], first: int, passed_over: int, limit: int) -> Statement:
        """By the index of each shelf."""
        parts, values = [], [self._module]
        for shelf in shelves:
            audience = "audience = ?" if shelf.audience else "audience IS NULL"
            parts.append(
                f"SELECT * FROM (SELECT id FROM {self._table} WHERE country_code = ? AND party_id = ?"  # noqa: S608
                f" AND {audience} AND id >= ? ORDER BY id LIMIT ?) shelf"
            )
            values += [shelf.country_code, shelf.party_id, *([shelf.audience] if shelf.audience else [])]
            values += [first, passed_over + limit]  # type: ignore[list-item]
        text = (
            f"{self._joined}, {_STAMP} FROM (SELECT id, doc FROM {self._table} WHERE id IN (SELECT id FROM ("  # noqa: S608
            f"{' UNION ALL '.join(parts)}) shelves ORDER BY id LIMIT ? OFFSET ?) ORDER BY id) page"
        )
        return text, [*values, limit, passed_over]

    def blocks(self, visibility: Visibility | None) -> Statement:
        """How many objects each block has, in order."""
        condition, values = _seen(visibility, "audience")
        text = (
            "SELECT block, CAST(sum(total) AS BIGINT) FROM object_block"  # noqa: S608
            f" WHERE module = ?{condition} GROUP BY block HAVING sum(total) > 0 ORDER BY block"
        )
        return text, [self._module, *values]

    def counted(
        self, visibility: Visibility, date_from: Any, date_to: Any, first: int, passed_over: int, limit: int
    ) -> Statement:
        """Whatever matches, found and counted by the statement; the last column is the total."""
        condition, values = _seen(visibility)
        condition, values = _with_exceptions(condition, values, visibility)
        for operator, moment in ((">=", date_from), ("<", date_to)):
            if moment is not None:
                condition += f" AND last_updated {operator} ?"
                values.append(moment)
        text = (
            f"WITH hit AS MATERIALIZED (SELECT id FROM {self._table} WHERE 1 = 1{condition})"  # noqa: S608
            f" {self._joined}, (SELECT count(*) FROM hit) FROM (SELECT id, doc FROM {self._table}"
            " WHERE id IN (SELECT id FROM hit WHERE id >= ? ORDER BY id LIMIT ? OFFSET ?) ORDER BY id) page"
        )
        return text, [*values, first, limit, passed_over]


@lru_cache(maxsize=1024)
def _in_order(joined: str, table: str, condition: str) -> str:
    return (
        f"{joined}, {_STAMP} FROM"  # noqa: S608
        f" (SELECT id, doc FROM {table} WHERE id >= ?{condition} ORDER BY id LIMIT ? OFFSET ?) page"
    )


def _seen(visibility: Visibility | None, audience: str = "coalesce(audience, '')") -> Statement:
    """` AND …` for what is seen on shelves; nothing for one who sees everything."""
    if visibility is None:
        return "", []
    text, values = "", list[Any]()
    if visibility.owners is not None:
        text, values = f" AND {_OWNER} IN ({_marks(visibility.owners)})", sorted(visibility.owners)
    if visibility.not_owners:
        text += f" AND {_OWNER} NOT IN ({_marks(visibility.not_owners)})"
        values += sorted(visibility.not_owners)
    seen = ", ".join(["''", *"?" * len(visibility.audience)])
    text += f" AND {audience} IN ({seen})"
    return text, [*values, *sorted(visibility.audience)]


def _with_exceptions(condition: str, values: list[Any], visibility: Visibility) -> Statement:
    if visibility.shown:
        condition = f" AND ((1 = 1{condition}) OR {_any_of(visibility.shown)})"
        values = [*values, *_flat(visibility.shown)]
    if visibility.hidden:
        condition += f" AND NOT ({_any_of(visibility.hidden)})"
        values = [*values, *_flat(visibility.hidden)]
    return condition, values


def _any_of(references: Collection[Reference]) -> str:
    return f"(country_code, party_id, object_id) IN (VALUES {', '.join(['(?, ?, ?)'] * len(references))})"


def _flat(references: Collection[Reference]) -> list[str]:
    return [part for reference in sorted(references) for part in reference]


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values)) or "NULL"
