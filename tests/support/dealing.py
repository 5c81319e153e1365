"""In which order tests are run by several workers, each of which begins with an equal part of what it is given.

The longest come first, or a worker would be alone with one at the end. Calls in browsers are dealt to two workers,
however many there are: more at once would be short of processors, of which pictures then tell.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

AT_ONCE: Final = 2
Test = TypeVar("Test")


def dealt(calls: Sequence[Test], long: Sequence[Test], short: Sequence[Test], workers: int) -> list[Test]:
    """Give all tests in the order for so many workers; `calls` and `long` are in order of length."""
    left = len(calls) + len(long) + len(short)
    heads = [list(calls[worker::AT_ONCE]) if worker < AT_ONCE else [] for worker in range(workers)]
    heads[-1] += long
    parts: list[Test] = []
    rest = list(short)
    for number, head in enumerate(heads):
        size = left // (workers - number)
        fill = max(size - len(head), 0)
        parts += [*head, *rest[:fill]]
        del rest[:fill]
        left -= size
    return parts + rest
