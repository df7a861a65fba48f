"""What is left of a learner's Markdown and HTML on a grader's page: all that is to be read, nothing that acts."""

from fnmatch import fnmatchcase

import pytest
from bs4 import BeautifulSoup, Tag
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from traitlets.config import Config

from autograder.safe_page import PAGE_FILES, PlainOutputs, clean
from shared.course import ROOT

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
ACTS = [
    "<script>owned()</script>",
    "<<script>script>owned()</script>",
    "<img src=x onerror=owned()>",
    "<svg onload=owned()><circle r=9 /></svg>",
    "<a href='javascript:owned()'>my plots</a>",
    "<a href='JaVa\tScript:owned()'>my plots</a>",
    "<a href='page.html'>my plots</a>",
    "<a href='//other.example/'>my plots</a>",
    "<img src='https://other.example/seen.png'>",
    "<img src='data:text/html;base64,AAAA'>",
    "<iframe srcdoc='<script>owned()</script>'></iframe>",
    "<object data='data:text/html,owned'></object>",
    "<base href='https://other.example/'>",
    "<meta http-equiv=refresh content='0;url=https://other.example/'>",
    "<link rel=stylesheet href='https://other.example/a.css'>",
    "<style>.panel-heading { display: none }</style>",
    "<form action='/formgrader/api'><input id=explain-sft><button>Full credit</button></form>",
    "<h1 id=explain-sft class=nbgrader_cell>mine</h1>",
    "<div style='position: fixed; top: 0; background: url(https://other.example/a.png)'>mine</div>",
    "<details open ontoggle=owned()>mine</details>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=owned()>",
    "<table background='javascript:owned()'><tr><td onmouseover=owned()>1</td></tr></table>",
]
ACTING = set("script style iframe object base meta link form input button svg".split())
ALLOWED_URLS = ("https://arxiv.org/", "#", "data:image/")


def exporter() -> HTMLExporter:
    """Return nbconvert's exporter with the course's own settings for pages, read from nbgrader_config.py."""
    config = Config()
    code = compile((ROOT / "nbgrader_config.py").read_text(), "nbgrader_config.py", "exec")
    exec(code, {"get_config": lambda: config})
    config.HTMLExporter.template_name = "classic"
    return HTMLExporter(config=Config(HTMLExporter=config.HTMLExporter))


def shown(data: dict, metadata: dict | None = None) -> NotebookNode:
    """Return a code cell with one output."""
    return new_code_cell("1", outputs=[new_output("display_data", data=data, metadata=metadata or {})])


def body(page: str) -> BeautifulSoup:
    """Return what the notebook put on the page, without the template's own head and scripts."""
    return BeautifulSoup(page, "html.parser").find(id="notebook-container") or BeautifulSoup(page, "html.parser").body


def faults(soup: BeautifulSoup) -> list[str]:
    """Return every tag that acts, reaches out, or could stand for one of formgrader's."""
    return [str(tag)[:100] for tag in soup.find_all(True) if _acts(tag) or _could_stand_for_a_box(tag)]


def _acts(tag: Tag) -> bool:
    urls = [tag[name] for name in ("href", "src", "action", "data", "background") if name in tag.attrs]
    handlers = [name for name in tag.attrs if name.startswith("on") or name == "srcdoc"]
    style = tag.get("style", "")
    elsewhere = any(not url.startswith(ALLOWED_URLS) for url in urls)
    return bool(tag.name in ACTING or handlers or elsewhere or "position" in style or "url" in style)


def _could_stand_for_a_box(tag: Tag) -> bool:
    return tag.get("id") == "explain-sft" or "nbgrader_cell" in tag.get("class", [])


@pytest.mark.parametrize("html", ACTS)
def test_nothing_acts(html):
    assert faults(BeautifulSoup(html, "html.parser")), "the test does not see what is wrong with it"
    assert faults(BeautifulSoup(clean(html), "html.parser")) == []


PLACES = {
    "markdown": new_markdown_cell,
    "html": lambda html: shown({"text/html": html}),
    "markdown output": lambda html: shown({"text/markdown": html}),
    "raw": lambda html: new_raw_cell(html, metadata={"raw_mimetype": "text/html"}),
    "attachment": lambda html: new_markdown_cell(
        "![a](attachment:a.png)", attachments={"a.png": {f"image/png' onerror='owned()' alt='{html}": "AAAA"}}
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_acts_wherever_it_stands_in_a_notebook(place):
    notebook = new_notebook(cells=[PLACES[place](html) for html in ACTS])
    page, _ = exporter().from_notebook_node(notebook)
    assert faults(body(page)) == []


@pytest.mark.parametrize(
    "data",
    [
        {"application/javascript": "owned()"},
        {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "a bar"},
        {"image/svg+xml": "<svg onload='owned()'></svg>"},
        {"text/vnd.mermaid": "graph TD; A-->B; click A href 'javascript:owned()'"},
        {"text/latex": "$\\href{javascript:owned()}{x}$<script>owned()</script>"},
    ],
    ids=lambda data: next(iter(data)),
)
def test_no_kind_of_output_acts(data):
    page, _ = exporter().from_notebook_node(new_notebook(cells=[shown(data)]))
    assert faults(body(page)) == []


def test_what_an_output_says_of_its_size_is_not_believed():
    metadata = {"image/png": {"width": "1 onerror=owned()", "height": 7, "alt": "my plot"}}
    cell = shown({"image/png": "AAAA"}, metadata)
    page, _ = exporter().from_notebook_node(new_notebook(cells=[cell]))
    assert faults(body(page)) == []
    plain, _ = PlainOutputs().preprocess(new_notebook(cells=[cell]), {})
    assert plain.cells[0].outputs[0].metadata == {} and plain.cells[0].outputs[0].data == {"image/png": "AAAA"}


def test_what_is_to_be_read_stays():
    figure = f'<img alt="Loss falls from 2.5 to 0.1." src="{PIXEL}">'
    assert clean(figure) == figure
    table = '<style scoped>.dataframe { color: red }</style><table class="dataframe"><tr><th>n</th></tr></table>'
    assert clean(table) == '<table class="dataframe"><tbody><tr><th>n</th></tr></tbody></table>'
    report = '<span style="color: #008000; font-weight: bold">Done: 4 of 4 points.</span>'
    assert BeautifulSoup(clean(report), "html.parser").span["style"] == "color: #008000; font-weight: bold;"


@pytest.mark.parametrize("text", ["the token <unk> and a < b", "<|im_end|> ends it", "<s> is struck, <eos> is not"])
def test_words_in_angle_brackets_can_be_read(text):
    said = body(exporter().from_notebook_node(new_notebook(cells=[new_markdown_cell(text)]))[0]).get_text()
    assert text.replace("<s>", "") in said


def test_progress_bars_and_tables_of_libraries_stay():
    table = '<table><tbody><tr><td style="color: red;">1</td></tr></tbody></table>'
    html = f'<div><progress value="3" max="10"></progress>{table}</div>'
    assert clean(html) == html


def test_a_cells_markdown_stays():
    text = "## Why\n\nIt is $a < b$, see [arXiv](https://arxiv.org/abs/2203.02155)."
    text += "\n\n```python\nx = 1\n```\n\n|a|\n|-|\n|1|\n"
    soup = body(exporter().from_notebook_node(new_notebook(cells=[new_markdown_cell(text)]))[0])
    assert soup.h2.get_text() == "Why" and soup.a["href"] == "https://arxiv.org/abs/2203.02155"
    assert "$a < b$" in soup.p.get_text() and soup.find(class_="highlight") and soup.td.get_text() == "1"


def test_an_attached_picture_stays():
    cell = new_markdown_cell("![my plot](attachment:a.png)", attachments={"a.png": {"image/png": PIXEL.split(",")[1]}})
    soup = body(exporter().from_notebook_node(new_notebook(cells=[cell]))[0])
    assert soup.img["src"] == PIXEL and soup.img["alt"] == "my plot"


@pytest.mark.parametrize(
    "html", ["<div>" * 50_000, "<b" * 50_000, "> " * 5_000, "\x00<script", "[" * 9_000, "<style " * 4_999]
)
def test_what_is_no_html_ends_as_text(html):
    page, _ = exporter().from_notebook_node(new_notebook(cells=[new_markdown_cell(html)]))
    assert faults(body(page)) == []


@pytest.mark.parametrize("name", "page.html PAGE.HTM page.xhtml a.shtml plot.svg a.XML a.xsl a.svgz".split())
def test_pages_of_a_learner_are_not_copied_to_where_formgrader_serves_them(name):
    assert any(fnmatchcase(name, pattern) for pattern in PAGE_FILES)


@pytest.mark.parametrize("name", "rung-02-sft.ipynb eval.json model.safetensors chat_template.jinja a.txt".split())
def test_what_is_graded_is_copied(name):
    assert not any(fnmatchcase(name, pattern) for pattern in PAGE_FILES)
