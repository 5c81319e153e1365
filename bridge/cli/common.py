"""What several commands share: the configuration, a sentence for a known fault, and the signals that end them."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich.console import Console

from bridge.config import Config, ConfigError, load

T = TypeVar("T")
CONSOLE: Final = Console(highlight=False)

with_config = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file; see deploy/bridge.toml. Without it: BROTJENESTE_CONFIG, else the built-in defaults.",
)


def load_config(config_file: Path | None) -> Config:
    """Read the configuration, or end with one sentence that says what is wrong with it."""
    try:
        return load(config_file, os.environ)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


def run(work: Coroutine[Any, Any, T], *faults: type[Exception]) -> T:
    """Run it, and turn the `faults` that an operator can mend, and those of the system, into one sentence."""
    known: tuple[type[Exception], ...] = (OSError, ExceptionGroup, *faults)
    try:
        return asyncio.run(work)
    except known as error:
        first = _first_of(error)
        if not isinstance(first, known):
            raise
        raise click.ClickException(str(first)) from error


def _first_of(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Give what the first SIGINT or SIGTERM sets, from now on: also one that comes while things are starting.

    A second signal does what it does to any program, so that an end that hangs can be cut short.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def take() -> None:
        told.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, take)
    try:
        yield told
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
