"""Damage to JSON, decided by a seeded random: wrong types, missing fields, odd numbers and texts, depth."""

import copy
import json
from random import Random
from typing import Any

Json = dict[str, Any]

TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\r\nX-Evil: 1",
    "é",
    "e\u0301",
    "\u202e\u200b",
    "\U0001f50c" * 5,
    "\ufeff",
    "ſ",
    "İ",
    "../../etc",
    "%00",
    "'; DROP TABLE session; --",
    "<script>alert(1)</script>",
    "x" * 300,
    "x" * 70_000,
    "NaN",
    "1e309",
    "2026-02-30T25:61:61Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "2026-01-01T00:00:00+14:00",
    "http://[::1",
    "http://127.0.0.1:9/x",
    "javascript:alert(1)",
    "#NA",
]
NUMBERS = [0, -0.0, -1, 1, 0.1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**40, 1e308, 5e-324, 1e-30, 99999.99995]
OTHERS: list[Any] = [None, True, False, [], {}, [[]], [None], {"": {}}, {"a": 1}]


def value(random: Random) -> Any:
    """Any JSON value, most of them odd."""
    kind = random.randrange(8)
    if kind < 3:
        return random.choice(TEXTS)
    if kind < 5:
        return random.choice(NUMBERS)
    if kind == 5:
        return "".join(chr(random.choice([*range(1, 0x250), *range(0x1F300, 0x1F310)])) for _ in range(5))
    if kind == 6:
        return nested(random.choice([2, 40, 200]), random)
    return copy.deepcopy(random.choice(OTHERS))


def nested(depth: int, random: Random) -> Any:
    """A value so deep."""
    made: Any = random.choice([1, "x", None])
    for _ in range(depth):
        made = [made] if random.random() < 0.5 else {"a": made}
    return made


def mutated(body: Any, random: Random, *, most: int = 3) -> Any:
    """The body with one to `most` changes."""
    body = copy.deepcopy(body)
    for _ in range(random.randint(1, most)):
        places = list(_places(body))
        if not places:
            return value(random)
        holder, key = random.choice(places)
        _change(holder, key, random)
    return body


def _change(holder: Any, key: Any, random: Random) -> None:
    present = holder[key]
    match random.randrange(9):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(TEXTS[:12]) or str(key).upper()] = holder.pop(key)
        case 2:
            holder[key] = [present] * random.choice([0, 1, 2, 500])
        case 3:
            holder[key] = {"value": present}
        case 4 if isinstance(present, str):
            holder[key] = _text_like(present, random)
        case 4 if isinstance(present, int | float):
            holder[key] = random.choice([str(present), -present, present * 1e20, present + 0.00005, bool(present)])
        case _:
            holder[key] = value(random)


def _text_like(text: str, random: Random) -> str:
    return random.choice([text.upper(), text.lower(), f" {text}", f"{text}\x00", text * 50, text[:-1], text + "é"])


def _places(node: Any) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in items:
        yield node, key
        yield from _places(inner)


def raw(body: Any, random: Random) -> bytes:
    """The body as bytes, sometimes damaged in a way that only bytes can be."""
    text = json.dumps(body, ensure_ascii=random.random() < 0.5, allow_nan=True).encode("utf-8", "surrogatepass")
    match random.randrange(20):
        case 0:
            return text[: random.randrange(len(text) + 1)]
        case 1:
            at = random.randrange(len(text) + 1)
            return text[:at] + random.randbytes(random.randint(1, 4)) + text[at:]
        case 2:
            return b"\xef\xbb\xbf" + text
        case 3:
            return random.choice([b"[" * 50_000, b'{"a":' * 20_000, b"\xff\xfe" + text, text + text, b"nul", b"1e999"])
        case 4 if text.startswith(b"{"):
            return b'{"id":"FIRST",' + text[1:] if len(text) > 2 else text
        case _:
            return text
