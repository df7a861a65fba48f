"""The record of a run: settings, method, parameters and rows, read off the trainer."""

import pytest

from shared.artifacts import fingerprint_rows
from shared.run_record import (
    adapter_settings,
    device_name,
    hyperparameters,
    method_of,
    parameter_counts,
    peak_memory,
    training_rows,
)
from shared.world import rows


@pytest.fixture(scope="module")
def base(tiny_base_folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def load():
        return AutoModelForCausalLM.from_pretrained(tiny_base_folder)

    return load, AutoTokenizer.from_pretrained(tiny_base_folder)


def make_trainer(base, data, tmp_path, **settings):
    from trl import SFTConfig, SFTTrainer

    load, tokenizer = base
    config = SFTConfig(output_dir=str(tmp_path), report_to="none", use_cpu=True, bf16=False, **settings)
    return SFTTrainer(model=load(), processing_class=tokenizer, train_dataset=data, args=config)


def dataset(data):
    from datasets import Dataset

    return Dataset.from_list(data)


@pytest.mark.parametrize(
    "data",
    [
        rows("tickets", "train", 20),
        [{"prompt": "a", "completion": " b"}, {"prompt": "c", "completion": " d"}],
        [{"text": "one"}, {"text": "two"}],
    ],
    ids=["tickets", "prompt-completion", "text"],
)
def test_rows_are_what_the_learner_handed_over(base, tmp_path, data):
    found = training_rows(make_trainer(base, dataset(data), tmp_path))
    assert found == data
    assert fingerprint_rows(found) == fingerprint_rows(data)


def test_packed_rows_are_token_ids(base, tmp_path):
    found = training_rows(make_trainer(base, dataset([{"text": "one"}] * 9), tmp_path, packing=True, max_length=8))
    assert found
    assert all(isinstance(token, int) for row in found for token in row["input_ids"])


def test_settings_are_plain_values(base, tmp_path):
    trainer = make_trainer(base, dataset([{"text": "one"}]), tmp_path, lr_scheduler_type="cosine", max_steps=7)
    settings = hyperparameters(trainer.args)
    assert settings["lr_scheduler_type"] == "cosine"
    assert settings["max_steps"] == 7
    assert "num_train_epochs" not in settings
    assert all(value is None or type(value) in (int, float, str, bool) for value in settings.values())


def test_epochs_count_where_steps_do_not(base, tmp_path):
    trainer = make_trainer(base, dataset([{"text": "one"}]), tmp_path, num_train_epochs=2)
    assert hyperparameters(trainer.args)["num_train_epochs"] == 2


def test_a_full_fine_tune(base):
    model = base[0]()
    by_hand = sum(parameter.numel() for parameter in model.parameters())  # the tied head counts once
    assert (method_of(model), adapter_settings(model)) == ("full", {})
    assert parameter_counts(model) == (by_hand, by_hand)


def test_an_adapter(base):
    """LoRA of rank 2 on q_proj and v_proj, both 32 -> 32, in 2 layers: 2 * 2 * (32 * 2 + 2 * 32) = 512."""
    from peft import LoraConfig, get_peft_model

    model = base[0]()
    total = model.num_parameters()
    adapted = get_peft_model(model, LoraConfig(r=2, lora_alpha=4, target_modules=["v_proj", "q_proj"]))
    assert method_of(adapted) == "lora"
    assert parameter_counts(adapted) == (512, total + 512)
    assert adapter_settings(adapted) == {
        "r": 2, "lora_alpha": 4, "lora_dropout": 0.0, "target_modules": "q_proj, v_proj",
    }  # fmt: skip


def test_device_and_memory():
    assert device_name("cpu") == "cpu"
    before = peak_memory("cpu")
    block = bytearray(300 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    assert before + 100 * 2**20 < peak_memory("cpu") + 200 * 2**20
    assert peak_memory("cpu") >= 300 * 2**20
