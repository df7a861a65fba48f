"""What humans see after the batch: the graded notebooks, the feedback pages, the exported scores."""

from html.parser import HTMLParser

import nbformat
import pytest

from autograder.nbgrader_course import nbgrader
from tests.adversaries.attack import PROSE, RUNG, cell
from tests.adversaries.conftest import BY_HAND
from tests.adversaries.table import TABLE

pytestmark = pytest.mark.slow
GRADED = {**RUNG.cells, **RUNG.prose_cells}
CLASS = {name: one for name, one in TABLE.items() if one.rung == RUNG and not one.slow}


def autograded(room, name: str) -> nbformat.NotebookNode:
    """Return a learner's graded notebook."""
    path = room.folder / "autograded" / name / RUNG.folder / f"{RUNG.folder}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def printed(one) -> str:
    """Return what a cell's outputs say."""
    return "".join(output.get("text", "") + output.get("evalue", "") for output in one.outputs)


@pytest.mark.parametrize("name", ["honest", "saved_outputs", "graded_cells_edited", "graded_cells_as_text"])
def test_graded_cells_hold_the_source_and_the_report_of_the_course(room, batch, name):
    notebook, released = autograded(room, name), room.starts["02"].released
    for known, points in CLASS[name].deserves.items():
        shown = cell(notebook, known)
        assert shown.source == cell(released, known).source
        total = f"{points:g} of {RUNG.cells[known]} points."
        assert printed(shown).endswith(f"Done: {total}\n" if points == RUNG.cells[known] else f"Not done: {total}\n")
        assert "all is well" not in printed(shown)
        assert shown.outputs[-1].data["text/plain"] == repr(float(points))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("no_notebook", f"no_notebook/{RUNG.folder}/{RUNG.folder}.ipynb: no such notebook"),
        ("not_json", "not a notebook ("),
        ("oversized_notebook", "50,000,001 bytes, expected at most 50,000,000"),
        ("folder_for_notebook", "expected an ordinary file"),
        ("pipe_for_notebook", "expected an ordinary file"),
        ("linked_notebook", "expected a real file or folder, found a link"),
        ("graded_cells_deleted", "The graded cell 'done-when' is missing, so it scores 0."),
        ("no_cells", "The graded cell 'sft-loss' is missing, so it scores 0."),
    ],
)
def test_a_notebook_that_cannot_be_graded_says_why(room, batch, name, line):
    assert line in autograded(room, name).cells[0].source
    assert line in batch.first["02"].said


def test_a_learners_own_figures_stay_for_the_human(room, batch):
    own = autograded(room, "one_function").cells[-1]
    assert own.source == "plot()" and own.outputs[0].data == {"image/png": "AAAA"} and own.metadata.tags == ["mine"]


def test_what_is_not_for_grading_not_a_file_or_too_large_is_not_copied(room, batch):
    folders = {name: room.folder / "autograded" / name / RUNG.folder for name in CLASS}
    assert {path.name for path in folders["honest"].iterdir()} == {"artifacts", f"{RUNG.folder}.ipynb"}
    assert not list(folders["honest"].rglob("optimizer.pt"))
    copied = [path for path in folders["linked_files"].rglob("*") if not path.is_dir()]
    assert [path.name for path in copied] == [f"{RUNG.folder}.ipynb"]
    assert not list(folders["weights_of_5_gb"].rglob("model.safetensors"))
    assert list(folders["honest"].rglob("model.safetensors"))


@pytest.mark.parametrize("name", ["points_raised", "graded_cells_copied", "prose_as_code"])
def test_only_the_cells_of_the_course_are_graded_cells(room, batch, name):
    found = [one for one in autograded(room, name).cells if one.metadata.get("nbgrader", {}).get("grade")]
    assert {one.metadata.nbgrader.grade_id: one.metadata.nbgrader.points for one in found} == GRADED
    assert len(found) == len(GRADED)


@pytest.fixture(scope="module")
def feedback(room, batch):
    nbgrader(room.folder, "generate_feedback", RUNG.folder)
    return room.folder / "feedback"


def page_of(feedback, name: str) -> str:
    """Return a learner's feedback page."""
    return (feedback / name / RUNG.folder / f"{RUNG.folder}.html").read_text()


def test_everybody_gets_feedback(feedback):
    assert {path.parts[-3] for path in feedback.glob(f"*/{RUNG.folder}/{RUNG.folder}.html")} == set(CLASS)


def test_feedback_shows_the_report(feedback):
    page = page_of(feedback, "honest")
    assert "the tickets are right on held-out items" in page and "Done: 13 of 13 points." in page


def test_feedback_says_why_nothing_could_be_graded(feedback):
    assert "not a notebook" in page_of(feedback, "not_json")


class Acting(HTMLParser):
    """Collects what a browser would run: the text of scripts, and attributes that are handlers."""

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        self.inside = tag == "script"
        self.found += [f"{name}={value}" for name, value in attrs if name.startswith("on")]

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.found.append(data)


def test_nothing_of_a_submission_acts_in_the_graders_browser(feedback):
    """The page is made from the same notebook, by the same exporter, as formgrader's."""
    acting = {name: Acting() for name in ("script_for_the_grader", "one_function")}
    for name, parser in acting.items():
        parser.feed(page_of(feedback, name))
    theirs, usual = ([line for line in parser.found if line.strip()] for parser in acting.values())
    assert not any("SCRIPTED" in line or "formgrader" in line for line in theirs)
    assert len(theirs) == len(usual)


def test_the_scores_can_be_exported(room, batch, feedback):
    nbgrader(room.folder, "export", "--to", "grades.csv")
    lines = (room.folder / "grades.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    exported = {row["student_id"]: float(row["score"]) for row in rows if row["assignment"] == RUNG.folder}
    prose = {name: batch.outcome(one).grades[name][PROSE].auto or 0 for name, one in CLASS.items()}  # if proposed
    expected = {name: sum(one.points) + prose[name] for name, one in CLASS.items()}
    expected["again_graded_by_hand"] = sum(BY_HAND.values()) + 3
    assert {name: exported[name] for name in expected} == expected
