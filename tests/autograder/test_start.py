"""`make start`: a learner's changes are never lost, an untouched file is brought up to date, nothing is half done."""

import io
import json
import shutil
from pathlib import Path

import nbformat
import pytest
from example_work import contents
from rich.console import Console

from autograder import nbgrader_course, start
from autograder.nbgrader_course import NbgraderError
from shared.course import load_course

RUNG = next(rung for rung in load_course().rungs if rung.built)
NOTEBOOK = f"{RUNG.folder}.ipynb"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course of one rung with a notebook and a text beside it."""
    root = tmp_path / "course"
    (root / "rungs" / RUNG.folder).mkdir(parents=True)
    (root / nbgrader_course.CONFIG).write_text("")
    write_source(root, "first version")
    (root / "rungs" / RUNG.folder / "notes.txt").write_text("notes")
    for module in (start, nbgrader_course):
        monkeypatch.setattr(module, "ROOT", root)
    course = load_course()
    monkeypatch.setattr(start, "load_course", lambda: course.model_copy(update={"rungs": (RUNG,)}))
    return root


@pytest.fixture
def calls(monkeypatch):
    """Put a quick copy in nbgrader's place, and return the list of its calls."""
    calls = []

    def release(folder, *arguments):
        calls.append(arguments)
        shutil.copytree(folder / "rungs" / RUNG.folder, folder / "release" / RUNG.folder)

    monkeypatch.setattr(start, "nbgrader", release)
    return calls


@pytest.fixture
def work(tmp_path, root, calls):
    """The learner's folder of the rung, as the first start left it."""
    begin(tmp_path)
    return tmp_path / "work" / RUNG.folder


def write_source(root, text: str) -> None:
    (root / "rungs" / RUNG.folder / NOTEBOOK).write_text(text)


def begin(tmp_path) -> str:
    """Start, and return what was said."""
    said = io.StringIO()
    start.start(tmp_path / "work", Console(file=said, width=80))
    return said.getvalue()


def test_the_first_start_hands_everything_out(tmp_path, work, calls):
    assert (work / NOTEBOOK).read_text() == "first version" and (work / "notes.txt").read_text() == "notes"
    assert calls == [("generate_assignment", RUNG.folder, "--no-db")]
    assert sorted(path.name for path in work.parent.iterdir()) == [start.MANIFEST, RUNG.folder]


def test_the_second_start_has_nothing_to_do(tmp_path, work, calls):
    before, written = contents(work.parent), (work / NOTEBOOK).stat().st_mtime_ns
    assert begin(tmp_path) == f"{work} is ready\n"
    assert len(calls) == 1
    assert (contents(work.parent), (work / NOTEBOOK).stat().st_mtime_ns) == (before, written)


def test_a_changed_file_is_kept_word_for_word(tmp_path, root, work):
    (work / NOTEBOOK).write_text("my answers")
    write_source(root, "second version")
    said = begin(tmp_path)
    assert (work / NOTEBOOK).read_text() == "my answers"
    assert said.count("\n") == 2 and said.startswith(f"kept {work / NOTEBOOK}: you have changed it.")
    write_source(root, "third version")
    assert "kept" in begin(tmp_path) and (work / NOTEBOOK).read_text() == "my answers"


def test_a_changed_file_that_is_moved_aside_is_handed_out_again(tmp_path, root, work):
    (work / NOTEBOOK).write_text("my answers")
    write_source(root, "second version")
    begin(tmp_path)
    (work / NOTEBOOK).rename(work / "mine.ipynb")
    assert "kept" not in begin(tmp_path)
    assert (work / NOTEBOOK).read_text() == "second version"
    assert (work / "mine.ipynb").read_text() == "my answers"


def test_an_untouched_file_is_brought_up_to_date(tmp_path, root, work):
    write_source(root, "second version")
    assert "kept" not in begin(tmp_path)
    assert (work / NOTEBOOK).read_text() == "second version"
    write_source(root, "third version")
    begin(tmp_path)
    assert (work / NOTEBOOK).read_text() == "third version"


def test_a_change_that_was_undone_counts_as_none(tmp_path, root, work):
    (work / NOTEBOOK).write_text("my answers")
    write_source(root, "second version")
    begin(tmp_path)
    (work / NOTEBOOK).write_text("first version")
    write_source(root, "third version")
    begin(tmp_path)
    assert (work / NOTEBOOK).read_text() == "third version"


def test_a_deleted_file_comes_back_and_the_learners_own_files_stay(tmp_path, work):
    (work / NOTEBOOK).unlink()
    (work / "artifacts").mkdir()
    (work / "artifacts" / "eval.json").write_text("mine")
    begin(tmp_path)
    assert (work / NOTEBOOK).read_text() == "first version"
    assert (work / "artifacts" / "eval.json").read_text() == "mine"


BROKEN = [
    *(b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000),
    *(json.dumps({RUNG.folder: known}).encode() for known in (None, {"source": 3, "files": None}, {"files": ["x"]})),
    json.dumps({RUNG.folder: {"files": {NOTEBOOK: 3}}}).encode(),
]


@pytest.mark.parametrize("manifest", [None, *BROKEN])
def test_with_a_broken_manifest_every_file_is_the_learners(tmp_path, root, work, manifest):
    path = work.parent / start.MANIFEST
    path.unlink()
    if manifest is not None:
        path.write_bytes(manifest)
    (work / NOTEBOOK).write_text("my answers")
    write_source(root, "second version")
    assert "kept" in begin(tmp_path)
    assert (work / NOTEBOOK).read_text() == "my answers"
    assert json.loads(path.read_text())[RUNG.folder]["files"].keys() == {NOTEBOOK, "notes.txt"}


def test_a_manifest_that_is_a_folder_is_one_line(tmp_path, work):
    (work.parent / start.MANIFEST).unlink()
    (work.parent / start.MANIFEST).mkdir()
    assert_one_line(tmp_path)


def assert_one_line(tmp_path) -> str:
    with pytest.raises(start.StartError) as caught:
        begin(tmp_path)
    assert str(caught.value).startswith("start: ") and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, root, calls, monkeypatch):
    """Root may write anywhere, so the refusal is played."""

    real = Path.mkdir

    def refuse(path, *rest, **named):
        if path.is_relative_to(tmp_path / "work"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest, **named)

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert assert_one_line(tmp_path) == f"start: [Errno 13] Permission denied: '{tmp_path}/work/{RUNG.folder}'"


def test_a_file_in_the_folders_place_is_one_line(tmp_path, root, calls):
    (tmp_path / "work").write_text("")
    assert_one_line(tmp_path)


def test_a_folder_in_the_notebooks_place_is_kept_or_one_line(tmp_path, work, root):
    (work / NOTEBOOK).unlink()
    (work / NOTEBOOK).mkdir()
    (work / NOTEBOOK / "mine").write_text("mine")
    write_source(root, "second version")
    assert_one_line(tmp_path)
    assert (work / NOTEBOOK / "mine").read_text() == "mine"


def test_nbgraders_failure_is_one_line(tmp_path, root, monkeypatch):
    def fail(folder, *arguments):
        raise NbgraderError("nbgrader generate_assignment: failed (no kernel)")

    monkeypatch.setattr(start, "nbgrader", fail)
    assert assert_one_line(tmp_path) == "start: nbgrader generate_assignment: failed (no kernel)"
    assert not (tmp_path / "work" / RUNG.folder).exists()


@pytest.mark.parametrize("step", ["copyfile", "replace", "write_text"])
def test_an_interruption_leaves_no_half_file(tmp_path, root, work, monkeypatch, step):
    write_source(root, "second version")
    with monkeypatch.context() as patch:
        fill_the_disk(patch, step, work.parent)
        assert "No space left" in assert_one_line(tmp_path)
    assert (work / NOTEBOOK).read_text() == ("second version" if step == "write_text" else "first version")
    names = {path.name for path in work.parent.rglob("*")}
    assert names == {start.MANIFEST, "notes.txt", RUNG.folder, NOTEBOOK}
    assert "kept" not in begin(tmp_path)
    assert (work / NOTEBOOK).read_text() == "second version"


def fill_the_disk(patch, step: str, work) -> None:
    """Let one step of writing below `work` write half and fail."""
    place = {"copyfile": start.shutil, "replace": start.os, "write_text": Path}[step]
    real = getattr(place, step)

    def fail(first, second, *rest, **named):
        target = Path(first if step == "write_text" else second)
        if not target.is_relative_to(work):
            return real(first, second, *rest, **named)
        if step != "replace":
            target.write_bytes(b"ha")
        raise OSError(28, "No space left on device", str(target))

    patch.setattr(place, step, fail)


def test_a_course_without_a_built_rung_says_so(tmp_path, root, monkeypatch):
    monkeypatch.setattr(start, "load_course", lambda: load_course().model_copy(update={"rungs": ()}))
    assert begin(tmp_path) == "no rung is built yet\n"


@pytest.mark.slow
def test_the_real_release_has_no_solution_and_the_second_start_is_quick(tmp_path, monkeypatch):
    begin(tmp_path)
    monkeypatch.setattr(start, "nbgrader", None)
    assert begin(tmp_path).endswith(" is ready\n")
    for rung in load_course().rungs:
        if rung.built:
            notebook = nbformat.read(tmp_path / "work" / rung.folder / f"{rung.folder}.ipynb", as_version=4)
            text = nbformat.writes(notebook)
            assert "raise NotImplementedError()" in text and "BEGIN SOLUTION" not in text
