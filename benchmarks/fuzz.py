"""Files that are damaged by chance: each is read, passed over or refused in one message.

A traceback, or more than five seconds of the processor, is a fault; it is shown with its seed.
"""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from gto import api as gto
from transformers.utils import logging

from pipelines import registry
from pipelines.commands import FlowError
from pipelines.database import find_damage
from reprotune.comparison.lock import LOCK, read_stages
from reprotune.comparison.revision import WORKSPACE, Revision
from reprotune.comparison.statement import Outcome, Statement, tell_rebuild
from reprotune.core import paths, restoring, supervision
from reprotune.core.costs import read_costs
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.core.seals import CLASSIFIER, SEAL, check_seal
from reprotune.models.exported import read_record
from reprotune.models.loading import WHOLE, load_model
from reprotune.models.manifest import MANIFEST, Manifest
from reprotune.models.pinning import Place, check_task, pin, resolve
from reprotune.models.prompts import PromptEncoder
from reprotune.models.tokenizer import load_tokenizer
from reprotune.project import integrity
from reprotune.tables import metrics
from reprotune.training import checkpoints
from tests import tiny
from tests.core.test_hostile_yaml import mutate
from tests.projects import ROOT

PARAMETERS, MODELS, RECORDS = 10_000, 10_000, 2_000
SECONDS = 5.0  # of the processor: the machine may be busy
VALUES: list[Any] = [
    *(None, True, -1, 0, 10**30, 1e308, "", "x", [], {}, [[]], {"a": {}}, "../x", "\0", 2**31),
    *(["x"] * 3, "9" * 5000, {"rope_type": "x"}, "float7", json.loads("[" * 400 + "]" * 400)),
]
VERBALIZERS = {"negative": " negative", "positive": " positive"}
DAG = "artifacts: {classifier: {path: models/merged, type: model}}\nstages: {}\n"
Read = Callable[[], object]


class Case(NamedTuple):
    """A file, what reads it, and how it is damaged."""

    file: Path
    read: Read
    damage: Callable[[bytes, random.Random], bytes]


def damage(raw: bytes, draw: random.Random) -> bytes:
    """A file as a power cut, a bad disk or a bad editor leaves it."""
    place = draw.randrange(len(raw) + 1)
    match draw.randrange(6):
        case 0:
            return raw[:place]
        case 1:
            flipped = bytearray(raw)
            for _ in range(draw.choice((1, 1, 8))):
                flipped[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
            return bytes(flipped)
        case 2:
            return raw[:place] + draw.randbytes(8) + raw[place:]
        case 3:
            return raw[:place] + bytes(len(raw) - place)
        case 4:
            return raw[place:] + raw[:place]
        case _:
            return b"[" * 5000 + raw


def damage_json(raw: bytes, draw: random.Random) -> bytes:
    """The same, or another value somewhere in its tree."""
    if draw.random() < 0.3:
        return damage(raw, draw)
    tree = json.loads(raw)
    for _ in range(draw.randint(1, 3)):
        node = tree
        while True:
            keys = list(node) if isinstance(node, dict) else range(min(len(node), 50))
            if not keys:
                break
            key = draw.choice(keys)
            if not isinstance(node[key], dict | list) or draw.random() < 0.5:
                node[key] = deepcopy(draw.choice(VALUES))
                break
            node = node[key]
    return json.dumps(tree).encode()


def damage_yaml(raw: bytes, draw: random.Random) -> bytes:
    return mutate(raw.decode(), draw).encode()


def try_one(case: Case, whole: bytes, draw: random.Random) -> str:
    """What came of a damaged file: read, refused, or the fault."""
    case.file.write_bytes(case.damage(whole, draw))
    began = time.process_time()
    try:
        case.read()
        verdict = "read"
    except (InputError, FlowError):
        verdict = "refused"
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        verdict = f"traceback: {type(error).__name__}: {str(error)[:200]}"
    return verdict if time.process_time() - began < SECONDS else "hang"


def try_all(kind: str, cases: list[Case], count: int) -> Counter[str]:
    """Damage the files in turn; how often each verdict was found."""
    found: Counter[str] = Counter()
    for case in cases:
        whole = case.file.read_bytes()
        case.file.chmod(0o644)  # git makes its objects read-only
        case.read()  # as it is, nothing is said of it
        for number in range(count // len(cases)):
            verdict = try_one(case, whole, random.Random(f"{case.file.name} {number}"))
            if verdict not in ("read", "refused"):
                print(f"{kind}: {case.file} {number}: {verdict}", file=sys.stderr, flush=True)
            found[verdict.split(":")[0]] += 1
        case.file.write_bytes(whole)
    return found


def list_parameters() -> list[Case]:
    file = Path("fuzzed.yaml")
    shutil.copy(ROOT / "profiles/builtin.yaml", file)
    return [Case(file, lambda: load_params(file), damage_yaml)]


def list_models() -> list[Case]:
    """The JSON of a model folder, which is read as ``base_model`` and ``train`` do."""
    source = Path("models/source")
    folder = tiny.save(source / "tiny")
    weights = (folder / "model.safetensors").name
    index = {"metadata": {}, "weight_map": dict.fromkeys(tiny.model().state_dict(), weights)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    def read() -> None:
        place = Place("path", "tiny")
        found = resolve(place, source)
        check_task(found, "causal")
        tokenizer = load_tokenizer(found)
        pin(found, place)
        load_model(found, WHOLE, PromptEncoder(tokenizer, "{text}:", VERBALIZERS, 64))

    return [Case(file, read, damage_json) for file in sorted(folder.glob("*.json"))]


def list_records() -> list[Case]:
    """Every kind of bookkeeping, and what reads it."""
    here = Revision(WORKSPACE, None)
    git("init", "-q")
    Path("dvc.yaml").write_text(DAG)
    shutil.copy(ROOT / LOCK, LOCK)
    git("add", "dvc.yaml", str(LOCK))
    git("commit", "-qm", "start")
    gto.register(".", "classifier", "HEAD")
    gto.assign(".", "classifier", "production", ref="HEAD", skip_registration=True)
    tagged = git("rev-parse", "classifier#production#1")
    paths.RUN.parent.mkdir(exist_ok=True)
    paths.RUN.write_text('{"train": {"seconds": 1.5, "peak_mib": 900}}')
    outputs = {"models/merged": Outcome.IDENTICAL}
    metrics.write(paths.VERIFIED, Statement(
        commit=git("rev-parse", "HEAD"), lock="0" * 64, machine="x86_64", seconds=200,
        verdict=Outcome.IDENTICAL, reason="", outputs=outputs, sampled=["train"], stages=11,
    ))  # fmt: skip
    supervision.RWLOCK.parent.mkdir(parents=True)
    noted = {"write": {str(paths.MERGED.absolute()): {"pid": 1, "cmd": "dvc repro"}}}
    supervision.RWLOCK.write_text(json.dumps(noted))
    pin(Path("models/source/tiny"), Place("path", "tiny")).write(paths.BASE)
    merged = tiny.export(paths.MERGED)
    checkpoint = paths.CHECKPOINTS / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_text("x")
    checkpoints.seal(checkpoint)
    listed = Path("listed.dir")
    listed.write_text('[{"md5": "b8a9f715dbb64fd5c56e7783c6820a61", "relpath": "a"}]')
    database = Path("prefect.db")
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT)")
        opened.executemany("INSERT INTO run VALUES (?, ?)", [(n, "x" * n) for n in range(300)])
        opened.commit()
    figures = shutil.copy(ROOT / paths.EXPORT_METRICS, "export.json")
    packed = Path(".git/objects", tagged[:2], tagged[2:])
    reads: dict[Path, Read] = {
        paths.RUN: lambda: read_costs(paths.RUN),
        paths.VERIFIED: lambda: tell_rebuild(here),
        supervision.RWLOCK: lambda: (
            supervision.read_running(), supervision.is_written(paths.MERGED)
        ),
        LOCK: lambda: (read_stages(here), list(restoring.list_outputs("train"))),
        paths.BASE / MANIFEST: lambda: Manifest.read(paths.BASE).locate(),
        merged / CLASSIFIER: lambda: read_record(merged / CLASSIFIER),
        merged / SEAL: lambda: check_seal(merged),
        checkpoint / checkpoints.SEAL: lambda: checkpoints.is_sealed(checkpoint),
        listed: lambda: integrity.read_folder(listed),
        Path(figures): lambda: metrics.read(Path(figures), metrics.Export),
        database: lambda: find_damage(database),
        Path(".git/refs/tags/classifier#production#1"): lambda: registry.find_in_use(Path()),
        packed: lambda: registry.find_in_use(Path()),
    }  # fmt: skip
    return [Case(file, read, damage) for file, read in reads.items()]


def git(*command: str) -> str:
    known = {f"GIT_{role}_{what}": "fuzz@example.org" for role in ("AUTHOR", "COMMITTER")
             for what in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        ["git", *command], check=True, capture_output=True, text=True, env=os.environ | known
    )
    return done.stdout.strip()


def list_kinds() -> Iterator[tuple[str, list[Case], int]]:
    yield "parameter files", list_parameters(), PARAMETERS
    yield "JSON of model folders", list_models(), MODELS
    yield "bookkeeping", list_records(), RECORDS


def main() -> None:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    columns = ("read", "refused", "traceback", "hang")
    print(f"| damaged | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}", flush=True)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        for kind, cases, count in list_kinds():
            found = try_all(kind, cases, count)
            print(f"| {kind} | {' | '.join(str(found[c]) for c in columns)} |", flush=True)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
