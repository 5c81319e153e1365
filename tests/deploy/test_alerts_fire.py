"""Every alert comes when it should, as Prometheus itself judges, and stays away just below that.

The cases are files for `promtool test rules`, in `alerts/`. Their series are held to the bridge's own page: a case
of what the bridge never says would show nothing.
"""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bridge.app.feeds.converters import Use
from bridge.ops.converting import Converting, ConvertingCollector
from bridge.ops.metrics import BridgeCollector, Facts
from tests.deploy.expressions import faults
from tests.deploy.metrics_page import ROOT, Page, metrics_page
from tests.ops.snapshots import snapshot_of

RULES = ROOT / "deploy/prometheus-rules.yaml"
CASES = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
Case = dict[str, Any]
Rule = dict[str, Any]
_SERIES = re.compile(r"(\w+)\{(.*)\}")
_LIMIT = re.compile(r"(?:==|[<>]=?) ([\d.]+)")
_SPAN = re.compile(r"\[(\w+)\]")
_LESSER = {"h": "m", "m": "s"}
_SELECTOR = re.compile(r"(brotjeneste_\w+)(?:\{([^}]*)\})?\[")


@cache
def page() -> Page:
    """Scrape once for all tests."""
    return metrics_page()


def _rules() -> dict[str, Rule]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def _cases() -> Iterator[tuple[str, Case]]:
    """Each case with its alert. Raises ValueError for a case of several."""
    for path in CASES:
        for case in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            (alert,) = {one["alertname"] for one in case["alert_rule_test"]}
            yield alert, case


def _promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=100, check=False)  # noqa: S603, S607


def _held(folder: Path, rules: list[Rule]) -> list[bool]:
    """Have promtool try variants of a rule, each by all cases of its alert, and tell which of them passed."""
    mine = [case for alert, case in _cases() if alert == rules[0]["alert"]]
    tests = []
    for number, rule in enumerate(rules):
        variant = folder / f"rules-{number}.yaml"
        variant.write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}), "utf-8")
        whole = {"rule_files": [str(variant)], "evaluation_interval": "20s", "tests": mine}
        tests.append(folder / f"tests-{number}.yaml")
        tests[-1].write_text(yaml.safe_dump(whole), "utf-8")
    said = _promtool("test", "rules", *map(str, tests)).stdout.split("Unit Testing:")[1:]
    assert len(said) == len(rules)
    return ["SUCCESS" in one for one in said]


def _broken(rule: Rule) -> Iterator[Rule]:
    """A rule with one thing of it changed that somebody would notice, each in turn."""
    expression = rule["expr"]
    for numbers, others in ((_LIMIT, _near), (_SPAN, _half_and_double)):
        for found in numbers.finditer(expression):
            before, after = expression[: found.start(1)], expression[found.end(1) :]
            yield from (rule | {"expr": before + other + after} for other in others(found[1]))
    for part in (" and ", " or "):
        if part in expression:
            yield rule | {"expr": expression.partition(part)[0]}
            yield rule | {"expr": re.sub(r"^(on|ignoring) \(.*?\) ", "", expression.partition(part)[2])}
    if "for" in rule:
        yield {key: value for key, value in rule.items() if key != "for"}
        yield from (rule | {"for": other} for other in _half_and_double(rule["for"]))
    yield rule | {"labels": {"severity": "none"}}
    yield rule | {"annotations": {"summary": "Something is wrong."}}


def _near(limit: str) -> tuple[str, str]:
    """Limits that are a little lower and higher: by one where few things are counted, else by a fifth."""
    number = float(limit)
    few = number.is_integer() and number < 10
    return (f"{number - 1:g}", f"{number + 1:g}") if few else (f"{number * 0.8:g}", f"{number * 1.25:g}")


def _half_and_double(span: str) -> tuple[str, str]:
    number, unit = int(span[:-1]), span[-1]
    return f"{30 * number}{_LESSER[unit]}", f"{2 * number}{unit}"


def test_prometheus_accepts_the_rules() -> None:
    """With nothing that it would rather have otherwise."""
    result = _promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(_rules())} rules found" in result.stdout


def test_alerts_come_and_stay_away() -> None:
    """All cases over all rules, as whoever changes a rule can run them without us."""
    result = _promtool("test", "rules", *map(str, CASES))
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_case_in_which_it_comes_and_one_in_which_it_does_not() -> None:
    """Nobody adds an alert, or takes one away, without its cases."""
    comes: dict[str, set[bool]] = {}
    for alert, case in _cases():
        comes.setdefault(alert, set()).update(bool(one.get("exp_alerts")) for one in case["alert_rule_test"])
    assert comes == {alert: {False, True} for alert in _rules()}


@pytest.mark.parametrize("alert", _rules())
def test_cases_notice_a_rule_that_is_broken(tmp_path: Path, alert: str) -> None:
    """Its cases hold with the rule as it is, and not with other limits, times, labels, words, or half of it."""
    rule = _rules()[alert]
    variants = [rule, *_broken(rule)]
    held = _held(tmp_path, variants)
    assert [variant for variant, passed in zip(variants, held, strict=True) if passed] == [rule]


def test_cases_are_of_series_that_the_bridge_has() -> None:
    """Every name is on its page, with all labels that it has there and words that the bridge says."""
    for alert, case in _cases():
        for one in case["input_series"]:
            name, labels = _SERIES.fullmatch(one["series"]).groups()
            assert name in page(), alert
            assert set(re.findall(r'(\w+)="', labels)) == set(page()[name]), one["series"]
            assert faults(one["series"], page()) == [], alert


def _untouched() -> set[str]:
    """The series of a bridge to which nothing has happened yet, without braces where there are no labels."""
    converting = Converting(lambda: Use({}, {}, {}, 0), tuple, lambda _: {})
    taken, registry = snapshot_of(), CollectorRegistry()
    registry.register(BridgeCollector(lambda: taken, Facts))
    registry.register(ConvertingCollector(converting))
    return {
        sample.name + "".join(f' {label}="{value}"' for label, value in sample.labels.items())
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_what_alerts_count_is_there_before_it_happens() -> None:
    """A series that begins with its first event has not risen by it, and nobody would hear of that one."""
    counted = {
        (name, matcher)
        for rule in _rules().values()
        if "increase(" in rule["expr"]
        for name, matcher in _SELECTOR.findall(rule["expr"])
    }
    assert len(counted) > 5
    for name, matcher in counted:
        assert any(one.split(" ")[0] == name and matcher in one for one in _untouched()), name
    failures = {one for one in _untouched() if one.startswith("brotjeneste_converter_failures_total")}
    assert failures >= {
        f'brotjeneste_converter_failures_total code="{code}"' for code in ("crashed", "start", "worker")
    }
