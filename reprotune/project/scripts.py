"""Scripts that part words by no spaces: Chinese, Japanese, Thai and their neighbours."""

import re

import pandas as pd

SPACELESS = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # Kana, Han
)
PIECE = 6  # letters between two spaces, on average: more is no word
SHARE = 0.25  # of the texts, from which all are counted in characters


def choose_units(texts: pd.Series) -> str:
    """What these texts are counted in: ``words`` or ``characters``."""
    share = texts.map(has_no_words).mean()
    return "characters" if share >= SHARE else "words"


def has_no_words(text: str) -> bool:
    """Whether most letters of a text are of such a script, and no spaces part its words.

    A text whose words somebody has parted by spaces is counted in words.
    """
    letters = len(SPACELESS.findall(text))
    if not letters:
        return False
    others = len(re.findall(r"[^\W\d_]", SPACELESS.sub("", text)))
    pieces = len(text.split())
    return letters > others and (pieces == 1 or letters > PIECE * pieces)
