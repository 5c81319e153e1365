"""Drives Debian's firefox-esr over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/) for the tests."""

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

START_SECONDS = 60.0
COMMAND_SECONDS = 60.0
STOP_SECONDS = 10.0
READ_LIMIT = 2**20

LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://[\w.:\[\]]+)")

# Fake devices and no prompts; plain host candidates, so that ICE works on loopback without mDNS; no calls
# home.
PREFERENCES: dict[str, bool | int | str] = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "media.autoplay.blocking_policy": 0,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "data:,",
}


class FirefoxError(Exception):
    """Firefox did not start, refused a command, or threw in the page."""


class FirefoxBidi:
    """One headless Firefox with a profile of its own.

    Use: `async with FirefoxBidi() as firefox: await firefox.open(url); await firefox.evaluate(expression)`.

    Leaving the context ends the process that it started, whatever happened, and removes the profile.
    """

    def __init__(
        self, preferences: Mapping[str, bool | int | str] | None = None, *, executable: str = "firefox-esr"
    ) -> None:
        self._executable = executable
        self._preferences = PREFERENCES | dict(preferences or {})
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._stack = contextlib.AsyncExitStack()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._context = ""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def open(self, url: str, *, new_tab: bool = False) -> str:
        """Load `url`, wait for its load event, and return the id of the tab that `evaluate` then works in."""
        if new_tab:
            self._context = (await self.command("browsingContext.create", type="tab"))["context"]
        await self.command("browsingContext.navigate", context=self._context, url=url, wait="complete")
        return self._context

    async def preload(self, script: str) -> None:
        """Run a script before those of every page from now on."""
        await self.command("script.addPreloadScript", functionDeclaration=f"() => {{ {script}\n}}")

    async def evaluate(self, expression: str, *, context: str | None = None) -> Any:
        """Evaluate JavaScript, await its promise, and return its value as Python data.

        Objects come back as dicts, so return plain data from the page. Raises FirefoxError with the page's
        text when it throws.
        """
        answer = await self.command(
            "script.evaluate",
            expression=expression,
            target={"context": context or self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise FirefoxError(answer["exceptionDetails"]["text"])
        return plain(answer["result"])

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send any BiDi command and return its result."""
        if self._socket is None:
            raise FirefoxError("not started")
        number = next(self._ids)
        answer = self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send_json({"id": number, "method": method, "params": params})
            return await asyncio.wait_for(answer, COMMAND_SECONDS)
        finally:
            del self._pending[number]

    async def _start(self) -> None:
        profile = Path(tempfile.mkdtemp(prefix="firefox-"))
        self._stack.callback(shutil.rmtree, profile, ignore_errors=True)
        (profile / "user.js").write_text("".join(map(_preference, self._preferences.items())))
        process = await asyncio.create_subprocess_exec(
            self._executable,
            *("--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=READ_LIMIT,
            start_new_session=True,
        )
        self._stack.push_async_callback(_stop, process)
        address = await asyncio.wait_for(_listening_address(process), START_SECONDS)
        # Firefox may fill its stderr pipe and stop, so it is read to its end; the task ends with the process.
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        drain = group.create_task(_drain(process))
        self._stack.callback(drain.cancel)
        client = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._socket = await self._stack.enter_async_context(
            client.ws_connect(f"{address}/session", max_msg_size=0)
        )
        reader = group.create_task(self._read(self._socket))
        self._stack.callback(reader.cancel)
        await self.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self._stack.push_async_callback(self._close_browser)
        tree = await self.command("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]

    async def _close_browser(self) -> None:
        # An ordinary end first, so that Firefox ends its content processes itself; `_stop` makes sure of it.
        with contextlib.suppress(FirefoxError, TimeoutError, ConnectionError):
            await self.command("browser.close")

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            answer = message.json()
            waiting = self._pending.get(answer.get("id") or 0)
            if waiting is None or waiting.done():
                continue
            if answer["type"] == "error":
                waiting.set_exception(FirefoxError(f"{answer['error']}: {answer.get('message', '')}"))
            else:
                waiting.set_result(answer["result"])
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(FirefoxError("Firefox closed the connection"))


class FirefoxPage:
    """The tab in which a `FirefoxBidi` works, with the `evaluate` of a Playwright page."""

    def __init__(self, firefox: FirefoxBidi) -> None:
        self._firefox = firefox

    async def evaluate(self, expression: str, arg: Any = None) -> Any:
        """Evaluate an expression, or call it with `arg` where there is one."""
        called = expression if arg is None else f"({expression})({json.dumps(arg)})"
        return await self._firefox.evaluate(called)


def plain(value: dict[str, Any]) -> Any:
    """Turn a BiDi remote value (section 7.9.2, "script.RemoteValue") into Python data."""
    match value["type"]:
        case "undefined" | "null":
            return None
        case "array" | "set":
            return [plain(item) for item in value.get("value", ())]
        case "object" | "map":
            return {
                key if isinstance(key, str) else plain(key): plain(item) for key, item in value.get("value", ())
            }
        case "number" if isinstance(value["value"], str):
            return float(value["value"].replace("Infinity", "inf"))
        case "bigint":
            return int(value["value"])
        case _:
            return value.get("value")


def _preference(item: tuple[str, bool | int | str]) -> str:
    name, value = item
    text = str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
    return f'user_pref("{name}", {text});\n'


async def _listening_address(process: asyncio.subprocess.Process) -> str:
    if process.stderr is None:
        raise FirefoxError("no stderr to read the address from")
    async for line in process.stderr:
        if found := LISTENING.search(line):
            return found[1].decode()
    raise FirefoxError("Firefox ended before it listened")


async def _drain(process: asyncio.subprocess.Process) -> None:
    while process.stderr is not None and await process.stderr.read(2**16):
        pass


async def _stop(process: asyncio.subprocess.Process) -> None:
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None and process.returncode is None:
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
            return
