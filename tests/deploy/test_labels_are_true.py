"""Alerts and panels compare labels that their metrics have with words that the bridge says.

One that does not is no error to Prometheus: it matches nothing, and the alert never comes.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from bridge.ops import table
from signalling.messages import Verdict
from tests.deploy.expressions import faults, faults_of_legend
from tests.deploy.metrics_page import Page, metrics_page

DEPLOY = Path(__file__).parents[2] / "deploy"
LOSS = "brotjeneste_link_loss_ratio_bucket"


@cache
def page() -> Page:
    """Scrape once for all tests."""
    return metrics_page()


def _alerts() -> Iterator[tuple[str, str]]:
    (group,) = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text("utf-8"))["groups"]
    return ((rule["alert"], rule["expr"]) for rule in group["rules"])


def _targets() -> Iterator[tuple[str, str, str]]:
    for panel in json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))["panels"]:
        yield from ((panel["title"], one["expr"], one.get("legendFormat", "")) for one in panel["targets"])


def test_alerts_compare_with_what_there_is() -> None:
    """Every label and every word of every alert."""
    assert {name: found for name, expression in _alerts() if (found := faults(expression, page()))} == {}


def test_panels_compare_with_what_there_is() -> None:
    """Every label and every word of every panel, and what their legends show."""
    wrong = {
        title: found
        for title, expression, legend in _targets()
        if (found := faults(expression, page()) + faults_of_legend(legend, expression, page()))
    }
    assert wrong == {}


def test_the_page_has_the_words_of_the_code() -> None:
    """What is compared with is what the bridge says, no more and no less."""
    links, loss = page()["brotjeneste_links"], page()[LOSS]
    assert links["verdict"] == {str(verdict) for verdict in Verdict}
    assert page()["brotjeneste_verdicts_total"]["verdict"] == links["verdict"] - {"good", "unknown"}
    assert [loss[label] for label in ("direction", "kind")] == [set(table.DIRECTIONS), set(table.KINDS)]
    assert loss["repair"] == {"before", "after"}
    assert set(page()["brotjeneste_rtp_packets_total"]) == {*table.STREAM_LABELS, "job", "instance"}
    assert page()["up"]["job"] == {"brotjeneste"}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('brotjeneste_links{fault="bridge"} > 0', "brotjeneste_links has no label fault"),
        ('brotjeneste_links{verdict="brigde"} > 0', "never has verdict 'brigde'"),
        ('brotjeneste_links{verdict!="nothing"} > 0', "never has verdict 'nothing'"),
        ('brotjeneste_links{verdict=~"uplink|downlnik"} > 0', "never has verdict 'downlnik'"),
        ('brotjeneste_verdicts_total{verdict="good"} > 0', "never has verdict 'good'"),
        (f'{LOSS}{{job="brotjeneste",repair="behind"}}', "never has repair 'behind'"),
        (f'{LOSS}{{kind="picture"}}', "never has kind 'picture'"),
        (f'{LOSS}{{direction="up"}}', "never has direction 'up'"),
        ('brotjeneste_rtp_loss_ratio{quantile="0.95"} > 0', "never has quantile '0.95'"),
        ('brotjeneste_gateway_events_total{code="registration_lost"}', "never has code 'registration_lost'"),
        ('brotjeneste_refusals_total{code="fault"}', "never has code 'fault'"),
        ('up{job="bridge"} == 0', "never has job 'bridge'"),
        (f"sum by (verdict, le) (rate({LOSS}[5m]))", "by (verdict)"),
        ("sum without (kind) (brotjeneste_links) / brotjeneste_legs", "without (kind)"),
        ("brotjeneste_links / on (job) group_left (shard) brotjeneste_legs", "group_left (shard)"),
        (f"histogram_quantile(0.9, sum by (kind) (rate({LOSS}[5m])))", "without le"),
    ],
)
def test_what_does_not_exist_is_found(expression: str, said: str) -> None:
    """Each way to name a label or a word that there is not."""
    assert said in "; ".join(faults(expression, page()))


def test_a_legend_shows_what_is_left() -> None:
    """Labels that were added up are gone."""
    one = "brotjeneste_links"
    assert faults_of_legend("{{verdict}}", one, page()) == []
    assert faults_of_legend("{{verdict}}", f"sum by (job) ({one})", page()) == ["verdict in the legend"]
    assert faults_of_legend("{{verdict}}", f"sum({one})", page()) == ["verdict in the legend"]
    assert faults_of_legend("{{fault}}", one, page()) == ["fault in the legend"]


@pytest.mark.parametrize("expression", ["brotjeneste_links{verdict='bridge'}", "sum by (kind) brotjeneste_links"])
def test_what_is_not_understood_is_not_passed_over(expression: str) -> None:
    """Else it would count as right."""
    with pytest.raises(ValueError, match=r"not understood|stand before"):
        faults(expression, page())
