"""What a stage's source says of its dependencies, found by parsing it, never by running it.

Code is listed by rooms: the folders of ``reprotune`` whose modules a stage executes.
"""

import ast
import importlib.metadata
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

import reprotune
from reprotune.project.pins import DISTRIBUTIONS, GROUPS

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
    "evaluate.sample",
    "predictions.forgetting_text",
}  # values that are locations: templated into the deps
OURS = {"reprotune", "stages"}
PATHS = "reprotune.core.paths"
SCRATCH = {"CHECKPOINTS", "TENSORBOARD"}  # never read, or under a hash of all they depend on
FREE = {"core", "sources"}  # rooms that compute no number: what they fetch is checked by a hash
STARTS = {"reprotune/__init__.py", "stages/__init__.py"}  # they only start others
READERS = {"Path", "open", "read_csv", "read_parquet", "read_json", "from_pretrained", "load"}
FORMS: dict[str, dict[str, object]] = {  # how an entry of dvc.yaml lists what a stage writes
    "outs": {},
    "metrics": {"cache": False},
    "plots": {"cache": False, "template": "no_picture"},
}
WHERE = (
    "under plots as `PATH: {cache: false, template: no_picture}` if it is in metrics/ or "
    "reports/, which git holds, else under outs, its path alone"
)
USES = {"pandas": {"pyarrow"}}  # optional for pandas, needed for its Parquet files


@dataclass
class Source:
    """The rooms, packages, files and parameters that one stage reaches."""

    modules: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)  # packages of what computes no number
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


def drop_types(tree: ast.Module) -> ast.Module:
    """A module without what the type checker alone reads."""
    body = [n for n in tree.body if getattr(getattr(n, "test", 0), "id", "") != "TYPE_CHECKING"]
    return ast.Module(body, [])


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


def room(file: str) -> str | None:
    """The room of a module; None for those that stand in none."""
    parts = file.split("/")
    return parts[1] if parts[0] == "reprotune" and len(parts) > 2 else None


def reached(root: Path, stage: str) -> Source:
    """Follow the imports of a stage through the project."""
    source = Source()
    todo, seen = [f"stages/{stage}.py"], set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        tree = ast.parse((root / file).read_text())
        names = imports(drop_types(tree) if file in STARTS else tree)
        for name in names:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):  # a package's __init__ is executed too
                todo += filter(None, [module_file(root, ".".join(parts[:length]))])
        packages = {name.split(".")[0] for name in names}
        if room(file) in FREE or file in STARTS:
            source.free |= packages
            continue
        if file.endswith("__init__.py") and is_empty(root / file):
            continue
        source.modules.add(f"reprotune/{room(file)}" if room(file) else file)
        source.packages |= packages
        source.hidden |= literal_reads(tree, file) | hidden_ways(tree, file)
        if not file.startswith("stages/"):
            source.hidden |= {f"{file}: paths.{name}" for name in path_names(tree, inner=True)}
    stage_tree = ast.parse((root / f"stages/{stage}.py").read_text())
    source.files = path_names(stage_tree)
    source.parameters = parameter_reads(stage_tree)
    return source


def path_names(tree: ast.AST, inner: bool = False) -> set[str]:
    """Names taken from ``paths``; with ``inner``, not as the default of an argument."""
    defaults = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        for part in ast.walk(default)
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
        if isinstance(node, ast.ImportFrom) and (
            node.level or node.module == "reprotune.core.paths"
        ):
            found.add(f"{file}: from {'.' * node.level}{node.module or ''} import")
        elif isinstance(node, ast.ImportFrom) and node.module == "reprotune":
            if lazy := {alias.name for alias in node.names} & set(reprotune.__all__):
                found.add(f"{file}: from reprotune import {', '.join(sorted(lazy))}")
        elif isinstance(node, ast.Name) and node.id == "importlib":
            found.add(f"{file}: importlib")
        elif isinstance(node, ast.Name) and node.id == "params" and id(node) not in chained:
            found.add(f"{file}: params is handed on whole")
        elif getattr(node, "id", "") == "load_params" and file != "reprotune/core/runner.py":
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
    pinned = set(DISTRIBUTIONS) | {name for group in GROUPS.values() for name in group}
    source = reached(root, stage)
    where = dict(path_values(root))
    deps = set(entry.get("deps", []))
    outs = {name for key in ("outs", "metrics", "plots") for name in names(entry.get(key, []))}
    code = {dep for dep in deps if dep.startswith(("reprotune/", "stages/"))}
    listed, groups, others = parameters(entry)
    templated = {name for name in deps if name.startswith("${")}
    data = {where[name] for name in source.files & where.keys()}
    leaves = every_leaf(root)
    report = difference("code", source.modules, code)
    lacking = sorted(source.files - where.keys())
    report += [f"{stage}: paths.{name} is not in core/paths.py" for name in lacking]
    report += difference("file", data, (deps - code - templated) | outs | others)
    report += difference("parameter", expand(source.parameters, leaves), expand(listed, leaves))
    packages = with_requirements(source.packages & pinned, pinned)
    used = {group for group, held in GROUPS.items() if packages & set(held)}
    report += difference("pins", used, groups)
    report += [f"{stage}: hidden dependency: {way}" for way in sorted(source.hidden)]
    report += [f"{stage}: {name} in what computes no number" for name in source.free & pinned]
    read = FILE_PARAMETERS & expand(listed, leaves)
    report += difference("file parameter", {f"${{{key}}}" for key in read}, templated)
    unknown = source.packages - pinned - ALLOWED - set(sys.stdlib_module_names) - OURS
    report += [f"{stage}: package {name} is neither pinned nor allowed" for name in sorted(unknown)]
    if entry["cmd"] != f"python -m stages.{stage}":
        report.append(f"{stage}: its command is {entry['cmd']}")
    for key, form in FORMS.items():
        for item in entry.get(key, []):
            name, options = next(iter(item.items())) if isinstance(item, dict) else (item, {})
            if options != form or (key == "outs") == name.startswith(("metrics/", "reports/")):
                report.append(f"{stage}: {name} must stand {WHERE}")
    return report


def every_leaf(root: Path) -> set[str]:
    """The parameters of ``params.yaml``, as sections have them: ``train.lora`` is one."""
    tree = yaml.safe_load((root / "params.yaml").read_text())
    return {
        f"{section}.{key}" if isinstance(value, dict) else section
        for section, value in tree.items()
        for key in (value if isinstance(value, dict) else [""])
    }


def expand(chains: set[str], leaves: set[str]) -> set[str]:
    """A section as its parameters; what is below a parameter as the parameter."""
    known = {".".join(chain.split(".")[:2]) for chain in chains}
    found = {leaf for leaf in leaves if leaf in known or leaf.split(".")[0] in known}
    return found | {
        chain
        for chain in known
        if chain not in leaves and not any(leaf.startswith(f"{chain}.") for leaf in leaves)
    }


def difference(kind: str, source: set[str], listed: set[str]) -> list[str]:
    return [f"{kind} {name} is used, but not in dvc.yaml" for name in sorted(source - listed)] + [
        f"{kind} {name} is in dvc.yaml, but not used" for name in sorted(listed - source)
    ]


def names(entries: list[str | dict[str, object]]) -> set[str]:
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def parameters(
    entry: dict[str, list[str | dict[str, list[str]]]],
) -> tuple[set[str], set[str], set[str]]:
    """Keys of ``params.yaml``, groups of ``pins.yaml``, and the other files a stage lists so."""
    listed, pins, others = set(), set(), set()
    for item in entry.get("params", []):
        for file, keys in (item if isinstance(item, dict) else {"params.yaml": [item]}).items():
            if file == "pins.yaml":
                pins |= set(keys)
            elif file == "params.yaml":
                listed |= set(keys)
            else:
                others.add(file)
    return listed, pins, others


def path_values(root: Path) -> list[tuple[str, str]]:
    """The constants of ``core/paths.py``, by executing it: it has nothing but paths."""
    scope: dict[str, object] = {}
    exec((root / "reprotune/core/paths.py").read_text(), scope)
    return [(name, value.as_posix()) for name, value in scope.items() if isinstance(value, Path)]
