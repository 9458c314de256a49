from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import FalconConfig, FalconForCausalLM, PreTrainedModel

from reprotune.core.errors import InputError
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.scoring import answers
from reprotune.scoring import scores as scoring
from reprotune.scoring.scores import embed_texts, normalize, score_texts
from tests import tiny

FP32 = Precision("none", double_quantization=False, compute_dtype="float32")
SPELT = {
    "one token": {"a": " positive", "b": " negative"},
    "many tokens": {"a": " positive indeed", "b": " rather bad, I should say", "c": " so"},
    "a shared start": {"a": " very positive", "b": " very negative"},
    "begins another": {
        "a": " rather",
        "b": " rather bad",
        "c": " rather bad, I should say",
        "d": " so",
    },
}


LONG = "Net sales rose: positive. Costs rose: negative. Nothing changed: neutral. {text}\nThat is:"


def one_by_one(model: torch.nn.Module, encoder: PromptEncoder, text: str) -> list[float]:
    """The definition: no batch, no padding, every logit computed."""
    result = []
    prompt = encoder.prompt(text)
    for answer in encoder.targets.values():
        logits = model(torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(-1)
        places = range(len(prompt) - 1, len(prompt) + len(answer) - 1)
        result.append(sum(float(logits[p, t]) for p, t in zip(places, answer, strict=True)))
    return result


WIDE = partial(tiny.gemma, 4096)
MODELS = [tiny.model, tiny.gpt2, tiny.gemma, WIDE, tiny.mamba, tiny.mpt]


@pytest.fixture(scope="module", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("base"), request.param())


@pytest.mark.parametrize("template", ["{text}\nSentiment:", LONG])
@pytest.mark.parametrize("spelt", SPELT)
def test_batched_scores_equal_the_definition(
    folder: Path, encoder: PromptEncoder, rows: pd.DataFrame, spelt: str, template: str
) -> None:
    encoder = replace(encoder, verbalizers=SPELT[spelt], template=template)
    model = load_model(folder, FP32, encoder).eval()
    texts = [*rows["text"][:9], "x", "long " * 300]
    scores = score_texts(model, encoder, texts, 4, "test")
    with torch.inference_mode():
        expected = [one_by_one(model, encoder, text) for text in texts]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_a_window_that_counts_positions_holds_no_padding(
    encoder: PromptEncoder, rows: pd.DataFrame
) -> None:
    encoder = replace(encoder, template=LONG)
    model = tiny.gpt_neo().eval()
    texts = [*rows["text"][:4], "x", "long " * 60]
    scores = score_texts(model, encoder, texts, 8, "test")
    with torch.inference_mode():
        expected = [one_by_one(model, encoder, text) for text in texts]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_embeddings_of_prompts_are_means_of_layers_whatever_the_batch(
    folder: Path, encoder: PromptEncoder, rows: pd.DataFrame
) -> None:
    model = load_model(folder, FP32, encoder).eval()
    texts = [*rows["text"][:9], "x", "long " * 300]
    found = embed_texts(model, encoder, texts, 4, "test")
    depth = model.config.num_hidden_layers
    for text, embedding in zip(texts, found, strict=True):
        with torch.inference_mode():
            inputs = torch.tensor([encoder.prompt(text)])
            states = model.base_model(inputs, output_hidden_states=True).hidden_states
        parts = embedding.reshape(-1, model.config.hidden_size)
        np.testing.assert_allclose(parts[0], states[min(1, depth)][0].mean(0), atol=1e-4)
        np.testing.assert_allclose(parts[-1], states[depth][0].mean(0), atol=1e-4)


@pytest.mark.parametrize("spelt", SPELT)
def test_batch_size_order_and_what_prompts_share_change_no_score_and_no_prediction(
    folder: Path,
    encoder: PromptEncoder,
    rows: pd.DataFrame,
    spelt: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = replace(encoder, verbalizers=SPELT[spelt], template=LONG)
    model = load_model(folder, FP32, encoder)
    texts = rows["text"][:16]
    expected = score_texts(model, encoder, texts, 64, "test")
    others = {
        "batch of 1": score_texts(model, encoder, texts, 1, "test"),
        "backwards": score_texts(model, encoder, texts[::-1], 64, "test")[::-1],
    }
    monkeypatch.setattr(scoring, "TOKENS", 100)
    others["few tokens at once"] = score_texts(model, encoder, texts, 64, "test")
    monkeypatch.setattr(answers, "WORTH", 10_000)
    others["nothing shared"] = score_texts(model, encoder, texts, 64, "test")
    for scores in others.values():
        np.testing.assert_allclose(scores, expected, atol=1e-4)
        assert (scores.argmax(1) == expected.argmax(1)).all()


@pytest.mark.parametrize(("made", "passes"), [(tiny.model, 2), (tiny.gpt2, 2), (tiny.mamba, 21)])
def test_many_answers_of_several_tokens_take_one_pass_where_the_model_allows_it(
    encoder: PromptEncoder, made: Callable[[], PreTrainedModel], passes: int
) -> None:
    encoder = replace(encoder, verbalizers={str(n): f" class {n}" for n in range(20)})
    model, asked = made().eval(), []
    model.register_forward_pre_hook(lambda *_: asked.append(1))
    with torch.inference_mode():
        prompts = [encoder.prompt(text) for text in ("Sales rose.", "Costs fell by a third.")]
        answers.Answers(model, encoder, prompts).score(prompts)
    assert len(asked) == passes


def test_an_old_falcon_whose_mask_counts_distances_is_asked_answer_by_answer(
    encoder: PromptEncoder,
) -> None:
    encoder = replace(encoder, verbalizers=SPELT["begins another"])
    config = FalconConfig(vocab_size=len(encoder.tokenizer), hidden_size=64, num_hidden_layers=2,
                          num_attention_heads=2, alibi=True)  # fmt: skip
    model = FalconForCausalLM(config).eval()
    with torch.inference_mode():
        expected = [one_by_one(model, encoder, text) for text in ("x", "Costs fell by a third.")]
    scores = score_texts(model, encoder, ["x", "Costs fell by a third."], 2, "test")
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_trees_are_as_large_as_there_is_room_and_hold_each_answer_once() -> None:
    stems = sorted((first, *range(length)) for first in range(7) for length in (1, 3))
    trees = answers.plant(stems, 8)
    assert sorted(stem for tree in trees for stem in tree.ends) == stems
    assert max(len(tree.nodes) for tree in trees) == 8
    assert [len(tree.ends) for tree in answers.plant(stems, 1)] == [1] * len(stems)


@pytest.mark.parametrize(("prompts", "expected"), [
    ([], []), ([[1, 2, 3]], [1, 2]), ([[1, 2, 3], [1, 2]], [1]), ([[1, 2, 3], [1, 2, 4]], [1, 2]),
    ([[5], [5]], []), ([[1, 9], [2, 9]], []),
])  # fmt: skip
def test_what_prompts_share_leaves_each_a_token(
    prompts: list[list[int]], expected: list[int]
) -> None:
    assert answers.find_common_start(prompts) == expected


@pytest.mark.parametrize(("made", "once"), [(tiny.model, True), (WIDE, True), (tiny.gemma, False),
                                            (tiny.mamba, False), (tiny.mpt, False)])  # fmt: skip
def test_what_prompts_share_is_computed_once_where_the_model_allows_it(
    encoder: PromptEncoder, made: Callable[[], PreTrainedModel], once: bool
) -> None:
    encoder = replace(encoder, template=LONG)
    prompts = [encoder.prompt(text) for text in ("Sales rose.", "Costs fell by a third.")]
    with torch.inference_mode():
        assert bool(answers.Answers(made().eval(), encoder, prompts).prefix) is once


@pytest.mark.parametrize(("spelt", "own"), [("one token", False), ("many tokens", True)])
def test_layers_have_one_memory_for_a_batch_unless_longer_answers_need_what_it_held(
    encoder: PromptEncoder, spelt: str, own: bool
) -> None:
    encoder = replace(encoder, verbalizers=SPELT[spelt], template=LONG)
    prompts = [encoder.prompt(text) for text in ("Sales rose.", "Costs fell by a third.")]
    with torch.inference_mode():
        asked = answers.Answers(tiny.model().eval(), encoder, prompts)
        asked.score(prompts)
    rooms = {id(layer.room) for layer in asked.layers}
    assert len(asked.layers) > 1
    assert len(rooms) == (len(asked.layers) if own else 1)


@pytest.mark.parametrize(
    ("lengths", "known", "parts"),
    [([4, 4, 4], 0, [3]), ([5, 5, 5], 0, [2, 1]), ([9, 9, 9], 6, [3]), ([40], 0, [1])],
)
def test_a_cpu_computes_a_batch_in_equal_parts_of_so_many_tokens(
    lengths: list[int], known: int, parts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "TOKENS", 12)
    asked: list[int] = []

    def score(prompts: Sequence[list[int]]) -> np.ndarray:
        asked.append(len(prompts))
        return np.array([[prompt[0]] for prompt in prompts])

    prompts = [[place] * length for place, length in enumerate(lengths)]
    found = scoring.in_parts(score, torch.device("cpu"), known)(prompts)
    assert (found[:, 0] == range(len(lengths))).all()
    assert asked == parts
    assert scoring.in_parts(score, torch.device("meta")) is score


def test_a_model_that_ignores_padding_is_refused(encoder: PromptEncoder) -> None:
    with pytest.raises(InputError, match="a rwkv model ignores the attention mask"):
        score_texts(tiny.rwkv(), encoder, ["Sales rose."], 4, "test")


def test_no_texts_give_no_scores(base: Path, encoder: PromptEncoder) -> None:
    assert score_texts(load_model(base, FP32, encoder), encoder, [], 4, "test").shape == (0, 3)


def test_probabilities_sum_to_one_however_unlikely_the_answers() -> None:
    p = normalize(np.array([[-1000.0, -1001.0], [0.0, -2000.0]]))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[0, 0], 1 / (1 + np.exp(-1)))
