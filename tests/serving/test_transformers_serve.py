"""The stock server of transformers gives an exported causal model's own probabilities."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import requests
import torch

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.export.decision import write_decision
from reprotune.models.exported import save_merged
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.scores import score_texts
from reprotune.serving.asking import Server
from reprotune.serving.measuring import measure
from reprotune.serving.servers import SERVERS, write_command
from reprotune.tables import predictions
from tests import tiny

ROWS = 30


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = write_command(SERVERS["transformers"], folder, "127.0.0.1", port)
    program = Path(sys.executable).with_name(command[0])
    with subprocess.Popen([program, *command[1:]], stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 600  # the machine may be busy
            while not is_up(url):
                assert process.poll() is None and time.monotonic() < deadline, "no server"
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()


def is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=2).ok
    except requests.RequestException:
        return False


@pytest.mark.slow  # a server of torch's size starts
def test_what_it_says_of_the_test_rows_is_what_was_recorded(
    encoder: PromptEncoder, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, texts = tiny.model(), [f"Net sales rose {n} % [SEP] </s>" for n in range(ROWS)]
    ids = [f"{n:016x}" for n in range(ROWS)]
    rows = pd.DataFrame({"id": ids, "text": texts, "label": "neutral"})
    scores = score_texts(model, encoder, texts, 16, "test")
    table = predictions.table(rows, torch.tensor(scores).softmax(1).numpy(), encoder.classes)
    paths.PREDICTIONS.parent.mkdir(parents=True)
    predictions.write(table, paths.PREDICTIONS)
    paths.MERGED.mkdir(parents=True)
    save_merged(model, encoder.tokenizer, "float32", paths.MERGED)
    assert write_decision(encoder, 1.0, texts, paths.MERGED)
    with served(paths.MERGED) as url:
        found, said = measure(Server(url, 60), params, None, None, 4, None)
    assert (found.api, found.agreement, found.ok) == ("systemone", 1, True)
    served_ = said[[f"probability of {name}" for name in encoder.classes]].to_numpy()
    assert abs(served_ - table[encoder.classes].to_numpy()).max() < 1e-5
