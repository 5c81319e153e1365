"""The `brotjeneste` command.

Each command is a module of its own, imported when it is called: what `serve` and `loadtest` need takes seconds to
import on a busy machine, and nobody who checks a setting or makes a link should wait for it.
"""

import click

from bridge.cli.lazy import LazyGroup

COMMANDS = {
    "audit": "bridge.cli.audit:audit",
    "check-config": "bridge.cli.check_config:check_config",
    "demo": "bridge.cli.demo:demo",
    "drain": "bridge.cli.drain:drain",
    "invite": "bridge.cli.invite:invite",
    "loadtest": "bridge.cli.loadtest:loadtest",
    "records": "bridge.cli.records:records",
    "serve": "bridge.cli.serve:serve",
    "webhooks": "bridge.cli.webhooks:webhooks",
}


@click.group(cls=LazyGroup, members=COMMANDS)
@click.version_option(package_name="brotjeneste")
def main() -> None:
    """Run and operate the video bridge."""
