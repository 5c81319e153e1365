"""Schemathesis asks one operation after the other: at random, and about what is really there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Address
from itertools import count
from typing import Any, Final

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from requests import Response, Session
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance


class Way(Enum):
    """How much of a request is made at random: nothing of the body, all but what it is about, or all of it.

    The first is the simplest, and so what Hypothesis always tries.
    """

    MEANT = auto()
    REAL = auto()
    RANDOM = auto()


WAYS: Final = tuple(Way)
Ids = Mapping[str, str]
FIRST_SOURCE: Final = IPv4Address("198.18.0.0")
CONDITIONS: Final = frozenset({"If-Match", "If-None-Exist"})
LONGEST_LINE: Final = 8_000
MODES: Final = tuple(GenerationMode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An interface to be asked.

    `real` makes something new to ask about, and gives of it the ids that go by these names in the document.
    `bodies` are some that can be meant, by operation, made of these ids: what no schema says holds of them. Of
    others that are `beyond_schemas` it is not asked that they be taken.
    `unchecked` are checks that an operation's own answers would fail, each with its reason where it stands.
    """

    schema: BaseSchema
    headers: Mapping[str, str]
    real: Callable[[Collection[str]], Ids]
    session: Session = field(default_factory=Session)
    elsewhere: frozenset[str] = frozenset()
    bodies: Mapping[str, Callable[[Ids], Any]] = field(default_factory=dict)
    unchecked: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    beyond_schemas: Callable[[Any], bool] = lambda _body: False
    examples: int = 5

    def faults(self) -> tuple[list[str], list[str], set[tuple[str, int]]]:
        """Ask everything; give what is wrong, which operations were asked, and how each answered."""
        sources = count()
        faults: list[str] = []
        asked: list[str] = []
        answered: set[tuple[str, int]] = set()
        for found in self.schema.get_all_operations():
            operation = found.ok()
            if operation.path in self.elsewhere:
                continue
            for mode in MODES:
                try:
                    self._ask(operation, mode, answered, sources)
                except (Exception, FailureGroup) as fault:  # noqa: BLE001 - all that is found is told at once
                    faults.append(f"{operation.label}, {mode.value}: {_words(fault)}"[:2_000])
            asked.append(operation.label)
        return faults, asked, answered

    def _ask(
        self, operation: APIOperation, mode: GenerationMode, answered: set[tuple[str, int]], sources: Iterator[int]
    ) -> None:
        @settings(
            max_examples=self.examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=mode),
            way=st.sampled_from(WAYS),
        )
        def one(case: Any, way: Way) -> None:
            case.body = whole(case.body)
            ids = self.real(case.path_parameters) if way is not Way.RANDOM and case.path_parameters else {}
            placed = _place(case, ids)
            unchecked = [*self.unchecked.get(operation.label, ())]
            body = self.bodies.get(operation.label)
            if way is Way.MEANT and body is not None and mode is GenerationMode.POSITIVE:
                case.body = body(ids if placed else {})
                for condition in CONDITIONS & set(case.headers):
                    # Met by chance at best.
                    del case.headers[condition]
            elif self.beyond_schemas(case.body):
                unchecked.append(positive_data_acceptance)
            # Longer lines are no HTTP to the server, and never come to the bridge.
            assume(len(str(case.as_transport_kwargs()["params"])) + len(case.formatted_path) < LONGEST_LINE / 9)
            # Each comes from its own network, since each is also asked with a wrong token, which are rationed.
            source = {"X-Forwarded-For": str(FIRST_SOURCE + next(sources))}
            answer: Response = case.call_and_validate(
                session=self.session,
                headers={**self.headers, **source},
                allow_redirects=False,
                excluded_checks=unchecked,
            )
            answered.add((operation.label, answer.status_code))

        try:
            one()
        except Unsatisfiable:
            # There is nothing to get wrong in a request without parameters or body.
            assert mode is GenerationMode.NEGATIVE


def whole(value: Any) -> Any:
    """Write 19.0 as 19: JSON Schema calls both integers, and nobody writes the one."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _words(fault: BaseException) -> str:
    return "\n".join(map(str, fault.exceptions)) if isinstance(fault, FailureGroup) else str(fault)


def _place(case: Any, ids: Ids) -> bool:
    """Put ids into the path, unless the path is what is wrong with this case."""
    path = case.meta.components.get(ParameterLocation.PATH)
    if path is None or path.mode is GenerationMode.NEGATIVE:
        return False
    for name in case.path_parameters:
        if name in ids:
            case.path_parameters[name] = ids[name]
    return bool(ids)
