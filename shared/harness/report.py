"""One page on a fine-tune, in two forms: Markdown for a repository, and one HTML file with plots for everybody else.

Both are made from the same comparisons, so they cannot disagree. The HTML page fetches nothing: styles and plots are
inside it.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.figures import alt_text, png
from shared.harness import figures
from shared.harness.comparison import INTERVAL, LEVEL, Comparison
from shared.harness.task import KINDS

HEADS = ("task", "kind", "n", "before", "after", "95% interval", "gain", "95% interval", "p (Holm)", "verdict")
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.3rem .6rem;text-align:left;
border-bottom:1px solid #ddd}.better{font-weight:600}.worse{font-weight:600;text-decoration:underline}
img{max-width:100%}footer{color:#555;font-size:.85rem}"""


@dataclass(frozen=True)
class Page:
    """What the page says besides its table: a title, the learner's conclusion, the facts of the run by name."""

    title: str
    conclusion: str
    facts: Mapping[str, str]


def cells(one: Comparison) -> list[str]:
    """Return one task's line of the table."""
    before, after = one.means
    return [
        one.task, one.kind, str(len(one.before)), f"{before:.3f}", f"{after:.3f}", _range(one.interval),
        f"{one.gain:+.3f}", _range(one.gain_interval, "+"), _p(one.p_adjusted), one.verdict,
    ]  # fmt: skip


def headline(comparisons: Mapping[str, Comparison]) -> str:
    """Return the page's first sentence: what got better, what got worse, and where there is no evidence."""
    by_verdict = {
        verdict: [one.task for one in comparisons.values() if one.verdict == verdict]
        for verdict in ("better", "worse", "no evidence")
    }
    parts = [f"{verdict.capitalize()}: {', '.join(names) or 'nothing'}." for verdict, names in by_verdict.items()]
    return " ".join(parts)


def markdown(page: Page, comparisons: Mapping[str, Comparison]) -> str:
    """Return the page as Markdown, without plots."""
    table = [_row(HEADS), _row(["---"] * len(HEADS)), *(_row(cells(one)) for one in comparisons.values())]
    facts = [f"- {name}: {value}" for name, value in page.facts.items()]
    parts = [f"# {page.title}", f"**{headline(comparisons)}**", page.conclusion, "\n".join(table), _notes()]
    return "\n\n".join([*parts, "\n".join(facts)]) + "\n"


def html_page(page: Page, comparisons: Mapping[str, Comparison]) -> str:
    """Return the page as one HTML document with both plots inside."""
    plots = [figures.gains(comparisons), figures.before_and_after(comparisons)]
    images = "".join(
        f'<img alt="{html.escape(alt_text(plot))}" src="data:image/png;base64,{base64.b64encode(png(plot)).decode()}">'
        for plot in plots
    )
    facts = "".join(f"<li>{html.escape(name)}: {html.escape(value)}</li>" for name, value in page.facts.items())
    title = html.escape(page.title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>"
        f"<body><h1>{title}</h1><p><strong>{html.escape(headline(comparisons))}</strong></p>"
        f"<p>{html.escape(page.conclusion)}</p>{images}{_html_table(comparisons)}"
        f"<footer><p>{html.escape(_notes())}</p><ul>{facts}</ul></footer></body></html>\n"
    )


def write_report(folder: Path, page: Page, comparisons: Mapping[str, Comparison]) -> tuple[Path, Path]:
    """Write `report.md` and `report.html` into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "report.md", folder / "report.html"
    for path, text in zip(paths, (markdown(page, comparisons), html_page(page, comparisons)), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def _html_table(comparisons: Mapping[str, Comparison]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
    body = "".join(
        f'<tr class="{one.verdict.replace(" ", "-")}">'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells(one))
        + "</tr>"
        for one in comparisons.values()
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _notes() -> str:
    kinds = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())
    return (
        f"Same rows, prompts and greedy decoding before and after. Intervals: {INTERVAL:.0%}, of the score after "
        f"(Wilson, or bootstrap) and of the gain (paired bootstrap). p: McNemar, or sign flips, adjusted by Holm for "
        f"all tasks of a suite; below {LEVEL} counts. {kinds}."
    )


def _row(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"


def _range(interval: tuple[float, float], sign: str = "") -> str:
    return f"{interval[0]:{sign}.3f} to {interval[1]:{sign}.3f}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
