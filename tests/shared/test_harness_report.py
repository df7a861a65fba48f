"""The page and the records: two forms of one table, nothing fetched, every number from the rows."""

import html
import re
import sys
import types
from html.parser import HTMLParser

import pytest
from pydantic import ValidationError

from shared.artifacts import BaseRecord, EvalRecord, read_json, write_json
from shared.figures import alt_text
from shared.harness import figures, standard
from shared.harness.comparison import HarnessError, compare
from shared.harness.failures import COUNT, FAILURES, FailureError, FailuresRecord, drawn, my_failures, save_causes
from shared.harness.record import OutcomesRecord, eval_record, outcomes_record
from shared.harness.report import Page, headline, html_page, markdown, write_report
from shared.harness.running import TaskRun
from shared.harness.task import Task

PAGE = Page("Before & after", "It <b>forgot</b>.", {"base": "pocket-base"})
BASE = BaseRecord(id="b", fingerprint="0" * 64)


def task(name, kind):
    return Task(name, kind, [{"prompt": str(number), "completion": "x"} for number in range(50)], "exact", 4)


@pytest.fixture(scope="module")
def table():
    tasks = [task("tickets", "target"), task("long", "generalization"), task("replies", "general")]
    before = {"tickets": [0.0] * 50, "long": [0.0, 1.0] * 25, "replies": [1.0] * 50}
    after = {"tickets": [1.0] * 50, "long": [1.0, 0.0] * 25, "replies": [0.0] * 30 + [1.0] * 20}
    runs = [{one.name: TaskRun(one.name, one.fingerprint, [], scores[one.name]) for one in tasks}
            for scores in (before, after)]  # fmt: skip
    return compare(tasks, *runs)


def test_the_headline_names_every_task_once(table):
    assert headline(table) == "Better: tickets. Worse: replies. No evidence: long."


def test_both_forms_hold_the_same_cells(table):
    plain, page = markdown(PAGE, table), html_page(PAGE, table)
    for name, one in table.items():
        line = next(line for line in plain.splitlines() if line.startswith(f"| {name} |"))
        for cell in (part.strip() for part in line.strip("|").split("|")):
            assert f"<td>{html.escape(cell)}</td>" in page
        assert f"{one.means[0]:.3f}" in line and one.verdict in line


class Balanced(HTMLParser):
    """Raises for tags that do not nest."""

    def __init__(self):
        super().__init__()
        self.open, self.sources = [], []

    def handle_starttag(self, tag, attrs):
        """Remember what is open."""
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Close the innermost."""
        assert self.open.pop() == tag


def test_the_html_page_is_whole_and_fetches_nothing(table):
    page, parser = html_page(PAGE, table), Balanced()
    parser.feed(page)
    assert parser.open == [] and len(parser.sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in parser.sources)
    assert "<b>forgot</b>" not in page and "&lt;b&gt;forgot" in page and "Before &amp; after" in page
    assert len(re.findall(r'alt="[^"]{40,}"', page)) == 2


def test_a_report_is_two_files(table, tmp_path):
    paths = write_report(tmp_path / "artifacts", PAGE, table)
    assert [path.name for path in paths] == ["report.md", "report.html"] and all(path.stat().st_size for path in paths)


def test_figures_say_in_words_what_they_show(table):
    text = alt_text(figures.gains(table))
    assert "replies: -0.60" in text and "worse" in text
    assert "tickets: 0.00 to 1.00" in alt_text(figures.before_and_after(table))
    lines = figures.lines({"a": ([1, 2], [0.1, 0.2])}, x="rows", y="power", level=("80%", 0.8))
    assert "0.20 at 2" in alt_text(lines)


def test_records_come_back_as_they_were_written(table, tmp_path):
    words = {name: one.verdict for name, one in table.items()}
    record = outcomes_record(table, base=BASE, stage="model", seed=1, conclusions=words)
    write_json(tmp_path / "outcomes.json", record)
    assert read_json(tmp_path / "outcomes.json", OutcomesRecord, within=tmp_path) == record
    made = eval_record(table, base=BASE, stage="model")
    assert isinstance(made, EvalRecord) and [entry.after for entry in made.entries] == [1.0, 0.5, 0.4]
    with pytest.raises(ValidationError):
        outcomes_record(table, base=BASE, stage="model", seed=1, conclusions={"tickets": "fine"})


def test_ten_failures_are_a_learners_own(tmp_path):
    mine = my_failures(work=tmp_path)
    assert len(mine) == COUNT and mine == my_failures(work=tmp_path)
    assert len({tuple(drawn(seed)) for seed in range(20)}) == 20
    save_causes({"a": "model", "b": None}, work=tmp_path)
    assert read_json(tmp_path / FAILURES, FailuresRecord, within=tmp_path).causes == {"a": "model"}
    for causes, words in (({"z": "model"}, "none of your failures"), ({"a": "luck"}, "no cause 'luck'")):
        with pytest.raises(FailureError, match=words):
            save_causes(causes, work=tmp_path)


def test_without_lm_eval_the_standard_tasks_are_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(HarnessError, match="lm_eval is not installed"):
        standard.run_standard(None, None)


def stand_in(monkeypatch, simple_evaluate):
    """Put a library with the interface of lm_eval 0.4.13 in its place."""
    library, models = types.ModuleType("lm_eval"), types.ModuleType("lm_eval.models.huggingface")
    library.simple_evaluate, models.HFLM = simple_evaluate, lambda **options: ("model", options)
    parts = {"lm_eval": library, "lm_eval.models": types.ModuleType("x"), "lm_eval.models.huggingface": models}
    for name, module in parts.items():
        monkeypatch.setitem(sys.modules, name, module)


def test_without_a_network_the_standard_tasks_are_one_line(monkeypatch):
    def simple_evaluate(**_):
        raise ConnectionError("no hub")

    stand_in(monkeypatch, simple_evaluate)
    with pytest.raises(HarnessError, match=r"piqa: data not to be had from the hub \(ConnectionError\)"):
        standard.run_standard(None, None, tasks=["piqa"])


def test_lm_evals_samples_become_rows_of_the_same_table(monkeypatch):
    asked = {}

    def simple_evaluate(**options):
        asked.update(options)
        made = [{"doc_id": place, "doc_hash": f"d{place}", "prompt_hash": f"p{place}", "acc": float(place % 2)}
                for place in (2, 0, 1, 3)]  # fmt: skip
        return {"samples": dict.fromkeys(options["tasks"], made)}

    stand_in(monkeypatch, simple_evaluate)
    tasks, runs = standard.run_standard("m", "t", tasks=["piqa"], limit=4)
    assert runs["lm_eval piqa"].scores == [0.0, 1.0, 0.0, 1.0] and asked["limit"] == 4 and asked["num_fewshot"] == 0
    assert compare(tasks, runs, runs)["lm_eval piqa"].verdict == "no evidence"
