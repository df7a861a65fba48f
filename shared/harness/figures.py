"""The harness's plots: the table as a picture, and what chance does."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shared.figures import COLOURS, LINES, MARKERS, _describe, _figure
from shared.harness.comparison import Comparison, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGNS: dict[Verdict, str] = {"better": "^", "worse": "v", "no evidence": "o"}


def gains(comparisons: Mapping[str, Comparison]) -> "Figure":
    """Return each task's mean gain with its 95% interval, one line a task; the marker is the verdict."""
    figure = _figure(width=7.5, height=1.2 + 0.38 * len(comparisons))
    axes = figure.add_subplot()
    axes.axvline(0, color="black", lw=1)
    seen: set[str] = set()
    for place, one in enumerate(comparisons.values()):
        low, high = one.gain_interval
        axes.plot([low, high], [place, place], color=COLOURS[1], lw=2)
        label = one.verdict if one.verdict not in seen else None
        seen.add(one.verdict)
        face = "white" if one.verdict == "no evidence" else COLOURS[1]
        axes.plot(one.gain, place, SIGNS[one.verdict], color=COLOURS[1], mfc=face, ms=9, label=label, ls="none")
    axes.set_yticks(range(len(comparisons)), [f"{one.task} ({one.kind})" for one in comparisons.values()])
    axes.set(
        xlabel="mean gain, after minus before (95% interval, paired bootstrap)", ylim=(len(comparisons) - 0.5, -0.5)
    )
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    text = " ".join(
        f"{one.task}: {one.gain:+.2f} ({one.gain_interval[0]:+.2f} to {one.gain_interval[1]:+.2f}), {one.verdict}."
        for one in comparisons.values()
    )
    return _describe(figure, f"Mean gain by task with 95% intervals. {text}")


def before_and_after(comparisons: Mapping[str, Comparison]) -> "Figure":
    """Return each task's score before (ring) and after (disc, with its 95% interval), one line a task."""
    figure = _figure(width=7.5, height=1.2 + 0.38 * len(comparisons))
    axes = figure.add_subplot()
    for place, one in enumerate(comparisons.values()):
        before, after = one.means
        label = ("before", "after (95% interval)") if place == 0 else (None, None)
        axes.plot([before, after], [place, place], color="#BBBBBB", lw=1.5, zorder=1)
        axes.plot(one.interval, [place, place], color=COLOURS[1], lw=4, alpha=0.5, zorder=2)
        axes.plot(before, place, "o", color="black", mfc="white", ms=8, label=label[0], ls="none")
        axes.plot(after, place, "s", color=COLOURS[1], ms=7, label=label[1], ls="none")
    axes.set_yticks(range(len(comparisons)), [f"{one.task}\n{one.metric}" for one in comparisons.values()], fontsize=8)
    axes.set(xlabel="score, 0 to 1", xlim=(-0.03, 1.03), ylim=(len(comparisons) - 0.5, -0.5))
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    text = " ".join(f"{one.task}: {one.means[0]:.2f} to {one.means[1]:.2f}." for one in comparisons.values())
    return _describe(figure, f"Scores before and after by task. {text}")


def lines(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    level: tuple[str, float] | None = None,
    log_x: bool = False,
) -> "Figure":
    """Return one line a label through (x values, y values); `level`, a name and a height, is drawn dashed."""
    figure = _figure(width=7.0, height=3.4)
    axes = figure.add_subplot()
    for (label, (places, values)), colour, line, marker in zip(curves.items(), COLOURS, LINES, MARKERS, strict=False):
        axes.plot(places, values, color=colour, ls=line, marker=marker, mfc="white", label=label)
    if level is not None:
        axes.axhline(level[1], color="black", ls=":", lw=1, label=level[0])
    if log_x:
        axes.set_xscale("log")
    marks = sorted({place for places, _ in curves.values() for place in places})
    axes.set_xticks(marks, [f"{mark:,g}" for mark in marks])
    axes.minorticks_off()
    axes.set(xlabel=x, ylabel=y, ylim=(0, None))
    axes.legend(frameon=False)
    text = " ".join(
        f"{label}: " + ", ".join(f"{value:.2f} at {place:g}" for place, value in zip(*points, strict=True)) + "."
        for label, points in curves.items()
    )
    return _describe(figure, f"{y} against {x}. {text}")
