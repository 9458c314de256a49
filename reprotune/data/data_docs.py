"""Great Expectations' Data Docs as a site that works offline and calls no one.

As they come, the pages load styles and scripts from eight hosts, and a logo whose address holds an
id of the project; without a network the first page is empty.
"""

import re
from html import escape
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel

from reprotune.core.io import whole_file

TABLES = ("raw", "curated", "train", "validation", "test")
FOREIGN = re.compile(
    r"<script\b.*?</script>|<(?:link|img)\b[^>]*\bhttps?://[^>]*>|<footer\b.*?</footer>"
    r"|url\([^)]*https?://[^)]*\)",
    re.DOTALL,
)
STYLE = """
<style>
  body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; margin: 0 auto; max-width: 70rem;
         padding: 0 1.5rem; }
  a { color: #0b5cad; } h4, h5, h6 { margin: 1rem 0 .3rem; font-size: 1.05rem; }
  table { border-collapse: collapse; margin: .3rem 0 1rem; } td ul { padding-left: 1.1rem; }
  th, td { border: 1px solid #d5dbe1; padding: .3rem .7rem; text-align: left; vertical-align: top;
           overflow-wrap: anywhere; }
  th { background: #f2f5f8; }
  .badge { background: #e8edf2; border-radius: .3rem; padding: 0 .3rem; }
  nav ul, nav ol { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1rem; }
  .fas::before, .mark::before { font-weight: bold; font-style: normal; }
  .fa-check-circle::before, .ok::before { content: "\\2713"; color: #13795b; }
  .fa-exclamation-triangle::before, .warning::before { content: "!"; color: #b45309; }
  .fa-times::before, .critical::before { content: "\\2717"; color: #b42318; }
  .collapse, .btn-group, .card-text, [data-toggle=collapse], .lead { display: none; }
</style>
"""  # the second half names classes of the pages
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>reprotune: the data</title>{style}</head><body>
<h1>What holds for the data</h1>
<p>The rules are the section <code>expectations</code> of <code>params.yaml</code>. Each table is
shown as it was when its stage last ran.</p>
<table><tr><th></th><th>table</th><th>rules kept</th><th>broken</th></tr>
{rows}
</table></body></html>
"""


class Rule(BaseModel):
    """A rule as it was stored; ``meta`` has its parameter and what it says."""

    meta: dict[str, str]
    severity: str


class Checked(BaseModel):
    success: bool
    expectation_config: Rule


class Stored(BaseModel):
    """The stored result of one table."""

    results: list[Checked]


def detach(docs: Path, results: Path) -> None:
    """Make every page static, and write a first page from the stored ``results``."""
    for page in docs.rglob("*.html"):
        text = FOREIGN.sub("", page.read_text(encoding="utf-8"))
        if STYLE not in text:
            text = text.replace("</head>", f"{STYLE}</head>", 1)
        with whole_file(page) as partial:
            partial.write_text(text, encoding="utf-8")
    rows = [format_row(name, docs, results) for name in TABLES if (results / name).is_dir()]
    with whole_file(docs / "index.html") as partial:
        partial.write_text(PAGE.format(style=STYLE, rows="\n".join(rows)), encoding="utf-8")


def format_row(name: str, docs: Path, results: Path) -> str:
    """One line of the first page."""
    text = next((results / name).rglob("*.json")).read_text("utf-8")
    checked = Stored.model_validate_json(text).results
    page = next((docs / "validations" / name).rglob("*.html")).relative_to(docs).as_posix()
    rules = [one.expectation_config for one in checked if not one.success]
    broken = "<br>".join(
        f"{escape(rule.meta['parameter'])}: {escape(rule.meta['rule'])}" for rule in rules
    )
    mark = min((rule.severity for rule in rules), default="ok")  # critical comes before warning
    kept = len(checked) - len(rules)
    return (
        f'<tr><td class="mark {mark}"></td><td><a href="{quote(page)}">{name}</a></td>'
        f"<td>{kept} of {len(checked)}</td><td>{broken}</td></tr>"
    )
