"""Grade a class: `python -m autograder.grading 04 --jobs 4`, or over a Dask cluster.

Each student goes through nbgrader's own converter in the course's own loop, as with `nbgrader autograde`. What is added
here: whoever's work has not changed since is passed over (`fingerprint`, `ledger`), and students are shared out to
worker processes (`worker`), which `jobs` starts on this machine and `cluster` on others.
"""
