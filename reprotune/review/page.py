"""What a session looks like: HTML that is whole without a script."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from reprotune.core.printing import agree, count_of, plain
from reprotune.review.queue import Filter
from reprotune.review.session import Session, View

GUIDELINES = Path("data/guidelines.md")
LONGEST = 20_000  # characters of a text that are shown: a browser stalls at millions
SHOWN = {
    "open": "not decided yet",
    "second": "decided by others: a second opinion",
    "disputed": "reviewers disagree",
    "unsure": "somebody was unsure",
    "outdated": "decided for a class that is no more",
    "decided": "decided",
}
ISSUES = {
    "": "doubted by the audit",
    "label": "doubtful label",
    "conflict": "same text, other labels",
    "near_duplicate": "nearly the same text again",
    "duplicate": "same text again",
    "any": "all rows",
}


class Page:
    """The templates, and the guidelines beside them as they are now."""

    def __init__(self, guidelines: Path = GUIDELINES) -> None:
        self.guidelines = guidelines
        self.environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters |= {
            "plain": plain,
            "query": link,
            "agree": agree,
            "count_of": count_of,
        }
        self.environment.globals |= {"shown": SHOWN, "issues": ISSUES, "longest": LONGEST}

    def row(self, session: Session, view: View) -> str:
        """The page of one row."""
        changed, guidelines = session.sources.tell(), self.read_guidelines()
        return self.render("page.html", session, view=view, changed=changed, guidelines=guidelines)

    def figures(self, session: Session) -> str:
        """The page of what the work has brought."""
        return self.render("figures.html", session, agreements=session.agreements())

    def render(self, name: str, session: Session, **more: Any) -> str:
        found = self.environment.get_template(name)
        return found.render(session=session, figures=session.figures(), **more)

    def read_guidelines(self) -> Markup | None:
        """The guidelines; no HTML in them is taken as such."""
        if not self.guidelines.is_file():
            return None
        text = plain(self.guidelines.read_text("utf-8", errors="replace"))
        parser = (
            MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image"])
        )
        return Markup(parser.render(text))


def link(view: View, **more: str) -> str:
    """The query of a page with the same filter."""
    usual = Filter()._asdict()
    asked = {name: value for name, value in view.asked._asdict().items() if value != usual[name]}
    return urlencode(asked | more)
