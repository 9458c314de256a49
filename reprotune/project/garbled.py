"""Texts in UTF-8 that somebody read in another encoding before: cafÃ© for café."""

import re

import pandas as pd

from reprotune.core.printing import count_of

BEYOND = re.compile("[^\\x00-\\x7f]{2,}")
LEADS = "ÂÃâ"  # of signs and letters of Western Europe; groß“ has others by chance
FEW = 0.01  # share of the texts: so many are in files from the web


def describe_garbled(texts: pd.Series) -> str:
    """Said of many such texts: later ones will not be written so."""
    found = texts[texts.str.contains(BEYOND)].map(find_garbled).dropna()
    if len(found) <= FEW * len(texts):
        return ""
    wrong = found.iloc[0]
    return (
        f"{count_of(len(found), 'text')} with UTF-8 that was read in another encoding, such as "
        f"{wrong} for {read_again(wrong)}: save the file from its source once more, as UTF-8"
    )


def find_garbled(text: str) -> str | None:
    return next((run for run in BEYOND.findall(text) if read_again(run)), None)


def read_again(run: str) -> str | None:
    """What characters mean whose bytes in the Western encoding are UTF-8, if they are."""
    try:
        meant = run.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return None
    return meant if len(meant) > 1 or run[0] in LEADS else None
