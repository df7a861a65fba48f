"""Questions with numbers of one's own: the same text for everybody, the numbers drawn from a seed.

The seed is drawn once, kept in `artifacts/answers.json` beside the answers, and travels with the submission. A rung's
checker knows the right answers; this module does not.
"""

import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from shared.artifacts import Artifact, read_json, write_json
from shared.training import work_folder

ANSWERS = "artifacts/answers.json"
LARGEST_SEED = 2**31 - 1


class QuestionError(Exception):
    """There are no such questions, or an answer to none of them. One line."""


class AnswersRecord(Artifact):
    """`answers.json`: the seed that drew the questions, and a number for each question's name."""

    rung: str
    seed: int = Field(ge=0, le=LARGEST_SEED)
    answers: dict[str, float]


@dataclass(frozen=True)
class Question:
    """One question. `numbers` are those that were drawn, by the name that the text gives them."""

    name: str
    text: str
    numbers: dict[str, int]


def questions(rung: str, *, work: Path | None = None) -> dict[str, Question]:
    """Return this learner's questions of a rung by name. The first call draws them, later ones find them again."""
    folder = work or work_folder(rung)
    if not (folder / ANSWERS).exists():
        record = AnswersRecord(rung=rung, seed=secrets.randbelow(LARGEST_SEED), answers={})
        write_json(folder / ANSWERS, record)
    return drawn(rung, read_json(folder / ANSWERS, AnswersRecord, within=folder).seed)


def save_answers(rung: str, answers: Mapping[str, float], *, work: Path | None = None) -> None:
    """Keep the answers beside the seed. Raises QuestionError, one line, for a name that is no question's."""
    folder = work or work_folder(rung)
    known = questions(rung, work=folder)
    unknown = sorted(set(answers) - set(known))
    if unknown:
        raise QuestionError(f"answers: no question {unknown[0]!r}; expected {', '.join(known)}")
    seed = read_json(folder / ANSWERS, AnswersRecord, within=folder).seed
    numbers = {name: float(value) for name, value in answers.items() if value is not None}
    write_json(folder / ANSWERS, AnswersRecord(rung=rung, seed=seed, answers=numbers))


def drawn(rung: str, seed: int) -> dict[str, Question]:
    """Return the questions of a rung that this seed draws, by name. Raises QuestionError for a rung without any."""
    if rung not in DRAWS:
        raise QuestionError(f"rung {rung!r} asks no such questions; rungs that do: {', '.join(DRAWS)}")
    stream = random.Random(f"{rung}/{seed}")
    return {question.name: question for question in (draw(stream) for draw in DRAWS[rung])}


def _trainable(stream: random.Random) -> Question:
    numbers = {"layers": stream.choice((16, 24, 32, 40)), "width": stream.choice((1024, 2048, 3072, 4096)),
               "rank": stream.choice((4, 8, 12, 32, 64))}  # fmt: skip
    return Question(
        "trainable",
        "A model has {layers} layers; in each, the query and the value projection are {width} x {width} matrices. LoRA "
        "of rank {rank} adapts these two. How many parameters are trained?".format(**numbers),
        numbers,
    )


def _share(stream: random.Random) -> Question:
    numbers = {"inputs": 1024 * stream.randint(1, 6), "outputs": 1024 * stream.randint(7, 12),
               "rank": stream.choice((8, 16, 24, 48))}  # fmt: skip
    return Question(
        "share",
        "A linear layer turns {inputs} numbers into {outputs}, without a bias. Its LoRA has rank {rank}. The adapter's "
        "parameters are what percentage of the layer's?".format(**numbers),
        numbers,
    )


def _alpha(stream: random.Random) -> Question:
    old, new = stream.sample((4, 8, 16, 32, 64), 2)
    numbers = {"old_rank": old, "new_rank": new, "alpha": stream.choice((8, 12, 24, 40))}
    return Question(
        "alpha",
        "You trained well with rank {old_rank} and alpha {alpha}, and change the rank to {new_rank}. Which alpha keeps "
        "the factor before BA as it was?".format(**numbers),
        numbers,
    )


def _moments(stream: random.Random) -> Question:
    numbers = {"millions": 10 * stream.randint(3, 60), "percent": stream.choice((1, 2, 4, 5))}
    return Question(
        "moments",
        "A model has {millions} million parameters; LoRA trains {percent}% of that many. AdamW keeps two float32 "
        "numbers for each trained parameter. How many megabytes (millions of bytes) is that?".format(**numbers),
        numbers,
    )


def _bits(stream: random.Random) -> Question:
    numbers = {"block": stream.choice((16, 32, 128, 256, 512))}
    return Question(
        "bits",
        "Weights are stored in 4 bits, with one float32 constant for each block of {block} weights. How many bits a "
        "weight is that, constants included?".format(**numbers),
        numbers,
    )


def _double(stream: random.Random) -> Question:
    numbers = {"block": stream.choice((16, 32, 128)), "second": stream.choice((32, 64, 128, 512))}
    return Question(
        "double",
        "The constants of blocks of {block} weights are kept in 8 bits, with one float32 constant for each {second} of "
        "them. How many bits a weight do all these constants take, without the weight's own 4?".format(**numbers),
        numbers,
    )


def _weights(stream: random.Random) -> Question:
    numbers = {"billions": stream.randint(3, 60), "millions": 100 * stream.randint(2, 20)}
    return Question(
        "weights",
        "A model has {billions} billion weights in its linear layers, stored at 4.127 bits each, and {millions} "
        "million others in bfloat16. How many gigabytes (10^9 bytes) do they take?".format(**numbers),
        numbers,
    )


# Weights over their block's largest, in hundredths; each lies well inside what one level of NF4 covers.
_SCALED = (18, 27, 32, 42, 55, 75, -22, -31, -42, -66)


def _nearest(stream: random.Random) -> Question:
    largest = stream.choice((200, 400, 600, 800, 1200))
    numbers = {"largest_thousandths": largest, "weight_thousandths": largest * stream.choice(_SCALED) // 100}
    return Question(
        "nearest",
        "In an NF4 block the largest magnitude is {:.3f}. What does the weight {:.3f} come back as?".format(
            *(number / 1000 for number in numbers.values())
        ),
        numbers,
    )


def _paired_rows(stream: random.Random) -> Question:
    numbers = {"points": stream.choice((2, 3, 4, 5)), "discordant": stream.choice((8, 10, 12, 15, 20))}
    return Question(
        "paired-rows",
        "Two models answer the same rows. On {discordant}% of the rows only one of the two is right. How many rows "
        "does McNemar's test need to find a difference of {points} points, at level 5% with power 80%?".format(
            **numbers
        ),
        numbers,
    )


def _false_alarm(stream: random.Random) -> Question:
    numbers = {"tests": stream.randint(5, 25), "level": stream.choice((1, 5, 10))}
    return Question(
        "false-alarm",
        "A fine-tune changed nothing. You test it on {tests} separate tasks, each at level {level}%. With what "
        "probability, in percent, does at least one test raise a false alarm?".format(**numbers),
        numbers,
    )


def _rows_a_step(stream: random.Random) -> Question:
    numbers = {"micro": stream.choice((1, 2, 3, 4)), "pieces": stream.choice((4, 6, 8, 12)),
               "devices": stream.choice((2, 3, 4, 8))}  # fmt: skip
    return Question(
        "rows-a-step",
        "A configuration has a micro batch of {micro} and accumulates {pieces} of them; it runs on {devices} GPUs. How "
        "many rows does one optimizer step see?".format(**numbers),
        numbers,
    )


def _steps(stream: random.Random) -> Question:
    batch = stream.choice((16, 24, 32, 48))
    rows = batch * stream.randint(20, 60) + stream.randint(1, batch // 3)
    numbers = {"rows": rows, "epochs": stream.choice((2, 3, 5)), "batch": batch}
    return Question(
        "steps",
        "{rows} rows, {epochs} epochs, {batch} rows a step. The rows left at the end of each epoch make a step of "
        "their own. How many optimizer steps does the run have?".format(**numbers),
        numbers,
    )


def _packed_rows(stream: random.Random) -> Question:
    numbers = {"length": stream.choice((1024, 2048, 4096)), "tokens": stream.choice((40, 64, 80, 128)),
               "batch": stream.choice((2, 4, 8))}  # fmt: skip
    return Question(
        "packed-rows",
        "Rows of {tokens} tokens on average are packed into full sequences of {length} tokens, and a step takes "
        "{batch} sequences. How many rows does one step see, on average?".format(**numbers),
        numbers,
    )


DRAWS: dict[str, tuple[Callable[[random.Random], Question], ...]] = {
    "03": (_trainable, _share, _alpha, _moments),
    "04": (_bits, _double, _weights, _nearest),
    "09": (_paired_rows, _false_alarm),
    "11": (_rows_a_step, _steps, _packed_rows),
}
