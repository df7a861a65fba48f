"""Figures: axes, units, descriptions, and that they can be told apart without colour."""

import base64
import re

import pytest
from matplotlib.container import BarContainer

from shared.artifacts import CurveRow, EvalEntry, LossCurve
from shared.figures import (
    alt_text,
    before_after,
    dots,
    levels_and_values,
    loss_curve,
    memory_bars,
    memory_timeline,
    page,
    png,
    show,
    token_losses,
)

CURVE = LossCurve(
    rows=[
        CurveRow(step=step, tokens=step, loss=3.0 / step, learning_rate=1e-3, seconds=1.0, eval_loss=evaluated)
        for step, evaluated in ((1, None), (2, 1.6), (3, None), (4, 0.8))
    ]
)


def entry(metric, before, after, **changes):
    facts = {"task": "tickets", "split": "public", "metric": metric, "n": 200, "data_fingerprint": "x"}
    return EvalEntry(**facts | {"before": before, "after": after, "interval": (after - 0.05, after + 0.02)} | changes)


ENTRIES = [entry("valid_json", 0.0, 0.98), entry("exact_match", 0.01, 0.75, phrasing="unseen")]


def test_a_loss_curve_names_its_axes_and_marks_its_evaluations():
    axes = loss_curve({"lr 1e-3": CURVE}).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Training step", "Loss (nats per token)")
    line, points = axes.get_lines()
    assert line.get_ydata().tolist() == [3.0, 1.5, 1.0, 0.75]
    assert (points.get_xdata().tolist(), points.get_linestyle()) == ([2, 4], "None")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["lr 1e-3", "lr 1e-3, evaluation"]


def test_curves_differ_in_more_than_colour():
    plain = LossCurve(rows=[row.model_copy(update={"eval_loss": None}) for row in CURVE.rows])
    lines = loss_curve({str(number): plain for number in range(5)}).axes[0].get_lines()
    assert len({repr((line._dash_pattern, line.get_linestyle())) for line in lines}) == 5


def test_bars_carry_scores_and_intervals():
    axes = before_after(ENTRIES).axes[0]
    before, after = [bars for bars in axes.containers if isinstance(bars, BarContainer)]
    assert [bar.get_height() for bar in before] == [0.0, 0.01]
    assert [bar.get_height() for bar in after] == [0.98, 0.75]
    assert {bar.get_hatch() for bar in before} == {"//"}
    whiskers = after.errorbar.lines[2][0].get_segments()
    assert [[round(y, 2) for _, y in whisker] for whisker in whiskers] == [[0.93, 1.0], [0.70, 0.77]]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "valid json",
        "exact match\nunseen phrasing",
    ]
    assert axes.get_ylabel() == "Score (share of rows)"


def test_figures_are_described_in_words():
    text = alt_text(loss_curve({"hot": CURVE}))
    assert text == "Training loss by step. hot: from 3.00 at step 1 to 0.75 at step 4, evaluation 0.80."
    text = alt_text(before_after(ENTRIES))
    assert "exact match, unseen phrasing: from 0.01 to 0.75 (0.70 to 0.77)." in text


def test_the_description_reaches_page_and_file():
    figure = loss_curve({'a "<quoted>" label': CURVE})
    element = page(figure)["text/html"]
    alt, data = re.fullmatch(r'<img alt="([^"<>]*)" src="data:image/png;base64,([^"]*)">', element).groups()
    assert "a &quot;&lt;quoted&gt;&quot; label" in alt
    picture = base64.b64decode(data)
    assert picture.startswith(b"\x89PNG")
    assert b"Description\x00Training loss" in png(loss_curve({"x": CURVE}))


def test_show_puts_text_where_there_are_no_pictures(capsys):
    show(before_after(ENTRIES))
    assert capsys.readouterr().out.startswith("Scores before and after training.")


@pytest.mark.parametrize("n", [1, 7])
def test_any_number_of_curves_can_be_drawn(n):
    assert len(loss_curve({str(number): CURVE for number in range(n)}).axes[0].get_lines()) == 2 * n


def test_a_logarithmic_loss_curve_is_one():
    curve = LossCurve(rows=[CurveRow(step=i, tokens=i, loss=10.0**-i, learning_rate=1e-3, seconds=i) for i in (1, 2)])
    assert loss_curve({"run": curve}, log_scale=True).axes[0].get_yscale() == "log"
    assert loss_curve({"run": curve}).axes[0].get_yscale() == "linear"


def test_token_losses_tell_prompt_and_answer_apart():
    figure = token_losses(["Ticket", " :", "{"], [3.0, 1.0, 5.5], [False, False, True], chance=2.3)
    prompt, answer = [one for one in figure.axes[0].containers if isinstance(one, BarContainer)]
    assert [bar.get_height() for bar in prompt] == [3.0, 1.0]
    assert [bar.get_height() for bar in answer] == [5.5]
    assert prompt[0].get_hatch() and not answer[0].get_hatch()
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["Ticket", "␣:", "{"]
    assert set(figure.axes[0].get_lines()[0].get_ydata()) == {2.3}
    assert "{ 5.5" in alt_text(figure) and "ln V: 2.3" in alt_text(figure)


def test_dots_show_every_seed_and_their_mean():
    figure = dots({"rank 1": [0.1, 0.3], "rank 2": [0.5]}, label="right", reference=("full", 0.9))
    axes = figure.axes[0]
    rings = [line.get_xdata() for line in axes.get_lines() if line.get_marker() == "o"]
    assert [list(values) for values in rings] == [[0.1, 0.3], [0.5]]
    bars = [line.get_xdata()[0] for line in axes.get_lines() if line.get_linewidth() == 2]
    assert bars == pytest.approx([0.2, 0.5])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["rank 1", "rank 2"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first setting stands at the top"
    words = "right, one score a seed. rank 1: 0.10, 0.30. rank 2: 0.50. Dashed line, full: 0.90."
    assert alt_text(figure) == words


def test_memory_bars_add_up_and_mark_the_cards():
    recipes = {"full": {"weights": 10, "optimizer": 30}, "LoRA": {"weights": 10, "optimizer": 1}}
    figure = memory_bars(recipes, cards=(24,))
    axes = figure.axes[0]
    assert [[bar.get_width() for bar in group] for group in axes.containers] == [[10, 10], [30, 1]]
    assert [[bar.get_x() for bar in group] for group in axes.containers] == [[0, 0], [10, 10]]
    assert len({group[0].get_hatch() for group in axes.containers}) == 2
    (card,) = axes.get_lines()
    assert card.get_xdata()[0] == pytest.approx(24e9 / 2**30)
    assert alt_text(figure) == "Memory in GiB by recipe, made of weights, optimizer. full: 40.0. LoRA: 11.0."


def test_levels_stand_where_they_are():
    figure = levels_and_values([-1.0, 0.0, 1.0], [0.1, -0.2, 1.0])
    axes = figure.axes[0]
    assert [line.get_xdata()[0] for line in axes.get_lines()] == [-1.0, 0.0, 1.0]
    text = alt_text(figure)
    assert "Histogram of 3 scaled weights" in text and "3 levels as lines: -1.00, 0.00, 1.00" in text
    assert axes.get_xlabel() and axes.get_ylabel()


def test_a_memory_timeline_shows_phases_and_the_cap():
    figure = memory_timeline([0, 1, 2], [1.0, 30.0, 44.2], [(0, "made"), (1.5, "trained")], cap=47)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (seconds)", "memory in use (GiB)")
    assert axes.get_lines()[0].get_ydata().tolist() == [1.0, 30.0, 44.2]
    assert set(axes.get_lines()[1].get_ydata()) == {47}
    assert alt_text(figure) == "Memory over time: at most 44.2 of 47 GiB. Phases: made from 0 s, trained from 2 s."
