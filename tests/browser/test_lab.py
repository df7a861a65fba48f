"""A learner's notebook in JupyterLab, in a real browser: run, answered, saved, checked."""

import shutil

import nbformat
import pytest
from chromium import needs_browser, photograph
from example_work import RUNG, SFT_LOSS
from lab_pages import OpenNotebook
from lab_server import jupyter_lab

pytestmark = [pytest.mark.slow, needs_browser]

FIRST_CELLS = ("look", "base-output", "four-numbers")


@pytest.fixture(scope="module")
def work(course, tmp_path_factory):
    """A learner's work folder with rung 02 in it, as `make start` hands it out."""
    folder = tmp_path_factory.mktemp("learner") / "work"
    shutil.copytree(course.release, folder / RUNG)
    return folder


@pytest.fixture(scope="module")
def server(work, browser, tmp_path_factory):
    """What `make lab` starts."""
    with jupyter_lab(work, tmp_path_factory.mktemp("learner-lab")) as one:
        yield one


@pytest.fixture(scope="module")
def notebook(work, server, visitor):
    """The rung's notebook, opened, with a kernel that runs."""
    page = visitor.open(server.opened(f"/lab/tree/{RUNG}/{RUNG}.ipynb"))
    opened = OpenNotebook(page, work / RUNG / f"{RUNG}.ipynb")
    opened.wait_for_kernel()
    return opened


@pytest.fixture(scope="module")
def begun(notebook):
    """The first cells run; what each shows."""
    return {name: notebook.run(name) for name in FIRST_CELLS}


@pytest.fixture(scope="module")
def answered(notebook, begun):
    """The loss written and run, not saved; what the check says then."""
    notebook.write("answer-sft-loss", "import torch\n" + SFT_LOSS)
    notebook.run("answer-sft-loss")
    return notebook.run("sft-loss")


@pytest.fixture(scope="module")
def checked(notebook, answered):
    """Saved, compared with the sum done by hand, and checked again; what the check says then."""
    notebook.save()
    assert "tensor(0.2685) by hand: 0.268" in notebook.run("loss-two-rows")
    return notebook.run("sft-loss")


def test_the_first_cells_run(begun):
    assert "Ticket: {" in begun["look"] and "Ticket:" in begun["base-output"]
    assert "masked:" in begun["four-numbers"]
    assert not any("Traceback" in said or "Warning" in said for said in begun.values())


def test_a_finished_progress_bar_says_so(begun):
    assert "100%" in begun["base-output"] and "0/3" not in begun["base-output"]


def test_the_check_asks_for_saving_first(answered):
    assert "Your answer has changed since the notebook was saved: save it (Ctrl+S)" in answered


def test_the_check_shows_its_report(notebook, checked):
    assert "sft_loss gives the right loss" in checked and "Done: 4 of 4 points." in checked
    assert "\x1b" not in checked
    notebook.show_from("answer-sft-loss")
    photograph(notebook.page, "lab-check")


def test_what_was_saved_is_the_answer_and_what_was_shown(work, checked):
    saved = {cell.id: cell for cell in nbformat.read(work / RUNG / f"{RUNG}.ipynb", as_version=4).cells}
    assert SFT_LOSS.strip() in saved["answer-sft-loss"].source
    bar = saved["base-output"].outputs[0].data
    assert list(bar) == ["text/plain"] and bar["text/plain"].startswith("100%")


def test_a_figure_is_drawn_with_a_description(notebook, checked):
    notebook.run("token-figure")
    shown = notebook.pictures("token-figure")
    assert len(shown) == 1 and shown[0]["width"] > 300 and "Loss of each token" in shown[0]["alt"], shown
    photograph(notebook.page, "lab-figure")


def test_nothing_went_wrong_on_the_page(notebook, visitor, checked):
    assert visitor.errors == []
    assert visitor.outside == set()
