from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.export.merging import merge
from reprotune.models.adapters import save_tuned
from reprotune.models.base import Base
from reprotune.models.exported import load_classifier, save_classifier, save_merged
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring.scores import score_texts
from reprotune.training.tune import tune

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("quantization", ["nf4", "none"])
def test_the_merged_model_read_back_says_what_the_tuned_one_says(
    base: Path, encoder: PromptEncoder, rows: pd.DataFrame, tmp_path: Path, quantization: str
) -> None:
    precision = Precision(quantization, double_quantization=False, compute_dtype="float32")
    train = load_params(ROOT / "profiles/builtin.yaml").train
    model, *_ = tune(
        load_model(base, precision, encoder), encoder, (rows[:64], rows[:0]), train, precision
    )
    save_tuned(model, "lora", tmp_path / "tuned")
    untuned = score_texts(load_model(base, precision, encoder), encoder, rows["text"], 32, "base")
    merged, encoder = merge(Base(base, precision, encoder), tmp_path / "tuned")
    save_merged(merged, load_tokenizer(base), "float16", tmp_path / "merged")
    save_classifier(encoder, tmp_path / "merged")
    tuned = Base(base, precision, encoder).load_tuned(tmp_path / "tuned")
    before = score_texts(*tuned, rows["text"], 32, "tuned")
    after = score_texts(*load_classifier(tmp_path / "merged"), rows["text"], 32, "merged")
    assert np.abs(before - untuned).mean() > 0.1, "training changed something"
    assert np.abs(before - after).mean() < 2e-3
    assert (before.argmax(1) == after.argmax(1)).all()


def test_a_weight_beyond_the_number_format_is_refused(
    base: Path, encoder: PromptEncoder, tmp_path: Path
) -> None:
    model = load_model(base, Precision("none", False, "float32"), encoder)
    with torch.no_grad():
        next(model.parameters()).fill_(1e6)
    with pytest.raises(InputError, match=r"export\.dtype float16"):
        save_merged(model, load_tokenizer(base), "float16", tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_folder_without_an_exported_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no exported model"):
        load_classifier(tmp_path)
