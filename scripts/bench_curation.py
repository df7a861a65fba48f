"""Measure time and memory of the streaming pipeline from ten thousand rows to a million: do both grow linearly?

    python scripts/bench_curation.py --rows 10000 30000 100000 300000 1000000

Each size runs in a process of its own, so that peak memory is its own. Writes `shared/measured/curation_scale.json`.
The rows are made as they are read: clean messages with fresh numbers, so that they rarely repeat by chance, and one in
three a copy, a near-copy or a broken ticket.
"""

import argparse
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date

from shared.curation.schema import schema_fault
from shared.curation.streaming import StreamFilter
from shared.measured import Table, machine_here, save, versions_here
from shared.world import messages
from shared.world.tickets import prompt_for, ticket_of
from shared.world.tickets import rows as tickets

NAME = "curation_scale"
BATCH = 1_000
THRESHOLD = 0.6
NOTES = (
    "seconds: of the processor, making the rows included. kept: rows that stay. peak_mib: the process's most resident "
    "memory. grown_mib: how much of it came after the libraries were loaded."
)


def main() -> int:
    """Run every size, smallest first, and save the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 30_000, 100_000, 300_000])
    parser.add_argument("--one", type=int, help="run this one size here and print its row")
    wanted = parser.parse_args()
    if wanted.one:
        print(one_size(wanted.one))
        return 0
    command = f"python scripts/bench_curation.py --rows {' '.join(map(str, wanted.rows))}"
    table = Table(command=command, date=date.today(), machine=machine_here(), versions=versions_here(), notes=NOTES)
    for size in sorted(wanted.rows):
        said = subprocess.check_output([sys.executable, __file__, "--one", str(size)], text=True)
        table.rows.append(_row(said))
        save(NAME, table)
        print(table.rows[-1], flush=True)
    return 0


def one_size(size: int) -> str:
    """Stream `size` rows through the filter and return "rows seconds kept peak_mib grown_mib"."""
    from datasets import IterableDataset

    keeps = StreamFilter(schema_fault, [row["prompt"] for row in tickets("public", 200)], threshold=THRESHOLD)
    stream = IterableDataset.from_generator(made_rows, gen_kwargs={"size": size})
    keeps.keeps("Message: Hello!\nTicket:", "")  # what is imported at first use is no growth
    before = _peak_mib()
    started, kept = time.process_time(), 0  # a busy machine does not slow this clock
    columns = ["prompt", "completion"]
    for _ in stream.filter(keeps, batched=True, batch_size=BATCH, input_columns=columns):
        kept += 1
    peak = _peak_mib()
    return f"{size} {time.process_time() - started:.1f} {kept} {peak:.0f} {peak - before:.0f}"


def made_rows(size: int) -> Iterator[dict]:
    """Yield rows: of three, two new ones and one that repeats or spoils one of the last thousand."""
    import json

    stream, recent = random.Random(size), []
    for _ in range(size):
        if recent and stream.random() < 1 / 3:
            row = dict(stream.choice(recent))
            kind = stream.randrange(3)
            if kind == 1:
                row["prompt"] = row["prompt"].replace("Message: ", "Message: Hey! ")
            elif kind == 2:
                row["completion"] = row["completion"][:-3]
        else:
            message = messages.draw(stream)
            number = stream.randrange(10**12)
            text = f"{message.text} My order has the number {number}."
            row = {"prompt": prompt_for(text), "completion": " " + json.dumps(ticket_of(message.meaning))}
            recent = [*recent[-999:], row]
        yield row


def _row(said: str) -> dict:
    size, seconds, kept, peak, grown = said.split()
    memory = {"peak_mib": int(peak), "grown_mib": int(grown)}
    return {"name": "stream", "rows": int(size), "seconds": float(seconds), "kept": int(kept), **memory}


def _peak_mib() -> float:
    """Return this process's most resident memory so far. (Linux counts it in KiB.)"""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
