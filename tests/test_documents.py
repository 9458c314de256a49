"""What the documents say of the source, and of each other."""

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML
from typer.exceptions import TyperException

from reprotune.cli import app
from reprotune.core import dvc
from reprotune.core.yaml_file import read_yaml
from reprotune.project.options import repeat_options

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if path.name != "CHANGELOG.md" and "examples" not in path.parts[len(ROOT.parts) :]
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = typer.main.get_command(app)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_that_of_the_source(generate: ModuleType) -> None:
    for path, text in generate.make_pages().items():
        assert path.read_text("utf-8") == text, f"{path.name}: run `make docs`"


def test_every_parameter_and_figure_has_a_meaning(generate: ModuleType) -> None:
    pages = generate.make_pages()
    for name in ("parameters", "figures"):
        lines = pages[ROOT / f"docs/reference/{name}.md"].splitlines()
        assert [line for line in lines if "|  |" in line] == []


def test_a_comment_that_names_a_value_names_all_that_a_parameter_may_have(
    generate: ModuleType,
) -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \| (.*?) \| `.*?` \| (.*?) \| .*? \|$",
        generate.make_pages()[ROOT / "docs/reference/parameters.md"],
        re.MULTILINE,
    )
    half: dict[str, set[str]] = {}
    for name, comment, allowed in rows:
        values = set(re.findall(r"`(\w+)`", allowed))
        if missing := {value for value in values if value not in comment.lower()}:
            half |= {name: missing} if missing < values else {}
    assert len(rows) > 90 and half == {}, "add them in profiles/builtin.yaml and params.yaml"


def test_a_value_with_which_a_meaning_begins_is_written_as_it_is_allowed(
    generate: ModuleType,
) -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \| ([\w-]+).* \| `[^`]*` \| ([^|]*) \| [^|]* \|$",
        generate.make_pages()[ROOT / "docs/reference/parameters.md"],
        re.MULTILINE,
    )
    allowed = {name: (first, re.findall(r"`(.+?)`", values)) for name, first, values in rows}
    assert allowed["model.quantization"] == ("nf4", ["nf4", "int8", "none"])
    assert [
        name
        for name, (first, values) in allowed.items()
        if first not in values and first.lower() in values
    ] == []


def test_no_bar_within_code_of_a_table_is_escaped() -> None:
    """GitHub takes the backslash away, the site shows it: ``&#124;`` in <code> is read by both."""
    for page in PAGES:
        text = BLOCK.sub("", page.read_text("utf-8"))
        escaped = re.findall(r"`[^`\n]*\\\|[^`\n]*`", re.sub(r"`[^`\n|]*`", "", text))
        assert escaped == [], page


def test_a_comment_is_the_same_in_the_parameters_and_in_their_profile(generate: ModuleType) -> None:
    files = generate.PROFILE, ROOT / "params.yaml"
    profile, ours = (generate.read_comments(file.read_text("utf-8")) for file in files)
    assert [name for name in profile.keys() & ours.keys() if profile[name] != ours[name]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in list_anchors(file.read_text("utf-8")), target


def list_anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def list_commands() -> Iterator[tuple[str, str]]:
    """Page and line of every command of ours in a block for a shell."""
    for page in PAGES:
        for kind, block in BLOCK.findall(page.read_text("utf-8")):
            shown = block if kind == "bash" else ""
            is_usage = page.parent.name == "reference"  # which has no values
            if kind == "console" and not is_usage:  # a prompt, what is typed, and what it prints
                shown = "\n".join(re.findall(r"^\$ (.*)$", block, re.MULTILINE))
            lines = shown.replace("\\\n", " ").splitlines()
            for line in lines:
                for part in re.split(r"&&|\|\||;|\|", line):
                    if part.split()[:1] == ["reprotune"]:
                        yield str(page.relative_to(ROOT)), part.strip()


@pytest.mark.parametrize(("page", "line"), list(list_commands()))
def test_every_command_is_one_that_there_is(page: str, line: str) -> None:
    parse(line)


def parse(line: str) -> None:
    words = repeat_options(shlex.split(line, comments=True)[1:])
    if words and not words[0].startswith("-"):
        named = COMMAND.commands[words[0]]  # type: ignore[attr-defined]
        named.make_context(words[0], words[1:], resilient_parsing=False)


def test_every_command_in_a_sentence_is_one_that_there_is() -> None:
    spans = [span for page in PAGES for span in list_spans(page) if "reprotune" in span]
    parts = [part for span in spans for part in re.split(r"&&|\||;", span)]
    lines = [part for part in parts if part.split()[:1] == ["reprotune"]]
    assert len(lines) > 80
    for line in lines:
        try:
            parse(line)
        except TyperException as error:  # a sentence may leave out values
            assert type(error).__name__ in ("MissingParameter", "BadOptionUsage"), line


def list_spans(page: Path) -> list[str]:
    """What stands between single backticks, out of blocks."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def test_what_documents_set_and_make_is_there(generate: ModuleType) -> None:
    names = generate.flatten(YAML(typ="safe", pure=True).load(generate.PROFILE.read_text("utf-8")))
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for page in PAGES:
        blocks = [text for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind == "bash"]
        shown = "\n".join([*blocks, *list_spans(page)])
        assert set(re.findall(r"-S ([a-z][\w.]*)=", shown)) <= set(names), page
        assert set(re.findall(r"^(?:.*&& )?make (\w+)", shown, re.MULTILINE)) <= set(targets), page


def test_what_is_quoted_of_reports_stands_in_them() -> None:
    reports = {
        line
        for file in ROOT.glob("docs/examples/*.md")
        for line in file.read_text("utf-8").splitlines()
    }
    text = (ROOT / "docs/reading-a-report.md").read_text("utf-8")
    quoted = [line for kind, block in BLOCK.findall(text) if kind == "markdown"
              for line in block.splitlines()]  # fmt: skip
    assert quoted and [line for line in quoted if line not in reports] == []


def test_the_report_of_the_readme_begins_with_the_committed_run() -> None:
    """Else a newcomer who makes it sees other figures: run the tutorial's change once more."""
    report = (ROOT / "docs/examples/shorter-training.md").read_text("utf-8")
    figures = json.loads((ROOT / "metrics/summary.json").read_text("utf-8"))
    names = {"accuracy": "accuracy", "macro_f1": "macro-F1", "log_loss": "log loss"}
    before = {key: re.search(rf"\| {name} \| ([\d.]+) ", report) for key, name in names.items()}
    assert {k: found and found[1] for k, found in before.items()} == {
        key: f"{figures[key]:.3f}" for key in names
    }


def test_every_page_is_in_the_navigation() -> None:
    tree = YAML(typ="safe", pure=True).load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    entries = {
        entry
        for item in tree
        for entry in (next(iter(item.values())) if isinstance(item, dict) else [item])
    }
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if "docs" in page.parts}
    assert entries == pages | {"examples/README.md"}


def test_the_stages_and_rooms_of_the_architecture_are_those_of_the_pipeline() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    head, _, rest = text.partition("## The rooms")
    stages = read_yaml(ROOT / dvc.FILE)["stages"]
    assert re.findall(r"^\| `(\w+)` \|", head, re.MULTILINE) == list(stages), "its first table"
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*?) \|$", rest.partition("\n## ")[0], re.MULTILINE)
    found = {room: re.sub(r"^none\b.*", "", listed) for room, listed in rows}
    for room in (file.parent.name for file in (ROOT / "reprotune").glob("*/__init__.py")):
        used = [name for name, stage in stages.items() if f"reprotune/{room}" in stage["deps"]]
        listed = "all" if used == list(stages) else ", ".join(used)
        assert found.pop(room, None) == listed, f"the table of rooms, {room}"
    assert not found, "these are no rooms"


def test_figures_of_the_built_in_example_are_the_committed_ones() -> None:
    known = {path.stem: json.loads(path.read_text()) for path in ROOT.glob("metrics/*.json")}
    tuned, baselines = known["evaluate"], known["baseline"]["baselines"]

    def span(interval: list[float]) -> str:
        return f"({interval[0]:.3f} to {interval[1]:.3f})"

    def tell(figures: dict[str, Any]) -> str:
        return " | ".join(f"{recall:.3f}" for recall in figures["recall"].values())

    test, truth = tuned["test"], tuned["reference"]
    accuracy = f"**{test['accuracy']:.3f}** {span(test['interval']['accuracy'])}"
    true = f"**{truth['accuracy']:.3f}** {span(truth['interval']['accuracy'])}"
    gain = tuned["gain_over"]["tfidf"]
    judged, found = known["audit"]["against_reference"], known["audit"]["findings"]["label"]
    untuned = f"{baselines['tfidf']['accuracy']:.3f} | {baselines['zero_shot']['accuracy']:.3f}"
    lost = tuned["forgetting"]
    expected = {
        "README.md": [f"| {untuned} | {accuracy} |"],
        "docs/results.md": [
            f"| {untuned} | {accuracy} |",
            f"| {true} | `make repro` |",
            f"| **tuned** | {accuracy} | {tell(test)} | {true} |",
            *(
                f"| {name} | {(one := baselines[key])['accuracy']:.3f} | "
                f"{tell(one)} | {one['reference']['accuracy']:.3f} |"
                for name, key in [
                    ("majority", "majority"),
                    ("TF-IDF + logistic regression", "tfidf"),
                    ("frozen embeddings + logistic regression", "frozen_embeddings"),
                    ("zero-shot", "zero_shot"),
                    ("zero-shot, calibrated", "zero_shot_calibrated"),
                ]
            ),
            f"Gain over TF-IDF {gain['accuracy']:.3f} {span(gain['interval'])}.",
            f"doubts {found} labels: recall of the wrong ones\n{judged['recall']:.3f}, "
            f"precision {judged['precision']:.3f}",
            f"(the committed run) | {test['accuracy']:.3f} | {lost['after']:.2f} |",
            f"general text ({lost['before']:.2f} before)",
        ],
        "docs/doubtful-labels.md": [
            (ROOT / "metrics/audit.json").read_text().strip(),
            f"doubts {found}. ",
            f"found {judged['recall']:.1%} of the wrong labels".replace("%", " %"),
        ],
    }
    pages = {page: (ROOT / page).read_text("utf-8") for page in expected}
    assert [
        (page, line)
        for page, lines in expected.items()
        for line in lines
        if line not in pages[page]
    ] == []
