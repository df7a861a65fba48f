"""Rung 05's own plots, in the manner of `shared.figures`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shared.curation.near import catch_rate
from shared.figures import COLOURS, LINES, MARKERS, _describe, _figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def catch_curves(bands: Sequence[tuple[int, int]], threshold: float) -> "Figure":
    """Return one curve for each (bands, rows a band): the chance that a pair meets, by its similarity."""
    figure = _figure(width=7.0, height=3.4)
    axes = figure.add_subplot()
    similarities = [place / 200 for place in range(201)]
    for (count, rows), colour, line in zip(bands, COLOURS, LINES, strict=False):
        chances = [catch_rate(similarity, count, rows) for similarity in similarities]
        axes.plot(similarities, chances, color=colour, linestyle=line, label=f"{count} bands of {rows}")
    axes.axvline(threshold, color="black", lw=1, ls=":", label=f"threshold {threshold:g}")
    axes.set(xlabel="Jaccard similarity of two texts", ylabel="chance to meet in a band", ylim=(0, 1.03), xlim=(0, 1))
    axes.legend(frameon=False)
    said = "; ".join(f"{b} bands of {r}: {catch_rate(threshold, b, r):.2f}" for b, r in bands)
    return _describe(figure, f"Chance that two texts become candidates, by similarity. At {threshold:g}: {said}.")


def growth(rows: Sequence[int], curves: Mapping[str, Sequence[float]]) -> "Figure":
    """Return one curve a quantity by number of rows, both axes logarithmic, each beside a line of slope 1."""
    figure = _figure(width=7.0, height=3.6)
    axes = figure.add_subplot()
    for (name, values), colour, marker in zip(curves.items(), COLOURS[1:], MARKERS, strict=False):
        axes.plot(rows, values, marker=marker, color=colour, label=name)
        axes.plot(rows, [values[-1] * size / rows[-1] for size in rows], color=colour, ls=":", lw=1)
    axes.set(xlabel="rows", ylabel="amount (units in the legend)", xscale="log", yscale="log")
    axes.legend(frameon=False, title="dotted: exactly linear")
    said = ". ".join(f"{name}: {', '.join(f'{value:g}' for value in values)}" for name, values in curves.items())
    return _describe(figure, f"Growth with the number of rows ({', '.join(map(str, rows))}). {said}.")
