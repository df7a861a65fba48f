"""A quick look changes no answer: it only spares a model the writing of what it clearly gets right."""

import subprocess
import sys

import numpy as np
import pytest

from autograder import quick_look, reevaluation
from autograder.llama_bfloat16 import BFloat16Llama
from autograder.quick_look import CLEAR, Look
from autograder.reevaluation import NumpyEngine, PreparedEngine, QuickEngine, Words
from autograder.trained_from import open_base as open_profiles_base
from shared.models import base_folder, base_spec, profile_here
from shared.world import rows

LEARNED = 8  # rows that the model is taught by heart
NOISE = (0.0, 0.15, 0.3)  # of each tensor's spread


@pytest.fixture(scope="module")
def base():
    """The pocket base."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROFILE", "pocket")
        patch.delenv("COURSE_BASE_MODEL", raising=False)
        return open_profiles_base(profile_here(), base_folder(base_spec(None, "02")))


@pytest.fixture(scope="module")
def words(base):
    return Words(base)


@pytest.fixture(scope="module")
def asked():
    """Rows the model has learned, and as many that it has not."""
    known = rows("tickets", "train", LEARNED)
    return [*known, *rows("tickets", "public", LEARNED, phrasing="unseen")]


@pytest.fixture(scope="module")
def taught(base, words, asked):
    """The base's weights after it has learned the first rows by heart."""
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    texts, starts = reevaluation._texts(words.ids, words.end, asked[:LEARNED])
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)
    labels = torch.full_like(ids, -100)
    for row, (text, start) in enumerate(zip(texts, starts, strict=True)):
        labels[row, start : len(text)] = torch.tensor(text[start:])
    model = LlamaForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(80):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return {name: tensor.numpy() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}


def disturbed(weights, noise):
    stream = np.random.default_rng(0)
    return {
        name: (weight + noise * weight.std() * stream.standard_normal(weight.shape)).astype(np.float32)
        for name, weight in weights.items()
    }


@pytest.fixture
def written(monkeypatch):
    """The prompts that a model had to write on itself, collected."""
    found, write = [], NumpyEngine._written
    monkeypatch.setattr(NumpyEngine, "_written", lambda self, prompts: found.extend(prompts) or write(self, prompts))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISE)
def test_answers_are_those_without_it(base, taught, words, asked, noise):
    weights = disturbed(taught, noise)
    assert QuickEngine(base, weights, words).answers(asked) == NumpyEngine(base, weights).answers(asked)


@pytest.mark.slow
def test_two_models_do_not_get_into_each_others_way(base, taught, words, asked):
    """Rungs 05, 09 and 10 measure several models in one verdict."""
    other = disturbed(taught, NOISE[-1])
    first, second = (QuickEngine(base, weights, words) for weights in (taught, other))
    assert second.answers(asked) == NumpyEngine(base, other).answers(asked)
    assert first.answers(asked) == NumpyEngine(base, taught).answers(asked) != second.answers(asked)


@pytest.mark.slow
def test_a_model_need_not_write_what_it_clearly_gets_right(base, taught, words, asked, written):
    answers = QuickEngine(base, taught, words).answers(asked)
    assert [answer.kind for answer in answers[:LEARNED]] == ["correct"] * LEARNED
    assert len(written) < LEARNED and not any(words.ids(row["prompt"]) in written for row in asked[:LEARNED])


@pytest.mark.slow
def test_nor_what_it_gets_wrong_in_one_place(base, taught, words, asked, written):
    """Held against other right answers, each with another count, its own answers are the second guess."""
    counts = [{**row, "completion": row["completion"].replace(f": {row['ticket']['count']}", ": 9")} for row in asked]
    assert all(one["completion"] != row["completion"] for one, row in zip(counts, asked, strict=True))
    answers = QuickEngine(base, taught, words).answers(counts[:LEARNED])
    assert [answer.kind for answer in answers] == ["correct"] * LEARNED and not written


@pytest.mark.slow
@pytest.mark.parametrize("guess", ["", "\n", " {}", " no idea " * 40, ' {"team": "x\n"}'])
def test_answers_do_not_depend_on_the_guesses(base, taught, words, asked, guess):
    odd = [{**row, "completion": guess} for row in asked]
    assert QuickEngine(base, taught, words).answers(odd) == NumpyEngine(base, taught).answers(asked)


@pytest.mark.slow
def test_rounding_cannot_turn_a_clear_choice(base, taught, words, asked):
    """Where logits lie closer than CLEAR, rounding moves them by less, in models that know, half know and guess."""
    moved = []
    for noise in NOISE:
        weights = disturbed(taught, noise)
        exact, rounding = NumpyEngine(base, weights, words), BFloat16Llama(base.config, weights)
        for row in asked:
            precise, rounded = leads(exact, rounding, words.ids(row["prompt"] + row["completion"]))
            moved += abs(precise - rounded)[abs(precise) < CLEAR].tolist()
    assert len(moved) > 100 and max(moved) < CLEAR


def leads(exact, rounding, text):
    """Return how far each place's next token lies above every other: in float32, and in the quick look's bfloat16.

    Where a network's first choice is another token, that is by how much the token lies below it.
    """
    ids, places = np.array([text]), np.arange(len(text) - 1)
    logits = exact.model.logits(ids, np.ones_like(ids))[0, :-1]
    own = logits[places, text[1:]]
    logits[places, text[1:]] = -np.inf
    chosen, lead = rounding.leads(ids, np.zeros_like(places), places)
    return own - logits.max(-1), np.where(chosen == text[1:], lead, -lead)


def answer_in_one_look(network, words, row, most=40):
    """Return what a look at the right answer tells, and no other look after it."""
    prompt, answer = words.ids(row["prompt"]), [*words.ids(row["completion"]), words.end]
    return answer, quick_look.answers([Look(network, CLEAR)], [prompt], [answer], words.stops, most)[0]


@pytest.mark.slow
def test_two_tokens_that_stand_level_are_not_clear(base, taught, words, asked):
    answer, told = answer_in_one_look(BFloat16Llama(base.config, taught), words, asked[0])
    assert told == answer
    rival = dict(taught)
    rival["model.embed_tokens.weight"] = rival["model.embed_tokens.weight"].copy()
    used = {*words.ids(asked[0]["prompt"]), *answer}
    unused = (set(range(len(rival["model.embed_tokens.weight"]))) - used).pop()
    rival["model.embed_tokens.weight"][unused] = rival["model.embed_tokens.weight"][answer[-2]]
    for network in (BFloat16Llama(base.config, rival), NumpyEngine(base, rival, words).model):
        assert answer_in_one_look(network, words, asked[0])[1] is None


@pytest.mark.slow
def test_an_answer_over_the_limit_is_left_to_be_cut(base, taught, words, asked):
    network = BFloat16Llama(base.config, taught)
    answer, told = answer_in_one_look(network, words, asked[0])
    assert told == answer and answer_in_one_look(network, words, asked[0], most=len(answer) - 1)[1] is None


@pytest.mark.slow
def test_what_is_not_clear_is_told_in_float32(base, taught, words, asked, written, monkeypatch):
    """Nothing is clear to this look, so the second tells all that a writing model would."""
    monkeypatch.setattr(quick_look, "CLEAR", np.inf)
    answers = QuickEngine(base, taught, words).answers(asked[:LEARNED])
    assert [answer.kind for answer in answers] == ["correct"] * LEARNED and not written


@pytest.mark.parametrize("shared", [1, 2])
def test_the_lean_network_is_transformers_network_in_bfloat16(shared):
    """With as many key heads as heads and with fewer, with a head of its own, and padding."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4 // shared, tie_word_embeddings=False, initializer_range=0.5,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    for name, weight in model.named_parameters():
        if "norm" in name:  # new norms multiply by one, which any place in the network would do
            weight.data = 2 * torch.rand_like(weight)
    weights = {name: weight.detach().numpy() for name, weight in model.named_parameters()}
    ids = np.random.default_rng(0).integers(97, size=(3, 11))
    rows_, places = (each.ravel() for each in np.indices((3, 9)))
    padded = np.pad(ids[:, :9], ((0, 0), (0, 4)))
    with torch.inference_mode():
        best = model(input_ids=torch.tensor(ids)).logits[rows_, places].topk(2)
    lead = (best.values[:, 0] - best.values[:, 1]).numpy()
    found = BFloat16Llama(config.to_dict(), weights).leads(padded, rows_, places)
    assert (lead > 0.5).sum() > 10 and (found.tokens == best.indices[:, 0].numpy())[lead > 0.5].all()
    assert abs(found.leads - lead).max() < 0.5


@pytest.mark.parametrize(("score", "range_holds"), [(-60, True), (0, True), (60, True), (-90, False), (95, False)])
def test_attention_out_of_bfloat16s_range_is_not_a_number(score, range_holds):
    """Equal scores: each place mixes the values up to itself equally, or range is short and nothing can be told."""
    import torch

    network = BFloat16Llama(TINY, {"model.embed_tokens.weight": np.ones((5, 2)), "model.norm.weight": np.ones(2)})
    network.frequencies = torch.zeros(1)
    projected = torch.tensor([[1.0, 0.0, score, 0.0, value, 1.0] for value in (1.0, 3.0, 5.0)]).bfloat16()
    mixed = network._mixed(projected, 1, network._turn(3), network._bias(1, 3))
    assert mixed.isfinite().all() if range_holds else mixed.isnan().all()
    if range_holds:
        assert mixed.tolist() == [[1, 1], [2, 1], [3, 1]]


TINY = {"num_attention_heads": 1, "hidden_size": 2, "rms_norm_eps": 1e-5, "num_hidden_layers": 0}


@pytest.mark.parametrize(
    ("able", "does"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx2": True}, True),
        ({"avx2": True}, False),
    ],
)
def test_it_is_taken_where_the_processor_multiplies_bfloat16(monkeypatch, able, does):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: able)
    assert quick_look.pays() is does


@pytest.mark.slow
@pytest.mark.parametrize("does", [True, False])
def test_a_prepared_base_says_whether_it_pays_and_rehearses_what_it_says(base, asked, monkeypatch, does):
    monkeypatch.setattr("autograder.quick_look.pays", lambda: does)
    monkeypatch.setattr(reevaluation, "_PREPARED", {})
    shown = []
    monkeypatch.setattr(
        BFloat16Llama, "leads", lambda self, ids, *rest: shown.append(len(ids)) or LEADS(self, ids, *rest)
    )
    prepared = reevaluation.prepare_base(base, quantized=False)
    prepared.rehearse(asked)
    assert isinstance(prepared, PreparedEngine) and prepared.quick is does and shown == [len(asked)] * does


LEADS = BFloat16Llama.leads


FORKS = """
import os, threading
import numpy as np, torch
from autograder.llama_bfloat16 import BFloat16Llama

weights = {"model.embed_tokens.weight": np.ones((5, 8), np.float32), "model.norm.weight": np.ones(8, np.float32)}
config = {"num_attention_heads": 2, "hidden_size": 8, "rms_norm_eps": 1e-5, "num_hidden_layers": 0}
torch.set_num_threads(1)
square = torch.randn(64, 64).bfloat16()
square @ square

def work(ready, failed):
    ready.wait()
    try:
        (square @ square).float().softmax(-1)
    except RuntimeError as error:
        failed.append(error)

for _ in range(300):
    if (child := os.fork()) == 0:
        BFloat16Llama(config, weights)
        ready, failed = threading.Barrier(4), []
        threads = [threading.Thread(target=work, args=(ready, failed)) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        os._exit(len(failed))
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.slow
def test_threads_of_a_forked_process_find_pytorchs_pool():
    """Where no network is made first, one of these children in six fails."""
    subprocess.run([sys.executable, "-c", FORKS], check=True, timeout=300)
