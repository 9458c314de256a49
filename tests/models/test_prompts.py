from dataclasses import replace

import pytest
from transformers import GPT2Config, LlamaConfig, PretrainedConfig, RobertaConfig, XLNetConfig

from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.models.encoders import check_fits
from reprotune.models.prompts import IGNORED, PromptEncoder


def test_the_loss_is_on_the_answer_and_the_end_token_alone(encoder: PromptEncoder) -> None:
    example = encoder.example("Net sales rose.", "positive")
    target = [i for i, label in zip(*example.values(), strict=True) if label != IGNORED]
    assert target == [*encoder.answers["positive"], encoder.tokenizer.eos_token_id]
    assert example["labels"][-len(target) :] == target


def test_a_sequence_starts_with_one_start_token_and_ends_with_one_end_token(
    encoder: PromptEncoder,
) -> None:
    ids = encoder.example("Net sales rose.", "neutral")["input_ids"]
    assert ids.count(encoder.tokenizer.bos_token_id) == 1
    assert ids.count(encoder.tokenizer.eos_token_id) == 1
    assert (ids[0], ids[-1]) == (encoder.tokenizer.bos_token_id, encoder.tokenizer.eos_token_id)


@pytest.mark.parametrize("text", ["word " * 500, "x" * 3000, "שלום 🎉 " * 200])
def test_an_overlong_text_is_cut_and_the_template_and_label_never(
    encoder: PromptEncoder, text: str
) -> None:
    assert encoder.is_cut(text)
    ids = encoder.example(text, "negative")["input_ids"]
    assert encoder.max_tokens - 40 < len(ids) <= encoder.max_tokens
    assert encoder.tokenizer.decode(ids).endswith("\nSentiment: negative</s>")


def test_a_text_that_fits_is_not_cut(encoder: PromptEncoder) -> None:
    assert not encoder.is_cut("Net sales rose.")
    assert "Net sales rose." in encoder.tokenizer.decode(encoder.prompt("Net sales rose."))


def test_braces_in_a_text_are_text(encoder: PromptEncoder) -> None:
    assert "{text} {0}" in encoder.tokenizer.decode(encoder.prompt("{text} {0}"))


def test_a_template_longer_than_the_limit_is_refused(encoder: PromptEncoder) -> None:
    with pytest.raises(InputError, match=r"prompt\.max_tokens 128 is too short"):
        replace(encoder, template="long " * 200 + "{text}").prompt("Net sales rose.")


@pytest.mark.parametrize(
    ("template", "verbalizers"),
    [
        ("{text} Sentiment", {"a": "al", "b": "s"}),
        ("{text}:", {"a": "", "b": " b"}),
    ],
)
def test_an_answer_that_merges_with_the_template_is_refused(
    encoder: PromptEncoder, template: str, verbalizers: dict[str, str]
) -> None:
    bad = replace(encoder, template=template, verbalizers=verbalizers)
    with pytest.raises(InputError, match=r"prompt\.verbalizers"):
        _ = bad.answers


def test_special_tokens_that_a_text_spells_out_are_plain_text(encoder: PromptEncoder) -> None:
    ids = encoder.prompt("<s>old</s> new")
    special = {encoder.tokenizer.bos_token_id, encoder.tokenizer.eos_token_id}
    assert not special & set(ids[1:])


def test_an_answer_that_begins_another_is_scored_with_its_end(encoder: PromptEncoder) -> None:
    apart = replace(encoder, verbalizers={"a": " good", "b": " bad"})
    assert apart.targets == apart.answers
    nested = replace(encoder, verbalizers={"1": " 1", "10": " 10"})
    assert nested.targets["1"] == (*nested.answers["1"], encoder.tokenizer.eos_token_id)
    assert nested.targets["10"][:-1] == nested.answers["10"]


@pytest.mark.parametrize(("config", "limit"), [
    (LlamaConfig(max_position_embeddings=64), 64),
    (GPT2Config(n_positions=64), 64),
    (RobertaConfig(max_position_embeddings=66, pad_token_id=1), 64),
])  # fmt: skip
def test_a_limit_beyond_the_models_context_is_refused(
    encoder: PromptEncoder, config: PretrainedConfig, limit: int
) -> None:
    check_fits(replace(encoder, max_tokens=limit), config)
    with pytest.raises(InputError, match=f"max_tokens 65 is more than .* context of {limit}"):
        check_fits(replace(encoder, max_tokens=limit + 1), config)


def test_examples_come_first_with_their_answers_and_leave_room_for_the_text(
    encoder: PromptEncoder,
) -> None:
    few = encoder.show(["Costs {text} rose.", "Sales rose."], ["negative", "positive"])
    rendered = few.render("Nothing changed.")
    assert rendered == (
        "Costs {text} rose.\nSentiment: negative\n\nSales rose.\nSentiment: positive\n\n"
        "Nothing changed.\nSentiment:"
    )
    assert few.answers == encoder.answers
    long = "profit " * 500
    assert len(few.prompt(long)) > len(encoder.prompt(long))
    assert few.tokens(few.render("x"))[:10] == few.prompt(long)[:10]


def test_a_model_without_absolute_positions_has_no_limit(encoder: PromptEncoder) -> None:
    check_fits(encoder, XLNetConfig())


def test_a_tokenizer_without_an_end_token_is_refused(
    encoder: PromptEncoder, params: Params
) -> None:
    encoder.tokenizer.pad_token, encoder.tokenizer.eos_token = "<unk>", None
    with pytest.raises(InputError, match=r"no end token.*tokenizer\.eos_token"):
        PromptEncoder.create(encoder.tokenizer, params.prompt, list(params.prompt.verbalizers))
