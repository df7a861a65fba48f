"""Parts of the plugin that a whole class, graded in `tests/adversaries`, does not show."""

import json
import logging
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import nbformat
import pytest

from autograder.nbgrader_course import NbgraderError, make_course_folder, nbgrader

LATER = "2025-02-01 10:00:00 UTC"


def empty_notebook(folder: Path) -> Path:
    """Write a notebook without cells, and return its path."""
    path = folder / "rung-02-sft.ipynb"
    path.write_text(json.dumps(nbformat.v4.new_notebook()))
    return path


def test_what_one_run_left_out_or_passed_over_is_forgotten_in_the_next(tmp_path):
    """Formgrader keeps one CourseDirectory through all the runs of a server."""
    from nbgrader.coursedir import CourseDirectory

    from autograder.copied_files import leave_out_what_cannot_be_copied
    from autograder.nbgrader_plugin import _pass_over_bad_timestamps

    course = CourseDirectory(ignore=["*.pyc"])
    converter = SimpleNamespace(assignments={str(tmp_path): []}, coursedir=course, log=logging.getLogger("test"))
    (tmp_path / "link").symlink_to("elsewhere")
    leave_out_what_cannot_be_copied(converter)
    assert course.ignore == ["*.pyc", str(tmp_path / "link")]
    (tmp_path / "link").unlink()
    for _ in range(sys.getrecursionlimit()):
        _pass_over_bad_timestamps(course)
    leave_out_what_cannot_be_copied(converter)
    assert course.ignore == ["*.pyc"]
    (tmp_path / "timestamp.txt").write_text(LATER)
    assert course.get_existing_timestamp(str(tmp_path)) == datetime(2025, 2, 1, 10)


def test_trouble_with_the_gradebook_costs_no_points(tmp_path, monkeypatch):
    from sqlalchemy.exc import OperationalError

    from autograder.nbgrader_plugin import SubmissionExporter

    path = empty_notebook(tmp_path)
    exporter = SubmissionExporter()
    locked = OperationalError("update grade", {}, Exception("database is locked"))
    monkeypatch.setattr(SubmissionExporter, "from_notebook_node", Mock(side_effect=[locked, ("", {})]))
    with pytest.raises(OperationalError):
        exporter.from_filename(str(path))


def test_a_fault_of_ours_is_said_in_the_notebook_and_stops_nobody(tmp_path, monkeypatch):
    from autograder.nbgrader_plugin import SubmissionExporter

    path = empty_notebook(tmp_path)
    made = Mock(side_effect=[KeyError("a slip"), ("", {})])
    monkeypatch.setattr(SubmissionExporter, "from_notebook_node", made)
    SubmissionExporter().from_filename(str(path))
    assert "cannot be graded (KeyError: 'a slip')" in made.call_args.args[0].metadata["course_unreadable"]


@pytest.mark.slow
def test_a_command_that_fails_is_one_line(tmp_path):
    make_course_folder(tmp_path, [])
    with pytest.raises(NbgraderError, match=r"^nbgrader autograde nothing: failed [^\n]*$"):
        nbgrader(tmp_path, "autograde", "nothing")


def test_what_is_larger_than_the_course_allows_is_not_copied(tmp_path):
    """A file of holes takes no room where it lies, and all of it in a copy; many of them together count too."""
    from nbgrader.coursedir import CourseDirectory

    from autograder.copied_files import leave_out_what_cannot_be_copied

    course = CourseDirectory(ignore=[], max_file_size=5_000, max_dir_size=12_000)  # kilobytes
    converter = SimpleNamespace(assignments={str(tmp_path): []}, coursedir=course, log=logging.getLogger("test"))
    for name, size in (("a", 4), ("b", 6), ("c", 4), ("d", 5), ("e", 1)):
        (tmp_path / name).touch()
        with (tmp_path / name).open("r+b") as file:
            file.truncate(size * 10**6)
    leave_out_what_cannot_be_copied(converter)
    kept = {"a", "b", "c", "d", "e"} - {path.rpartition("/")[2] for path in course.ignore}
    assert "b" not in kept and sum({"a": 4, "c": 4, "d": 5, "e": 1}[name] for name in kept) <= 12
    assert len(kept) >= 3
