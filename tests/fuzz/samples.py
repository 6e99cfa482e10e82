"""Payloads made of the schemas that come with the `ocpp` package: one for each action, with all that it may carry."""

import json
from functools import cache
from importlib import resources
from random import Random
from typing import Any

Json = dict[str, Any]

FOLDERS = {"ocpp1.6": ("v16", ""), "ocpp2.0.1": ("v201", "Request"), "ocpp2.1": ("v21", "Request")}
"""Where the schemas of a version are, and how the name of a request's ends."""
T = "2026-05-01T10:00:00Z"
_DEEPEST = 8


def sample(protocol: str, action: str, random: Random) -> Json:
    """A request that the schema allows: what may be left out is there nine times of ten."""
    return _made(_schema(protocol, action, FOLDERS[protocol][1]), random)


def answer(protocol: str, action: str, random: Random) -> Json:
    """The same of what answers it."""
    return _made(_schema(protocol, action, "Response"), random)


def _made(schema: Json, random: Random) -> Json:
    made: Json = _value(schema, schema, random, _DEEPEST)
    return made


@cache
def _schema(protocol: str, action: str, suffix: str) -> Json:
    folder = FOLDERS[protocol][0]
    schemas = resources.files("ocpp").joinpath(folder, "schemas")
    found = [schemas / f"{action}{end}.json" for end in (suffix, "")]  # a message without an answer has no such end
    schema: Json = json.loads(next(file for file in found if file.is_file()).read_text("utf-8-sig"))
    return schema


def _value(schema: Json, root: Json, random: Random, deepest: int) -> Any:
    if "$ref" in schema:
        named = schema["$ref"].rpartition("/")[2]
        return _value(root["definitions"][named], root, random, deepest - 1)
    if "enum" in schema:
        return random.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {
                name: _value(each, root, random, deepest - 1)
                for name, each in schema.get("properties", {}).items()
                if name in required or (deepest > 0 and random.random() < 0.9)
            }
        case "array":
            count = max(schema.get("minItems", 0), min(2, schema.get("maxItems", 2)))
            return [_value(schema["items"], root, random, deepest - 1) for _ in range(count)]
        case "string":
            return T if schema.get("format") == "date-time" else "1"[: schema.get("maxLength", 1)]
        case "integer":
            return int(schema.get("minimum", 1))
        case "number":
            return schema.get("minimum", schema.get("maximum", 1.5))
        case "boolean":
            return random.random() < 0.5
        case _:
            return {"a": [1]}
