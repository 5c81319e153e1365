"""`brotjeneste demo`: a bridge on loopback with one room, links for three people, and robots for company."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from bridge.app.administration import RoomAdministration
from bridge.compose import run_bridge
from bridge.config import Config
from signalling import messages as m

PEOPLE: Final = (
    ("Doctor", m.Role.DOCTOR, "Kari Lege", True),
    ("Patient", m.Role.PATIENT, "Ola Pasient", False),
    ("Interpreter", m.Role.INTERPRETER, "Ines Tolk", False),
)
ROBOT_ROLES: Final = (m.Role.PATIENT, m.Role.RELATIVE, m.Role.INTERPRETER, m.Role.SPECIALIST)
ROBOT_FAREWELL_SECONDS: Final = 5.0


async def run_demo(config: Config, robots: int, console: Console, told_to_stop: asyncio.Event) -> None:
    """Run until told to stop. Nothing is kept: the records are in a folder that goes with the demo."""
    with tempfile.TemporaryDirectory(prefix="brotjeneste-demo-") as folder:
        async with run_bridge(_in_folder(config, Path(folder))) as bridge:
            room = await bridge.administration.create_room(m.CreateRoom(name="Demo"))
            console.print("\nOpen each link in a browser window of its own:\n")
            for title, role, name, host in PEOPLE:
                link = await _link(bridge.administration, room.room, role, name, host=host)
                console.print(f"  {title:<12} {link}", soft_wrap=True, markup=False)
            links = [
                await _link(bridge.administration, room.room, ROBOT_ROLES[n % len(ROBOT_ROLES)], f"Robot {n + 1}")
                for n in range(robots)
            ]
            console.print(f"\nThe operators' page is {config.metrics.base_url}, and its token", soft_wrap=True)
            console.print(
                (Path(folder) / "operator.token").read_text("ascii").strip(), soft_wrap=True, markup=False
            )
            if robots:
                console.print("\nThe robots wait until the doctor admits them.")
            console.print("\nCtrl-C ends the demo.\n")
            async with _robots(links):
                await told_to_stop.wait()


def _in_folder(config: Config, folder: Path) -> Config:
    auth = replace(config.auth, link_key_file=str(folder / "link.key"), api_token_file=str(folder / "api.token"))
    operators = replace(config.operators, token_file=str(folder / "operator.token"))
    store = replace(config.store, url=f"sqlite:///{folder / 'demo.db'}")
    return replace(config, store=store, auth=auth, operators=operators)


async def _link(
    administration: RoomAdministration, room: str, role: m.Role, name: str, *, host: bool = False
) -> str:
    wanted = m.CreateInvitation(role=role, name=name, host=host)
    return (await administration.invite(room, wanted)).link


@asynccontextmanager
async def _robots(links: Sequence[str]) -> AsyncIterator[None]:
    """Robots in a process of their own, so that encoding their pictures does not slow the bridge."""
    if not links:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest", *links, start_new_session=True
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), ROBOT_FAREWELL_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
