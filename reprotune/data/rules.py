"""The parameters ``expectations`` as rules of Great Expectations, and the columns they look at."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import TypedDict

import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from reprotune.core.params import Expectations, Limit
from reprotune.core.printing import count_of
from reprotune.data.ids import digest

WHOLE = ("raw", "curated")  # tables of all rows; the others are parts
LONGEST = 200  # characters of a text shown in the report
SEVERITY = {"stop": FailureSeverity.CRITICAL, "warn": FailureSeverity.WARNING}


class Naming(TypedDict):
    """How a rule is named in messages and in the report, and what a violation does."""

    meta: dict[str, str]  # parameter and rule
    notes: str
    severity: FailureSeverity


def build_rules(name: str, classes: Sequence[str], limits: Expectations) -> list[Expectation]:
    """The rules for one table: raw, curated, train, validation or test."""
    rules = list(limit_rows(classes, limits))
    rows = limits.rows
    if name in WHOLE:
        rule = name_rule("rows", f"the number of rows is {rows.min} to {rows.max}", rows)
        rules.append(
            gxe.ExpectTableRowCountToBeBetween(min_value=rows.min, max_value=rows.max, **rule)
        )
    if name != "validation":  # which takes what is left
        rules += limit_shares(classes, limits)
    return rules


def limit_rows(classes: Sequence[str], limits: Expectations) -> Iterator[Expectation]:
    """What must hold for labels and texts."""
    text, repeats = limits.characters, limits.repeated
    yield gxe.ExpectColumnValuesToBeInSet(
        column="label",
        value_set=[escape(name) for name in classes],
        **name_rule("download.labels", "every label is a class"),
    )
    yield gxe.ExpectColumnValuesToBeBetween(
        column="characters",
        min_value=text.min,
        max_value=text.max,
        **name_rule("characters", f"a text has {text.min} to {text.max} characters", text),
    )
    yield gxe.ExpectColumnValuesToBeUnique(
        column="text",
        mostly=round(1 - repeats.max, 9),  # 1 - 0.7 is more than 0.3
        **name_rule("repeated", f"at most {repeats.max:g} of the rows share a text", repeats),
    )


def limit_shares(classes: Sequence[str], limits: Expectations) -> Iterator[Expectation]:
    """What must hold for the share of each class."""
    share = limits.class_share
    for name in classes:
        rule = f"the share of class {name} is {share.min:g} to {share.max:g}"
        yield gxe.ExpectColumnMeanToBeBetween(
            column=name_column(name),
            min_value=share.min,
            max_value=share.max,
            **name_rule("class_share", rule, share),
        )


def name_rule(key: str, rule: str, limit: Limit | None = None) -> Naming:
    """Names for a rule of a section of ``expectations`` or, without a limit, of a parameter."""
    parameter = f"expectations.{key}" if limit else key
    return {
        "meta": {"parameter": parameter, "rule": rule},
        "notes": f"{escape(parameter)}: {escape(rule)}",
        "severity": SEVERITY[limit.severity if limit else "stop"],
    }


def name_column(class_name: str) -> str:
    return f"is {escape(class_name)}"


def measure(rows: pd.DataFrame, name: str, classes: Sequence[str]) -> pd.DataFrame:
    """What the rules look at; long texts are cut, for the report repeats them."""
    text = rows["text"]
    marks = text.map(lambda value: f" ... [{count_of(len(value), 'character')}, {digest(value)}]")
    shown = text.where(text.str.len() <= LONGEST, text.str[:LONGEST] + marks)
    table = pd.DataFrame(
        {
            "row": rows["row"] + 1 if name == "raw" else rows["id"],
            "text": shown.map(escape),
            "label": rows["label"].map(escape),
            "characters": text.str.len(),
        }
    )
    for class_name in classes:
        table[name_column(class_name)] = (rows["label"] == class_name).astype(float)
    return table
