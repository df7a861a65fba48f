"""The process that reaches a verdict: reads one request on stdin, writes one signed report on stdout.

Started by `autograder.runner` in a clean environment; a learner's functions run in further processes of their own.
"""

import json
import os
import resource
import sys
from pathlib import Path

from autograder.checkers import checker_of
from autograder.criteria import judge
from autograder.processes import end_descendants, keep_to_ourselves
from autograder.signature import sign
from shared.course import load_course
from shared.world.splits import HIDDEN_SEED_VARIABLE


def main() -> None:
    """Serve the one request. Whatever a library prints goes to stderr, so that stdout holds the report alone."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    keep_to_ourselves()
    _limit_memory(request["memory_bytes"])
    if request["hidden_seed"]:
        os.environ[HIDDEN_SEED_VARIABLE] = request["hidden_seed"]
    folder, confined = Path(request["folder"]), request["confined"]
    report = verdict(request["rung"], folder, request["seed"], request["cells"], confined=confined).encode()
    end_descendants()
    answer.write(sign(report, request["key"]) + b"\n" + report)
    answer.close()


def verdict(rung_name: str, folder: Path, seed: int, cells: list[str] | None, *, confined: bool | None = None) -> str:
    """Return the report on a submission as JSON, over the criteria of `cells` (all of them when None).

    `confined`: whether the learner's functions run in the sandbox; None: where there is one.
    """
    course = load_course()
    rung = course.rung(rung_name)
    checker = checker_of(rung, cells)
    split = "hidden" if os.environ.get(HIDDEN_SEED_VARIABLE) else "public"
    with checker.submission(folder, rung, course, seed=seed, split=split) as work:
        work.confined = confined
        work.begin({criterion.cell for criterion in checker.criteria})
        return judge(rung.id, checker.criteria, work).model_dump_json()


def _limit_memory(limit: int | None) -> None:
    """Bound the address space of this process. None for a GPU's driver, which maps far more than it uses."""
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
