"""What must hold for a data set as a whole, checked by Great Expectations.

Its rules are the parameters ``expectations``; its report is a site for people, Data Docs.
"""

import logging
import os
import shutil
import sys
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.data_context import FileDataContext
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.data_context.types.resource_identifiers import ValidationResultIdentifier
from great_expectations.expectations.expectation import Expectation

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Expectations
from reprotune.core.printing import agree, say
from reprotune.core.space import SAID
from reprotune.data.data_docs import detach
from reprotune.data.rules import SEVERITY, WHOLE, build_rules, measure

SITE_NAME = "reprotune"
STORE = "gx"  # in the working folder
RESULTS = f"{STORE}/uncommitted/validations"
SHOWN = 10  # rows named in a message
BUILDER = "great_expectations.render.renderer.site_builder"  # the logger of what makes the pages


@dataclass(frozen=True)
class Site:
    """The report for people, and the folder of the store behind it."""

    docs: Path
    work: Path


def require(
    rows: pd.DataFrame,
    name: str,
    classes: Sequence[str],
    limits: Expectations,
    where: Path,
    docs: Path = paths.DATA_DOCS,  # the contract sees a path here, not as a field of Site
    work: Path = paths.WORK,
) -> None:
    """Check a table, add it to the report, and print what is only a warning.

    ``rows`` has text, label and row (its position in the source) or id.

    Raises:
        InputError: names every broken rule, its parameter and the rows.
    """
    site = Site(docs, work)
    if rows.empty:
        forget(name, site)
        if name in WHOLE:
            raise InputError(
                f"{where}: no row is left in {name}; a class of null in download.labels leaves "
                "rows out, and so do decisions and the policy of curate"
            )
        return
    table = measure(rows, name, classes)
    result = validate(table, name, build_rules(name, classes, limits), site)
    tell(
        [explain(one, name) for one in result.results if has_failed(one, "warn")],
        [explain(one, name) for one in result.results if has_failed(one, "stop")],
        where,
        site,
    )


def tell(warnings: list[str], failures: list[str], where: Path, site: Site) -> None:
    """Print the warnings, and raise InputError if there are failures."""
    report = f"the report is {site.docs / 'index.html'}"
    for line in warnings:
        say(f"warning: {where}: {line}; {report}", sys.stderr)
    if failures:
        lines = "\n  ".join(failures)
        raise InputError(
            f"{where}: not as expected; correct the data or, if the data is right, the parameter; "
            f"{report}\n  {lines}"
        )


def has_failed(result: ExpectationValidationResult, severity: Literal["stop", "warn"]) -> bool:
    config = result.expectation_config
    return not result.success and config is not None and config.severity == SEVERITY[severity]


def explain(result: ExpectationValidationResult, name: str) -> str:
    """One line: the parameter, its rule, what was found and where."""
    assert result.expectation_config is not None
    meta, found = result.expectation_config.meta or {}, result.result
    line = f"{meta['parameter']}: in {name}, {meta['rule']}"
    if "unexpected_count" not in found:
        return f"{line}, but it is {found['observed_value']:.6g}"
    places = [str(place["row"]) for place in found["partial_unexpected_index_list"]]
    more = ", ..." if found["unexpected_count"] > len(places) else ""
    kind = "row" if name == "raw" else "id"
    count = found["unexpected_count"]
    return (
        f"{line}, but {count} of {found['element_count']} {agree(count, 'do')} not fit: "
        f"{kind if len(places) == 1 else f'{kind}s'} {', '.join(places)}{more}"
    )


def validate(
    table: pd.DataFrame, name: str, suite: list[Expectation], site: Site
) -> ExpectationSuiteValidationResult:
    """Run the rules and rebuild the site, where this result takes the place of the last."""
    forget(name, site)
    try:
        return record(table, name, suite, site)
    except Exception:  # the half-written store of a killed run; else it is raised again
        for folder in (site.work / STORE, site.docs):
            shutil.rmtree(folder, ignore_errors=True)
        return record(table, name, suite, site)


def forget(name: str, site: Site) -> None:
    """Take the earlier result of a table out of the store and the site."""
    for folder in (site.work / RESULTS, site.docs / "validations"):
        shutil.rmtree(folder / name, ignore_errors=True)


def record(
    table: pd.DataFrame, name: str, suite: list[Expectation], site: Site
) -> ExpectationSuiteValidationResult:
    context = open_context(site)
    source = context.data_sources.add_or_update_pandas(SITE_NAME)
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
    results = [
        key
        for key in context.validation_results_store.list_keys()
        if isinstance(key, ValidationResultIdentifier) and not has_page(key, site)
    ]
    logging.getLogger(BUILDER).addFilter(tell_full_disk)
    # The pages that are there already are left as they are, and the first page is our own.
    context.build_data_docs([SITE_NAME], results, build_index=False)
    detach(site.docs, site.work / RESULTS)
    return result


def tell_full_disk(record: logging.LogRecord) -> bool:
    """Of a page for which there is no room say so, in place of the traceback that is logged."""
    if full := SAID.search(record.getMessage()):
        say(f"a page of the report on the data is not written: {full[0]}", sys.stderr)
    return not full


def has_page(key: ValidationResultIdentifier, site: Site) -> bool:
    name: str = key.expectation_suite_identifier.name
    return (site.docs / "validations" / name).is_dir()


def open_context(site: Site) -> FileDataContext:
    """The store behind the site."""
    site.work.mkdir(parents=True, exist_ok=True)
    context = gx.get_context(mode="file", project_root_dir=site.work)
    if SITE_NAME not in context.get_site_names():
        for other in context.get_site_names():
            context.delete_data_docs_site(other)
        context.add_data_docs_site(
            SITE_NAME,
            {
                "class_name": "SiteBuilder",
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": os.path.relpath(site.docs, site.work / STORE),
                },
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            },
        )
    context.variables.progress_bars = ProgressBarsConfig(globally=False)  # each would last a blink
    return context
