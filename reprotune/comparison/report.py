"""A report as Markdown for a pull request and as one HTML page; texts from data stay texts."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape

from matplotlib.figure import Figure

from reprotune.comparison.plots import render_svg

MOST_CHARACTERS = 65_000  # a comment on GitHub may have 65,536
MARK = "<!-- reprotune -->"  # by which the comment is found again
SHOWN = 200  # characters of a text
NAMED = 4  # of a kind, in a line
INVISIBLE = "Cf"  # Unicode's category of marks that have no shape, such as those of direction
LEFTWARDS = {"R", "AL", "AN"}  # Unicode's directions of letters that are read from the right
MARKED = "\u200e"  # ends their run: the figures behind it would stand in the reverse order
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")  # of code, as Markdown has it
STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --soft: #f6f6f6; --line: #ddd;
  --pale: #555 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e4e4; --paper: #161616; --soft: #242424;
  --line: #444; --pale: #aaa } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere }
table { border-collapse: collapse; margin: .6rem 0 } td, th { border-bottom: 1px solid var(--line);
  padding: .25rem .7rem; text-align: left; vertical-align: top; overflow-wrap: break-word }
td:last-child { overflow-wrap: anywhere }
th { border-bottom: 2px solid #999 } h1 { font-size: 1.4rem } h2 { font-size: 1.1rem;
  margin-top: 1.8rem } code { font: 13px ui-monospace, monospace;
  unicode-bidi: isolate }
.top { display: grid; grid-template-columns: 3fr 2fr; gap: 1rem; align-items: start }
.verdict, .changed { margin: 0; padding: .8rem 1rem; border-left: 6px solid var(--line);
  background: var(--soft); min-width: 0 } .changed ul { margin: .3rem 0 0; padding-left: 1.1rem }
.verdict.better { border-color: #009e73 } .verdict.worse { border-color: #d55e00 }
.verdict.same { border-color: #999 } .verdict.unproven { border-color: #cc79a7 }
.verdict.none, .verdict.inconclusive { border-color: #e69f00 }
details { margin: .8rem 0 } summary { cursor: pointer; font-weight: 600 }
figure { display: inline-block; margin: .4rem 1rem .4rem 0; max-width: 100% }
figure svg { max-width: 100%; height: auto; background: #fff; border-radius: 4px }
figcaption { color: var(--pale); font-size: 13px }
@media (max-width: 40rem) {
  body { margin-top: 1rem } .top { grid-template-columns: 1fr }
  figure { display: block; margin: .4rem 0 }
  table, tbody, tr, td { display: block } th { display: none }
  tr { border-bottom: 1px solid var(--line); padding: .3rem 0 }
  td { border: 0; padding: .1rem 0; overflow-wrap: anywhere } td:empty { display: none }
  td[data-name]:not([data-name=""])::before { content: attr(data-name) ": "; color: var(--pale) }
}
@media print { /* paper unfolds nothing */
  details::details-content { content-visibility: visible; block-size: auto }
  h2, summary { break-after: avoid } tr, figure, .top { break-inside: avoid }
}
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


class Data(str):
    """Text from data, parameters or git: shown as it is, never as Markdown or HTML."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A heading, sentences of ours, a table and pictures with captions (in the page alone)."""

    title: str
    notes: Sequence[str] = ()
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    pictures: Sequence[tuple[str, Figure]] = ()
    is_folded: bool = False  # shown on a click


class Verdict(StrEnum):
    """What a gate makes of a change; the page colours it by its value."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"  # a loss is not ruled out: of the margin, or on other test rows
    NONE = "none"  # not comparable, and nobody has to decide on it
    UNPROVEN = "unproven"  # git contradicts the run


@dataclass(frozen=True)
class Report:
    title: str
    kind: Verdict
    verdict: str  # the sentence, its first words in bold
    sections: Sequence[Section] = field(default=())
    changed: Sequence[str] = ()  # what was changed, a line each


def cut(text: str) -> str:
    """One line of at most SHOWN characters, without control and direction marks."""
    text = re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()
    text = "".join(sign for sign in text if unicodedata.category(sign) != INVISIBLE)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def code(text: str) -> str:
    """A Markdown code span: nothing in it is a link, a mention or a tag, nor turns what follows."""
    text = cut(text)
    if not text:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    turns = any(unicodedata.bidirectional(sign) in LEFTWARDS for sign in text)
    return f"{fence}{edge}{text}{edge}{fence}{MARKED * turns}"


def join(told: Sequence[str], most: int = NAMED) -> str:
    """The first of a list, and how many more there are."""
    more = [f"{len(told) - most} more"] if len(told) > most else []
    return ", ".join([*told[:most], *more])


def show_name(name: str) -> str:
    """The name of a revision, which may have signs that mean something to Markdown."""
    return name if re.fullmatch(r"[\w./^-]+", name) else code(name)


def markdown(report: Report) -> str:
    """The report without its pictures; what is too long for a comment is left out, and said."""
    parts = [f"{MARK}\n## {report.title}\n\n{report.verdict}\n"]
    if report.changed:
        parts.append("".join(f"- {line}\n" for line in report.changed))
    left_out = []
    for section in report.sections:
        if not (section.notes or section.rows):
            continue
        lines = [f"{note}\n" for note in section.notes]
        if section.rows:
            lines += [join_cells(section.headers), "|" + "---|" * len(section.headers)]
            lines += [join_cells(row) for row in section.rows]
        body = "\n".join(lines)
        if section.is_folded:
            summary = f"<summary>{escape(section.title)}</summary>"
            part = f"<details>{summary}\n\n{body}\n\n</details>\n"
        else:
            part = f"### {section.title}\n\n{body}\n"
        if sum(map(len, parts)) + len(part) > MOST_CHARACTERS:
            left_out.append(section.title)
        else:
            parts.append(part)
    if left_out:
        parts.append(f"Too long for a comment, in the HTML page: {', '.join(left_out)}.\n")
    return "\n".join(parts)


def join_cells(cells: Sequence[str]) -> str:
    """A row of a table; only there a backslash keeps a bar from being a border."""
    told = (code(cell) if isinstance(cell, Data) else cell for cell in cells)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in told) + " |"


def html(report: Report) -> str:
    """One page that needs nothing else, and in which nothing runs."""
    top = [f'<p class="verdict {report.kind}">{render_text(report.verdict)}</p>']
    if report.changed:
        lines = "".join(f"<li>{render_text(line)}</li>" for line in report.changed)
        top.append(f'<div class="changed">What was changed<ul>{lines}</ul></div>')
    body = [f"<h1>{render_text(report.title)}</h1>", f'<div class="top">{"".join(top)}</div>']
    for section in report.sections:
        title = render_text(section.title)
        if section.is_folded:
            body += [f"<details><summary>{title}</summary>", *render_section(section), "</details>"]
        else:
            body += [f"<h2>{title}</h2>", *render_section(section)]
    return PAGE.format(title=escape(report.title), style=STYLE, body="\n".join(body))


def render_section(section: Section) -> list[str]:
    """Notes, table and pictures; cells name their column, for which a phone has no room."""
    body = [f"<p>{render_text(note)}</p>" for note in section.notes]
    if section.rows:
        head = "".join(f"<th>{render_text(name)}</th>" for name in section.headers)
        body.append(f"<table><tr>{head}</tr>")
        for row in section.rows:
            cells = [
                f'<td data-name="{escape(name)}">{render_cell(cell)}</td>'
                for name, cell in zip(section.headers, row, strict=True)
            ]
            body.append(f"<tr>{''.join(cells)}</tr>")
        body.append("</table>")
    return body + [
        f"<figure>{render_svg(figure)}<figcaption>{render_text(name)}</figcaption></figure>"
        for name, figure in section.pictures
    ]


def render_cell(text: str) -> str:
    return (
        f'<code dir="auto">{escape(cut(text))}</code>'
        if isinstance(text, Data)
        else render_text(text)
    )


def render_text(text: str) -> str:
    """Our own words: escaped, with **bold** and code spans as Markdown has them."""
    parts, end = [], 0
    for span in SPAN.finditer(text):
        within = span[2].removeprefix(" ").removesuffix(" ") if "`" in span[2] else span[2]
        parts += [render_words(text[end : span.start()]), f"<code>{escape(within)}</code>"]
        end = span.end()
    return "".join([*parts, render_words(text[end:])])


def render_words(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text, quote=False))
