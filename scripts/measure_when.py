"""Measure rung 01's choices: the same task by prompt, by retrieval, by fine-tuning, by a classic model, on three seeds.

    python scripts/measure_when.py --seeds 0 1 2

Writes `shared/measured/when.json` after each run (seconds to two minutes on two cores) and goes on where it stopped:
what is in the table is not run again. A seed draws the training rows, their order and the examples in the prompts.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from shared import wiki
from shared.classic import logistic_regression, nearest
from shared.evaluation import evaluate_tickets, generate
from shared.measured import save, table_so_far
from shared.models import load_base
from shared.quiet import quiet
from shared.training import trainer_arguments
from shared.world import replies, rows

NAME = "when"
ASKED = 150  # public rows of tickets and replies
NOTES = (
    "score: share of n public rows that are right (polite, for tone). seconds: training alone, "
    "on one thread of a machine that did other work too. "
    "Replies are sampled at temperature 1 unless the method says greedy; all else is the likeliest text."
)
Scores = dict[str, list[bool]]


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    table = table_so_far(NAME, NOTES, f"python scripts/measure_when.py --seeds {' '.join(map(str, seeds))}")
    done = {(row["name"], row["method"], row["seed"]) for row in table.rows}
    for seed in seeds:
        for (task, method), run in RUNS.items():
            if (task, method, seed) not in done:
                scores, seconds = run(seed)
                table.rows.extend(_rows(task, method, seed, scores, seconds))
                save(NAME, table)
                print(task, method, seed, {name: sum(right) / len(right) for name, right in scores.items()}, flush=True)
    return 0


def train(data: Sequence[dict], seed: int, *, steps: int, rate: float = 5e-4, batch: int = 16, warmup: int = 5):
    """Return the model after a full fine-tune on rows with prompt and completion, its tokenizer, and the seconds."""
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    set_seed(seed)
    model, tokenizer = load_base()
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = SFTConfig(
            **kept, learning_rate=rate, max_steps=steps, warmup_steps=warmup, lr_scheduler_type="cosine",
            per_device_train_batch_size=batch, max_length=256,
        )  # fmt: skip
        chosen = Dataset.from_list([{name: row[name] for name in ("prompt", "completion")} for row in data])
        trainer = SFTTrainer(model, arguments, train_dataset=chosen, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        started = time.perf_counter()
        trainer.train()
    return trainer.model.eval(), tokenizer, time.perf_counter() - started


def facts_scores(model, tokenizer) -> Scores:
    """Return what the model says of the new shops, of those it knew, and of passages."""
    asked = {**wiki.ways_to_ask(), "known managers": rows("facts", "train", 60),
             "reading": rows("reading", "public", ASKED)}  # fmt: skip
    return {name: wiki.ask(model, tokenizer, part) for name, part in asked.items()}


def facts_with_pages(model, tokenizer) -> Scores:
    """Return the questions' scores with the page before them that TF-IDF finds."""
    pages = wiki.pages()
    asked = {name: part for name, part in wiki.ways_to_ask().items() if "question" in name or "backwards" in name}
    found = {}
    for name, part in asked.items():
        places = nearest([row["prompt"] for row in part], pages, 1)
        read = [{**row, "prompt": wiki.with_page(row["prompt"], pages[place[0]])}
                for row, place in zip(part, places, strict=True)]  # fmt: skip
        found[name] = wiki.ask(model, tokenizer, read)
    return found


def facts_tuned(data: Callable[[], list[dict]], steps: int) -> Callable:
    """Return the run that fine-tunes on the wiki, then asks without and with pages."""

    def run(seed: int) -> tuple[Scores, float]:
        model, tokenizer, seconds = train(data(), seed, steps=steps, batch=20)
        read = {f"{name}, page given": right for name, right in facts_with_pages(model, tokenizer).items()}
        return {**facts_scores(model, tokenizer), **read}, seconds

    return run


def tone(shots: int = 0, near: bool = False, steps: int = 0, temperature: float = 1.0) -> Callable:
    """Return the run that answers letters, prompted with polite answers or fine-tuned on them."""

    def run(seed: int) -> tuple[Scores, float]:
        examples, asked = rows("replies", "train", 600, seed), rows("replies", "public", ASKED)
        texts = [row["prompt"] + row["chosen"] for row in examples]
        prompts = _prompts([row["prompt"] for row in asked], texts, shots, near)
        seconds, (model, tokenizer) = 0.0, load_base()
        if steps:
            data = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in examples]
            model, tokenizer, seconds = train(data, seed, steps=steps)
        written = generate(model, tokenizer, prompts, max_new_tokens=64, temperature=temperature, seed=seed,
                           stop_at_newline=True, progress=False)  # fmt: skip
        promises = [replies.promised(row["chosen"]) for row in asked]
        return {
            "polite": [replies.tone_score(text) > 0 for text in written],
            "right promise": [replies.promised(text) == due for text, due in zip(written, promises, strict=True)],
        }, seconds

    return run


def tickets(shots: int = 0, near: bool = False, steps: int = 0) -> Callable:
    """Return the run that writes tickets, prompted with solved ones or fine-tuned on them."""

    def run(seed: int) -> tuple[Scores, float]:
        examples = rows("tickets", "train", 600, seed)
        seconds, (model, tokenizer) = 0.0, load_base()
        if steps:
            model, tokenizer, seconds = train(examples, seed, steps=steps, rate=1e-3, warmup=20)
        scores = {}
        for phrasing in ("familiar", "unseen"):
            asked = rows("tickets", "public", ASKED, phrasing=phrasing)
            texts = [row["prompt"] + row["completion"] for row in examples]
            prompts = _prompts([row["prompt"] for row in asked], texts, shots, near)
            asked = [{**row, "prompt": prompt} for row, prompt in zip(asked, prompts, strict=True)]
            answers = evaluate_tickets(model, tokenizer, asked, progress=False)
            scores[phrasing] = [answer.kind == "correct" for answer in answers]
        return scores, seconds

    return run


def team(examples: int, steps: int = 0) -> Callable:
    """Return the run that names the team, by logistic regression, or by fine-tuning when there are steps."""

    def run(seed: int) -> tuple[Scores, float]:
        known = _teams(rows("tickets", "train", examples, seed))
        asked = {phrasing: _teams(rows("tickets", "public", ASKED, phrasing=phrasing))
                 for phrasing in ("familiar", "unseen")}  # fmt: skip
        if steps:
            model, tokenizer, seconds = train(known, seed, steps=steps, rate=1e-3, warmup=20)
            return {name: wiki.ask(model, tokenizer, part) for name, part in asked.items()}, seconds
        import sklearn.linear_model  # noqa: F401 (loading the library is no part of the training)

        started = time.perf_counter()
        model = logistic_regression([row["prompt"] for row in known], [row["answer"] for row in known])
        seconds = time.perf_counter() - started
        return {name: [bool(found == row["answer"]) for found, row in
                       zip(model.predict([row["prompt"] for row in part]), part, strict=True)]
                for name, part in asked.items()}, seconds  # fmt: skip

    return run


def _teams(tickets: Sequence[dict]) -> list[dict]:
    """Return ticket rows as rows that ask for the team alone."""
    return [
        {"prompt": row["prompt"].removesuffix("Ticket:") + "Team:", "answer": row["ticket"]["team"],
         "completion": f" {row['ticket']['team']}"} for row in tickets
    ]  # fmt: skip


def _prompts(asked: list[str], examples: list[str], shots: int, near: bool) -> list[str]:
    """Return the prompts with so many examples before them: the first ones, or the nearest of the first 600."""
    if near:
        places = nearest(asked, examples, shots)
        return ["\n".join([*(examples[place] for place in reversed(found)), prompt])
                for found, prompt in zip(places, asked, strict=True)]  # fmt: skip
    return ["\n".join([*examples[:shots], prompt]) for prompt in asked]


def _untrained(score: Callable) -> Callable:
    return lambda seed: (score(*load_base()), 0.0)


RUNS: dict[tuple[str, str], Callable[[int], tuple[Scores, float]]] = {
    ("facts", "base"): _untrained(facts_scores),
    ("facts", "retrieval"): _untrained(facts_with_pages),
    ("facts", "fine-tuned"): facts_tuned(wiki.sentences, 100),
    ("facts", "fine-tuned, six wordings"): facts_tuned(wiki.many_wordings, 200),
    ("tone", "prompt"): tone(),
    ("tone", "3 examples"): tone(shots=3),
    ("tone", "3 nearest examples"): tone(shots=3, near=True),
    ("tone", "fine-tuned"): tone(steps=30),
    ("tone", "prompt, greedy"): tone(temperature=0.0),
    ("team", "logistic regression, 50"): team(50),
    ("team", "logistic regression, 600"): team(600),
    ("team", "fine-tuned, 50"): team(50, steps=150),
    ("team", "fine-tuned, 600"): team(600, steps=150),
    ("tickets", "prompt"): tickets(),
    ("tickets", "3 examples"): tickets(shots=3),
    ("tickets", "3 nearest examples"): tickets(shots=3, near=True),
    ("tickets", "fine-tuned"): tickets(steps=250),
}


def _rows(task: str, method: str, seed: int, scores: Scores, seconds: float) -> list[dict]:
    return [
        {"name": task, "method": method, "seed": seed, "asked": asked, "score": round(sum(right) / len(right), 4),
         "n": len(right), "seconds": round(seconds, 1)} for asked, right in scores.items()
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
