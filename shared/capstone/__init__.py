"""The capstone: one finished run as a folder that can be published on the Hugging Face hub.

`package` in `shared.capstone.package` makes it. Whether a run deserves it is asked elsewhere: nothing here grades.
"""


class CapstoneError(Exception):
    """A run cannot be packaged. The message is one line: what, where, what was expected, the next step."""
