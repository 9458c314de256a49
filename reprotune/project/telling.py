"""What `init` saw in a person's files, for them to check."""

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from rich.table import Table

from reprotune.core.params import Download, Params, Roles
from reprotune.core.params.fields import list_fields
from reprotune.core.printing import count_of
from reprotune.data.balance import tell_unused
from reprotune.data.reading.bad_rows import BadRow, count_kinds, describe, show
from reprotune.data.reading.kinds import DELIMITED, TEXTS, tell_kind
from reprotune.project.garbled import describe_garbled
from reprotune.project.likely import DATE
from reprotune.project.likeness import describe_alike, describe_joint, describe_spellings
from reprotune.project.sheets import describe_unread
from reprotune.project.sniff import Look, find_joint
from reprotune.project.terminal import name_lines
from reprotune.tables.classes import is_uneven

MOST = 20  # classes
SHORT = 80  # characters of a bad row
MOSTLY = 0.5  # share of the texts
WORDLESS = {  # what to call texts of this form
    "numbers": re.compile(r"[\W\d_]*\d[\W\d_]*"),
    "addresses, of which nothing is fetched": re.compile(r"(https?://|www\.)\S+"),
}


def report(seen: Look, way: Download, params: Params, parts: Mapping[str, pd.DataFrame]) -> Table:
    """What was seen, for a person to check."""
    lengths = seen.rows["text"].str.len()
    lines = {
        "read as": describe_form(way),
        "is it right?": "\n".join(f"{name}: {show(text)[:SHORT]}" for name, text in seen.examples),
        "rows": f"{len(seen.rows)}, of which {seen.repeated:.1%} share their text",
        "characters": f"median {lengths.median():.0f}, at most {lengths.max()}",
        "cut": describe_cut(seen.cut, params.prompt.max_tokens),
        count_of(len(seen.classes), "class"): list_some(
            f"{c} {n}" for c, n in seen.classes.items()
        ),
        "numbers": describe_numbers(seen),
        "dates": describe_dates(seen),
        "named": list_some(f"{raw} = {name}" for raw, name in seen.named.items()),
        "one class": "; ".join(map(describe_spellings, seen.spellings)),
        "alike": describe_alike({str(c): n for c, n in seen.classes.items()} | seen.left_out),
        "garbled": describe_garbled(seen.rows["text"]),
        "no words": describe_wordless(seen.rows["text"]),
        "texts of": describe_columns(seen, way),
        "several in one": describe_joint(find_joint(list(seen.classes.index))),
        "bad rows": describe_bad(seen.bad),
        "not read": describe_unread(seen.unread),
        "no part": describe_beside(seen.beside),
        "no labels": describe_unlabelled(seen.unlabelled),
        "left out": ", ".join(f"{raw!r} {count_of(n, 'row')}" for raw, n in seen.left_out.items()),
        "counted in": describe_units(params),
        "split": describe_split(seen, params.roles),
        "not used": describe_unused(parts),
    }
    return name_lines(lines)


def list_some(parts: Iterable[str]) -> str:
    """The first and, of many, the last: those of the commonest and the rarest classes."""
    shown = list(parts)
    if len(shown) > MOST:
        half = MOST // 2
        shown = [*shown[:half], f"... ({len(shown) - MOST} more)", *shown[-half:]]
    return ", ".join(shown)


def describe_form(way: Download) -> str:
    """How the files are read, as far as it shows in theirs."""
    kinds = {tell_kind(file.location)[0] for file in way.files}
    parts = [", ".join(sorted(kinds)), way.encoding if kinds.intersection(TEXTS) else ""]
    if kinds.intersection(DELIMITED) and way.label_column is not None:
        parts += [
            f"delimiter {way.delimiter!r}",
            f"quotation mark {way.quote}" if way.quote else "no quotation mark",
            f"escaped by {way.escape}" if way.escape else "",
            f"{count_of(way.skip, 'line')} before" if way.skip else "",
            "a header row" if way.header else "no header row",
        ]
    return ", ".join(filter(None, parts))


def describe_columns(seen: Look, way: Download) -> str:
    """Said of texts that are made of several columns."""
    if not list_fields(way.text_column):
        return ""
    partial = int(seen.rows["partial"].sum())
    lacking = f"; some of them empty in {count_of(partial, 'row')}" if partial else ""
    return f"{way.text_column!r}{lacking}"


def describe_numbers(seen: Look) -> str:
    """Said of classes without names: a prompted model is asked for these words."""
    if seen.named or not all(str(name).isdecimal() for name in seen.classes.index):
        return ""
    few = " ".join(f"{name}=NAME" for name in sorted(seen.classes.index, key=int)[:2])
    return f"if the classes have names: --names {few} ..., or a file with one a line"


def describe_dates(seen: Look) -> str:
    """Said of classes that are days, which are mostly those on which a text was written."""
    is_such = all(map(DATE.fullmatch, map(str, seen.classes.index)))
    return "the classes are dates; if another column is meant: --label COLUMN" if is_such else ""


def describe_cut(share: float, tokens: int) -> str:
    if not share:
        return ""
    return (
        f"{share:.1%} of the texts, of which the first {count_of(tokens, 'token', 'are')} read "
        "(prompt.max_tokens)"
    )


def describe_wordless(texts: pd.Series) -> str:
    """Said of texts that nothing can be learnt from, most likely."""
    for name, pattern in WORDLESS.items():
        if (share := sum(map(bool, map(pattern.fullmatch, texts))) / len(texts)) > MOSTLY:
            return f"{share:.0%} of the texts are {name}; if another column is meant: --text COLUMN"
    return ""


def describe_units(params: Params) -> str:
    """Said of texts in which no spaces part words."""
    words = params.text.units == "words"
    return "" if words else "characters, for no spaces part the words (text.units)"


def describe_bad(bad: Sequence[BadRow]) -> str:
    if not bad:
        return ""
    first = f"row {bad[0].row} of {bad[0].file}: {bad[0].reason}: {show(bad[0].content)[:SHORT]}"
    return f"{len(bad)} not used ({describe(count_kinds(bad))}), the first is {first}"


def describe_beside(files: Sequence[str]) -> str:
    """Said of files in a folder of published parts."""
    why = "not used, for no part is in the name; name the files that are: FILE ... --test FILE"
    return f"{list_some(files)}: {why}" if files else ""


def describe_unlabelled(files: Sequence[str]) -> str:
    """Said of published parts that nothing can be measured with."""
    why = "not used, for no label in it is one of train; reprotune predict labels it"
    return f"{', '.join(files)}: {why}" if files else ""


def describe_split(seen: Look, roles: Roles) -> str:
    if roles.test_share:
        parts = {"test": roles.test_share, "validation": roles.validation_share or 0}
        shares = ", ".join(f"{part} {100 * share:.3g}%" for part, share in parts.items())
        why = ", for the classes are uneven" if is_uneven(seen.classes) else ""
        if roles.strategy == "growing":
            return f"about {shares} of the texts, and for ever; train grows"
        return f"{shares} of each class, train the rest{why} (--balance: as many rows of each)"
    if roles.strategy == "published":
        share, names = roles.validation_share, ", ".join(seen.rows["split"].unique())
        held = f"; {share:.0%} of each class of train becomes validation" if share else ""
        return f"as published: {names}{held}"
    test, validation = roles.test_per_class, roles.validation_per_class
    return (
        f"rows a class: test {test}, validation {validation}, train {roles.train_per_class} "
        "(--no-balance: as many as the file has)"
    )


def describe_unused(parts: Mapping[str, pd.DataFrame]) -> str:
    """The rows that are in no part: those that curation sets aside, and those not drawn."""
    curated = parts["curated"]
    drawn = pd.concat([parts[part] for part in ("train", "validation", "test")])
    aside = len(parts["raw"]) - len(curated)
    told = f"{count_of(aside, 'row')} set aside: repeated or contradicted (curate)" if aside else ""
    spare = tell_unused(curated.loc[~curated["id"].isin(drawn["id"]), "label"])
    return "; ".join(filter(None, (told, spare)))
