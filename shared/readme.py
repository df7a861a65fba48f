"""Write the parts of README.md that come from course.yml: `python -m shared.readme` (`make readme`)."""

import re
from pathlib import Path

from shared.course import ROOT, Cost, Course, load_course

README = ROOT / "README.md"
_TABLE = re.compile(r"(<!-- rungs: written by make readme -->\n).*?(\n<!-- end of rungs -->)", re.DOTALL)


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


def with_rung_table(text: str, course: Course) -> str:
    """Return README text with its rung table written anew. Raises ValueError when the markers are missing."""
    if not _TABLE.search(text):
        raise ValueError("README.md: expected the markers around the rung table (see shared/readme.py); put them back")
    return _TABLE.sub(lambda found: found[1] + rung_table(course) + found[2], text)


def main(readme: Path = README) -> None:
    """Rewrite the README in place."""
    readme.write_text(with_rung_table(readme.read_text(), load_course()))


if __name__ == "__main__":
    main()
