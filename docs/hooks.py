"""What mkdocs asks: which pages its search finds first, and which not at all.

Front matter would say it, too, but readers of the repository would see that as a table, and the
reports shown as examples are as `reprotune compare` wrote them.
"""

from typing import Any

FOUND = "examples/README.md"  # alone of its folder
FIRST = {"own-project.md": 2, "own-data.md": 2, "own-model.md": 2}


def on_page_markdown(markdown: str, page: Any, **_: object) -> None:
    """Leave the page as it is."""
    place = page.file.src_uri
    if place.startswith("examples/") and place != FOUND:
        page.meta["search"] = {"exclude": True}
    elif place in FIRST:
        page.meta["search"] = {"boost": FIRST[place]}
