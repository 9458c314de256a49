"""Texts a second in scoring, beside `generate` one by one (goal: 10), and with 8 shots (1.5)."""

import statistics
import sys
import time
from collections.abc import Callable
from unittest import mock

import pandas as pd
import torch

from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.models.encoders import encoder_for
from reprotune.models.loading import Precision, load_model
from reprotune.models.manifest import Manifest
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring import scores
from reprotune.scoring.scores import score_texts
from reprotune.tables.classes import class_names

ROUNDS = 3
ROWS = 200
SHOTS = 8
TOKENS = 4  # that an answer may have, as in the reference systems


def main() -> None:
    params = load_params(paths.PROFILES / "builtin.yaml")
    torch.set_num_threads(params.threads)
    rows = pd.read_parquet(paths.TEST).head(ROWS)
    shots = pd.read_parquet(paths.TRAIN).head(SHOTS)
    folder = Manifest.read(paths.BASE).locate()
    classes = class_names(params.download.labels)
    encoder = encoder_for(load_tokenizer(folder), "causal", params.prompt, classes)
    assert isinstance(encoder, PromptEncoder)
    model = load_model(folder, Precision("nf4", False, "float32"), encoder).eval()
    few = encoder.show(shots["text"], shots["label"])

    def generate() -> None:
        for text in rows["text"]:
            ids = torch.tensor([encoder.prompt(text)])
            model.generate(ids, max_new_tokens=TOKENS, do_sample=False, pad_token_id=0)

    long = rows["text"].map(lambda text: " ".join([text] * 6))

    def score_whole_batches() -> None:
        with mock.patch.object(scores, "TOKENS", sys.maxsize):
            scores.score_texts(model, encoder, long, 64, "whole batches")

    ways: dict[str, Callable[[], object]] = {
        "generate, one by one": generate,
        "reprotune": lambda: score_texts(model, encoder, rows["text"], 64, "zero-shot"),
        f"reprotune, {SHOTS} shots": lambda: score_texts(model, few, rows["text"], 64, "few"),
        "reprotune, texts of six": lambda: score_texts(model, encoder, long, 64, "long"),
        "the same, 64 rows at once": score_whole_batches,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            with torch.inference_mode():
                way()
            seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name, value in median.items():
        ratio = value / median["reprotune"]
        print(f"scoring: {ROWS / value:7.1f} texts/s, {ratio:.2f} x the time of reprotune: {name}")
