"""Notes: the promise of a reply and nothing else, in one sentence of a fixed form.

The base has read this sentence as part of longer replies, never alone on demand: a house style that a fine-tune can
teach in a minute (rung 10's third skill).
"""

from shared.world import replies
from shared.world.splits import Split, random_stream

OPENING = "Kindly note that "


def rows(split: Split, n: int, seed: int = 0) -> list[dict]:
    """Return n messages that ask for a reply. Columns: prompt, completion (the note), chosen (a long polite reply)."""
    stream = random_stream("notes", split, seed)
    made = []
    for row in replies.rows(split, n, seed):
        action = replies.draw_action(stream, replies.promised(row["chosen"]))
        made.append(
            {"prompt": row["prompt"], "completion": f" {OPENING}{action}.", "chosen": row["chosen"]},
        )
    return made


def is_right(text: str, chosen: str) -> bool:
    """Say whether a text is one sentence in the notes' form that promises what the reply `chosen` promises."""
    note, promise = text.strip(), replies.promised(text)
    one_sentence = note.startswith(OPENING) and note.endswith(".") and note.count(".") == 1
    return one_sentence and promise is not None and promise == replies.promised(chosen)
