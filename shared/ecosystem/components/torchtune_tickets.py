"""What torchtune has no part for: a tokenizer without a template, and rows of prompt and completion.

torchtune's configuration names Python objects by their path; these two are found because the tool is started with this
folder on its path. It runs in torchtune's environment, where the course is not installed.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

IGNORED = -100  # torchtune's CROSS_ENTROPY_IGNORE_IDX: a label that no loss is taken of


class PlainTokenizer:
    """Text to token ids, no template. `pad_id` is what the recipe pads a batch with."""

    def __init__(self, folder: str, max_seq_len: int) -> None:
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        settings = json.loads((Path(folder) / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.eos_id = self._id(settings["eos_token"])
        self.pad_id = self._id(settings["pad_token"])
        self.max_seq_len = max_seq_len

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, no special tokens added."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def _id(self, token: str | dict[str, Any]) -> int:
        return self.tokenizer.token_to_id(token if isinstance(token, str) else token["content"])


class TicketDataset:
    """Rows of {"prompt", "completion"} as tokens and labels, the prompt's labels ignored, the end token at the end."""

    def __init__(self, tokenizer: PlainTokenizer, data_files: str) -> None:
        lines = Path(data_files).read_text(encoding="utf-8").removesuffix("\n").split("\n")
        self.rows = [self._tokens(tokenizer, **json.loads(line)) for line in lines]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return self.rows[index]

    @staticmethod
    def _tokens(tokenizer: PlainTokenizer, prompt: str, completion: str) -> dict[str, list[int]]:
        asked = tokenizer.encode(prompt)
        answer = [*tokenizer.encode(completion), tokenizer.eos_id]
        tokens, labels = asked + answer, [IGNORED] * len(asked) + answer
        return {"tokens": tokens[: tokenizer.max_seq_len], "labels": labels[: tokenizer.max_seq_len]}


plain_tokenizer, ticket_dataset = PlainTokenizer, TicketDataset
