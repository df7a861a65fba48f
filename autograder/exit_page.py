"""The exit check as a page: lines for a terminal, and one HTML file that needs nothing but itself."""

from html import escape

from rich.console import Console
from rich.text import Text

from autograder.criteria import Report
from autograder.exit_check import ExitCheck
from autograder.exit_items import ItemState, State, rung_state
from shared.course import Course, Rung

SIGNS = {State.MET: "✓", State.NOT_YET: "✗", State.CANNOT_TELL: "?", State.NOT_BUILT: "–"}
COLOURS = {State.MET: "green", State.NOT_YET: "red", State.CANNOT_TELL: "yellow", State.NOT_BUILT: "yellow"}
WHAT_IT_IS_NOT = (
    "It was worked out from the saved files by the course's checkers. What is written in your own words waits for a "
    "human reader, and whose work the files are no file can say."
)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ line-height: 1.2; margin-bottom: 0; }}
section {{ border-left: .4rem solid #777; padding: .1rem 0 .1rem 1rem; margin: 1.5rem 0; }}
section.met {{ border-color: #2a7f3f; }}
section.not-yet {{ border-color: #c0392b; border-left-style: double; }}
section h2 {{ font-size: 1.1rem; margin: 0; }}
p, ul {{ margin: .3rem 0; overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #8886; vertical-align: top; }}
footer {{ margin: 2rem 0; font-size: .9rem; }}
</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p><strong>{summary}</strong></p>
</header>
<main>
{items}
<h2>The rungs</h2>
<table>
<thead>
<tr><th scope="col">Rung</th><th scope="col">Subject</th><th scope="col">Automatic</th>
<th scope="col">By a human</th><th scope="col">State</th></tr>
</thead>
<tbody>
{rungs}
</tbody>
</table>
</main>
<footer>
<p>{caveat}</p>
<p>Made {made} on the {profile} profile. The record beside this page, <code>completion.json</code>, names every file
with its SHA-256; <code>python -m autograder verify completion.json --work FOLDER</code> makes the check again on
another machine, without a network.</p>
</footer>
</body>
</html>
"""


def summary(items: list[ItemState]) -> str:
    """Return the outcome in a sentence."""
    met = sum(item.state == State.MET for item in items)
    if met == len(items):
        return f"All {met} items are met: you can leave the course."
    return f"{met} of {len(items)} items are met."


def show_exit(found: ExitCheck, console: Console) -> None:
    """Print the items with what is missing and the next step. Nothing in them is read as markup."""
    for item in found.items:
        console.print(_item_text(item), soft_wrap=True, highlight=False)
    done = all(item.state == State.MET for item in found.items)
    console.print(Text(summary(found.items), style="bold green" if done else "bold"))


def _item_text(item: ItemState) -> Text:
    colour = COLOURS[item.state]
    text = Text.assemble((f"{SIGNS[item.state]} ", colour), (item.title, "bold"), f"  {item.state}")
    for line in item.missing:
        text.append(f"\n    missing:   {line}")
    if item.next_step:
        text.append(f"\n    next step: {item.next_step}", style="cyan")
    if item.state == State.MET and item.prose_points:
        text.append(f"\n    {item.prose_points} points of rung {', '.join(item.rungs)} wait for a human reader")
    return text


def exit_html(course: Course, found: ExitCheck) -> str:
    """Return the page as one HTML document: no script, nothing loaded, every text escaped."""
    return _PAGE.format(
        title=escape(f"{course.title}: the exit check"),
        summary=escape(summary(found.items)),
        items="\n".join(map(_item_html, found.items)),
        rungs="\n".join(_rung_html(rung, found.reports[rung.id]) for rung in course.rungs),
        caveat=escape(WHAT_IT_IS_NOT),
        made=escape(found.record.made),
        profile=escape(found.record.profile),
    )


def _item_html(item: ItemState) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in item.missing)
    parts = [
        f'<section class="{item.state.name.lower().replace("_", "-")}">',
        f"<h2>{SIGNS[item.state]} {escape(item.title)}</h2>",
        f"<p>{escape(str(item.state)).capitalize()}. Rung {escape(', '.join(item.rungs))}.</p>",
        f"<p>Missing:</p><ul>{lines}</ul>" if lines else "",
        f"<p>Next step: {escape(item.next_step)}</p>" if item.next_step else "",
        f"<p>{item.prose_points} points of its rungs are given by a human reader.</p>" if item.prose_points else "",
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _rung_html(rung: Rung, report: Report | None) -> str:
    score = f"{report.score if report else 0} of {rung.points}" if rung.built else ""
    cells = (rung.title, score, str(rung.prose_points), rung_state(rung, report))
    row = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{rung.id}</th>{row}</tr>'
