"""Proves who comes in: every state of small rooms, then random consultations over the real packet engine.

Run: `python -m tests.proof.prove [STEPS] [PROCESSES]` (`make prove`, a million steps, a process for each
processor). A world is one process's, and so are so many steps; what they found is put together in
build/bench/prove.json as it comes, the smallest worlds first. Begun again after an interruption it goes on from
there, with the same commit and engine. It fails where anything does not hold.
"""

import asyncio
import gc
import logging
import multiprocessing
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Final

import structlog

from tests.proof.event_rules import RULES
from tests.proof.explore import explore
from tests.proof.interleavings import consult
from tests.proof.kept import RANDOM, Figures, Kept
from tests.proof.tries import SmallRoom
from tests.proof.worlds import WHOLE

OUTPUT: Final = Path(__file__).parents[2] / "build" / "bench" / "prove.json"
EACH_TWIN: Final = 2_000
A_MILLION: Final = 1_000_000
STEPS_AT_ONCE: Final = 20_000
PROGRESS_EACH_S: Final = 5.0


def prove(world: SmallRoom) -> Figures:
    """Go everywhere in a world."""
    # States are values, of which none refers to itself: looking for cycles among them is a tenth of the work.
    gc.disable()
    began = time.process_time()
    RULES.used.clear()
    found = explore(world, RULES, each_twin=EACH_TWIN)
    gc.enable()
    return {
        "states": found.states,
        "transitions": found.transitions,
        "transitions_that_change": found.changes,
        "acts_to_the_farthest_state": found.depth,
        "states_compared_by_another_way": found.twins,
        "rules": len(RULES.names),
        "rules_asked": RULES.used.total(),
        "broken_rules": 0,
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def play(steps: int) -> Figures:
    """Let random consultations take so many steps. What is broken says the seed of its room."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began = time.process_time()
    counted = asyncio.run(consult(secrets.randbits(32), steps))
    figures = {name: value for name, value in vars(counted).items() if isinstance(value, int)}
    return figures | {
        "restarts": counted.acts["die_and_come_back"],
        "broken_rules": 0,
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def by_size(worlds: Sequence[SmallRoom]) -> list[SmallRoom]:
    """Those in which least can happen first: each further person counts for more than any further thing to do."""
    return sorted(worlds, key=lambda world: (len(world.names) + world.crowd, len(world.tries)))


def main(steps: int, processes: int, worlds: Sequence[SmallRoom], output: Path = OUTPUT) -> None:
    """Prove, and write as it comes."""
    kept = Kept(output, [world.name for world in worlds], steps, processes)
    _say(f"{kept.origin}: {kept}\n")
    kept.write()
    shares = [min(STEPS_AT_ONCE, kept.steps_left - done) for done in range(0, kept.steps_left, STEPS_AT_ONCE)]
    left = [world for world in by_size(worlds) if world.name in kept.worlds_left]
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
    futures = {pool.submit(prove, world): f"every-state-{world.name}" for world in left}
    futures |= {pool.submit(play, share): RANDOM for share in shares}
    try:
        _collect(futures, kept)
    except KeyboardInterrupt:
        for process in multiprocessing.active_children():
            process.terminate()
        sys.exit(f"interrupted; what is done is kept, and begun again this goes on from there: {kept}")
    finally:
        pool.shutdown(cancel_futures=True)
    if not kept.is_whole:
        sys.exit(f"does not hold: {', '.join(kept.failed)} (see {output})")


def _collect(futures: dict[Future[Figures], str], kept: Kept) -> None:
    """Keep what comes. Once something does not hold, which is told at once, nothing more is begun."""
    left = set(futures)
    while left:
        done, left = wait(left, timeout=PROGRESS_EACH_S, return_when=FIRST_COMPLETED)
        for future in done:
            _keep(future, futures[future], kept)
        if kept.failed:
            left -= {future for future in left if future.cancel()}
        if sys.stdout.isatty():
            _say(f"\r{kept} ")


def _keep(future: Future[Figures], name: str, kept: Kept) -> None:
    error = future.exception()
    if error is None:
        kept.add(name, future.result())
        _say(f"\r{name}: {future.result()['cpu_seconds']} s; {kept}\n")
    else:
        said = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        kept.fail(name, said)
        _say(f"\r{name} DOES NOT HOLD: {said}\n")


def _say(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()


if __name__ == "__main__":
    # Whoever ends this ends its processes, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = [int(each) for each in sys.argv[1:]]
    main(given[0] if given else A_MILLION, given[1] if len(given) > 1 else os.cpu_count() or 1, WHOLE)
