"""Right answers to rung 02's code exercises, each written in a way of its own."""

LOSSES = {
    "in place": """
def sft_loss(logits, input_ids, completion_mask):
    logits -= logits.max(-1, keepdim=True).values
    keep = completion_mask[:, 1:].float()
    nats = torch.logsumexp(logits[:, :-1], -1) - logits[:, :-1].gather(-1, input_ids[:, 1:, None])[..., 0]
    return (nats * keep).sum() / keep.sum().clamp(min=1)
""",
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
    "CrossEntropyLoss with ignore_index, summed": """
def sft_loss(logits, input_ids, completion_mask):
    targets = torch.where(completion_mask.bool(), input_ids, torch.full_like(input_ids, -1))[:, 1:]
    total = nn.CrossEntropyLoss(ignore_index=-1, reduction="sum")(logits[:, :-1].permute(0, 2, 1), targets)
    return total / max(int((targets >= 0).sum()), 1)
""",
    "one-hot": """
def sft_loss(logits, input_ids, completion_mask):
    one_hot = F.one_hot(input_ids[:, 1:], logits.shape[-1]).to(logits.dtype)
    log_p = (F.log_softmax(logits, dim=2)[:, :-1] * one_hot).sum(-1)
    counts = (completion_mask[:, 1:] == 1).float()
    if counts.sum() == 0:
        return torch.zeros((), requires_grad=True)
    return -torch.sum(log_p * counts) / counts.sum()
""",
    "by hand, the maximum taken out, from 1 to T": """
from math import inf

def sft_loss(logits, input_ids, completion_mask):
    import torch as t
    total, count = logits.new_zeros(()), 0
    for row, ids, mask in zip(logits, input_ids, completion_mask):
        for step in range(1, len(ids)):
            if int(mask[step]) == 1:
                scores = row[step - 1] - row[step - 1].max()
                total = total + t.log(t.exp(scores).sum()) - scores[ids[step]]
                count += 1
    return total / count if count else total
""",
    "annotated, with a class beside it": '''
class Shift:
    """Pairs each position with the token that it predicts."""
    def __call__(self, x): return x[..., 1:]

shift = Shift()

def sft_loss(logits: torch.Tensor, input_ids: torch.Tensor, completion_mask: torch.Tensor) -> torch.Tensor:
    """The masked loss."""
    picked = torch.take_along_dim(logits[:, :-1].log_softmax(-1), shift(input_ids).unsqueeze(-1), -1).squeeze(-1)
    weights = shift(completion_mask) / shift(completion_mask).sum().clamp_min(1)
    print("loss", -(weights * picked).sum())
    return -(weights * picked).sum()
''',
    "a lambda of another function": """
def _loss(scores, ids, mask):
    flat = mask[:, 1:].reshape(-1).nonzero().squeeze(-1)
    if len(flat) == 0: return scores.sum() * 0.0
    return F.nll_loss(F.log_softmax(scores[:, :-1].reshape(-1, scores.size(-1))[flat], 1), ids[:, 1:].reshape(-1)[flat])
sft_loss = lambda logits, input_ids, completion_mask: _loss(logits, input_ids, completion_mask)
""",
}

KINDS = {
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
    "with the course's parser": """
def failure_kind(text, ticket):
    found = parse_ticket(text)
    if found is None: return "not-json"
    if set(found) ^ set(FIELDS): return "wrong-keys"
    return next((f"wrong-{k}" for k in FIELDS if (type(found[k]), found[k]) != (type(ticket[k]), ticket[k])), "correct")
""",
    "with a match statement": """
def failure_kind(text, ticket):
    try:
        answer = json.loads(text.strip())
    except Exception:
        return "not-json"
    match answer:
        case {**fields} if sorted(fields) == sorted(ticket):
            pass
        case dict():
            return "wrong-keys"
        case _:
            return "not-json"
    for key in "team", "item", "count", "priority":
        if repr(answer[key]) != repr(ticket[key]):
            return "wrong-" + key
    return "correct"
""",
    "key by key": """
import json as j
ORDER = ["team", "item", "count", "priority"]
def failure_kind(text, ticket):
    try: d = j.loads(text)
    except (j.JSONDecodeError, RecursionError): return "not-json"
    if d.__class__ is not dict: return "not-json"
    if len(d) != 4 or any(k not in d for k in ORDER): return "wrong-keys"
    while ORDER[0:]:
        for k in ORDER:
            if j.dumps([d[k]]) != j.dumps([ticket[k]]): return "wrong-" + k
        return "correct"
""",
}
