"""The same rows in every tool's format: they come back equal, and where the tool is installed, token for token."""

import importlib.util
import json

import pytest

from shared.ecosystem.export import FORMATS, ExportError, export_tickets, read_back
from shared.ecosystem.tools import COMPONENTS, TOOLS
from shared.pocket import BASE
from shared.world import rows

END = "</s>"
ROWS = [{"prompt": row["prompt"], "completion": row["completion"]} for row in rows("tickets", "train", 24)]
AWKWARD = [
    {"prompt": 'A "quoted" line\nand a second\nTicket:', "completion": ' {"item": "é"}'},
    {"prompt": "Naïve \u2028 separators \\n Ticket:", "completion": " {}"},
]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kept", [ROWS, AWKWARD], ids=["tickets", "awkward"])
def test_every_export_reads_back_as_the_same_rows(tmp_path, name, kept):
    assert read_back(export_tickets(tmp_path, kept, name), name) == kept


@pytest.mark.parametrize("name", [name for name, kind in FORMATS.items() if kind.ends])
def test_a_row_without_its_end_is_noticed(tmp_path, name):
    path = export_tickets(tmp_path, ROWS, name, end="")
    with pytest.raises(ExportError, match="row 1: expected the completion to end in '</s>'"):
        read_back(path, name)


def test_a_row_whose_prompt_would_be_trained_on_is_noticed(tmp_path):
    path = export_tickets(tmp_path, ROWS[:1], "segments")
    path.write_text(path.read_text().replace("false", "true"))
    with pytest.raises(ExportError, match="unlabelled prompt"):
        read_back(path, "segments")


def test_llamafactory_finds_its_columns(tmp_path):
    path = export_tickets(tmp_path, ROWS, "alpaca")
    entry = json.loads((tmp_path / "dataset_info.json").read_text())["tickets"]
    assert entry["file_name"] == path.name
    assert set(entry["columns"].values()) == set(json.loads(path.read_text().splitlines()[0]))


def test_every_tool_reads_a_known_format():
    assert {tool.format for tool in TOOLS.values()} <= set(FORMATS)


def expected_tokens(tokenizer) -> list[tuple[list[int], list[int]]]:
    """Return ids and labels as rung 02 defines them: prompt ignored, completion and end token learnt."""
    kept = []
    for row in ROWS:
        asked = tokenizer(row["prompt"], add_special_tokens=False).input_ids
        answer = [*tokenizer(row["completion"], add_special_tokens=False).input_ids, tokenizer.eos_token_id]
        kept.append((asked + answer, [-100] * len(asked) + answer))
    return kept


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(BASE)


@pytest.mark.slow
def test_trl_makes_these_tokens_and_labels_of_its_export(tmp_path, tokenizer):
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    from shared.models import load_base
    from shared.quiet import quiet

    path = export_tickets(tmp_path / "data", ROWS, "prompt-completion")
    data = load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    with quiet():
        arguments = SFTConfig(output_dir=str(tmp_path), max_length=256, use_cpu=True, report_to="none", bf16=False)
        trainer = SFTTrainer(load_base("pocket")[0], arguments, train_dataset=data, processing_class=tokenizer)
        batch = trainer.data_collator([dict(row) for row in trainer.train_dataset])
    for (ids, labels), found_ids, found_labels in zip(
        expected_tokens(tokenizer), batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True
    ):
        assert found_ids[: len(ids)] == ids
        assert found_labels[: len(ids)] == labels
        assert set(found_labels[len(ids) :]) <= {-100}


def test_the_torchtune_component_makes_these_tokens_and_labels(tmp_path, tokenizer):
    spec = importlib.util.spec_from_file_location("torchtune_tickets", COMPONENTS / "torchtune_tickets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plain = module.plain_tokenizer(str(BASE), 256)
    data = module.ticket_dataset(plain, str(export_tickets(tmp_path, ROWS, "prompt-completion")))
    assert plain.pad_id == tokenizer.pad_token_id
    assert [(row["tokens"], row["labels"]) for row in data] == expected_tokens(tokenizer)


@pytest.mark.parametrize("name", ["segments", "alpaca"])
def test_pieces_tokenized_apart_are_these_tokens(tmp_path, tokenizer, name):
    """Axolotl and LLaMA-Factory tokenize prompt and completion apart, the end token inside the text, no template.

    So their tokens are right exactly if that gives the same ids (axolotl/prompt_strategies/input_output.py,
    llamafactory/data/processor/supervised.py with template `empty`).
    """
    kind = FORMATS[name]
    for line, (ids, labels) in zip(
        export_tickets(tmp_path, ROWS, name).read_text().splitlines(), expected_tokens(tokenizer), strict=True
    ):
        asked, answer = (tokenizer(text, add_special_tokens=False).input_ids for text in kind.read(json.loads(line)))
        assert (asked + answer, [-100] * len(asked) + answer) == (ids, labels)
