"""Skills, replay, springs and averages of rung 10."""

import pytest

from shared.continual import replay
from shared.continual.averaging import between
from shared.continual.matrix import MatrixRecord, matrix_of
from shared.continual.skills import SKILLS, exam, lesson_rows
from shared.harness.running import scored
from shared.world import notes, rows


def test_the_training_rows_answer_their_own_exam():
    for task in exam("public", n=30):
        assert scored(task, [row["completion"] for row in task.rows]) == [1.0] * 30


def test_no_item_of_the_exam_is_in_the_lessons():
    asked = {row["prompt"] for task in exam("public", n=100) for row in task.rows}
    assert not asked & {row["prompt"] for skill in SKILLS for row in lesson_rows(skill, 300)}


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note + " Do write again if we can help you further.",
        lambda note: note.replace("Kindly note that", "Please be sure that"),
        lambda note: note.replace(".", ""),
        lambda note: "",
        lambda note: " Kindly note that all is well.",
    ],
)
def test_a_note_is_one_sentence_of_the_form_with_the_right_promise(change):
    row = rows("notes", "public", 1)[0]
    assert notes.is_right(row["completion"], row["chosen"])
    assert not notes.is_right(change(row["completion"]), row["chosen"])


def test_a_note_about_another_letter_is_wrong():
    first, *others = rows("notes", "public", 12)
    assert not any(notes.is_right(first["completion"], other["chosen"]) for other in others)


def test_replay_takes_the_share_and_goes_through_a_small_source_again():
    mixed = replay.replay_mix(range(100), range(1000, 1010), 0.5, 60, seed=3)
    old = [row for row in mixed if row >= 1000]
    assert len(mixed) == 60 and len(old) == 30 and {old.count(row) for row in old} == {3}
    assert mixed == replay.replay_mix(range(100), range(1000, 1010), 0.5, 60, seed=3)


def test_a_record_wants_a_score_for_every_row():
    fields = {"base": {"id": "b", "fingerprint": "0"}, "seed": 1, "n": 2, "fingerprints": {}, "numbers": {},
              "mitigation": "ewc"}  # fmt: skip
    MatrixRecord(**fields, scores={"base": {"tickets": [0, 1]}})
    with pytest.raises(ValueError, match="expected 2 numbers 0 or 1"):
        MatrixRecord(**fields, scores={"base": {"tickets": [0]}})


def test_the_matrix_has_a_row_a_model():
    scores = {"a": {"x": [1, 0], "y": [0, 0]}, "b": {"x": [1, 1], "y": [1, 0]}}
    assert matrix_of(scores, ["a", "b"]) == [[0.5, 0.0], [1.0, 0.5]]


@pytest.fixture(scope="module")
def pocket():
    from shared.models import load_base

    return load_base("pocket")


@pytest.mark.slow
def test_the_fisher_information_is_the_mean_of_squares_row_by_row(pocket):
    import torch

    from shared.continual.ewc import diagonal_fisher

    model, tokenizer = pocket
    asked = lesson_rows("totals", 2)
    both = diagonal_fisher(model, tokenizer, asked, seed=0)
    draw = torch.Generator().manual_seed(0)
    alone = []
    for row in asked:  # the same draws, one row after the other
        start = len(tokenizer(row["prompt"]).input_ids)
        ids = torch.tensor([[*tokenizer(row["prompt"] + row["completion"]).input_ids, tokenizer.eos_token_id]])
        scores = model(input_ids=ids).logits[0, start - 1 : -1].log_softmax(-1)
        own = torch.multinomial(scores.detach().exp(), 1, generator=draw)
        model.zero_grad()
        scores.gather(-1, own).sum().backward()
        alone.append(model.model.norm.weight.grad.clone() ** 2)
    model.zero_grad()
    assert torch.allclose(both["model.norm.weight"], sum(alone) / 2, rtol=1e-3)
    assert all((values >= 0).all() and values.isfinite().all() for values in both.values())


@pytest.mark.slow
def test_springs_add_up_and_the_trainer_feels_them(pocket):
    import torch

    from shared.continual import ewc

    model, tokenizer = pocket
    first = ewc.springs_after(model, tokenizer, lesson_rows("totals", 1))
    second = ewc.springs_after(model, tokenizer, lesson_rows("totals", 1), first)
    name = "model.norm.weight"
    assert torch.allclose(second.fisher[name], 2 * first.fisher[name])
    assert first.bytes == 8 * sum(weight.numel() for weight in model.parameters())

    class Plain:
        accelerator = type("None", (), {"unwrap_model": staticmethod(lambda model: model)})

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            return (torch.tensor(1.0), "outputs") if return_outputs else torch.tensor(1.0)

    held = type("Held", (ewc.HeldBySprings, Plain), {})(springs=first, strength=2.0)
    assert held.compute_loss(model, {}).item() == 1.0
    with torch.no_grad():
        model.get_parameter(name).add_(1.0)
    loss, outputs = held.compute_loss(model, {}, return_outputs=True)
    with torch.no_grad():
        model.get_parameter(name).sub_(1.0)
    assert loss.item() == pytest.approx(1 + first.fisher[name].sum().item(), rel=1e-3) and outputs == "outputs"


@pytest.mark.slow
def test_a_model_between_two_is_tensor_by_tensor(pocket):
    import torch

    old = {"w": torch.tensor([0.0, 2.0])}
    assert between(old, {"w": torch.tensor([4.0, 2.0])}, 0.25)["w"].tolist() == [1.0, 2.0]


@pytest.mark.slow
def test_rows_that_a_model_writes_have_the_skills_form(pocket):
    model, tokenizer = pocket
    written = replay.own_answers(model, tokenizer, "totals", 4)
    assert len(written) == 4 and written == replay.own_answers(model, tokenizer, "totals", 4)
    for row in written:
        assert row["prompt"].startswith("Order:") and row["prompt"].endswith("\nTotal:")
    documents = replay.own_documents(model, tokenizer, 4, tokens=40)
    assert all(row["prompt"] and " " not in row["prompt"] and row["completion"].startswith(" ") for row in documents)
