"""Grade a class: `python -m autograder.grading 04 --jobs 4`, or over a Dask cluster.

One student at a time goes through nbgrader's own converter in a place apart (`staging`); the result enters the
gradebook in one transaction (`ledger`, `merge`), and the folder takes the old one's place by a rename (`publish`).
Students are shared out to worker processes (`worker`), which `jobs` starts on this machine and `cluster` on others.
"""
