"""What an expression in Prometheus' language says of labels, as far as rules and panels here use that language."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.deploy.metrics_page import OPEN_LABELS, Page

_NAME: Final = r"(?:brotjeneste_\w+|\bup\b)"
_SELECTOR: Final = re.compile(rf"({_NAME})\s*(?:\{{([^}}]*)\}})?")
_MATCHER: Final = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"\s*(?:,|$)')
_GROUPING: Final = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)\s*")
_FOLDED: Final = re.compile(r"\b(?:sum|avg|min|max|count)\s*\(")
_BUCKET: Final = "_bucket"


@dataclass(frozen=True)
class Matcher:
    """One condition in braces: a label, and the words that it compares with; `whole` is how it was written."""

    label: str
    words: tuple[str, ...]
    whole: str


def faults(expression: str, page: Page) -> list[str]:
    """What is wrong with the labels of an expression, in words; metrics that the page lacks are another matter."""
    found = [*_faults_of_selectors(expression, page), *_faults_of_groupings(expression, page)]
    if "histogram_quantile" in expression and "le" not in kept(expression, page):
        found.append("a quantile of buckets that were added up without le")
    return found


def faults_of_legend(legend: str, expression: str, page: Page) -> list[str]:
    """Which labels a panel's legend shows that its series do not have."""
    return [f"{label} in the legend" for label in _shown(legend) if label not in kept(expression, page)]


def kept(expression: str, page: Page) -> frozenset[str]:
    """The labels that series of an expression have before quantiles are taken."""
    if by := [_words(labels) for how, labels in _GROUPING.findall(expression) if how == "by"]:
        return frozenset.union(*map(frozenset, by))
    if _FOLDED.search(expression):
        return frozenset()
    return frozenset(label for metric, _ in _selectors(expression) for label in page.get(metric, ()))


def _selectors(expression: str) -> Iterator[tuple[str, list[Matcher]]]:
    """Every metric with its matchers. Raises ValueError for braces that are not understood."""
    for metric, braces in _SELECTOR.findall(expression):
        matchers = []
        for one in _MATCHER.finditer(braces):
            label, how, value = one.groups()
            words = value.split("|") if how.endswith("~") else [value]
            matchers.append(Matcher(label, tuple(words), one[0].strip(" ,")))
        if _MATCHER.sub("", braces).strip():
            raise ValueError(f"not understood: {{{braces}}}")
        yield metric, matchers


def _faults_of_selectors(expression: str, page: Page) -> Iterator[str]:
    for metric, matchers in _selectors(expression):
        labels = page.get(metric, {})
        for one in matchers:
            if one.label not in labels:
                yield f"{metric} has no label {one.label}"
            elif one.label not in OPEN_LABELS:
                known = labels[one.label]
                yield from (f"{metric} never has {one.label} {word!r}" for word in one.words if word not in known)


def _faults_of_groupings(expression: str, page: Page) -> Iterator[str]:
    """Labels that are kept, left out or joined by, which what they are about does not have."""
    for grouping in _GROUPING.finditer(expression):
        body = _body(expression, grouping.end()) if grouping[1] in {"by", "without"} else expression
        labels: list[Mapping[str, frozenset[str]]] = [page.get(metric, {}) for metric, _ in _selectors(body)]
        for label in _words(grouping[2]):
            if not all(label in one for one in labels):
                yield f"{grouping[1]} ({label}) of what has no such label"


def _body(expression: str, start: int) -> str:
    """What is in the parentheses that open at `start`."""
    if expression[start : start + 1] != "(":
        raise ValueError("by and without stand before what they are about")
    depth = 0
    for place in range(start, len(expression)):
        depth += {"(": 1, ")": -1}.get(expression[place], 0)
        if not depth:
            return expression[start : place + 1]
    raise ValueError("parentheses that do not close")


def _words(labels: str) -> list[str]:
    return [label.strip() for label in labels.split(",") if label.strip()]


def _shown(legend: str) -> list[str]:
    return re.findall(r"\{\{\s*(\w+)\s*\}\}", legend)
