"""Watch a tool while it runs: its loss in a progress bar, the time of its steps, the memory that it takes.

None of the five tells all of this in the same way, and what each says of its own speed is counted differently. So time
and memory are taken from outside, for all of them alike.
"""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from shared.progress_bar import progress_bar

MIB = 2**20
_LOSS = re.compile(r"""\b[lL]oss['"]?\s*[:=]\s*['"]?([0-9.]+(?:e[+-]?\d+)?)""")


def follow(child: subprocess.Popen, steps: int, log: Path, title: str) -> float:
    """Copy what the process prints into `log`, its loss into a bar; return the seconds from its first step to its last.

    0 where fewer than two steps were seen.
    """
    times, last = [], ""
    with log.open("w", encoding="utf-8") as file, progress_bar(total=steps, desc=title, unit="step") as bar:
        for line in child.stdout:  # a bar that is drawn over itself comes as one line a drawing
            file.write(line)
            file.flush()
            for loss in losses_in(line):
                if loss != last and len(times) < steps:
                    times.append(time.monotonic())
                    bar.set_postfix(loss=f"{float(loss):.3f}", refresh=False)
                    bar.update()
                last = loss
    return times[-1] - times[0] if times else 0.0


def losses_in(line: str) -> Iterator[str]:
    """Yield the training losses printed in one line, as text: 'loss': 0.5, "loss": "0.5" or Loss: 0.5."""
    for found in _LOSS.finditer(line):
        yield found.group(1)


class GpuMemory:
    """The most memory used on the first GPU while the block runs, above what was used before, in `peak_bytes`.

    Asked of the driver twice a second, so it counts what the allocator holds and CUDA's own share; 0 without a GPU.
    """

    peak_bytes = 0

    def __enter__(self) -> "GpuMemory":
        self._before = used_on_gpu()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        if self._before is not None:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._before is not None:
            self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.5):
            self.peak_bytes = max(self.peak_bytes, (used_on_gpu() or 0) - self._before)


def used_on_gpu() -> int | None:
    """Return the bytes used on the first GPU as nvidia-smi says, or None where there is none."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return int(done.stdout.split()[0]) * MIB
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None
