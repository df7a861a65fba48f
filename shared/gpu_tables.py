"""What training steps took on a GPU, as Markdown: speed and memory of each run beside the estimator's peak."""

from dataclasses import fields, replace
from typing import Any

from shared.measured import Table, measured
from shared.memory import GIB, Recipe, estimate
from shared.model_shape import SHAPES

HEADLINE_RECIPE = Recipe("qlora", 1, rank=64, optimizer="paged-adamw", whole_logits=True)

HEAD = (
    "| run, rows x tokens a step | tokens/s | peak, GiB | estimated | off by |",
    "| --- | --- | --- | --- | --- |",
)


def recipe_of(row: dict[str, Any]) -> Recipe:
    """Return the recipe that a measured row was run with."""
    return Recipe(**{field.name: row[field.name] for field in fields(Recipe) if field.name in row})


def headline_recipe(row: dict[str, Any]) -> Recipe:
    """Return the recipe of a row of the 65B table: the paper's, in a plain loop (scripts/bench_65b.py)."""
    return replace(HEADLINE_RECIPE, sequence=row["sequence"])


def estimated_gib(row: dict[str, Any]) -> float | None:
    """Return the estimated peak of a measured row in GiB; None for another library's own recipe."""
    if row["library"] != "trl":
        return None
    return estimate(SHAPES[row["shape"]], recipe_of(row)).peak / GIB


def speed_table() -> str:
    """Return tokens a second, peak and estimate of every run of `shared/measured/training.json` and `65b.json`."""
    table, headline = measured("training"), measured("65b")
    lines = [*HEAD, *map(_run_line, table.rows)]
    for row in headline.rows:
        speed = row["sequence"] / row["seconds_a_step"]
        guess = estimate(SHAPES["llama-65b"], headline_recipe(row)).peak / GIB
        lines.append(_line(f"65B, rank 64, {row['name']}", speed, row["peak_gib"], guess))
    return "\n".join([*lines, "", _about(table, headline.command)])


def larger_card_table() -> str:
    """Return the same of the runs repeated on a larger card, `shared/measured/training-h200.json`."""
    table = measured("training-h200")
    return "\n".join([*HEAD, *map(_run_line, table.rows), "", _about(table)])


def notebooks_table() -> str:
    """Return what each notebook took on a GPU, `shared/measured/notebooks.json`."""
    table = measured("notebooks")
    lines = [
        "| rung | base | notebook | most in tensors | its check once more | points with random weights |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in table.rows:
        points = f"{row['points']} of {row['of']}" if row["weights"] == "random" else ""
        cells = row["name"], row["base"], f"{row['seconds']} s", f"{row['peak_gib']} GiB", f"{row['check_seconds']} s"
        lines.append(f"| {' | '.join(cells)} | {points} |")
    return "\n".join([*lines, "", _where(table, table.command) + "."])


def _run_line(row: dict[str, Any]) -> str:
    return _line(row["name"], row["tokens_per_second"], row["peak_gib"], estimated_gib(row))


def _line(name: str, speed: float, peak: float, guess: float | None) -> str:
    against = f"{guess:.2f} | {guess / peak - 1:+.1%}" if guess else " | "
    return f"| {name} | {speed:,.0f} | {peak:.2f} | {against} |"


def _about(table: Table, *commands: str) -> str:
    """Return where, when and with which versions, what was trained, and the commands."""
    models = "models of random weights, Llama-7B's shape unless said"
    return f"{_where(table, table.command, *commands)}; {models}."


def _where(table: Table, *commands: str) -> str:
    """Return by which commands, where, when and with which versions."""
    versions = ", ".join(f"{name} {version}" for name, version in table.versions.items())
    days = sorted({row["date"] for row in table.rows})
    when = " to ".join(sorted({days[0], days[-1]}))
    said = " and ".join(f"`{command}`" for command in commands)
    return f"By {said} on {table.machine}, {when}, {versions}"
