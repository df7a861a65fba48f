"""A submitted adapter: put into the base as PEFT puts it, or refused in one line that names the fault."""

import re
import shutil

import numpy as np
import pytest
from example_work import edit, edit_weights, open_base, tensors_of

from autograder.adapter import CONFIG, WEIGHTS, adapter_of, merged
from autograder.criteria import NotMet
from shared.artifacts import ArtifactError

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
A0 = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
B0 = A0.replace("lora_A", "lora_B")
SETTINGS = {
    "plain": {},
    "rank 1": {"r": 1, "lora_alpha": 3},
    "attention only": {"target_modules": ALL[:4]},
    "one layer": {"layers_to_transform": [0]},
    "rsLoRA": {"use_rslora": True},
    "DoRA": {"use_dora": True},
    "gaussian start": {"init_lora_weights": "gaussian"},
    "all linear": {"target_modules": "all-linear"},
}


def peft_model(base, trained: bool = True, **settings):
    """Return the base with an adapter whose B holds random numbers, as if trained."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    chosen = {"r": 4, "lora_alpha": 8, "target_modules": ALL, "task_type": "CAUSAL_LM", **settings}
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), LoraConfig(**chosen))
    if trained:
        for name, values in model.named_parameters():
            if "lora_B" in name or "magnitude" in name:
                torch.nn.init.normal_(values, mean=1.0 * ("magnitude" in name), std=0.1)
    return model


@pytest.fixture(scope="session")
def _saved(_tiny_base_folder, tmp_path_factory):
    """Return the folder of an adapter of rank 4 on all linear layers."""
    folder = tmp_path_factory.mktemp("adapter") / "lora"
    peft_model(_tiny_base_folder).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(_saved, tmp_path):
    return shutil.copytree(_saved, tmp_path / "lora")


def opened(folder, base):
    return adapter_of(folder, folder.parent, open_base(base))


def refusal(folder, base) -> str:
    with pytest.raises((NotMet, ArtifactError)) as caught:
        opened(folder, base)
    line = f"{caught.value} {getattr(caught.value, 'hint', '')}"
    assert line.isprintable()
    return line


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_merged_weights_are_pefts(settings, tiny_base, tmp_path):
    model = peft_model(tiny_base, **settings)
    model.save_pretrained(tmp_path / "lora")
    adapter = opened(tmp_path / "lora", tiny_base)
    trained = sum(values.numel() for values in model.parameters() if values.requires_grad)
    theirs = {name: values.numpy() for name, values in model.merge_and_unload().state_dict().items()}
    ours = dict(merged(adapter, tensors_of(tiny_base / "model.safetensors").items()))
    assert adapter.parameters == trained and adapter.idle == ()
    assert ours.keys() == tensors_of(tiny_base / "model.safetensors").keys()
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)
    original = tensors_of(tiny_base / "model.safetensors")
    changed = {name for name, values in ours.items() if not np.array_equal(values, original[name])}
    assert changed == set(adapter.modules)


def test_what_an_adapter_says_of_itself(folder, tiny_base):
    adapter = opened(folder, tiny_base)
    assert (adapter.rank, adapter.alpha, adapter.scaling) == (4, 8.0, 2.0)
    assert adapter.targets == tuple(sorted(ALL))


def test_an_untrained_adapter_is_idle_and_changes_nothing(tiny_base, tmp_path):
    peft_model(tiny_base, trained=False).save_pretrained(tmp_path / "lora")
    adapter = opened(tmp_path / "lora", tiny_base)
    assert set(adapter.idle) == set(adapter.modules)
    original = tensors_of(tiny_base / "model.safetensors")
    assert all(np.array_equal(values, original[name]) for name, values in merged(adapter, original.items()))


CONFIGS = {
    "another method": ({"peft_type": "IA3"}, "peft_type is 'IA3', expected 'LORA'"),
    "rank 0": ({"r": 0}, "r is 0, expected 1 to 1024"),
    "rank true": ({"r": True}, "r is True"),
    "rank as text": ({"r": "4"}, "r is '4'"),
    "another rank": ({"r": 8}, r"lora_A.weight of .* has shape \(4, 64\), expected \(8, 64\) at rank 8"),
    "alpha NaN": ({"lora_alpha": float("nan")}, "lora_alpha is nan, expected a positive number"),
    "alpha negative": ({"lora_alpha": -8}, "lora_alpha is -8"),
    "alpha huge": ({"lora_alpha": 10**400}, "lora_alpha is 1000"),
    "biases": ({"bias": "all"}, "bias is 'all', expected 'none'"),
    "PiSSA": ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa', which changes the base's weights too"),
    "start as a list": ({"init_lora_weights": ["x"]}, r"init_lora_weights is \['x'\]"),
    "ranks by layer": ({"rank_pattern": {"q_proj": 9}}, "rank_pattern set, which this checker does not read"),
    "other modules saved": ({"modules_to_save": ["lm_head"]}, "modules_to_save set"),
    "a key of tomorrow": ({"use_magic": True}, "use_magic set"),
    "DoRA without lengths": ({"use_dora": True}, "lora_magnitude_vector of .* has shape none, expected"),
    "targets that miss": ({"target_modules": ["query"]}, r"target_modules is \['query'\], the tensors adapt"),
}


@pytest.mark.parametrize(("changes", "words"), CONFIGS.values(), ids=CONFIGS)
def test_a_configuration_that_is_not_the_tensors_is_refused(changes, words, folder, tiny_base):
    edit(folder / CONFIG, lambda config: config.update(changes))
    assert re.search(words, refusal(folder, tiny_base))


TENSORS = {
    "NaN": (lambda t: t[B0].__setitem__((0, 0), np.nan), "lora_B.weight of .*0.self_attn.q_proj.weight holds NaN"),
    "B missing": (lambda t: t.pop(B0), "lora_B.weight of .* has shape none"),
    "A turned": (lambda t: t.update({A0: np.ascontiguousarray(t[A0].T)}), "lora_A.weight of .* expected"),
    "a full matrix": (
        lambda t: t.update({"model.norm.weight": np.ones(32, np.float32)}),
        "model.norm.weight is no part of a LoRA adapter",
    ),
    "a layer too many": (
        lambda t: t.update({name.replace("layers.0", "layers.9"): t[name] for name in (A0, B0)}),
        "adapts model.layers.9.self_attn.q_proj.weight, which the base does not have",
    ),
    "a norm": (
        lambda t: t.update({"base_model.model.model.norm.lora_A.weight": np.ones((4, 32), np.float32)}),
        "adapts model.norm.weight, which the base does not have as a matrix",
    ),
    "nothing": (lambda t: t.clear(), "no tensors"),
}


@pytest.mark.parametrize(("change", "words"), TENSORS.values(), ids=TENSORS)
def test_tensors_that_do_not_fit_are_refused(change, words, folder, tiny_base):
    edit_weights(folder / WEIGHTS, change)
    assert re.search(words, refusal(folder, tiny_base))


@pytest.mark.parametrize("content", ["", "[]", "3", "{", "[" * 100_000])
def test_a_broken_configuration_is_one_line(content, folder, tiny_base):
    (folder / CONFIG).write_text(content)
    assert "adapter_config.json: " in refusal(folder, tiny_base)


def test_a_pickle_is_never_opened(folder, tiny_base):
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")
    assert "found adapter_model.bin, a pickle, which is never opened" in refusal(folder, tiny_base)


def test_a_link_out_of_the_folder_is_not_followed(folder, tiny_base, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / CONFIG
    (folder / CONFIG).rename(outside)
    (folder / CONFIG).symlink_to(outside)
    assert "link" in refusal(folder, tiny_base)
