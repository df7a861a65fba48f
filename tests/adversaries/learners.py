"""Those in the same batch who mean no harm: the honest, the half-done and the unlucky get exactly what they deserve."""

from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.adversaries.attack import (
    ALL,
    BOTH_FUNCTIONS,
    HONEST,
    NOTHING,
    ONE_FUNCTION,
    PROSE,
    TRAINED,
    Work,
    learner,
)
from tests.adversaries.in_notebooks import into_markdown


@learner(ALL, start=HONEST)
def honest(work: Work) -> None:
    """Everything done. Side runs lie there too."""
    for name in ("experiments/too-hot/big.safetensors", "artifacts/model/checkpoint-10/optimizer.pt"):
        (work.folder / name).parent.mkdir(parents=True)
        (work.folder / name).write_bytes(b"not for grading")


@learner((0, 4, 11), start=TRAINED, rung="03", waits=())
def honest_adapter(work: Work) -> None:
    """Rung 03 with the numbers and the adapter, the function not written."""


@learner((0, 4, 10), start=TRAINED, rung="04", waits=())
def honest_qlora(work: Work) -> None:
    """Rung 04 on the pocket base, the function not written: all but the seven billion parameters."""


@learner((4, 0, 13), start=HONEST)
def one_answer_missing(work: Work) -> None:
    """The model is there, one function is not written."""
    work.cell("answer-read-failures").source = "def failure_kind(text, ticket):\n    raise NotImplementedError()"


@learner((0, 3, 11), start=TRAINED)
def no_curve(work: Work) -> None:
    """The loss curve was left behind."""
    (work.folder / "artifacts" / "model" / "loss_curve.json").unlink()


@learner(BOTH_FUNCTIONS, start=HONEST)
def artifacts_forgotten(work: Work) -> None:
    """Both functions right, and a zip without the artifacts."""
    for path in sorted((work.folder / "artifacts").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


@learner(NOTHING, waits=())
def untouched(work: Work) -> None:
    """The notebook as it was handed out."""
    for name in ("answer-read-failures", PROSE):
        work.cell(name).source = work.released(name)


@learner(start=TRAINED, waits=(PROSE, "done-when"))
def trained_elsewhere(work: Work) -> None:
    """A model that can only be measured on a GPU box: a human must see that it is."""
    work.cell("answer-sft-loss").source = "def sft_loss(:"
    work.edit("artifacts/model/run.json", lambda run: run.update(profile="gpu"))


@learner()
def one_function(work: Work) -> None:
    """One exercise of two, a plot and a notebook of the learner's own."""
    figure = new_output("display_data", data={"image/png": "AAAA"})
    work.notebook.cells.append(new_code_cell("plot()", outputs=[figure], metadata={"tags": ["mine"]}))
    (work.folder / "scratch.ipynb").write_text("not JSON")


@learner()
def older_jupyter(work: Work) -> None:
    """Saved in the format without cell ids, a graded cell turned into text by mistake."""
    work.notebook.nbformat_minor = 4
    for one in work.notebook.cells:
        del one["id"]
    into_markdown(work.cell("sft-loss"))


@learner()
def hosted_notebook(work: Work) -> None:
    """Saved by a hosted service, whose notebooks lack what the format asks of widgets."""
    state = {"application/vnd.jupyter.widget-state+json": {"abc": {"model_name": "HTMLModel"}}}
    work.notebook.metadata["widgets"] = state
    bar = {"application/vnd.jupyter.widget-view+json": {"model_id": "abc"}, "text/plain": "a bar"}
    work.notebook.cells.append(new_code_cell("bar()", outputs=[new_output("display_data", data=bar)]))


@learner()
def odd_timestamp(work: Work) -> None:
    """A file in the timestamp's place that is none."""
    (work.folder / "timestamp.txt").write_text("last Tuesday, I think")


@learner(NOTHING, waits=())
def no_notebook(work: Work) -> None:
    """The artifacts alone."""
    (work.folder / "artifacts").mkdir()
    work.notebook = None


@learner(NOTHING, waits=())
def not_json(work: Work) -> None:
    """Half an upload."""
    path = work.save()
    path.write_text(path.read_text()[:2000])


@learner(NOTHING, waits=())
def no_cells(work: Work) -> None:
    """A notebook without a cell."""
    work.notebook = new_notebook()


@learner(NOTHING)
def emptied(work: Work) -> None:
    """Every cell still there, nothing in any of them, and no more metadata than its name."""
    for one in work.notebook.cells:
        one.source = ""
        one.metadata = {"nbgrader": {k: v for k, v in one.metadata.get("nbgrader", {}).items() if k == "grade_id"}}


@learner(NOTHING, waits=())
def folder_for_notebook(work: Work) -> None:
    """A folder that carries the notebook's name."""
    path = work.path
    work.save().rename(work.folder / "inside.ipynb")
    path.mkdir()
    (work.folder / "inside.ipynb").rename(path / path.name)


@learner(ONE_FUNCTION, again=True)
def again_graded_by_hand(work: Work) -> None:
    """The same work once more, after a human has given points."""
