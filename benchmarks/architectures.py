"""Which models work: random ones of each architecture, trained, read back, merged and scored.

No speeds: a table of what was refused, and of how far the merged model is from the tuned one, in
nats at most. The prompts begin alike and the answers have several tokens. Last, how far a stock
text-classification pipeline of a causal model is from it, in probabilities, where it can be one.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import transformers
from transformers import AutoModel, AutoModelForCausalLM, PretrainedConfig, set_seed

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.export.classifier import UnfitError, as_classifier
from reprotune.export.merging import merge
from reprotune.export.parity import ask_stock
from reprotune.models.adapters import save_tuned
from reprotune.models.base import Base
from reprotune.models.encoders import encoder_for
from reprotune.models.exported import load_classifier, save_classifier, save_merged
from reprotune.models.loading import Precision, load_model
from reprotune.models.pinning import TASKS, check_task
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from reprotune.scoring.scores import normalize, score_texts
from reprotune.tables.classes import class_names
from reprotune.training.tune import tune

ROWS = 64
TEMPLATE = "Net sales rose: positive. Costs rose: negative. No change: neutral. {text}\nThat is:"
WIDTH, LAYERS, HEADS, LENGTH = 64, 2, 4, 512
DECODERS = (
    "Bloom Cohere Falcon GPT2 GPTJ GPTNeo GPTNeoX Gemma2 Gemma3Text Granite Lfm2 Llama Mamba "
    "Mistral Mixtral Mpt OPT Olmo2 Phi Phi3 Qwen2 Qwen3 Qwen3Moe SmolLM3 StableLm Starcoder2"
).split()
ENCODERS = (
    "Albert Bert BigBird Camembert ConvBert DebertaV2 DistilBert Electra EuroBert Longformer "
    "MPNet MobileBert ModernBert Nystromformer RoFormer Roberta XLMRoberta XLNet"
).split()
# Small sizes, under the names that configurations have for them.
SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim", "embedding_size"), WIDTH),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "hidden_dim", "d_inner", "n_inner"), WIDTH),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), LAYERS),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), HEADS),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), LENGTH),
    "num_key_value_heads": HEADS,
    "head_dim": WIDTH // HEADS,
    "rotary_dim": WIDTH // HEADS,
    "word_embed_proj_dim": WIDTH,
    "intra_bottleneck_size": WIDTH // 2,
    "state_size": 8,
    "sliding_window": 8,
    "attention_window": 8,
    "num_local_experts": 4,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": WIDTH // 2,
}
OWN: dict[str, dict[str, Any]] = {
    "GPTNeo": {"attention_types": [[["global", "local"], 1]]},
    "Lfm2": {"layer_types": ["conv", "full_attention"]},
}


def configured(name: str, tokens: dict[str, int]) -> PretrainedConfig:
    kind = getattr(transformers, f"{name}Config")
    known = vars(kind()).keys() | kind.attribute_map.keys()
    sizes = {key: value for key, value in SIZES.items() if key in known}
    return cast(PretrainedConfig, kind(**sizes, **tokens, **OWN.get(name, {})))


def outcome(base: Path, work: Path, params: Params, rows: pd.DataFrame, way: str) -> str:
    """How far merged and tuned model are apart, in nats, or why there is none."""
    task, quantization = way.split(", ")
    check_task(base, task)
    precision = Precision(quantization, False, "float32")
    encoder = encoder_for(
        load_tokenizer(base), task, params.prompt, class_names(params.download.labels)
    )
    model = load_model(base, precision, encoder, new_head=True)
    tuned, *_ = tune(model, encoder, (rows, rows[:0]), params.train, precision)
    save_tuned(tuned, params.train.method, work / "tuned")
    reloaded = Base(base, precision, encoder).load_tuned(work / "tuned")
    before = score_texts(*reloaded, rows["text"], 16, way)
    alone = score_texts(*reloaded, rows["text"], 1, way)
    merged, asking = merge(Base(base, precision, encoder), work / "tuned")
    save_merged(merged, asking.tokenizer, "float32", work / "merged")
    save_classifier(asking, work / "merged")
    after = score_texts(*load_classifier(work / "merged"), rows["text"], 16, way)
    if np.abs(before - alone).max() > 1e-4:
        return "batches differ"
    return f"{np.abs(before - after).max():.0e}"


def pipe(base: Path, work: Path, params: Params, rows: pd.DataFrame) -> str:
    """How far the classifier that is made of a causal model is from it, or why there is none."""
    words = {name: f" {name}" for name in params.prompt.verbalizers}
    encoder = PromptEncoder(load_tokenizer(base), "News: {text}\nThat is:", words, 64)
    precision = Precision("none", False, "float32")
    texts = [*rows["text"], "rose </s> <s>", "profit " * 99]
    shares = normalize(
        score_texts(load_model(base, precision, encoder), encoder, texts, 16, "") / 2
    )
    try:
        made, reader = as_classifier(load_model(base, precision, encoder), encoder, 2.0, texts)
    except UnfitError as reason:
        return str(reason)
    save_merged(made, reader.tokenizer, "float32", work / "classifier")
    save_classifier(reader, work / "classifier")
    said = ask_stock(work / "classifier", texts, list(words), 16)
    return f"{np.abs(said - shares).max():.0e}"


def table(params: Params, rows: pd.DataFrame) -> Iterator[list[str]]:
    ways = [f"{task}, {q}" for task in ("causal", "classification") for q in ("none", "nf4")]
    yield ["architecture", *ways, "stock pipeline"]
    tokenizer = load_tokenizer(paths.BUILTIN_MODEL)
    names = ("pad", "bos", "eos")
    tokens = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in names}
    for name in DECODERS + ENCODERS:
        config = configured(name, tokens | {"vocab_size": len(tokenizer)})
        cells, last = [name], ""
        for way in ways:
            task = way.split(", ")[0]
            if config.model_type not in TASKS[task] or (task == "causal" and name in ENCODERS):
                cells.append("")
                continue
            with tempfile.TemporaryDirectory() as work:
                set_seed(0)
                kind: Any = AutoModelForCausalLM if task == "causal" else AutoModel
                kind.from_config(config).save_pretrained(f"{work}/base")
                tokenizer.save_pretrained(f"{work}/base")
                try:
                    cells.append(outcome(Path(work) / "base", Path(work), params, rows, way))
                except Exception as error:
                    cells.append(f"{type(error).__name__}: {str(error)[:60]}")
                if way == ways[0]:
                    last = pipe(Path(work) / "base", Path(work), params, rows)
        yield [*cells, last]


def main() -> None:
    params = load_params(paths.PROFILES / "builtin.yaml")
    lora = params.train.lora.model_copy(update={"dropout": 0.0})  # peft has none on experts
    train = params.train.model_copy(update={"epochs": 1, "learning_rate": 5e-3, "lora": lora})
    words = {name: f" rather {name}" for name in class_names(params.download.labels)}
    prompt = params.prompt.model_copy(update={"template": TEMPLATE, "verbalizers": words})
    rows = pd.read_parquet(paths.TRAIN).head(ROWS)
    for cells in table(params.model_copy(update={"train": train, "prompt": prompt}), rows):
        print("|", " | ".join(cells), "|", flush=True)
