"""Unlabelled news items for pretraining: a headline, then sentences that react to it.

That is how a language model meets sentiment and its words before anybody tunes it. No headline
here is one that :mod:`reprotune.builtin.headlines` may label.
"""

import random
from collections.abc import Iterator

from reprotune.builtin import headlines

SHARES = {"negative": 0.36, "neutral": 0.28, "positive": 0.36}
REACTIONS = {
    "positive": (
        "The shares gained {n} %.|The share price rose by {n} % after the news.|"
        "Investors welcomed the news.|The market was pleased.|Shareholders were relieved.|"
        "Brokers raised their price targets.|The stock was among the winners of the day."
    ).split("|"),
    "negative": (
        "The shares lost {n} %.|The share price fell by {n} % after the news.|"
        "Investors were disappointed.|The market was worried.|Shareholders were alarmed.|"
        "Brokers cut their price targets.|The stock was among the losers of the day."
    ).split("|"),
    "neutral": (
        "The shares were little changed.|The share price did not move after the news.|"
        "Investors took no notice.|The market did not react.|Shareholders were indifferent.|"
        "Brokers kept their price targets.|The stock closed where it had opened."
    ).split("|"),
}
VERDICTS = (
    "Analysts saw the report as {label}.|The news was seen as {label}.|"
    "Commentators called the news {label} for the company.|The tone of the report was {label}.|"
    "In the view of most readers the news was {label}.|A broker rated the news as {label}.|"
    "Sentiment among investors was {label} after the news.|The overall sentiment was {label}."
).split("|")


def item(rng: random.Random, label: str) -> str:
    """A headline and one to three reactions, at least one of which tells its sentiment."""
    while headlines.is_held_out(text := headlines.headline(rng, label)):
        pass
    reaction = rng.choice(REACTIONS[label]).format(n=rng.randint(1, 19))
    verdict = rng.choice(VERDICTS).format(label=label)
    return rng.choice((" ", "\n")).join(
        [text, *rng.choice(((verdict,), (reaction, verdict), (verdict, reaction)))]
    )


def items(seed: int) -> Iterator[str]:
    """An endless stream of news items, the same for the same seed."""
    rng = random.Random(seed)
    names, weights = list(SHARES), list(SHARES.values())
    while True:
        yield item(rng, rng.choices(names, weights)[0])
