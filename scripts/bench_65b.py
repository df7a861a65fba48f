"""QLoRA's headline on your card: 65 billion parameters made, quantized and trained on one GPU of 48 GB.

    make bench-65b
    python scripts/bench_65b.py --shape pocket --lengths 32 64    # a trial on any machine

Layers are made with random weights and quantized one at a time on the GPU, so no checkpoint of 130 GB is needed.
PyTorch may hold 47 GiB and not a byte more, whatever the card has; CUDA itself and the optimizer's pages, which leave
the card when room is short, come on top and are in the picture. Writes a picture of the memory in use over time and,
unless it is a trial, `shared/measured/65b.json`. The recipe is the paper's: NF4 with double quantization, rank 64 on
all linear layers, a paged AdamW of 32 bits, checkpointing (Dettmers et al. 2023, arXiv 2305.14314, section 4 and
appendix B).
"""

import argparse
import json
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from shared.gpu_tables import HEADLINE_RECIPE, headline_recipe
from shared.measured import Table, machine_here, save, versions_here
from shared.memory import GIB, estimate, trained_parameters
from shared.model_shape import SHAPES
from shared.random_model import random_model

if TYPE_CHECKING:
    import torch

HEADLINE = "llama-65b"
CAP_GIB = 47
EVERY = 0.02  # seconds between two looks at the memory


class Timeline:
    """Looks at the memory in use every few milliseconds, from a thread of its own, until the block ends."""

    def __init__(self, on_gpu: bool) -> None:
        self.on_gpu = on_gpu
        self.seconds: list[float] = []
        self.gib: list[float] = []
        self.phases: list[tuple[float, str]] = []
        self._over = threading.Event()

    def __enter__(self) -> "Timeline":
        self._begun = time.perf_counter()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def phase(self, name: str) -> None:
        """Note that a phase begins."""
        self.phases.append((time.perf_counter() - self._begun, name))
        print(f"{self.phases[-1][0]:6.1f} s  {name}", flush=True)

    def in_use(self) -> float:
        """Return GiB: the GPU's memory as its driver counts it, so that CUDA itself is in it, or this process's."""
        if self.on_gpu:
            import torch

            free, total = torch.cuda.mem_get_info()
            return (total - free) / GIB
        import psutil

        return psutil.Process().memory_info().rss / GIB

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.gib.append(self.in_use())
            self.seconds.append(time.perf_counter() - self._begun)


def main() -> int:
    """Make, train, print, save."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=list(SHAPES), default=HEADLINE)
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 2048], help="tokens a row, one run each")
    parser.add_argument("--steps", type=int, default=4, help="steps at each length (default: %(default)s)")
    parser.add_argument("--picture", type=Path, default=Path("docs/65b-memory.png"))
    options = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    if options.shape == HEADLINE and not on_gpu:
        print("bench-65b: needs a GPU of 48 GB; see the trial in scripts/bench_65b.py", file=sys.stderr)
        return 2
    if on_gpu:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, CAP_GIB * GIB / total))
    with Timeline(on_gpu) as timeline:
        rows = run(options.shape, options.lengths, options.steps, timeline)
    report(options, timeline, rows)
    return 0


def run(name: str, lengths: list[int], steps: int, timeline: Timeline) -> list[dict]:
    """Make the model and train it at each length; return one row a length."""
    import torch
    from peft import LoraConfig, get_peft_model

    shape, device = SHAPES[name], "cuda" if timeline.on_gpu else "cpu"
    timeline.phase("made and quantized, layer by layer")
    dtype = torch.bfloat16 if timeline.on_gpu else torch.float32
    base = random_model(shape, device, dtype, quantized=True)
    base.config.use_cache = False
    recipe = HEADLINE_RECIPE
    adapter = LoraConfig(r=recipe.rank, lora_alpha=16, target_modules=list(recipe.targets), task_type="CAUSAL_LM")
    model = get_peft_model(base, adapter, autocast_adapter_dtype=False)
    model.activation_checkpointing_enable({"use_reentrant": True})
    model.enable_input_require_grads()
    model.train()
    print(f"{shape.parameters:,} parameters, {trained_parameters(shape, recipe):,} trained", flush=True)
    optimizer = paged_adamw(model)
    return [train(model, optimizer, shape.vocabulary, length, steps, timeline) for length in lengths]


def paged_adamw(model: "torch.nn.Module") -> "torch.optim.Optimizer":
    """Return bitsandbytes' AdamW whose moments may leave the GPU; it pages on GPUs alone, elsewhere PyTorch's."""
    import torch
    from bitsandbytes.optim import PagedAdamW32bit

    trained = [values for values in model.parameters() if values.requires_grad]
    return (PagedAdamW32bit if trained[0].is_cuda else torch.optim.AdamW)(trained, lr=1e-4)


def train(
    model: "torch.nn.Module", optimizer: "torch.optim.Optimizer", vocabulary: int, length: int, steps: int,
    timeline: Timeline,
) -> dict:  # fmt: skip
    """Train on the same row of random tokens, whose loss must fall, and return the table's row."""
    import torch

    timeline.phase(f"trained at {length:,} tokens")
    device = next(model.parameters()).device
    ids = torch.randint(vocabulary, (1, length), generator=torch.Generator().manual_seed(0)).to(device)
    if timeline.on_gpu:
        torch.cuda.reset_peak_memory_stats()
    losses, begun = [], time.perf_counter()
    for _ in range(steps):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
    seconds = (time.perf_counter() - begun) / steps
    peak = torch.cuda.max_memory_allocated() / GIB if timeline.on_gpu else 0.0
    return {
        "name": f"1 x {length}", "sequence": length, "steps": steps, "seconds_a_step": round(seconds, 2),
        "first_loss": round(losses[0], 4), "last_loss": round(losses[-1], 4), "peak_gib": round(peak, 2),
        "device_gib": round(max(timeline.gib, default=0.0), 2),
    }  # fmt: skip


def report(options: argparse.Namespace, timeline: Timeline, rows: list[dict]) -> None:
    """Print the rows beside the estimate; save the picture, and the table if this was the headline itself."""
    from shared.figures import memory_timeline, png

    for row in rows:
        recipe = headline_recipe(row)
        row["estimated_gib"] = round(estimate(SHAPES[options.shape], recipe).peak / GIB, 2)
        print(json.dumps(row), flush=True)
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_bytes(png(memory_timeline(timeline.seconds, timeline.gib, timeline.phases, cap=CAP_GIB)))
    if options.shape != HEADLINE:
        return
    notes = (
        f"{SHAPES[HEADLINE].parameters:,} parameters, PyTorch's allocator capped at {CAP_GIB} GiB. peak_gib: its peak. "
        "device_gib: the most in use on the card so far, CUDA and paged moments included. estimated_gib: shared.memory."
    )
    table = Table(
        command="make bench-65b", date=date.today(), machine=machine_here(), versions=versions_here(), notes=notes,
        rows=rows,
    )  # fmt: skip
    save("65b", table)


if __name__ == "__main__":
    sys.exit(main())
