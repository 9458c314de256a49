"""Labels that may be another one, misspelt or written in another way: said, never changed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from reprotune.core.printing import count_of
from reprotune.data.reading.labels import EMOJI, fold, tidy

RARE = 0.5  # of the rows of the other label, at most
SHORTEST = 4  # letters and figures; shorter ones are often one letter apart
FEWEST = 2  # of labels that differ by marks alone: C, C++ and C# are three
SHOWN = 5


def find_alike(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """The rarer and the commoner of two labels that differ by marks, or by a letter and are rare.

    ``counts``: the rows of each label.
    """
    ordered = sorted(counts, key=lambda name: -counts[name])
    plain = {name: "".join(filter(str.isalnum, fold(name))) for name in ordered}
    for common, rare in combinations(ordered, 2):
        one, other = plain[common], plain[rare]
        is_rare = counts[rare] <= RARE * counts[common]
        shortest = min(len(one), len(other))
        is_near = shortest >= SHORTEST and is_rare and is_a_letter_apart(one, other)
        if is_near or (one == other and shortest >= FEWEST):
            yield rare, common


def is_a_letter_apart(one: str, other: str) -> bool:
    """Whether one letter is more, less or another, or two change places; figures never do."""
    short, long = sorted((one, other), key=len)
    places = (
        place for place, pair in enumerate(zip(short, long, strict=False)) if len({*pair}) > 1
    )
    begun = next(places, len(short))
    rest, more = short[begun:], long[begun:]
    near = (more[:1] + rest, more[:1] + rest[1:], rest[1::-1] + rest[2:])
    return f"{rest[:1]}{more[:1]}".isalpha() and more in near


def describe_alike(counts: Mapping[str, int]) -> str:
    """Said of such labels, with how they become one."""
    pairs = list(find_alike(counts))
    shown = "; ".join(
        f"{rare!r} ({count_of(counts[rare], 'row')}) and {common!r} ({counts[common]})"
        for rare, common in pairs[:SHOWN]
    )
    more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    how = "if they are one class: --names {}={}".format(*pairs[0]) if pairs else ""
    return f"{shown}{more}; {how}" if pairs else ""


def describe_spellings(same: Sequence[str]) -> str:
    """Raw values of one class; those that look alike are spelt out."""
    alike = len({tidy(value).replace(EMOJI, "") for value in same}) < len(same)
    return " = ".join(map(ascii if alike else repr, same))


def describe_joint(names: Sequence[str]) -> str:
    """Said of classes whose names are several others, as in a file with many labels a row."""
    shown = ", ".join(map(repr, names[:SHOWN]))
    return shown and f"{shown}: looks like several labels a row (multi-label); each is a class here"
