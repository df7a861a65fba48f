"""Bases from a folder and from the hub's cache, stages, adapters, quantization, and what is refused."""

import json
import shutil

import pytest
import torch

from shared.artifacts import BaseRecord, RunRecord, fingerprint_model, write_json
from shared.course import load_course
from shared.models import ModelError, base_record, base_spec, device_of, load_base, load_stage


def write_run(folder, base, method):
    record = RunRecord(
        rung="03", stage=folder.name, profile="pocket", base=base, method=method, hyperparameters={}, steps=1,
        rows=1, data_fingerprint="d", trainable_parameters=1, total_parameters=1, versions={}, device="cpu",
        peak_memory_bytes=1, wall_seconds=1.0,
    )  # fmt: skip
    write_json(folder / "run.json", record)


def logits(model, tokenizer):
    with torch.inference_mode():
        return model(**tokenizer("Message: a copper stove", return_tensors="pt")).logits


def one_line(error):
    return "\n" not in str(error.value)


def test_the_base_from_a_local_folder(tiny_base):
    model, tokenizer = load_base()
    assert model.dtype == torch.float32
    assert not model.training
    assert tokenizer.eos_token == "</s>"
    assert base_record() == BaseRecord(id="tiny-base", fingerprint=fingerprint_model(tiny_base))


def test_a_type_of_ones_own(tiny_base):
    assert load_base(dtype=torch.bfloat16)[0].dtype == torch.bfloat16


def test_each_profile_has_its_base(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    assert base_spec() == load_course().profile("pocket").base
    assert base_spec("gpu").revision == load_course().profile("gpu").base.revision


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """Return an empty hub cache in which the hub client looks, offline."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    return tmp_path / "hub"


def test_the_base_from_the_hub_at_its_pinned_revision(hub_cache, tiny_base_folder):
    """The cache is laid out as by the hub client: blobs, and a folder of links for each revision."""
    spec = load_course().profile("gpu").base
    store = hub_cache / ("models--" + spec.id.replace("/", "--"))
    snapshot = store / "snapshots" / spec.revision
    snapshot.mkdir(parents=True)
    shutil.copytree(tiny_base_folder, store / "blobs")
    for path in (store / "blobs").iterdir():
        (snapshot / path.name).symlink_to(path)
    assert load_base()[0].num_parameters() > 10_000
    expected = BaseRecord(id=spec.id, revision=spec.revision, fingerprint=fingerprint_model(tiny_base_folder))
    assert base_record() == expected


def test_a_hub_model_that_cannot_be_fetched(hub_cache):
    with pytest.raises(ModelError, match=r"Qwen/Qwen2.5-0.5B: not on this machine .* COURSE_BASE_MODEL") as error:
        load_base()
    assert one_line(error)


def test_a_folder_without_a_model(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    monkeypatch.setenv("COURSE_BASE_MODEL", str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match=r"nowhere: expected a model folder with config.json") as error:
        load_base()
    assert one_line(error)


@pytest.fixture
def own_base(tiny_base, tmp_path, monkeypatch):
    """Return a copy of the base that a test may spoil."""
    shutil.copytree(tiny_base, tmp_path / "spoiled")
    monkeypatch.setenv("COURSE_BASE_MODEL", str(tmp_path / "spoiled"))
    return tmp_path / "spoiled"


def test_pickled_weights_are_not_loaded(own_base):
    model, _ = load_base()
    torch.save(model.state_dict(), own_base / "pytorch_model.bin")
    (own_base / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be loaded") as error:
        load_base()
    assert one_line(error)


def test_truncated_weights_are_refused_in_one_line(own_base):
    data = (own_base / "model.safetensors").read_bytes()
    (own_base / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="spoiled: cannot be loaded") as error:
        load_base()
    assert one_line(error)


@pytest.mark.parametrize(("change", "problem"), [("drop", "missing_keys"), ("add", "unexpected_keys")])
def test_weights_that_do_not_match_the_architecture(own_base, change, problem):
    from safetensors.torch import load_file, save_file

    weights = load_file(own_base / "model.safetensors")
    if change == "drop":
        del weights["model.norm.weight"]
    else:
        weights["model.extra.weight"] = torch.ones(2)
    save_file(weights, own_base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"spoiled: {problem} model\.\w+\.weight\. Save") as error:
        load_base()
    assert one_line(error)


def test_loading_says_nothing(tiny_base, capfd):
    load_base()
    assert capfd.readouterr() == ("", "")


def test_without_its_gpu_the_gpu_profile_computes_on_the_cpu(monkeypatch):
    gpu = load_course().profile("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(gpu) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(gpu) == "cuda"
    assert device_of(load_course().profile("pocket")) == "cpu"


def test_code_that_comes_with_a_model_is_not_run(own_base, tmp_path):
    config = json.loads((own_base / "config.json").read_text())
    config |= {
        "model_type": "own-llama",
        "auto_map": {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"},
    }
    (own_base / "config.json").write_text(json.dumps(config))
    (own_base / "own.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\nC = M = None\n")
    with pytest.raises(ModelError):
        load_base()
    assert not (tmp_path / "run").exists()


def adapter(tiny_base, folder, method="lora", quantization=None):
    """Save an adapter whose B is not zero, as a stage would, and return the adapted model's logits."""
    from peft import LoraConfig, get_peft_model

    base, tokenizer = load_base(quantization=quantization)
    model = get_peft_model(base, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    model.save_pretrained(folder)
    write_run(folder, base_record(), method)
    return logits(model.eval(), tokenizer)


def test_an_adapter_goes_back_on_its_base(tiny_base, tmp_path):
    expected = adapter(tiny_base, tmp_path / "adapter")
    assert torch.equal(logits(*load_stage(tmp_path / "adapter")), expected)
    assert not torch.allclose(logits(*load_base()), expected)


def test_an_adapter_for_another_base(tiny_base, tmp_path, own_base):
    adapter(tiny_base, tmp_path / "adapter")
    model, _ = load_base()
    model.lm_head.weight.data += 1
    model.save_pretrained(own_base)
    with pytest.raises(ModelError, match="was trained on spoiled, but here is spoiled or another version") as error:
        load_stage(tmp_path / "adapter")
    assert one_line(error)


def test_a_pickled_adapter_is_not_loaded(tiny_base, tmp_path):
    adapter(tiny_base, tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").rename(tmp_path / "adapter" / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"adapter: expected model.safetensors or adapter_model.safetensors"):
        load_stage(tmp_path / "adapter")


def linear4bit_layers(model):
    from bitsandbytes.nn import Linear4bit

    return [module for module in model.modules() if isinstance(module, Linear4bit)]


@pytest.mark.slow
def test_nf4_layers_keep_their_gradient_after_an_evaluation(tiny_base, monkeypatch):
    """bitsandbytes is told that this CPU has AVX512-BF16, which makes it repack weights in evaluation mode.

    Where the CPU really has it, the gradient below is None without the guard; elsewhere the flag shows it.
    """
    from bitsandbytes.nn import modules

    monkeypatch.setattr(modules, "has_avx512bf16", lambda: True)
    model, tokenizer = load_base(quantization="nf4")
    layers = linear4bit_layers(model)
    assert len(layers) == 14
    assert not any(layer.support_avx512bf16_for_cpu for layer in layers)
    logits(model, tokenizer)
    states = [layer.weight.quant_state for layer in layers]
    assert not any(getattr(state, "packing_format_for_cpu", False) for state in states)
    x = torch.ones(1, 3, 32, requires_grad=True)
    model.train().model.layers[0].self_attn.q_proj(x).sum().backward()
    assert x.grad is not None


@pytest.mark.slow
def test_a_qlora_adapter_goes_back_on_a_quantized_base(tiny_base, tmp_path):
    expected = adapter(tiny_base, tmp_path / "adapter", "qlora", "nf4")
    model, tokenizer = load_stage(tmp_path / "adapter")
    assert len(linear4bit_layers(model)) == 14
    assert torch.allclose(logits(model, tokenizer), expected, atol=1e-5)


def test_an_unknown_quantization(tiny_base):
    with pytest.raises(ModelError, match="expected 'nf4' or None, got 'int3'"):
        load_base(quantization="int3")
