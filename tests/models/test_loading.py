import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from threading import Event

import pandas as pd
import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit

from reprotune.core.errors import InputError
from reprotune.core.libraries import raising_panics
from reprotune.core.params import Params
from reprotune.models.adapters import prepare
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from reprotune.project.first_run import count_tokens
from tests import tiny


def gradients(model: torch.nn.Module, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    model.train()
    model.zero_grad()
    model(input_ids=ids, labels=ids).loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def test_an_evaluation_leaves_the_gradients_of_a_4bit_model_as_they_were(
    base: Path, encoder: PromptEncoder, nf4: Precision, params: Params
) -> None:
    torch.manual_seed(0)
    lora = params.train.lora.model_copy(update={"dropout": 0.0})
    train = params.train.model_copy(update={"lora": lora})
    model = prepare(load_model(base, nf4, encoder), train, encoder)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # at zero, the gradients of lora_A would all be zero too
            torch.nn.init.normal_(parameter, std=0.02)
    ids = torch.arange(40).reshape(2, 20)
    before = gradients(model, ids)
    model.eval()
    with torch.inference_mode():
        model(input_ids=ids)
    after = gradients(model, ids)
    assert before.keys() == after.keys()
    assert before
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_evaluation_leaves_4bit_weights_as_they_were_loaded(
    base: Path, encoder: PromptEncoder, nf4: Precision
) -> None:
    model = load_model(base, nf4, encoder)
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    before = [layer.weight.data.clone() for layer in layers]
    model.eval()
    with torch.inference_mode():
        model(input_ids=torch.arange(20)[None])
    assert layers
    assert all(torch.equal(b, layer.weight.data) for b, layer in zip(before, layers, strict=True))


def test_a_tokenizer_without_a_pad_token_pads_with_its_end_token(tmp_path: Path) -> None:
    tokenizer = tiny.tokenizer().__class__.from_pretrained(tiny.save(tmp_path))
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path).pad_token == "</s>"
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="neither a pad token nor an end token"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_whose_library_panics_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Event()
    monkeypatch.setattr("reprotune.core.libraries.OURS", ours)
    file = tiny.save(tmp_path) / "tokenizer.json"
    values = json.loads(file.read_text())
    values["model"]["continuing_subword_prefix"] = "longer than a token"
    file.write_text(json.dumps(values))
    with pytest.raises(InputError, match="its tokenizer cannot be read: ValueError: "):
        load_tokenizer(tmp_path)
    assert capfd.readouterr().err, "a host's standard error is left alone"
    ours.set()
    with pytest.raises(InputError, match="its tokenizer cannot be read: ValueError: "):
        load_tokenizer(tmp_path)
    with pytest.raises(InputError, match=r"tokenizer.json: cannot be read"):
        count_tokens(pd.Series(["a text"]), tmp_path)
    assert capfd.readouterr().err == "", "the panic does not tell itself, too"
    with raising_panics():
        os.write(2, b"said")
    assert capfd.readouterr().err == "said"


def test_tokens_of_an_older_vocabulary_are_counted_and_not_guessed(tmp_path: Path) -> None:
    letters = "今天股市上涨了三个百分点"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    (tmp_path / "vocab.txt").write_text("\n".join([*words, ""]), encoding="utf-8")
    config = {"model_type": "bert", "vocab_size": len(words)}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    assert count_tokens(pd.Series([letters]), tmp_path).tolist() == [len(letters) + 2]


@pytest.mark.skipif(
    find_spec("sentencepiece") is not None, reason="the package that is to be missing is there"
)
def test_a_tokenizer_that_takes_a_package_more_names_it(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "old")
    (tmp_path / "old/tokenizer.json").unlink()
    (tmp_path / "old/tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer"}')
    (tmp_path / "old/tokenizer.model").write_bytes(b"\n\x0e\n\x05<unk>")
    with pytest.raises(InputError, match="takes a package more: pip install sentencepiece"):
        load_tokenizer(tmp_path / "old")


def test_a_tokenizer_of_another_model_is_refused(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "model")
    config = tmp_path / "model/config.json"
    values = json.loads(config.read_text()) | {"vocab_size": 100}
    config.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"model: the tokenizer has tokens up to .* of 100: they"):
        load_tokenizer(tmp_path / "model")


@pytest.mark.parametrize(
    ("file", "values", "part"),
    [
        ("config.json", {"rope_parameters": []}, "config.json"),
        ("config.json", {"hidden_act": "unknown"}, "model"),
        ("generation_config.json", {"max_new_tokens": []}, "model"),
    ],
)
def test_a_value_that_transformers_cannot_use_is_one_message(
    base: Path,
    tmp_path: Path,
    encoder: PromptEncoder,
    file: str,
    values: dict[str, object],
    part: str,
) -> None:
    shutil.copytree(base, tmp_path / "model")
    place = tmp_path / "model" / file
    place.write_text(json.dumps(json.loads(place.read_text()) | values))
    precision = Precision("none", double_quantization=False, compute_dtype="float32")
    with pytest.raises(InputError, match=f"(?s)its {part} cannot be read: .*; fetch it or save it"):
        load_model(tmp_path / "model", precision, encoder)
