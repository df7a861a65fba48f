"""A stage trains once, is loaded afterwards, survives a kill, and never loses a result."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from shared import training
from shared.artifacts import ArtifactError, LossCurve, RunRecord, fingerprint_rows, read_json
from shared.course import ROOT
from shared.data import load_task
from shared.models import load_base, load_stage
from shared.training import StageError, last_checkpoint, stage, work_folder
from shared.world import rows

SCRIPT = Path(__file__).with_name("training_script.py")


def trains(steps=4, **settings):
    """Return a training function as a notebook has it, which counts its calls in `.calls`."""

    def train(run):
        from trl import SFTConfig, SFTTrainer

        train.calls += 1
        model, tokenizer = load_base()
        config = {"max_steps": steps, "learning_rate": 1e-2, "per_device_train_batch_size": 4} | settings
        trainer = SFTTrainer(
            model=model,
            processing_class=tokenizer,
            train_dataset=load_task("tickets", "train", 32),
            args=SFTConfig(**run.arguments | config),
            callbacks=[run.curve],
        )
        trainer.train(resume_from_checkpoint=run.checkpoint)
        return trainer

    train.calls = 0
    return train


def must_not_train(run):
    raise AssertionError("a stage that is done was trained again")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_base_folder):
    """Return a work folder in which stage "model" has been trained, and what was printed meanwhile."""
    work = tmp_path_factory.mktemp("trained") / "rung-02-sft"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROFILE", "pocket")
        patch.setenv("COURSE_BASE_MODEL", str(tiny_base_folder))
        return work, stage("model", trains(), rung="02", work=work)


@pytest.fixture
def done(trained, tmp_path, tiny_base):
    """Return a fresh copy of the trained work folder."""
    work = tmp_path / "rung-02-sft"
    shutil.copytree(trained[0], work)
    return work


def test_a_stage_saves_weights_and_records(trained):
    work, result = trained
    assert result.folder == work / "artifacts" / "model"
    assert result.fresh
    assert [path.name for path in result.folder.parent.iterdir()] == ["model"]
    names = {path.name for path in result.folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "loss_curve.json", "run.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt"))]
    assert read_json(result.folder / "run.json", RunRecord, within=work) == result.run
    assert read_json(result.folder / "loss_curve.json", LossCurve, within=work) == result.curve


def test_the_record_says_what_ran(trained):
    run = trained[1].run
    assert (run.rung, run.stage, run.profile, run.method, run.steps, run.rows) == (
        "02",
        "model",
        "pocket",
        "full",
        4,
        32,
    )
    assert run.data_fingerprint == fingerprint_rows(rows("tickets", "train", 32))
    assert run.hyperparameters["learning_rate"] == 1e-2
    assert run.hyperparameters["completion_only_loss"] is True
    assert run.trainable_parameters == run.total_parameters > 10_000
    assert run.peak_memory_bytes > 2**26
    assert run.wall_seconds == trained[1].curve.rows[-1].seconds > 0


def test_the_curve_has_every_step(trained):
    curve = trained[1].curve.rows
    assert [row.step for row in curve] == [1, 2, 3, 4]
    assert all(earlier.tokens < later.tokens for earlier, later in pairwise(curve))
    assert curve[-1].loss < curve[0].loss


def test_the_trained_model_is_what_was_saved(trained, tiny_base):
    base, _ = load_base()
    model, _ = load_stage(trained[1].folder)
    changed = [not a.equal(b) for a, b in zip(base.parameters(), model.parameters(), strict=True)]
    assert all(changed)


def test_training_prints_one_line_and_one_bar(tmp_path, tiny_base, capfd):
    stage("model", trains(), rung="02", work=tmp_path)
    out, err = capfd.readouterr()
    assert out.startswith("Stage 'model': trained 4 steps in ")
    assert out.count("\n") == 1
    for line in err.replace("\r", "\n").splitlines():
        assert not line.strip() or "/4 [" in line, f"printed besides the bar: {line}"
    assert "loss=" in err


def test_a_done_stage_is_loaded(done, capsys):
    result = stage("model", must_not_train, rung="02", work=done)
    assert not result.fresh
    assert result.run.steps == 4
    assert capsys.readouterr().out.startswith("Stage 'model': loaded, trained earlier (4 steps in ")


def test_rerun_trains_again(done, trained):
    train = trains(steps=2)
    result = stage("model", train, rung="02", work=done, rerun=True)
    assert (train.calls, result.fresh, result.run.steps) == (1, True, 2)
    assert stage("model", must_not_train, rung="02", work=done).run.steps == 2
    assert sorted(path.name for path in (done / "artifacts").iterdir()) == ["model"]


def test_two_runs_with_one_seed_agree(done, trained):
    result = stage("again", trains(), rung="02", work=done, folder="experiments")
    assert result.folder == done / "experiments" / "again"
    assert [row.loss for row in result.curve.rows] == [row.loss for row in trained[1].curve.rows]


def test_a_save_that_fails_leaves_the_old_result(done, trained, monkeypatch):
    def full_disk(path, record):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training, "write_json", full_disk)
        with pytest.raises(OSError, match="No space"):
            stage("model", trains(steps=2), rung="02", work=done, rerun=True)
    assert stage("model", must_not_train, rung="02", work=done).run == trained[1].run


def test_a_run_that_failed_to_save_ends_at_its_last_step(tmp_path, tiny_base, monkeypatch):
    """The second call goes on from the checkpoint of step 2, and stops after step 4 as the first did."""

    def full_disk(path, record):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training, "write_json", full_disk)
        with pytest.raises(OSError, match="No space"):
            stage("model", trains(save_steps=2), rung="02", work=tmp_path)
    checkpoints = tmp_path / "artifacts" / "checkpoint-model"
    assert [path.name for path in checkpoints.glob("checkpoint-*")] == ["checkpoint-2"]
    result = stage("model", trains(save_steps=2), rung="02", work=tmp_path)
    assert result.run.steps == 4
    assert [row.step for row in result.curve.rows] == [1, 2, 3, 4]


def test_an_adapter_is_saved_as_an_adapter(tmp_path, tiny_base):
    """Of a LoRA run the adapter alone is saved, and it names its base, not a folder of this machine."""
    from peft import LoraConfig

    def train(run):
        from trl import SFTConfig, SFTTrainer

        model, tokenizer = load_base()
        trainer = SFTTrainer(
            model=model, processing_class=tokenizer, train_dataset=load_task("tickets", "train", 32),
            args=SFTConfig(**run.arguments, max_steps=2, learning_rate=1e-2), callbacks=[run.curve],
            peft_config=LoraConfig(r=2, target_modules="all-linear"),
        )  # fmt: skip
        trainer.train(resume_from_checkpoint=run.checkpoint)
        return trainer

    result = stage("adapter", train, rung="03", work=tmp_path)
    names = {path.name for path in result.folder.iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "loss_curve.json", "run.json"}
    config = json.loads((result.folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == result.run.base.id == "tiny-base"
    assert result.run.method == "lora"
    assert result.run.trainable_parameters < result.run.total_parameters / 2
    assert result.run.hyperparameters["r"] == 2
    changed = [
        bool(parameter.any()) for name, parameter in load_stage(result.folder)[0].named_parameters() if "lora_B" in name
    ]
    assert len(changed) == 14 and all(changed)


def test_a_death_between_the_two_renames_loses_nothing(done, trained):
    scratch = done / "artifacts" / "checkpoint-model"
    scratch.mkdir()
    (done / "artifacts" / "model").rename(scratch / "old")
    assert stage("model", must_not_train, rung="02", work=done).run == trained[1].run


@pytest.mark.parametrize("content", ["", "{", '{"rung": "02"}', "NaN"])
def test_a_broken_record_is_never_loaded(done, content):
    (done / "artifacts" / "model" / "run.json").write_text(content)
    with pytest.raises(StageError) as refused:
        stage("model", must_not_train, rung="02", work=done)
    assert "model/run.json: " in str(refused.value) and str(refused.value).endswith("with rerun=True")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["run.json", "loss_curve.json"])
def test_a_missing_record_names_the_way_out(done, name):
    (done / "artifacts" / "model" / name).unlink()
    with pytest.raises(StageError, match=rf"{name}: no such file: .* rerun=True"):
        stage("model", must_not_train, rung="02", work=done)


def test_a_result_without_weights_is_never_loaded(done):
    (done / "artifacts" / "model" / "model.safetensors").unlink()
    with pytest.raises(StageError, match=r"model: expected model.safetensors or .* rerun=True"):
        stage("model", must_not_train, rung="02", work=done)


@pytest.mark.parametrize("variable", ["NBGRADER_EXECUTION", "COURSE_NO_TRAINING"])
def test_nothing_is_trained_while_grading(done, monkeypatch, variable):
    monkeypatch.setenv(variable, "autograde")
    assert not stage("model", must_not_train, rung="02", work=done).fresh
    with pytest.raises(StageError, match=f"{variable} forbids training"):
        stage("other", must_not_train, rung="02", work=done)
    with pytest.raises(StageError, match=f"{variable} forbids training"):
        stage("model", must_not_train, rung="02", work=done, rerun=True)
    assert sorted(path.name for path in (done / "artifacts").iterdir()) == ["model"]


@pytest.mark.parametrize("name", ["", "Model", "a/b", "../model", "a b", "-a"])
def test_names_that_make_no_folder(tmp_path, name):
    with pytest.raises(StageError, match="expected a name of small letters"):
        stage(name, must_not_train, rung="02", work=tmp_path)


def test_a_link_in_place_of_the_stage(done, tmp_path):
    (done / "artifacts" / "other").symlink_to(done / "artifacts" / "model")
    with pytest.raises(ArtifactError, match="found a link"):
        stage("other", must_not_train, rung="02", work=done)


def test_a_function_that_returns_nothing(tmp_path, tiny_base):
    with pytest.raises(StageError, match="End your function with `return trainer`"):
        stage("model", lambda run: None, rung="02", work=tmp_path)


def test_an_interrupted_run_keeps_to_its_settings(tmp_path, tiny_base, capsys):
    """Step 4 is saved, then the learner presses stop, changes the learning rate and runs the cell again."""
    interrupted = trains(steps=8, save_steps=4)

    def stop(run):
        curve, log = run.curve, type(run.curve).on_log

        class Stopping(type(curve)):
            def on_log(self, args, state, control, **kwargs):
                log(self, args, state, control, **kwargs)
                if state.global_step == 6:
                    raise KeyboardInterrupt

        curve.__class__ = Stopping
        return interrupted(run)

    capsys.readouterr()
    with pytest.raises(KeyboardInterrupt):
        stage("model", stop, rung="02", work=tmp_path)
    assert "interrupted. Run it the same way again, and it goes on from step 4." in capsys.readouterr().out
    with pytest.raises(StageError, match=r"had learning_rate=0.01, this one has 0.001\. .*rerun=True"):
        stage("model", trains(steps=8, save_steps=4, learning_rate=1e-3), rung="02", work=tmp_path)
    result = stage("model", trains(steps=8, save_steps=4), rung="02", work=tmp_path)
    assert "going on from step 4." in capsys.readouterr().out
    assert [row.step for row in result.curve.rows] == list(range(1, 9))


def test_a_run_that_diverges_says_so(tmp_path, tiny_base):
    with pytest.raises(StageError, match=r"the loss is nan at step \d+: training diverged"):
        stage("model", trains(learning_rate=1e30, max_grad_norm=0.0, warmup_steps=0), rung="02", work=tmp_path)
    assert not (tmp_path / "artifacts" / "model").exists()


def test_evaluation_losses_join_their_step(tmp_path, tiny_base):
    """Rows are logged every third step, but evaluated every second: each evaluation still has a row."""

    def train(run):
        from trl import SFTConfig, SFTTrainer

        model, tokenizer = load_base()
        data = load_task("tickets", "train", 16)
        arguments = run.arguments | {
            "logging_steps": 3,
            "eval_strategy": "steps",
            "eval_steps": 2,
            "max_steps": 5,
        }
        trainer = SFTTrainer(
            model=model, processing_class=tokenizer, train_dataset=data, eval_dataset=data.select(range(4)),
            args=SFTConfig(**arguments), callbacks=[run.curve],
        )  # fmt: skip
        trainer.train(resume_from_checkpoint=run.checkpoint)
        return trainer

    curve = stage("model", train, rung="02", work=tmp_path).curve
    assert [(row.step, row.eval_loss is not None) for row in curve.rows] == [
        (2, True), (3, False), (4, True), (5, True),
    ]  # fmt: skip


def test_unfinished_checkpoints_are_passed_over(tmp_path):
    assert last_checkpoint(tmp_path) is None
    for step, state in ((4, "{}"), (8, "{}"), (12, '{"half'), (16, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-8")


def run_script(work, *arguments, **environment):
    variables = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_PROFILE": "pocket"} | environment
    return subprocess.Popen([sys.executable, SCRIPT, str(work), *arguments], env=variables)


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been_killed(tmp_path, tiny_base):
    """SIGKILL at step 10 of 12; steps 9 and 10 are lost with the process, the checkpoint of step 8 is not.

    A half-written checkpoint of step 12 is put beside it, as a kill while writing would leave it.
    """
    straight = run_script(tmp_path, "straight")
    killed = run_script(tmp_path, "killed", "10")
    deadline = time.monotonic() + 300
    while not (tmp_path / "hanging").exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    scratch = tmp_path / "artifacts" / "checkpoint-killed"
    assert (scratch / "checkpoint-8").is_dir()
    assert not (tmp_path / "artifacts" / "killed").exists()
    before = json.loads((scratch / "checkpoint-8" / "trainer_state.json").read_text())["log_history"]
    (scratch / "checkpoint-12").mkdir()
    (scratch / "checkpoint-12" / "trainer_state.json").write_text('{"global_step": 12')

    assert run_script(tmp_path, "killed").wait() == 0
    assert straight.wait() == 0
    resumed, whole = (stage(name, must_not_train, rung="02", work=tmp_path) for name in ("killed", "straight"))
    assert not scratch.exists()
    assert resumed.run.steps == 12
    assert [row.step for row in resumed.curve.rows] == list(range(1, 13))
    for ours, theirs in zip(resumed.curve.rows, whole.curve.rows, strict=True):
        assert (ours.tokens, ours.learning_rate) == (theirs.tokens, theirs.learning_rate)
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
    seconds = [row.seconds for row in resumed.curve.rows]
    assert seconds == sorted(seconds)
    assert seconds[:8] == [entry["seconds"] for entry in before if "loss" in entry]  # kept, not trained again
    assert resumed.run.wall_seconds == seconds[-1]


def test_the_work_folder_of_a_rung(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert work_folder("02") == ROOT / "work" / "rung-02-sft"
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "elsewhere"))
    assert work_folder("rung-02-sft") == tmp_path / "elsewhere" / "rung-02-sft"
    (tmp_path / "rung-02-sft").mkdir()
    monkeypatch.chdir(tmp_path / "rung-02-sft")
    assert work_folder("2") == tmp_path / "rung-02-sft"


def test_the_source_folder_is_never_written_to(tmp_path, monkeypatch):
    source = tmp_path / "rungs" / "rung-02-sft"
    source.mkdir(parents=True)
    monkeypatch.setattr(training, "ROOT", tmp_path)
    monkeypatch.chdir(source)
    assert work_folder("02") == tmp_path / "work" / "rung-02-sft"


@pytest.mark.parametrize(
    ("rate", "steps", "coarse"),
    [(2e-5, 250, True), (1e-3, 60, True), (2e-6, 200, False), (1e-6, 100, False)],
    ids=["fine-tuning on a GPU", "on pocket", "GRPO on a GPU", "DPO on a GPU"],
)
def test_what_small_steps_have_changed_is_not_rounded_away(rate, steps, coarse):
    """A path of 2e-6 x 200 = 4e-4 is three gaps of bfloat16 beside a weight of 0.02: it stays float32."""
    arguments = SimpleNamespace(learning_rate=rate, max_steps=steps)
    assert training.outlasts_bf16(arguments) is coarse


def test_the_gap_is_bfloat16s():
    import torch

    usual = torch.tensor(0.02, dtype=torch.bfloat16)
    above = torch.nextafter(usual, torch.tensor(1.0, dtype=torch.bfloat16))
    assert float(above - usual) == training.BF16_GAP


def test_a_stored_type_is_kept_on_request(tmp_path):
    """A stage's weights come back in the type that they lie in, where a base comes in the machine's."""
    import torch
    from safetensors.torch import load_file, save_file

    from shared.models import base_folder, base_spec, load_folder, profile_here

    folder = shutil.copytree(base_folder(base_spec()), tmp_path / "model")
    weights = folder / "model.safetensors"
    save_file({name: one.bfloat16() for name, one in load_file(weights).items()}, weights, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}))
    assert load_folder(folder, profile_here(), dtype="auto")[0].dtype is torch.bfloat16
    assert load_folder(folder, profile_here())[0].dtype is torch.float32
