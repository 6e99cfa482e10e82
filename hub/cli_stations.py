"""`plugbridge station …`: have a charger do something, over the operator API of a running hub.

The verbs are the operations of the API, and their options its fields: what can be asked there can be asked here.
"""

import inspect
import json
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import quote

import typer
from pydantic.fields import FieldInfo

from hub.cli_api import DEFAULT_URL, AsJson, Key, Url, ask
from hub.cli_campaigns import campaign_verbs
from hub.stations.intents import Intent
from hub.stations.operation_schemas import INTENTS

_COMMON = frozenset({"operation"})
_PLAIN = (str, int, float, bool)


def station_verbs() -> typer.Typer:
    """A verb for each operation, and those of firmware campaigns."""
    verbs = typer.Typer(no_args_is_help=True, help="Have a charger do something: unlock, reset, read settings, …")
    verbs.add_typer(campaign_verbs(), name="campaign")
    for intent in INTENTS:
        name = str(get_args(intent.model_fields["operation"].annotation)[0]).replace("_", "-")
        verbs.command(name, help=inspect.getdoc(intent))(_verb(intent))
    return verbs


def _verb(intent: type[Intent]) -> Callable[..., None]:
    fields = {name: field for name, field in intent.model_fields.items() if name not in _COMMON}

    def verb(**given: Any) -> None:
        station_id, url, key = given.pop("station_id"), given.pop("url"), given.pop("key")
        as_json = given.pop("as_json")
        body = {"operation": get_args(intent.model_fields["operation"].annotation)[0]}
        for name, value in given.items():
            if value is not None and value != []:
                body[name] = _value(name, fields[name], value)
        path = f"/stations/{quote(station_id, safe='')}/operations"
        _show(ask(url, key, "POST", path, body), as_json=as_json)

    parameters = [
        _parameter("station_id", Annotated[str, typer.Argument(help="The station's id.")]),
        *(_option(name, field) for name, field in fields.items()),
        _parameter("url", Url, DEFAULT_URL),
        _parameter("key", Key),
        _parameter("as_json", AsJson, False),
    ]
    verb.__annotations__ = {each.name: each.annotation for each in parameters}
    verb.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return verb


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    """An option for a field: lists are repeated, what has parts of its own is JSON."""
    kind = _kind(field)
    help_text = field.description or ""
    if kind is list:
        annotation: Any = Annotated[list[str] | None, typer.Option(help=f"{help_text} Repeatable.".strip())]
        return _parameter(name, annotation, None)
    plain = kind if kind in _PLAIN else str
    if plain is str and kind in (dict, object):
        help_text = f"{help_text} JSON.".strip()
    if field.is_required():
        return _parameter(name, Annotated[plain, typer.Option(help=help_text)])
    return _parameter(name, Annotated[plain | None, typer.Option(help=help_text)], None)


def _kind(field: FieldInfo) -> Any:
    """The type that an option has: a plain one, `list` of texts, or `dict` and `object` for JSON."""
    found: Any = field.annotation
    if get_origin(found) in (Union, UnionType):
        inner = [each for each in get_args(found) if each is not NoneType]
        found = inner[0] if len(inner) == 1 else object
    if get_origin(found) is list:
        return list if get_args(found)[0] in (str, int) else object
    if get_origin(found) is dict or found in (dict, object):
        return dict
    return found if found in _PLAIN else object if isinstance(found, type) and hasattr(found, "model_fields") else str


def _value(name: str, field: FieldInfo, value: Any) -> Any:
    kind = _kind(field)
    if kind not in (dict, object):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise typer.BadParameter(f"--{name.replace('_', '-')} is no JSON") from error


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    """The outcome; the exit code is 0 when the station agreed, or the operation waits."""
    if as_json:
        typer.echo(json.dumps(told))
    else:
        reason = f": {told['reason']}" if told["reason"] else ""
        typer.echo(f"{told['status'] or told['state']}{reason}")
        if told["result"] is not None:
            typer.echo(json.dumps(told["result"], indent=2))
    agreed = told["status"] in ("accepted", "scheduled", "reboot_required") or told["state"] == "waiting"
    raise typer.Exit(0 if agreed else 1)
