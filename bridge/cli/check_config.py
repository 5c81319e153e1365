"""`brotjeneste check-config`: what the settings come to."""

from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from bridge.auth.errors import AuthError
from bridge.auth.oidc.settings import read_all
from bridge.auth.smart.settings import read as read_system
from bridge.cli.common import CONSOLE, load_config, with_config
from bridge.integration.errors import IntegrationError
from bridge.integration.rotas import check as check_rotas
from bridge.integration.webhooks.settings import read as read_webhook


@click.command("check-config")
@with_config
def check_config(config_file: Path | None) -> None:
    """Say whether the configuration is usable, and what it comes to."""
    config = load_config(config_file)
    try:
        read_all(config.logins, config.portals)
        for name, settings in config.smart.items():
            read_system(name, settings)
        for name, settings in config.webhooks.items():
            read_webhook(name, settings)
        check_rotas(config.rotas)
    except (AuthError, IntegrationError) as error:
        raise click.ClickException(str(error)) from error
    table = Table("section", "setting", "value")
    for section, settings in asdict(config).items():
        for key, value in settings.items():
            shown = "(secret)" if key == "api_token" and value else value
            if (section, key) == ("store", "url"):
                shown = config.store.shown_url
            table.add_row(section, key, escape(str(shown)))
    CONSOLE.print(table)
