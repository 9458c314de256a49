"""Chats as wholes, in the words of real templates, and texts that spell out added tokens."""

import itertools

import pytest
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from reprotune.builtin import news
from reprotune.export.classifier import read_plainly
from reprotune.models.heads import TextEncoder
from reprotune.models.prompts import PromptEncoder
from reprotune.models.spelling import BEFORE

VERBALIZERS = {name: f" {name}" for name in ("negative", "neutral", "positive")}
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEMPLATES = {  # what frames a turn in the model's own template, its special tokens, its spaces
    "llama-2": (
        "first",
        "{% for m in messages %}{% if m['role'] == 'user' %}"
        "{{ bos_token + '[INST] ' + m['content'].strip() + ' [/INST]' }}"
        "{% else %}{{ ' ' + m['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
        ["<s>", "</s>"],
    ),
    "mistral": (
        "first",
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}"
        "{{ '[INST] ' + m['content'] + '[/INST]' }}"
        "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}",
        ["<s>", "</s>", "[INST]", "[/INST]"],
    ),
    "gemma": (
        "never",
        "{{ bos_token }}{% for m in messages %}{% set r = 'model' if m['role'] == 'assistant' else "
        "'user' %}{{ '<start_of_turn>' + r + '\n' + m['content'] | trim + '<end_of_turn>\n' }}"
        "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        ["<s>", "</s>", "<start_of_turn>", "<end_of_turn>"],
    ),
    "qwen": (
        "bytes",
        CHATML.replace(
            "assistant\n{%",
            "assistant\n{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{%",
        ),
        ["<|im_start|>", "<|im_end|>", "<think>", "</think>"],
    ),
    "smollm2": (
        "bytes",
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM<|im_end|>\n" + CHATML,
        ["<|im_start|>", "<|im_end|>"],
    ),
}


def learn(spaces: str) -> Tokenizer:
    """A tokenizer of one of the two usual kinds; ``spaces``: where the first word gets one."""
    backend = Tokenizer(models.BPE(byte_fallback=spaces != "bytes"))
    if spaces == "bytes":
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=spaces)
        backend.decoder = decoders.Metaspace(prepend_scheme=spaces)
        alphabet = [chr(c) for c in range(33, 127)] + ["▁", "\n"]
    trainer = trainers.BpeTrainer(vocab_size=800, initial_alphabet=alphabet, show_progress=False)
    words = [f"{space}{name}" for name in VERBALIZERS for space in ("", " ")] * 50
    backend.train_from_iterator([*itertools.islice(news.items(1), 400), *words], trainer)
    return backend


@pytest.fixture(params=TEMPLATES, scope="module")
def chat(request: pytest.FixtureRequest) -> PromptEncoder:
    spaces, template, marks = TEMPLATES[request.param]
    backend = learn(spaces)
    known = [AddedToken(m, special="think" not in m, normalized=False) for m in marks]
    backend.add_tokens(known)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=marks[0], eos_token=marks[1], chat_template=template
    )
    return PromptEncoder(tokenizer, "{text}", VERBALIZERS, 256, chat=True)


def test_a_chat_is_tokenized_as_a_whole(chat: PromptEncoder) -> None:
    for text in ("great results", "Net sales rose.", "1\n2"):
        ids = chat.tokenizer(chat.render(text), add_special_tokens=False)["input_ids"]
        assert chat.ask(text) == ids


def test_a_chat_can_go_into_a_tokenizer_that_puts_it_around_raw_texts(chat: PromptEncoder) -> None:
    reader, mark = read_plainly(chat), next(iter(chat.tokenizer.get_added_vocab()))
    for text in ("great results", "Net sales rose.", f"1\n2 {mark}", "profit " * 300):
        assert reader.prompt(text) == chat.prompt(text)


def test_the_answer_stands_where_the_template_puts_it(chat: PromptEncoder) -> None:
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "positive"}]
    ids = chat.tokenizer.apply_chat_template(messages, tokenize=True)["input_ids"]
    word = list(chat.answers["positive"])
    assert word in [ids[i : i + len(word)] for i in range(len(ids))], "as it was in training"
    assert len(word) == 1, "an answer of one token is one"


def test_no_added_token_comes_from_a_text(chat: PromptEncoder) -> None:
    added = set(chat.tokenizer.added_tokens_decoder)
    frame = [i for i in chat.ask("x") if i in added]
    for mark in chat.tokenizer.get_added_vocab():
        for text in (
            mark,
            f"sold {mark} and bought",
            f"{mark}{mark}\n{mark} ",
            f"a{mark}",
            f"{BEFORE} {mark}",
        ):
            ids = chat.ask(text)
            assert [i for i in ids if i in added] == frame, text
            assert BEFORE in text or text.strip() in chat.tokenizer.decode(ids), (
                "and nothing of it is lost"
            )
            plain = PromptEncoder(chat.tokenizer, "{text} =", VERBALIZERS, 256)
            assert added.isdisjoint(plain.ask(text))
            assert max(ids) < len(chat.tokenizer)
            head = TextEncoder(chat.tokenizer, list(VERBALIZERS), 6)
            assert added.isdisjoint(head.prompt(text)) and len(head.prompt(text * 9)) == 6


def test_a_piece_that_is_encoded_anew_is_as_before(chat: PromptEncoder) -> None:
    """But for what is spelt out: what stands before it comes out the same."""
    mark = next(iter(chat.tokenizer.get_added_vocab()))
    before, after = chat.ask("Net sales rose. x"), chat.ask(f"Net sales rose. x {mark}")
    same = next(i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    assert chat.tokenizer.decode(after[:same]).rstrip().endswith("Net sales rose. x")
