"""Servers that hold transformers back read an export, and this version reads the same as before."""

import json
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoTokenizer, LlamaConfig

from reprotune.export.older import write_old_names
from tests import tiny

SCALED = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("positions", "theta", "scaling"),
    [
        ({"rope_type": "default", "rope_theta": 5e5}, 5e5, None),
        ({**SCALED, "rope_theta": 5e5}, 5e5, SCALED),
    ],
)
def test_the_old_names_say_what_the_new_ones_say(
    tmp_path: Path, positions: dict[str, object], theta: float, scaling: dict[str, object] | None
) -> None:
    LlamaConfig(rope_parameters=positions).save_pretrained(tmp_path)
    tokenizer = tiny.tokenizer()
    tokenizer.add_special_tokens({"extra_special_tokens": ["<mark>"]})
    tokenizer.save_pretrained(tmp_path)
    write_old_names(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["rope_theta"], config.get("rope_scaling")) == (theta, scaling)
    told = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert told["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert told["additional_special_tokens"] == ["<mark>"] and "extra_special_tokens" not in told
    assert AutoConfig.from_pretrained(tmp_path).rope_parameters == positions
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.extra_special_tokens == ["<mark>"]
    assert again("a <mark> b").input_ids == tokenizer("a <mark> b").input_ids
