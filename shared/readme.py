"""Write the parts of README.md that come from data: `python -m shared.readme` (`make readme`)."""

import re
from pathlib import Path

from shared.course import ROOT, Cost, Course, load_course
from shared.gpu_tables import larger_card_table, notebooks_table, speed_table

README = ROOT / "README.md"


def _time(cost: Cost | None) -> str:
    if cost is None:
        return "not known yet"
    return f"{'about ' if cost.estimate else ''}{cost.minutes:g} min"


def rung_table(course: Course) -> str:
    """Return the rungs as a Markdown table: number, title, done-when, minutes on each profile, state."""
    lines = ["| rung | subject | done when | pocket | gpu | |", "| --- | --- | --- | --- | --- | --- |"]
    for rung in course.rungs:
        times = " | ".join(_time(rung.cost.get(name)) for name in ("pocket", "gpu"))
        title = f"[{rung.title}](rungs/{rung.folder}/{rung.folder}.ipynb)" if rung.built else rung.title
        state = "built" if rung.built else "planned"
        lines.append(f"| {rung.id} | {title} | {rung.done_when.strip()} | {times} | {state} |")
    return "\n".join(lines)


def with_tables(text: str, course: Course) -> str:
    """Return README text with its tables written anew. Raises ValueError when the markers of one are missing."""
    tables = {
        "rungs": rung_table(course),
        "notebooks": notebooks_table(),
        "steps": speed_table(),
        "larger card": larger_card_table(),
    }
    for name, table in tables.items():
        marked = re.compile(rf"(<!-- {name}: written by make readme -->\n).*?(\n<!-- end of {name} -->)", re.DOTALL)
        if not marked.search(text):
            raise ValueError(
                f"README.md: expected the markers around the table of {name} (see shared/readme.py); put them back"
            )
        text = marked.sub(lambda found, table=table: found[1] + table + found[2], text)
    return text


def main(readme: Path = README) -> None:
    """Rewrite the README in place."""
    readme.write_text(with_tables(readme.read_text(), load_course()))


if __name__ == "__main__":
    main()
