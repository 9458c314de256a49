"""Load tokenizers, base models and adapters, in the precision that was asked for."""

from pathlib import Path
from typing import NamedTuple

import torch
from bitsandbytes.nn.modules import Linear4bit
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from reprotune.params import InputError

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Precision(NamedTuple):
    """The number formats of a loaded model."""

    quantization: str  # nf4 | none
    double_quantization: bool
    compute_dtype: str  # float32 | bfloat16 | float16

    @property
    def dtype(self) -> torch.dtype:
        return {
            "float32": torch.float32,
            "bfloat16": torch.bfloat16,
            "float16": torch.float16,
        }[self.compute_dtype]

    @property
    def quantized(self) -> BitsAndBytesConfig | None:
        """QLoRA's 4-bit NormalFloat (Dettmers et al. 2023), or None."""
        if self.quantization == "none":
            return None
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=self.quantization,
            bnb_4bit_use_double_quant=self.double_quantization,
            bnb_4bit_compute_dtype=self.dtype,
        )


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder; without a pad token, padding uses the end token."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token_id is None:
            raise InputError(f"{folder}: its tokenizer has neither a pad nor an end token; set one")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(folder: Path, precision: Precision) -> PreTrainedModel:
    """A causal language model on the GPU if there is one, else on the CPU."""
    model = AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=precision.dtype,
        quantization_config=precision.quantized,
        device_map={"": DEVICE},
    )
    keep_unpacked(model)
    return model


def keep_unpacked(model: torch.nn.Module) -> None:
    """Keep 4-bit weights as they were loaded.

    On CPUs with AVX512-BF16, bitsandbytes 0.50 repacks them in place at the first forward in
    eval mode; after it, gradients are wrong and the weights no longer dequantize.
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def load_tuned(folder: Path, adapter: Path, precision: Precision) -> PeftModel:
    """The base model under its trained adapter, for inference."""
    model = PeftModel.from_pretrained(load_model(folder, precision), str(adapter))
    model.eval()
    return model
