"""Write the report of a comparison where a person finds it."""

from pathlib import Path

from reprotune.comparison.report import Report, html, markdown
from reprotune.core.io import whole_file


def save_report(report: Report, target: Path) -> list[Path]:
    """Write the report as Markdown and as one HTML page; ``target`` is without suffix."""
    pages = {target.with_suffix(".md"): markdown, target.with_suffix(".html"): html}
    for page, render in pages.items():
        with whole_file(page) as partial:
            partial.write_text(render(report), encoding="utf-8")
    return list(pages)
