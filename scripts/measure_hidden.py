"""Grade finished work again and again, each time with another instructor's secret, and compare with the self-check.

    python scripts/measure_hidden.py --name 02 --folder work/rung-02-sft --secrets 30

Only the cells whose points depend on a model are graded; a learner's functions give the same points with any secret.
`--cheated` marks work whose model was trained on test rows (`scripts/train_on_test.py`). Appends to
`shared/measured/hidden.json` what is not in it and draws docs/hidden-gap.png. A grading takes 3 to 12 seconds.
"""

import argparse
import os
import sys
from pathlib import Path

from autograder import gap
from autograder.checkers import checker_of
from autograder.criteria import Report, judge
from shared.course import load_course
from shared.hidden_figure import hidden_gaps
from shared.measured import measured, save, table_so_far
from shared.world.secret import HIDDEN_SEED_VARIABLE

NAME, CELL = "hidden", "done-when"
FIGURE = Path(__file__).parents[1] / "docs" / "hidden-gap.png"
NOTES = (
    "One row a secret. self_check, graded: points of the done-when cell on public and on hidden rows. public, hidden: "
    "share of right answers of the submitted model, by what is asked: the rung's looks, and unseen wordings where "
    "the rung asks for them. gap: what the instructor is told, by name, or null. "
    "cheated: trained on rows of the public test."
)
Shares = dict[str, tuple[float, float]]


def main() -> int:
    """Measure what is missing, save after each grading, draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--name", help="what the table calls this work", default="")
    parser.add_argument("--rung", default="02")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--secrets", type=int, default=30)
    parser.add_argument("--cheated", action="store_true")
    options = parser.parse_args()
    if options.folder:
        measure(options.name, options.rung, options.folder, range(options.secrets), options.cheated)
    hidden_gaps(measured(NAME).rows).savefig(FIGURE, dpi=130)
    return 0


def measure(name: str, rung: str, folder: Path, secrets: range, cheated: bool) -> None:
    """Add a row for each secret that the table does not have."""
    table = table_so_far(NAME, NOTES, "python scripts/measure_hidden.py")
    done = {row["secret"] for row in table.rows if row["name"] == name}
    missing = [secret for secret in secrets if secret not in done]
    if not missing:
        return
    checked, _, _ = graded(rung, folder, None)
    for secret in missing:
        report, shares, told = graded(rung, folder, f"measured secret {secret}")
        row = {"name": name, "rung": rung, "secret": secret, "cheated": cheated, "self_check": checked.score,
               "graded": report.score, "most": report.max_score,
               "lost": [r.id for r, s in zip(report.criteria, checked.criteria, strict=True) if r.points < s.points],
               "public": {key: round(a, 4) for key, (a, _) in shares.items()},
               "hidden": {key: round(b, 4) for key, (_, b) in shares.items()}, "gap": told}  # fmt: skip
        table.rows.append(row)
        save(NAME, table)
        print(name, secret, checked.score, report.score, shares, told, flush=True)


def graded(rung_name: str, folder: Path, secret: str | None) -> tuple[Report, Shares, str | None]:
    """Return the report on the rung's `CELL`, the shares on public and hidden rows, and the gap that is told."""
    os.environ[HIDDEN_SEED_VARIABLE] = secret or ""
    course = load_course()
    rung = course.rung(rung_name)
    checker = checker_of(rung, {CELL})
    split = "hidden" if secret else "public"
    with checker.submission(folder, rung, course, seed=0, split=split) as work:
        report = judge(rung.id, checker.criteria, work)
        if not secret:
            return report, {}, None
        looks = work.gap_looks()
        shares = {one.name: (one.public[0] / one.public[1], one.hidden[0] / one.hidden[1]) for one in looks}
        if rung.id in ("02", "03", "04", "11"):
            shares["unseen wordings"] = unseen(work)
        told = gap.found(looks)
        return report, shares, told.name if told else None


def unseen(work) -> tuple[float, float]:
    """Return the submitted model's share of right tickets in public and in hidden unseen wordings, 150 rows each."""
    from autograder.ticket_submission import ROWS, ROWS_SEED
    from shared.world import rows

    public = work.engines.after.answers(rows("tickets", "public", ROWS, ROWS_SEED, phrasing="unseen"))
    found = (public, work.measured.unseen)
    return tuple(sum(answer.kind == "correct" for answer in answers) / len(answers) for answers in found)


if __name__ == "__main__":
    sys.exit(main())
