"""Submissions of rung 02 for tests: a notebook with right answers, and artifacts that fit a tiny random base.

Nothing here is trained: the tiny "fine-tuned" model is the base with noise, so it passes for a real model and fails
honestly on performance.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from safetensors.numpy import save_file

from autograder import trained_from
from autograder.criteria import Report, Result
from autograder.reevaluation import NumpyEngine
from autograder.ticket_submission import ROWS_LOSS
from autograder.trained_from import Base
from autograder.verdict import verdict
from shared.artifacts import (
    BaseRecord,
    CurveRow,
    EvalEntry,
    EvalRecord,
    LossCurve,
    RunRecord,
    fingerprint_model,
    fingerprint_rows,
    write_json,
)
from shared.course import load_course
from shared.pocket import BASE
from shared.significance import wilson_interval
from shared.world import rows

RUNG = "rung-02-sft"
STAGE_FOLDER = "artifacts/model"

SFT_LOSS = """
def sft_loss(logits, input_ids, completion_mask):
    log_p = torch.log_softmax(logits[:, :-1], dim=-1)
    picked = log_p.gather(-1, input_ids[:, 1:, None])[..., 0]
    mask = completion_mask[:, 1:].to(log_p.dtype)
    return -(picked * mask).sum() / mask.sum().clamp(min=1)
"""

FAILURE_KIND = """
def failure_kind(text, ticket):
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return "not-json"
    if not isinstance(answer, dict):
        return "not-json"
    if set(answer) != set(ticket):
        return "wrong-keys"
    for key in ("team", "item", "count", "priority"):
        if answer[key] != ticket[key] or type(answer[key]) is not type(ticket[key]):
            return "wrong-" + key
    return "correct"
"""

PROSE = "The loss counts only the answer, so the model learns what to write and not how customers write."


def task_meta(grade_id: str, *, points: int | None = None, solution: bool = False) -> dict:
    """Return the metadata that nbgrader gives a cell: graded where it has points."""
    graded = points is not None
    meta = {"grade_id": grade_id, "grade": graded, "solution": solution, "task": False, "schema_version": 3}
    return {"nbgrader": {**meta, "locked": not solution, **({"points": points} if graded else {})}}


def _answer(grade_id: str, solution: str) -> dict:
    head, _, body = solution.strip().partition("\n")
    source = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
    return new_code_cell(source, metadata=task_meta(grade_id, solution=True))


def source_notebook() -> dict:
    """Return the instructor's notebook: the graded cells of rung 02 with solutions, and little else."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Rung 02"),
            new_code_cell("import json\nimport torch"),
            _answer("answer-sft-loss", SFT_LOSS),
            new_code_cell("from autograder import check"),
            new_code_cell('check("02", "sft-loss")', metadata=task_meta("sft-loss", points=4)),
            _answer("answer-read-failures", FAILURE_KIND),
            new_code_cell('check("02", "read-failures")', metadata=task_meta("read-failures", points=3)),
            new_markdown_cell(
                f"### BEGIN SOLUTION\n{PROSE}\n### END SOLUTION",
                metadata=task_meta("explain-sft", points=5, solution=True),
            ),
            new_code_cell("print('my own plot')"),
            new_code_cell('check("02")', metadata=task_meta("done-when", points=13)),
        ]
    )


def solved_notebook(answers: dict[str, str] | None = None) -> dict:
    """Return a learner's notebook: right answers, or those given by the name of their cell."""
    notebook = source_notebook()
    right = {"answer-sft-loss": SFT_LOSS, "answer-read-failures": FAILURE_KIND, "explain-sft": PROSE}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in right:
            cell.source = {**right, **(answers or {})}[name].strip()
    return notebook


def write_notebook(notebook: dict, folder: Path) -> Path:
    """Write a notebook as rung 02's into `folder`, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{RUNG}.ipynb"
    write(notebook, path)
    return path


def make_tiny_base(folder: Path, *, width: int = 32, seed: int = 0) -> Path:
    """Make a random Llama of two layers with the pocket tokenizer, without PyTorch, and return its folder."""
    config = json.loads((BASE / "config.json").read_text())
    small = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 2}
    config.update(small, num_key_value_heads=2, head_dim=width // 2, dtype="float32")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(BASE / name, folder / name)
    stream = np.random.default_rng(seed)
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], width), "model.norm.weight": (width,)}
    for layer in (f"model.layers.{number}." for number in range(2)):
        shapes |= {f"{layer}self_attn.{name}_proj.weight": (width, width) for name in "qkvo"}
        shapes |= {f"{layer}mlp.{name}_proj.weight": (2 * width, width) for name in ("gate", "up")}
        shapes |= {f"{layer}mlp.down_proj.weight": (width, 2 * width)}
        shapes |= {f"{layer}{name}_layernorm.weight": (width,) for name in ("input", "post_attention")}
    tensors = {name: stream.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes.items()}
    tensors |= {name: np.ones(shape, dtype=np.float32) for name, shape in shapes.items() if len(shape) == 1}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def tensors_of(path: Path) -> dict[str, np.ndarray]:
    """Return all tensors of a float32 safetensors file."""
    from safetensors.numpy import load_file

    return load_file(path)


def open_base(folder: Path) -> Base:
    """Return a base folder as the checker sees it."""
    return trained_from.open_base(load_course().profile("pocket"), folder)


def base_loss_of(folder: Path) -> float:
    """Return a base's mean loss a completion token on training rows."""
    base = open_base(folder)
    losses = NumpyEngine(base, dict(base.tensors())).losses(rows("tickets", "train", ROWS_LOSS))
    return sum(row.completion for row in losses) / sum(row.completion_tokens for row in losses)


def make_artifacts(folder: Path, base: Path, first_loss: float, *, noise: float = 0.05) -> Path:
    """Write honest artifacts of a "run" on `base` that added noise to the weights, and return the stage's folder."""
    stage = folder / "artifacts" / "model"
    stage.mkdir(parents=True)
    shutil.copy(base / "config.json", stage / "config.json")
    stream = np.random.default_rng(1)
    tensors = {
        name: (values + noise * values.std() * stream.normal(size=values.shape)).astype(np.float32)
        if values.std() > 0 else values
        for name, values in tensors_of(base / "model.safetensors").items()
    }  # fmt: skip
    save_file(tensors, stage / "model.safetensors", metadata={"format": "pt"})
    parameters = sum(values.size for values in tensors.values())
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    write_json(stage / "run.json", run_record(record, parameters))
    write_json(stage / "loss_curve.json", falling_curve(first_loss))
    write_json(folder / "artifacts" / "eval.json", EvalRecord(base=record, stage="model", entries=honest_entries()))
    return stage


def run_record(base: BaseRecord, parameters: int, **changes: object) -> RunRecord:
    """Return the record of a run of 100 steps."""
    fields = {
        "rung": "02", "stage": "model", "profile": "pocket", "base": base, "method": "full", "steps": 100, "rows": 600,
        "hyperparameters": {"learning_rate": 1e-3, "per_device_train_batch_size": 16}, "data_fingerprint": "0" * 64,
        "trainable_parameters": parameters, "total_parameters": parameters, "device": "cpu",
        "peak_memory_bytes": 10**8, "versions": {"torch": "2.13.0", "transformers": "5.23.0"}, "wall_seconds": 30.0,
    }  # fmt: skip
    return RunRecord(**{**fields, **changes})


def falling_curve(first_loss: float, last_loss: float = 0.1, steps: int = 100) -> LossCurve:
    """Return a curve that falls exponentially, with a little noise, one row a step."""
    stream = np.random.default_rng(0)
    losses = last_loss + (first_loss - last_loss) * np.exp(-np.arange(steps) / 15) + stream.normal(0, 0.01, steps)
    losses[0] = first_loss
    return LossCurve(
        rows=[
            CurveRow(step=i + 1, tokens=(i + 1) * 900, loss=float(x), learning_rate=1e-3, seconds=0.3 * (i + 1))
            for i, x in enumerate(losses)
        ]
    )


def honest_entries(n: int = 200) -> list[EvalEntry]:
    """Return what a noisy random model can honestly claim: nothing right, before and after."""
    kinds = [(metric, phrasing) for metric in ("valid_json", "exact_match") for phrasing in ("familiar", "unseen")]
    return [entry(metric, phrasing, n) for metric, phrasing in kinds]


def entry(metric: str, phrasing: str, n: int = 200, **changes: object) -> EvalEntry:
    """Return one claim on public rows."""
    after = changes.pop("after", 0.0)
    fields = {
        "task": "tickets", "split": "public", "phrasing": phrasing, "metric": metric, "n": n, "before": 0.0,
        "after": after, "interval": wilson_interval(round(after * n), n),
        "data_fingerprint": fingerprint_rows(rows("tickets", "public", n, phrasing=phrasing)),
    }  # fmt: skip
    return EvalEntry(**{**fields, **changes})


def report_on(folder: Path, *cells: str, seed: int = 1) -> Report:
    """Return the checker's report on a submission, reached in this process, over all cells or the given ones."""
    return Report.model_validate_json(verdict("02", folder, seed, list(cells) or None))


def by_id(report: Report) -> dict[str, Result]:
    """Return a report's results by the id of their criterion."""
    return {result.id: result for result in report.criteria}


def failed(report: Report) -> set[str]:
    """Return the ids of the criteria that did not pass."""
    return {result.id for result in report.criteria if not result.passed}


def said(result: Result) -> str:
    """Return all that a learner reads of one result: what was observed, the cause, the hint."""
    return f"{result.observed} {result.hint}"


def edit(path: Path, change: Callable[[dict], object]) -> None:
    """Let `change` alter the JSON object in a file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_weights(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    """Let `change` alter the tensors of a safetensors file."""
    tensors = tensors_of(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def answer(folder: Path, cell: str, source: str) -> None:
    """Put another answer into one cell of the submitted notebook."""
    write_notebook(solved_notebook({cell: source}), folder)


def claimed(folder: Path, after: float) -> None:
    """Let eval.json claim the share `after` for all four scores."""
    path = folder / "artifacts" / "eval.json"
    kinds = [(item["metric"], item["phrasing"]) for item in json.loads(path.read_text())["entries"]]
    made = [entry(*kind, after=after).model_dump(mode="json") for kind in kinds]
    edit(path, lambda record: record.update(entries=made))


def contents(folder: Path) -> dict[str, str]:
    """Return every path below `folder` with its kind and the hash of what an ordinary file holds."""
    return {
        str(path.relative_to(folder)): f"{path.lstat().st_mode} "
        + (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else "")
        for path in sorted(folder.rglob("*"))
    }
