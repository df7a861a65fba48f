"""Whether a submitted model is the course's base, fine-tuned: told from its files, in one line when it is not."""

import json
import shutil

import numpy as np
import pytest
from example_work import edit, edit_weights, make_tiny_base, tensors_of
from safetensors.numpy import save_file

from autograder.criteria import CannotTell, NotMet
from autograder.trained_from import base_of, full_model, open_base
from shared.artifacts import ArtifactError, RunRecord, read_json
from shared.course import load_course

EMBEDDING = "model.embed_tokens.weight"
NORM = "model.norm.weight"


@pytest.fixture
def stage(work):
    return work / "artifacts" / "model"


@pytest.fixture
def weights(stage):
    return stage / "model.safetensors"


def run_of(stage, **changes) -> RunRecord:
    return read_json(stage / "run.json", RunRecord, within=stage).model_copy(update=changes)


def opened(stage, base):
    return full_model(stage, stage.parent.parent, open_base(load_course().profile("pocket"), base))


def refusal(stage, base) -> str:
    with pytest.raises((NotMet, ArtifactError)) as caught:
        opened(stage, base)
    assert str(caught.value).isprintable()
    return f"{caught.value} {getattr(caught.value, 'hint', '')}"


def test_the_base_of_an_honest_run_is_found(stage, tiny_base):
    base = base_of(run_of(stage), load_course(), load_course().rung("02"))
    assert base.folder == tiny_base and base.profile.name == "pocket" and len(base.header) == 20


def test_a_run_on_another_base_is_refused_with_both_names(stage):
    run = run_of(stage)
    other = run.model_copy(update={"base": run.base.model_copy(update={"fingerprint": "f" * 64})})
    with pytest.raises(NotMet, match=f"ffffffffffff, expected 'tiny-base' with {run.base.fingerprint[:12]}"):
        base_of(other, load_course(), load_course().rung("02"))


def test_a_run_on_no_known_profile_is_refused(stage):
    with pytest.raises(NotMet, match=r"run\.json: profile is 'mainframe'") as caught:
        base_of(run_of(stage, profile="mainframe"), load_course(), load_course().rung("02"))
    assert caught.value.hint == "Expected one of pocket, gpu."


def test_without_the_base_on_this_machine_nothing_is_told(stage, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_BASE_MODEL", str(tmp_path / "nowhere"))
    with pytest.raises(CannotTell, match=r"cannot re-evaluate here: .*expected a model folder"):
        base_of(run_of(stage), load_course(), load_course().rung("02"))


def test_a_base_in_several_files_is_one_base(tmp_path, tiny_base):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(tiny_base).save_pretrained(tmp_path / "split", max_shard_size="100KB")
    base = open_base(load_course().profile("pocket"), tmp_path / "split")
    assert len(base.files) > 1
    original = tensors_of(tiny_base / "model.safetensors")
    assert {name: values.tolist() for name, values in base.tensors()} == {
        name: values.tolist() for name, values in original.items()
    }
    next(iter(base.files)).unlink()
    with pytest.raises(CannotTell, match=r"cannot re-evaluate here: the base lacks .*model-0000"):
        open_base(load_course().profile("pocket"), tmp_path / "split")


def test_an_honest_model_is_measured(stage, tiny_base, weights):
    model = opened(stage, tiny_base)
    before, after = tensors_of(tiny_base / "model.safetensors"), tensors_of(weights)
    change = sum(float(((after[name] - before[name]) ** 2).sum()) for name in before)
    length = sum(float((before[name] ** 2).sum()) for name in before)
    assert model.moved == pytest.approx((change / length) ** 0.5, rel=1e-4)
    assert model.parameters == sum(values.size for values in before.values())
    unchanged = sum(values.size for values in before.values() if values.std() == 0)
    assert model.changed_parameters == model.parameters - unchanged


def stored_as(tensors: dict, dtype: str, path) -> None:
    """Write tensors as "F16" or "BF16", by hand for the latter: NumPy has no such type."""
    if dtype == "F16":
        save_file({name: values.astype(np.float16) for name, values in tensors.items()}, path)
        return
    entries, data = {}, b""
    for name, values in tensors.items():
        part = (np.ascontiguousarray(values).view(np.uint32) + 0x8000 >> 16).astype("<u2").tobytes()
        offsets = [len(data), len(data) + len(part)]
        entries[name] = {"dtype": "BF16", "shape": list(values.shape), "data_offsets": offsets}
        data += part
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_a_base_that_was_only_stored_again_in_16_bits_has_not_moved(stage, tiny_base, weights, dtype):
    stored_as(tensors_of(tiny_base / "model.safetensors"), dtype, weights)
    assert opened(stage, tiny_base).moved < 1e-5


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_a_fine_tune_in_16_bits_has_moved_as_far(stage, tiny_base, weights, dtype):
    whole = opened(stage, tiny_base).moved
    stored_as(tensors_of(weights), dtype, weights)
    assert opened(stage, tiny_base).moved == pytest.approx(whole, rel=0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(NORM), f"{NORM} is missing"),
        (lambda t: t.update(extra=t[NORM]), "extra is not a tensor of the base"),
        (lambda t: t.update({NORM: t[NORM][:-1].copy()}), f"{NORM} has shape [31], the base's has [32]"),
        (lambda t: t.update({EMBEDDING: t[EMBEDDING].T.copy()}), f"{EMBEDDING} has shape [32, "),
        (lambda t: [t.pop(NORM), t.update(a=t[EMBEDDING][:2].copy())], f"{NORM} is missing (and 1 more)"),
        (lambda t: t[NORM].__setitem__(3, np.nan), f"{NORM} holds NaN or infinity Lower the learning rate"),
        (lambda t: t[NORM].__setitem__(3, -np.inf), f"{NORM} holds NaN or infinity"),
        (lambda t: t.update({NORM: t[NORM].astype(np.int32)}), f"{NORM} is stored as I32, expected F32, BF16 or F16"),
        (lambda t: t.update({NORM: t[NORM].astype(np.float64)}), f"{NORM} is stored as F64"),
        (lambda t: t.clear(), f"{EMBEDDING} is missing (and"),
    ],
)
def test_weights_that_do_not_fit_the_base_are_one_line(stage, tiny_base, weights, change, words):
    edit_weights(weights, change)
    assert words in refusal(stage, tiny_base)


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_size", 64), ("num_hidden_layers", 3), ("model_type", "gpt2"), ("vocab_size", None), ("hidden_act", [])],
)
def test_another_architecture_is_one_line(stage, tiny_base, key, value):
    edit(stage / "config.json", lambda config: config.update({key: value}))
    assert f"config.json: {key} is {value!r}, but the base's is" in refusal(stage, tiny_base)


def test_what_says_nothing_of_the_network_may_differ(stage, tiny_base):
    edit(stage / "config.json", lambda config: config.update(transformers_version="9.9", use_cache=False, note="mine"))
    assert opened(stage, tiny_base).moved > 0


def test_another_model_of_the_same_family_is_refused(stage, tiny_base, tmp_path):
    wider = make_tiny_base(tmp_path / "wider", width=16)
    shutil.copy(wider / "model.safetensors", stage / "model.safetensors")
    assert "has shape" in refusal(stage, tiny_base)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "weights.PKL"])
def test_a_pickle_is_refused_unopened(stage, tiny_base, weights, name):
    weights.unlink()
    (stage / name).write_bytes(b"cos\nsystem\n(S'touch pickled'\ntR.")
    line = refusal(stage, tiny_base)
    assert f"found {name}, a pickle, which is never opened; expected model.safetensors" in line
    assert "save_pretrained" in line and not (stage / "pickled").exists()


def test_a_pickle_beside_the_weights_does_no_harm(stage, tiny_base):
    (stage / "training_args.bin").write_bytes(b"\x80\x04.")
    assert opened(stage, tiny_base).moved > 0


def test_weights_far_larger_than_the_base_are_not_read(stage, tiny_base, weights):
    with weights.open("r+b") as file:
        file.truncate(5 * weights.stat().st_size + 2**20)
    assert "bytes, expected at most" in refusal(stage, tiny_base)
