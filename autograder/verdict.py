"""The process that reaches a verdict: reads one request on stdin, writes one signed report on stdout.

Started by `autograder.runner` in a clean environment; a learner's functions run in further processes of their own.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.checkers import checker_of
from autograder.criteria import judge
from autograder.gap import with_gap
from autograder.processes import end_descendants, end_with_parent, keep_to_ourselves
from autograder.signature import sign
from autograder.warm_sandbox import WarmSandbox, slow_setups
from shared.course import load_course
from shared.world.splits import HIDDEN_SEED_VARIABLE


def main(warm: WarmSandbox | None = None) -> None:
    """Serve the one request. Whatever a library prints goes to stderr, so that stdout holds the report alone.

    `warm` is a sandbox for learners' functions that is open already (`autograder.verdict_server`).
    """
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    keep_to_ourselves()
    end_with_parent()
    _limit_memory(request["memory_bytes"])
    if request["hidden_seed"]:
        os.environ[HIDDEN_SEED_VARIABLE] = request["hidden_seed"]
    rung, folder, cells = request["rung"], Path(request["folder"]), request["cells"]
    with _room(rung, cells, warm, confined=request["confined"]) as confined:
        report = verdict(rung, folder, request["seed"], cells, confined=confined).encode()
    end_descendants()
    answer.write(sign(report, request["key"]) + b"\n" + report)
    answer.close()


def verdict(
    rung_name: str,
    folder: Path,
    seed: int,
    cells: list[str] | None,
    *,
    confined: bool | WarmSandbox | None = None,
) -> str:
    """Return the report on a submission as JSON, over the criteria of `cells` (all of them when None).

    `confined`: whether the learner's functions run in a sandbox, or in which; None: where there is one.
    """
    course = load_course()
    rung = course.rung(rung_name)
    checker = checker_of(rung, cells)
    split = "hidden" if os.environ.get(HIDDEN_SEED_VARIABLE) else "public"
    with checker.submission(folder, rung, course, seed=seed, split=split) as work:
        work.confined = confined
        work.begin({criterion.cell for criterion in checker.criteria})
        return with_gap(judge(rung.id, checker.criteria, work), work).model_dump_json()


@contextmanager
def _room(
    rung: str, cells: list[str] | None, warm: WarmSandbox | None, *, confined: bool
) -> Iterator[bool | WarmSandbox]:
    """Give the learner's functions a sandbox to share if one is open, or if several of them import PyTorch: then it is
    imported once."""
    if confined and warm is not None:
        yield warm
        return
    functions = checker_of(load_course().rung(rung)).submission.learner_functions
    slow = [entry for entry in functions if slow_setups([entry]) and (cells is None or entry[0] in cells)]
    if not confined or len(slow) < 2:
        yield confined
        return
    with WarmSandbox(slow_setups(slow)) as warm:
        yield warm


def _limit_memory(limit: int | None) -> None:
    """Bound the address space of this process. None for a GPU's driver, which maps far more than it uses."""
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
