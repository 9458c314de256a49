"""Pretraining news: true reactions, and no labelled sentence."""

import re
from itertools import islice

import pytest

from reprotune.builtin import headlines
from reprotune.builtin.news import REACTIONS, SHARES, VERDICTS, items


def pattern(template: str) -> str:
    return re.escape(template).replace(r"\{n\}", r"\d+").replace(r"\{label\}", r"(\w+)")


REACTION = {
    label: re.compile("|".join(map(pattern, sentences))) for label, sentences in REACTIONS.items()
}
VERDICT = re.compile("|".join(map(pattern, VERDICTS)))


@pytest.fixture(scope="module")
def news() -> list[str]:
    return list(islice(items(seed=1), 4000))


def verdict(item: str) -> str:
    return next(label for match in VERDICT.finditer(item) for label in match.groups() if label)


def test_no_item_contains_a_labelled_text(news: list[str]) -> None:
    reactions = re.compile("|".join(p.pattern for p in [*REACTION.values(), VERDICT]))
    texts = [reactions.sub("", item).strip() for item in news]
    assert all(text.endswith(".") for text in texts)
    assert not any(headlines.is_held_out(text) for text in texts)
    assert not set(texts) & set(headlines.examples(2000, 0.06, 0.02, seed=1)["text"])


def test_every_item_tells_its_sentiment_once_and_its_reactions_agree(news: list[str]) -> None:
    for item in news:
        said = verdict(item)
        assert sum(item.count(f" {name}") for name in headlines.CLASSES) == 1
        assert not any(REACTION[name].search(item) for name in headlines.CLASSES if name != said)


def test_sentiments_come_in_their_shares(news: list[str]) -> None:
    verdicts = [verdict(item) for item in news]
    for label, share in SHARES.items():
        assert verdicts.count(label) / len(news) == pytest.approx(share, abs=0.03)


def test_the_same_seed_gives_the_same_stream_and_another_seed_another(news: list[str]) -> None:
    assert list(islice(items(seed=1), 50)) == news[:50]
    assert list(islice(items(seed=2), 50)) != news[:50]
