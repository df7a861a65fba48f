"""Answers to rung 02's two code exercises: right ones written in other ways, and wrong ones with one fault each."""

RIGHT_LOSSES = {
    "ignore_index": """
def sft_loss(logits, input_ids, completion_mask):
    labels = input_ids.masked_fill(completion_mask == 0, -100)[:, 1:]
    if (labels != -100).sum() == 0:
        return logits.sum() * 0
    return torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), labels, ignore_index=-100)
""",
    "logsumexp": """
def sft_loss(logits, input_ids, completion_mask):
    scores, targets, keep = logits[:, :-1], input_ids[:, 1:], completion_mask[:, 1:].float()
    nats = torch.logsumexp(scores, -1) - scores.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return (nats * keep).sum() / torch.clamp(keep.sum(), min=1.0)
""",
    "loop": """
import math

def sft_loss(logits, input_ids, completion_mask):
    terms = []
    for b in range(input_ids.shape[0]):
        for t in range(1, input_ids.shape[1]):
            if completion_mask[b, t]:
                terms.append(-torch.log_softmax(logits[b, t - 1], dim=0)[input_ids[b, t]])
    return torch.stack(terms).mean() if terms else logits.sum() * 0
""",
    "boolean mask": """
def sft_loss(logits, input_ids, completion_mask):
    keep = completion_mask[:, 1:].bool()
    losses = torch.nn.CrossEntropyLoss(reduction="none")(logits[:, :-1][keep], input_ids[:, 1:][keep])
    return losses.mean() if keep.any() else torch.tensor(0.0)
""",
    "helper in float64": """
def shifted(logits, ids, mask):
    return logits[:, :-1].double(), ids[:, 1:], mask[:, 1:].double()

def sft_loss(logits, input_ids, completion_mask):
    import torch.nn.functional as functional
    scores, targets, keep = shifted(logits, input_ids, completion_mask)
    nats = functional.nll_loss(functional.log_softmax(scores, -1).flatten(0, 1), targets.flatten(), reduction="none")
    return ((nats.view_as(keep) * keep).sum() / keep.sum().clamp(min=1)).float()
""",
}

_LOSS = """
def sft_loss(logits, input_ids, completion_mask):
    scores, targets, keep = logits[:, :-1], input_ids[:, 1:], completion_mask[:, 1:].float()
    nats = torch.logsumexp(scores, -1) - scores.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return (nats * keep).sum() / keep.sum().clamp(min=1)
"""


def _loss_with(old: str, new: str) -> str:
    assert old in _LOSS
    return _LOSS.replace(old, new)


# fault -> (the answer, the criterion that must refuse it, words that its line must hold)
WRONG_LOSSES = {
    "not shifted": (
        _loss_with("logits[:, :-1], input_ids[:, 1:], completion_mask[:, 1:]", "logits, input_ids, completion_mask"),
        "sft-loss-value",
        "predict token t + 1",
    ),
    "mask ignored": (
        _loss_with("(nats * keep).sum() / keep.sum().clamp(min=1)", "nats.mean()"),
        "sft-loss-value",
        "mask",
    ),
    "mask not shifted": (_loss_with("completion_mask[:, 1:]", "completion_mask[:, :-1]"), "sft-loss-value", "mask"),
    "a mean of row means": (
        _loss_with(
            "(nats * keep).sum() / keep.sum().clamp(min=1)", "((nats * keep).sum(1) / keep.sum(1).clamp(min=1)).mean()"
        ),
        "sft-loss-value",
        "row",
    ),
    "a sum": (_loss_with(" / keep.sum().clamp(min=1)", ""), "sft-loss-value", "sum"),
    "divided by all tokens": (_loss_with("keep.sum().clamp(min=1)", "keep.numel()"), "sft-loss-value", "divide"),
    "bits instead of nats": (_loss_with("(nats * keep)", "(nats / 0.6931472 * keep)"), "sft-loss-value", "off"),
    "a plain number": (
        _loss_with("(nats * keep).sum() / keep.sum().clamp(min=1)", "((nats * keep).sum() / keep.sum()).item()"),
        "sft-loss-value",
        "tensor",
    ),
    "no mask, no number": (_loss_with(".clamp(min=1)", ""), "sft-loss-edges", "nan"),
    "huge logits": (
        _loss_with("torch.logsumexp(scores, -1) -", "torch.log(torch.exp(scores).sum(-1)) -"),
        "sft-loss-edges",
        "huge",
    ),
    "token 0 taken for padding": (
        _loss_with("completion_mask[:, 1:].float()", "completion_mask[:, 1:].float() * (input_ids[:, 1:] != 0)"),
        "sft-loss-value",
        "off",
    ),
    "detached": (_loss_with("keep = logits[", "keep = logits.detach()["), "sft-loss-gradient", "gradient"),
}

_KIND = """
def failure_kind(text, ticket):
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "not-json"
    if not isinstance(found, dict):
        return "not-json"
    if set(found) != set(ticket):
        return "wrong-keys"
    for field in ("team", "item", "count", "priority"):
        if type(found[field]) is not type(ticket[field]) or found[field] != ticket[field]:
            return "wrong-" + field
    return "correct"
"""

RIGHT_KINDS = {
    "canonical JSON": """
def failure_kind(text, ticket):
    import json
    try:
        found = json.loads(text)
    except Exception:
        return "not-json"
    if type(found) is not dict:
        return "not-json"
    if sorted(found) != sorted(ticket):
        return "wrong-keys"
    wrong = [k for k in ["team", "item", "count", "priority"] if json.dumps(found[k]) != json.dumps(ticket[k])]
    return f"wrong-{wrong[0]}" if wrong else "correct"
""",
    "one if a field": """
def failure_kind(text, ticket):
    def differs(name):
        a, b = found[name], ticket[name]
        return a != b or isinstance(a, bool) != isinstance(b, bool) or isinstance(a, float) != isinstance(b, float)
    try:
        found = json.loads(text)
        assert isinstance(found, dict)
    except (ValueError, RecursionError, AssertionError):
        return "not-json"
    if found.keys() != ticket.keys(): return "wrong-keys"
    if differs("team"): return "wrong-team"
    if differs("item"): return "wrong-item"
    if differs("count"): return "wrong-count"
    if differs("priority"): return "wrong-priority"
    return "correct"
""",
}


def _kind_with(old: str, new: str) -> str:
    assert old in _KIND
    return _KIND.replace(old, new)


# fault -> (the answer, the criterion that must refuse it)
WRONG_KINDS = {
    "always correct": ("def failure_kind(text, ticket):\n    return 'correct'\n", "failure-kinds"),
    "keys before JSON": (_kind_with('"wrong-keys"', '"not-json"'), "failure-kinds"),
    "fields in another order": (_kind_with('("team", "item",', '("priority", "item", "team",'), "failure-edges"),
    "a list is JSON too": (
        _kind_with("if not isinstance(found, dict):", "if isinstance(found, str):"),
        "failure-edges",
    ),
    "types do not count": (_kind_with("type(found[field]) is not type(ticket[field]) or ", ""), "failure-edges"),
    "deep nesting raises": (_kind_with("(ValueError, RecursionError)", "ValueError"), "failure-edges"),
}
