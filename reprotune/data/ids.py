"""Ids that depend on content alone, and what counts as the same text."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import pandas as pd

ADDRESS = re.compile(r"https?://\S+")
QUOTES = re.compile("[\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb]")


def digest(*parts: str) -> str:
    """16 hexadecimal digits of the BLAKE2b hash of the parts."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def order_sample(ids: Iterable[str]) -> list[str]:
    """The order in which a blind sample draws rows: by chance, and a larger one holds a smaller."""
    return sorted(ids, key=lambda row: digest("sample", row))


def add_ids(examples: pd.DataFrame) -> pd.DataFrame:
    """Put a column ``id`` first: a hash of text, label and occurrence.

    Equal rows stay distinct, and adding or moving rows changes no other row's id.
    """
    seen: Counter[tuple[str, str]] = Counter()
    ids = []
    for key in zip(examples["text"], examples["label"], strict=True):
        ids.append(digest(*key, str(seen[key])))
        seen[key] += 1
    examples = examples.copy()
    examples.insert(0, "id", ids)
    return examples


def normalize(text: str) -> str:
    """Lower case, without addresses, quotation marks, repeated white space and a last full stop.

    Everything else counts: other marks, emoji and accents can turn the meaning.
    """
    plain = unicodedata.normalize("NFC", text).lower()
    if "://" in plain:  # of most texts that is all there is to look for
        plain = ADDRESS.sub(" ", plain)
    plain = QUOTES.sub("", plain)
    return " ".join(plain.split()).rstrip(". ") or text
