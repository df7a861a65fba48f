"""shared.course: the course file holds together; a mistake in it is one line: file, key, reason."""

import copy
import subprocess
import sys

import pytest
import yaml

from shared.course import ROOT, Course, CourseError, load_course, main

FACTS = yaml.safe_load((ROOT / "course.yml").read_text())


@pytest.fixture
def facts():
    return copy.deepcopy(FACTS)


@pytest.fixture
def error_of(tmp_path):
    """The one-line error that loading these facts gives."""

    def load(facts) -> str:
        path = tmp_path / "course.yml"
        path.write_text(facts if isinstance(facts, str) else yaml.safe_dump(facts))
        with pytest.raises(CourseError) as caught:
            load_course(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return load


def test_the_course_has_eleven_rungs_six_exit_items_and_two_profiles():
    course = load_course()
    assert [rung.id for rung in course.rungs] == [f"{number:02}" for number in range(1, 12)]
    assert len(course.exit_items) == 6
    assert set(course.profiles) == {"pocket", "gpu"}
    assert course.profile("pocket").base.path == "shared/pocket/base"
    assert course.profile("gpu").base.revision == "060db6499f32faf8b98477b0a26969ef7d8b9987"


def test_a_rung_that_is_built_has_its_notebook():
    built = {rung.folder for rung in load_course().rungs if rung.built}
    notebooks = ROOT.glob("rungs/*/*.ipynb")
    assert built <= {path.stem for path in notebooks if path.stem == path.parent.name}


def test_rung_02_is_what_its_checker_grades():
    rung = load_course().rung("02")
    assert rung.cells == {"sft-loss": 4, "read-failures": 3, "done-when": 13}
    assert (rung.points, rung.prose_points, rung.prose_cells) == (20, 5, {"explain-sft": 5})
    for profile in ("pocket", "gpu"):
        assert rung.thresholds[profile]["exact_match"] == 0.90
        assert rung.thresholds[profile]["exact_match_unseen_phrasing"] == 0.75


@pytest.mark.parametrize("name", ["2", "02", "rung-02-sft"])
def test_a_rung_is_found_by_each_of_its_names(name):
    assert load_course().rung(name).slug == "sft"


@pytest.mark.parametrize("name", ["", "0", "12", "sft", "rung-02", "002"])
def test_an_unknown_rung_is_told_the_known_ones(name):
    with pytest.raises(CourseError, match=r"no rung .*; expected one of 01, 02, .*11$"):
        load_course().rung(name)


def test_an_unknown_profile_is_told_the_known_ones():
    with pytest.raises(CourseError, match="no profile 'tpu'; expected one of pocket, gpu"):
        load_course().profile("tpu")


def test_the_course_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="frozen"):
        load_course().rung("02").points = 3


# Each row: what is done to the facts, and the error that follows.
MISTAKES = {
    "wrong type": (
        lambda f: f["rungs"][1].update(points="x"),
        "course.yml: rungs.1.points: expected a valid integer, got 'x'",
    ),
    "negative points": (
        lambda f: f["rungs"][0].update(points=-1),
        "course.yml: rungs.0.points: expected greater than or equal to 0, got '-1'",
    ),
    "a number as text": (
        lambda f: f["rungs"][0]["cost"]["pocket"].update(minutes="3"),
        "course.yml: rungs.0.cost.pocket.minutes: expected a valid number, got '3'",
    ),
    "missing key": (lambda f: f["rungs"][3].pop("done_when"), "course.yml: rungs.3.done_when: missing"),
    "unknown key": (
        lambda f: f["rungs"][3].update(done_wehn="x"),
        "course.yml: rungs.3.done_wehn: unknown key; remove it or correct its spelling",
    ),
    "points that do not add up": (
        lambda f: f["rungs"][1].update(points=21),
        "course.yml: rungs.1: points is 21, but its cells add up to 20",
    ),
    "prose points that do not add up": (
        lambda f: f["rungs"][1]["prose_cells"].update({"explain-sft": 4}),
        "course.yml: rungs.1: prose_points is 5, but its cells add up to 4",
    ),
    "cells of a planned rung that do not add up": (
        lambda f: f["rungs"][2].update(cells={"lora": 1}),
        "course.yml: rungs.2: points is 20, but its cells add up to 1",
    ),
    "a judge at no address": (
        lambda f: f.update(grading={"judge": {"endpoint": "file:///etc/passwd", "model": "x"}}),
        "course.yml: grading.judge.endpoint: expected match pattern '^https?://[^ ]+$', got 'file:///etc/passwd'",
    ),
    "duplicate id": (
        lambda f: f["rungs"][2].update(id="02"),
        "course.yml: rungs.2.id: '02' is taken by rungs.1",
    ),
    "duplicate slug": (
        lambda f: f["rungs"][2].update(slug="sft"),
        "course.yml: rungs.2.slug: 'sft' is taken by rungs.1",
    ),
    "duplicate exit item": (
        lambda f: f["exit_items"][1].update(id="choose"),
        "course.yml: exit_items.1.id: 'choose' is taken by exit_items.0",
    ),
    "unknown prerequisite": (
        lambda f: f["rungs"][2].update(prerequisites=["99"]),
        "course.yml: rungs.2.prerequisites: expected ids of earlier rungs, got '99'",
    ),
    "a later rung as prerequisite": (
        lambda f: f["rungs"][1].update(prerequisites=["03"]),
        "course.yml: rungs.1.prerequisites: expected ids of earlier rungs, got '03'",
    ),
    "unknown exit item": (
        lambda f: f["rungs"][1].update(exit_items=["ppo"]),
        "course.yml: rungs.1.exit_items: expected ids of exit_items, got 'ppo'",
    ),
    "an exit item nobody leads to": (
        lambda f: f["rungs"][5].update(exit_items=[]),
        "course.yml: exit_items: no rung leads to 'dpo'",
    ),
    "unknown profile": (
        lambda f: f["profiles"].update(tpu=f["profiles"]["gpu"]),
        "course.yml: profiles.tpu: expected 'pocket' or 'gpu', got 'tpu'",
    ),
    "missing profile": (lambda f: f["profiles"].pop("gpu"), "course.yml: profiles.gpu: missing"),
    "a hub model without a revision": (
        lambda f: f["profiles"]["gpu"]["base"].pop("revision"),
        "course.yml: profiles.gpu.base: expected either a path in this repository or a revision on the hub",
    ),
    "a built rung without thresholds": (
        lambda f: f["rungs"][1].update(built=True, thresholds={}),
        "course.yml: rungs.1: a rung that is built needs thresholds and a cost",
    ),
    "an unquoted rung id": (
        lambda f: f["rungs"][9].update(id=10),
        "course.yml: rungs.9.id: expected a valid string, got '10'",
    ),
}


@pytest.mark.parametrize(("change", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_names_file_key_and_reason(facts, error_of, change, expected):
    change(facts)
    assert error_of(facts) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "course.yml: the file: expected a valid dictionary or instance of Course, got 'None'"),
        ("rungs: [", "course.yml: line 1: expected the node content, but found '<stream end>'"),
        ("a: 1\n b: 2", "course.yml: line 2: mapping values are not allowed here"),
    ],
)
def test_a_file_that_is_no_course_is_one_line(error_of, text, expected):
    assert error_of(text) == expected


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(CourseError, match=r"^course\.yml: cannot be read \(No such file or directory\)"):
        load_course(tmp_path / "course.yml")


def test_a_file_that_is_not_text_is_one_line(tmp_path):
    (tmp_path / "course.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CourseError, match=r"^course\.yml: is not UTF-8 text"):
        load_course(tmp_path / "course.yml")


def test_a_planned_rung_may_have_no_cost(facts):
    facts["rungs"][0].update(built=False, cost=None)
    assert Course.model_validate(facts).rung("01").cost is None


def test_command_line_answers_the_makefile(capsys):
    assert main(["--built"]) == 0
    assert main(["--folder", "2"]) == 0
    built = " ".join(rung.id for rung in load_course().rungs if rung.built)
    assert capsys.readouterr().out == f"{built}\nrung-02-sft\n"
    assert main(["--folder", "99"]) == 2
    assert capsys.readouterr().err.startswith("no rung '99'")


def test_importing_the_course_leaves_torch_alone():
    heavy = "{'torch', 'transformers', 'datasets', 'evaluate'}"
    code = f"import sys, shared.course, shared.hardware; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT) == "set()\n"
