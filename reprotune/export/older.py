"""What servers that hold transformers back (infinity, vLLM) look for in a folder: its old names.

Version 4 refuses the new ones of tokenizers, and passes over that of rotary positions in silence:
it would serve another model. Version 5 reads both.
"""

from pathlib import Path
from typing import Any

from reprotune.models.exported import update_json

CLASSES = {"TokenizersBackend": "PreTrainedTokenizerFast"}
OWN = ("rope_theta", "partial_rotary_factor")  # values that stood beside the others


def write_old_names(folder: Path) -> None:
    update_json(folder / "tokenizer_config.json", name_tokenizer)
    update_json(folder / "config.json", name_positions)


def name_tokenizer(values: dict[str, Any]) -> dict[str, Any]:
    known = values.get("tokenizer_class")
    changed: dict[str, Any] = {"tokenizer_class": CLASSES.get(known, known)} if known else {}
    if isinstance(more := values.pop("extra_special_tokens", None), list):
        return changed | {"additional_special_tokens": more}
    return changed | ({"extra_special_tokens": more} if more else {})


def name_positions(values: dict[str, Any]) -> dict[str, Any]:
    """Nothing where they differ from layer to layer, which had no common names."""
    found = values.get("rope_parameters") or {}
    if any(isinstance(value, dict) for value in found.values()):
        return {}
    changed = {name: found[name] for name in OWN if name in found}
    scaling = {name: value for name, value in found.items() if name not in OWN}
    if scaling.get("rope_type", "default") != "default":
        changed["rope_scaling"] = scaling
    return changed
