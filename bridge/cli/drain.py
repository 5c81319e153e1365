"""`brotjeneste drain`: empty a running bridge without cutting anybody off."""

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import aiohttp
import click

from bridge.auth.errors import AuthError
from bridge.auth.secrets import api_token
from bridge.cli.common import load_config, run, with_config
from bridge.config import Config
from bridge.ops.health import DrainReason

LOOK_AGAIN_S: Final = 2.0


@click.command()
@with_config
@click.option(
    "--reason", type=click.Choice([one.value for one in DrainReason]), default="maintenance", show_default=True
)
@click.option("--stop", is_flag=True, help="Take new rooms again.")
@click.option("--yes", is_flag=True, help="Do not ask, although people are in calls.")
@click.option("--wait", is_flag=True, help="Come back when nobody is in a call or waits for one.")
def drain(config_file: Path | None, reason: str, *, stop: bool, yes: bool, wait: bool) -> None:
    """Let a running bridge open no more rooms, so that it empties; who comes to an open one still gets in.

    Where people are in calls it says how many, and asks if it is run at a terminal.
    """
    config = load_config(config_file)
    work = _stop(config) if stop else _drain(config, reason, ask=not yes and sys.stdin.isatty(), wait=wait)
    run(work, AuthError, aiohttp.ClientError)


async def _stop(config: Config) -> None:
    async with _session(config) as session:
        await _state(session, "DELETE")
    click.echo("the bridge takes new rooms")


async def _drain(config: Config, reason: str, *, ask: bool, wait: bool) -> None:
    async with _session(config) as session:
        there = _people(await _state(session, "GET"))
        if there:
            click.echo(f"{there}; nobody is cut off, and who comes to an open room still gets in", err=True)
        if there and ask:
            await asyncio.to_thread(click.confirm, "drain the bridge?", abort=True, err=True)
        state = await _state(session, "PUT", json={"reason": reason})
        click.echo("the bridge drains")
        while wait and (there := _people(state)):
            click.echo(there, err=True)
            await asyncio.sleep(LOOK_AGAIN_S)
            state = await _state(session, "GET")
    if wait:
        click.echo("the bridge is empty")


def _session(config: Config) -> aiohttp.ClientSession:
    token = api_token(config.operators.token, Path(config.operators.token_file))
    return aiohttp.ClientSession(config.metrics.base_url, headers={"Authorization": f"Bearer {token}"})


async def _state(session: aiohttp.ClientSession, method: str, **more: Any) -> dict[str, Any]:
    async with session.request(method, "/drain", **more) as response:
        try:
            body: dict[str, Any] = await response.json()
        except (aiohttp.ContentTypeError, ValueError) as error:
            raise click.ClickException("what answers at the operators' address is not a bridge") from error
    if not response.ok:
        raise click.ClickException(f"{body.get('code')}: {body.get('message')}")
    return body


def _people(state: dict[str, Any]) -> str:
    """Say how many there are, if any."""
    if not state["in_call"] + state["waiting"]:
        return ""
    return f"{state['in_call']} in calls and {state['waiting']} waiting, in {state['rooms']} rooms"
