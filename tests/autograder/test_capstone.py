"""The capstone: a folder that others can load, read and trust, and that names nothing of the machine it comes from."""

import json
import os
import re
import shutil
import subprocess
import sys

import example_adapter
import example_work
import pytest
from example_work import edit, entry
from made_reports import made
from safetensors.numpy import load_file, save_file

from autograder import cli
from autograder.capstone import REQUIRED, STAGES, merit
from autograder.checkers import checker_of
from autograder.criteria import Finding, add_up, all_failed
from shared.artifacts import (
    ArtifactError,
    BaseRecord,
    EvalRecord,
    LossCurve,
    RunRecord,
    fingerprint_model,
    fingerprint_rows,
    read_json,
    write_json,
)
from shared.capstone import CapstoneError
from shared.capstone.evaluation_report import markdown_text
from shared.capstone.limits import limits
from shared.capstone.package import package
from shared.capstone.source import read_source
from shared.course import load_course
from shared.pocket import BASE
from shared.world import rows

COURSE = load_course()
ROWS = 4  # of each claim in eval.json: a merged model answers them again
HOME = "/home/ada/models/secret-project"
CLEAN = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("shared", "autograder"):
            raise ImportError(f"{name}: the course must not be needed")

sys.meta_path.insert(0, Nothing())
"""


def claims(familiar: float = 1.0, unseen: float = 0.5, before: float = 0.0) -> list:
    return [
        entry(metric, phrasing, ROWS, after=after, before=before)
        for metric in ("valid_json", "exact_match")
        for phrasing, after in (("familiar", familiar), ("unseen", unseen))
    ]


def rename_base(folder, stage: str, name: str, entries=None) -> None:
    """Let a run say that its base is called `name`, and its evaluation claim `entries`."""
    edit(folder / "artifacts" / stage / "run.json", lambda said: said["base"].update(id=name))
    path = folder / "artifacts" / "eval.json"
    record = read_json(path, EvalRecord, within=folder)
    base = record.base.model_copy(update={"id": name})
    write_json(path, record.model_copy(update={"base": base, "entries": entries or claims()}))


@pytest.fixture(scope="module")
def _adapter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course") / "rung-03-lora"
    example_adapter.make_adapter_work(folder, BASE, 7.0)
    rename_base(folder, "adapter", "pocket-base")
    paths = {"base_model_name_or_path": HOME, "task_type": "CAUSAL_LM"}
    edit(folder / "artifacts" / "adapter" / "adapter_config.json", lambda said: said.update(paths))
    (folder / "artifacts" / "adapter" / "notes.txt").write_text("private")
    return folder


@pytest.fixture
def adapter(tmp_path, _adapter, monkeypatch):
    """Return a fresh copy of rung 03's work on the pocket base: an adapter of noise that PEFT saved with a path."""
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    return shutil.copytree(_adapter, tmp_path / "work" / "rung-03-lora")


def source_of(folder, rung: str = "03", **options):
    return read_source(COURSE, COURSE.rung(rung), folder, STAGES[rung], **options)


@pytest.fixture(scope="module")
def made_folder(_adapter, tmp_path_factory):
    """Return the capstone of that adapter; tests only read it."""
    checked = [("the tickets are right | on held-out items", "0.93 of <150> rows")]
    return package(source_of(_adapter, checked=checked), tmp_path_factory.mktemp("capstone"))


def names_in(folder) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def answer_of(folder, **environment) -> str:
    """Run the card's own lines in a clean process that cannot see the course, and return what they print."""
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    threads = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PATH": os.environ["PATH"], **environment}
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLEAN + code], cwd=folder, env=threads, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# The folder


def test_the_folder_holds_what_is_published_and_nothing_else(made_folder):
    assert made_folder.name == "pocket-base-tickets-lora"
    top = {"README.md", "EVALUATION.md", "DATA.md", "LICENSE", "run.json", "eval.json", "loss_curve.json",
           "before-after.png", "loss-curve.png", "adapter_model.safetensors", "adapter_config.json"}  # fmt: skip
    assert {name for name in names_in(made_folder) if not name.startswith("base/")} == top
    assert "base/model.safetensors" in names_in(made_folder) and "notes.txt" not in names_in(made_folder)
    assert "Apache License" in (made_folder / "LICENSE").read_text()[:200]


def test_the_card_is_read_back_by_the_hubs_own_parser(made_folder):
    from huggingface_hub import ModelCard, ModelCardData

    card = ModelCard.load(made_folder / "README.md")
    said = card.data.to_dict()
    assert (said["license"], said["base_model"], said["library_name"]) == ("apache-2.0", "pocket-base", "peft")
    assert said["pipeline_tag"] == "text-generation" and {"fine-tuning", "lora"} <= set(said["tags"])
    assert ModelCardData(**said).to_yaml() == card.data.to_yaml()
    scores = [
        (one.metric_type, one.dataset_config, one.dataset_split, one.metric_value) for one in card.data.eval_results
    ]
    claimed = read_json(made_folder / "eval.json", EvalRecord, within=made_folder).entries
    assert sorted(scores) == sorted((one.metric, one.phrasing, one.split, one.after) for one in claimed)
    assert card.data.model_name == made_folder.name


def test_every_link_and_picture_of_the_card_is_there_and_described(made_folder):
    for page in ("README.md", "EVALUATION.md"):
        text = (made_folder / page).read_text()
        links = re.findall(r"(?<!\\)\]\(([^)]+)\)", text)
        assert links and all((made_folder / link).is_file() for link in links)
    pictures = re.findall(r"!\[(.+?)(?<!\\)\]\((.+?)\)", text)
    assert [name for _, name in pictures] == ["before-after.png", "loss-curve.png"]
    assert "0.00 to 0.50" in pictures[0][0] and pictures[1][0].startswith("Training loss by step")


def test_what_the_checker_observed_stands_in_the_report_as_it_stands(made_folder):
    line = r"| the tickets are right \| on held-out items | 0.93 of \<150\> rows |"
    assert line in (made_folder / "EVALUATION.md").read_text()


def test_the_records_are_those_of_the_run_under_the_public_name(made_folder, _adapter):
    run = read_json(made_folder / "run.json", RunRecord, within=made_folder)
    assert run == read_json(_adapter / "artifacts" / "adapter" / "run.json", RunRecord, within=_adapter)
    assert read_json(made_folder / "loss_curve.json", LossCurve, within=made_folder).rows


@pytest.mark.slow
def test_the_cards_own_lines_load_adapter_and_merged_model_without_the_course(made_folder, adapter, tmp_path):
    """Both give one answer: merging changes the sums' order and nothing else."""
    from huggingface_hub import ModelCard

    merged = package(source_of(adapter), tmp_path, merged=True, progress=False)
    assert merged.name == "pocket-base-tickets-lora-merged"
    assert not any("adapter" in name or name.startswith("base/") for name in names_in(merged))
    assert answer_of(merged) == answer_of(made_folder)
    card = ModelCard.load(merged / "README.md")
    assert card.data.library_name == "transformers" and "peft" not in answer_lines(merged)
    measured = read_json(merged / "eval.json", EvalRecord, within=merged).entries
    assert [one.after for one in measured if one.metric == "exact_match"] == [0, 0], "measured, not carried over"
    assert {one.before for one in measured} == {0.0} and "after merging" in (merged / "EVALUATION.md").read_text()


def answer_lines(folder) -> str:
    return re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]


@pytest.mark.slow
def test_a_qlora_adapter_loads_beside_a_base_in_four_bits(adapter, tmp_path):
    edit(adapter / "artifacts" / "adapter" / "run.json", lambda said: said.update(method="qlora", rung="04"))
    folder = package(source_of(adapter, "04"), tmp_path / "out")
    assert "load_in_4bit=True" in answer_lines(folder) and "bitsandbytes==" in (folder / "README.md").read_text()
    answer_of(folder)


@pytest.mark.slow
def test_a_whole_model_is_packaged_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    work = tmp_path / "work" / example_work.RUNG
    stage = work / "artifacts" / "model"
    shutil.copytree(BASE, stage)
    base = BaseRecord(id="pocket-base", fingerprint=fingerprint_model(BASE))
    write_json(stage / "run.json", example_work.run_record(base, 3_801_344))
    write_json(stage / "loss_curve.json", example_work.falling_curve(7.0))
    write_json(work / "artifacts" / "eval.json", EvalRecord(base=base, stage="model", entries=claims()))
    edit(stage / "config.json", lambda said: said.update(_name_or_path=HOME))
    folder = package(source_of(work, "02"), tmp_path / "out", merged=True)
    assert folder.name == "pocket-base-tickets-sft" and "_name_or_path" not in (folder / "config.json").read_text()
    assert "pretraining.json" not in names_in(folder)
    assert (folder / "model.safetensors").read_bytes() == (stage / "model.safetensors").read_bytes()
    answer_of(folder)


# What must not leave the machine


def test_the_path_that_peft_wrote_is_replaced(made_folder):
    config = json.loads((made_folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "pocket-base" and "revision" not in config
    for path in made_folder.rglob("*"):
        assert path.is_dir() or HOME.encode() not in path.read_bytes()


def with_note(folder, note: str) -> None:
    path = folder / "artifacts" / "adapter" / "adapter_model.safetensors"
    save_file(load_file(path), path, metadata={"format": "pt", "note": note})


LEAKS = {
    "in the adapter's configuration": lambda folder: edit(
        folder / "artifacts/adapter/adapter_config.json", lambda said: said.update(auto_mapping={"from": HOME})),
    "in the weights' header": lambda folder: with_note(folder, HOME),
    "in the run's settings": lambda folder: edit(
        folder / "artifacts/adapter/run.json", lambda said: said["hyperparameters"].update(data=f"{HOME}/rows.json")),
    "a Windows path": lambda folder: with_note(folder, "C:\\Users\\ada\\models"),
    "the learner's folder": lambda folder: with_note(folder, f"made in {folder.parent}"),
}  # fmt: skip


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_path_anywhere_else_is_refused_and_nothing_is_left(leak, adapter, tmp_path):
    leak(adapter)
    with pytest.raises(CapstoneError, match="which belongs to this machine"):
        package(source_of(adapter), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_base_known_by_its_folder_alone_is_refused(adapter):
    rename_base(adapter, "adapter", "secret-project")
    with pytest.raises(CapstoneError, match=r"BASE_ID=owner/name LICENCE=apache-2\.0"):
        source_of(adapter)
    with pytest.raises(CapstoneError, match="expected a name on the hub"):
        source_of(adapter, base_id="just-a-name", licence="mit")


def test_another_model_in_a_folder_of_the_pocket_bases_name_is_not_the_pocket_base(adapter):
    edit(adapter / "artifacts/adapter/run.json", lambda said: said["base"].update(fingerprint="0" * 64))
    with pytest.raises(CapstoneError, match="the base is a folder of this machine"):
        source_of(adapter)


def test_a_private_folders_name_does_not_leave(adapter, tmp_path):
    rename_base(adapter, "adapter", "secret-project")
    said = {"base_id": "owner/public-model", "licence": "mit"}
    folder = package(source_of(adapter, **said), tmp_path / "out")
    assert folder.name == "public-model-tickets-lora"
    assert not any(b"secret-project" in (folder / name).read_bytes() for name in names_in(folder))
    text = (folder / "README.md").read_text()
    assert "license: mit" in text and "base_model: owner/public-model" in text
    assert not {"LICENSE", "base/config.json"} & names_in(folder), "another's licence and files are not ours to add"
    with_note(adapter, "from secret-project")
    with pytest.raises(CapstoneError, match="'secret-project', which belongs to this machine"):
        package(source_of(adapter, **said), tmp_path / "again")


def test_a_link_in_place_of_the_weights_is_refused(adapter, tmp_path):
    path = adapter / "artifacts" / "adapter" / "adapter_model.safetensors"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match="found a link"):
        package(source_of(adapter), tmp_path / "out")


def test_a_folder_that_is_there_is_not_overwritten(adapter, tmp_path):
    folder = package(source_of(adapter), tmp_path / "out")
    (folder / "README.md").write_text("my own words")
    with pytest.raises(CapstoneError, match="is there already, and you may have edited it"):
        package(source_of(adapter), tmp_path / "out")
    assert (folder / "README.md").read_text() == "my own words"


# What it says


def said_of(adapter, entries, merged: bool = False) -> str:
    return " ".join(limits(source_of(adapter), entries, merged=merged))


def test_limits_come_from_what_was_measured(adapter):
    text = said_of(adapter, claims(familiar=1.0, unseen=0.5))
    assert "On wordings that it was not trained on exact match is 50.0% lower; intervals overlap" in text
    assert "of 4 rows 2 were not met" in text and "fell" not in text
    sure = [one.model_copy(update={"interval": (one.after - 0.1, one.after)}) for one in claims(1.0, 0.5)]
    assert "Wordings that it was not trained on cost 50.0% of valid JSON" in said_of(adapter, sure)
    text = said_of(adapter, claims(familiar=0.25, unseen=0.25, before=0.75))
    assert "fell, from 75.0% to 25.0%" in text and "ordings that it was not trained on" not in text
    text = said_of(adapter, claims(familiar=1.0, unseen=1.0))
    assert "were not met" not in text and "Only this was measured: tickets." in text


def test_a_merged_qlora_model_says_onto_what_it_was_merged(adapter):
    edit(adapter / "artifacts" / "adapter" / "run.json", lambda said: said.update(method="qlora"))
    assert "merged into the same base unquantized" in said_of(adapter, claims(), merged=True)
    assert "measured beside a base in 4 bits" in said_of(adapter, claims())


def test_the_data_card_says_where_rows_come_from_only_if_they_prove_it(adapter, tmp_path):
    folder = package(source_of(adapter), tmp_path / "unknown")
    assert "say here where they come from" in (folder / "DATA.md").read_text()
    pairs = [{name: row[name] for name in ("prompt", "completion")} for row in rows("tickets", "train", 600)]
    edit(
        adapter / "artifacts" / "adapter" / "run.json",
        lambda said: said.update(rows=600, data_fingerprint=fingerprint_rows(pairs)),
    )
    folder = package(source_of(adapter), tmp_path / "known")
    assert 'rows("tickets", "train", 600)` of the course gives exactly these rows' in (folder / "DATA.md").read_text()


def test_markdown_shows_a_text_as_it_stands():
    assert markdown_text("a | b\n*c* <d>") == r"a \| b \*c\* \<d\>"


# The command


def report(rung: str, **ends: bool | None):
    """Return a report in which all passed but the criteria named, dashes written as underscores."""
    wrong = {name.replace("_", "-"): end for name, end in ends.items()}
    criteria = checker_of(COURSE.rung(rung)).criteria
    results = [
        all_failed(rung, [one], Finding(wrong.get(one.id, True), f"seen {one.id}", "wanted")).criteria[0]
        for one in criteria
    ]
    return add_up(rung, results)


@pytest.fixture
def graded(monkeypatch):
    """Return a function that lets the check of each rung end as told."""

    def install(**reports):
        monkeypatch.setattr(cli, "grade", lambda rung, folder: reports[f"rung_{rung}"])

    return install


def test_what_is_required_is_asked_by_each_rung():
    for rung in STAGES:
        assert set(REQUIRED) <= {one.id for one in checker_of(COURSE.rung(rung)).criteria}


def test_a_run_that_passes_is_packaged_and_the_upload_is_the_learners(adapter, graded, capsys):
    graded(rung_03=report("03", number_alpha=False))
    assert cli.main(["capstone", "--work", str(adapter.parent)]) == 0
    said = capsys.readouterr().out
    folder = adapter.parent / "capstone" / "pocket-base-tickets-lora"
    assert folder.is_dir() and "rung 02: not begun" in said
    assert f"hf auth login && hf upload YOUR-NAME/pocket-base-tickets-lora {folder}" in said


@pytest.mark.parametrize("criterion", REQUIRED)
@pytest.mark.parametrize(("end", "code"), [(False, 1), (None, 2)])
def test_a_run_that_fails_its_models_check_is_not_packaged(criterion, end, code, adapter, graded, capsys):
    graded(rung_03=report("03", **{criterion.replace("-", "_"): end}))
    assert cli.main(["capstone", "--work", str(adapter.parent), "--rung", "03"]) == code
    assert f"seen {criterion}" in capsys.readouterr().out and not (adapter.parent / "capstone").exists()


def test_the_size_that_rung_04_asks_for_is_no_condition(adapter, graded):
    folder = adapter.rename(adapter.parent / "rung-04-qlora")
    graded(rung_04=report("04", seven_billion=False))
    assert cli.main(["capstone", "--work", str(folder.parent), "--rung", "04"]) == 0


def test_the_best_run_is_the_one_that_is_right_most_often_then_the_smallest(adapter):
    good, better = source_of(adapter), None
    rename_base(adapter, "adapter", "pocket-base", claims(familiar=1.0, unseen=1.0))
    better = source_of(adapter)
    edit(adapter / "artifacts" / "adapter" / "run.json", lambda said: said.update(trainable_parameters=7))
    smaller = source_of(adapter)
    assert max([good, better], key=merit) is better and max([better, smaller], key=merit) is smaller


@pytest.mark.parametrize(
    ("arguments", "line"), [(["--rung", "05"], "rung 05: its run is no capstone; expected one of 02, 03, 04"),
                            (["--rung", "99"], "no rung '99'")],
)  # fmt: skip
def test_a_mistake_in_what_was_asked_is_one_line_and_2(arguments, line, adapter, capsys):
    assert cli.main(["capstone", "--work", str(adapter.parent), *arguments]) == 2
    assert capsys.readouterr().err.startswith(line)


def test_made_reports_of_rung_02_count_as_any(adapter, graded, capsys):
    (adapter.parent / example_work.RUNG).mkdir()
    graded(rung_02=made(False), rung_03=report("03"))
    assert cli.main(["capstone", "--work", str(adapter.parent)]) == 0
    assert "rung 02: " in capsys.readouterr().out
