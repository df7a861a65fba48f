"""Is a rung done? Checkers, and the ways to ask them: the command line, a notebook cell, nbgrader.

In a notebook::

    from autograder import check
    check("02", "sft-loss")
"""

from autograder.in_notebook import check

__all__ = ["check"]
