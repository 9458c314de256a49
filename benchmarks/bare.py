"""Training and scoring beside a bare PyTorch loop, and how much of the processor they reach.

In CPU seconds of one thread. Of other models than the built-in one, and in bfloat16:
``python -m benchmarks.bare FOLDER ... --dtype bfloat16``. Goals: a training within 1.1 of the bare
loop's time, and 0.4 of the reachable bf16 product in scoring.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, PreTrainedModel

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.models.encoders import Encoder, encoder_for
from reprotune.models.heads import IGNORED
from reprotune.models.loading import Precision, load_model
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring.scores import score_texts
from reprotune.tables.classes import class_names
from reprotune.training.tune import tune

ROUNDS = 3
ROWS, BATCH, RATE = 240, 16, 1e-3
SIDE = 1024  # of the matrices whose product shows what can be reached


def loop(model: PreTrainedModel, encoder: Encoder, rows: pd.DataFrame, params: Params) -> None:
    """One epoch as most scripts write it: rows in random order, the model's own loss."""
    lora = params.train.lora
    tuned = get_peft_model(
        model,
        LoraConfig(
            task_type=encoder.peft_task, r=lora.rank, lora_alpha=lora.alpha,
            lora_dropout=lora.dropout, target_modules=lora.targets,
        ),
    ).train()  # fmt: skip
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    step = torch.optim.AdamW(weights, RATE)
    data = [encoder.example(*pair) for pair in zip(rows["text"], rows["label"], strict=True)]
    order = torch.randperm(len(data)).split(BATCH)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(step, len(order))
    pad, half = encoder.tokenizer.pad_token_id, params.model.compute_dtype == "bfloat16"
    for chosen in order:
        ids = [torch.tensor(data[n]["input_ids"]) for n in chosen]
        answers = [torch.tensor(data[n]["labels"]) for n in chosen]
        inputs = {
            "input_ids": pad_sequence(ids, True, pad),
            "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], True),
            "labels": pad_sequence(answers, True, IGNORED)
            if answers[0].ndim
            else torch.stack(answers),
        }
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = tuned(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, params.train.max_grad_norm)
        step.step()
        falling.step()
        step.zero_grad()


def ours(model: PreTrainedModel, encoder: Encoder, rows: pd.DataFrame, params: Params) -> None:
    train = params.train.model_copy(
        update={"epochs": 1, "batch_size": BATCH, "learning_rate": RATE}
    )
    tune(model, encoder, (rows, rows[:0]), train, Precision.of(params.model))


def score(model: PreTrainedModel, encoder: Encoder, rows: pd.DataFrame, params: Params) -> None:
    score_texts(model, encoder, rows["text"], params.predictions.batch_size, "scoring")


@torch.inference_mode()
def ask(model: PreTrainedModel, encoder: Encoder, rows: pd.DataFrame, params: Params) -> None:
    """The logits after each prompt, in batches of the rows as they come."""
    prompts = [torch.tensor(encoder.prompt(text)) for text in rows["text"]]
    for start in range(0, len(prompts), params.predictions.batch_size):
        some = prompts[start : start + params.predictions.batch_size]
        mask = pad_sequence([torch.ones_like(row) for row in some], True)
        ids = pad_sequence(some, True, encoder.tokenizer.pad_token_id)
        model.eval()(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)


def reach(dtype: torch.dtype) -> float:
    """Multiply-adds a CPU second of a product of large matrices."""
    left, right = torch.rand(2, SIDE, SIDE).to(dtype)
    seconds = [measure(lambda: left @ right) for _ in range(20)]
    return SIDE**3 / statistics.median(seconds)


def count_multiplied(model: PreTrainedModel) -> int:
    """Weights by which each token is multiplied: of all linear layers but the head."""
    layers = model.base_model.modules()
    return sum(layer.weight.numel() for layer in layers if isinstance(layer, nn.Linear))


def measure(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(folder: Path, params: Params, rows: pd.DataFrame) -> None:
    """Print a row of the table for training, and one for scoring."""
    causal = "CausalLM" in (AutoConfig.from_pretrained(folder).architectures or [""])[0]
    task, classes = "causal" if causal else "classification", class_names(params.download.labels)
    encoder = encoder_for(load_tokenizer(folder), task, params.prompt, classes)
    precision = Precision.of(params.model)
    reachable = reach(precision.dtype)
    for what, passes, ways in (("training", 2, (loop, ours)), ("scoring", 1, (ask, score))):
        seconds: list[list[float]] = []
        for _ in range(ROUNDS):
            models = [load_model(folder, precision, encoder, new_head=True) for _ in ways]
            pairs = zip(ways, models, strict=True)
            seconds.append(
                [measure(partial(way, one, encoder, rows, params)) for way, one in pairs]
            )
        body = count_multiplied(models[0])
        tokens = sum(len(encoder.prompt(text)) for text in rows["text"])
        bare, own = (statistics.median(some) for some in zip(*seconds, strict=True))
        ratio = statistics.median(own / bare for bare, own in seconds)
        share = body * tokens * passes / own / reachable
        print(
            f"| `{folder.name}` | {params.model.compute_dtype} | {what} | {ROWS / bare:.1f} "
            f"| {ROWS / own:.1f} | {ratio:.2f} | {share:.2f} |",
            flush=True,
        )


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[paths.BUILTIN_MODEL])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    asked = parser.parse_args(arguments)
    params = load_params(paths.PROFILES / "builtin.yaml")
    model = params.model.model_copy(
        update={"compute_dtype": asked.dtype, "quantization": "none", "strict": False}
    )
    params = params.model_copy(update={"model": model})
    torch.set_num_threads(1)
    rows = pd.read_parquet(paths.TRAIN).head(ROWS)
    print("| model | format | what | bare, rows/s | reprotune | ours / bare | of the product |")
    print("|---|---|---|---|---|---|---|")
    for folder in asked.folders:
        compare(folder, params, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
