"""A few steps of what the stages compute, as hashes: ``python tests/arithmetic.py``.

In plain torch, numpy and scikit-learn, for under an emulated processor an import takes a minute.
"""

import json
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as `python -m` would
from reprotune.core.arithmetic import fix_arithmetic

if __name__ == "__main__":
    fix_arithmetic()

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn


def digest(arrays: Iterable[np.ndarray]) -> str:
    return sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


def compute_tables() -> list[np.ndarray]:
    """What intervals, embeddings and baselines are made of."""
    draw = np.random.default_rng(0)
    x, y = draw.random((90, 70)), draw.integers(3, size=90)
    learner = LogisticRegression(C=0.01).fit(x, y)
    return [x @ x.T, np.exp(x), np.log(x), *np.linalg.svd(x[:40]), learner.predict_proba(x)]


def train() -> list[torch.Tensor]:
    """Three steps of a small transformer, its weights and what it then says.

    The step is fused as that of ``model.strict``: the other asks MKL for square roots.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, activation="gelu")
    model = nn.Sequential(nn.Embedding(256, 64), layer, nn.Linear(64, 256))
    tokens = torch.randint(256, (8, 48))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    for _ in range(3):
        loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.inference_mode():
        return [*model.parameters(), model.eval()(tokens).log_softmax(-1)]


if __name__ == "__main__":
    weights = digest(tensor.detach().numpy() for tensor in train())
    print(json.dumps({"tables": digest(compute_tables()), "torch": weights}))
