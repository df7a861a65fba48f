"""A rung's notebook as a Python file in the "percent" format, and back, for editing in a text editor.

    python scripts/notebook_text.py write rungs/rung-02-sft/rung-02-sft.ipynb text/rung-02-sft.py
    python scripts/notebook_text.py read  rungs/rung-02-sft/rung-02-sft.ipynb text/rung-02-sft.py

`make text-rung-02` and `make build-rung-02` call it. jupytext does the conversion. It has no place for cell
ids, and its own way of matching old cells with new ones gives an edited cell a new id; so the ids travel in
the cells' header lines, beside nbgrader's metadata. Outputs are dropped: the notebooks in git hold none.
"""

import sys
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

PERCENT = "py:percent"


def to_text(notebook: NotebookNode) -> str:
    """The notebook as text; each cell's id stands in its header line."""
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        cell.metadata["id"] = cell.id
    notebook.metadata["jupytext"] = {"cell_metadata_filter": "all", "notebook_metadata_filter": "-all"}
    return jupytext.writes(notebook, fmt=PERCENT)


def from_text(text: str, original: NotebookNode) -> NotebookNode:
    """The notebook that the text describes, with the notebook-level metadata of `original`.

    A cell without an id in its header line is new and gets one. Two cells with one id, as left by copying a
    cell, raise ValueError.
    """
    notebook = jupytext.reads(text, fmt=PERCENT)
    notebook.metadata = original.metadata
    notebook.nbformat, notebook.nbformat_minor = original.nbformat, original.nbformat_minor
    seen: set[str] = set()
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's note to itself about blank lines
        cell.id = cell.metadata.pop("id", cell.id)
        if cell.id in seen:
            raise ValueError(f'two cells have id="{cell.id}"; remove the id from the copy\'s header line')
        seen.add(cell.id)
    nbformat.validate(notebook)
    return notebook


def main(arguments: list[str]) -> int:
    """Write or read one notebook's text; 0 when it worked, 2 with one line on stderr when it did not."""
    if len(arguments) != 3 or arguments[0] not in ("write", "read"):
        print("usage: notebook_text.py write|read NOTEBOOK TEXT", file=sys.stderr)
        return 2
    direction, notebook_path, text_path = arguments[0], Path(arguments[1]), Path(arguments[2])
    try:
        notebook = nbformat.read(notebook_path, as_version=4)
        if direction == "write":
            text_path.parent.mkdir(exist_ok=True)
            text_path.write_text(to_text(notebook), encoding="utf-8")
        else:
            nbformat.write(from_text(text_path.read_text(encoding="utf-8"), notebook), notebook_path)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        print(f"notebook_text: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    print(text_path if direction == "write" else notebook_path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
