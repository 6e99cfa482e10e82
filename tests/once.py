"""What a process of tests does once, where each of its many hubs would do it anew."""

import sys
from collections.abc import Callable
from dataclasses import fields as fields_of
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
from fastapi import routing
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.utils import create_model_field
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from kit import db


def compile_statements() -> None:
    """Let all engines of a process share what they compile: else each hub of a test compiles its statements anew.

    Compiled statements depend on the dialect alone, which is the same once its first connection has told its version.
    """
    first: dict[str, Engine] = {}

    def shared(url: str, **options: Any) -> AsyncEngine:
        made = create_async_engine(url, **options)
        engine = made.sync_engine
        known = first.get(engine.dialect.name)
        if known is None or getattr(known.dialect, "server_version_info", None) is None:
            first[engine.dialect.name] = engine
        else:
            engine.dialect = engine.pool._dialect = known.dialect
            engine._compiled_cache = known._compiled_cache
        return made

    pytest.MonkeyPatch().setattr(db, "create_async_engine", shared)


def read_routes() -> None:
    """Let a route that is made again, for another hub of the process, be read from what its first one was found to be.

    Its function is another one by then, with another hub around it; what it takes must be the same objects, or it is
    read anew.
    """
    read, field = get_dependant, create_model_field
    dependants: dict[tuple[Any, ...], tuple[Callable[..., Any], Dependant]] = {}
    fields: dict[tuple[Any, ...], Any] = {}

    def dependant_of(*, path: str, call: Callable[..., Any], **more: Any) -> Dependant:
        code = getattr(call, "__code__", None)
        if code is None:
            return read(path=path, call=call, **more)
        key = (code, path, *more.items())
        known, found = dependants.get(key, (None, None))
        if known is None or found is None or _taken(known) != _taken(call):
            found = read(path=path, call=call, **more)
            dependants[key] = (call, found)
        return _copy(found, call)

    def field_of(*, name: str, type_: Any, mode: Any) -> Any:
        key = (name, type_, mode)
        if key not in fields:
            fields[key] = field(name=name, type_=type_, mode=mode)
        return fields[key]

    patch = pytest.MonkeyPatch()
    patch.setattr(routing, "get_dependant", dependant_of)
    patch.setattr(routing, "create_model_field", field_of)


def miss_sniffio() -> None:
    """Let httpcore find at once that this library is not there: it looks for it everywhere with each request."""
    if find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]


def _copy(found: Dependant, call: Callable[..., Any]) -> Dependant:
    """The same for another function; FastAPI goes on to add to its lists."""
    made = replace(found, call=call)
    for each in fields_of(made):
        if isinstance(value := getattr(made, each.name), list):
            setattr(made, each.name, list(value))
    return made


def _taken(call: Any) -> tuple[Any, ...]:
    """What a function takes."""
    return call.__annotations__, call.__defaults__, call.__kwdefaults__
