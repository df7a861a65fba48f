"""Rung 05, solved in other ways: each of these submissions is right, and passes."""

import pytest
from example_adapter import report_on, write_rung
from example_curation import CHOSEN, MINHASH, TICKET_FAULT, notebook_05, raw_rows, right_fate, write_curation
from example_work import claimed, edit, failed, said

from autograder import rung_05_minhash as hashing
from autograder.ticket_submission import ROWS

ESTIMATE = "\ndef estimate(one, other):\n    return sum(a == b for a, b in zip(one, other)) / len(one)\n"
SIGNATURES = {
    "the largest instead of the smallest": "import hashlib\n"
    "def minhash(pieces, size):\n"
    "    h = lambda i, p: int.from_bytes(hashlib.sha1(f'{i}/{p}'.encode()).digest()[:8], 'big')\n"
    "    return [max((h(i, p) for p in pieces), default=0) for i in range(size)]\n",
    "linear functions of one hash": "import zlib, random\n"
    "def minhash(pieces, size):\n"
    "    p = 2**61 - 1\n"
    "    draw = random.Random(0)\n"
    "    ab = [(draw.randrange(1, p), draw.randrange(p)) for _ in range(size)]\n"
    "    xs = {zlib.crc32(piece.encode()) for piece in pieces}\n"
    "    return [min(((a * x + b) % p for x in xs), default=0) for a, b in ab]\n",
    "a NumPy array": "import zlib\nimport numpy as np\n"
    "def minhash(pieces, size):\n"
    "    rng = np.random.default_rng(1)\n"
    "    a, b = rng.integers(1, 2**31, size, dtype=np.uint64), rng.integers(0, 2**31, size, dtype=np.uint64)\n"
    "    x = np.array([zlib.crc32(p.encode()) for p in pieces], dtype=np.uint64)[:, None]\n"
    "    return ((a * x + b) % (2**31 - 1)).min(0) if len(x) else np.zeros(size, dtype=int)\n",
    "a tuple": "import hashlib\n"
    "def minhash(pieces, size):\n"
    "    if not pieces:\n        return (0,) * size\n"
    "    return tuple(min(int(hashlib.md5((p + '#' + str(i)).encode()).hexdigest()[:10], 16) for p in set(pieces))\n"
    "                 for i in range(size))\n",
    "ranks drawn by a seeded generator": "import random\n"
    "def minhash(pieces, size):\n"
    "    return [min((random.Random(f'{i}:{p}').getrandbits(40) for p in pieces), default=0) for i in range(size)]\n",
}

pytestmark = pytest.mark.usefixtures("as_if_trained")


@pytest.mark.parametrize("name", SIGNATURES)
def test_other_hash_functions_are_as_good(curation_work, without_children, name):
    write_rung("05", notebook_05(SIGNATURES[name] + ESTIMATE), curation_work)
    report = report_on("05", curation_work, "minhash")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("seed", range(30))
def test_the_right_signature_passes_whatever_is_drawn(curation_work, without_children, seed):
    assert report_on("05", curation_work, "minhash", seed=seed).done


@pytest.mark.parametrize(
    "body",
    [
        "return len([1 for a, b in zip(one, other) if a == b]) / max(1, len(other))",
        "import numpy as np\n    return np.mean(np.array(one) == np.array(other))",
        "same = sum(one[i] == other[i] for i in range(len(one)))\n"
        "    return 1 if same == len(one) else same / len(one)",
    ],
)
def test_other_estimates_are_as_good(curation_work, without_children, body):
    source = MINHASH.partition("def estimate")[0] + f"def estimate(one, other):\n    {body}\n"
    write_rung("05", notebook_05(source), curation_work)
    assert report_on("05", curation_work, "minhash").done


OTHER_FAULT = """
def ticket_fault(prompt, completion):
    try:
        ticket = json.loads(completion)
    except (ValueError, RecursionError):
        return "not JSON"
    if type(ticket) is not dict:
        return "not JSON"
    if sorted(ticket) != sorted(FIELDS):
        return "keys"
    for field, words in (("team", TEAMS), ("priority", PRIORITIES)):
        if not isinstance(ticket[field], str) or ticket[field] not in set(words):
            return field
    if isinstance(ticket["count"], bool) or ticket["count"] not in range(1, 7) or not isinstance(ticket["count"], int):
        return "count"
    item = ticket["item"]
    if isinstance(item, str) and item and item.removesuffix("fe") in prompt:
        return None
    return "item"
"""


@pytest.mark.parametrize("source", [TICKET_FAULT, OTHER_FAULT])
@pytest.mark.parametrize("seed", range(15))
def test_a_right_fault_finder_passes(curation_work, without_children, source, seed):
    write_rung("05", notebook_05(fault=source), curation_work)
    report = report_on("05", curation_work, "ticket-fault", seed=seed)
    assert report.done, [said(result) for result in report.criteria]


@pytest.mark.slow
def test_the_functions_pass_in_their_own_processes(curation_work):
    assert report_on("05", curation_work, "minhash", "ticket-fault").score == 7


def test_a_right_submission_is_done(curation_work, models_right):
    models_right(ROWS, 10)
    claimed(curation_work, 1.0)
    report = report_on("05", curation_work)
    assert failed(report) == set() and report.score == report.max_score == 18


def swapped(raw):
    """Keep the copies that the generator made, and remove what they were made of."""
    fate, partner = right_fate(raw), {}
    for place, row in enumerate(raw):
        if row["flaws"] == ["near duplicate"]:
            partner.setdefault(row["original"], place)
    for place, row in enumerate(raw):
        if not row["flaws"] and row["prompt"] in partner:
            fate[place], fate[partner[row["prompt"]]] = "near", "kept"
    return fate


def imperfect(raw):
    """Miss one wrong label in twenty, and remove one good row in thirty."""
    fate = right_fate(raw)
    wrong = [place for place, end in enumerate(fate) if end == "labels"]
    good = [place for place, end in enumerate(fate) if end == "kept"]
    for place in wrong[::20]:
        fate[place] = "kept"
    for place in good[::30]:
        fate[place] = "labels"
    return fate


@pytest.mark.parametrize("fate_of", [swapped, imperfect])
def test_other_pipelines_are_as_good(curation_work, models_right, fate_of):
    models_right(round(0.9 * ROWS), 10)
    claimed(curation_work, 0.9)
    edit(curation_work / "artifacts" / "eval.json", lambda record: [
        one.update(after=1.0, interval=[0.98, 1.0]) for one in record["entries"]
        if one["metric"] == "valid_json" or one["phrasing"] == "unseen"
    ])  # fmt: skip
    write_curation(curation_work, fate_of(raw_rows()))
    report = report_on("05", curation_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def test_other_names_another_seed_and_another_size_are_as_good(curation_work, models_right):
    models_right(ROWS, 10)
    claimed(curation_work, 1.0)
    fate = [{"schema": "json", "near": "minhash"}.get(end, end) for end in right_fate(raw_rows(3))]
    kept = [place for place, end in enumerate(fate) if end == "kept"]
    write_curation(curation_work, fate, kept[-2 * CHOSEN :][::-1], seed=3)
    report = report_on("05", curation_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def test_models_of_noise_are_measured_as_such(curation_work):
    """No model is put in their place here: both are truly asked."""
    assert failed(report_on("05", curation_work, "done-when")) == {"beats-raw"}


def test_the_pairs_are_as_similar_as_their_docstring_says():
    for pair in hashing.pairs(5):
        one, other = set(pair.one), set(pair.other)
        assert pair.similarity == len(one & other) / len(one | other)
    assert hashing.pairs(5)[3].similarity == 0.5


def test_a_bias_of_a_tenth_is_seen():
    made = hashing.pairs(0)
    assert hashing.estimate_fault(made, [pair.similarity for pair in made]) is None
    assert hashing.estimate_fault(made, [min(1, pair.similarity + 0.1) for pair in made]) is not None
