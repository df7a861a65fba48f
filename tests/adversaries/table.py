"""The whole table: every attack and every learner who means no harm, by name."""

from tests.adversaries import by_answers, by_artifacts, by_code, in_files, in_notebooks, learners
from tests.adversaries.attack import ATTACKS, LEARNERS

# The modules fill the table when they are imported, in this order.
PARTS = (learners, in_notebooks, in_files, by_artifacts, by_code, by_answers)
TABLE = {**LEARNERS, **ATTACKS}
