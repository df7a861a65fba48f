"""A base model small enough for tests: a random Llama of 33,440 parameters with its own tokenizer."""

import json

import pytest

from shared.world import rows

COURSE_VARIABLES = (
    "COURSE_PROFILE",
    "COURSE_BASE_MODEL",
    "COURSE_WORK",
    "COURSE_NO_TRAINING",
    "NBGRADER_EXECUTION",
)


@pytest.fixture(autouse=True)
def _no_course_variables(monkeypatch):
    """Take away what the shell that runs the tests may have set."""
    for name in COURSE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def ticket_rows():
    """Return 48 training rows of the ticket task."""
    return rows("tickets", "train", 48)


@pytest.fixture(scope="session")
def tiny_tokenizer_folder(tmp_path_factory, ticket_rows):
    """Return a folder with a byte-level BPE tokenizer of 400 tokens, trained on the ticket rows."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([row["prompt"] + row["completion"] for row in ticket_rows], trainer)
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def tiny_base_folder(tmp_path_factory, tiny_tokenizer_folder):
    """Return a folder with a complete base model: 2 layers, hidden size 32, random weights from seed 0."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(tiny_tokenizer_folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=384, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("base") / "tiny-base"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_base(monkeypatch, tiny_base_folder):
    """Make the tiny model the course's base on this machine, and return its folder."""
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    monkeypatch.setenv("COURSE_BASE_MODEL", str(tiny_base_folder))
    return tiny_base_folder
