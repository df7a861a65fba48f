"""Let the base and a submitted model answer again, here, whatever the submission says of itself.

Configuration, tokenizer and program are always ours; of a submission only the numbers in its weights are used. A
small Llama on the CPU is computed by `autograder.llama`; anything else by transformers.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from autograder import llama, quick_look
from autograder.adapter import Adapter, merged
from autograder.criteria import CannotTell
from autograder.quantized import nf4_rounded
from autograder.trained_from import Base, FullModel
from autograder.weights import tensors
from shared.artifacts import fingerprint_rows
from shared.evaluation import TICKET_TOKENS, TicketResult, evaluate_tickets
from shared.scoring import failure_kind

ROWS_AT_ONCE = 32  # rows a batch when losses are computed: the logits of all positions are held

at_once = 2  # threads of one verdict; whoever reaches several verdicts at once sets it to 1


class RowLoss(NamedTuple):
    """-log p of one row's tokens, summed: over the completion with its end token, and over the prompt."""

    completion: float
    completion_tokens: int
    prompt: float
    prompt_tokens: int


class Engine(Protocol):
    """A model that answers."""

    def answers(self, rows: Sequence[Mapping]) -> list[TicketResult]:
        """Return what the model answers to each ticket row, and how it is right or wrong."""

    def losses(self, rows: Sequence[Mapping]) -> list[RowLoss]:
        """Return the loss of each row's completion and of its prompt."""


class Engines(NamedTuple):
    """The base and the submitted model, ready to answer, and whether two jobs may run at the same time."""

    before: Engine
    after: Engine
    together: bool


def engines(base: Base, trained: FullModel | Adapter, quantized: bool = False) -> Engines:
    """Return both models on this machine, the base in 4 bits if `quantized`.

    Raises CannotTell when the profile's device is missing here.
    """
    if base.profile.device == "cpu" and llama.fits(base.config):
        before = _PREPARED.get((base.folder, quantized)) or NumpyEngine(base, _start(base, quantized))
        weights = _weights(trained, before.weights)
        quick = isinstance(before, PreparedEngine) and before.quick
        after = QuickEngine(base, weights, before.words) if quick else NumpyEngine(base, weights)
        return Engines(before, after, together=True)
    return Engines(TorchEngine(base, None, quantized), TorchEngine(base, trained, quantized), together=False)


def prepare_base(base: Base, quantized: bool) -> "PreparedEngine | None":
    """Keep the base ready, with what it has answered once, for all verdicts that this process and its children reach.

    Returns None for a base that does not answer in NumPy: a GPU that is in use cannot be handed on.
    """
    if base.profile.device != "cpu" or not llama.fits(base.config):
        return None
    _PREPARED[base.folder, quantized] = PreparedEngine(base, _start(base, quantized))
    return _PREPARED[base.folder, quantized]


def _start(base: Base, quantized: bool) -> dict[str, np.ndarray]:
    """Return the weights that training starts from."""
    weights = dict(base.tensors())
    return nf4_rounded(weights) if quantized else weights


def _weights(trained: FullModel | Adapter, start: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the trained model's weights; an adapter is merged into those it started from."""
    if isinstance(trained, Adapter):
        return dict(merged(trained, start.items()))
    return dict(tensors(trained.path, trained.header))


def run_all(jobs: Sequence[Callable[[], Any]], together: bool) -> list[Any]:
    """Return each job's result, in order; `at_once` at a time if `together` (NumPy lets threads work side by side)."""
    with ThreadPoolExecutor(at_once if together else 1) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


class Words:
    """The base's tokenizer, and which of its tokens end an answer: the end token, and those with a line break."""

    def __init__(self, base: Base):
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
        settings = json.loads((base.folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.end = self.tokenizer.token_to_id(settings["eos_token"])
        vocabulary = range(self.tokenizer.get_vocab_size())
        self.stops = {self.end, *(token for token in vocabulary if "\n" in self.tokenizer.decode([token]))}
        self._known: dict[str, list[int]] = {}

    def ids(self, text: str) -> list[int]:
        """Return the text's token ids; a class of submissions is asked the same texts again and again."""
        if text not in self._known:
            self._known[text] = self.tokenizer.encode(text).ids
        return self._known[text]

    def text(self, ids: Sequence[int]) -> str:
        """Return what the ids say, the end token left out."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def result(self, row: Mapping, ids: Sequence[int]) -> TicketResult:
        """Return how a model's answer to a ticket row, up to its first line break, is right or wrong."""
        text = self.text(ids).split("\n")[0]
        return TicketResult(row["prompt"], text, row["ticket"], failure_kind(text, row["ticket"]))


class NumpyEngine:
    """The base's network with the given weights: the base's own, or a submission's."""

    def __init__(self, base: Base, weights: Mapping[str, np.ndarray], words: Words | None = None):
        self.weights, self.model = weights, llama.Llama(base.config, weights)
        self.words = words or Words(base)

    def answers(self, rows: Sequence[Mapping]) -> list[TicketResult]:
        """As `shared.evaluation.evaluate_tickets`: greedy, up to the end token or the first line break."""
        written = self._written([self.words.ids(row["prompt"]) for row in rows])
        return [self.words.result(row, ids) for row, ids in zip(rows, written, strict=True)]

    def _written(self, prompts: list[list[int]]) -> list[list[int]]:
        return self.model.continue_greedily(prompts, self.words.stops, TICKET_TOKENS)

    def losses(self, rows: Sequence[Mapping]) -> list[RowLoss]:
        """Return the loss of each row, padded on the left in batches."""
        found = []
        for start in range(0, len(rows), ROWS_AT_ONCE):
            batch = rows[start : start + ROWS_AT_ONCE]
            texts, starts = _texts(self.words.ids, self.words.end, batch)
            ids, mask = llama.pad_left(texts)
            found += _row_losses(llama.token_losses(self.model.logits(ids, mask), ids), texts, starts)
        return found


class PreparedEngine(NumpyEngine):
    """A base that remembers what it has answered: it is asked the same for every submission."""

    def __init__(self, base: Base, weights: Mapping[str, np.ndarray]):
        super().__init__(base, weights)
        self.config = base.config
        self.quick = quick_look.pays()  # to take a quick look at the submissions' models
        self._known: dict[tuple[str, str], list] = {}

    def answers(self, rows: Sequence[Mapping]) -> list[TicketResult]:
        """As NumpyEngine."""
        return self._once("answers", super().answers, rows)

    def losses(self, rows: Sequence[Mapping]) -> list[RowLoss]:
        """As NumpyEngine."""
        return self._once("losses", super().losses, rows)

    def rehearse(self, rows: Sequence[Mapping]) -> None:
        """Take a quick look of no consequence at the base, where submissions get one of these rows: PyTorch compiles
        a product at its first use, for each shape anew, and children find what is there."""
        if self.quick:
            looks = [quick_look.Look(_rounded(self.config, self.weights), math.inf)]
            quick_look.answers(looks, *_guesses(self.words, rows), self.words.stops, TICKET_TOKENS)

    def _once(self, what: str, ask: Callable[[Sequence[Mapping]], list], rows: Sequence[Mapping]) -> list:
        key = what, fingerprint_rows(rows)
        if key not in self._known:
            self._known[key] = ask(rows)
        return self._known[key]


class QuickEngine(NumpyEngine):
    """A submission's model, most of whose answers a quick look tells; it writes the others itself."""

    def __init__(self, base: Base, weights: Mapping[str, np.ndarray], words: Words):
        super().__init__(base, weights, words)
        rounded = _rounded(base.config, weights)
        self.looks = [quick_look.Look(rounded, quick_look.CLEAR), quick_look.Look(self.model, 0.0)]

    def answers(self, rows: Sequence[Mapping]) -> list[TicketResult]:
        """As NumpyEngine. The right answers are the first guesses."""
        prompts, guesses = _guesses(self.words, rows)
        told = quick_look.answers(self.looks, prompts, guesses, self.words.stops, TICKET_TOKENS, at_once)
        written = iter(self._written([prompt for prompt, ids in zip(prompts, told, strict=True) if ids is None]))
        told = [next(written) if ids is None else ids for ids in told]
        return [self.words.result(row, ids) for row, ids in zip(rows, told, strict=True)]


def _rounded(config: Mapping, weights: Mapping[str, np.ndarray]) -> quick_look.Network:
    from autograder.llama_bfloat16 import BFloat16Llama  # PyTorch comes with it

    return BFloat16Llama(config, weights)


def _guesses(words: Words, rows: Sequence[Mapping]) -> tuple[list[list[int]], list[list[int]]]:
    """Return the rows' prompts, and their right answers as first guesses."""
    prompts = [words.ids(row["prompt"]) for row in rows]
    return prompts, [[*words.ids(row["completion"]), words.end] for row in rows]


_PREPARED: dict[tuple[Path, bool], PreparedEngine] = {}


class TorchEngine:
    """The base as transformers loads it, with a submission's numbers put into it if there is one."""

    def __init__(self, base: Base, trained: FullModel | Adapter | None, quantized: bool):
        import torch

        if base.profile.device == "cuda" and not torch.cuda.is_available():
            raise CannotTell(f"cannot re-evaluate here: profile '{base.profile.name}' needs a CUDA GPU, there is none")

        from safetensors.torch import load_file

        from shared.models import load_folder

        # Weights kept in float32 were kept so because their change is too small for a coarser type.
        fine = isinstance(trained, FullModel) and any(info.dtype == "F32" for info in trained.header.values())
        quantization, dtype = "nf4" if quantized else None, torch.float32 if fine else None
        self.model, self.tokenizer = load_folder(base.folder, base.profile, quantization, dtype)
        if isinstance(trained, FullModel):  # it has the same tensors as the base, so none is left over
            self.model.load_state_dict(load_file(trained.path), strict=False)
        elif trained is not None:
            self.model = _adapted(self.model, trained)

    def answers(self, rows: Sequence[Mapping]) -> list[TicketResult]:
        """As `shared.evaluation.evaluate_tickets`."""
        return evaluate_tickets(self.model, self.tokenizer, rows, progress=False)

    def losses(self, rows: Sequence[Mapping]) -> list[RowLoss]:
        """Return the loss of each row, one at a time."""
        import torch

        found = []
        for row in rows:
            texts, starts = _texts(lambda text: self.tokenizer(text)["input_ids"], self.tokenizer.eos_token_id, [row])
            with torch.inference_mode():
                ids = torch.tensor(texts, device=self.model.device)
                logits = self.model(input_ids=ids).logits.float()
            losses = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="none")
            found += _row_losses(losses[None].cpu().numpy(), texts, starts)
        return found


def _adapted(model: Any, adapter: Adapter) -> Any:
    """Return the model with the adapter on it, its configuration made here from what was checked."""
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file

    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        target_modules=[name.removesuffix(".weight") for name in adapter.modules],
        use_rslora=adapter.rslora,
        use_dora=adapter.dora,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, config)
    set_peft_model_state_dict(model, load_file(adapter.path))
    return model.eval()


def _texts(ids_of: Callable, end: int, rows: Sequence[Mapping]) -> tuple[list[list[int]], list[int]]:
    """Return each row's token ids, prompt and completion and the end token, and where the completion starts."""
    texts = [[*ids_of(row["prompt"] + row["completion"]), end] for row in rows]
    return texts, [len(ids_of(row["prompt"])) for row in rows]


def _row_losses(losses: np.ndarray, texts: list[list[int]], starts: list[int]) -> list[RowLoss]:
    """Return the rows' losses from their tokens' [B, T - 1], rows padded on the left; a first token has none."""
    found = []
    for row, text, start in zip(losses, texts, starts, strict=True):
        own = row[len(row) - len(text) + 1 :]
        prompt, completion = own[: start - 1], own[start - 1 :]
        found.append(RowLoss(float(completion.sum()), len(completion), float(prompt.sum()), len(prompt)))
    return found
