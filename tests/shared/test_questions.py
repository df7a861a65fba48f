"""Questions of one's own: the same for the same seed, kept beside the answers, different for somebody else."""

import json

import pytest

from shared.artifacts import ArtifactError
from shared.questions import ANSWERS, DRAWS, QuestionError, drawn, questions, save_answers


@pytest.mark.parametrize("rung", DRAWS)
def test_a_seed_draws_the_same_questions_everywhere(rung):
    assert drawn(rung, 7) == drawn(rung, 7)
    assert len({question.name for question in drawn(rung, 7).values()}) == len(DRAWS[rung])


@pytest.mark.parametrize("rung", DRAWS)
def test_seeds_differ_in_their_numbers(rung):
    texts = {tuple(question.text for question in drawn(rung, seed).values()) for seed in range(200)}
    assert len(texts) > 180


@pytest.mark.parametrize("rung", DRAWS)
@pytest.mark.parametrize("seed", range(20))
def test_a_text_names_every_number(rung, seed):
    for question in drawn(rung, seed).values():
        assert "{" not in question.text and question.text.endswith("?")
        for name, number in question.numbers.items():
            shown = f"{number / 1000:.3f}" if name.endswith("thousandths") else str(number)
            assert shown in question.text


def test_the_first_call_draws_and_later_ones_find_the_same(tmp_path):
    first = questions("03", work=tmp_path)
    assert questions("03", work=tmp_path) == first
    seed = json.loads((tmp_path / ANSWERS).read_text())["seed"]
    assert first == drawn("03", seed)


def test_answers_are_kept_beside_the_seed_and_can_be_changed(tmp_path):
    seed = (questions("03", work=tmp_path), json.loads((tmp_path / ANSWERS).read_text())["seed"])[1]
    save_answers("03", {"alpha": 12, "share": None}, work=tmp_path)
    assert json.loads((tmp_path / ANSWERS).read_text()) == {"rung": "03", "seed": seed, "answers": {"alpha": 12.0}}
    save_answers("03", {"alpha": 13.5}, work=tmp_path)
    assert json.loads((tmp_path / ANSWERS).read_text())["answers"] == {"alpha": 13.5}


def test_an_answer_to_no_question_is_refused(tmp_path):
    with pytest.raises(QuestionError, match="no question 'beta'; expected trainable, share, alpha, moments"):
        save_answers("03", {"beta": 1}, work=tmp_path)


def test_a_rung_without_questions_says_so():
    with pytest.raises(QuestionError, match="rung '02' asks no such questions"):
        drawn("02", 1)


@pytest.mark.parametrize("content", ["", "{}", '{"rung": "03", "seed": "x", "answers": {}}', "[" * 9999])
def test_a_spoilt_file_is_one_line(tmp_path, content):
    (tmp_path / "artifacts").mkdir()
    (tmp_path / ANSWERS).write_text(content)
    with pytest.raises(ArtifactError, match=r"answers\.json"):
        questions("03", work=tmp_path)
