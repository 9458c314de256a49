"""Llama-2-7B's architecture with random weights, QLoRA, on a GPU: speed and peak memory.

Beside stock trl in the reference settings (goals: 1.5 times the examples a second, 0.8 times the
peak memory) and, in scoring, beside `generate` one by one (20 times). Random weights, 13 GB of
them in models/source/random-7b, have true speed and memory.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from accelerate.utils.memory import clear_device_cache
from transformers import LlamaConfig, LlamaForCausalLM, set_seed

from benchmarks.training import EFFECTIVE, ours, stock
from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.params_file import load_params
from reprotune.models.encoders import encoder_for
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring.scores import score_texts
from reprotune.tables.classes import class_names

ROWS = 96
SCORED = 32
TOKENS = 4
FOLDER = paths.SOURCE_MODELS / "random-7b"


def seven_billion(folder: Path) -> None:
    """Write the model, with the built-in tokenizer, unless it is there."""
    if not (folder / "config.json").is_file():
        set_seed(0)
        config = LlamaConfig(max_position_embeddings=4096)  # all else is as in the 7B model
        with torch.device("cuda"):
            model = LlamaForCausalLM._from_config(config, dtype=torch.float16)
        model.save_pretrained(str(folder))
        del model
    load_tokenizer(paths.BUILTIN_MODEL).save_pretrained(str(folder))


def measured(run: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and GiB of GPU memory at most."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - start, torch.cuda.max_memory_allocated() / 2**30


def main() -> None:
    if not torch.cuda.is_available():
        print("gpu: no CUDA device here, nothing measured")
        return
    seven_billion(FOLDER)
    params = load_params(paths.PROFILES / "builtin.yaml")
    lora = params.train.lora.model_copy(update={"rank": 64, "alpha": 16, "dropout": 0.1})
    changes = {"lora": lora, "learning_rate": 2e-4, "optimizer": "paged_adamw_32bit"}
    train = params.train.model_copy(update=changes)
    model_params = params.model.model_copy(update={"compute_dtype": "bfloat16"})
    params = params.model_copy(update={"train": train, "model": model_params})
    less = train.model_copy(update={"activation_checkpointing": True})
    saving = params.model_copy(update={"train": less})
    rows = headlines.examples(rows=ROWS, wrong=0, repeated=0, seed=1)
    classes = class_names(params.download.labels)
    encoder = encoder_for(load_tokenizer(FOLDER), "causal", params.prompt, classes)
    assert isinstance(encoder, PromptEncoder)
    precision = Precision("nf4", True, "bfloat16")
    results = {}
    for name, way in {
        "stock trl, batch 1 x 8, activation checkpointing": lambda model: stock(
            model, encoder, rows, params, 1, checkpointing=True
        ),
        f"stock trl, batch {EFFECTIVE}": lambda model: stock(
            model, encoder, rows, params, EFFECTIVE, checkpointing=False
        ),
        f"reprotune, batch {EFFECTIVE}, activation checkpointing": lambda model: ours(
            model, encoder, rows, saving
        ),
        f"reprotune, batch {EFFECTIVE}": lambda model: ours(model, encoder, rows, params),
    }.items():
        model = load_model(FOLDER, precision, encoder)
        way(model)  # kernels are compiled and caches filled the first time
        del model
        clear_device_cache(garbage_collection=True)  # trainers refer to it in circles
        model = load_model(FOLDER, precision, encoder)
        seconds, memory = measured(lambda way=way, model=model: way(model))
        results[name] = ROWS / seconds, memory
        del model
        clear_device_cache(garbage_collection=True)  # trainers refer to it in circles
    rate, least = results[f"reprotune, batch {EFFECTIVE}"]
    for name, (speed, memory) in results.items():
        print(
            f"gpu training: {speed:6.2f} examples/s (ours {rate / speed:.2f} x), {memory:5.2f} GiB "
            f"(ours {least / memory:.2f} x): {name}"
        )
    scoring(encoder, precision, rows["text"].head(SCORED))


@torch.inference_mode()
def scoring(encoder: PromptEncoder, precision: Precision, texts: "pd.Series[str]") -> None:
    model = load_model(FOLDER, precision, encoder).eval()

    def generate() -> None:
        for text in texts:
            ids = torch.tensor([encoder.prompt(text)], device=model.device)
            model.generate(ids, max_new_tokens=TOKENS, do_sample=False, pad_token_id=0)

    def score() -> None:
        score_texts(model, encoder, texts, SCORED, "score")

    score()
    one_by_one, _ = measured(generate)
    at_once, _ = measured(score)
    print(
        f"gpu scoring: {len(texts) / at_once:.1f} texts/s, {one_by_one / at_once:.1f} x generate "
        "one by one"
    )


if __name__ == "__main__":
    main()
