"""A report as text: the same lines on a terminal, in a notebook and in a graded cell's output."""

from rich.console import Console
from rich.text import Text

from autograder.criteria import Report, Result

SIGNS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


def report_lines(report: Report, cell: str | None = None) -> list[Text]:
    """Return the report, or the part of one graded cell, as styled lines. Nothing in it is read as markup."""
    results = report.criteria if cell is None else report.of_cell(cell)
    lines = [line for result in results for line in _result_lines(result)]
    return [*lines, _total(report, results)]


def plain(report: Report, cell: str | None = None) -> str:
    """Return the same lines without colours."""
    return "\n".join(line.plain for line in report_lines(report, cell))


def show(report: Report, cell: str | None = None, console: Console | None = None) -> None:
    """Print the report on a terminal or, as one output, in a notebook."""
    text = Text("\n").join(report_lines(report, cell))
    (console or Console()).print(text, soft_wrap=True, highlight=False)


def _result_lines(result: Result) -> list[Text]:
    sign, colour = SIGNS[result.passed]
    head = Text.assemble((f"{sign} ", colour), (result.title, "bold"), f"  {result.points}/{result.max_points}")
    lines = [head, Text(f"    observed: {result.observed}")]
    if not result.passed:
        if result.expected != result.title:
            lines.append(Text(f"    expected: {result.expected}"))
        if result.hint:
            lines.append(Text(f"    hint:     {result.hint}", style="cyan"))
    return lines


def _total(report: Report, results: list[Result]) -> Text:
    score, most = sum(result.points for result in results), sum(result.max_points for result in results)
    if all(result.passed for result in results):
        return Text(f"Done: {score} of {most} points.", style="bold green")
    if all(result.passed is not False for result in results):
        return Text(f"Cannot tell here: {score} of {most} points so far.", style="bold yellow")
    return Text(f"Not done: {score} of {most} points.", style="bold red")
