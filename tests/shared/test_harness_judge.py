"""The judge: its biases are measured as they are planted, its verdicts are the model's, nothing is asked unasked."""

import io
import json

import pytest

from shared.harness import judge as module
from shared.harness.judge import EndpointJudge, Judged, JudgeError, LikelihoodJudge, Pair, judged
from shared.harness.pairs import right_and_wrong, short_and_long
from shared.world import messages, replies

PAIRS = [Pair(f"p{number}", f"good {number}", f"bad {number} and longer") for number in range(10)]


class Planted:
    """A judge with one rule."""

    def __init__(self, rule):
        self.rule = rule

    def prefers_first(self, asked):
        """Return the rule's verdicts."""
        return [self.rule(*one) for one in asked]


@pytest.mark.parametrize(
    ("rule", "accuracy", "flipped", "took_first"),
    [
        (lambda p, one, two: "good" in one, (1, 1), 0, (0, 0)),
        (lambda p, one, two: True, (1, 0), 1, (10, 10)),
        (lambda p, one, two: False, (0, 1), 1, (0, 10)),
        (lambda p, one, two: len(one) > len(two), (0, 0), 0, (0, 0)),
    ],
    ids=["fair", "first place", "second place", "length"],
)
def test_a_planted_bias_is_measured(rule, accuracy, flipped, took_first):
    found = judged(Planted(rule), PAIRS)
    assert (found.accuracy, found.flipped, found.took_first) == (accuracy, flipped, took_first)
    assert (found.position_p < 0.01) is bool(flipped)


def test_what_survives_the_swap_is_kept():
    found = Judged([True, True, False, True], [True, False, False, True])
    share, (low, high), left = found.agreed
    assert (share, left) == (pytest.approx(2 / 3), 0.75) and low < share < high
    assert Judged([True], [False]).agreed == (0.0, (0.0, 1.0), 0.0)


class Costs:
    """A model for which a reply costs as many nats as it has letters, over as many tokens as it has words."""

    def nats(self, rows):
        """Return the costs."""
        return [(len(row["completion"]), len(row["completion"].split())) for row in rows]


def test_a_likelihood_judge_prefers_what_costs_less():
    short, long = "aaaa aaaa", "aa aa aa aa aa"  # 9 letters, 4.5 a word; 14 letters, 2.8 a word
    assert LikelihoodJudge(Costs(), "sum").prefers_first([("p", short, long)]) == [True]
    assert LikelihoodJudge(Costs(), "mean").prefers_first([("p", short, long)]) == [False]


def test_the_second_reply_is_read_after_the_first():
    seen = []

    class Watched(Costs):
        def nats(self, rows):
            seen.extend(row["prompt"] for row in rows)
            return super().nats(rows)

    LikelihoodJudge(Watched()).prefers_first([("Message: x\nReply:", " one", " two")])
    assert seen == ["Message: x\nReply:", "Message: x\nReply: one\nReply:"]


def test_pairs_are_of_equal_length_or_of_equal_content():
    for pair in right_and_wrong(n=30):
        (message,) = messages.read(pair.prompt.removeprefix("Message: ").removesuffix("\nReply:"))
        assert replies.promised(pair.good) == replies.content_for(message) != replies.promised(pair.bad)
    for pair in short_and_long(n=30):
        assert replies.promised(pair.good) == replies.promised(pair.bad) is not None
        assert pair.good.strip() in pair.bad and len(pair.bad) > len(pair.good)


def test_no_endpoint_is_asked_unless_the_environment_names_one(monkeypatch):
    for name in ("COURSE_JUDGE_URL", "COURSE_JUDGE_MODEL", "COURSE_JUDGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert EndpointJudge.from_environment() is None
    monkeypatch.setenv("COURSE_JUDGE_URL", "http://localhost:1/v1/")
    monkeypatch.setenv("COURSE_JUDGE_MODEL", "m")
    assert EndpointJudge.from_environment() == EndpointJudge("http://localhost:1/v1", "m", "")


@pytest.mark.parametrize(("said", "first"), [("A", True), (" b. ", False)])
def test_an_endpoint_answers_with_a_letter(monkeypatch, said, first):
    asked = []

    def urlopen(request, timeout):
        asked.append((request.full_url, json.loads(request.data), request.get_header("Authorization")))
        return io.BytesIO(json.dumps({"choices": [{"message": {"content": said}}]}).encode())

    monkeypatch.setattr(module.urllib.request, "urlopen", urlopen)
    assert EndpointJudge("http://h/v1", "m", "k").prefers_first([("p", " x", " y")]) == [first]
    url, body, key = asked[0]
    assert url == "http://h/v1/chat/completions" and body["temperature"] == 0 and key == "Bearer k"
    assert "Reply A: x\nReply B: y" in body["messages"][0]["content"]


@pytest.mark.parametrize("content", ['{"choices": []}', "no", '{"choices": [{"message": {"content": "both"}}]}'])
def test_an_endpoint_without_a_verdict_is_one_line(monkeypatch, content):
    monkeypatch.setattr(module.urllib.request, "urlopen", lambda *_, **__: io.BytesIO(content.encode()))
    with pytest.raises(JudgeError, match="http://h/v1: "):
        EndpointJudge("http://h/v1", "m").prefers_first([("p", "x", "y")])
