"""`plugbridge fake-stripe`: a Stripe to try payments against, on this machine."""

import asyncio
import json
from typing import Annotated

import typer

from kit.stdin import until_stdin_ends


def fake_stripe(
    host: Annotated[str, typer.Option(help="Address to listen on. It has no secrets: keep it on this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8420,
    webhook_url: Annotated[str | None, typer.Option(help="Whom to tell of events.")] = None,
    webhook_secret: Annotated[list[str] | None, typer.Option(help="What they are signed with; repeatable.")] = None,
    until_eof: Annotated[bool, typer.Option("--until-eof", help="End when the standard input, a pipe, does.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for scripts.")] = False,
) -> None:
    """Run a stateful fake of Stripe's API; its control API is under /_control. docs/fake-stripe.md tells of both."""
    if webhook_url is not None and not webhook_secret:
        raise typer.BadParameter("--webhook-url needs a --webhook-secret")
    work = _run(host, port, webhook_url, webhook_secret or [], as_json)
    asyncio.run(until_stdin_ends(work) if until_eof else work)


async def _run(host: str, port: int, webhook_url: str | None, secrets: list[str], as_json: bool) -> None:
    import signal

    from payments.fake_stripe import serving
    from payments.fake_stripe.events import add_endpoint

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(host=host, port=port) as up:
        if webhook_url is not None:
            add_endpoint(up.fake.world, webhook_url, secrets, [])
        if as_json:
            typer.echo(json.dumps({"url": up.url, "control_url": f"{up.url}/_control"}))
        else:
            typer.echo(f"Stripe's API {up.url}/v1  control API {up.url}/_control", err=True)
        await stop.wait()
