"""Paths that lead elsewhere and files that are something else."""

import os

import pytest

from shared.safe_files import ArtifactError, read_limited, safe_path


@pytest.fixture
def folder(tmp_path):
    inner = tmp_path / "submission"
    inner.mkdir()
    (inner / "run.json").write_text("{}")
    (tmp_path / "secret.json").write_text("secret")
    return inner


def test_an_ordinary_file_is_read(folder):
    assert read_limited(folder / "run.json", folder, 10) == b"{}"
    assert safe_path(folder, "run.json") == folder / "run.json"
    assert safe_path(folder, "not/there/yet") == folder / "not/there/yet"


@pytest.mark.parametrize("relative", ["../secret.json", "/etc/passwd", "a/../../secret.json", "a\0b"])
def test_paths_out_of_the_folder(folder, relative):
    with pytest.raises(ArtifactError, match="expected a path inside"):
        safe_path(folder, relative)


def test_a_path_beside_the_folder(folder):
    with pytest.raises(ArtifactError, match="expected a file inside"):
        read_limited(folder.parent / "secret.json", folder, 100)
    with pytest.raises(ArtifactError, match="expected a file inside"):
        read_limited(folder / ".." / "secret.json", folder, 100)


def test_a_link_as_file_or_as_folder(folder):
    (folder / "link.json").symlink_to(folder.parent / "secret.json")
    (folder / "inside.json").symlink_to(folder / "run.json")
    (folder / "away").symlink_to(folder.parent)
    (folder / "dangling").symlink_to("nowhere")
    for name in ("link.json", "inside.json", "away/secret.json", "dangling"):
        with pytest.raises(ArtifactError, match="found a link"):
            read_limited(folder / name, folder, 100)


def test_the_folder_itself_may_be_reached_through_a_link(folder, tmp_path):
    (tmp_path / "door").symlink_to(folder)
    assert read_limited(tmp_path / "door" / "run.json", tmp_path / "door", 10) == b"{}"


def test_folders_and_pipes_are_not_files(folder):
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    for name in ("sub", "pipe"):
        with pytest.raises(ArtifactError, match="expected an ordinary file"):
            read_limited(folder / name, folder, 100)


def test_a_file_that_becomes_a_link_after_the_check(folder, monkeypatch):
    """The check passes, then the file is swapped: opening must fail by itself, not follow."""
    (folder / "link.json").symlink_to(folder.parent / "secret.json")
    monkeypatch.setattr("shared.safe_files.check_file", lambda path, within, max_bytes: path)
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_limited(folder / "link.json", folder, 100)


def test_a_file_that_grows_after_the_check(folder, monkeypatch):
    (folder / "run.json").write_text("x" * 50)
    monkeypatch.setattr("shared.safe_files.check_file", lambda path, within, max_bytes: path)
    with pytest.raises(ArtifactError, match="grew past 10 bytes"):
        read_limited(folder / "run.json", folder, 10)
