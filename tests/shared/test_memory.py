"""The memory estimator: parts worked out by hand, the direction of every switch, and peaks measured on a GPU."""

from dataclasses import replace

import pytest

from shared.gpu_tables import estimated_gib, headline_recipe, recipe_of
from shared.measured import measured
from shared.memory import GIB, NF4_BITS, Recipe, estimate, fastest_that_fits, layer_bytes, relative_cost
from shared.memory_fit import CARDS_GB, card_rows, main, usable_bytes
from shared.model_shape import SHAPES, ModelShape, ShapeError

SEVEN = SHAPES["llama-7b"]
QLORA = Recipe("qlora", 4, 1024, optimizer="paged-adamw-8bit")
TRAINING = [row for name in ("training", "training-h200") for row in measured(name).rows if row["library"] == "trl"]
REQUIRED = {  # what the course promises to foresee, whatever else is in the table
    "Liger, 1 x 512", "Liger, 4 x 1024", "Liger, no checkpointing, 4 x 1024", "Liger, no checkpointing, 16 x 1024",
    "LoRA in bfloat16, 4 x 1024", "full fine-tune of 0.5B, 8 x 1024", "TRL as documented, 4 x 1024",
}  # fmt: skip


@pytest.mark.parametrize("row", TRAINING, ids=lambda row: f"{row['name']}, {row['card']}")
def test_the_peak_is_the_measured_one_within_seven_percent(row):
    assert estimated_gib(row) == pytest.approx(row["peak_gib"], rel=0.07)


@pytest.mark.parametrize("row", measured("65b").rows, ids=lambda row: row["name"])
def test_the_peak_of_65_billion_parameters_is_the_measured_one_within_seven_percent(row):
    assert estimate(SHAPES["llama-65b"], headline_recipe(row)).peak / GIB == pytest.approx(row["peak_gib"], rel=0.07)


def test_what_is_promised_was_measured():
    assert {row["name"] for row in TRAINING} >= REQUIRED
    assert {row["sequence"] for row in measured("65b").rows} == {512, 2048}


def test_nf4_takes_the_papers_bits():
    # 4 + 8/64 + 32/(64 x 256) = 4.127 (arXiv 2305.14314, section 3)
    assert pytest.approx(4.127, abs=5e-4) == NF4_BITS


def test_the_parts_by_hand():
    # One layer: q, k, v, o 4 x 4 and a MLP of 3 x (4 x 8): 64 + 96 = 160 weights. Embedding and head 2 x 10 x 4 = 80,
    # three norms of 4: 92 others. All 252 in bfloat16: 504 bytes, AdamW's two moments 8 x 252 = 2016.
    shape = ModelShape(hidden=4, layers=1, heads=1, kv_heads=1, mlp=8, vocabulary=10)
    parts = estimate(shape, Recipe("full", batch=2, sequence=3, fused=True))
    assert (parts.weights, parts.gradients, parts.optimizer, parts.adapter) == (504, 504, 2016, 0)
    # Six tokens, each layer's input of 4 in bfloat16: 48. Kept by a layer 2 x (8 + 8 + 8 + 8 + 24) = 112 a token,
    # and 2 x 2 x 8 = 32 for the gradients inside the MLP: 6 x 144 = 864.
    assert (parts.activations, layer_bytes(shape, Recipe("full", fused=True)), parts.working) == (48, 112, 864)
    assert parts.peak == 504 + 2016 + max(48 + 864, 504)
    # LoRA of rank 2 on q and down: 2 x (8 + 12) = 40 parameters in bfloat16.
    lora = estimate(shape, Recipe("lora", rank=2, targets=("q_proj", "down_proj")))
    assert (lora.adapter, lora.gradients, lora.optimizer, lora.weights) == (80, 80, 320, 504)


@pytest.mark.parametrize(
    "thriftier",
    [
        {"checkpointing": True},
        {"checkpointing": True, "every": 2},
        {"fused": True},
        {"whole_logits": False},
        {"batch": 2},
        {"sequence": 512},
        {"method": "qlora"},
        {"optimizer": "adamw-8bit"},
        {"optimizer": "paged-adamw"},
        {"targets": ("q_proj", "v_proj")},
        {"rank": 4},
    ],
)
def test_each_switch_saves_memory(thriftier):
    # So many tokens to a layer's width that whole logits are the peak, where they are there.
    shape = replace(SEVEN, vocabulary=2_000_000) if "whole_logits" in thriftier else SEVEN
    plain = Recipe("lora", 4, 1024, checkpointing=False, whole_logits=True)
    assert estimate(shape, replace(plain, **thriftier)).peak < estimate(shape, plain).peak


def test_checkpointing_fewer_layers_takes_more_memory_and_less_time():
    recipes = [Recipe("qlora", 16, every=every) for every in (1, 2, 3)]
    recipes = [replace(recipes[0], offload=True), *recipes, replace(recipes[0], checkpointing=False)]
    peaks = [estimate(SEVEN, recipe).peak for recipe in recipes]
    costs = [relative_cost(recipe) for recipe in recipes]
    assert peaks == sorted(peaks) and costs == sorted(costs, reverse=True)
    assert len(set(peaks)) == len(set(costs)) == 5


def test_a_tied_embedding_gets_two_gradients_at_the_end():
    shape = SHAPES["qwen2.5-0.5b"]
    parts = estimate(shape, Recipe("full", weight_bytes=4))
    assert (
        parts.ending == 4 * 151_936 * 896
        and parts.peak == parts.weights + parts.optimizer + parts.gradients + parts.ending
    )
    assert estimate(replace(shape, tied=False), Recipe("full")).ending == estimate(shape, Recipe("lora")).ending == 0


def test_lora_saves_tenfold_on_states_and_gradients_and_nothing_on_activations():
    full, lora = (estimate(SEVEN, Recipe(method, 4, 1024)) for method in ("full", "lora"))
    assert full.gradients + full.optimizer > 100 * (lora.gradients + lora.optimizer + lora.adapter)
    assert full.activations == lora.activations
    assert 3 < full.peak / lora.peak < 10


def test_a_larger_card_never_gets_a_slower_recipe():
    found = [fastest_that_fits(SEVEN, "qlora", usable_bytes(card), 1024) for card in CARDS_GB]
    costs = [relative_cost(recipe) for recipe in found]
    assert costs == sorted(costs, reverse=True) and costs[-1] < costs[0]
    for card, recipe in zip(CARDS_GB, found, strict=True):
        assert estimate(SEVEN, recipe).peak <= usable_bytes(card)


def test_the_order_of_costs_is_the_measured_order_of_speeds():
    names = ["Liger, 1 x 512", "Liger, 4 x 1024", "Liger, no checkpointing, 4 x 1024"]
    names += [f"Liger, every {each} layer checkpointed, 16 x 1024" for each in ("second", "third")]
    rows = {row["name"]: row for row in measured("training").rows}
    rows = [rows[name] for name in [*names, "Liger, no checkpointing, 16 x 1024"]]
    speeds = [row["tokens_per_second"] for row in rows]
    assert speeds == sorted(speeds)
    costs = [relative_cost(recipe_of(row)) for row in rows]
    checkpointed = [costs[place] for place in (0, 1, 3, 4, 5)]
    assert checkpointed == sorted(checkpointed, reverse=True) and costs[1] > costs[2] > costs[5]


def test_what_does_not_fit_is_said():
    assert fastest_that_fits(SEVEN, "full", usable_bytes(24), 1024) is None
    assert card_rows(SEVEN, "full", 1024)[3] == ("24 GB", "does not fit", "")


def test_a_7b_model_fits_a_small_card_with_qlora_alone():
    assert fastest_that_fits(SEVEN, "qlora", usable_bytes(8), 1024) is not None
    assert fastest_that_fits(SEVEN, "lora", usable_bytes(12), 1024) is None


def test_an_unknown_target_is_an_error():
    with pytest.raises(ShapeError, match="no projection lm_head"):
        estimate(SEVEN, Recipe("lora", targets=("lm_head",)))


def test_the_command_prints_parts_and_cards(capsys):
    assert main(["llama-7b", "qlora", "--fused", "--optimizer", "paged-adamw-8bit"]) == 0
    said = capsys.readouterr().out
    assert "39,976,960 of 6,738,415,616 parameters trained (0.59%)" in said
    assert all(f"{card} GB" in said for card in CARDS_GB) and "peak" in said


def test_the_command_names_what_it_does_not_know(capsys):
    assert main(["gpt-9", "lora"]) == 2
    assert capsys.readouterr().err == f"gpt-9: expected {', '.join(SHAPES)}, or a folder with config.json\n"


def test_the_readme_s_words_are_the_table_s():
    """Each assertion is a clause of the README's paragraph "In words"."""
    rows = {row["name"]: row for row in measured("training").rows}
    speed = {name: row["tokens_per_second"] for name, row in rows.items()}
    larger = {row["name"]: row["tokens_per_second"] for row in measured("training-h200").rows}
    fast, theirs = "Liger, no checkpointing, 16 x 1024", "TRL as documented, {} x 1024"
    assert [round(speed[fast] / speed[theirs.format(count)], 1) for count in (4, 16)] == [2.3, 1.8]
    assert [round(larger[fast] / larger[theirs.format(count)], 1) for count in (4, 16)] == [2.1, 1.8]
    short = [speed[f"Liger, {how}no checkpointing, 4 x 1024"] for how in ("", "compiled, ")]
    assert [round(each / speed[theirs.format(4)], 1) for each in short] == [1.3, 2.0]
    assert round(speed["Liger, compiled, no checkpointing, 16 x 1024"] / speed[fast], 2) == 1.01
    alike = [
        speed[f"Liger, {size}"] / speed[f"TRL as documented, {size}"] for size in ("4 x 1024", "1 x 512", "16 x 1024")
    ]
    assert [round(each, 2) for each in alike] == [1.07, 1.13, 1.26]
    for size in ("1 x 512", "4 x 1024"):
        thrifty = rows[f"Liger, activations in main memory, {size}"]["peak_gib"]
        assert thrifty <= 4.65 and thrifty < rows[f"Unsloth, {size}"]["peak_gib"]
