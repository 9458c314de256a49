"""What the stock servers understand: how a text is put to each, and how its answer is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reprotune.core.params import Prompt
from reprotune.core.printing import count_of

QUESTION = "label"
TOKENS = 8  # of a generated answer
HIGHEST = 1.001  # of a probability: half precision rounds


@dataclass(frozen=True)
class Asked:
    """What every request needs to know."""

    model: str  # as the server calls it
    classes: Sequence[str]  # in class order
    prompt: Prompt


@dataclass(frozen=True)
class Answer:
    predicted: str  # empty if it cannot be read
    probabilities: Mapping[str, float]  # by class; empty of a generated answer
    said: str = ""  # a generated answer in its own words


@dataclass(frozen=True)
class Api:
    """One way to be asked: where, with what, and what comes back."""

    path: str
    body: Callable[[Asked, str], dict[str, object]]  # the name of the model apart
    read: Callable[[Asked, Any], Answer]


def choose(scores: Mapping[str, float], asked: Asked) -> Answer:
    """The likeliest class; raises ValueError if the classes are others, or no probabilities."""
    if set(scores) != set(asked.classes):
        raise ValueError(f"it knows the classes {sorted(scores)}")
    known = {name: float(scores[name]) for name in asked.classes}
    if not all(0 <= value <= HIGHEST for value in known.values()):  # nor is it so of NaN
        raise ValueError(f"these are no probabilities: {known}")
    return Answer(max(known, key=known.__getitem__), known)


def read_classes(asked: Asked, said: Any) -> Answer:
    """Of vLLM and SGLang, with probabilities in class order, and of infinity, which names them."""
    (found,) = said["data"]
    if isinstance(found, list):
        return choose({entry["label"]: entry["score"] for entry in found}, asked)
    if len(found["probs"]) != len(asked.classes):
        raise ValueError(f"it knows {count_of(len(found['probs']), 'class')}")
    return choose(dict(zip(asked.classes, found["probs"], strict=True)), asked)


def read_labels(asked: Asked, said: Any) -> Answer:
    """Of text-embeddings-inference."""
    return choose({entry["label"]: entry["score"] for entry in said}, asked)


def read_decision(asked: Asked, said: Any) -> Answer:
    """Of `transformers serve`, for a folder with decision.json."""
    answers = said.get("answers", said)
    return choose(answers[QUESTION]["probabilities"], asked)


def pose(asked: Asked, text: str) -> dict[str, object]:
    question = {"type": "choice", "criteria": dict.fromkeys(asked.classes)}
    return {"state": text, "questions": {QUESTION: question}}


def render(asked: Asked, text: str) -> str:
    return asked.prompt.template.replace("{text}", text)


def read_words(asked: Asked, said: str) -> Answer:
    from reprotune.scoring.generation import read_answer  # with torch, takes seconds

    verbalizers = {name: asked.prompt.verbalizers[name] for name in asked.classes}
    return Answer(read_answer(said, verbalizers), {}, said)


GREEDY = {"max_tokens": TOKENS, "temperature": 0}
APIS = {
    "systemone": Api("/v1/systemone", pose, read_decision),
    "classify": Api("/classify", lambda _, text: {"input": [text]}, read_classes),
    "sglang": Api("/v1/classify", lambda _, text: {"input": text}, read_classes),
    "predict": Api("/predict", lambda _, text: {"inputs": text, "truncate": True}, read_labels),
    "chat": Api(
        "/v1/chat/completions",
        lambda asked, text: (
            GREEDY | {"messages": [{"role": "user", "content": render(asked, text)}]}
        ),
        lambda asked, said: read_words(asked, said["choices"][0]["message"]["content"]),
    ),
    "completions": Api(
        "/v1/completions",
        lambda asked, text: GREEDY | {"prompt": render(asked, text)},
        lambda asked, said: read_words(asked, said["choices"][0]["text"]),
    ),
}
GENERATING = ("chat", "completions")
