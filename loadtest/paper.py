"""What pages of figures are made of: no scripts, nothing fetched, light and dark, a table behind every plot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from loadtest.charts import COLOURS, Chart, render, shown

# Longer tables are thinned out: the report in JSON has everything.
_MAX_ROWS: Final = 120

_STYLE: Final = """
:root { color-scheme: light dark; --ground: #fbfbfa; --ink: #1c2126; --soft: #5c6670; --rule: #d9dde1;
  --card: #ffffff; --band0: #f1f4f6; --band1: #e7ecf0; --good: #1a7f4b; --bad: #b3261e;
  --c0: #0b63b8; --c1: #c2570c; --c2: #1a7f4b; --c3: #8a3ab9; --c4: #b3261e; --c5: #5c6670; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181c; --ink: #e8ebee; --soft: #a2acb6; --rule: #333c45;
  --card: #1b2127; --band0: #1f262d; --band1: #262f38; --good: #5fd197; --bad: #ff8a80;
  --c0: #6cb4ff; --c1: #ffa866; --c2: #5fd197; --c3: #d09bf5; --c4: #ff8a80; --c5: #a2acb6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 0; }
p { margin: .25rem 0; } .soft { color: var(--soft); }
.verdict { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; padding: 0; list-style: none; }
.tiles li, figure { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; }
.tiles li { padding: .7rem .9rem; display: flex; flex-direction: column-reverse;
  justify-content: flex-end; }
.tiles b { font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.2; }
.tiles small { font-size: .95rem; font-weight: 400; } .tiles span { color: var(--soft); font-size: .9rem; }
figure { margin: 1rem 0; padding: .9rem 1rem; overflow-x: auto; }
svg { width: 100%; min-width: 34rem; height: auto; display: block; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .3rem 0; padding: 0;
  font-size: .9rem; }
.key i { display: inline-block; width: .9rem; height: .25rem; margin-right: .4rem; vertical-align: middle; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .dot { opacity: .75; stroke: none; }
@COLOURS@
.grid { stroke: var(--rule); } text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.b0 { fill: var(--band0); } .b1 { fill: var(--band1); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); } td, th { padding: .15rem .6rem; text-align: right;
  border-bottom: 1px solid var(--rule); font-weight: 400; }
th:first-child { text-align: left; } thead th { color: var(--soft); vertical-align: bottom; }
.scroll { overflow-x: auto; max-height: 24rem; overflow-y: auto; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
""".replace(
    "@COLOURS@",
    " ".join(f".line.c{n} {{ stroke: var(--c{n}); }} .dot.c{n} {{ fill: var(--c{n}); }}" for n in range(COLOURS)),
)


def document(title: str, body: Iterable[str]) -> str:
    """Give a whole page."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )


def figure(chart: Chart) -> Iterator[str]:
    """Give a plot with its key, and its table."""
    yield f'<figure>\n<h2>{escape(chart.title)} <span class="soft">({escape(chart.unit)})</span></h2>'
    if len(chart.series) > 1:
        keys = (
            f'<li><i style="background: var(--c{number % COLOURS})"></i>{escape(one.name)}</li>'
            for number, one in enumerate(chart.series)
        )
        yield f'<ul class="key" aria-hidden="true">{"".join(keys)}</ul>'
    yield render(chart)
    yield from _table(chart)
    yield "</figure>"


def _table(chart: Chart) -> Iterator[str]:
    times = [x for x, _ in chart.series[0].points]
    columns = [dict(one.points) for one in chart.series]
    step = max(1, -(-len(times) // _MAX_ROWS))
    heads = "".join(f'<th scope="col">{escape(one.name)}</th>' for one in chart.series)
    yield '<details><summary>As a table</summary>\n<div class="scroll" tabindex="0">'
    yield f"<table><caption>{escape(chart.title)}, in {escape(chart.unit)}</caption>"
    yield f'<thead><tr><th scope="col">s</th>{heads}</tr></thead>\n<tbody>'
    for time in times[::step]:
        values = (column.get(time) for column in columns)
        cells = "".join(f"<td>{'' if value is None else shown(value)}</td>" for value in values)
        yield f'<tr><th scope="row">{time:.0f}</th>{cells}</tr>'
    yield "</tbody></table></div></details>"
