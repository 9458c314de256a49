"""Whether ``dvc.lock`` belongs to a revision: stage by stage, from git alone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import Any

from reprotune.comparison.lock import LOCK, File, Stage, name_param, read_stages
from reprotune.comparison.revision import Revision, flat
from reprotune.comparison.tree import LINKED, Tree, is_under
from reprotune.core import dvc, paths

SOURCES = {paths.SOURCE_DATA.as_posix(), paths.SOURCE_MODELS.as_posix()}
KINDS = ("outs", "metrics", "plots")
FORMATS = {".yaml", ".yml", ".json"}  # of parameters that are read here


@dataclass(frozen=True)
class Lineage:
    """What a revision says of its stages (``dvc.yaml``), and what was noted when they ran."""

    revision: Revision
    file: Path = dvc.FILE

    @cached_property
    def listed(self) -> dict[str, Any]:
        """All that ``dvc.yaml`` lists, one stage for several that are made from a template."""
        stages = self.revision.read_yaml(self.file).get("stages")
        items = stages.items() if isinstance(stages, dict) else []
        return {name: entry for name, entry in items if isinstance(entry, dict)}

    @cached_property
    def single(self) -> dict[str, Any]:
        """The stages that are listed one by one."""
        several = {"foreach", "matrix"}
        return {name: entry for name, entry in self.listed.items() if not several & set(entry)}

    @cached_property
    def told(self) -> dict[str, Any]:
        """Those with paths from this folder."""
        return {name: entry for name, entry in self.single.items() if find_folder(entry) == "."}

    @cached_property
    def noted(self) -> dict[str, Stage]:
        """The records of these stages, and of those from templates; all if none is listed."""
        found = read_stages(self.revision, self.file.with_suffix(LOCK.suffix))
        if not self.listed:
            return found
        templates = self.listed.keys() - self.single
        return {
            name: self.prune(name, stage)
            for name, stage in found.items()
            if name in self.single or ("@" in name and name.split("@")[0] in templates)
        }

    def prune(self, name: str, stage: Stage) -> Stage:
        """A record without what is listed no more."""
        if name not in self.told:
            return move(stage, str(self.listed[name.split("@", maxsplit=1)[0]].get("wdir", ".")))
        deps, outs = self.list_entries(name, "deps"), self.list_entries(name, *KINDS)
        listed = {*list_params(self.told[name])}
        kept = {
            "deps": [dep for dep in stage.deps if dep.path in deps],
            "outs": [out for out in stage.outs if out.path in outs],
            "params": {
                file: {
                    key: value
                    for key, value in known.items()
                    if {name_param(file, key), file} & listed
                }
                for file, known in stage.params.items()
            },
        }
        return stage.model_copy(update=kept)

    @cached_property
    def makers(self) -> dict[str, str]:
        """The stage that makes each output."""
        return {out.path: name for name, stage in self.noted.items() for out in stage.outs}

    @cached_property
    def made(self) -> dict[str, str | None]:
        """The hash of each output."""
        return {out.path: out.md5 for stage in self.noted.values() for out in stage.outs}

    @cached_property
    def tree(self) -> Tree:
        files = (file for stage in self.noted.values() for file in (*stage.deps, *stage.outs))
        return Tree(self.revision, {file.path for file in files})

    @cached_property
    def values(self) -> dict[str, dict[str, object]]:
        """What the files of parameters hold now."""
        files = {file for stage in self.noted.values() for file in stage.params}
        known = sorted(file for file in files if Path(file).suffix in FORMATS)
        return {file: self.revision.read_yaml(Path(file)) for file in known}

    def find_makers(self, path: str) -> list[str]:
        """The stages that make a dependency: the whole, a part, or the folder it lies in."""
        return sorted(
            {
                stage
                for out, stage in self.makers.items()
                if out == path or is_under(out, path) or is_under(path, out)
            }
        )

    def list_disputed(self, stage: str) -> list[str]:
        """The outputs of a stage that another says it makes, too: DVC runs no such pipeline."""
        return [out.path for out in self.noted[stage].outs if self.makers[out.path] != stage]

    def resolve(self, text: object) -> str:
        """A value of ``dvc.yaml`` with the parameters that it names put in."""
        params = self.revision.params
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(params.get(found[1].strip())), str(text))

    def list_entries(self, stage: str, *kinds: str) -> list[str]:
        """The paths that ``dvc.yaml`` lists for a stage."""
        return [self.resolve(path) for path in dvc.entries(self.told.get(stage, {}), *kinds)]


def find_folder(entry: Mapping[str, Any]) -> str:
    """The folder that a stage runs in, from here."""
    return normpath(str(entry.get("wdir", ".")))


def move(stage: Stage, folder: str) -> Stage:
    """A record with its paths from here, and not from the folder that the stage runs in."""

    def place(files: Sequence[File]) -> list[File]:
        return [file.model_copy(update={"path": join(folder, file.path)}) for file in files]

    moved = {"deps": place(stage.deps), "outs": place(stage.outs)}
    values = {join(folder, file): known for file, known in stage.params.items()}
    return stage.model_copy(update={**moved, "params": values})


def join(folder: str, path: str) -> str:
    return normpath(f"{folder}/{path}") if folder != "." and "://" not in path else path


def find_half_run(lineage: Lineage) -> dict[str, list[str]]:
    """The stages that ran on something else than what the stages before them made last."""
    found = {}
    for name, stage in lineage.noted.items():
        reasons = [
            f"{dep.path} is not what {' and '.join(makers)} made"
            for dep in stage.deps
            if (makers := lineage.find_makers(dep.path)) and is_other(lineage, dep)
        ]
        if reasons:
            found[name] = reasons
    return found


def is_other(lineage: Lineage, dep: File) -> bool:
    """Whether a dependency is known to be another than the one that a stage ran on."""
    now = lineage.tree.hash(dep.path, lineage.made)
    return now is not None and now != dep.md5


def find_breaks(revision: Revision) -> dict[str, list[str]]:
    """The stages whose record does not belong to the files of a revision, with what differs."""
    lineage = Lineage(revision)
    half = find_half_run(lineage)
    found = {
        name: [*half.get(name, []), *explain_stage(lineage, name)]
        for name in {**lineage.single, **lineage.noted}
    }
    return {name: reasons for name, reasons in found.items() if reasons}


def explain_stage(lineage: Lineage, name: str) -> list[str]:
    """What of one stage differs from its record, but for what other stages make."""
    stage, entry = lineage.noted.get(name), lineage.told.get(name)
    if stage is None:
        return ["it was not run"]
    reasons = list(compare_params(lineage, stage))
    if entry is not None:
        told = entry.get("cmd")
        lines = [*map(lineage.resolve, told if isinstance(told, list) else [told])]
        listed = [*lineage.list_entries(name, "deps", *KINDS), *list_params(entry)]
        noted = {*(file.path for file in (*stage.deps, *stage.outs)), *stage.values, *stage.params}
        reasons += [] if stage.lines == lines else ["its command"]
        reasons += [one for one in listed if one not in noted]
        reasons += [f"{one} is made by another stage, too" for one in lineage.list_disputed(name)]
    reasons += [dep.path for dep in stage.deps if has_changed(lineage, dep)]
    kept = list_uncached(entry or {})
    for out in stage.outs:
        now = lineage.tree.hash(out.path, {})
        if out.md5 is None and is_inside(out.path):
            reasons.append(f"{out.path} has no hash in the lock")
        elif now not in (None, out.md5):
            reasons.append(f"{out.path} is not what the stage made")
        elif out.path in kept and not lineage.tree.count(out.path):
            reasons.append(f"{out.path} is not in git")
    return reasons


def has_changed(lineage: Lineage, dep: File) -> bool:
    """Whether a dependency that no stage makes is another, or gone."""
    if lineage.find_makers(dep.path) or not is_inside(dep.path):
        return False
    count = lineage.tree.count(dep.path)
    if dep.path in SOURCES and (
        count < (dep.nfiles or 1) or lineage.tree.hash(dep.path, {}) == LINKED
    ):
        return False  # some of its files are elsewhere
    return not count or is_other(lineage, dep)


def is_inside(path: str) -> bool:
    """Whether a file is of this project, and not anywhere else."""
    return not ("://" in path or path.startswith(("/", "..")))


def compare_params(lineage: Lineage, stage: Stage) -> Iterator[str]:
    """The parameters whose value is another than when the stage ran."""
    for file, values in stage.params.items():
        if file in lineage.values:
            for name, value in values.items():
                now = dvc.look_up(lineage.values[file], name)
                yield from (f"{file}: {one}" for one in differ(now, value, name))


def differ(now: object, noted: object, name: str) -> Iterator[str]:
    """The dotted names under ``name`` that have another value; a section may have many."""
    if not (isinstance(now, dict) and isinstance(noted, dict)):
        yield from [] if now == noted else [name]
        return
    one, other = flat(now), flat(noted)
    for key in sorted({*one, *other}):
        if one.get(key, ...) != other.get(key, ...):
            yield f"{name}.{key}"


def list_params(entry: Mapping[str, Any]) -> Iterator[str]:
    """The names of the parameters that ``dvc.yaml`` lists for a stage, or of a file of them."""
    for item in entry.get("params", []):
        if isinstance(item, dict):
            for file, keys in item.items():
                yield from [name_param(file, key) for key in keys or []] or [file]
        else:
            yield item


def list_uncached(entry: Mapping[str, Any]) -> set[str]:
    """The outputs of a stage that git keeps, and not DVC's cache."""
    items = (item for kind in KINDS for item in entry.get(kind, []) if isinstance(item, dict))
    return {
        path for item in items for path, how in item.items() if how and how.get("cache") is False
    }
