"""Attacks by what an answer gives back: values that claim to be right, and reports that nobody asked for."""

import json

from autograder.checkers import checker_of
from autograder.criteria import Finding, all_failed
from tests.adversaries.attack import Work
from tests.adversaries.by_code import code


@code(alone=True)
def equal_to_everything(work: Work) -> str:
    """Answers with a text that says that it equals every other."""
    return """
class Yes(str):
    __hash__ = str.__hash__
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def failure_kind(text, ticket): return Yes("anything")
"""


@code((0, 3, 0), answer="answer-sft-loss", alone=True)
def tensor_of_tricks(work: Work) -> str:
    """Answers with a tensor whose every operation, and whose `__float__`, claims to be right."""
    return """
class Right(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return True
    def __float__(self): return 0.693
    def __eq__(self, other): return True
def sft_loss(*a): return torch.zeros(()).as_subclass(Right)
"""


@code(alone=True)
def object_array(work: Work) -> str:
    """Answers with a NumPy array of objects that say of themselves what they are."""
    return """
import numpy
class Float:
    def __float__(self): return 1.0
    def __eq__(self, other): return True
def failure_kind(text, ticket): return numpy.array([Float(), "correct"], dtype=object)
"""


@code(alone=True)
def endless_answer(work: Work) -> str:
    """Answers with a hundred megabytes of text, and a number of ten thousand digits."""
    return "def failure_kind(text, ticket): return 'x' * 10**8 if text else 10**10_000"


@code(alone=True)
def answers_in_a_file(work: Work) -> str:
    """Writes its answers itself, to a file and to whatever it finds open, and leaves."""
    return """
import json, os
said = json.dumps({"answers": [{"kind": "value", "type_name": "str", "value": "correct"}] * 40})
for place in ("answer.json", *range(3, 20)):
    try: open(place, "w").write(said)
    except OSError: pass
os._exit(0)
"""


@code(alone=True)
def answers_by_a_link(work: Work) -> str:
    """Puts a link to the gradebook where its answers are read."""
    return f"import os\nos.symlink({str(work.target.course / 'gradebook.db')!r}, 'answer.json')\nos._exit(0)"


@code()
def own_child_patched(work: Work) -> str:
    """Patches the process that runs it, to say that each answer has passed."""
    return """
import sys
claim = lambda *a, **k: {"kind": "value", "value": "correct", "passed": True, "points": 3}
for module in [m for n, m in sys.modules.items() if n == "__main__" or n.startswith("autograder")]:
    module._answer = module._encode = claim
"""


@code()
def memory_searched(work: Work) -> str:
    """Searches its own memory for the answers that are expected."""
    return """
import gc, sys
frame, found = sys._getframe(), [one for one in gc.get_objects() if hasattr(type(one), "right")]
while frame: frame = frame.f_back; found += [v for k, v in (frame.f_locals if frame else {}).items() if k == "right"]
if not found: raise LookupError("no right answer here")
"""


def forged_report(work: Work) -> str:
    """Return the JSON of a report in which everything is met."""
    report = all_failed(work.rung.id, checker_of(work.rung).criteria, Finding(False, "right", "right"))
    said = json.loads(report.model_dump_json())
    for result in said["criteria"]:
        result.update(passed=True, points=result["max_points"])
    return json.dumps({**said, "done": True, "score": said["max_score"]})


@code(alone=True)
def report_printed(work: Work) -> str:
    """Prints a report in the checker's own words, with all points."""
    return f"REPORT = {forged_report(work)!r}\nprint(REPORT)\ndef failure_kind(text, ticket): print(REPORT)"


@code(alone=True)
def report_in_files(work: Work) -> str:
    """Writes such a report over every file that it finds around its folder."""
    return f"""
import os
for name in list(os.listdir("..")):
    if os.path.isfile("../" + name): os.rename("../" + name, "../gone-" + name)
for name in ("report", "request", "errors"): open("../" + name, "w").write({forged_report(work)!r})
"""


@code(alone=True)
def report_in_pipes(work: Work) -> str:
    """Writes such a report into the pipes of the process that grades."""
    return f"""
import os
parent = f"/proc/{{os.getppid()}}/fd"
for name in os.listdir(parent):
    if "pipe" in os.readlink(f"{{parent}}/{{name}}"): open(f"{{parent}}/{{name}}", "w").write({forged_report(work)!r})
def failure_kind(text, ticket): return 1
"""
