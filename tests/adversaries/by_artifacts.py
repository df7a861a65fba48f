"""Attacks by artifacts: models that nobody trained, records and claims that nothing backs. Rungs 02, 03 and 04."""

import shutil
from collections.abc import Callable

import numpy as np
from safetensors.numpy import load_file, save_file

from autograder.weights import tensors
from shared.fingerprints import read_weights_header
from shared.pocket import BASE
from tests.adversaries.attack import ALL, HONEST, ONE_FUNCTION, TRAINED, Work, attack
from tests.adversaries.in_files import CURVE, RUN, WEIGHTS

EVAL = "artifacts/eval.json"
ADAPTER = "artifacts/adapter/adapter_model.safetensors"


def edit_weights(work: Work, relative: str, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    """Let `change` alter the tensors of a safetensors file."""
    held = load_file(work.folder / relative)
    change(held)
    save_file(held, work.folder / relative, metadata={"format": "pt"})


@attack(ONE_FUNCTION, start=TRAINED)
def base_renamed(work: Work) -> None:
    """Submits the base itself as the trained model, with an honest run's curve and claims."""
    shutil.copyfile(BASE / "model.safetensors", work.folder / WEIGHTS)


def noise(work: Work, share: float) -> None:
    """Put the base with noise in the trained model's place."""
    stream = np.random.default_rng(0)
    path = BASE / "model.safetensors"
    noisy = {
        name: (values + share * values.std() * stream.normal(size=values.shape)).astype(np.float32)
        for name, values in tensors(path, read_weights_header(path, path.stat().st_size))
    }
    save_file(noisy, work.folder / WEIGHTS, metadata={"format": "pt"})


@attack(ONE_FUNCTION, start=TRAINED)
def base_with_noise(work: Work) -> None:
    """Submits the base with noise: moved as far as training would move it, and no better than before."""
    noise(work, 0.05)


@attack(ONE_FUNCTION, start=TRAINED)
def base_with_less_noise(work: Work) -> None:
    """Submits the base with noise that no training would leave so small."""
    noise(work, 0.001)


@attack(ONE_FUNCTION, start=TRAINED)
def nan_in_weights(work: Work) -> None:
    """Hides one `nan` among millions of honest weights."""

    def change(held: dict[str, np.ndarray]) -> None:
        held["model.layers.0.mlp.up_proj.weight"][0, 0] = np.nan

    edit_weights(work, WEIGHTS, change)


@attack(ONE_FUNCTION, start=TRAINED)
def another_model(work: Work) -> None:
    """Submits a larger vocabulary's model under the base's name."""

    def change(held: dict[str, np.ndarray]) -> None:
        rows = held["model.embed_tokens.weight"]
        held["model.embed_tokens.weight"] = np.concatenate([rows, rows[:8]])

    edit_weights(work, WEIGHTS, change)


@attack((0, 3, 12), start=TRAINED)
def claims_by_hand(work: Work) -> None:
    """Writes eval.json by hand: every score is 100%."""

    def change(record: dict) -> None:
        for entry in record["entries"]:
            entry.update(after=1.0, interval=[0.98, 1.0])

    work.edit(EVAL, change)


@attack((0, 3, 11), start=TRAINED)
def curve_by_hand(work: Work) -> None:
    """Draws the loss curve by hand: a straight fall from eight to nought."""

    def change(curve: dict) -> None:
        for number, row in enumerate(curve["rows"]):
            row["loss"] = 8 * (1 - number / len(curve["rows"]))

    work.edit(CURVE, change)


@attack((0, 3, 10), start=TRAINED)
def numbers_that_are_none(work: Work) -> None:
    """Writes `NaN`, `Infinity` and `true` where the records hold numbers."""
    work.edit(CURVE, lambda curve: curve["rows"][0].update(loss=float("nan")))
    work.edit(EVAL, lambda record: record["entries"][0].update(after=True))


@attack(ONE_FUNCTION, start=TRAINED)
def another_base_named(work: Work) -> None:
    """Says that the model was trained from another base, from which it would have moved."""
    work.edit(RUN, lambda run: run["base"].update(id="mine", fingerprint="0" * 64))


@attack(ALL, start=HONEST)
def classmates_work(work: Work) -> None:
    """Submits a classmate's whole work under its own name: right, and named by `make same-work-rung-02`."""


# Rungs 03 and 04


@attack((0, 4, 11), start=TRAINED, rung="03", waits=())
def classmates_adapter(work: Work) -> None:
    """Submits a classmate's adapter and answers: right, and named by `make same-work-rung-03`."""


@attack((0, 4, 0), start=TRAINED, rung="03", waits=())
def adapter_that_is_the_base(work: Work) -> None:
    """Submits an adapter whose every B is zero: the base, renamed."""

    def change(held: dict[str, np.ndarray]) -> None:
        for name, values in held.items():
            if "lora_B" in name:
                values.fill(0)

    edit_weights(work, ADAPTER, change)


@attack((0, 4, 0), start=TRAINED, rung="03", waits=())
def adapter_with_remote_code(work: Work) -> None:
    """Lets the adapter's configuration name Python of its own, and a base of its own beside it."""
    (work.folder / "artifacts" / "adapter" / "evil.py").write_text(work.mark())
    own = {"auto_mapping": {"base_model_class": "Model", "parent_library": "evil"}, "base_model_name_or_path": "."}
    work.edit("artifacts/adapter/adapter_config.json", lambda config: config.update(own))


@attack((0, 0, 11), start=TRAINED, rung="03", waits=())
def answers_to_another_draw(work: Work) -> None:
    """Answers one's own questions with the answers to a classmate's draw."""
    work.edit("artifacts/answers.json", lambda record: record.update(seed=record["seed"] ^ 12345))


@attack((0, 4, 0), start=TRAINED, rung="04", waits=())
def lora_for_qlora(work: Work) -> None:
    """Submits rung 03's adapter, trained over the unrounded base, as rung 04's."""
    adapter, mine = work.target.course / "submitted/honest_adapter/rung-03-lora/artifacts/adapter", "artifacts/adapter"
    shutil.copytree(adapter, work.folder / mine, dirs_exist_ok=True)
    work.edit(f"{mine}/run.json", lambda run: run.update(rung="04", method="qlora"))
