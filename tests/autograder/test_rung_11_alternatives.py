"""Rung 11, solved in other ways: each of these submissions is right, and passes."""

import shutil

import numpy as np
import pytest
import yaml
from example_adapter import write_adapter
from example_ecosystem import (
    TRL,
    make_tool_run,
    report_11,
    right_configs,
    right_decisions,
    write_answers_11,
    write_config,
    write_decisions_11,
    write_notebook_11,
    write_translations,
)
from example_work import base_loss_of, by_id, claimed, edit, failed, said

from autograder.numbers import RELATIVE_TOLERANCE
from autograder.rung_11_adapter_keys import names, right_name, right_rows, rows_cases
from autograder.rung_11_key import KEY, LOOK_AGAIN
from autograder.rung_11_numbers import SOLUTIONS
from autograder.ticket_submission import ROWS
from shared.ecosystem.tools import TOOLS
from shared.model_shape import PROJECTIONS
from shared.questions import drawn
from shared.tool_cases import CHOICES, REASONS, letters
from shared.translation import ATTENTION
from shared.translation import drawn as drawn_recipe

PERFORMANCE = {"exact-match", "exact-match-unseen"}
ALL_LAYERS = next(seed for seed in range(50) if drawn_recipe(seed).targets == PROJECTIONS)
pytestmark = pytest.mark.usefixtures("as_if_trained")


def test_a_right_submission_is_done(ecosystem_work, measured_as):
    measured_as(ROWS, ROWS)
    claimed(ecosystem_work, 1.0)
    report = report_11(ecosystem_work)
    assert failed(report) == set() and report.done and report.score == report.max_score == 15


def test_an_adapter_of_noise_is_measured_as_such(ecosystem_work):
    """No model is put in its place here: the adapter is merged into the tiny base and truly asked."""
    assert failed(report_11(ecosystem_work, "done-when")) == PERFORMANCE


def test_an_adapter_that_has_not_learned_is_no_run(ecosystem_work, measured_as, monkeypatch):
    measured_as(ROWS, ROWS)
    claimed(ecosystem_work, 1.0)
    monkeypatch.setattr("autograder.ticket_criteria.learned_fault", lambda *_: "its loss is the base's")
    assert failed(report_11(ecosystem_work, "done-when")) == {"model-is-real", "run-record"}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_run_of_any_tool_counts(ecosystem_work, tiny_base, measured_as, tool):
    measured_as(ROWS, ROWS)
    shutil.rmtree(ecosystem_work / "artifacts" / "trl")
    make_tool_run(ecosystem_work, tiny_base, base_loss_of(tiny_base), tool, **{TOOLS[tool].package: "1.0"})
    claimed(ecosystem_work, 1.0)
    report = report_11(ecosystem_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]
    assert TOOLS[tool].title in said(by_id(report)["run-record"])


def test_of_two_tools_runs_the_one_counts_that_was_measured(ecosystem_work, tiny_base, measured_as):
    measured_as(ROWS, ROWS)
    claimed(ecosystem_work, 1.0)
    (ecosystem_work / "artifacts" / "axolotl").mkdir()
    assert report_11(ecosystem_work, "done-when").done


@pytest.mark.parametrize(
    "settings",
    [{"rank": 1, "alpha": 2}, {"targets": ("q_proj", "v_proj")}, {"use_rslora": True}, {"lora_dropout": 0.1}],
    ids=str,
)
def test_another_recipe_is_as_good(ecosystem_work, tiny_base, measured_as, settings):
    measured_as(ROWS, ROWS)
    claimed(ecosystem_work, 1.0)
    trained = write_adapter(ecosystem_work / TRL, tiny_base, **settings)

    def change(run):
        run["total_parameters"] += trained - run["trainable_parameters"]
        run["trainable_parameters"] = trained
        stated = {"r": settings.get("rank", 4), "lora_alpha": settings.get("alpha", 8)}
        if "targets" in settings:
            stated["target_modules"] = ", ".join(settings["targets"])
        run["hyperparameters"].update(stated)

    edit(ecosystem_work / TRL / "run.json", change)
    recipe = {name: settings[name] for name in ("rank", "alpha", "targets") if name in settings}
    write_config(ecosystem_work / TRL, tiny_base, **recipe)
    report = report_11(ecosystem_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def translated(work, seed, **configs):
    write_translations(work, seed=seed, **configs)
    report = report_11(work, "translate")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("seed", [*range(30), 2**31 - 1])
def test_the_right_translation_passes_whatever_is_drawn(ecosystem_work, seed):
    translated(ecosystem_work, seed)


@pytest.mark.parametrize("seed", range(6))
def test_epochs_state_the_length_as_well_as_steps(ecosystem_work, seed):
    recipe = drawn_recipe(seed)
    configs, epochs = right_configs(recipe), recipe.steps * recipe.batch / recipe.rows
    assert epochs == int(epochs)
    for tool, key in (("axolotl", "num_epochs"), ("llamafactory", "num_train_epochs")):
        del configs[tool]["max_steps"]
        configs[tool][key] = epochs
    translated(ecosystem_work, seed, **configs)


def test_steps_and_the_epochs_that_make_as_many_may_both_be_stated(ecosystem_work):
    recipe = drawn_recipe(3)
    configs, epochs = right_configs(recipe), recipe.steps * recipe.batch // recipe.rows
    configs["axolotl"]["num_epochs"], configs["llamafactory"]["num_train_epochs"] = epochs, float(epochs)
    translated(ecosystem_work, 3, **configs)


@pytest.mark.parametrize("off", [False, "false", None, 0])
def test_other_methods_may_be_named_to_switch_them_off(ecosystem_work, off):
    configs = right_configs(drawn_recipe(3))
    configs["axolotl"].update(adapter="lora", load_in_4bit=off, load_in_8bit=off, peft_use_rslora=off)
    configs["llamafactory"].update(use_rslora=off, use_dora=off, finetuning_type="lora")
    translated(ecosystem_work, 3, **configs)


def test_stars_and_ampersands_in_comments_and_texts_are_no_anchors(ecosystem_work):
    text = yaml.safe_dump(right_configs(drawn_recipe(3))["axolotl"])
    text = f"# ** 2 GPUs & 4 rows **\n{text}wandb_name: 'a & b * c'\n"
    translated(ecosystem_work, 3, axolotl=text)


@pytest.mark.parametrize("seed", range(4))
def test_one_row_at_a_time_and_more_accumulation_is_the_same_batch(ecosystem_work, seed):
    recipe = drawn_recipe(seed)
    configs = right_configs(recipe)
    pieces = {"gradient_accumulation_steps": recipe.batch // recipe.devices}
    configs["axolotl"].update(pieces, micro_batch_size=1)
    configs["llamafactory"].update(pieces, per_device_train_batch_size=1)
    translated(ecosystem_work, seed, **configs)


@pytest.mark.parametrize("seed", range(4))
def test_a_ratio_states_the_warmup_as_well(ecosystem_work, seed):
    recipe = drawn_recipe(seed)
    configs = right_configs(recipe)
    for settings in configs.values():
        del settings["warmup_steps"]
        settings["warmup_ratio"] = round(recipe.warmup_steps / recipe.steps, 4)
    translated(ecosystem_work, seed, **configs)


def test_a_word_states_all_layers_as_well_as_a_list(ecosystem_work):
    configs = right_configs(drawn_recipe(ALL_LAYERS))
    del configs["axolotl"]["lora_target_modules"]
    configs["axolotl"]["lora_target_linear"] = True
    configs["llamafactory"]["lora_target"] = "all"
    translated(ecosystem_work, ALL_LAYERS, **configs)


def test_layers_may_stand_in_any_order_and_form(ecosystem_work):
    seed = next(seed for seed in range(50) if drawn_recipe(seed).targets == ATTENTION)
    configs = right_configs(drawn_recipe(seed))
    configs["axolotl"].update(lora_target_modules=list(reversed(ATTENTION)), lora_target_linear=False)
    configs["llamafactory"]["lora_target"] = ", ".join(sorted(ATTENTION))
    translated(ecosystem_work, seed, **configs)


def test_a_rate_without_a_point_is_text_to_yaml_and_a_number_to_the_tools(ecosystem_work):
    seed = next(seed for seed in range(50) if drawn_recipe(seed).learning_rate == 2e-4)
    configs = right_configs(drawn_recipe(seed))
    for settings in configs.values():
        settings["learning_rate"] = "2e-4"
    translated(ecosystem_work, seed, **configs)


def test_comments_and_other_settings_do_no_harm(ecosystem_work):
    configs = right_configs(drawn_recipe(3))
    lines = [f"{key}: {value}" for key, value in configs["axolotl"].items() if not isinstance(value, bool | list)]
    lines += [f"{key}: {str(value).lower()}" for key, value in configs["axolotl"].items() if isinstance(value, bool)]
    lines += [f"lora_target_modules: {configs['axolotl']['lora_target_modules']}", "bf16: auto  # on the card", "#"]
    translated(ecosystem_work, 3, axolotl="\n".join(lines))


ANSWERS = {
    "regular expressions": r"""
def peft_name(name):
    new = {"output_proj": "o_proj", "w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
    name = re.sub(r"\.(output_proj|w1|w2|w3)\.", lambda found: f".{new[found[1]]}.", name)
    name = re.sub(r"lora_([ab])", lambda found: "lora_" + found[1].upper(), name)
    return "base_model.model.model." + name.replace(".attn.", ".self_attn.")

def halves(lora_b, heads):
    return torch.cat([torch.cat([head[0::2], head[1::2]]) for head in lora_b.chunk(heads)])
""",
    "an index": r"""
def peft_name(name):
    for pair in ("output_proj o_proj", "attn self_attn", "w1 gate_proj", "w2 down_proj", "w3 up_proj"):
        name = ".".join(part if part != pair.split()[0] else pair.split()[1] for part in name.split("."))
    return "base_model.model.model." + name.replace("lora_a", "lora_A").replace("lora_b", "lora_B")

def halves(lora_b, heads):
    order = torch.arange(len(lora_b)).reshape(heads, -1, 2).permute(0, 2, 1).flatten()
    return lora_b[order]
""",
    "loops": r"""
def peft_name(name):
    table = dict(q_proj="q_proj", k_proj="k_proj", v_proj="v_proj", output_proj="o_proj", w1="gate_proj",
                 w2="down_proj", w3="up_proj")
    _, layer, block, module, part, _ = name.split(".")
    block = {"attn": "self_attn", "mlp": "mlp"}[block]
    part = part[:5] + part[5].upper()
    return ".".join(["base_model.model.model.layers", layer, block, table[module], part, "weight"])

def halves(lora_b, heads):
    out, size = lora_b.clone(), len(lora_b) // heads
    for head in range(heads):
        for i in range(size):
            out[head * size + i // 2 + (i % 2) * (size // 2)] = lora_b[head * size + i]
    return out
""",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_right_reader_passes(ecosystem_work, without_children, name):
    write_notebook_11(ecosystem_work, ANSWERS[name])
    report = report_11(ecosystem_work, "read-adapter")
    assert report.done, [said(result) for result in report.criteria]


def test_a_right_reader_passes_in_its_own_process(ecosystem_work):
    assert report_11(ecosystem_work, "read-adapter").done


@pytest.mark.parametrize("seed", [*range(10), 2**31 - 1])
def test_the_right_reader_passes_whatever_is_drawn(ecosystem_work, without_children, seed):
    assert report_11(ecosystem_work, "read-adapter", seed=seed).done


def test_the_names_by_hand_are_what_the_docstring_says():
    assert right_name("layers.3.attn.q_proj.lora_a.weight") == (
        "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight"
    )
    assert right_name("layers.0.mlp.w2.lora_b.weight") == "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"
    assert len({right_name(name) for name in names(1)}) == 14


def test_the_rows_by_hand_are_what_the_docstring_says():
    by_hand, *_, pairs = rows_cases(1)
    assert right_rows(by_hand).ravel().tolist() == [0, 2, 1, 3]
    assert np.array_equal(right_rows(pairs), pairs.lora_b) and pairs.lora_b.shape[0] == 2 * pairs.heads


@pytest.mark.parametrize("seed", range(5))
def test_in_the_right_order_transformers_turns_what_torchtune_turned(seed):
    """The oracle's oracle: RoPE over neighbours and RoPE over halves give the same scores, query by key."""
    stream = np.random.default_rng(seed)
    heads, size, inputs = 3, 8, 5
    queries, keys = (stream.normal(size=(heads * size, inputs)) for _ in range(2))
    ours = [right_rows(rows_case) for rows_case in (_case(queries, heads), _case(keys, heads))]
    x = stream.normal(size=(2, inputs))
    pairs = [_turned(values @ x.T, heads, neighbours=True) for values in (queries, keys)]
    split = [_turned(values @ x.T, heads, neighbours=False) for values in ours]
    for one, other in ((pairs, split),):
        assert np.allclose(np.einsum("hdq,hdk->hqk", *one), np.einsum("hdq,hdk->hqk", *other))


def _case(values, heads):
    from autograder.rung_11_adapter_keys import RowsCase

    return RowsCase("", values, heads)


def _turned(values, heads, *, neighbours):
    """Return [heads, d, positions] after RoPE (arXiv 2104.09864, equation 34), over neighbours or over halves."""
    size, positions = len(values) // heads, values.shape[1]
    angle = np.arange(positions)[None] * 10_000.0 ** (-2 * np.arange(size // 2) / size)[:, None]
    rows = values.reshape(heads, size, positions)
    first, second = (rows[:, ::2], rows[:, 1::2]) if neighbours else (rows[:, : size // 2], rows[:, size // 2 :])
    turned = (first * np.cos(angle) - second * np.sin(angle), first * np.sin(angle) + second * np.cos(angle))
    return np.concatenate(turned, axis=1)


@pytest.mark.parametrize("seed", range(40))
def test_the_right_numbers_pass_whatever_is_drawn(ecosystem_work, seed):
    write_answers_11(ecosystem_work, seed=seed)
    assert report_11(ecosystem_work, "numbers").done


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("off", [0.99, 1 - 0.9 * RELATIVE_TOLERANCE, 1 + 0.9 * RELATIVE_TOLERANCE, 1.01])
def test_a_number_may_be_rounded_to_three_digits(ecosystem_work, name, off):
    right = SOLUTIONS[name].right(**drawn("11", 5)[name].numbers)
    write_answers_11(ecosystem_work, **{name: right * off})
    passed = by_id(report_11(ecosystem_work, "numbers"))[name].passed
    assert passed is (abs(off - 1) < RELATIVE_TOLERANCE)


@pytest.mark.parametrize("seed", [*range(30), 2**31 - 1])
def test_the_right_decisions_pass_whatever_is_drawn(ecosystem_work, seed):
    write_decisions_11(ecosystem_work, seed=seed)
    assert report_11(ecosystem_work, "decide").done


def test_one_of_six_may_be_decided_otherwise(ecosystem_work):
    decided = right_decisions()
    del decided[next(iter(decided))]
    write_decisions_11(ecosystem_work, decided)
    assert report_11(ecosystem_work, "decide").done


@pytest.mark.parametrize(("name", "choice"), [(name, choice) for name, one in KEY.items() for choice in one])
def test_every_accepted_choice_with_every_accepted_reason_passes(ecosystem_work, name, choice):
    seed = next(seed for seed in range(300) if name in right_decisions(seed))
    for reason in KEY[name][choice]:
        write_decisions_11(ecosystem_work, {**right_decisions(seed), name: (choice, reason)}, seed=seed)
        assert report_11(ecosystem_work, "decide").done


def test_the_key_knows_every_situation_in_the_lists_words():
    assert KEY.keys() == letters().keys() and LOOK_AGAIN.keys() == REASONS.keys()
    for accepted in KEY.values():
        assert accepted.keys() <= CHOICES.keys() and accepted
        assert all(reasons and set(reasons) <= REASONS.keys() for reasons in accepted.values())
    assert {choice for one in KEY.values() for choice in one} == CHOICES.keys()
    assert {reason for one in KEY.values() for reasons in one.values() for reason in reasons} == REASONS.keys()


def test_hardly_a_draw_is_fitted_by_one_answer():
    """Whoever answers all six alike, without reading them, gets there once in a hundred draws at best."""
    seeds = range(300)
    for choice in CHOICES:
        fits = sum(sum(choice in KEY[name] for name in right_decisions(seed)) >= 5 for seed in seeds)
        assert fits / len(seeds) <= 0.02, choice


def test_knowing_a_situations_pile_is_not_knowing_its_tool():
    """In half of the piles no choice is right for more than half of the situations: they have to be read."""
    piles = {}
    for letter in letters().values():
        piles.setdefault(letter.pile, []).append(KEY[letter.name])
    best = [max(sum(choice in one for one in pile) / len(pile) for choice in CHOICES) for pile in piles.values()]
    assert sum(share <= 0.5 for share in best) >= len(piles) / 2, best
