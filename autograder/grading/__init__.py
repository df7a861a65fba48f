"""Grade a class: `python -m autograder.grading 04 --jobs 4`, or over a Dask cluster.

Each student goes through nbgrader's own converter in the course's own loop, as with `nbgrader autograde`. What is added
here: whoever's work has not changed since is passed over (`fingerprint`, `ledger`), and students are shared out to
worker processes (`worker`), which `jobs` starts on this machine and `cluster` on others.
"""

import sys

# Where this package is installed, importing jsonschema (nbgrader does) builds a parser of internationalised addresses
# from a grammar, which takes most of a second. No schema here asks for one.
sys.modules.setdefault("rfc3987_syntax", None)
