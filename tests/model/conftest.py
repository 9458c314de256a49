from pathlib import Path

import pandas as pd
import pytest
import torch

from reprotune.data import headlines
from reprotune.model.loading import Precision
from reprotune.model.prompts import PromptEncoder
from tests import tiny

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("base"))


@pytest.fixture
def encoder() -> PromptEncoder:
    verbalizers = {name: f" {name}" for name in headlines.CLASSES}
    return PromptEncoder(tiny.tokenizer(), "{text}\nSentiment:", verbalizers, 128)


@pytest.fixture
def nf4() -> Precision:
    return Precision("nf4", double_quantization=False, compute_dtype="float32")


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    return headlines.examples(rows=100, wrong=0.06, repeated=0.02, seed=1)
