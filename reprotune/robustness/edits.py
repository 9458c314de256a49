"""Edits of a text that keep its label: a model that flips under them is brittle."""

import re
from collections.abc import Callable
from random import Random

import pandas as pd

SWAPPED = 5  # letters of a word in which a typo is made, at least
EVERY = 8  # words to a typo
LONGEST = 1000  # digits of a number: Python reads no more than 4,300
NAMES = ("Aldous", "Brenta", "Corvin", "Delmar", "Estrel", "Fenwick", "Galdor", "Hestia")
MOST_NAMES = 1 / 3  # of the words; where more are capitalized, it does not show the names
SHORT = {  # whole: contracted
    "cannot": "can't",
    "will not": "won't",
    **{
        f"{verb} not": f"{verb}n't"
        for verb in "is are was were do does did has have had would could should".split()
    },
    **{f"{who} is": f"{who}'s" for who in ("it", "that", "there")},
    **{f"{who} are": f"{who}'re" for who in ("we", "they", "you")},
}
LONG = {contracted: whole for whole, contracted in SHORT.items()}

Edit = Callable[[str, Random, set[str]], str]  # the last: words that are no names


def lower(text: str, rng: Random, words: set[str]) -> str:
    return text.lower()


def upper(text: str, rng: Random, words: set[str]) -> str:
    return text.upper()


def misspell(text: str, rng: Random, words: set[str]) -> str:
    """Two neighbours inside a word change places, once in some words."""
    found = list(re.finditer(rf"[^\W\d_]{{{SWAPPED},}}", text))
    count = min(len(found), max(1, len(text.split()) // EVERY))
    letters = list(text)
    for match in rng.sample(found, count):
        place = rng.randrange(match.start() + 1, match.end() - 2)
        letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def punctuate(text: str, rng: Random, words: set[str]) -> str:
    """Without punctuation after words, or with a full stop if there is none."""
    bare = re.sub(r"[.,;:!?]+(?=\s|$)", "", text)
    return bare if bare != text else f"{text}."


def double_numbers(text: str, rng: Random, words: set[str]) -> str:
    """Every number twice as large, so that their order stays."""
    return re.sub(r"\d+(?:[.,]\d+)*", lambda match: double(match[0]), text)


def double(number: str) -> str:
    digits = re.sub(r"\D", "", number)
    if len(digits) > LONGEST:
        return number
    doubled = list(str(2 * int(digits)).zfill(len(digits)))
    for place, sign in enumerate(reversed(number)):
        if not sign.isdecimal():
            doubled.insert(len(doubled) - place, sign)
    return "".join(doubled)


def rename(text: str, rng: Random, words: set[str]) -> str:
    """Other names: words with a capital that no text has without it."""
    found = re.findall(r"[^\W\d_]{3,}", text)
    names = sorted({word for word in found if word.istitle() and word.lower() not in words})
    if len(names) > MOST_NAMES * len(found):
        return text
    others = {name: rng.choice(NAMES) for name in names}
    return re.sub(r"[^\W\d_]{3,}", lambda match: others.get(match[0], match[0]), text)


def space(text: str, rng: Random, words: set[str]) -> str:
    """Twice the space between some words, and one at the end."""
    parts = text.split(" ")
    return " ".join(part + " " * (rng.random() < 0.3) for part in parts[:-1]) + f" {parts[-1]} "


def contract(text: str, rng: Random, words: set[str]) -> str:
    """English contractions written out, or made."""
    for table in (LONG, SHORT):
        for old, new in table.items():
            text, count = re.subn(rf"\b{old}\b", new, text)
            if count:
                return text
    return text


EDITS: dict[str, Edit] = {
    "lower case": lower,
    "upper case": upper,
    "typos": misspell,
    "punctuation": punctuate,
    "numbers": double_numbers,
    "names": rename,
    "spaces": space,
    "contractions": contract,
}


def edit_rows(rows: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Columns id, text, label and edit: the first rows once for each edit that changes them.

    What an edit does to a row depends on the row, the words of all texts and the seed alone.
    """
    words = set(rows["text"].str.findall(r"\b[^\W\d_A-Z]+\b").explode().dropna())
    first = rows.head(count)
    edited = [
        (key, edit(text, Random(f"{seed} {key} {name}"), words), label, name, text)
        for name, edit in EDITS.items()
        for key, text, label in zip(first["id"], first["text"], first["label"], strict=True)
    ]
    table = pd.DataFrame(edited, columns=["id", "text", "label", "edit", "before"]).astype("str")
    changed = table[table["text"] != table["before"]]
    return changed.drop(columns="before").reset_index(drop=True)
