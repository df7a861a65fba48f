"""The pocket tokenizer: byte-level BPE trained on the world's own text, digits one by one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.pocket.recipe import Recipe
from shared.world.corpus import documents

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BOS, EOS, PAD = "<s>", "</s>", "<pad>"

# A conversation in the form in which the base model has read messages and replies.
CHAT_TEMPLATE = (
    "{% for turn in messages %}"
    "{% if turn.role == 'user' %}Message: {{ turn.content }}\n"
    "{% elif turn.role == 'assistant' %}Reply: {{ turn.content }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Reply:{% endif %}"
)


def build_tokenizer(recipe: Recipe) -> "PreTrainedTokenizerFast":
    """Train the tokenizer and return it as a `PreTrainedTokenizerFast`.

    BPE stops before the vocabulary is full, once every word is a single token.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(take_characters("tokenizer", recipe.tokenizer_characters), trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=BOS, eos_token=EOS, pad_token=PAD, model_max_length=recipe.context
    )
    made.chat_template = CHAT_TEMPLATE
    return made


def take_characters(seed: int | str, characters: int, early: bool = False) -> Iterator[str]:
    """Yield documents of the corpus until they hold `characters` characters."""
    for text in documents(seed, early):
        yield text
        characters -= len(text)
        if characters <= 0:
            return
