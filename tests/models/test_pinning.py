import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from reprotune.core.errors import InputError
from reprotune.models.manifest import Manifest
from reprotune.models.pinning import Place, check_task, pin, resolve
from tests import tiny


@pytest.fixture
def models(base: Path, tmp_path: Path) -> Path:
    shutil.copytree(base, tmp_path / "models" / "tiny")
    return tmp_path / "models"


def test_a_manifest_pins_every_file_by_its_hash(models: Path) -> None:
    files = {file.name: file.sha256 for file in pin(models / "tiny", Place("path", "tiny")).files}
    assert files == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (models / "tiny").iterdir()
    }


def test_the_parameter_count_is_that_of_the_model(models: Path) -> None:
    expected = sum(p.numel() for p in tiny.model().parameters())
    assert pin(models / "tiny", Place("path", "tiny")).parameters == expected


def test_a_model_that_changed_after_it_was_pinned_is_refused(models: Path, tmp_path: Path) -> None:
    pin(models / "tiny", Place("path", "tiny")).write(tmp_path / "base")
    assert Manifest.read(tmp_path / "base").locate() == models / "tiny"
    (models / "tiny/config.json").write_text("{}")
    with pytest.raises(InputError, match="not the file that was pinned"):
        Manifest.read(tmp_path / "base").locate()


@pytest.mark.parametrize(
    ("location", "message"),
    [("absent", r"no such folder; .* holds \['tiny'\]"), ("..", "must lie under")],
)
def test_a_model_elsewhere_is_refused(models: Path, location: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(Place("path", location), models)


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_is_no_model_is_refused_and_told_what_it_lacks(
    models: Path, missing: str
) -> None:
    (models / "tiny" / missing).unlink()
    with pytest.raises(InputError, match=f"lacks .*{missing.removeprefix('model')}"):
        resolve(Place("path", "tiny"), models)


@pytest.mark.parametrize(("config", "task", "message"), [
    ({"model_type": "bert", "architectures": ["BertModel"]}, "causal", "use model.task classif"),
    ({"model_type": "bert", "architectures": None}, "causal", "use model.task classif"),
    ({"model_type": "bert", "is_decoder": True}, "causal", None),
    ({"model_type": "roberta", "architectures": ["RobertaForCausalLM"]}, "causal", "no next word"),
    ({"model_type": "xlnet", "architectures": ["XLNetLMHeadModel"]}, "causal", "the padding too"),
    ({"model_type": "fnet"}, "classification", "answers by the padding too"),
    ({"model_type": "t5"}, "classification", "an encoder and a decoder"),
    ({"model_type": "bart", "architectures": ["BartForConditionalGeneration"]}, "causal",
     "an encoder and a decoder"),
    ({"model_type": "llama", "quantization_config": {"quant_method": "gptq"}}, "causal",
     r"quantized already \(gptq\)"),
    ({"model_type": "llama", "quantization_config": {"load_in_4bit": True}}, "causal",
     r"quantized already \(bitsandbytes\)"),
    ({"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}}, "causal", None),
    ({"model_type": "bert", "architectures": ["BertModel"]}, "classification", None),
    ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "causal", None),
    ({"model_type": "opt", "architectures": ["OPTForCausalLM"]}, "causal", None),
    ({"model_type": "rwkv", "architectures": ["RwkvForCausalLM"]}, "causal", "the padding too"),
    ({"model_type": "mamba", "architectures": ["MambaForCausalLM"]}, "classification",
     "can have no head.*use model.task causal"),
    ({"model_type": "own", "auto_map": {}}, "causal", "code of the model's own, which is not run"),
])  # fmt: skip
def test_a_task_that_the_model_cannot_do_is_refused(
    tmp_path: Path, config: dict[str, object], task: str, message: str | None
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    if message is None:
        check_task(tmp_path, task)
    else:
        with pytest.raises(InputError, match=message):
            check_task(tmp_path, task)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.json", '{"model_type": ["llama"]}'),
        ("config.json", '{"model_type": "llama", "architectures": 3}'),
        ("config.json", '{"model_type": "llama", "num_hidden_layers": 2147483648}'),
        ("config.json", '{"model_type": "llama", "text_config": {"n_layer": 1e308}}'),
        ("config.json", '{"model_type": "llama", "architectures": [3]}'),
        ("config.json", '{"a": ' * 5000 + "1" + "}" * 5000),
        ("config.json", '{"model_type": ' + "9" * 5000 + "}"),
        ("config.json", "[]"),
        ("model.safetensors.index.json", "[]"),
        ("model.safetensors.index.json", '{"weight_map": ["a"]}'),
        ("model.safetensors.index.json", '{"weight_map": {"a": 1}}'),
        ("model.safetensors.index.json", '{"weight_map": {"a": "../../outside.safetensors"}}'),
        ("model.safetensors.index.json", '{"weight_map": {"a": "/outside.safetensors"}}'),
    ],
)
def test_json_that_is_not_what_a_model_has_is_refused_by_its_name(
    models: Path, file: str, text: str
) -> None:
    (models / "tiny" / file).write_text(text)
    with pytest.raises(InputError, match=file):
        folder = resolve(Place("path", "tiny"), models)
        check_task(folder, "causal")
        pin(folder, Place("path", "tiny"))


def test_weights_of_the_old_format_that_are_a_list_are_refused(models: Path) -> None:
    (models / "tiny/model.safetensors").unlink()
    torch.save([1, 2], models / "tiny/pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model\.bin: not readable"):
        pin(models / "tiny", Place("path", "tiny"))


def test_a_link_out_of_the_folder_is_refused(models: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    (models / "tiny/generation_config.json").unlink(missing_ok=True)
    (models / "tiny/generation_config.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(InputError, match="a link out of the folder"):
        resolve(Place("path", "tiny"), models)


def test_every_chat_template_is_pinned(models: Path) -> None:
    folder = models / "tiny/additional_chat_templates"
    folder.mkdir()
    (folder / "tools.jinja").write_text("x")
    names = {file.name for file in pin(models / "tiny", Place("path", "tiny")).files}
    assert "additional_chat_templates/tools.jinja" in names


def test_an_adapter_is_refused_beside_a_model_too(models: Path) -> None:
    """Which transformers would put on, and then there is no way to merge."""
    (models / "tiny/adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds an adapter .*merge_and_unload"):
        resolve(Place("path", "tiny"), models)


def test_weights_that_are_not_loaded_count_for_nothing(models: Path) -> None:
    """Some publishers lay the same weights beside the others, in a form of their own."""
    alone = pin(models / "tiny", Place("path", "tiny"))
    for name in ("consolidated.safetensors", "pytorch_model.bin.index.json"):
        shutil.copy(models / "tiny/model.safetensors", models / "tiny" / name)
    both = pin(models / "tiny", Place("path", "tiny"))
    assert both.parameters == alone.parameters
    assert "consolidated.safetensors" not in [file.name for file in both.files]
    (models / "tiny/model.safetensors").unlink()
    (models / "tiny/pytorch_model.bin.index.json").unlink()
    with pytest.raises(InputError, match=r"lacks model\.safetensors"):
        resolve(Place("path", "tiny"), models)
