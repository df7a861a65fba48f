"""A learner's function called in the test's own process: quicker than a child, and the same answers."""

import json

from autograder import student_child
from autograder.student_code import Reply


class AnswersHere:
    """In place of StudentCode: the same calls and the same answers, by the code that the child runs."""

    def __init__(self, function, source, calls, **_):
        self.namespace = {"__name__": "answer"}
        exec(compile(function.setup, "<setup>", "exec"), self.namespace)
        exec(compile(source, "<cell>", "exec"), self.namespace)
        self.name, self.calls = function.name, calls

    def answers(self):
        """Return the answers, once through JSON as they come from the child."""
        calls = json.loads(json.dumps([[call.arguments, call.gradient_of] for call in self.calls]))
        answers = [student_child.answer(self.namespace[self.name], *call) for call in calls]
        return Reply.model_validate_json(json.dumps({"answers": answers})).answers

    def __exit__(self, *_):
        """There is nothing to end."""
