"""Stock tools ask an exported causal model as it was tuned, or are not told how."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import pipeline

from reprotune.export.decision import write_decision
from reprotune.models.exported import save_merged
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.scores import score_texts
from tests import tiny

TEXTS = ["Net sales rose 3 %.", "Costs {{ state }} rose </s> <s>", 'They said "no\\n" öß\nagain']


def test_the_stock_pipeline_gives_the_probabilities_of_answer_scoring(
    encoder: PromptEncoder, tmp_path: Path
) -> None:
    model = tiny.model()
    save_merged(model, encoder.tokenizer, "float32", tmp_path)
    before = len(encoder.tokenizer)
    assert write_decision(encoder, 2.0, TEXTS, tmp_path)
    assert len(encoder.tokenizer) == before
    scores = score_texts(model, encoder, TEXTS, 4, "test") / 2
    known = torch.tensor(scores).softmax(1).numpy()
    ask = pipeline("decision", model=str(tmp_path), device="cpu")
    question = {"label": {"type": "choice", "criteria": dict.fromkeys(encoder.classes)}}
    said = [ask({"state": text, "questions": question})["label"]["probabilities"] for text in TEXTS]
    assert np.allclose([[one[name] for name in encoder.classes] for one in said], known, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"verbalizers": {"a": " positive", "b": " rather dull"}}, TEXTS[0]),
        ({"prefix": (5, 6)}, TEXTS[0]),
        ({}, "profit " * 500),
    ],
)
def test_what_stock_tools_would_ask_otherwise_is_not_written(
    encoder: PromptEncoder, tmp_path: Path, changes: dict[str, object], text: str
) -> None:
    assert not write_decision(replace(encoder, **changes), 1.0, [text], tmp_path)
    assert list(tmp_path.iterdir()) == []
