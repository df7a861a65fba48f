"""What a submission may show the human who grades it, and what it may not do there."""

import pytest
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from autograder.harmless_pages import HarmlessPages

ROW = '<tr><td style="color: red;">0.5</td></tr>'
TABLE = f'<div><progress value="3" max="10"></progress><table><tbody>{ROW}</tbody></table></div>'


def shown(cell):
    """Return the cell as it stands on a page."""
    return HarmlessPages().preprocess(new_notebook(cells=[cell]), {})[0].cells[0]


def output_of(data: dict) -> dict:
    return shown(new_code_cell("show()", outputs=[new_output("display_data", data=data)])).outputs[0].data


@pytest.mark.parametrize(
    "attack",
    [
        "<script>steal()</script>",
        '<img src="x" onerror="steal()">',
        '<svg onload="steal()"></svg>',
        '<iframe src="javascript:steal()"></iframe>',
        '<div onclick="steal()">press</div>',
        '<p style="background-image: url(javascript:steal())">x</p>',
        '<form action="/formgrader/api"><button>press</button></form>',
    ],
)
def test_html_that_could_act_is_text(attack):
    for page in (shown(new_markdown_cell(attack)).source, shown(new_raw_cell(attack)).source,
                 output_of({"text/html": attack})["text/html"]):  # fmt: skip
        for active in ("<script", "<img", "<svg", "<iframe", "<form", "<button", "<div on", '<p style="b'):
            assert active not in page


@pytest.mark.parametrize(
    "link",
    [
        "[press](javascript:steal())",
        "[press](JavaScript:steal())",
        "[press](\n javascript:steal())",
        "[press](&#106;avascript:steal())",
        "[press](javascript&colon;steal())",
        "[press](java\\script:steal())",
        "[press](data:text/html,x)",
        "[press][a]\n\n[a]: javascript:steal()",
        "![press](vbscript:steal())",
        "<javascript:steal()>",
        '<a href="javascript:steal()">press</a>',
    ],
)
def test_a_link_that_runs_a_script_leads_nowhere(link):
    page = markdown2html_mistune(shown(new_markdown_cell(link)).source)
    assert "<a" not in page and "<img" not in page


def test_a_link_to_a_page_stays_one():
    text = "[paper](https://arxiv.org/abs/2305.18290), [here](#top), [a](page.html#a:b)\n\n[b]: https://example.org"
    assert shown(new_markdown_cell(text)).source == text


@pytest.mark.parametrize(
    "kind", ["application/javascript", "image/svg+xml", "application/vnd.jupyter.widget-view+json"]
)
def test_outputs_that_are_scripts_are_dropped(kind):
    assert output_of({kind: "steal()", "text/plain": "a figure"}) == {"text/plain": "a figure"}


def test_figures_tables_and_plain_text_stay():
    data = {"image/png": "AAAA", "text/html": TABLE, "text/plain": "a < b <unk>"}
    assert output_of(data) == data


def test_code_and_what_it_printed_stay():
    printed = [new_output("stream", name="stdout", text="<script>is only text here</script>")]
    cell = shown(new_code_cell("print('<script>')", outputs=printed))
    assert cell.source == "print('<script>')" and cell.outputs == printed


def test_markdown_stays_markdown():
    text = "<details><summary>Hint</summary>\n> quoted, **bold**, $a<0$, a < b, R&D, x <= 3"
    assert shown(new_markdown_cell(text)).source == text
    assert shown(new_markdown_cell("the token <unk>")).source == "the token &lt;unk>"
