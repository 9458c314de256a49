"""Load base and tuned models, in the precision that was asked for."""

import os
from pathlib import Path
from typing import NamedTuple, Self, cast

import torch
from transformers import BitsAndBytesConfig, PreTrainedModel

from reprotune.core.errors import InputError
from reprotune.core.params import Model
from reprotune.core.printing import count_of
from reprotune.models.compat import keep_unpacked
from reprotune.models.encoders import Encoder, check_fits
from reprotune.models.heads import head_names
from reprotune.models.tokenizer import explain, load_config

# Of several processes on one machine, each has a GPU of its own.
DEVICE = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"


class Precision(NamedTuple):
    """The number formats of a loaded model."""

    quantization: str  # nf4 | int8 | none
    double_quantization: bool
    compute_dtype: str  # float32 | bfloat16 | float16
    strict: bool = False  # the same bytes on every CPU, as far as it is in our hands

    @classmethod
    def of(cls, model: Model) -> Self:
        return cls(model.quantization, model.double_quantization, model.compute_dtype, model.strict)

    @property
    def dtype(self) -> torch.dtype:
        return {
            "float32": torch.float32,
            "bfloat16": torch.bfloat16,
            "float16": torch.float16,
        }[self.compute_dtype]

    def quantize_config(self, skip: list[str] | None = None) -> BitsAndBytesConfig | None:
        """4-bit NormalFloat (QLoRA, Dettmers et al. 2023) or 8 bits (LLM.int8(), 2022), or None."""
        if self.quantization == "none":
            return None
        if self.quantization == "int8":
            return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skip)
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=self.quantization,
            bnb_4bit_use_double_quant=self.double_quantization,
            bnb_4bit_compute_dtype=self.dtype,
            llm_int8_skip_modules=skip,
        )


WHOLE = Precision("none", False, "float32")  # the form in which all weights are trained


def load_model(
    folder: Path, precision: Precision, encoder: Encoder, new_head: bool = False
) -> PreTrainedModel:
    """The model that the encoder needs, on the GPU if there is one, else on the CPU.

    Either a causal language model, or a model with a classification head: that of the folder or,
    with ``new_head`` and unless the folder's is for the same classes, one drawn from torch's
    generator.

    Raises:
        InputError: the folder lacks weights, or the encoder's texts are too long for the model.
    """
    found = load_config(folder)
    check_fits(encoder, found)
    config = encoder.configure(found)
    redrawn = new_head and config.id2label != found.id2label
    heads = head_names(encoder, config)
    try:
        model, info = encoder.model_class.from_pretrained(
            str(folder),
            config=config,
            dtype=precision.dtype,
            quantization_config=precision.quantize_config(heads or None),
            device_map={"": DEVICE},
            ignore_mismatched_sizes=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:  # of the GPU
        raise
    except Exception as error:  # whatever the class makes of a value of the configuration
        raise explain(folder, "model", error) from None
    absent = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
    spared = tuple(heads) if new_head else ()
    if lacking := sorted(key for key in absent if not key.startswith(spared)):
        raise InputError(
            f"{folder}: its weights lack {count_of(len(lacking), 'tensor')} of a "
            f"{type(model).__name__}, or have them in another size, such as {lacking[0]}; save the "
            "whole model there"
        )
    for name in heads if redrawn else ():
        if not any(key.startswith(name) for key in absent):
            redraw(model, name)
    if precision.quantization == "nf4":
        keep_unpacked(model)
    return cast(PreTrainedModel, model)


def redraw(model: PreTrainedModel, name: str) -> None:
    """Draw a head anew that is for other classes, or for the same in another order."""
    if name.startswith(f"{model.base_model_prefix}."):  # the pooler, part of the pretraining
        return
    head = model.get_submodule(name)
    for parameter in head.parameters():
        vars(parameter).pop("_is_hf_initialized", None)  # transformers leaves what was loaded
    head.apply(model._init_weights)
