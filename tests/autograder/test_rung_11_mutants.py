"""Rung 11 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import json
import shutil

import numpy as np
import pytest
import yaml
from example_adapter import write_adapter
from example_ecosystem import (
    READ_ADAPTER,
    SEED,
    TRL,
    report_11,
    right_configs,
    right_decisions,
    write_answers_11,
    write_config,
    write_decisions_11,
    write_notebook_11,
    write_translations,
)
from example_work import by_id, claimed, edit, edit_weights, failed, make_tiny_base, said

from autograder.rung_11_key import LOOK_AGAIN, first_reason
from autograder.rung_11_numbers import SOLUTIONS
from autograder.ticket_submission import ROWS
from shared.model_shape import PROJECTIONS
from shared.questions import ANSWERS, drawn
from shared.tool_cases import DECISIONS, REASONS
from shared.translation import ATTENTION, TRANSLATIONS
from shared.translation import drawn as drawn_recipe

pytestmark = pytest.mark.usefixtures("as_if_trained")
RECIPE = drawn_recipe(SEED)
MICRO = {"axolotl": "micro_batch_size", "llamafactory": "per_device_train_batch_size"}
TITLES = {"axolotl": "Axolotl", "llamafactory": "LLaMA-Factory"}


def said_of(work, tool: str, change) -> str:
    """Return what is said of one tool's configuration after a change of it; the other tool's stays right."""
    configs = right_configs(RECIPE)
    change(configs[tool])
    write_translations(work, **configs)
    results = by_id(report_11(work, "translate"))
    other = next(name for name in results if name != tool)
    assert results[tool].passed is False and results[tool].points == 0 and results[other].passed
    line = said(results[tool])
    assert line.startswith(f"{TITLES[tool]}: "), line
    return line


OTHERS = sorted(set(PROJECTIONS) - set(ATTENTION))
LAYERS = ("lacks down_proj", ["q_proj", "v_proj"]) if RECIPE.targets == PROJECTIONS else ("has down_proj", PROJECTIONS)


@pytest.mark.parametrize(
    ("tool", "key", "value", "words"),
    [
        ("axolotl", "lora_r", RECIPE.rank + 1, f"lora_r is {RECIPE.rank + 1}, the recipe says {RECIPE.rank}"),
        ("llamafactory", "lora_rank", RECIPE.rank * 2, f"lora_rank is {RECIPE.rank * 2}, the recipe says"),
        ("axolotl", "lora_alpha", RECIPE.rank, "The update's factor is alpha / rank"),
        ("llamafactory", "lora_alpha", 2 * RECIPE.rank, "The update's factor is alpha / rank"),
        ("axolotl", "lora_dropout", 0, "lora_dropout is 0, the recipe says"),
        ("axolotl", "learning_rate", 2e-5, "learning_rate is 2e-05, the recipe says"),
        ("llamafactory", "learning_rate", "fast", "learning_rate is 'fast', expected a number"),
        ("axolotl", "learning_rate", float("nan"), "learning_rate is nan, expected a number"),
        ("axolotl", "lr_scheduler", "cosine", "lr_scheduler is 'cosine', the recipe says"),
        ("llamafactory", "lr_scheduler_type", "cosine", "lr_scheduler_type is 'cosine', the recipe says"),
        ("axolotl", "warmup_steps", 0, "warmup_steps makes 0 steps, the recipe says"),
        ("axolotl", "max_steps", RECIPE.steps * RECIPE.devices, "max_steps makes"),
        ("llamafactory", "max_steps", RECIPE.rows, "One pass is rows / batch steps"),
        ("axolotl", "sequence_len", 512, "sequence_len is 512, the recipe says"),
        ("llamafactory", "cutoff_len", 2048, "cutoff_len is 2048, the recipe says"),
        ("axolotl", "train_on_inputs", True, "train_on_inputs is true"),
        ("llamafactory", "train_on_prompt", True, "train_on_prompt is true"),
        ("axolotl", "train_on_inputs", "no thanks", "expected true or false"),
        ("axolotl", "sample_packing", True, "A packed step sees several times as many rows"),
        ("llamafactory", "packing", True, "A packed step sees several times as many rows"),
        ("llamafactory", "neat_packing", True, "neat_packing is true"),
        ("axolotl", "lora_target_modules", list(LAYERS[1]), LAYERS[0]),
        ("llamafactory", "lora_target", ",".join(LAYERS[1]), LAYERS[0]),
        ("axolotl", "lora_target_modules", ["q_proj", "v_proj", "query"], "lora_target_modules lacks"),
        ("axolotl", "lora_target_modules", ",".join(RECIPE.targets), "PEFT reads as a regular expression"),
        ("axolotl", "warmup_steps", RECIPE.warmup_steps + 0.49, "warmup_steps makes"),
        ("axolotl", "warmup_ratio", 0.5, "warmup_steps and warmup_ratio are both stated"),
        ("llamafactory", "warmup_ratio", 0.5, "warmup_steps and warmup_ratio are both stated"),
        ("axolotl", "num_epochs", 1, "num_epochs makes"),
        ("llamafactory", "num_train_epochs", 100, "num_train_epochs makes"),
        ("axolotl", "adapter", "qlora", "adapter is 'qlora', given is 'lora'"),
        ("axolotl", "adapter", None, "adapter is None, given is 'lora'"),
        ("axolotl", "load_in_4bit", True, "load_in_4bit is True"),
        ("axolotl", "load_in_8bit", "true", "load_in_8bit is 'true'"),
        ("axolotl", "peft_use_rslora", True, "The recipe is plain LoRA"),
        ("axolotl", "peft_use_dora", True, "The recipe is plain LoRA"),
        ("axolotl", "loraplus_lr_ratio", 16, "loraplus_lr_ratio is 16"),
        ("llamafactory", "finetuning_type", "full", "finetuning_type is 'full', given is 'lora'"),
        ("llamafactory", "stage", "pt", "stage is 'pt', given is 'sft'"),
        ("llamafactory", "use_rslora", True, "The recipe is plain LoRA"),
        ("llamafactory", "use_dora", True, "The recipe is plain LoRA"),
        ("llamafactory", "quantization_bit", 4, "quantization_bit is 4"),
    ],
)
def test_a_line_that_departs_from_the_recipe_is_named(ecosystem_work, tool, key, value, words):
    assert words in said_of(ecosystem_work, tool, lambda config: config.update({key: value}))


@pytest.mark.parametrize("tool", MICRO)
def test_a_batch_that_forgets_the_gpus_is_named(ecosystem_work, tool):
    whole = {"gradient_accumulation_steps": RECIPE.batch // RECIPE.fits}
    line = said_of(ecosystem_work, tool, lambda config: config.update(whole))
    assert f"Each of the {RECIPE.devices} GPUs takes a micro batch of its own" in line
    assert f"= {RECIPE.batch * RECIPE.devices} rows, the recipe says {RECIPE.batch}" in line


@pytest.mark.parametrize("tool", MICRO)
def test_a_batch_that_does_not_fit_is_named(ecosystem_work, tool):
    large = {MICRO[tool]: RECIPE.batch // RECIPE.devices, "gradient_accumulation_steps": 1}
    assert f"but a GPU holds {RECIPE.fits} rows" in said_of(ecosystem_work, tool, lambda config: config.update(large))


@pytest.mark.parametrize("value", [0.5, 0, -2])
def test_a_batch_that_is_no_number_of_rows_is_named(ecosystem_work, value):
    change = {"micro_batch_size": value}
    assert "They are whole numbers" in said_of(ecosystem_work, "axolotl", lambda config: config.update(change))


@pytest.mark.parametrize("tool", MICRO)
def test_every_line_has_to_be_stated(ecosystem_work, tool):
    for key in right_configs(RECIPE)[tool]:
        if key in ("base_model", "adapter", "stage", "finetuning_type"):
            continue
        line = said_of(ecosystem_work, tool, lambda config, key=key: config.pop(key))
        assert "is not stated" in line and "A default may change" in line, key


def test_the_other_tools_names_are_not_read(ecosystem_work):
    """An Axolotl file for LLaMA-Factory: names that the tool does not know state nothing."""
    configs = right_configs(RECIPE)
    write_translations(ecosystem_work, llamafactory=configs["axolotl"])
    assert "LLaMA-Factory: lora_rank is not stated" in said(
        by_id(report_11(ecosystem_work, "translate"))["llamafactory"]
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no configuration for Axolotl"),
        ("   \n", "no configuration for Axolotl"),
        ("lora_r 16", "expected lines of the form 'name: value'"),
        ("[1, 2]", "expected lines of the form 'name: value'"),
        ("lora_r: [", "not YAML ("),
        ("a: &x 1\nb: *x", "without anchors"),
        ("lora_r: 16\nlora_r: 8", "lora_r is stated twice"),
        ("lora_r: !!python/object/apply:os.system ['touch unpickled']", "not YAML ("),
        ("- " * 3000, "YAML"),
        ("[" * 5000, "YAML"),
        ("lora_r: 1" + "0" * 400, "expected a number"),
        ("lora_r: " + "9" * 5000, ""),
        ("lora_r: 2001-02-30", ""),
        ("lora_r: 0x" + "F" * 5000, "a value too long to print, expected a number"),
        ("lora_r: " + ":".join(["1"] * 4000), "a value too long to print, expected a number"),
        ("lora_r: " + ":".join(["1"] * 4000) + ".0", "not YAML ("),
        ("lora_r: *x", "without anchors"),
    ],
)
def test_text_that_is_no_configuration_is_one_line(ecosystem_work, text, words):
    write_translations(ecosystem_work, axolotl=text)
    results = by_id(report_11(ecosystem_work, "translate"))
    line = said(results["axolotl"])
    assert results["axolotl"].passed is False and results["llamafactory"].passed and words in line
    assert "the checker itself failed" not in line and line.isprintable()


HUGE = "0x" + "F" * 5000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr_scheduler", HUGE), ("train_on_inputs", HUGE), ("lora_target_modules", f"[q_proj, {HUGE}]"),
        ("adapter", HUGE), ("load_in_4bit", HUGE), ("sample_packing", HUGE),
    ],
)  # fmt: skip
def test_a_number_that_python_will_not_print_is_one_line(ecosystem_work, key, value):
    settings = {name: one for name, one in right_configs(RECIPE)["axolotl"].items() if name != key}
    write_translations(ecosystem_work, axolotl=yaml.safe_dump(settings) + f"{key}: {value}\n")
    result = by_id(report_11(ecosystem_work, "translate"))["axolotl"]
    assert result.passed is False and key in said(result) and "the checker itself failed" not in said(result)


def with_reader(old: str, new: str) -> str:
    assert old in READ_ADAPTER
    return READ_ADAPTER.replace(old, new)


VIEW = "lora_b.view(heads, -1, 2, rank).transpose(1, 2).reshape(-1, rank)"


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (with_reader('"base_model', '"base_model.base_model')
         if '"base_model' in READ_ADAPTER else with_reader("base_model.model.model.", "base_model.model."),
         "names", "returned 'base_model."),
        (with_reader('"mlp.w2": "mlp.down_proj"', '"mlp.w2": "mlp.up_proj"'), "names", "w2 the way down"),
        (with_reader("self_attn.o_proj", "self_attn.output_proj"), "names", "expected 'base_model.model.model.layers"),
        (with_reader("part[:-1]}{part[-1].upper()}", "part}"), "names", "lora_A"),
        (with_reader(".layers.{number}.", ".layers.{number[0]}."), "names", "expected 'base_model"),
        (with_reader(".weight\"", '.default.weight"'), "names", "default"),
        (with_reader("    layers, number", "    return None\n    layers, number"), "names", "returned NoneType"),
        (with_reader("    layers, number", "    1 / 0\n    layers, number"), "names", "stops with ZeroDivisionError"),
        (with_reader(VIEW, "lora_b"), "rows", "The rows are as they came"),
        (with_reader(VIEW, "lora_b.view(heads, 2, -1, rank).transpose(1, 2).reshape(-1, rank)"), "rows",
         "That is the way back"),
        (with_reader(VIEW, "torch.cat([lora_b[::2], lora_b[1::2]])"), "rows", "Each head is a block of its own"),
        (with_reader(VIEW, "lora_b.flip(0)"), "rows", "The rows are not reversed"),
        (with_reader(VIEW, "lora_b.view(heads, -1, 2, rank).transpose(1, 2)"), "rows", "returned a tensor of shape"),
        (with_reader(VIEW, "lora_b.view(heads, -1, 2, rank).transpose(1, 2).reshape(-1, rank) * 1.0001"), "rows",
         "is not the right one"),
        (with_reader(VIEW, "lora_b.tolist()"), "rows", "returned list, expected a tensor"),
        (with_reader(VIEW, "lora_b / 0"), "rows", "expected a finite number"),
        (with_reader(VIEW, "lora_b.view(-1, 4, 2, rank).transpose(1, 2).reshape(-1, rank)"), "rows", "stops with"),
        (READ_ADAPTER.partition("def halves")[0], "rows", "the cell defines no function of this name"),
        ("from shared.ecosystem.collect import x\n" + READ_ADAPTER, "names", "the course's own code is not an answer"),
    ],
)  # fmt: skip
def test_a_wrong_reader_is_refused_in_words_that_name_the_fault(ecosystem_work, source, criterion, words):
    write_notebook_11(ecosystem_work, source)
    result = by_id(report_11(ecosystem_work, "read-adapter"))[criterion]
    assert result.passed is False and result.points == 0 and words in said(result), said(result)


@pytest.mark.parametrize(("name", "place"), [(n, i) for n, one in SOLUTIONS.items() for i in range(len(one.faults))])
@pytest.mark.parametrize("seed", [SEED, 6, 7])
def test_a_wrong_number_with_a_name_is_named(ecosystem_work, name, place, seed):
    formula = SOLUTIONS[name].faults[place][0]
    write_answers_11(ecosystem_work, seed=seed, **{name: float(formula(**drawn("11", seed)[name].numbers))})
    result = by_id(report_11(ecosystem_work, "numbers"))[name]
    assert result.passed is False and result.points == 0
    assert any(words in said(result) for _, words in SOLUTIONS[name].faults), said(result)


def test_too_few_right_decisions_earn_nothing_and_a_question_back(ecosystem_work):
    decided = right_decisions()
    one, other = list(decided)[:2]
    wrong = {name: ("stay" if decided[name][0] != "stay" else "unsloth", decided[name][1]) for name in (one, other)}
    write_decisions_11(ecosystem_work, {**decided, **wrong})
    report = report_11(ecosystem_work, "decide")
    assert failed(report) == {"choices-5", "reasons-5"} and report.score == 0
    line = said(by_id(report)["choices-5"])
    assert "4 of 6" in line and any(LOOK_AGAIN[first_reason(name)] in line for name in (one, other))


def test_choices_without_their_reasons_earn_one_point_of_two(ecosystem_work):
    decided = {}
    for name, (choice, reason) in right_decisions().items():
        decided[name] = (choice, next(one for one in REASONS if one != reason and one != "file-a-run"))
    write_decisions_11(ecosystem_work, decided)
    assert failed(report_11(ecosystem_work, "decide")) == {"reasons-5"}


def test_decisions_on_another_draw_earn_nothing(ecosystem_work):
    decided = json.loads((ecosystem_work / DECISIONS).read_text())["decisions"]
    (ecosystem_work / DECISIONS).write_text(json.dumps({"rung": "11", "seed": SEED + 1, "decisions": decided}))
    assert report_11(ecosystem_work, "decide").score == 0


def refused(work, criterion: str, *others: str) -> str:
    """Return what is said of the criterion that fails beside the named others."""
    report = report_11(work, "done-when")
    assert failed(report) == {criterion, *others}, [said(r) for r in report.criteria if not r.passed]
    return said(by_id(report)[criterion])


@pytest.fixture
def measured_right(ecosystem_work, measured_as):
    """Every measured answer is right, and claimed so: only what is broken fails."""
    measured_as(ROWS, ROWS)
    claimed(ecosystem_work, 1.0)
    return ecosystem_work


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rung": "03"}, "rung is '03', this is rung 11"),
        ({"stage": "adapter"}, "stage is 'adapter', expected 'trl'"),
        ({"method": "full"}, "method is 'full', but the weights are an adapter (lora)"),
        ({"steps": 9}, "9 steps, expected at least 10"),
        ({"versions": {"torch": "2.13.0", "transformers": "5.23.0"}}, "versions lacks torch or trl"),
        ({"versions": {"trl": "1.16.0"}}, "versions lacks torch or trl"),
        ({"trainable_parameters": 7}, "trainable_parameters is 7, the adapter has"),
    ],
)
def test_a_record_that_is_not_the_runs_is_refused(measured_right, change, words):
    edit(measured_right / TRL / "run.json", lambda run: run.update(change))
    extra = {"curve-is-real"} if "steps" in change else set()
    assert words in refused(measured_right, "run-record", *extra)


def test_settings_that_the_adapter_contradicts_are_refused(measured_right):
    edit(measured_right / TRL / "run.json", lambda run: run["hyperparameters"].update(lora_alpha=32))
    assert "lora_alpha is 32, the adapter's is 8" in refused(measured_right, "run-record")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learning_rate": 2e-4}, "learning_rate is 0.003, config.yaml says 0.0002"),
        ({"batch": 8}, "per_device_train_batch_size is 16, config.yaml says 8"),
        ({"rank": 16}, "r is 4, config.yaml says 16"),
        ({"alpha": 16}, "lora_alpha is 8, config.yaml says 16"),
    ],
)
def test_settings_that_the_tools_configuration_contradicts_are_refused(measured_right, tiny_base, change, words):
    write_config(measured_right / TRL, tiny_base, **change)
    assert words in refused(measured_right, "run-record")


def test_another_runs_adapter_under_a_tools_name_lacks_its_configuration(measured_right):
    """Rung 03's result, renamed, comes without one."""
    (measured_right / TRL / "config.yaml").unlink()
    assert "config.yaml: no such file" in refused(measured_right, "run-record")


@pytest.mark.parametrize(
    "text", ["lora_r: 4\n", "- 1\n", "\0", "lora_r: 0x" + "F" * 5000, "lora_r: *x\n", "x" * 20_000]
)
def test_a_configuration_that_is_none_is_one_line(measured_right, text):
    (measured_right / TRL / "config.yaml").write_text(text)
    line = refused(measured_right, "run-record")
    assert "config.yaml" in line and "the checker itself failed" not in line and "\n" not in line


NOT_REAL = {
    "model-is-real", "run-record", "curve-is-real", "exact-match", "exact-match-unseen", "claim-honest"
}  # fmt: skip
FIRST_B = "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"


def with_tensor(change):
    return lambda work, base: edit_weights(work / TRL / "adapter_model.safetensors", change)


def renamed(tensors):
    """torchtune's names, as they come."""
    for name in list(tensors):
        tensors[name.removeprefix("base_model.model.model.").replace("lora_A", "lora_a")] = tensors.pop(name)


def of_another_base(work, base):
    write_adapter(work / TRL, make_tiny_base(work.parent / "wider", width=48))


def pickled(work, base):
    (work / TRL / "adapter_model.safetensors").rename(work / TRL / "adapter_0.pt")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_tensor(lambda t: t.update({FIRST_B: np.zeros_like(t[FIRST_B])})), "as good as zero (1 of 14 modules)"),
        (with_tensor(lambda t: t.update({FIRST_B: t[FIRST_B] * np.nan})), "holds NaN or infinity"),
        (with_tensor(renamed), "is no part of a LoRA adapter"),
        (pickled, "a pickle, which is never opened"),
        (of_another_base, "has shape (4, 96), expected (4, 64)"),
        (lambda work, base: shutil.rmtree(work / TRL), "run.json"),
        (lambda work, base: shutil.copy(base / "model.safetensors", work / TRL / "adapter_model.safetensors"),
         "is no part of a LoRA adapter"),
    ],
)  # fmt: skip
def test_what_is_no_trained_adapter_of_the_base_is_refused(measured_right, tiny_base, change, words):
    change(measured_right, tiny_base)
    report = report_11(measured_right, "done-when")
    assert failed(report) == NOT_REAL and report.score == 0
    assert words in said(by_id(report)["model-is-real"]), said(by_id(report)["model-is-real"])


def test_another_base_renamed_to_the_courses_is_refused(measured_right):
    edit(measured_right / TRL / "run.json", lambda run: run["base"].update(fingerprint="f" * 64))
    report = report_11(measured_right, "done-when")
    assert failed(report) == NOT_REAL and "Start from load_base()" in said(by_id(report)["model-is-real"])


def test_the_base_itself_with_a_full_claim_is_found_out(ecosystem_work, measured_as):
    measured_as(0, 0)
    claimed(ecosystem_work, 1.0)
    line = refused(ecosystem_work, "claim-honest", "exact-match", "exact-match-unseen")
    assert "eval.json" in line


def test_the_moved_run_of_the_page_is_not_enough(ecosystem_work, measured_as):
    """A third of the tickets right, as three lost lines leave it, honestly claimed."""
    measured_as(ROWS // 3, ROWS // 3)
    claimed(ecosystem_work, 1 / 3)
    report = report_11(ecosystem_work, "done-when")
    assert {"exact-match", "exact-match-unseen"} <= failed(report)
    assert "33.3% of 150" in said(by_id(report)["exact-match"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [row.update(loss=row["loss"] + 4) for row in rows], "the first loss is"),
        (lambda rows: [row.update(loss=rows[0]["loss"]) for row in rows], "has not learned"),
        (lambda rows: [row.update(tokens=0) for row in rows], "fewer than rows"),
        (lambda rows: [row.update(seconds=0.0) for row in rows], "no time has passed"),
        (lambda rows: rows.__delitem__(slice(50, None)), "the last step is 50, but run.json says 100"),
    ],
)
def test_a_curve_that_is_not_the_runs_is_refused(measured_right, change, words):
    edit(measured_right / TRL / "loss_curve.json", lambda curve: change(curve["rows"]))
    assert words in refused(measured_right, "curve-is-real")


def test_a_claim_about_another_stage_leads_to_that_stage(measured_right):
    """eval.json says which tool's run is submitted; where there is no such run, nothing is."""
    edit(measured_right / "artifacts/eval.json", lambda record: record.update(stage="axolotl"))
    report = report_11(measured_right, "done-when")
    assert report.score == 0


def test_a_claim_about_no_tools_stage_is_refused(measured_right):
    edit(measured_right / "artifacts/eval.json", lambda record: record.update(stage="adapter"))
    assert "eval.json is about stage 'adapter'" in refused(measured_right, "claim-honest")


FILES = {ANSWERS: "numbers", DECISIONS: "decide", TRANSLATIONS: "translate"}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.update(rung="03"), "for rung '03'"),
        (lambda record: record.update(seed=-1), "seed: Input should be greater than or equal to 0"),
        (lambda record: record.update(right=True), "right: Extra inputs are not permitted"),
    ],
)
def test_answers_that_are_none_earn_nothing(ecosystem_work, file, change, words):
    edit(ecosystem_work / file, change)
    report = report_11(ecosystem_work, FILES[file])
    assert report.score == 0
    assert all(words in said(result) for result in report.criteria), [said(result) for result in report.criteria]
