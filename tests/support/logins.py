"""A bridge at which people can log in, with a certified provider beside it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.auth.openid import RealProvider, provider
from tests.support.bridge import House, running_house
from tests.support.ports import free_ports


@asynccontextmanager
async def house_with_logins(
    folder: Path, name: str, settings: Mapping[str, object], /, **wanted: Any
) -> AsyncIterator[tuple[House, RealProvider]]:
    """One with a room and `[logins.NAME]`, these settings beside the provider's own; `wanted` as elsewhere.

    One with a `name` is on an island, where the provider is there for other places as well.
    """
    (port,) = free_ports(1)
    host = wanted.get("name", "127.0.0.1")
    listen = "0.0.0.0" if "name" in wanted else host  # noqa: S104 - an island leads nowhere
    async with provider(f"http://{host}:{port}/login/answer", listen=listen) as real:
        key = folder / f"{name}.jwk"
        key.touch(mode=0o600)
        key.write_text(json.dumps(real.key.as_dict(private=True)))
        known = {"issuer": real.issuer, "client_id": real.client_id, "key_file": str(key)}
        logins = {name: {**known, **settings}}
        async with running_house(folder, port=port, logins=logins, **wanted) as house:
            yield house, real
