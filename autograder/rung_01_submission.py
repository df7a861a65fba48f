"""What rung 01's checker asks a submission for: decisions, learner functions, the model that was taught the wiki."""

from typing import TYPE_CHECKING, NamedTuple

from autograder import rung_01_cost as cost
from autograder import rung_01_retrieve as retrieve
from autograder.criteria import CannotTell, NotMet
from autograder.rung_01_key import KEY
from autograder.student_code import Answer, Call, LearnerFunction
from autograder.submission import remembered
from autograder.ticket_submission import TicketSubmission
from shared import wiki
from shared.artifacts import ArtifactError
from shared.cases import drawn
from shared.decisions import DecisionsRecord, Letter
from shared.questions import ANSWERS
from shared.world import rows

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.gap import Look
    from autograder.reevaluation import Engine, RowLoss
    from autograder.trained_from import Base, FullModel

STAGE = "facts"

IMPORTS = "import math\nimport re\nfrom collections import Counter"
RETRIEVE = LearnerFunction(cell="answer-retrieve", name="retrieve", setup=IMPORTS)
TRAINING_COST = LearnerFunction(cell="answer-cost", name="training_cost", setup=IMPORTS)
BREAK_EVEN = LearnerFunction(cell="answer-cost", name="break_even", setup=IMPORTS)


class Taught(NamedTuple):
    """What base and taught model give here: their losses on the wiki, and right or not by metric, row by row."""

    base_losses: "list[RowLoss]"
    losses: "list[RowLoss]"
    before: dict[str, list[bool]]
    after: dict[str, list[bool]]


class Rung01(TicketSubmission):
    """A submission of rung 01."""

    stage = STAGE

    learner_functions = (
        ("retrieve", RETRIEVE, "search_calls"),
        ("cost", TRAINING_COST, "training_calls"),
        ("cost", BREAK_EVEN, "even_calls"),
    )

    def search_calls(self) -> list[Call]:
        """Return the calls of `retrieve`: ranks, edges, then the wiki."""
        return [case.call() for case in (*self.rank_cases, *self.edge_cases)] + self.wiki_search.calls()

    def training_calls(self) -> list[Call]:
        """Return the calls of `training_cost`."""
        return [case.call() for case in self.training_cases]

    def even_calls(self) -> list[Call]:
        """Return the calls of `break_even`."""
        return [case.call() for case in self.even_cases]

    @remembered
    def rank_cases(self) -> list[retrieve.SearchCase]:
        """Searches with one best passage."""
        return retrieve.rank_cases(self.seed)

    @remembered
    def edge_cases(self) -> list[retrieve.SearchCase]:
        """Searches at the edges."""
        return retrieve.edge_cases(self.seed)

    @remembered
    def wiki_search(self) -> retrieve.WikiSearch:
        """A wiki with new managers, and questions about them."""
        return retrieve.wiki_search(self.seed, self.split)

    @remembered
    def training_cases(self) -> list[cost.CostCase]:
        """Runs whose price is asked."""
        return cost.training_cases(self.seed)

    @remembered
    def even_cases(self) -> list[cost.CostCase]:
        """Savings against a training's price."""
        return cost.break_even_cases(self.seed)

    @property
    def places(self) -> list[Answer]:
        """Where `retrieve` found the wiki's answers."""
        return self.answers_of(RETRIEVE)[len(self.rank_cases) + len(self.edge_cases) :]

    @remembered
    def decisions(self) -> DecisionsRecord:
        """What the learner decided. Raises ArtifactError or NotMet."""
        record = self.record(ANSWERS, DecisionsRecord)
        if record.rung != self.rung.id:
            raise NotMet(f"{ANSWERS}: these are decisions for rung {record.rung!r}, this is rung {self.rung.id}")
        return record

    @remembered
    def letters(self) -> list[Letter]:
        """The twelve letters that the learner's seed draws, whatever the file says."""
        return drawn(self.decisions.seed)

    def well_chosen(self, with_reason: bool) -> dict[str, bool]:
        """Return by letter whether the choice is accepted, and if `with_reason`, whether its reason is."""
        found = {}
        for letter in self.letters:
            given, accepted = self.decisions.decisions.get(letter.name), KEY[letter.name]
            chosen = given is not None and given.choice in accepted
            found[letter.name] = chosen and (not with_reason or given.reason in accepted[given.choice])
        return found

    @remembered
    def trained(self) -> "FullModel":
        """The taught model, once it is known to be a fine-tune of the base."""
        from autograder.trained_from import moved_model

        return moved_model(self.path(f"artifacts/{STAGE}"), self.folder, self.base)

    @remembered
    def measured(self) -> Taught:
        """What both models give here. The facts are the public wiki's: it is what the notebook teaches."""
        from autograder.reevaluation import run_all

        asked = {**wiki.ways_to_ask(), "known managers": rows("facts", "train", 60)}
        before, after, together = self.engines
        jobs = [lambda engine=engine: engine.losses(wiki.sentences()) for engine in (before, after)]
        jobs += [lambda engine=engine: _asked(engine, asked) for engine in (before, after)]
        return Taught(*run_all(jobs, together))

    def gap_looks(self) -> "list[Look]":
        """Return none: the taught facts are the public wiki's, and are asked as such."""
        return []

    @remembered
    def read_answers(self) -> list[bool]:
        """Whether the base answers from the pages that `retrieve` found, one truth a question."""
        from autograder.reevaluation import NumpyEngine, TorchEngine

        base = self._reader()
        here = base.profile.device == "cpu"
        engine = NumpyEngine(base, dict(base.tensors())) if here else TorchEngine(base, None, False)
        asked, pages = self.wiki_search.rows, self.wiki_search.pages
        found = [answer.value if type(answer.value) is int else None for answer in self.places]
        texts = [pages[place] if place is not None and 0 <= place < len(pages) else "" for place in found]
        read = [{**row, "prompt": wiki.with_page(row["prompt"], page)} for row, page in zip(asked, texts, strict=True)]
        return _asked(engine, {"read": read})["read"]

    def _reader(self) -> "Base":
        """Return the base that reads: the run's, or, as long as there is no run, this machine's."""
        from autograder.trained_from import open_base
        from shared.models import ModelError, base_folder, base_spec, profile_here

        try:
            return self.base
        except (ArtifactError, NotMet):
            pass
        try:
            return open_base(profile_here(), base_folder(base_spec(rung=self.rung.id)))
        except ModelError as error:
            raise CannotTell(f"no base to read with here: {error}") from None


def _asked(engine: "Engine", asked: dict[str, list[dict]]) -> dict[str, list[bool]]:
    """Return by name which rows' continuations hold the answer."""
    from autograder.continuing import continued

    found = {}
    for name, part in asked.items():
        texts = continued(engine, [row["prompt"] for row in part], wiki.TOKENS)
        found[name] = [wiki.is_answer(text, row["answer"]) for text, row in zip(texts, part, strict=True)]
    return found
