"""The course's plots. Each returns a matplotlib Figure that survives a greyscale printer and a screen reader.

Line styles, markers and hatches tell things apart, never colour alone. Every figure carries a description in
words (`alt_text`), and `show` puts the figure on a notebook's page with that description as its alternative
text.
"""

import base64
import html
import sys
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import cycle
from typing import TYPE_CHECKING

from shared.artifacts import EvalEntry, LossCurve

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

# Okabe and Ito's palette, dark to light, so that neighbours also differ in lightness.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#56B4E9", "#E69F00")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v")


def loss_curve(curves: Mapping[str, LossCurve], *, unit: str = "nats per token", log_scale: bool = False) -> "Figure":
    """Return a plot of training loss (in `unit`) by step, one line a label; markers: evaluation loss.

    `log_scale` shows what goes on near 0, where the linear plot is flat.
    """
    figure = _figure(width=7.0, height=3.6)
    axes = figure.add_subplot()
    styles = zip(cycle(COLOURS), cycle(LINES), cycle(MARKERS))
    for (label, curve), (colour, line, marker) in zip(curves.items(), styles, strict=False):
        steps, losses = zip(*((row.step, row.loss) for row in curve.rows), strict=True)
        axes.plot(steps, losses, linestyle=line, color=colour, label=label)
        measured = [(row.step, row.eval_loss) for row in curve.rows if row.eval_loss is not None]
        if measured:
            steps, losses = zip(*measured, strict=True)
            axes.plot(steps, losses, marker, color=colour, mfc="white", label=f"{label}, evaluation")
    axes.set(xlabel="Training step", ylabel=f"Loss ({unit})")
    if log_scale:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.legend(frameon=False)
    return _describe(figure, "Training loss by step. " + " ".join(map(_describe_curve, curves, curves.values())))


def before_after(entries: Sequence[EvalEntry]) -> "Figure":
    """Return bars of each entry's score before and after training; whiskers are the 95% interval of after."""
    figure = _figure(width=7.0, height=3.6)
    axes = figure.add_subplot()
    left = [place - 0.2 for place in range(len(entries))]
    right = [place + 0.2 for place in range(len(entries))]
    scores = [[entry.before for entry in entries], [entry.after for entry in entries]]
    whiskers = [[e.after - e.interval[0] for e in entries], [e.interval[1] - e.after for e in entries]]
    before = axes.bar(left, scores[0], 0.38, color="white", edgecolor="black", hatch="//")
    after = axes.bar(right, scores[1], 0.38, color=COLOURS[1], yerr=whiskers, capsize=4)
    for bars, values in zip((before, after), scores, strict=True):
        axes.bar_label(bars, map(_number, values), padding=2)
    axes.set_xticks(range(len(entries)), map(_entry_label, entries))
    axes.set(ylabel="Score (share of rows)", ylim=(0, 1.15))
    labels = ["before", "after (95% interval)"]
    axes.legend([before, after], labels, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return _describe(figure, "Scores before and after training. " + " ".join(map(_describe_entry, entries)))


def token_losses(
    tokens: Sequence[str], losses: Sequence[float], in_answer: Sequence[bool], *, chance: float
) -> "Figure":
    """Return one bar a token: its loss in nats; hatched where the token is of the prompt, which training masks.

    A dashed line at `chance`: what a token costs a model that knows nothing, ln V. A space is shown as ␣.
    """
    figure = _figure(width=9.0, height=3.4)
    axes = figure.add_subplot()
    for answer, name, style in (
        (False, "prompt (masked)", {"color": "white", "edgecolor": "black", "hatch": "//"}),
        (True, "answer (counts)", {"color": COLOURS[1]}),
    ):
        places = [place for place, flag in enumerate(in_answer) if bool(flag) is answer]
        axes.bar(places, [losses[place] for place in places], 0.8, label=name, **style)
    axes.axhline(chance, color=COLOURS[2], ls="--", label=f"ln V = {chance:.1f}")
    axes.set_xticks(range(len(tokens)), [token.replace(" ", "␣") for token in tokens], rotation=90, fontsize=9)
    axes.set(xlabel="Token", ylabel="Loss (nats)", xlim=(-0.7, len(tokens) - 0.3))
    axes.legend(frameon=False)
    described = ", ".join(f"{token.strip()} {loss:.1f}" for token, loss in zip(tokens, losses, strict=True))
    return _describe(figure, f"Loss of each token: {described}. Dashed line, ln V: {chance:.1f}.")


def dots(scores: Mapping[str, Sequence[float]], *, label: str, reference: tuple[str, float] | None = None) -> "Figure":
    """Return one line a setting, from top to bottom: a ring for each seed's score, a bar at their mean.

    `reference`, a name and a score, is drawn as a dashed line over all of them.
    """
    figure = _figure(width=7.0, height=0.8 + 0.32 * len(scores))
    axes = figure.add_subplot()
    for place, values in enumerate(scores.values()):
        axes.plot(values, [place] * len(values), "o", color=COLOURS[1], mfc="white", ms=7)
        axes.plot([sum(values) / len(values)] * 2, [place - 0.28, place + 0.28], color=COLOURS[0], lw=2)
    if reference is not None:
        name, score = reference
        axes.axvline(score, color=COLOURS[2], ls="--")
        axes.text(score, -0.75, name, ha="right", va="bottom", fontsize=9)
    axes.set_yticks(range(len(scores)), scores)
    axes.set(xlabel=label, xlim=(-0.03, 1.03), ylim=(len(scores) - 0.4, -0.8))
    described = ". ".join(f"{name}: {', '.join(map(_number, values))}" for name, values in scores.items())
    line = f" Dashed line, {reference[0]}: {_number(reference[1])}." if reference else ""
    return _describe(figure, f"{label}, one score a seed. {described}.{line}")


def memory_bars(parts: Mapping[str, Mapping[str, float]], *, cards: Sequence[int] = (24, 80)) -> "Figure":
    """Return one bar a recipe, made of its parts (GiB, by name); dotted lines where cards of so many GB end."""
    figure = _figure(width=7.5, height=1.5 + 0.45 * len(parts))
    axes = figure.add_subplot()
    names = list(next(iter(parts.values())))
    shades = ("#333333", "#0072B2", "#E69F00", "#D55E00", "#BBBBBB", "#FFFFFF")
    hatches = ("", "//", "\\\\", "xx", "", "..")
    start = [0.0] * len(parts)
    for name, shade, hatch in zip(names, cycle(shades), cycle(hatches), strict=False):
        width = [recipe[name] for recipe in parts.values()]
        axes.barh(range(len(parts)), width, 0.62, left=start, color=shade, hatch=hatch, edgecolor="black", label=name)
        start = [left + more for left, more in zip(start, width, strict=True)]
    for place, total in enumerate(start):
        axes.text(total, place, f" {total:.1f}", va="center", fontsize=9)
    for card in cards:
        axes.axvline(card * 1e9 / 2**30, color="black", ls=":")
        axes.text(card * 1e9 / 2**30, -0.6, f"{card} GB card", ha="right", va="bottom", fontsize=8)
    axes.set_yticks(range(len(parts)), parts)
    axes.set(xlabel="GiB", ylim=(len(parts) - 0.5, -0.75), xlim=(0, 1.12 * max(*start, *cards)))
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1.04), fontsize=8)
    text = ". ".join(f"{label}: {total:.1f}" for label, total in zip(parts, start, strict=True))
    return _describe(figure, f"Memory in GiB by recipe, made of {', '.join(names)}. {text}.")


def memory_timeline(
    seconds: Sequence[float], gib: Sequence[float], phases: Sequence[tuple[float, str]], *, cap: float
) -> "Figure":
    """Return memory in use (GiB) over time, a line where each phase begins, and the cap that nothing may pass."""
    figure = _figure(width=8.0, height=3.6)
    axes = figure.add_subplot()
    axes.plot(seconds, gib, color=COLOURS[1])
    axes.axhline(cap, color=COLOURS[2], ls="--", label=f"cap, {cap:g} GiB")
    for place, (begun, name) in enumerate(phases):
        axes.axvline(begun, color="black", ls=":", lw=1)
        height = 1.04 + 0.07 * (place % 3)  # phases may follow each other quickly: their names stand on three lines
        axes.text(begun, height * cap, f" {name}", fontsize=8, va="bottom")
    axes.set(xlabel="time (seconds)", ylabel="memory in use (GiB)", ylim=(0, 1.25 * cap))
    axes.legend(frameon=False, loc="lower right")
    named = ", ".join(f"{name} from {begun:.0f} s" for begun, name in phases)
    return _describe(figure, f"Memory over time: at most {max(gib):.1f} of {cap:g} GiB. Phases: {named}.")


def levels_and_values(levels: Sequence[float], values: "Sequence[float] | np.ndarray") -> "Figure":
    """Return the histogram of scaled weights (each over its block's largest magnitude) with the levels as lines."""
    figure = _figure(width=7.0, height=3.2)
    axes = figure.add_subplot()
    axes.hist(values, bins=101, range=(-1, 1), color="#BBBBBB", density=True, label="weights of one matrix")
    for place, level in enumerate(levels):
        axes.axvline(level, color=COLOURS[1], lw=1.2, label="levels" if place == 0 else None)
    axes.set(xlabel="weight over its block's largest magnitude", ylabel="density", xlim=(-1.05, 1.05))
    axes.legend(frameon=False)
    return _describe(
        figure,
        f"Histogram of {len(values)} scaled weights, a bell around 0 and a spike at each end, where each block's "
        f"largest lies, and {len(levels)} levels as lines: {', '.join(map(_number, levels))}. They stand closer where "
        "there are more weights.",
    )


def alt_text(figure: "Figure") -> str:
    """Return the description in words that the figure carries."""
    return figure.get_label()


def png(figure: "Figure") -> bytes:
    """Return the figure as PNG; its description travels along as the file's metadata."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=110, metadata={"Description": alt_text(figure)})
    return file.getvalue()


def page(figure: "Figure") -> dict[str, str]:
    """Return the figure as Jupyter displays it: an `<img>` with alternative text, or that text alone."""
    data = base64.b64encode(png(figure)).decode()
    alt = html.escape(alt_text(figure))
    return {
        "text/html": f'<img alt="{alt}" src="data:image/png;base64,{data}">',
        "text/plain": alt_text(figure),
    }


def show(figure: "Figure") -> None:
    """Show the figure on the notebook's page, with its alternative text; elsewhere, print that text."""
    if not in_jupyter():
        print(alt_text(figure))
        return
    from IPython.display import display

    display(page(figure), raw=True)


def in_jupyter() -> bool:
    """Return whether this code runs in a Jupyter kernel, which has a page to draw on."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


def _figure(width: float, height: float) -> "Figure":
    """Return an empty figure (inches) that no notebook back end shows by itself a second time."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _describe(figure: "Figure", text: str) -> "Figure":
    """Hang the description on the figure, as its label, and tidy its frame."""
    figure.set_label(text.strip())
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
        axes.set_axisbelow(True)
    return figure


def _describe_curve(label: str, curve: LossCurve) -> str:
    first, last = curve.rows[0], curve.rows[-1]
    text = f"{label}: from {first.loss:.2f} at step {first.step} to {last.loss:.2f} at step {last.step}"
    measured = [row for row in curve.rows if row.eval_loss is not None]
    return f"{text}, evaluation {measured[-1].eval_loss:.2f}." if measured else f"{text}."


def _describe_entry(entry: EvalEntry) -> str:
    low, high = entry.interval
    name = _entry_label(entry).replace("\n", ", ")
    return f"{name}: from {_number(entry.before)} to {_number(entry.after)} ({_number(low)} to {_number(high)})."


def _entry_label(entry: EvalEntry) -> str:
    phrasing = f"\n{entry.phrasing} phrasing" if entry.phrasing else ""
    return entry.metric.replace("_", " ") + phrasing


def _number(value: float) -> str:
    return f"{value:.2f}"
