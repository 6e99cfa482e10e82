"""Asking a running hub over its operator API, for the verbs of the command line that need one."""

import json
from typing import Annotated, Any

import typer

Url = Annotated[str, typer.Option(envvar="PLUGBRIDGE_API_URL", help="Where the hub's HTTP APIs are.")]
Key = Annotated[str, typer.Option(envvar="PLUGBRIDGE_OPERATOR_KEY", help="A key for the operator API.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")]

DEFAULT_URL = "http://localhost:8000"
ANSWER_AFTER_S = 150.0


def ask(url: str, key: str, method: str, path: str, body: Any = None) -> Any:
    """The answer to a request of the operator API.

    What the hub refuses is told on stderr, and the program ends. Raises `OSError` when it does not answer.
    """
    import httpx

    target = f"{url.rstrip('/')}/api/operator/v1{path}"
    headers = {"Authorization": f"Bearer {key}"}
    try:
        answer = httpx.request(method, target, json=body, headers=headers, timeout=ANSWER_AFTER_S)
    except httpx.HTTPError as error:
        raise OSError(f"the hub at {url} does not answer: {error or type(error).__name__}") from error
    told: Any = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    if not answer.is_success:
        what = told.get("errors") or told.get("detail") or told.get("title") or f"HTTP {answer.status_code}"
        typer.echo(f"plugbridge: {what if isinstance(what, str) else json.dumps(what)}", err=True)
        raise typer.Exit(1)
    return told
