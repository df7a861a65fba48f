"""Rung 01's `retrieve` and cost functions: the questions they are asked, and the one right answer to each.

Scores are the learner's business: TF-IDF, BM25 or another weighing. So each case of `retrieve` is built such that every
sensible weighing agrees: passages of one length, and one word that tells them apart. Words are made up afresh from a
seed, so that no list of known words helps.
"""

import random
from dataclasses import dataclass

from autograder.student_code import Answer, Call
from shared import wiki
from shared.world.facts import free_names, new_towns
from shared.world.splits import Split

LENGTH = 7  # words a passage
RELATIVE_TOLERANCE = 1e-6
_SYLLABLES = "ba ko ri me tu sa lo ne vi du fa ge hi jo pa".split()


@dataclass(frozen=True)
class SearchCase:
    """One search. `right` is the place of the passage to be found, or None where nothing fits."""

    name: str
    question: str
    passages: list[str]
    right: int | None
    advice: str

    def call(self) -> Call:
        """Return the call of `retrieve`."""
        return Call((self.question, self.passages))


def fault_of(answer: Answer, case: SearchCase) -> str | None:
    """Return what is wrong with the answer, or None."""
    if fault := answer.fault():
        return fault
    if answer.kind != "value" or type(answer.value) not in (int, type(None)):
        return f"returned {answer.type_name or answer.kind}, expected an int or None"
    if answer.value != case.right:
        return f"returned {answer.value}, right is {case.right}"
    return None


def words(stream: random.Random, n: int) -> list[str]:
    """Return n made-up words, all different and none part of another."""
    found: list[str] = []
    while len(found) < n:
        word = "".join(stream.choices(_SYLLABLES, k=4))
        if word not in found:
            found.append(word)
    return found


def rank_cases(seed: int) -> list[SearchCase]:
    """Return searches in which one passage fits best whatever the weighing.

    The rare word: 9 passages hold the common word, one holds the rare word instead, and the question has both. By
    hand: log(10 / 1) > log(10 / 9).
    """
    stream = random.Random(f"01/rank/{seed}")
    cases = []
    for number in range(4):
        common, rare, *filler = words(stream, 2 + 10 * LENGTH)
        place = stream.randrange(10)
        passages = []
        for one in range(10):
            rest = filler[one * LENGTH : (one + 1) * LENGTH - 1]
            passages.append(_sentence(stream, [rare if one == place else common, *rest]))
        question = " ".join(stream.sample([common, rare], 2)) + "?"
        cases.append(
            SearchCase(
                f"search {number + 1}: a word of one passage against a word of nine", question, passages, place,
                "A word that stands in few passages says more: weigh it by something like log(N / passages with it).",
            )
        )  # fmt: skip
    return [*cases, _more_words(stream), _by_hand()]


def _by_hand() -> SearchCase:
    passages = ["The kettle is in the shop.", "The shop is in Fernbrook.", "The tent is in the shop."]
    return SearchCase("the notebook's three passages", "Where is the tent?", passages, 2, "Only 'tent' is rare here.")


def _more_words(stream: random.Random) -> SearchCase:
    first, second, *filler = words(stream, 2 + 8 * LENGTH)
    passages = [_sentence(stream, filler[n * LENGTH : (n + 1) * LENGTH]) for n in range(5)]
    passages += [_sentence(stream, [*filler[36:41], first, second]), _sentence(stream, [*filler[41:47], first]),
                 _sentence(stream, [*filler[47:53], second])]  # fmt: skip
    order = stream.sample(range(8), 8)
    return SearchCase(
        "two words of the question against one", f"{first} {second}", [passages[place] for place in order],
        order.index(5), "Add up the weights of all shared words.",
    )  # fmt: skip


def edge_cases(seed: int) -> list[SearchCase]:
    """Return the edges that the exercise names."""
    stream = random.Random(f"01/edges/{seed}")
    one, two, three, *filler = words(stream, 3 + 8 * LENGTH)
    plain = [_sentence(stream, [word, *filler[n * 6 : n * 6 + 6]]) for n, word in enumerate((one, two, three))]
    others = [_sentence(stream, filler[n * 6 : n * 6 + 6]) for n in range(4, 8)]
    shared = "Keep only words: lower case, letters and digits; split at everything else."
    whole = "Compare whole words: 'art' is not in 'party'."
    nothing = "No word in common: None."
    return [
        SearchCase("a question in capitals, with marks", f"({two.upper()})!?", plain, 1, shared),
        SearchCase("no word in common", " ".join(words(stream, 3)) + " xyz", plain, None, nothing),
        SearchCase("part of a word", one[:4], plain, None, whole),
        SearchCase("no passages", one, [], None, "An empty list of passages: None."),
        SearchCase("an empty question", "?", plain, None, nothing),
        SearchCase("one passage", two, [plain[1]], 0, "log(1 / 1) is 0, yet a word is shared: return its place."),
        SearchCase("the same passage three times", two, [*others, *[plain[1]] * 3], 4, "Of equals, the first."),
        SearchCase("a number", "7", [_sentence(stream, [*filler[:5], "17"]), "7 " + " ".join(filler[6:11])], 1, whole),
    ]


def _sentence(stream: random.Random, parts: list[str]) -> str:
    return " ".join(stream.sample(parts, len(parts))).capitalize() + "."


@dataclass(frozen=True)
class WikiSearch:
    """The wiki of shops with managers drawn afresh, in random order, and one question a shop that is asked about."""

    pages: list[str]
    rows: list[dict]

    def calls(self) -> list[Call]:
        """Return the calls of `retrieve`, one a question."""
        return [Call((row["prompt"].split("\n")[0].removeprefix("Question: "), self.pages)) for row in self.rows]


def wiki_search(seed: int, split: Split, asked: int = 30) -> WikiSearch:
    """Return a wiki in which every shop has a new manager since yesterday, and questions about some of them."""
    stream = random.Random(f"01/wiki/{seed}")
    managers = dict(zip(new_towns(split), stream.sample(free_names(split), len(new_towns(split))), strict=True))
    pages = wiki.pages(split, managers)
    stream.shuffle(pages)
    rows = [{**row, "answer": managers[row["town"]]} for row in wiki.ways_to_ask(split)["manager, as a question"]]
    return WikiSearch(pages, stream.sample(rows, asked))
