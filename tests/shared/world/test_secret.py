"""The secret chooses: hidden rows are nobody else's, change with the secret, and never change the other splits."""

import functools
import hashlib
import itertools
import json
import random
import re
from pathlib import Path

import pytest

from shared import reward_pairs, wiki
from shared.artifacts import fingerprint_rows
from shared.continual.skills import exam
from shared.harness.suite import course_suite
from shared.world import facts, lexicon, messages, reading, rows, sorting, wordings
from shared.world.corpus import documents
from shared.world.splits import WorldError, belongs, random_stream, split_of
from shared.world.tickets import HARD, hard_rows

SECRETS = [f"a secret of the tests, number {i}" for i in range(12)]
UNCHANGED = json.loads((Path(__file__).parent / "unchanged.json").read_text())
# Every task that draws people, items, sums or shelves of its own; the others are made of these.
DRAWN = {
    "tickets": {"phrasing": "unseen"}, "orders": {}, "long-orders": {}, "sorting": {}, "reading": {}, "replies": {},
    "notes": {}, "prose": {}, "facts": {},
}  # fmt: skip


def under(monkeypatch, secret):
    monkeypatch.setenv("COURSE_HIDDEN_SEED", secret)


def texts(task, split, n=60, **options):
    return {row["prompt"] + row.get("completion", row.get("chosen", "")) for row in rows(task, split, n, **options)}


def fingerprints():
    """Return the fingerprints of public and train rows by the names of unchanged.json."""
    made = {}
    for name in UNCHANGED:
        task, _, rest = name.partition("/")
        if rest.split("/")[0] in ("train", "public") and len(rest.split("/")) == 2:
            split, which = rest.split("/")
            options = {"phrasing": "unseen"} if which == "unseen" else {}
            seed = 1 if which == "unseen" else int(which)
            made[name] = fingerprint_rows(rows(task, split, 60, seed, **options))
        elif task == "facts":
            split, relation, form = rest.split("/")
            made[name] = fingerprint_rows(rows("facts", split, 60, relation=relation, form=form))
    for contrast in ("item", "action"):
        made[f"replies/{contrast}"] = fingerprint_rows(rows("replies", "public", 60, 1, contrast=contrast))
    made |= {f"suite/{task.name}": task.fingerprint for task in course_suite("public", 40)}
    made |= {f"exam/{task.name}": task.fingerprint for task in exam("public", 40)}
    made["orders/1"] = fingerprint_rows(rows("orders", "public", 60, 1, lines=1))
    made["pairs"] = fingerprint_rows(reward_pairs.pairs("public", 60, 1))
    made["wordy"] = fingerprint_rows(reward_pairs.wordy("public", 30, 1))
    made["twins"] = fingerprint_rows(reward_pairs.twins("public", 30, 1))
    made["hard"] = fingerprint_rows(reward_pairs.hard_first())
    made["wiki"] = hashlib.sha256(repr(wiki.pages()).encode()).hexdigest()
    for early in (False, True):
        made[f"corpus/{early}"] = hashlib.sha256(
            repr(list(itertools.islice(documents(0, early), 400))).encode()
        ).hexdigest()
    made["tickets600"] = fingerprint_rows(
        [{key: row[key] for key in ("prompt", "completion")} for row in rows("tickets", "train", 600)]
    )
    return made


@pytest.mark.parametrize("secret", [None, SECRETS[0]])
def test_no_row_of_train_or_public_or_of_the_base_has_changed(monkeypatch, secret):
    """unchanged.json was taken before there was a secret's choice: measured tables and notebooks rest on these rows."""
    if secret:
        under(monkeypatch, secret)
    assert fingerprints() == UNCHANGED


@pytest.mark.parametrize("task", DRAWN)
def test_hidden_rows_are_those_of_the_secret_alone(monkeypatch, task):
    options = DRAWN[task]
    others = {"phrasing": "familiar"} if options else {}
    known = texts(task, "public", 300, **options) | texts(task, "train", 300, **others)
    seen = set()
    for secret in SECRETS:
        under(monkeypatch, secret)
        hidden = texts(task, "hidden", **options)
        assert hidden == texts(task, "hidden", **options), "the same secret gives the same rows"
        assert not hidden & known
        if task != "facts":  # which 60 of 120 towns, dealt anew: a question may come up again, its answer hardly
            assert not hidden & seen
        seen |= hidden


def test_what_hidden_rows_name_belongs_to_no_other_split(monkeypatch):
    wiki_towns = set(facts.KNOWN_TOWNS) | set(facts.new_towns("public"))
    for secret in SECRETS:
        under(monkeypatch, secret)
        chosen = set(lexicon.items("hidden"))
        assert {split_of(item) for item in chosen} == {"hidden"} and len(chosen) > 30
        assert {row["ticket"]["item"] for row in rows("tickets", "hidden", 60)} <= chosen
        assert {split_of(name) for name in facts.free_names("hidden")} == {"hidden"}
        assert not set(facts.free_names("hidden")) & facts.PEOPLE_IN_FACTS
        assert not set(facts.new_towns("hidden")) & wiki_towns and len(set(facts.new_towns("hidden"))) == 60
        shelves = {"shelf " + " ".join(sorted(row["labels"])) for row in rows("sorting", "hidden", 30)}
        assert all(split_of(shelf) == "hidden" and belongs(shelf, "hidden") for shelf in shelves)


@pytest.mark.parametrize(
    "of", [lexicon.items, facts.free_names, facts.new_towns, lambda split: reading.cast(split).towns]
)
def test_two_secrets_choose_differently(monkeypatch, of):
    chosen = []
    for secret in SECRETS:
        under(monkeypatch, secret)
        chosen.append(set(of("hidden")))
    shared = [len(one & other) / len(one) for one, other in itertools.combinations(chosen, 2)]
    assert max(shared) < 0.75 and sum(shared) / len(shared) < 0.55  # a third or, of towns, a half by chance


def test_facts_of_hidden_shops_are_dealt_anew(monkeypatch):
    managers = []
    for secret in SECRETS[:2]:
        under(monkeypatch, secret)
        managers.append({town: facts.facts_of(town)["manager"] for town in facts.new_towns("hidden")})
        assert len(set(managers[-1].values())) == 60
    both = managers[0].keys() & managers[1].keys()
    assert len(both) > 10 and sum(managers[0][town] == managers[1][town] for town in both) < 5
    assert all(facts.facts_of(town) == facts.FACTS[town] for town in facts.new_towns("public"))


def test_a_secrets_wordings_are_one_of_each_run_and_all_have_their_turn(monkeypatch):
    for pools in (*wordings.INTENTS.values(), *wordings.URGENCIES.values()):
        size, drawn = len(pools.hidden) // len(pools.public), set()
        assert len(pools.hidden) == size * len(pools.public) and size >= 3
        for secret in (f"{secret}/{again}" for secret in SECRETS for again in range(4)):
            under(monkeypatch, secret)
            chosen = pools.pool("hidden", "unseen")
            runs = [pools.hidden[i : i + size] for i in range(0, len(pools.hidden), size)]
            assert all(one in run for one, run in zip(chosen, runs, strict=True))
            drawn |= set(chosen)
        assert drawn == set(pools.hidden)


@pytest.mark.parametrize("split", ["public", "hidden"])
def test_hard_rows_say_what_they_mean_in_the_hard_wordings_alone(monkeypatch, split):
    under(monkeypatch, SECRETS[0])
    patterns = [wordings.INTENTS[name].pool(split, "unseen")[place].pattern for name, place in HARD[split].items()]
    made = hard_rows(split, 36, 1)
    assert len({row["prompt"] for row in made}) == 36
    for row in made:
        text = row["prompt"].removeprefix("Message: ").removesuffix("\nTicket:")
        ((meaning),) = messages.read(text)
        assert (meaning.item, meaning.count, meaning.urgency) == tuple(
            row["ticket"][k] for k in ("item", "count", "priority")
        )
        assert meaning.intent in HARD[split] and any(pattern.search(text) for pattern in patterns)
        assert split_of(meaning.item) == split
    assert len({row["ticket"]["team"] for row in made}) == len(HARD[split])


def test_the_secret_seeds_nothing_in_the_clear(monkeypatch):
    """Python's generator can be wound back to its seed; the seed must then say nothing of the secret."""
    under(monkeypatch, "my-secret")
    seeds = []
    monkeypatch.setattr(random, "Random", lambda seed: seeds.append(seed))
    random_stream("tickets", "hidden", 1)
    assert len(seeds) == 1 and "my-secret" not in seeds[0] and re.fullmatch(r"tickets/hidden/[0-9a-f]{32}", seeds[0])


@pytest.mark.parametrize(
    "ask",
    [
        lambda: lexicon.items("hidden"), lambda: belongs(hidden_shelf(), "hidden"), lambda: facts.new_towns("hidden"),
        lambda: wordings.INTENTS["late"].pool("hidden", "unseen"), lambda: hard_rows("hidden", 3),
        lambda: wiki.pages("hidden"),
    ],
)  # fmt: skip
def test_without_a_secret_nothing_hidden_can_be_had(monkeypatch, ask):
    monkeypatch.delenv("COURSE_HIDDEN_SEED", raising=False)
    with pytest.raises(WorldError, match="set COURSE_HIDDEN_SEED"):
        ask()


@functools.cache
def hidden_shelf():
    names = (f"shelf {one} {other}" for one, other in itertools.combinations(sorted(sorting._LABELS), 2))
    return next(name for name in names if split_of(name) == "hidden")
