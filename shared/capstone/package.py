"""Make the capstone's folder in one piece: all of it, checked, or none."""

import shutil
from pathlib import Path

from shared.artifacts import write_json
from shared.capstone import CapstoneError
from shared.capstone.card import write_card
from shared.capstone.data_card import write_data_card
from shared.capstone.evaluation_report import write_report
from shared.capstone.leaks import refuse_leaks
from shared.capstone.source import LICENCE, Source
from shared.capstone.weights import copy_weights, measure_merged, save_merged
from shared.course import ROOT


def name_of(source: Source, *, merged: bool) -> str:
    """Return the capstone's name, such as pocket-base-tickets-lora."""
    method = {"full": "sft"}.get(source.run.method, source.run.method)
    merge = "-merged" if merged and source.is_adapter else ""
    return f"{source.base.id.rpartition('/')[2]}-tickets-{method}{merge}".lower()


def package(source: Source, parent: Path, *, merged: bool = False, progress: bool = True) -> Path:
    """Write the run as a publishable folder below `parent`, and return it.

    `merged` makes one model of base and adapter and measures it again; a whole model is one already. Raises
    CapstoneError, one line, when the folder is there (you may have edited it) or a file names this machine's places.
    """
    merged = merged and source.is_adapter
    name = name_of(source, merged=merged)
    target, half = parent / name, parent / f".{name}.tmp"
    if target.exists():
        raise CapstoneError(f"{target}: is there already, and you may have edited it. Move it or delete it first")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    try:
        _fill(source, half, name, merged, progress)
        refuse_leaks(half, source)
        half.rename(target)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return target


def _fill(source: Source, target: Path, name: str, merged: bool, progress: bool) -> None:
    entries = source.evaluation.entries
    if merged:
        save_merged(source, target)
        entries = measure_merged(source, target, progress=progress)
    else:
        copy_weights(source, target)
    write_json(target / "run.json", source.public_run())
    write_json(target / "loss_curve.json", source.curve)
    write_json(target / "eval.json", source.public_evaluation(entries))
    write_report(source, entries, target, merged=merged)
    write_data_card(source, target)
    write_card(source, entries, target, name=name, merged=merged)
    if source.base.licence == LICENCE:
        shutil.copyfile(ROOT / "LICENSE", target / "LICENSE")
