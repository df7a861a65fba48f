"""Read one answer and propose points for it, with the reasons. A human decides."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import mean

from autograder.prose.copied import COPIED, Runs, copied_share, own_sentences
from autograder.prose.ideas import Idea, ProseCell, Wrong, word_lists
from autograder.prose.own import contradictions
from autograder.prose.patterns import Pattern, parse
from autograder.prose.reading import Answer, read

PROSE_GLUE = 0.22  # of the words: English prose has twice as many small words, a list of terms hardly any
VERBS = 0.015  # of the words are everyday verbs; the stiffest prose has twice as many, terms behind articles none
LIST_PIECE = 2.5  # words between marks of punctuation, on average; the tersest prose has more
OTHER_LANGUAGE = 0.12  # of the words are small words of another language, and more than of English
LATIN = 0.7  # of the letters
ENOUGH, MANY = 1 / 3, 2 / 3  # of the ideas; with fewer than enough the answer is to another question
SUBJECT = 3  # different words of the question's subject, at least, where the answer holds not many of the ideas


class Verdict(Enum):
    """What the reading came to. Its value is the line that the grader sees."""

    READ = "read"
    NOT_ANSWERED = "not answered"
    TOO_SHORT = "too short"
    OTHER_LANGUAGE = "not in English as far as the program can tell, so it proposes nothing"
    COPIED = "copied from the notebook or its solution"
    SHARED = "the same text as in another learner's answer"
    LIST = "a list of terms, not an answer"
    OFF_THE_QUESTION = "off the question"
    FEW_IDEAS = "few of the ideas recognised; it may say them in words that the program does not know, or not at all"
    WRONG = "plainly wrong"
    CONTRADICTS = "contradicts the learner's own work"


@dataclass(frozen=True)
class Proposal:
    """The points that the program would give, None where it cannot tell, and the comment that says why."""

    verdict: Verdict
    points: float | None
    most: float
    comment: str


@dataclass(frozen=True)
class Sources:
    """Runs of words of the course and of each other learner's answer, and the folder of the learner's own work."""

    course: Runs = frozenset()
    others: Sequence[Runs] = ()
    folder: Path | None = None


def propose(source: str, released: str, cell: ProseCell, sources: Sources) -> Proposal:
    """Return the proposal on a prose cell's `source`; `released` is what stood there before anybody answered."""
    answer = read(source)
    verdict = form(answer, read(released), cell)
    if verdict is not Verdict.READ:
        points = None if verdict is Verdict.OTHER_LANGUAGE else 0.0
        line = f"{len(answer.words)} words, {cell.asked} or more are asked for"
        return _proposal(verdict, points, cell, answer, line)
    copied = copied_share(answer, sources.course)
    shared = max((copied_share(answer, runs) for runs in sources.others), default=0.0)
    for verdict, share in ((Verdict.COPIED, copied), (Verdict.SHARED, shared)):
        if share >= COPIED:
            return _proposal(verdict, 0.0, cell, answer, f"{share:.0%} of its words")
    return _of_substance(answer, own_sentences(answer, sources.course), cell, sources)


def form(answer: Answer, released: Answer, cell: ProseCell) -> Verdict:
    """Return what can be said of an answer without looking for its ideas; READ when it is prose of some length."""
    words = answer.words
    if not words or words == released.words:
        return Verdict.NOT_ANSWERED
    if _foreign(words):
        return Verdict.OTHER_LANGUAGE
    if len(words) < cell.least_words:
        return Verdict.TOO_SHORT
    is_list = _share("small", words) < PROSE_GLUE or _share("verbs", words) < VERBS or mean(answer.pieces) < LIST_PIECE
    return Verdict.LIST if is_list else Verdict.READ


def _foreign(words: tuple[str, ...]) -> bool:
    letters = [char for word in words for char in word if char.isalpha()]
    if letters and sum(char < "\u0250" for char in letters) / len(letters) < LATIN:
        return True
    return _share("foreign", words) > max(OTHER_LANGUAGE, _share("small", words))


def _share(name: str, words: tuple[str, ...]) -> float:
    """Return the share of the words that stand in a list of `words.yml`."""
    return sum(word in _words(name) for word in words) / len(words)


def _of_substance(answer: Answer, own: Answer, cell: ProseCell, sources: Sources) -> Proposal:
    """Return the proposal on prose: every sentence may speak against it, for it only the learner's `own` ones."""
    against = list(contradictions(answer, cell, sources.folder))
    if against:
        return _proposal(Verdict.CONTRADICTS, 0.0, cell, answer, *against)
    wrong = [one for one in cell.wrong if says_wrong(answer, one)]
    if wrong:
        return _proposal(Verdict.WRONG, 0.0, cell, answer, *(one.line for one in wrong))
    words = own.words
    found = [idea for idea in cell.ideas if any(way.find(words) for way in idea.says)]
    verdict = _to_the_question(words, cell, found)
    points = {Verdict.READ: sum(idea.points for idea in found), Verdict.FEW_IDEAS: None}.get(verdict, 0.0)
    return _proposal(verdict, points, cell, answer, *_reasons(cell, found))


def _to_the_question(words: tuple[str, ...], cell: ProseCell, found: list[Idea]) -> Verdict:
    """Return READ for an answer to the question, by the ideas found in it and by its words."""
    main = [idea for idea in cell.ideas if not idea.evidence]
    share = sum(idea in main for idea in found) / len(main)
    of_the_subject = sum(way.find(words) is not None for way in cell.about) >= SUBJECT
    if share >= MANY or (share >= ENOUGH and of_the_subject):
        return Verdict.READ
    return Verdict.FEW_IDEAS if of_the_subject else Verdict.OFF_THE_QUESTION


def says_wrong(answer: Answer, wrong: Wrong) -> bool:
    """Return whether a sentence says it in earnest: not denied, and not as what others mistakenly think."""
    for number, sentence in enumerate(answer.sentences):
        after = answer.sentences[number + 1][:4] if number + 1 < len(answer.sentences) else ()
        if _pattern("$doubt").find(sentence) or _pattern("$taken_back").find(after):
            continue
        if any(way.find(sentence) for way in wrong.says):
            return True
    return False


@functools.cache
def _words(name: str) -> frozenset[str]:
    return frozenset(word_lists()[name])


@functools.cache
def _pattern(text: str) -> Pattern:
    return parse(text, word_lists())


def _reasons(cell: ProseCell, found: list[Idea]) -> list[str]:
    missing = [idea for idea in cell.ideas if idea not in found]
    both = (("found", found), ("not found", missing))
    return [f"{label}: {'; '.join(idea.idea for idea in ideas)}" for label, ideas in both if ideas]


def _proposal(verdict: Verdict, points: float | None, cell: ProseCell, answer: Answer, *reasons: str) -> Proposal:
    amount = "No points proposed" if points is None else f"Proposed by program: {points:g} of {cell.points:g}"
    line = "" if verdict is Verdict.READ else f" ({verdict.value})"
    notes = ["text that the page does not show was left out"] if answer.hidden else []
    if _pattern("$to_the_grader").find(answer.words):
        notes.append("it speaks to the grader; that is read as text and moves nothing")
    comment = ". ".join([f"{amount}{line}; a human decides", *reasons, *notes])
    return Proposal(verdict, points, cell.points, f"{comment}.")
