"""What must hold for a data set as a whole, checked by Great Expectations.

Its rules are the parameters ``expectations``; its report is a site for people, Data Docs.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from copy import copy
from html import escape
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations import expectations as gxe
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.data_context import FileDataContext
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Expectations, Limit
from reprotune.data.data_docs import detach
from reprotune.data.ids import digest

SITE = "reprotune"
STORE = "gx"  # in the working folder
RESULTS = f"{STORE}/uncommitted/validations"
WHOLE = ("raw", "curated")  # tables of all rows; the others are parts
SHOWN = 10  # rows named in a message
LONGEST = 200  # characters of a text shown in the report
SEVERITY = {"stop": "critical", "warn": "warning"}


def build_rules(name: str, classes: Sequence[str], limits: Expectations) -> list[Expectation]:
    """The rules for one table: raw, curated, train, validation or test."""
    rows, share, text, repeats = (
        limits.rows,
        limits.class_share,
        limits.characters,
        limits.repeated,
    )
    found: list[Expectation] = [
        gxe.ExpectColumnValuesToBeInSet(
            column="label",
            value_set=[escape(name) for name in classes],
            **name_rule("download.labels", "every label is a class"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="characters",
            min_value=text.min,
            max_value=text.max,
            **name_rule("characters", f"a text has {text.min} to {text.max} characters", text),
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="text",
            mostly=round(1 - repeats.max, 9),  # 1 - 0.7 is more than 0.3
            **name_rule("repeated", f"at most {repeats.max:g} of the rows share a text", repeats),
        ),
    ]
    if name in WHOLE:
        found.append(
            gxe.ExpectTableRowCountToBeBetween(
                min_value=rows.min,
                max_value=rows.max,
                **name_rule("rows", f"the number of rows is {rows.min} to {rows.max}", rows),
            )
        )
    if name != "validation":  # which takes what is left
        bounds = f"{share.min:g} to {share.max:g}"
        found += [
            gxe.ExpectColumnMeanToBeBetween(
                column=share_column(class_name),
                min_value=share.min,
                max_value=share.max,
                **name_rule("class_share", f"the share of class {class_name} is {bounds}", share),
            )
            for class_name in classes
        ]
    return found


def name_rule(key: str, rule: str, limit: Limit | None = None) -> dict[str, Any]:
    """How a rule is named in messages and in the report, and what a violation does."""
    parameter = f"expectations.{key}" if limit else key
    return {
        "meta": {"parameter": parameter, "rule": rule},
        "notes": f"{escape(parameter)}: {escape(rule)}",
        "severity": SEVERITY[limit.severity if limit else "stop"],
    }


def share_column(class_name: str) -> str:
    return f"is {escape(class_name)}"


def measure(rows: pd.DataFrame, name: str, classes: Sequence[str]) -> pd.DataFrame:
    """What the rules look at; long texts are cut, for the report repeats them."""
    text = rows["text"]
    marks = text.map(lambda value: f" ... [{len(value)} characters, {digest(value)}]")
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
        table[share_column(class_name)] = (rows["label"] == class_name).astype(float)
    return table


def require(
    rows: pd.DataFrame,
    name: str,
    classes: Sequence[str],
    limits: Expectations,
    where: Path,
    docs: Path = paths.DATA_DOCS,
    work: Path = paths.WORK,
) -> None:
    """Check a table, add it to the report, and print what is only a warning.

    ``rows`` has text, label and row (its position in the source) or id.

    Raises:
        InputError: names every broken rule, its parameter and the rows.
    """
    if rows.empty:
        forget(name, docs, work)
        if name in WHOLE:
            raise InputError(
                f"{where}: no row is left in {name}; a class of null in download.labels leaves "
                "rows out, and so do decisions and the policy of curate"
            )
        return
    result = validate(
        measure(rows, name, classes), name, build_rules(name, classes, limits), docs, work
    )
    broken = {
        severity: [explain(one, name) for one in result.results if list_failures(one, severity)]
        for severity in SEVERITY.values()
    }
    report = f"the report is {docs / 'index.html'}"
    for line in broken["warning"]:
        print(f"warning: {where}: {line}; {report}", file=sys.stderr)
    if broken["critical"]:
        lines = "\n  ".join(broken["critical"])
        raise InputError(
            f"{where}: not as expected; correct the data or, if the data is right, the parameter; "
            f"{report}\n  {lines}"
        )


def list_failures(result: ExpectationValidationResult, severity: str) -> bool:
    config = result.expectation_config
    return not result.success and config is not None and config.severity == severity


def explain(result: ExpectationValidationResult, name: str) -> str:
    """One line: the parameter, its rule, what was found and where."""
    assert result.expectation_config is not None
    meta, found = result.expectation_config.meta or {}, result.result
    line = f"{meta['parameter']}: in {name}, {meta['rule']}"
    if "unexpected_count" not in found:
        return f"{line}, but it is {found['observed_value']:.6g}"
    places = [str(place["row"]) for place in found["partial_unexpected_index_list"]]
    more = ", ..." if found["unexpected_count"] > len(places) else ""
    kind = "rows" if name == "raw" else "ids"
    return (
        f"{line}, but {found['unexpected_count']} of {found['element_count']} do not fit: "
        f"{kind} {', '.join(places)}{more}"
    )


def validate(
    table: pd.DataFrame, name: str, suite: list[Expectation], docs: Path, work: Path
) -> ExpectationSuiteValidationResult:
    """Run the rules and rebuild the site, where this result takes the place of the last."""
    forget(name, docs, work)
    try:
        return record(table, name, suite, docs, work)
    except Exception:  # the half-written store of a killed run; else it is raised again
        for folder in (work / STORE, docs):
            shutil.rmtree(folder, ignore_errors=True)
        return record(table, name, suite, docs, work)


def forget(name: str, docs: Path, work: Path) -> None:
    """Take the earlier result of a table out of the store and the site."""
    for folder in (work / RESULTS, docs / "validations"):
        shutil.rmtree(folder / name, ignore_errors=True)


def record(
    table: pd.DataFrame, name: str, suite: list[Expectation], docs: Path, work: Path
) -> ExpectationSuiteValidationResult:
    context = open_context(docs, work)
    source = context.data_sources.add_or_update_pandas(SITE)
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
    definition = gx.ValidationDefinition(
        name=name,
        data=batch,
        suite=context.suites.add_or_update(gx.ExpectationSuite(name, list(map(copy, suite)))),
    )
    result = context.validation_definitions.add_or_update(definition).run(
        batch_parameters={"dataframe": table},
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": ["row"],
            "partial_unexpected_count": SHOWN,
        },
    )
    context.build_data_docs([SITE])
    detach(docs, work / RESULTS)
    return result


def open_context(docs: Path, work: Path) -> FileDataContext:
    """The store behind the site."""
    work.mkdir(parents=True, exist_ok=True)
    context = gx.get_context(mode="file", project_root_dir=work)
    if SITE not in context.get_site_names():
        for site in context.get_site_names():
            context.delete_data_docs_site(site)
        context.add_data_docs_site(
            SITE,
            {
                "class_name": "SiteBuilder",
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": os.path.relpath(docs, work / STORE),
                },
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            },
        )
    context.variables.progress_bars = ProgressBarsConfig(globally=False)  # each would last a blink
    return context
