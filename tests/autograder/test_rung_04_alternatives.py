"""Rung 04, solved in other ways: each of these submissions is right, and passes."""

import numpy as np
import pytest
from example_adapter import ADAPTER, notebook_04, report_on, write_answers, write_rung
from example_work import by_id, claimed, edit, failed, open_base, said

from autograder.quantized import nf4_rounded
from autograder.rung_04_nf4 import by_hand, edge_cases, fits, nf4_levels, right, value_cases
from autograder.rung_04_numbers import SOLUTIONS
from autograder.ticket_submission import ROWS
from shared.questions import drawn

PERFORMANCE = {"valid-json", "exact-match", "exact-match-unseen"}
pytestmark = pytest.mark.usefixtures("as_if_trained")
HEAD = "def round_trip(weights, levels, block_size):\n"
ANSWERS = {
    "a loop over blocks": """
    out = []
    for block in weights.flatten().split(block_size):
        constant = block.abs().max()
        if constant == 0:
            out.append(block)
        else:
            out.append(levels[(block[:, None] / constant - levels).abs().argmin(1)] * constant)
    return torch.cat(out).reshape(weights.shape)
""",
    "bucketize": """
    flat = weights.flatten()
    padded = torch.cat([flat, flat.new_zeros(-flat.numel() % block_size)]).reshape(-1, block_size)
    top = padded.abs().max(dim=1, keepdim=True).values
    codes = torch.bucketize(padded / top.clamp(min=1e-38), (levels[1:] + levels[:-1]) / 2)
    return (levels[codes] * top).flatten()[: flat.numel()].reshape(weights.shape)
""",
    "searchsorted, in double": """
    flat, levels = weights.double().flatten(), levels.double()
    middles = (levels[1:] + levels[:-1]) / 2
    parts = []
    for start in range(0, len(flat), block_size):
        part = flat[start : start + block_size]
        top = part.abs().max().item() or 1.0
        parts.append(levels[torch.searchsorted(middles, part / top)] * top)
    return torch.cat(parts).view(weights.shape).float()
""",
    "cdist": """
    shape, n = weights.shape, weights.numel()
    rows = F.pad(weights.reshape(-1), (0, (block_size - n % block_size) % block_size)).reshape(-1, block_size)
    scale = rows.abs().amax(dim=-1, keepdim=True)
    unit = torch.nan_to_num(rows / scale)
    index = torch.cdist(unit.reshape(-1, 1), levels.reshape(-1, 1)).argmin(dim=1)
    return (levels[index].reshape(rows.shape) * scale).reshape(-1)[:n].reshape(shape)
""",
    "plain Python": """
    flat = weights.flatten().tolist()
    steps = levels.tolist()
    out = []
    for start in range(0, len(flat), block_size):
        block = flat[start:start + block_size]
        top = max(map(abs, block))
        out += [min(steps, key=lambda s: abs(s - w / top)) * top if top else 0.0 for w in block]
    return torch.tensor(out).reshape(weights.shape)
""",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_right_round_trip_passes(quantized_work, without_children, name):
    write_rung("04", notebook_04(HEAD + ANSWERS[name]), quantized_work)
    report = report_on("04", quantized_work, "round-trip")
    assert report.done, [said(result) for result in report.criteria]


def test_a_right_round_trip_passes_in_its_own_process(quantized_work):
    assert report_on("04", quantized_work, "round-trip").done


@pytest.mark.parametrize("seed", [*range(30), 2**31 - 1])
def test_the_right_round_trip_passes_whatever_is_drawn(quantized_work, without_children, seed):
    assert report_on("04", quantized_work, "round-trip", seed=seed).done


@pytest.mark.parametrize("seed", range(60))
def test_the_right_numbers_pass_whatever_is_drawn(quantized_work, seed):
    write_answers(quantized_work, rung="04", seed=seed)
    assert report_on("04", quantized_work, "numbers").done


@pytest.mark.parametrize("seed", range(60))
def test_rounded_to_three_digits_they_pass_too(quantized_work, seed):
    right_ones = {name: SOLUTIONS[name].right(**one.numbers) for name, one in drawn("04", seed).items()}
    write_answers(quantized_work, rung="04", seed=seed, **{name: float(f"{x:.3g}") for name, x in right_ones.items()})
    assert report_on("04", quantized_work, "numbers").done


@pytest.fixture
def mechanics_suffice(monkeypatch):
    """Let the pocket base earn full points, as an instructor may."""
    from autograder.rung_04_submission import Rung04

    known = Rung04.threshold
    monkeypatch.setattr(Rung04, "threshold", lambda w, name, p: 0 if name == "least_parameters" else known(w, name, p))


def test_on_a_small_base_all_but_its_size_is_met(quantized_work, measured_as):
    measured_as(ROWS, ROWS)
    claimed(quantized_work, 1.0)
    report = report_on("04", quantized_work)
    assert failed(report) == {"seven-billion"} and report.score == 17
    line = said(by_id(report)["seven-billion"])
    assert "of tiny-base, on cpu: this proves the mechanics Run this notebook on the gpu profile" in line


def test_where_the_mechanics_suffice_it_is_done(quantized_work, measured_as, mechanics_suffice):
    measured_as(ROWS, ROWS)
    claimed(quantized_work, 1.0)
    report = report_on("04", quantized_work)
    assert report.done and report.score == report.max_score == 20


def test_an_adapter_of_noise_is_measured_on_the_base_in_four_bits(quantized_work, mechanics_suffice):
    """No model is put in its place: the tiny base is quantized, the adapter merged, and the two are truly asked."""
    assert failed(report_on("04", quantized_work, "done-when")) == PERFORMANCE


def test_the_base_is_rounded_as_bitsandbytes_rounds_it_under_training(tiny_base):
    from bitsandbytes.functional import dequantize_4bit

    from shared.models import load_base

    model, _ = load_base(quantization="nf4")
    ours = nf4_rounded(dict(open_base(tiny_base).tensors()))
    seen = 0
    for name, values in model.named_parameters():
        if hasattr(values, "quant_state"):
            theirs = dequantize_4bit(values.data, values.quant_state).numpy()
            assert np.abs(theirs - ours[name]).max() <= 1e-6 * np.abs(theirs).max(), name
            seen += 1
        else:
            assert np.array_equal(values.detach().numpy(), ours[name]), name
    assert seen == 14


def test_the_levels_are_those_of_bitsandbytes():
    from bitsandbytes.functional import get_4bit_type

    assert np.abs(get_4bit_type("nf4", device="cpu").numpy() - nf4_levels()).max() < 1e-6


def test_the_round_trip_is_that_of_bitsandbytes():
    import torch
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    from autograder.rung_04_nf4 import _safe

    case = _safe(np.random.default_rng(0), "", (4, 64), nf4_levels(), 64)
    theirs = dequantize_4bit(*quantize_4bit(torch.tensor(case.weights), blocksize=64, quant_type="nf4"))
    assert fits(theirs.flatten().tolist(), right(case))


def test_the_block_by_hand_is_what_its_docstring_says():
    assert np.allclose(right(by_hand()), [0, -0.8, 0.8, 0])


@pytest.mark.parametrize("seed", range(30))
def test_the_tolerance_is_below_a_hundredth_of_the_smallest_number(seed):
    for case in (*value_cases(seed), *edge_cases(seed)):
        expected = right(case)
        assert fits(expected.astype("float32").flatten().tolist(), expected)
        smallest = np.where(expected == 0, np.inf, np.abs(expected)).argmin()
        for factor in (0.99, 1.01):
            wrong = expected.copy()
            wrong.flat[smallest] *= factor
            assert not fits(wrong.flatten().tolist(), expected)


def large_base(monkeypatch, work, modules: int, width: int):
    """Let the adapter stand for a base that is not at hand: `modules` square matrices of `width`."""
    from safetensors.numpy import save_file

    tensors = {}
    for number in range(modules):
        name = f"base_model.model.model.layers.{number}.mlp.up_proj"
        tensors[f"{name}.lora_A.weight"] = np.full((1, width), 0.01, np.float32)
        tensors[f"{name}.lora_B.weight"] = np.full((width, 1), 0.01, np.float32)
    save_file(tensors, work / ADAPTER / "adapter_model.safetensors")
    edit(work / ADAPTER / "adapter_config.json", lambda c: c.update(r=1, lora_alpha=2, target_modules=["up_proj"]))
    monkeypatch.delenv("COURSE_BASE_MODEL")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    settings = {"per_device_train_batch_size": 16, "r": 1, "lora_alpha": 2, "target_modules": "up_proj"}
    changes = {"profile": "gpu", "hyperparameters": settings, "trainable_parameters": 2 * modules * width}
    edit(work / ADAPTER / "run.json", lambda run: run.update(changes))


@pytest.mark.parametrize(("modules", "enough"), [(100, True), (80, False)])
def test_where_the_base_is_not_at_hand_the_shapes_speak_and_nothing_else_is_told(
    quantized_work, monkeypatch, modules, enough
):
    large_base(monkeypatch, quantized_work, modules, 7_500)
    results = by_id(report_on("04", quantized_work, "done-when"))
    assert results["seven-billion"].passed is enough
    for name in ("model-is-real", "run-record", "curve-is-real", *PERFORMANCE, "claim-honest"):
        assert results[name].passed is None and results[name].points == 0
        assert "cannot re-evaluate here" in said(results[name])
