"""Whether an exported folder says the same to everybody."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from reprotune.core.errors import InputError
from reprotune.core.params import Export
from reprotune.export import stock
from reprotune.tables.metrics import Parity

KEPT = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")  # without which some machines find no GPU
TOLERANCE = 1e-5  # of probabilities, of the same weights in fp32


def compare(tuned: np.ndarray, merged: np.ndarray, labels: np.ndarray, tie: float) -> Parity:
    """Agreement of the predictions and change of the label's log-likelihood, in nats.

    Both scores have shape (rows, classes), ``labels`` are column numbers. Two classes whose scores
    by the tuned model are no further apart than ``tie`` are tied: either is its prediction.
    """
    rows = np.arange(len(labels))
    said, now = tuned.argmax(1), merged.argmax(1)
    tied = (said != now) & (tuned[rows, said] - tuned[rows, now] <= tie)
    change = np.abs(tuned - merged)[rows, labels]
    return Parity(
        agreement=float(((said == now) | tied).mean()),
        ties=int(tied.sum()),
        log_likelihood_change=float(change.mean()),
        log_likelihood_change_max=float(change.max()),
    )


def require(found: Parity, export: Export) -> None:
    """Raise InputError if the merged model is further from the tuned one than allowed."""
    if not found.agreement >= export.agreement:
        raise InputError(
            f"merged and tuned model agree on {found.agreement:.4f} of the test rows, "
            f"export.agreement asks for {export.agreement}; try export.dtype float32"
        )
    if not found.log_likelihood_change <= export.log_likelihood_tolerance:
        raise InputError(
            f"merging changed the labels' log-likelihood by "
            f"{found.log_likelihood_change:.5f}, "
            f"more than export.log_likelihood_tolerance {export.log_likelihood_tolerance}; try "
            "export.dtype float32"
        )


def ask_stock(
    folder: Path, texts: Sequence[str], classes: Sequence[str], batch_size: int
) -> np.ndarray:
    """Probabilities by ``pipeline("text-classification")``, shape (texts, classes).

    In a fresh process whose environment is bare and that does not see this package.

    Raises:
        InputError: it fails there.
    """
    given = {"folder": str(folder.resolve()), "texts": list(texts), "batch_size": batch_size}
    try:
        answers = ask_afresh(Path(stock.__file__), given)
    except InputError as reason:
        raise InputError(
            f'a stock pipeline("text-classification") fails with the exported model: {reason}'
        ) from None
    return pd.DataFrame(answers)[list(classes)].to_numpy()


def ask_afresh(script: Path, given: dict[str, Any]) -> Any:
    """What a script answers, in a fresh process whose environment is bare.

    Raises:
        InputError: it fails; the last line that it said.
    """
    with TemporaryDirectory() as work:
        answers = Path(work) / "answers.json"
        done = subprocess.run(
            [sys.executable, "-I", str(script)],
            input=json.dumps(given | {"answers": str(answers)}),
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            cwd=work,
            capture_output=True,
            errors="replace",
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            told = done.stderr.strip().splitlines()[-1:] or ["it was killed"]
            raise InputError(told[0])
        return json.loads(answers.read_bytes())


def require_same(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference between probabilities of the same rows.

    Raises:
        InputError: it is more than the last bits of fp32.
    """
    change = float(np.abs(ours - theirs).max(initial=0))
    if not change <= TOLERANCE:
        raise InputError(
            f"a stock pipeline gives other probabilities than reprotune with the exported model, "
            f"by up to {change:.6f}, and {TOLERANCE} are allowed; use another "
            "base model, or of a causal one export.form causal"
        )
    return change
