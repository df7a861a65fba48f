"""The loss curve out of what a tool logged: the transformers trainer's state, or torchtune's text file.

Neither has a clock: the run's seconds, taken from outside, are spread evenly over its steps. Tokens are the tool's own
count where it keeps one (TRL's trainer does), else the mean length of the rows times the rows seen.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from shared.artifacts import CurveRow, LossCurve
from shared.ecosystem.export import Row
from shared.training import StageError

STATE, METRICS = "trainer_state.json", "metrics.txt"
_STEP = re.compile(r"Step (?P<step>\d+) \| loss:(?P<loss>\S+) lr:(?P<rate>\S+)")


def curve_in(output: Path, seconds: float, row_tokens: float, batch: int) -> LossCurve:
    """Return the curve of the run whose files lie in `output`.

    `seconds` is the time of its steps, `row_tokens` the mean length of a row. Raises StageError when neither log is
    there.
    """
    if (output / METRICS).is_file():
        return _of_torchtune((output / METRICS).read_text(encoding="utf-8"), seconds, row_tokens * batch)
    states = sorted(output.rglob(STATE), key=lambda path: path.stat().st_mtime)
    if not states:
        raise StageError(f"{output}: expected {STATE} or {METRICS} from the tool, found neither. Read its log")
    return _of_trainer(json.loads(states[-1].read_text(encoding="utf-8"))["log_history"], seconds, row_tokens * batch)


def _of_trainer(history: list[dict], seconds: float, step_tokens: float) -> LossCurve:
    logged = [entry for entry in history if "loss" in entry]
    last = logged[-1]["step"]
    return LossCurve(
        rows=[
            CurveRow(
                step=entry["step"],
                tokens=int(entry.get("num_tokens") or step_tokens * entry["step"]),
                loss=float(entry["loss"]),
                learning_rate=float(entry["learning_rate"]),
                seconds=seconds * entry["step"] / last,
            )
            for entry in logged
        ]
    )


def _of_torchtune(text: str, seconds: float, step_tokens: float) -> LossCurve:
    logged = [found.groupdict() for found in _STEP.finditer(text)]
    last = int(logged[-1]["step"])
    return LossCurve(
        rows=[
            CurveRow(
                step=int(entry["step"]),
                tokens=int(step_tokens * int(entry["step"])),
                loss=float(entry["loss"]),
                learning_rate=float(entry["rate"]),
                seconds=seconds * int(entry["step"]) / last,
            )
            for entry in logged
        ]
    )


def mean_tokens(base: Path, rows: Sequence[Row]) -> float:
    """Return how many tokens a row has on average, its end-of-sequence token counted."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    texts = [row["prompt"] + row["completion"] for row in rows]
    found = tokenizer.encode_batch(texts, add_special_tokens=False)
    return 1 + sum(len(one.ids) for one in found) / len(texts)
