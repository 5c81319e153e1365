"""A group of commands whose modules are imported when they are asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """`members`: the name of each command -> its module and its name there, as `package.module:name`."""

    def __init__(self, *args: Any, members: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._members = members

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands in order of the alphabet."""
        return sorted({*super().list_commands(ctx), *self._members})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None where there is none of this name."""
        if cmd_name not in self._members:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._members[cmd_name].partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found
