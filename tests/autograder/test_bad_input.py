"""What a submission may hold in place of what it should: not done, one clear line, the rest checked, nothing changed.

The lines name the file and what to do next. The other criteria are answered as if nothing had happened where they do
not depend on the file.
"""

import json
import os
import pickle
import shutil

import pytest
from bad_files import FILE_FAULTS, NORM, Evil, header, instead, put, twice
from example_work import (
    RUNG,
    STAGE_FOLDER,
    by_id,
    contents,
    edit,
    failed,
    report_on,
    said,
    solved_notebook,
    write_notebook,
)

from autograder.runner import grade

PERFORMANCE = {"valid-json", "exact-match", "exact-match-unseen"}
pytestmark = pytest.mark.usefixtures("as_if_trained")
DEPEND_ON_WEIGHTS = {"model-is-real", "run-record", "curve-is-real", "claim-honest", *PERFORMANCE}
RUN, CURVE, EVAL = f"{STAGE_FOLDER}/run.json", f"{STAGE_FOLDER}/loss_curve.json", "artifacts/eval.json"
CONFIG, WEIGHTS, NOTEBOOK = f"{STAGE_FOLDER}/config.json", f"{STAGE_FOLDER}/model.safetensors", f"{RUNG}.ipynb"

# file -> the criterion whose line names it, and all that cannot pass without it
FILES = {
    RUN: ("model-is-real", DEPEND_ON_WEIGHTS),
    CURVE: ("curve-is-real", {"curve-is-real", *PERFORMANCE}),
    EVAL: ("claim-honest", {"claim-honest", *PERFORMANCE}),
    CONFIG: ("model-is-real", DEPEND_ON_WEIGHTS),
    WEIGHTS: ("model-is-real", DEPEND_ON_WEIGHTS),
}


@pytest.fixture(autouse=True)
def _quickly_measured(measured_as):
    """No model answers here: all measured answers are wrong, as a model of noise gives them."""
    measured_as(0, 0)


def fails_cleanly(work, criterion: str, affected: set[str]) -> str:
    """Check a bad submission, and return what the criterion that concerns it says."""
    before = contents(work)
    report = report_on(work, "done-when")
    assert contents(work) == before and not os.path.exists("unpickled")
    assert not report.done and failed(report) == affected
    result = by_id(report)[criterion]
    assert result.passed is False and result.points == 0
    for one in report.criteria:
        assert one.observed and one.observed.isprintable() and one.hint.isprintable()
        assert "Traceback" not in said(one) and "the checker itself failed" not in one.observed
    return said(result)


@pytest.mark.parametrize("fault", FILE_FAULTS)
@pytest.mark.parametrize("file", FILES)
def test_a_file_that_cannot_be_used_is_one_line(work, file, fault):
    change, words = FILE_FAULTS[fault]
    change(work / file)
    line = fails_cleanly(work, *FILES[file])
    name = file.rpartition("/")[2]
    assert name in line and (words in line or fault == "not JSON"), line
    assert any(step in line for step in ("Run the ", "Save ", "Copy ", "Is this the file", "Submit "))


@pytest.mark.parametrize("file", [RUN, CURVE, EVAL])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", ""), ("null", ""), ("3", ""), ('"text"', ""), ("{}", "Field required"),
        ('{"a": NaN}', ""), ("{\"rows\": [}", ""), ("\ufeff{}", ""), ("{'a': 1}", ""),
    ],
)  # fmt: skip
def test_json_of_another_kind_is_one_line(work, file, text, words):
    (work / file).write_text(text)
    line = fails_cleanly(work, *FILES[file])
    assert file.rpartition("/")[2] in line and words in line and "Run the cell that saves it again" in line


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '"3"', "true", "null", "[]", "{}", "1e999"])
@pytest.mark.parametrize(
    ("file", "field", "place"),
    [
        (RUN, "wall_seconds", lambda content: content),
        (RUN, "steps", lambda content: content),
        (CURVE, "loss", lambda content: content["rows"][3]),
        (CURVE, "step", lambda content: content["rows"][3]),
        (EVAL, "after", lambda content: content["entries"][0]),
        (EVAL, "n", lambda content: content["entries"][0]),
    ],
)
def test_a_number_that_is_none_is_one_line_with_its_field(work, file, field, place, value):
    edit(work / file, lambda content: place(content).update({field: "HERE"}))
    path = work / file
    path.write_text(path.read_text().replace('"HERE"', value))
    line = fails_cleanly(work, *FILES[file])
    assert file.rpartition("/")[2] in line and field in line and "Run the cell that saves it again" in line


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (RUN, lambda content: content.update(grade=20), "grade: Extra inputs are not permitted"),
        (CURVE, lambda content: content["rows"][0].update(note="x"), "rows.0.note: Extra inputs are not permitted"),
        (EVAL, lambda content: content.update(done=True), "done: Extra inputs are not permitted"),
        (RUN, lambda content: content.pop("base"), "base: Field required"),
        (RUN, lambda content: content.update(steps=0), "steps: Input should be greater than or equal to 1, found 0"),
        (RUN, lambda content: content.update(hyperparameters=[]), "hyperparameters: Input should be"),
        (RUN, lambda content: content["hyperparameters"].update(x={}), "hyperparameters.x"),
        (CURVE, lambda content: content.update(rows=[]), "rows: List should have at least 1 item"),
        (CURVE, lambda content: content["rows"].reverse(), "step 99 after step 100, expected increasing steps"),
        (CURVE, lambda content: content["rows"].insert(1, content["rows"][0]), "step 1 after step 1"),
        (CURVE, lambda content: content["rows"][5].update(step=-5), "rows.5.step"),
        (EVAL, lambda content: content.update(entries=[]), "entries: List should have at least 1 item"),
        (EVAL, lambda content: content["entries"][0].update(interval=[0]), "entries.0.interval"),
        (EVAL, lambda content: content["entries"][0].update(n=-1), "entries.0.n"),
    ],
)
def test_a_record_that_does_not_fit_is_one_line_with_its_field(work, file, change, words):
    edit(work / file, change)
    assert words in fails_cleanly(work, *FILES[file])


def test_of_a_key_that_stands_twice_the_later_counts(work):
    """As for every reader of JSON here: nothing can be shown to one and hidden from another."""
    path = work / RUN
    path.write_text(path.read_text().rstrip().removesuffix("}") + ', "rung": "03"}')
    assert json.loads(path.read_text())["rung"] == "03"
    assert "rung is '03'" in fails_cleanly(work, "run-record", {"run-record", *PERFORMANCE})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(header(length=2**63), id="a huge length"),
        pytest.param(header(length=2**64 - 1), id="the largest length"),
        pytest.param(header(length=0), id="no length"),
        pytest.param(header(length=10), id="a short length"),
        pytest.param(header(lambda e: e[NORM].update(data_offsets=[0, 10**12])), id="offsets out of range"),
        pytest.param(header(lambda e: e[NORM].update(data_offsets=[-4, 124])), id="negative offsets"),
        pytest.param(header(lambda e: e[NORM].update(data_offsets=[128, 0])), id="offsets reversed"),
        pytest.param(header(lambda e: e[NORM].update(data_offsets=[0, 128])), id="tensors that overlap"),
        pytest.param(header(lambda e: e[NORM].update(shape=[10**18])), id="a huge shape"),
        pytest.param(header(lambda e: e[NORM].update(shape=[2**32, 2**32])), id="a shape that overflows"),
        pytest.param(header(lambda e: e[NORM].update(dtype="F99")), id="an unknown type"),
        pytest.param(header(lambda e: e[NORM].update(dtype="I32")), id="integers"),
        pytest.param(header(lambda e: e.update({NORM: 3})), id="no tensor"),
        pytest.param(header(lambda e: e.pop(NORM)), id="a gap"),
        pytest.param(header(raw=b"[" * 100_000), id="nested too deeply"),
        pytest.param(header(raw=b"\xff" * 64), id="no UTF-8"),
        pytest.param(twice, id="a tensor twice"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"more"), id="bytes left over"),
        pytest.param(put(b"\x00" * 7), id="seven bytes"),
    ],
)
def test_weights_with_a_header_that_lies_are_one_line(work, change):
    change(work / WEIGHTS)
    line = fails_cleanly(work, *FILES[WEIGHTS])
    assert "model.safetensors" in line
    assert any(step in line for step in ("Save the ", "with save_pretrained", "expected F32, BF16 or F16")), line


def test_a_pickle_in_place_of_the_weights_is_named_and_not_opened(work):
    (work / WEIGHTS).unlink()
    (work / STAGE_FOLDER / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    line = fails_cleanly(work, *FILES[WEIGHTS])
    assert "found pytorch_model.bin, a pickle, which is never opened; expected model.safetensors" in line


def test_weights_in_several_files_are_missed_by_name(work):
    (work / WEIGHTS).rename(work / STAGE_FOLDER / "model-00001-of-00001.safetensors")
    (work / STAGE_FOLDER / "model.safetensors.index.json").write_text("{}")
    assert "model/model.safetensors: no such file" in fails_cleanly(work, *FILES[WEIGHTS])


@pytest.mark.parametrize("folder", ["artifacts", STAGE_FOLDER])
@pytest.mark.parametrize("kind", ["missing", "a file", "a link"])
def test_a_folder_that_is_none_is_one_line(work, tmp_path, folder, kind):
    moved = shutil.move(work / folder, tmp_path / "moved")
    if kind == "a file":
        (work / folder).write_text("")
    if kind == "a link":
        (work / folder).symlink_to(moved)
    line = fails_cleanly(work, "model-is-real", DEPEND_ON_WEIGHTS)
    assert "found a link" in line if kind == "a link" else "model/run.json: no such file" in line


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_notebook_that_cannot_be_used_is_the_same_line_for_all(work, fault):
    change, words = FILE_FAULTS[fault]
    change(work / NOTEBOOK)
    before = contents(work)
    report = report_on(work)
    assert contents(work) == before and not report.done and report.score == 0
    lines = {said(result) for result in report.criteria}
    assert len(lines) == 1 and NOTEBOOK in lines.pop() and words in said(report.criteria[0])


def cells(change):
    """Return the solved notebook with a change of its list of cells."""
    notebook = solved_notebook()
    change(notebook.cells, {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells})
    return notebook


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda all_, by: all_.remove(by["answer-read-failures"]), "the answer cell 'answer-read-failures' is missi"),
        (lambda all_, by: all_.remove(by["read-failures"]), "the graded cell 'read-failures' is missing from"),
        (lambda all_, by: all_.append(by["answer-read-failures"]), "2 cells are called 'answer-read-failures'"),
        (lambda all_, by: by["answer-read-failures"].metadata.clear(), "is missing. Fetch the notebook again"),
        (lambda all_, by: by["answer-read-failures"].metadata.nbgrader.update(grade_id="x"), "is missing"),
        (lambda all_, by: by["answer-read-failures"].update(cell_type="raw"), "Change its type back to Code"),
        (lambda all_, by: by["answer-read-failures"].update(source=""), "defines no function of this name"),
    ],
)
def test_of_a_notebook_with_cells_missing_the_rest_is_checked(work, change, words):
    (work / NOTEBOOK).write_text(json.dumps(cells(change)))
    report = report_on(work, "done-when", "read-failures")
    assert failed(report) == {"failure-kinds", "failure-edges", *PERFORMANCE}
    assert words in said(by_id(report)["failure-kinds"]) and words in said(by_id(report)["failure-edges"])


def test_a_deleted_last_cell_costs_its_points_only(work):
    (work / NOTEBOOK).write_text(json.dumps(cells(lambda all_, by: all_.remove(by["done-when"]))))
    report = report_on(work, "done-when", "read-failures")
    assert failed(report) == DEPEND_ON_WEIGHTS and report.score == 3
    assert "the graded cell 'done-when' is missing from" in said(by_id(report)["run-record"])


def test_a_renamed_notebook_is_missed_by_name(work):
    (work / NOTEBOOK).rename(work / "rung-02-sft-Copy1.ipynb")
    report = report_on(work)
    assert report.score == 0
    assert f"{NOTEBOOK}: no such notebook. Keep the rung's notebook under its own name" in said(report.criteria[0])


def test_through_the_runner_a_bad_submission_is_still_a_report(work):
    """The worst of the above at once: a FIFO, a lying header, a function that leaves."""
    write_notebook(solved_notebook({"answer-read-failures": "import os\nos._exit(0)"}), work)
    header(length=2**63)(work / WEIGHTS)
    instead(os.mkfifo)(work / EVAL)
    before = contents(work)
    report = grade("02", work, cells=["read-failures", "done-when"])
    assert contents(work) == before and report.score == 0 and len(report.criteria) == 9
    assert "without a usable answer" in said(by_id(report)["failure-kinds"])
    assert "model.safetensors" in said(by_id(report)["model-is-real"])
