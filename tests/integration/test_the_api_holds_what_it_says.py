"""Schemathesis asks the running bridge all that its OpenAPI document lets one ask, and much that it does not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.bridge import running_house

# What cannot be asked like this: the WebSocket has tests of its own.
ELSEWHERE = {"/api/v1/ws"}
EXAMPLES = 3
LONGEST_LINE = 8_000


def whole(value: Any) -> Any:
    """Write 19.0 as 19: JSON Schema calls both integers, and nobody writes the one."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def ask(operation: APIOperation, token: str, mode: GenerationMode) -> None:
    """Ask one operation in one way; every answer has to be one that the document names."""
    # What makes an appointment one that can be held, no schema can say: which end is after which start.
    beyond_schemas = [positive_data_acceptance] if operation.path.startswith("/fhir") else []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        case.body = whole(case.body)
        # Longer lines are no HTTP to the server, and never come to the bridge.
        assume(len(str(case.as_transport_kwargs()["params"])) + len(case.formatted_path) < LONGEST_LINE / 9)
        case.call_and_validate(
            headers={"Authorization": f"Bearer {token}"}, allow_redirects=False, excluded_checks=beyond_schemas
        )

    try:
        one()
    except Unsatisfiable:
        # There is nothing to get wrong in a request without parameters or body.
        assert mode is GenerationMode.NEGATIVE


@pytest.mark.timeout(300)
async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Good and bad requests on every operation, at a bridge that runs as it does for people."""
    async with running_house(tmp_path) as house:
        token = (tmp_path / "api.token").read_text().strip()
        address = f"http://127.0.0.1:{house.bridge.config.http.port}/openapi.json"
        schema = await asyncio.to_thread(schemathesis.openapi.from_url, address)
        # Too long a body is turned down before anything of it is read.
        rejection = schema.config.checks.negative_data_rejection
        rejection.expected_statuses = [*rejection.expected_statuses, "413"]
        asked, faults = [], []
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path in ELSEWHERE:
                continue
            for mode in GenerationMode:
                try:
                    await asyncio.to_thread(ask, operation, token, mode)
                except Exception as fault:  # noqa: BLE001 - all that is found is told at once
                    faults.append(f"{operation.label}, {mode.value}: {fault}"[:2_000])
            asked.append(operation.label)
    assert "\n".join(faults) == ""
    assert {"POST /fhir/R4/Appointment", "POST /api/v1/rooms"} <= set(asked)
