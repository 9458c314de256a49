"""What a stage's source says of its dependencies, found by parsing it, never by running it."""

import ast
import importlib.metadata
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from reprotune.pins import DISTRIBUTIONS

ALLOWED = {
    "charset_normalizer",
    "dvclive",
    "great_expectations",
    "huggingface_hub",
    "jinja2",
    "pandera",
    "psutil",
    "pydantic",
    "requests",
    "threadpoolctl",
    "tqdm",
}  # they compute no number
FILE_PARAMETERS = {
    "curate.decisions",
    "evaluate.forgetting_text",
}  # values that are locations: templated into the deps
OURS = {"reprotune", "stages"}
SCRATCH = {"CHECKPOINTS", "TENSORBOARD"}  # never read, or under a hash of all they depend on
EXEMPT = {"reprotune/params.py", "reprotune/paths.py"}
READERS = {"Path", "open", "read_csv", "read_parquet", "read_json", "from_pretrained", "load"}
USES = {"pandas": {"pyarrow"}}  # optional for pandas, needed for its Parquet files


@dataclass
class Source:
    """The modules, packages, files and parameters that one stage reaches."""

    modules: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)


def with_requirements(packages: set[str], pinned: set[str]) -> set[str]:
    """The packages and the pinned ones that they require, by their own metadata."""
    todo, found = list(packages), set()
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        required = {
            canonical(re.split(r"[^\w.-]", line)[0])
            for line in importlib.metadata.requires(DISTRIBUTIONS.get(name, name)) or []
            if "extra ==" not in line
        }
        todo += (required | USES.get(name, set())) & pinned
    return found


def canonical(distribution: str) -> str:
    """The import name of a distribution."""
    return {d: name for name, d in DISTRIBUTIONS.items()}.get(distribution, distribution)


def module_file(root: Path, name: str) -> str | None:
    """The file of a project module, relative to the root; None for other packages."""
    stem = name.replace(".", "/")
    for path in (f"{stem}.py", f"{stem}/__init__.py"):
        if (root / path).is_file():
            return path
    return None


def imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_empty(path: Path) -> bool:
    """Whether a package's ``__init__`` executes nothing but its docstring."""
    body = ast.parse(path.read_text()).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def reached(root: Path, stage: str) -> Source:
    """Follow the imports of a stage through the project."""
    source = Source()
    todo = ["stages/__init__.py", f"stages/{stage}.py"]
    while todo:
        file = todo.pop()
        if file in source.modules or file in EXEMPT:
            continue
        if file.endswith("__init__.py") and is_empty(root / file):
            continue
        source.modules.add(file)
        tree = ast.parse((root / file).read_text())
        for name in imports(tree):
            parts = name.split(".")
            for length in range(1, len(parts) + 1):  # a package's __init__ is executed too
                todo += filter(None, [module_file(root, ".".join(parts[:length]))])
            source.packages.add(name.split(".")[0])
        source.hidden |= literal_reads(tree, file) | hidden_ways(tree, file)
        if not file.startswith("stages/"):
            source.hidden |= {f"{file}: paths.{name}" for name in path_names(tree, inner=True)}
    stage_tree = ast.parse((root / f"stages/{stage}.py").read_text())
    source.files = path_names(stage_tree)
    chains = parameter_reads(stage_tree)
    source.parameters = {c for c in chains if not any(c.startswith(f"{o}.") for o in chains)}
    return source


def path_names(tree: ast.AST, inner: bool = False) -> set[str]:
    """Names taken from ``paths``; with ``inner``, not as the default of an argument."""
    defaults = {
        id(default)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    }
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr not in SCRATCH
        if isinstance(node, ast.Attribute)
        and getattr(node.value, "id", "") == "paths"
        and not (inner and id(node) in defaults)
    }


def literal_reads(tree: ast.AST, file: str) -> set[str]:
    """Files that are read under a name written into the code."""
    found = set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        first = call.args[0] if call.args else None
        is_method_open = name == "open" and isinstance(call.func, ast.Attribute)
        if name in READERS and isinstance(first, ast.Constant) and not is_method_open:
            found.add(f"{file}: {name}({first.value!r})")
    return found


def hidden_ways(tree: ast.AST, file: str) -> set[str]:
    """Ways to depend on something that the parsing here would not see."""
    found = set()
    chained = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or node.module == "reprotune.paths"):
            found.add(f"{file}: from {'.' * node.level}{node.module or ''} import")
        elif isinstance(node, ast.Name) and node.id == "importlib":
            found.add(f"{file}: importlib")
        elif isinstance(node, ast.Name) and node.id == "params" and id(node) not in chained:
            found.add(f"{file}: params is handed on whole")
        elif getattr(node, "id", "") == "load_params" and file != "reprotune/stage.py":
            found.add(f"{file}: load_params")
    return found


def parameter_reads(tree: ast.AST) -> set[str]:
    """The longest chains ``params.a.b`` in a stage, as DVC writes them: ``a.b``."""
    chains = set()

    class Visitor(ast.NodeVisitor):
        def visit_Attribute(self, node: ast.Attribute) -> None:
            parts: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute):
                parts.insert(0, inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id == "params":
                chains.add(".".join(parts))
            else:
                self.generic_visit(node)

    Visitor().visit(tree)
    return chains


def problems(root: Path, stage: str) -> list[str]:
    """Every difference between what ``dvc.yaml`` lists for a stage and what its source says."""
    entry = yaml.safe_load((root / "dvc.yaml").read_text())["stages"][stage]
    pinned = set(yaml.safe_load((root / "pins.yaml").read_text()))
    source = reached(root, stage)
    where = dict(path_values(root))
    deps = set(entry.get("deps", []))
    outs = {name for key in ("outs", "metrics", "plots") for name in names(entry.get(key, []))}
    code = {dep for dep in deps if dep.endswith(".py")}
    listed, pins = parameters(entry)
    templated = {name for name in deps if name.startswith("${")}
    data = {where[name] for name in source.files}
    report = difference("code", source.modules, code)
    report += difference("file", data, (deps - code - templated) | outs)
    report += difference("parameter", source.parameters, listed)
    report += difference("pin", with_requirements(source.packages & pinned, pinned), pins)
    report += [f"{stage}: hidden dependency: {way}" for way in sorted(source.hidden)]
    read = {key for key in FILE_PARAMETERS if {key, key.split(".")[0]} & listed}
    report += difference("file parameter", {f"${{{key}}}" for key in read}, templated)
    unknown = source.packages - pinned - ALLOWED - set(sys.stdlib_module_names) - OURS
    report += [f"{stage}: package {name} is neither pinned nor allowed" for name in sorted(unknown)]
    if entry["cmd"] != f"python -m stages.{stage}":
        report.append(f"{stage}: its command is {entry['cmd']}")
    for item in [*entry.get("outs", []), *entry["metrics"]]:
        name, options = next(iter(item.items())) if isinstance(item, dict) else (item, {})
        in_git = name.startswith(("metrics/", "reports/"))
        if in_git == options.get("cache", True):
            report.append(f"{stage}: {name} must {'' if in_git else 'not '}be cache: false")
    return report


def difference(kind: str, source: set[str], listed: set[str]) -> list[str]:
    return [f"{kind} {name} is used, but not in dvc.yaml" for name in sorted(source - listed)] + [
        f"{kind} {name} is in dvc.yaml, but not used" for name in sorted(listed - source)
    ]


def names(entries: list[str | dict[str, object]]) -> set[str]:
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def parameters(entry: dict[str, list[str | dict[str, list[str]]]]) -> tuple[set[str], set[str]]:
    """Keys of ``params.yaml`` and of ``pins.yaml`` that a stage lists."""
    listed, pins = set(), set()
    for item in entry.get("params", []):
        if isinstance(item, dict):
            pins |= set(item["pins.yaml"])
        else:
            listed.add(item)
    return listed, pins


def path_values(root: Path) -> list[tuple[str, str]]:
    """The constants of ``paths.py``, by executing it: it has nothing but paths."""
    scope: dict[str, object] = {}
    exec((root / "reprotune/paths.py").read_text(), scope)
    return [(name, value.as_posix()) for name, value in scope.items() if isinstance(value, Path)]
