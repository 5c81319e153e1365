"""`brotjeneste invite`: a link from a running bridge."""

from pathlib import Path
from typing import Final, TypeVar

import aiohttp
import click
import msgspec

from bridge.auth.errors import AuthError
from bridge.auth.secrets import api_token
from bridge.cli.common import load_config, run, with_config
from bridge.config import Config
from signalling import messages as m

T = TypeVar("T")
INVITED_ROLES: Final = [role.value for role in m.Role if role is not m.Role.OPERATOR]


@click.command()
@with_config
@click.option("--room", help="An existing room; without it a new one is opened.")
@click.option("--room-name", default="Konsultasjon", show_default=True, help="Name of the new room.")
@click.option("--role", type=click.Choice(INVITED_ROLES), required=True)
@click.option("--name", required=True, help="Shown to the others in the room.")
@click.option("--host", is_flag=True, help="The holder decides who comes in (doctor or specialist).")
def invite(
    config_file: Path | None, room: str | None, room_name: str, role: str, name: str, *, host: bool
) -> None:
    """Make a link for one person, by the REST interface of a running bridge."""
    config = load_config(config_file)
    wanted = m.CreateInvitation(role=m.Role(role), name=name, host=host)
    run(_invite(config, room, room_name, wanted), AuthError, aiohttp.ClientError)


async def _invite(config: Config, room: str | None, room_name: str, wanted: m.CreateInvitation) -> None:
    token = api_token(config.auth.api_token, Path(config.auth.api_token_file))
    base = f"http://{config.http.host}:{config.http.port}"
    async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {token}"}) as session:
        if room is None:
            made = await _post(session, "/api/v1/rooms", m.CreateRoom(name=room_name), m.RoomInfo)
            room = made.room
        path = f"/api/v1/rooms/{room}/invitations"
        invitation = await _post(session, path, wanted, m.InvitationInfo)
    click.echo(f"room {room}\nlink {invitation.link}\nuntil {invitation.expires_at:%Y-%m-%d %H:%M %Z}")


async def _post(session: aiohttp.ClientSession, path: str, body: msgspec.Struct, kind: type[T]) -> T:
    async with session.post(path, data=msgspec.json.encode(body)) as response:
        text = await response.read()
    try:
        if response.ok:
            return msgspec.json.decode(text, type=kind)
        error = msgspec.json.decode(text, type=m.ErrorInfo)
    except msgspec.DecodeError as fault:
        raise click.ClickException("what answers at the configured address is not a bridge") from fault
    raise click.ClickException(f"{error.code}: {error.message}")
