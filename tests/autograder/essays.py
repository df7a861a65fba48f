"""The essays of `tests/essays`, and how the program reads them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from autograder.prose.ideas import ProseCell, prose_cells
from autograder.prose.proposal import Proposal, Sources, Verdict, propose
from autograder.prose.questions import questions_of
from autograder.prose.self_check import STUB
from shared.course import ROOT, Rung, load_course

FOLDER = ROOT / "tests" / "essays"
SETS = ("tuned", "held-out", "round-1", "round-2", "round-3", "round-4")
MOST = 0.6  # of the points: the answer passes
RUNGS = {name: rung for rung in load_course().rungs for name in rung.prose_cells}  # by the prose cell's name


@dataclass(frozen=True)
class Essay:
    """One answer and what it must get. `reads_as` is a known miss, `work` the learner's own records by file."""

    cell: str
    kind: str
    must: str
    text: str
    verdict: str = ""
    reads_as: str = ""
    work: dict | None = None

    @property
    def rung(self) -> Rung:
        """The rung that asks."""
        return RUNGS[self.cell]

    @property
    def known(self) -> ProseCell:
        """How the cell is read."""
        return prose_cells(self.rung)[self.cell]

    def read(self, folder: Path | None = None) -> Proposal:
        """Return the program's proposal. The learner's records, if there are any, are written into `folder`."""
        for name, record in (self.work or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(record))
        return propose(self.text, STUB, self.known, Sources(questions_of(self.rung).runs, folder=folder))


def essays(where: str) -> Iterator[Essay]:
    """Yield the essays of a folder, or of `special.yml`."""
    paths = [FOLDER / "special.yml"] if where == "special" else sorted((FOLDER / where).glob("rung-*.yml"))
    for path in paths:
        yield from (Essay(**facts) for facts in yaml.safe_load(path.read_text(encoding="utf-8")))


def got(proposal: Proposal) -> str:
    """Return the proposal in the essays' words: unread, nothing, some or most."""
    if proposal.verdict is Verdict.OTHER_LANGUAGE:
        return "unread"
    if not proposal.points:
        return "nothing"
    return "most" if proposal.points >= MOST * proposal.most else "some"
