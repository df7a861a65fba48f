"""Rung 06, solved in other ways: each of these submissions is right, and passes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from example_adapter import report_on, write_rung
from example_preferences import DERIVATION, DPO_LOSS, claim, curve_from_ln_2, notebook_06
from example_work import edit, failed, said

from autograder import rung_06_derivation as derivation
from autograder import rung_06_loss as loss
from autograder.llama import Llama
from autograder.reevaluation import NumpyEngine
from autograder.sampling import sampled
from shared.artifacts import write_json

OPTIMA = {
    "by hand, the largest taken out": "s = reference.log() + reward / beta\n"
    "    w = torch.exp(s - s.max(-1, keepdim=True).values)\n    return w / w.sum(-1, keepdim=True)",
    "logsumexp": "s = torch.log(reference) + reward / beta\n    return (s - s.logsumexp(1, keepdim=True)).exp()",
    "in float64": "r, w = reference.double(), reward.double() / beta\n"
    "    w = w - w.amax(1, keepdim=True)\n    p = r * w.exp()\n    return (p / p.sum(1, keepdim=True)).float()",
    "row by row": "return torch.stack([torch.softmax(p.log() + r / beta, 0) for p, r in zip(reference, reward)])",
}
REWARDS = {
    "centred": "r = beta * (policy.log() - reference.log())\n    return r - r.mean(-1, keepdim=True)",
    "with a constant": "return beta * torch.log(policy / reference) + 5",
}
PREFERENCES = {
    "a quotient": "i = torch.arange(len(chosen))\n    a = (policy / reference) ** beta\n"
    "    return a[i, chosen] / (a[i, chosen] + a[i, rejected])",
    "softmax over the two": "r = (beta * torch.log(policy / reference)).gather(1, torch.stack([chosen, rejected], 1))\n"
    "    return r.softmax(1)[:, 0]",
}


def with_body(source: str, name: str, body: str) -> str:
    """Return the answer with another body for one of its functions."""
    head, start, rest = source.partition(f"def {name}(")
    signature, _, rest = rest.partition("\n")
    _, mark, tail = rest.partition("\ndef ")
    return f"{head}{start}{signature}\n    {body}\n{mark}{tail}"


BODIES = [("optimal_policy", body) for body in OPTIMA.values()] + [("implied_reward", b) for b in REWARDS.values()]
BODIES += [("preference", body) for body in PREFERENCES.values()]


@pytest.mark.parametrize(("name", "body"), BODIES)
def test_another_derivation_is_as_good(preference_work, without_children, name, body):
    write_rung("06", notebook_06(with_body(DERIVATION, name, body)), preference_work)
    report = report_on("06", preference_work, "derivation")
    assert report.done, [said(result) for result in report.criteria]


@pytest.mark.parametrize("seed", [*range(20), 2**31 - 1])
def test_the_right_functions_pass_whatever_is_drawn(preference_work, without_children, seed):
    report = report_on("06", preference_work, "derivation", "dpo-loss", seed=seed)
    assert report.done, [said(result) for result in report.criteria if not result.passed]


LOSSES = {
    "response_logps": (
        "l = F.cross_entropy(logits[:, :-1].transpose(1, 2), input_ids[:, 1:], reduction='none')\n"
        "    return -(l * response_mask[:, 1:]).sum(-1)",
        "out = []\n    for row, ids, mask in zip(logits, input_ids, response_mask):\n"
        "        lp = row.log_softmax(-1)\n"
        "        out.append(sum((lp[t - 1, ids[t]] for t in range(1, len(ids)) if mask[t]), torch.zeros(())))\n"
        "    return torch.stack(out)",
    ),
    "dpo_loss": (
        "with torch.no_grad():\n        ref = reference_chosen - reference_rejected\n"
        "    return F.softplus(-beta * (policy_chosen - policy_rejected - ref)).mean()",
        "m = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected).detach())\n"
        "    return F.binary_cross_entropy_with_logits(m, torch.ones_like(m))",
        "m = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected).detach())\n"
        "    return torch.logaddexp(torch.zeros_like(m), -m).sum() / len(m)",
    ),
    "gradient_weight": (
        "m = beta * ((policy_rejected - reference_rejected) - (policy_chosen - reference_chosen))\n"
        "    return beta / (1 + torch.exp(-m))",
        "m = beta * ((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected))\n"
        "    return beta * (1 - torch.sigmoid(m.double())).float()",
    ),
}


@pytest.mark.parametrize(("name", "body"), [(name, body) for name in LOSSES for body in LOSSES[name]])
def test_another_loss_is_as_good(preference_work, without_children, name, body):
    write_rung("06", notebook_06(loss=with_body(DPO_LOSS, name, body)), preference_work)
    report = report_on("06", preference_work, "dpo-loss")
    assert report.done, [said(result) for result in report.criteria]


@pytest.mark.slow
def test_the_functions_pass_in_their_own_processes(preference_work):
    report = report_on("06", preference_work, "derivation", "dpo-loss")
    assert report.score == 10, [said(result) for result in report.criteria]


def test_a_right_submission_is_done(preference_work, replying, without_children):
    replying()
    report = report_on("06", preference_work)
    assert failed(report) == set() and report.score == report.max_score == 18


@pytest.mark.parametrize("beta", [0.01, 0.5, 1, 2.0])
def test_another_beta_is_as_good(preference_work, replying, beta):
    replying(chosen=2 / beta, rejected=-2 / beta)
    edit(preference_work / "artifacts/dpo/run.json", lambda run: run["hyperparameters"].update(beta=beta))
    report = report_on("06", preference_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def test_a_curve_of_every_fifth_step_is_as_good(preference_work, replying):
    replying()
    write_json(preference_work / "artifacts/dpo/loss_curve.json", curve_from_ln_2(every=5))
    report = report_on("06", preference_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def test_claims_on_other_public_letters_are_as_good(preference_work, replying):
    from shared.artifacts import fingerprint_rows
    from shared.preferences import pair_rows

    replying()
    data = fingerprint_rows(pair_rows("public", 300, 4))
    entries = [claim("win_rate", 0.5, 0.96, 300), claim("right_promise", 1, 1, 300)]
    made = [{**entry.model_dump(mode="json"), "data_fingerprint": data} for entry in entries]
    edit(preference_work / "artifacts/eval.json", lambda record: record.update(entries=made))
    assert report_on("06", preference_work, "done-when").done


def test_models_of_noise_are_measured_as_such(preference_work):
    """No measurement is made up here: both tiny models are truly asked, and reply with noise."""
    report = report_on("06", preference_work, "done-when")
    assert {"models-are-real", "curve-is-real", "win-rate", "stays-close", "claim-honest"} <= failed(report)


def test_the_worlds_by_hand_are_what_their_docstrings_say():
    world = derivation.by_hand()
    assert np.allclose(derivation.optimum(world), [[0.5, 0.5]])
    assert np.allclose(derivation.objective(world, derivation.optimum(world)), math.log(1.5))
    pairs = loss.pairs_by_hand()
    assert abs(loss.right_loss(pairs) - (math.log(4 / 3) + math.log(4)) / 2) < 1e-12
    assert np.allclose(loss.right_weight(pairs), [0.125, 0.375])
    assert abs(loss.right_loss(loss.value_pairs(3)[1]) - math.log(2)) < 1e-12


@pytest.mark.parametrize("seed", range(20))
def test_the_optimum_is_beta_log_z_and_nothing_beats_it(seed):
    for world in (*derivation.value_worlds(seed), *derivation.edge_worlds(seed)):
        best = derivation.optimum(world)
        with np.errstate(divide="ignore"):
            log_z = np.logaddexp.reduce(np.log(world.reference) + world.reward / world.beta, axis=1)
        assert np.allclose(derivation.objective(world, best), world.beta * log_z)


@pytest.mark.parametrize("seed", range(10))
def test_a_number_that_is_off_by_a_hundredth_is_seen(seed):
    for pairs in loss.value_pairs(seed):
        right = np.array(loss.right_loss(pairs))
        assert not loss.fits([float(right) * 1.01], right) and loss.fits([float(right)], right)


def test_the_gradient_is_the_one_that_autograd_finds():
    import torch

    pairs = loss.value_pairs(1)[3]
    names = ("policy_chosen", "policy_rejected", "reference_chosen", "reference_rejected")
    arguments = [torch.tensor(getattr(pairs, name), requires_grad=True) for name in names]
    gain = arguments[0] - arguments[2] - arguments[1] + arguments[3]
    (-torch.nn.functional.logsigmoid(pairs.beta * gain).mean()).backward()
    for of in loss.POLICY:
        assert np.allclose(arguments[of].grad.numpy(), loss.right_gradient(pairs, of))


def test_samples_of_the_checker_have_the_model_s_probabilities(monkeypatch):
    """Of a model whose next token is always drawn from the same three, each comes as often as it should."""
    engine = object.__new__(NumpyEngine)
    engine.model = object.__new__(Llama)
    engine.words = SimpleNamespace(stops={9}, ids=lambda text: [0], text=lambda ids: str(ids[0]))
    logits = np.log(np.array([0.5, 0.3, 0.2]))

    def continue_by(self, pick, prompts, end, most):
        return [[int(pick(logits[None])[0])] for _ in prompts]

    monkeypatch.setattr(Llama, "continue_by", continue_by)
    found = sampled(engine, ["x"] * 4000, 1, seed=0)
    for token, probability in enumerate((0.5, 0.3, 0.2)):
        assert abs(found.count(str(token)) / 4000 - probability) < 0.03
    assert sampled(engine, ["x"] * 50, 1, seed=0) == sampled(engine, ["x"] * 50, 1, seed=0)
