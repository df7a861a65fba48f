"""The exit check: items from reports, a page that says what is missing, a record that only its files can bear out."""

import json
import shutil
from html.parser import HTMLParser

import pytest
from example_work import RUNG, edit

from autograder import cli
from autograder.checkers import checker_of
from autograder.criteria import Finding, add_up, all_failed
from autograder.exit_check import exit_check, exit_code_of
from autograder.exit_items import State, judge_items
from autograder.exit_page import exit_html
from autograder.exit_record import files_of, hash_file
from autograder.exit_verify import read_record, verify
from autograder.sandbox import fault
from shared.artifacts import ArtifactError, write_json
from shared.course import load_course

COURSE = load_course()
BUILT = [rung for rung in COURSE.rungs if rung.built]
SFT = next(item.title for item in COURSE.exit_items if item.id == "sft")


def report(rung: str, *ends: bool | None):
    """Return a report in which the criteria ended so, the last one standing for the rest."""
    criteria = checker_of(COURSE.rung(rung)).criteria
    ends = [*ends, *[ends[-1]] * len(criteria)]
    results = [
        all_failed(rung, [one], Finding(end, "seen <b>this</b>", "wanted", hint="do [bold]that[/]")).criteria[0]
        for one, end in zip(criteria, ends, strict=False)
    ]
    return add_up(rung, results)


def by_content(rung, folder, **_):
    """Grade by what the folder's one artifact says: 'good' passes, 'unknown' cannot be told, all else fails."""
    said = (folder / "artifacts" / "work.txt").read_text()
    return report(rung, {"good": True, "unknown": None}.get(said, False))


@pytest.fixture
def folder(tmp_path):
    """Return a work folder in which every built rung has been done."""
    for rung in BUILT:
        (tmp_path / rung.folder / "artifacts" / "checkpoint-model").mkdir(parents=True)
        (tmp_path / rung.folder / f"{rung.folder}.ipynb").write_text("{}")
        (tmp_path / rung.folder / "artifacts" / "work.txt").write_text("good")
        (tmp_path / rung.folder / "artifacts" / "checkpoint-model" / "half.txt").write_text("half")
    return tmp_path


@pytest.fixture
def leaving(monkeypatch):
    """Let every exit item rest on built rungs alone, as it will when the course is whole, and return that course."""
    planned = {item.id for item in COURSE.exit_items} - {i for rung in BUILT for i in rung.exit_items}
    whole = [
        rung.model_copy(update={"exit_items": (*rung.exit_items, *planned)} if rung.id == "05" else {})
        for rung in COURSE.rungs
        if rung.built
    ]
    course = COURSE.model_copy(update={"rungs": tuple(whole)})
    for module in ("exit_command", "cli"):
        monkeypatch.setattr(f"autograder.{module}.load_course", lambda: course)
    return course


def say(folder, rung: str, text: str) -> None:
    (folder / COURSE.rung(rung).folder / "artifacts" / "work.txt").write_text(text)


# The items


def state_of(item: str, reports) -> State:
    return next(one for one in judge_items(COURSE, reports) if one.id == item)


@pytest.mark.parametrize(
    ("ends", "state", "missing", "step"),
    [
        ([True], State.MET, 0, ""),
        ([True, False, True], State.NOT_YET, 1, "do [bold]that[/] Then run 'make check-rung-02'."),
        ([None, False, True], State.NOT_YET, 2, "do [bold]that[/] Then run 'make check-rung-02'."),
        ([True, None, True], State.CANNOT_TELL, 1, "do [bold]that[/] Then run 'make exit' there."),
    ],
)
def test_an_item_is_what_its_rungs_report_says(ends, state, missing, step):
    item = state_of("sft", {"02": report("02", *ends)})
    assert (item.state, len(item.missing), item.next_step) == (state, missing, step)


def test_a_rung_that_is_not_begun_is_the_next_step():
    item = state_of("sft", {})
    assert item.state == State.NOT_YET and item.missing == ("rung 02 (Supervised fine-tuning) has not been begun",)
    assert item.next_step == f"Run 'make lab' and open {RUNG}/{RUNG}.ipynb."


def test_an_item_of_a_planned_rung_says_so():
    rungs = tuple(r.model_copy(update={"built": False}) if r.id == "02" else r for r in COURSE.rungs)
    item = next(one for one in judge_items(COURSE.model_copy(update={"rungs": rungs}), {}) if one.id == "sft")
    assert item.state == State.NOT_BUILT and "rung 02 (Supervised fine-tuning) is not built" in item.missing[0]


def test_an_item_takes_all_its_rungs():
    rungs = tuple(
        r.model_copy(update={"exit_items": ("sft",)}) if r.id in ("02", "03") else r for r in COURSE.rungs
    )  # fmt: skip
    course = COURSE.model_copy(update={"rungs": rungs})
    states = [
        next(one for one in judge_items(course, {"02": report("02", True), "03": other}) if one.id == "sft").state
        for other in (report("03", True), report("03", False), report("03", None), None)
    ]
    assert states == [State.MET, State.NOT_YET, State.CANNOT_TELL, State.NOT_YET]


@pytest.mark.parametrize(
    ("changes", "code"),
    [({}, 0), ({"02": "bad"}, 1), ({"02": "unknown"}, 2), ({"02": "unknown", "03": "bad"}, 1)],
)
def test_exit_codes(changes, code, folder, leaving):
    for rung, text in changes.items():
        say(folder, rung, text)
    found = exit_check(leaving, folder, by_content)
    assert exit_code_of(found.items) == code
    assert found.record.complete == (code == 0)


# The page


class Page(HTMLParser):
    """Collects tags, what would be loaded, and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.loaded, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loaded += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone_and_reads_nothing_as_markup(folder):
    say(folder, "02", "bad")
    html = exit_html(COURSE, exit_check(COURSE, folder, by_content))
    page = Page()
    page.feed(html)
    assert not page.loaded and not {"script", "link", "img", "b"} & set(page.tags)
    assert "url(" not in html and "@import" not in html
    assert page.tags.count("section") == len(COURSE.exit_items)
    assert page.text.count(SFT) == 1 and "Observed: seen <b>this</b>" in page.text
    assert "whose work the files are no file can say" in page.text


def test_the_command_prints_writes_and_ends_as_the_items_stand(folder, leaving, monkeypatch, capsys):
    monkeypatch.setattr(cli, "grade", by_content)
    say(folder, "02", "bad")
    assert cli.main(["exit", "--work", str(folder)]) == 1
    said = capsys.readouterr().out
    assert f"✗ {SFT}  not yet\n    missing:   rung 02: " in said and "    next step: do [bold]that[/] Then" in said
    assert "5 of 6 items are met." in said and "13 points of rung 01 wait for a human reader" in said
    assert SFT in (folder / "exit.html").read_text()
    assert read_record(folder / "completion.json").complete is False
    say(folder, "02", "good")
    assert cli.main(["exit", "--work", str(folder)]) == 0
    assert cli.main(["verify", str(folder / "completion.json"), "--work", str(folder)]) == 0
    assert "Verified: the record is true, and every exit item is met." in capsys.readouterr().out


def test_where_nothing_has_been_begun_it_is_one_line_and_2(tmp_path, capsys):
    assert cli.main(["exit", "--work", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.endswith("so nothing has been begun. Run 'make start' first\n")


# The record


@pytest.fixture
def record(folder, leaving):
    """Return the path of a true and complete record of the work in `folder`."""
    write_json(folder / "completion.json", exit_check(leaving, folder, by_content).record)
    return folder / "completion.json"


def test_the_record_names_files_versions_profile_and_points(record, folder):
    said = json.loads(record.read_text())
    rung = next(one for one in said["rungs"] if one["id"] == "02")
    work = folder / RUNG / "artifacts" / "work.txt"
    assert rung["files"] == {f"{RUNG}.ipynb": hash_file(work.parents[1] / f"{RUNG}.ipynb"),
                             "artifacts/work.txt": hash_file(work)}  # fmt: skip
    assert (rung["score"], rung["max_score"], rung["prose_points"], rung["done"]) == (20, 20, 5, True)
    assert said["profile"] == "pocket" and said["versions"]["transformers"] and said["made"].endswith("+00:00")
    assert str(folder) not in record.read_text(), "a record is handed on: no path of the machine stands in it"


def test_a_true_record_holds_on_another_machine(record, folder, leaving, tmp_path_factory):
    elsewhere = shutil.copytree(folder, tmp_path_factory.mktemp("elsewhere") / "work")
    verdict = verify(read_record(record), leaving, elsewhere, by_content)
    assert verdict.exit_code == 0 and not verdict.differences and not verdict.untold


def rung_02(said: dict) -> dict:
    return next(one for one in said["rungs"] if one["id"] == "02")


def claims_all(said: dict) -> None:
    """Forge a whole rung: every criterion met, points, done, items and completeness in step with it."""
    rung = rung_02(said)
    rung.update(passed=dict.fromkeys(rung["passed"], True), score=20, done=True)
    said.update(items=dict.fromkeys(said["items"], "met"), complete=True)


FORGERIES = {
    "points": (lambda said: rung_02(said).update(score=21, max_score=21), "21 of 21 points in the record"),
    "fewer points": (lambda said: rung_02(said).update(score=3), "3 of 20 points in the record"),
    "more points than there are": (lambda said: rung_02(said).update(score=90), "rung 02: 90 of 20 points"),
    "done is edited": (lambda said: rung_02(said).update(done=False), "done is false, but its criteria"),
    "complete is edited": (lambda said: said.update(complete=False), "complete is false, but its items"),
    "a hash": (lambda said: rung_02(said)["files"].update({"artifacts/work.txt": "0" * 64}), "is another file"),
    "a file more": (lambda said: rung_02(said)["files"].update({"../../secret": "0" * 64}), "../../secret is missing"),
    "a file less": (lambda said: rung_02(said)["files"].popitem(), "is not in the record"),
    "a criterion less": (lambda said: rung_02(said)["passed"].popitem(), "answers other criteria"),
    "a criterion is denied": (
        lambda said: rung_02(said)["passed"].update({"sft-loss-value": False}), "not met in the record; here: seen"),
    "a rung that is not there": (lambda said: rung_02(said).update(id="77"), "rung '77', which the course does not"),
    "a rung twice": (lambda said: said["rungs"].append(rung_02(said)), "rung 02 stands in it twice"),
    "an item": (lambda said: said["items"].update(cooking="met"), "other exit items than this course"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), FORGERIES.values(), ids=FORGERIES)
def test_an_edited_record_is_refuted_by_name(change, words, record, folder, leaving):
    edit(record, change)
    verdict = verify(read_record(record), leaving, folder, by_content)
    assert verdict.exit_code == 1 and any(words in line for line in verdict.differences), verdict.differences


def test_points_that_were_not_earned_are_refuted_however_well_they_add_up(folder, leaving):
    say(folder, "02", "bad")
    path = folder / "completion.json"
    write_json(path, exit_check(leaving, folder, by_content).record)
    edit(path, claims_all)
    verdict = verify(read_record(path), leaving, folder, by_content)
    assert verdict.exit_code == 1
    assert any("met in the record; here: seen" in line for line in verdict.differences)
    assert "exit item sft: met in the record, not yet here" in verdict.differences


def test_swapped_artifacts_are_refuted_even_where_they_pass(record, folder, leaving):
    (folder / RUNG / "artifacts" / "work.txt").rename(folder / RUNG / "artifacts" / "other.txt")
    say(folder, "02", "good")
    (folder / RUNG / f"{RUNG}.ipynb").write_text('{"another": "learner"}')
    verdict = verify(read_record(record), leaving, folder, by_content)
    assert verdict.exit_code == 1
    assert verdict.differences == [
        "rung 02: artifacts/other.txt is not in the record",
        f"rung 02: {RUNG}.ipynb is another file (SHA-256)",
    ]


def test_a_record_of_other_work_is_refuted(record, leaving, tmp_path_factory):
    nothing = tmp_path_factory.mktemp("nothing")
    verdict = verify(read_record(record), leaving, nothing, by_content)
    assert verdict.exit_code == 1 and "rung 02: no such work in the folder" in verdict.differences


def test_a_rung_taken_out_of_the_record_takes_its_item_along(record, folder, leaving):
    edit(record, lambda said: said["rungs"].remove(rung_02(said)))
    verdict = verify(read_record(record), leaving, folder, by_content)
    assert verdict.exit_code == 1 and "its rungs are not in the record" in {m for i in verdict.items for m in i.missing}


def test_what_cannot_be_told_here_is_no_contradiction_and_no_proof(record, folder, leaving):
    verdict = verify(read_record(record), leaving, folder, lambda rung, work: report(rung, True, None, True))
    assert verdict.exit_code == 2 and not verdict.differences and "rung 02: " in " ".join(verdict.untold)


def test_what_could_not_be_told_there_may_be_told_here(folder, leaving):
    undecided = exit_check(leaving, folder, lambda rung, work: report(rung, True, None, True)).record
    verdict = verify(undecided, leaving, folder, by_content)
    assert verdict.exit_code == 0 and not verdict.differences


def test_a_record_made_with_other_thresholds_says_so(record, folder, leaving):
    edit(record, lambda said: said.update(course="0" * 64, hidden=True))
    verdict = verify(read_record(record), leaving, folder, by_content)
    assert verdict.exit_code == 0 and len(verdict.notes) == 2 and "another course.yml" in verdict.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("{", "Invalid JSON"),
        ("{}", "Field required"),
        ('{"format": 1e999}', "format"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_what_is_no_record_is_one_line_and_2(text, words, folder, capsys):
    (folder / "completion.json").write_text(text)
    assert cli.main(["verify", str(folder / "completion.json"), "--work", str(folder)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_a_record_of_another_kind_is_one_line(record, capsys):
    edit(record, lambda said: said.update(format="something else"))
    with pytest.raises(ArtifactError, match="format is 'something else', expected"):
        read_record(record)


def test_files_that_change_while_they_are_checked_make_no_record(folder, leaving):
    def slow(rung, work):
        (work / "artifacts" / "work.txt").write_text("later")
        return report(rung, True)

    with pytest.raises(ArtifactError, match="changed while they were checked"):
        exit_check(leaving, folder, slow)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_among_the_artifacts_is_refused(kind, folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    place = folder / RUNG / "artifacts" / "way-out"
    place.symlink_to(outside if kind == "folder" else outside / "secret.txt")
    with pytest.raises(ArtifactError, match="found a link"):
        files_of(COURSE.rung("02"), folder / RUNG)


def test_too_many_files_are_refused(folder, monkeypatch):
    monkeypatch.setattr("autograder.exit_record.MOST_FILES", 1)
    with pytest.raises(ArtifactError, match="more than 1 files"):
        files_of(COURSE.rung("02"), folder / RUNG)


@pytest.mark.slow
@pytest.mark.skipif(fault() is not None, reason=f"others' work is verified in a sandbox only: {fault()}")
def test_from_the_learners_work_to_the_verified_record(work, capsys):
    """The real checker on a submission whose model is noise: not yet, and the record says just that."""
    assert cli.main(["exit", "--work", str(work.parent)]) == 1
    path = work.parent / "completion.json"
    assert rung_02(json.loads(path.read_text()))["score"] == 8
    assert cli.main(["verify", str(path), "--work", str(work.parent)]) == 1
    assert "Verified as far as it goes" in capsys.readouterr().out
    edit(path, claims_all)
    assert cli.main(["verify", str(path), "--work", str(work.parent)]) == 1
    said = capsys.readouterr().out
    assert "differs: rung 02: the model writes valid JSON: met in the record; here: " in said
    assert said.splitlines()[-1] == "Refuted: the record is not what these files earn."
