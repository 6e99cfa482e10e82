"""`plugbridge station campaign …`: bring one firmware to many chargers, over the operator API of a running hub."""

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hub.cli_api import DEFAULT_URL, AsJson, Key, Url, ask

_PATH = "/firmware-campaigns"
_COUNTED = ("waiting", "asked", "installed", "failed")

Campaign = Annotated[str, typer.Argument(help="The campaign's id.")]


def campaign_verbs() -> typer.Typer:
    """The verbs."""
    verbs = typer.Typer(no_args_is_help=True, help="Bring one firmware to many chargers, stage by stage.")
    verbs.command("begin")(begin)
    verbs.command("list")(list_newest)
    verbs.command("show")(show)
    verbs.command("pause", help="Ask no more chargers for now.")(_change("pause"))
    verbs.command("resume", help="Go on; the failures so far are borne.")(_change("resume"))
    verbs.command("cancel", help="End it for good.")(_change("cancel"))
    return verbs


def begin(
    name: Annotated[str, typer.Option(help="What people call it.")],
    location: Annotated[str, typer.Option(help="Where the chargers fetch the firmware.")],
    stage: Annotated[list[str], typer.Option(help="Ids of chargers, separated by commas. Repeatable, in order.")],
    key: Key,
    url: Url = DEFAULT_URL,
    certificate: Annotated[Path | None, typer.Option(help="File with the signer's certificate, as PEM.")] = None,
    signature: Annotated[str | None, typer.Option(help="The signature, in Base64.")] = None,
    expected_version: Annotated[str | None, typer.Option(help="What a charger that is through says it runs.")] = None,
    at_once: Annotated[int | None, typer.Option(help="Chargers under way at once.")] = None,
    most_failures: Annotated[int | None, typer.Option(help="Failures that are borne; one more pauses it.")] = None,
    patience_s: Annotated[int | None, typer.Option(help="How long a charger may take.")] = None,
    as_json: AsJson = False,
) -> None:
    """Begin a campaign. Its id is told; it goes on by itself."""
    body = {
        "name": name,
        "location": location,
        "stages": [[each.strip() for each in stations.split(",") if each.strip()] for stations in stage],
        "certificate": None if certificate is None else certificate.read_text(),
        "signature": signature,
        "expected_version": expected_version,
        "at_once": at_once,
        "most_failures": most_failures,
        "patience_s": patience_s,
    }
    known = {name: value for name, value in body.items() if value is not None}
    _tell(ask(url, key, "POST", _PATH, known), as_json=as_json)


def list_newest(key: Key, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """The newest campaigns."""
    found: list[dict[str, Any]] = ask(url, key, "GET", _PATH)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for campaign in found:
        typer.echo(f"{campaign['id']}  {campaign['state']:9}  {campaign['name']}")


def show(campaign_id: Campaign, key: Key, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """How far a campaign and each of its chargers are."""
    _tell(ask(url, key, "GET", f"{_PATH}/{quote(campaign_id, safe='')}"), as_json=as_json)


def _change(verb: str) -> Any:
    def change(campaign_id: Campaign, key: Key, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
        _tell(ask(url, key, "POST", f"{_PATH}/{quote(campaign_id, safe='')}/{verb}"), as_json=as_json)

    return change


def _tell(campaign: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(campaign))
        return
    reason = f": {campaign['reason']}" if campaign["reason"] else ""
    typer.echo(f"{campaign['id']}  {campaign['state']}{reason}")
    states = [station["state"] for station in campaign["stations"]]
    typer.echo(", ".join(f"{states.count(state)} {state}" for state in _COUNTED if state in states))
    for station in campaign["stations"]:
        why = f": {station['reason']}" if station["reason"] else ""
        typer.echo(f"  stage {station['stage'] + 1}  {station['station_id']}  {station['state']}{why}")
