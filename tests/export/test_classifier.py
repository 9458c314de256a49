"""A causal model that stock tools ask as an ordinary classifier, and a gate that finds faults."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.special import log_softmax
from transformers import GPTJConfig, GPTJForCausalLM, PreTrainedModel, set_seed

from reprotune import Classifier
from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.seals import seal
from reprotune.export.classifier import UnfitError, as_classifier, choose_form
from reprotune.export.parity import require_same
from reprotune.models.exported import load_classifier, save_classifier, save_merged
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring.scores import score_texts
from stages.export import prove
from tests import tiny

WORDS = {name: f" {name}" for name in headlines.CLASSES}
ROWS = pd.DataFrame(
    {
        "text": ["Net sales rose 3 %.", "Costs </s> <s> rose", "a\nb", "profit " * 300, "öß"],
        "label": [*headlines.CLASSES, *headlines.CLASSES[:2]],
    }
)
TEXTS = list(ROWS["text"])
HOT = 1.7
Change = Callable[[Any], Any]


def shaken(model: PreTrainedModel) -> PreTrainedModel:
    """Of other opinions on other texts: fresh weights have hardly any."""
    set_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def gptj() -> PreTrainedModel:
    """With a bias for each word."""
    set_seed(0)
    sizes = {"n_embd": 64, "n_layer": 2, "n_head": 2, "rotary_dim": 16}
    return GPTJForCausalLM(GPTJConfig(vocab_size=len(tiny.tokenizer()), **sizes))


def ask(encoder: PromptEncoder, model: PreTrainedModel) -> np.ndarray:
    scores = score_texts(model, encoder, TEXTS, 2, "test")
    return np.asarray(log_softmax(scores / HOT, axis=1))


def write(encoder: PromptEncoder, model: PreTrainedModel, folder: Path) -> None:
    classifier, reader = as_classifier(model, encoder, HOT, TEXTS)
    save_merged(classifier, reader.tokenizer, "float32", folder)
    save_classifier(reader, folder)


@pytest.fixture(scope="module")
def prompted() -> PromptEncoder:
    return PromptEncoder(tiny.tokenizer(), "News: {text}\nSentiment:", WORDS, 64)


@pytest.fixture(scope="module")
def exported(
    prompted: PromptEncoder, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, np.ndarray]:
    """Of GPT-2, whose positions count from the left."""
    folder = tmp_path_factory.mktemp("classifier")
    known = ask(prompted, shaken(tiny.gpt2()))
    write(prompted, shaken(tiny.gpt2()), folder)
    return folder, known


def edit(name: str, change: Change) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        file = folder / name
        file.write_text(json.dumps(change(json.loads(file.read_text()))))

    return damage


def reweigh(change: Change) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        weights = load_file(file := folder / "model.safetensors")
        weights["score.weight"] = change(weights["score.weight"]).contiguous()
        save_file(weights, file, metadata={"format": "pt"})

    return damage


FAULTS = {
    "temperature twice": (reweigh(lambda head: head / HOT), "changed the labels' log-likelihood"),
    "rows swapped": (reweigh(lambda head: head[[1, 0, 2]]), "merged and tuned model agree on"),
    "prompt lost": (
        edit("tokenizer.json", lambda values: values | {"post_processor": None}),
        "merged and tuned model agree on|changed the labels' log-likelihood",
    ),
    "special tokens": (
        edit("tokenizer_config.json", lambda values: values | {"split_special_tokens": False}),
        "a stock pipeline gives other probabilities",
    ),
    "padding side": (
        edit("tokenizer_config.json", lambda values: values | {"padding_side": "left"}),
        "a stock pipeline gives other probabilities",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_fails_the_gate(
    exported: tuple[Path, np.ndarray], params: Params, tmp_path: Path, fault: str
) -> None:
    damage, message = FAULTS[fault]
    folder = shutil.copytree(exported[0], tmp_path / "damaged")
    damage(folder)
    with pytest.raises(InputError, match=message):
        prove(folder, exported[1], ROWS, headlines.CLASSES, params.export, 2)


def test_a_stock_pipeline_without_this_package_gives_the_calibrated_probabilities(
    exported: tuple[Path, np.ndarray], params: Params
) -> None:
    folder, known = exported
    found, stock = prove(folder, known, ROWS, headlines.CLASSES, params.export, 2)
    assert stock is not None and stock <= 1e-5
    assert (found.agreement, found.ties) == (1, 0)
    assert found.log_likelihood_change_max < 1e-5
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["GPT2ForSequenceClassification"]
    assert list(config["id2label"].values()) == list(headlines.CLASSES)
    assert config["problem_type"] == "single_label_classification"


def test_the_folder_is_a_classifier_to_predict_too(
    exported: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    folder = shutil.copytree(exported[0], tmp_path / "merged")
    seal(folder)
    require_same(Classifier.load(folder).predict_proba(TEXTS, 2), np.exp(exported[1]))


@pytest.mark.parametrize("made", [tiny.model, tiny.gemma, tiny.mixtral, tiny.mpt, gptj])
def test_other_architectures_and_a_bias_of_words_are_exact(
    prompted: PromptEncoder, tmp_path: Path, made: Callable[[], PreTrainedModel]
) -> None:
    known = ask(prompted, shaken(made()))
    write(prompted, shaken(made()), tmp_path)
    assert np.ptp(np.exp(known), axis=0).max() > 0.01, "it has opinions"
    model, reader = load_classifier(tmp_path)
    require_same(np.exp(score_texts(model, reader, TEXTS, 2, "test")), np.exp(known))


@pytest.mark.parametrize(
    ("template", "prefix"),
    [
        ("{text}\nSentiment:", ()),
        ("Say of\n\n{text}\n\nthat it is", ()),
        ("How is it: {text}", ()),
        ("{text}\nSentiment:", (5, 6)),  # a soft prompt
    ],
)
def test_the_prompt_is_around_raw_text_of_any_length(
    prompted: PromptEncoder, template: str, prefix: tuple[int, ...]
) -> None:
    asking = replace(prompted, template=template, prefix=prefix)
    _, reader = as_classifier(tiny.model(), asking, HOT, TEXTS)
    for text in TEXTS:
        assert reader.prompt(text) == asking.prompt(text)
    cut = reader.prompt("profit " * 300)
    assert len(cut) == asking.room + len(prefix)
    assert reader.tokenizer.decode(cut).endswith(template.partition("{text}")[2])
    assert reader.prompt("a\r\nb") == asking.prompt("a\nb"), "as predict reads it"


@pytest.mark.parametrize(
    ("changes", "made", "text", "reason"),
    [
        ({"verbalizers": WORDS | {"negative": " so so"}}, tiny.model, "x", "several tokens"),
        ({}, tiny.mamba, "x", "no mamba with a head"),
        ({}, tiny.model, "", "1 of 1 test text would become other tokens"),
    ],
)
def test_what_would_not_be_exact_stays_causal_and_says_why(
    prompted: PromptEncoder, changes: dict[str, Any], made: Callable[[], Any], text: str,
    reason: str, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asking = replace(prompted, **changes)
    with pytest.raises(UnfitError, match=reason):
        as_classifier(made(), asking, HOT, [text])
    form = choose_form(made(), asking, "classifier", HOT, [text])
    assert (form.encoder, form.temperature) == (asking, 1.0)
    assert reason in form.kept_causal and reason in capsys.readouterr().err


def test_it_stays_causal_where_nothing_else_is_wanted(prompted: PromptEncoder) -> None:
    form = choose_form(model := tiny.model(), prompted, "causal", HOT, TEXTS)
    assert form == (model, prompted, 1.0, "")
