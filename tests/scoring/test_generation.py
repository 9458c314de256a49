"""Generated answers are kept as they are, and read without guessing."""

from pathlib import Path

import pandas as pd
import pytest
from transformers import GenerationConfig

from reprotune.core.params import Params
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.generation import generate_answers, read_answer
from reprotune.scoring.scores import score_texts
from reprotune.training.tune import tune

FP32 = Precision("none", False, "float32")
SAID = {"1": " 1", "10": " 10", "bad": " bad"}


@pytest.mark.parametrize(("answer", "name"), [
    (" bad", "bad"), ("Bad news", "bad"), (" 10", "10"), (" 1", "1"), (" 1 of", "1"),
    ("", ""), ("not bad", ""), (" b", ""), ("neutral", ""),
])  # fmt: skip
def test_an_answer_is_a_class_only_if_it_begins_with_it(answer: str, name: str) -> None:
    assert read_answer(answer, SAID) == name


def test_a_tuned_model_says_what_it_scores_highest(
    base: Path, encoder: PromptEncoder, rows: pd.DataFrame, params: Params
) -> None:
    model = load_model(base, FP32, encoder)
    train = params.train.model_copy(update={"epochs": 6, "learning_rate": 5e-3})
    model, *_ = tune(model, encoder, (rows[:64], rows[:0]), train, FP32)
    texts = [*rows["text"][:39], "x"]
    said = generate_answers(model, encoder, texts, 0.0, 1, 1)
    scores = score_texts(model, encoder, texts, 16, "test")
    best = [encoder.classes[column] for column in scores.argmax(1)]
    read = [read_answer(answer, encoder.verbalizers) for answer in said]
    assert len(read) == len(texts)
    assert all(one in ("", other) for one, other in zip(read, best, strict=True))
    assert sum(map(bool, read)) > len(texts) / 2


def test_sampling_follows_the_seed(base: Path, encoder: PromptEncoder, rows: pd.DataFrame) -> None:
    model = load_model(base, FP32, encoder)
    one, same, other = (
        generate_answers(model, encoder, rows["text"][:8].tolist(), 1.0, 4, seed)
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_what_a_models_folder_asks_for_changes_no_answer(
    base: Path, encoder: PromptEncoder, rows: pd.DataFrame
) -> None:
    """Such as a penalty on words of the prompt, where the classes are named."""
    model, texts = load_model(base, FP32, encoder), list(rows["text"][:8])
    plain = generate_answers(model, encoder, texts, 0.0, 4, 1)
    asked = GenerationConfig(do_sample=True, repetition_penalty=1.3, no_repeat_ngram_size=1)
    model.generation_config = asked
    assert generate_answers(model, encoder, texts, 0.0, 4, 1) == plain
    assert model.generation_config is asked
