"""An evaluation harness that a team would keep: the same tasks, prompts and decoding, before and after.

It reads in this order:

- `task`        what a task is: rows, a scorer, a token budget, and the fingerprint that pins all three
- `suite`       the course's own suite: the target, three ways to generalize, five things that may be forgotten
- `running`     let a model answer a suite
- `comparison`  two runs, row by row: gain, interval, p-value, verdict
- `record`      what is kept of it: `outcomes.json` (every row) and `eval.json` (the course's contract)
- `report`      the one page: Markdown, and HTML with plots, in one file each

Beside them: `judge` (a pairwise judge and its biases), `standard` (lm-evaluation-harness), `simulation` (what chance
does to tests), `failures` (ten failures to read) and `figures`.
"""
