"""Write the pages of ``docs/reference`` from the source: ``python docs/generate.py`` (`make docs`).

Nothing of it is written twice: a parameter's sentence is the comment in ``profiles/builtin.yaml``,
a figure's the comment beside its field, a command's its help.
"""

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import typer
from pydantic import BaseModel
from ruamel.yaml import YAML
from typer.cli import get_docs_for_click

import reprotune
from reprotune.cli import app
from reprotune.comparison.records import RECORDS
from reprotune.core import dvc
from reprotune.core.params import Params
from reprotune.tables import metrics, schemas

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs/reference"
PROFILE = ROOT / "profiles/builtin.yaml"
FILES = {path.stem: kind for path, kind in RECORDS.items()}
LIMITS = {"minimum": "≥ ", "exclusiveMinimum": "> ", "maximum": "≤ ", "exclusiveMaximum": "< "}
HUGE = 1_000_000  # limits from here on only catch slips of the finger


def make_pages() -> dict[Path, str]:
    """All generated pages: path and text."""
    pages = {
        "parameters": list_parameters(),
        "figures": list_figures(),
        "files": list_files(),
        "commands": list_commands(),
        "api": list_api(),
    }
    note = "<!-- Written by docs/generate.py; change the source that it reads. -->\n"
    return {  # below the heading, which is the page's name only where it comes first
        PAGES / f"{name}.md": text.rstrip().replace("\n", f"\n\n{note}", 1) + "\n"
        for name, text in pages.items()
    }


def tabulate(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(headers), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(map(escape, line)) + " |" for line in lines) + "\n"


def escape(text: str) -> str:
    return text.replace("|", r"\|")


def list_parameters() -> str:
    """``params.yaml``: value of the built-in example, what is allowed, what it does and re-runs."""
    schema = Params.model_json_schema()
    comments = read_comments(PROFILE.read_text("utf-8"))
    values = flatten(YAML(typ="safe", pure=True).load(PROFILE.read_text("utf-8")))
    stages = YAML(typ="safe", pure=True).load((ROOT / dvc.FILE).read_text("utf-8"))["stages"]
    parts = [
        "# Parameters\n",
        "Every value that a run depends on stands in `params.yaml`; no default lives in the code.",
        "The values here are those of the built-in example. A changed value re-runs the stages",
        "named, and what depends on what they make; `dvc exp run -S NAME=VALUE` tries one without",
        "touching the file.\n",
    ]
    for section in Params.model_fields:
        rows = []
        for name, value in values.items():
            if name.split(".")[0] != section:
                continue
            allowed = tell_allowed(find_schema(schema, name.split(".")))
            reruns = [stage for stage, entry in stages.items() if is_listed(name, entry)]
            shown = json.dumps(value, ensure_ascii=False)
            shown = shown[1:-1].replace(r"\"", '"') if isinstance(value, str) else shown
            rows.append([
                f"`{name}`", find_comment(comments, name, allowed), f"`{shown}`", allowed,
                ", ".join(reruns) or "nothing",
            ])  # fmt: skip
        title = comments.get(section, "")
        parts += [
            f"## {section}\n",
            *([f"{capitalize(title)}.\n"] if title and len(rows) > 1 else []),
        ]
        parts.append(tabulate(("parameter", "what it does", "value", "allowed", "re-runs"), rows))
    return "\n".join(parts)


def read_comments(text: str) -> dict[str, str]:
    """Dotted name of each line: the comment beside it and below, as one line."""
    found: dict[str, str] = {}
    open_: list[tuple[int, str]] = []
    last = ""
    for line in text.splitlines():
        key = re.match(r"( *)(\"?[\w-]+\"?):(?:\s|$)", line)
        comment = re.search(r"(?:^|\s)#\s(.*)$", line)
        if key:
            depth = len(key[1])
            open_ = [(at, name) for at, name in open_ if at < depth]
            open_.append((depth, key[2].strip('"')))
            last = ".".join(name for _, name in open_)
            found[last] = comment[1] if comment else ""
        elif comment and last and line.startswith("  "):
            found[last] = f"{found[last]} {comment[1]}".strip()
    return found


def find_comment(comments: dict[str, str], name: str, allowed: str) -> str:
    """The comment of a name, or of the nearest section that has one.

    A value with which it begins stays as it is written: Nf4 would be refused.
    """
    parts = name.split(".")
    places = [".".join(parts[:length]) for length in range(len(parts), min(len(parts), 2) - 1, -1)]
    found = next(filter(None, (comments.get(place) for place in places)), "")
    first = re.match(r"[\w-]*", found)
    values = re.findall(r"`(.+?)`|\b(null|true|false)\b", allowed)
    named = first and first[0] in {value or word for value, word in values}
    return found if named else capitalize(found)


def capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted names; mappings from names of classes are one value."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name not in ("download.labels", "prompt.verbalizers"):
            found |= flatten(value, f"{name}.")
        else:
            found[name] = value
    return found


def find_schema(schema: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """The part of a JSON schema that a dotted name stands for."""
    part = schema
    for key in path:
        part = resolve(schema, part)["properties"][key]
    return resolve(schema, part)


def resolve(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = schema["$defs"][part["$ref"].rsplit("/", 1)[1]]
    return part


def tell_allowed(part: dict[str, Any]) -> str:
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(map(tell_allowed, part["anyOf"])))
    if "enum" in part or "const" in part:
        return ", ".join(f"`{value}`" for value in part.get("enum", [part.get("const")]))
    kind = {"null": "null", "boolean": "true, false", "object": "mapping", "array": "list"}
    name = kind.get(str(part.get("type")), str(part.get("type", "mapping")))
    ends = [
        f"{sign}{part[key]:g}" for key, sign in LIMITS.items() if abs(part.get(key, HUGE)) < HUGE
    ]
    return f"{name} {', '.join(ends)}".strip()


def is_listed(name: str, entry: dict[str, Any]) -> bool:
    """Whether a stage of ``dvc.yaml`` lists a parameter, its section or a part of it."""
    listed = [item for item in entry.get("params", []) if isinstance(item, str)]
    return any(
        name == item or name.startswith(f"{item}.") or item.startswith(f"{name}.")
        for item in listed
    )


def list_figures() -> str:
    """``metrics/``: the figures of each file, then those of the parts that files share."""
    preface = (inspect.getdoc(metrics) or "").partition("\n\n")[2].replace("``", "`")
    parts = ["# Figures\n", f"{preface}\n"]
    shared: dict[str, type[BaseModel]] = {}
    done: set[str] = set()
    for name, kind in FILES.items():
        said = [f"{text}\n"] if (text := tell(kind, f"metrics/{name}.json")) else []
        parts += [f"## metrics/{name}.json\n", *said, tabulate_figures(kind, shared)]
    while shared.keys() - done:  # parts have parts
        name = next(name for name in shared if name not in done)
        done.add(name)
        said = [f"{text}\n"] if (text := tell(shared[name])) else []
        parts += [f"## {name}\n", *said, tabulate_figures(shared[name], shared)]
    return "\n".join(parts)


def tabulate_figures(kind: type[BaseModel], shared: dict[str, type[BaseModel]]) -> str:
    """The figures of a type; the types within are put into ``shared``."""
    comments = find_field_comments(kind)
    rows = []
    for field, info in kind.model_fields.items():
        said = comments.get(field, "")
        if inner := find_inner(info.annotation):
            shared.setdefault(inner.__name__, inner)
            said = f"{said} → [{inner.__name__}](#{inner.__name__.lower()})"
        rows.append((f"`{field.rstrip('_')}`", capitalize(said.strip())))
    return tabulate(("figure", "what it is"), rows)


def tell(kind: type, *skipped: str) -> str:
    """The docstring of a class as one line, without the name of its file."""
    text = " ".join((kind.__doc__ or "").split()).replace("``", "`")
    for name in skipped:
        text = text.replace(f"`{name}`", "").lstrip(":;. ")
    return capitalize(text)


def find_inner(annotation: Any) -> type[BaseModel] | None:
    """The model within an annotation: itself, or one of many by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(find_inner, get_args(annotation))), None)


def find_field_comments(kind: type) -> dict[str, str]:
    """Field: the comment beside it or above, of the class and those that it is made from."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            above = ""
            for line in inspect.getsource(one).splitlines():
                field = re.match(r"    (\w+): [^#]*(?:#\s(.*))?$", line)
                if field:
                    found[field[1]] = field[2] or above
                above = line.strip().removeprefix("# ") if line.startswith("    # ") else ""
    return found


def list_files() -> str:
    """What each stage reads and writes, and the columns of the tables that stages hand on."""
    stages = YAML(typ="safe", pure=True).load((ROOT / dvc.FILE).read_text("utf-8"))["stages"]
    parts = ["# Stages and files\n"]
    for name, entry in stages.items():
        source = (ROOT / "stages" / f"{name}.py").read_text("utf-8")
        said = " ".join(source.split('"""')[1].split("\n\n")[0].split())
        data = [
            path
            for path in dvc.entries(entry, "deps")
            if not path.startswith(("stages", "reprotune"))
        ]
        made = dvc.entries(entry, "outs", "metrics", "plots")
        parts += [
            f"## {name}\n", f"{said}\n",
            f"- reads {join(data)}", f"- writes {join(made)}",
            f"- parameters {join(item for item in entry['params'] if isinstance(item, str))}\n",
        ]  # fmt: skip
    parts += ["## Columns\n", "The tables are checked on every read and before every write.\n"]
    for kind in (schemas.Raw, schemas.Roles, schemas.Findings, schemas.Decisions, schemas.Curated,
                 schemas.Quarantine, schemas.Split):  # fmt: skip
        columns = ", ".join(f"`{column}`" for column in kind.to_schema().columns)
        parts += [f"**{kind.__name__}**: {columns}. {tell(kind)}\n"]
    return "\n".join(parts)


def join(paths: Iterable[str]) -> str:
    shown = (re.sub(r"\$\{(.*)\}", r"\1", path) for path in paths)  # the parameter that names it
    return ", ".join(f"`{path}`" for path in shown) or "nothing"


def list_commands() -> str:
    """The page of the commands; what each does in one line is not cut as on a terminal."""
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="reprotune")
    text = get_docs_for_click(obj=group, ctx=context, name="reprotune", title="Commands")
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        cut, whole = command.get_short_help_str(), command.get_short_help_str(limit=200)
        text = text.replace(f"* `{name}`: {cut}\n", f"* `{name}`: {whole}\n")
    return text


def write_signature(call: Callable[..., object]) -> str:
    """How a function is called, alike on every Python: 3.13 has a module within pathlib."""
    return str(inspect.signature(call)).replace("pathlib._local.", "pathlib.")


def list_api() -> str:
    """What ``import reprotune`` gives, with its docstrings."""
    parts = ["# Python\n"]
    for name in reprotune.__all__:
        thing = getattr(reprotune, name)
        if isinstance(thing, str):
            continue
        signature = "" if inspect.isclass(thing) else write_signature(thing)
        parts += [f"## reprotune.{name}\n", *quote(f"{name}{signature}", thing)]
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                what = value.__func__ if isinstance(value, classmethod) else value
                if member.startswith("_") or not (
                    inspect.isfunction(what) or isinstance(what, property)
                ):
                    continue
                call = write_signature(what) if inspect.isfunction(what) else ""
                parts += [f"### {name}.{member}\n", *quote(f"{member}{call}", what)]
    return "\n".join(parts)


def quote(call: str, thing: object) -> list[str]:
    text = (inspect.getdoc(thing) or "").replace("``", "`")
    text = re.sub(r"\nRaises:\n", "\nRaises:\n\n", text)
    text = re.sub(r"^    (\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
    return [f"```python\n{call}\n```\n", f"{text}\n"]


def main() -> None:
    PAGES.mkdir(exist_ok=True)
    for path, text in make_pages().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
