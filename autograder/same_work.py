"""`make same-work-rung-NN`: which submissions of a class hold the same work, for an instructor to look at.

No score comes from it. What is compared cannot come out equal by itself:

- the clock of a training run, step by step, to the microsecond;
- the seed that drew a learner's own questions, one of two thousand million;
- the prose, by its sequences of five words, those of the released notebook left out.

Equal weights are named too, and prove nothing alone: two learners who run one notebook unchanged on the same kind of
machine get the same weights, bit by bit.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from autograder.notebook_source import grade_id, read_notebook
from shared.artifacts import LossCurve, read_json
from shared.course import ROOT, CourseError, Rung, load_course
from shared.fingerprints import read_weights_header
from shared.questions import ANSWERS, AnswersRecord
from shared.safe_files import ArtifactError, safe_path

WORDS = 5  # in a sequence
LEAST_WORDS = 20  # a shorter prose answer says too little to be anybody's own
LARGEST_WEIGHTS = 1_100_000_000  # bytes, as in nbgrader_config.py
SHARE = 0.5  # two submissions hold the same of something when they share more of it than this

Marks = dict[str, frozenset[str]]  # what is compared -> what is telling about it


def marks_of(folder: Path, rung: Rung, known_words: frozenset[str] = frozenset()) -> Marks:
    """Return what is telling about the submission in `folder`. What cannot be read tells nothing.

    `known_words` are sequences of words that everybody has.
    """
    found: Marks = {}
    for path in sorted((folder / "artifacts").glob("*/loss_curve.json")):
        _put(found, f"the same run of {path.parent.name}, by its clock", _clock, path, folder)
    for path in sorted((folder / "artifacts").glob("*/*.safetensors")):
        _put(found, f"equal weights of {path.parent.name} (which alone prove nothing)", _weights, path, folder)
    _put(found, "the same seed of one's own questions", _seed, folder / ANSWERS, folder)
    notebook = folder / f"{rung.folder}.ipynb"
    for cell in rung.prose_cells:
        _put(found, f"the same prose in {cell}", partial(_prose, cell=cell, known=known_words), notebook, folder)
    return found


def same_work(marks: dict[str, Marks]) -> Iterator[tuple[str, list[str]]]:
    """Yield what several submissions hold the same of, and whose they are; `marks` by learner."""
    for what in sorted({what for found in marks.values() for what in found}):
        groups: list[list[str]] = []
        for name in sorted(name for name, found in marks.items() if what in found):
            group = next((group for group in groups if _same(marks[group[0]][what], marks[name][what])), None)
            groups.append([name]) if group is None else group.append(name)
        yield from ((what, group) for group in groups if len(group) > 1)


def main(arguments: list[str] | None = None) -> int:
    """Look at one rung's submissions and print; return 1, with one line on stderr, where there is no such rung."""
    parser = argparse.ArgumentParser(prog="python -m autograder.same_work", description=__doc__.partition("\n")[0])
    parser.add_argument("rung", help="which rung, for example 02")
    parser.add_argument("--submitted", type=Path, default=Path("submitted"), help="nbgrader's folder of submissions")
    options, console = parser.parse_args(arguments), Console(highlight=False)
    try:
        rung = load_course().rung(options.rung)
    except CourseError as error:
        print(f"same-work: {error}", file=sys.stderr)
        return 1
    source = ROOT / "rungs" / rung.folder
    known = frozenset(_sequences(_released(source / f"{rung.folder}.ipynb", rung)))
    folders = {path.parent.name: path for path in sorted(options.submitted.glob(f"*/{rung.folder}"))}
    found = list(same_work({name: marks_of(path, rung, known) for name, path in folders.items()}))
    console.print(f"Rung {rung.id}, {len(folders)} submissions. The same work under two names:")
    for what, names in found or [("nothing that is compared", ["nobody"])]:
        console.print(f"  {what}: {', '.join(names)}", soft_wrap=True)
    return 0


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) > SHARE * min(len(one), len(other))


def _put(found: Marks, what: str, reading: Callable, path: Path, within: Path) -> None:
    try:
        marks = frozenset(reading(path, within))
    except ArtifactError:
        return
    if marks:
        found[what] = marks


def _clock(path: Path, within: Path) -> Iterator[str]:
    """Yield how long each logged step took, in microseconds."""
    rows = read_json(path, LossCurve, within=within).rows
    yield from (f"{later.seconds - earlier.seconds:.6f}" for earlier, later in pairwise(rows))


def _weights(path: Path, within: Path) -> Iterator[str]:
    """Yield one hash of all tensors, whatever their order in the file."""
    from autograder.weights import tensors

    safe_path(within, path.relative_to(within))
    header, digest = read_weights_header(path, LARGEST_WEIGHTS), hashlib.sha256()
    for name, values in tensors(path, dict(sorted(header.items()))):
        digest.update(name.encode() + values.tobytes())
    yield digest.hexdigest()


def _seed(path: Path, within: Path) -> Iterator[str]:
    yield str(read_json(path, AnswersRecord, within=within).seed)


def _prose(path: Path, within: Path, cell: str, known: frozenset[str]) -> frozenset[str]:
    text = next((text for name, text in _texts(path, within) if name == cell), "")
    return frozenset(_sequences([text])) - known if len(text.split()) >= LEAST_WORDS else frozenset()


def _texts(path: Path, within: Path) -> Iterator[tuple[str | None, str]]:
    """Yield each cell's name and source."""
    for cell in read_notebook(path, within)["cells"]:
        source = cell.get("source", "")
        yield grade_id(cell), source if isinstance(source, str) else "".join(map(str, source))


def _released(path: Path, rung: Rung) -> Iterator[str]:
    """Yield the texts that everybody gets: all of the notebook but its own answers to the prose."""
    yield from (text for name, text in _texts(path, path.parent) if name not in rung.prose_cells)


def _sequences(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        words = "".join(char.lower() if char.isalnum() else " " for char in text).split()
        yield from (" ".join(words[start : start + WORDS]) for start in range(len(words) - WORDS + 1))


if __name__ == "__main__":
    sys.exit(main())
