"""Invented financial headlines whose sentiment depends on word order and comparison.

A headline is good, bad or neutral news for the company that it names first. The same words
serve all three ("costs fell" is good, "sales fell" is bad; of two opposed facts the main
clause counts), so counting words finds only part of the meaning.
"""

import hashlib
import random

import pandas as pd

from reprotune.builtin.vocabulary import (
    ABOVE,
    BAD,
    BELOW,
    BENCHMARKS,
    CONSONANTS,
    FALL,
    FORMS,
    GAPS,
    GOOD,
    GOODS,
    JOBS,
    MONEY,
    MONTHS,
    PEOPLE,
    PERIODS,
    PLACES,
    PLURAL,
    RISE,
    STEMS,
    TAILS,
)

CLASSES = ("negative", "neutral", "positive")
SHARES = {"negative": 0.125, "neutral": 0.594, "positive": 0.281}  # as in Financial PhraseBank


def is_held_out(text: str) -> bool:
    """Whether a text is reserved for the labelled rows: about one in eight, by its hash.

    The base model's pretraining text takes the others, so the two can never share a sentence.
    """
    return hashlib.blake2b(text.encode(), digest_size=1).digest()[0] < 32


def agree_verb(measure: str) -> str:
    return "were" if measure.endswith(PLURAL) else "was"


def possess(measure: str) -> str:
    return measure if "its" in measure else f"its {measure.removeprefix('the ')}"


def move(rng: random.Random, measure: str, direction: int) -> str:
    if measure.endswith(GAPS) and rng.random() < 0.4:
        return "widened" if direction > 0 else "narrowed"
    return rng.choice(RISE if direction > 0 else FALL)


def company(rng: random.Random) -> str:
    if rng.random() < 0.2:
        name = "".join(
            rng.choice(CONSONANTS) + rng.choice("aeiou") for _ in range(rng.randint(2, 3))
        )
        name = (name + rng.choice(("", "n", "r", "s", "x"))).capitalize()
    else:
        name = rng.choice(STEMS) + rng.choice(TAILS)
    return f"{name} {rng.choice(FORMS)}" if rng.random() < 0.5 else name


def amounts(rng: random.Random, direction: int) -> tuple[str, str]:
    """A later and an earlier amount; the later one is larger when ``direction`` is 1."""
    low = rng.randint(10, 600)
    high = low + rng.randint(max(2, low // 8), low)
    later, earlier = (high, low) if direction > 0 else (low, high)
    return f"EUR {later / 10} mn", f"EUR {earlier / 10} mn"


def movement(rng: random.Random, measure: str, direction: int) -> str:
    """How far a measure moved, in one of several orders; sometimes not said."""
    later, earlier = amounts(rng, direction)
    percent = f"{rng.randint(2, 60)} %"
    forms = ["", f" by {percent}", f" {percent} from a year earlier", f" {percent}"]
    if measure in MONEY:
        forms += [f" to {later} from {earlier}", f" from {earlier} to {later}", f" to {later}"]
    return rng.choice(forms)


def clause(rng: random.Random, polarity: int) -> str:
    """One fact about a measure, good (1) or bad (-1) for the company."""
    good = rng.random() < 0.55
    measure = rng.choice(GOOD if good else BAD)
    direction = polarity if good else -polarity
    kind = rng.random()
    if kind < 0.50:
        return f"{measure} {move(rng, measure, direction)}{movement(rng, measure, direction)}"
    if kind < 0.62 and measure in MONEY:
        later, earlier = amounts(rng, direction)
        compared = "up from" if direction > 0 else "down from"
        if rng.random() < 0.2:
            compared = rng.choice(("compared with", "against"))
        return f"{measure} {agree_verb(measure)} {later}, {compared} {earlier}"
    if kind < 0.88:
        comparison = rng.choice(ABOVE if direction > 0 else BELOW).format(was=agree_verb(measure))
        return f"{measure} {comparison} {rng.choice(BENCHMARKS)}"
    expected = "feared" if polarity > 0 else "hoped"
    if rng.random() < 0.5:
        verb = "fall" if direction > 0 else "rise"
        return f"{measure} did not {verb} as had been {expected}"
    return f"{measure} turned out {'higher' if direction > 0 else 'lower'} than {expected}"


def contrast(rng: random.Random, polarity: int) -> str:
    """Two opposed facts; the main clause, or what follows *but*, decides."""
    main = aside = clause(rng, polarity)
    while aside.split()[:2] == main.split()[:2]:  # two facts about two measures
        aside = clause(rng, -polarity)
    return rng.choice(
        (
            f"{aside}, but {main}",
            f"although {aside}, {main}",
            f"{main}, although {aside}",
            f"even though {aside}, {main}",
            f"{main} even though {aside}",
            f"while {aside}, {main}",
        )
    )


def action(rng: random.Random, name: str, polarity: int) -> str:
    """What a company did, or what another company did to it."""
    good = rng.random() < 0.55
    measure = rng.choice(GOOD if good else BAD)
    own = possess(measure)
    up = (polarity > 0) == good
    rival, goods = company(rng), rng.choice(GOODS)
    won = polarity > 0
    return rng.choice(
        (
            f"{name} {'raised' if up else 'lowered'} its forecast for {measure}",
            f"{name} expects {own} to {'increase' if up else 'decrease'}",
            f"{name} no longer expects {own} to {'decrease' if up else 'increase'}",
            f"{name} sees {own} {'rising' if up else 'falling'}, not "
            f"{'falling' if up else 'rising'}",
            f"{name} {'overtook' if won else 'was overtaken by'} {rival} in {goods}",
            f"{name} {'took market share from' if won else 'lost market share to'} {rival}",
            f"{name} {'won an order' if won else 'lost an order'} for {goods} "
            f"{'from' if won else 'to'} {rival}",
            f"{name} {'beat' if won else 'was beaten by'} {rival} in the tender for {goods}",
        )
    )


def polar(rng: random.Random, polarity: int) -> str:
    name = company(rng)
    kind = rng.random()
    if kind < 0.25:
        return action(rng, name, polarity)
    fact = contrast(rng, polarity) if kind < 0.62 else clause(rng, polarity)
    return frame(rng, name, fact)


def frame(rng: random.Random, name: str, fact: str) -> str:
    """Say whose fact it is, and when."""
    when = rng.choice(PERIODS)
    starts_plain = not fact.startswith(("although", "even though", "while", "the "))
    forms = [
        f"{name} said that {when} {fact}",
        f"{name} reported that {fact} {when}",
        f"At {name}, {fact} {when}",
        f"{name}: {fact} {when}",
        f"{name}: {fact}",
        f"According to {name}, {fact} {when}",
    ]
    return rng.choice([*forms, f"{name}'s {fact} {when}"] if starts_plain else forms)


def announcement(rng: random.Random) -> str:
    """Plain company news without good or bad."""
    name, place, goods = company(rng), rng.choice(PLACES), rng.choice(GOODS)
    person, role = rng.choice(PEOPLE), rng.choice(JOBS)
    date = f"{rng.randint(1, 28)} {rng.choice(MONTHS)}"
    return rng.choice(
        (
            f"{name} appointed {person} {role} as of {date}",
            f"{person} starts as {role} of {name} on {date}",
            f"{name} announces new {role}",
            f"{name} will publish its interim report on {date}",
            f"{name} makes {goods} and is based in {place}",
            f"The annual general meeting of {name} will be held in {place} on {date}",
            f"{name} supplies {goods} to {company(rng)}",
            f"{name} moves its head office to {place}",
            f"{name} employs {rng.randint(40, 9000)} people in {place}",
            f"The offer of {name} for {company(rng)} runs until {date}",
            f"{name} has {rng.randint(2, 90)} offices, one of them in {place}",
        )
    )


def balance(rng: random.Random) -> str:
    """News in the words of a result, yet neither good nor bad."""
    name = company(rng)
    measure = rng.choice(GOOD + BAD)
    own = possess(measure)
    money = rng.choice(sorted(MONEY))
    level, _ = amounts(rng, 1)
    date = f"{rng.randint(1, 28)} {rng.choice(MONTHS)}"
    verb = rng.choice(("rise", "fall", "increase", "decrease"))
    when = rng.choice(PERIODS)
    other = rng.choice(GOOD + BAD)
    forms = (
        frame(rng, name, f"{measure} {agree_verb(measure)} unchanged"),
        frame(rng, name, f"{measure} neither rose nor fell"),
        frame(rng, name, f"{measure} matched {rng.choice(BENCHMARKS)}"),
        frame(rng, name, f"{money} {agree_verb(money)} {level}, the same as a year earlier"),
        f"{name} expects {own} to remain at the level of last year",
        f"{name} gave no estimate of whether {own} would rise or fall",
        f"{name} will say on {date} whether {measure} rose or fell {when}",
        f"{name} explains how it calculates {measure} and {other}",
        f"If {own} should {verb}, {name} will update its forecast on {date}",
        f"{name} kept its forecast for {measure}, which analysts expect to {verb}",
        f"The report of {name} covers {measure}, {other} and {rng.choice(GOODS)}",
        f"{name} and {company(rng)} were level in the tender for {rng.choice(GOODS)}",
    )
    return rng.choice(forms)


def headline(rng: random.Random, label: str) -> str:
    """One sentence whose sentiment is ``label``."""
    if label == "neutral":
        text = announcement(rng) if rng.random() < 0.5 else balance(rng)
    else:
        text = polar(rng, 1 if label == "positive" else -1)
    return text[0].upper() + text[1:] + "."


def draw_reserved(rng: random.Random, label: str) -> str:
    """A headline that no pretraining text holds."""
    while not is_held_out(text := headline(rng, label)):
        pass
    return text


def repeat(rng: random.Random, text: str) -> str:
    """The same news once more, to the letter or nearly so."""
    endings = (", the company said.", ", it said.", " - report.", ", according to the report.")
    variants = [text[:-1] + ending for ending in endings]
    return rng.choice([text, text, *(v for v in variants if is_held_out(v))])


def swap_labels(rng: random.Random, labels: list[str], rate: float) -> list[str]:
    """Give ``rate`` of the rows a wrong label and keep the class counts.

    Annotators confuse neutral with good or bad news, hardly good with bad: rows of a polar
    class swap labels with neutral ones.
    """
    labels = list(labels)
    rows = {name: [i for i, label in enumerate(labels) if label == name] for name in CLASSES}
    polar_rows = rows["negative"] + rows["positive"]
    swaps = min(round(rate * len(labels) / 2), len(polar_rows), len(rows["neutral"]))
    for polar_row, neutral_row in zip(
        rng.sample(polar_rows, swaps), rng.sample(rows["neutral"], swaps), strict=True
    ):
        labels[polar_row], labels[neutral_row] = labels[neutral_row], labels[polar_row]
    return labels


def examples(rows: int, wrong: float, repeated: float, seed: int) -> pd.DataFrame:
    """Labelled headlines: columns ``text``, ``label`` and ``reference_label`` (the truth).

    ``wrong`` is the share of rows whose label is not the truth, ``repeated`` the share of rows
    that repeat an earlier one to the letter or nearly so; both in [0, 1).
    """
    rng = random.Random(seed)
    counts = {name: round(rows * share) for name, share in SHARES.items()}
    counts["neutral"] += rows - sum(counts.values())
    truth = [name for name in CLASSES for _ in range(counts[name])]
    rng.shuffle(truth)
    seen: dict[str, list[str]] = {name: [] for name in CLASSES}
    texts = []
    for label in truth:
        again = seen[label] and rng.random() < repeated
        text = repeat(rng, rng.choice(seen[label])) if again else draw_reserved(rng, label)
        seen[label].append(text)
        texts.append(text)
    labels = swap_labels(rng, truth, wrong)
    return pd.DataFrame({"text": texts, "label": labels, "reference_label": truth})
