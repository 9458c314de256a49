"""Damaged bookkeeping is told in one message or counts as none; a traceback is never the answer."""

import random
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from gto import api as gto

from pipelines import registry
from pipelines.commands import FlowError
from pipelines.database import find_damage
from reprotune.comparison.lock import LOCK, read_stages
from reprotune.comparison.revision import WORKSPACE, Revision
from reprotune.comparison.statement import Outcome, Statement, tell_rebuild
from reprotune.core import paths, restoring, supervision
from reprotune.core.costs import read_costs
from reprotune.core.errors import InputError
from reprotune.models.exported import CLASSIFIER, read_record, save_classifier
from reprotune.models.manifest import MANIFEST, Manifest, PinnedFile
from reprotune.models.prompts import PromptEncoder
from reprotune.project import integrity
from reprotune.tables import metrics
from reprotune.training import checkpoints
from tests.projects import ROOT
from tests.tiny import tokenizer

pytestmark = pytest.mark.slow  # imports of gto, prefect and torch, and a server's worth of files
TIMES = 10  # damages of each file; `2,000 damaged files` were 160 of each
DAG = "artifacts: {classifier: {path: models/merged, type: model}}\nstages: {}\n"
FOLDER_LIST = '[{"md5": "b8a9f715dbb64fd5c56e7783c6820a61", "relpath": "a"}]'
Read = Callable[[Path], object]


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


def git(*command: str) -> str:
    done = subprocess.run(["git", *command], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Path, Read]]]:
    """Every kind of bookkeeping, whole, in one project, and what reads it."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        git("init", "-q")
        Path("dvc.yaml").write_text(DAG)
        LOCK.write_text((ROOT / "dvc.lock").read_text())
        git("add", "-A")
        git("commit", "-qm", "start")
        gto.register(".", "classifier", "HEAD")
        gto.assign(".", "classifier", "production", ref="HEAD", skip_registration=True)
        paths.RUN.parent.mkdir()
        paths.RUN.write_text('{"train": {"seconds": 1.5, "peak_mib": 900}}')
        metrics.write(paths.VERIFIED, Statement(
            commit=git("rev-parse", "HEAD"), lock="0" * 64, machine="x86_64", seconds=200,
            verdict=Outcome.IDENTICAL, reason="", outputs={"models/merged": Outcome.IDENTICAL},
        ))  # fmt: skip
        supervision.RWLOCK.parent.mkdir(parents=True)
        supervision.RWLOCK.write_text('{"write": {"a": {"pid": 1, "cmd": "dvc repro"}}}')
        pinned = PinnedFile(name="config.json", bytes=1, sha256="0" * 64)
        Manifest(
            kind="path", location="models/source/tiny", revision=None, parameters=1,
            architecture="LlamaForCausalLM", files=[pinned],
        ).write(paths.BASE)  # fmt: skip
        paths.MERGED.mkdir()
        verbalizers = {"negative": " negative", "positive": " positive"}
        encoder = PromptEncoder(tokenizer(), "{text}\nSentiment:", verbalizers, 64)
        save_classifier(encoder, paths.MERGED)
        checkpoint = paths.CHECKPOINTS / "checkpoint-5"
        checkpoint.mkdir(parents=True)
        (checkpoint / "weights").write_text("x")
        checkpoints.seal(checkpoint)
        Path("listed.dir").write_text(FOLDER_LIST)
        with closing(sqlite3.connect("prefect.db")) as database:
            database.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT)")
            database.executemany(
                "INSERT INTO run VALUES (?, ?)", [(n, "x" * n) for n in range(300)]
            )
            database.commit()
        metrics_file = paths.EXPORT_METRICS
        metrics_file.parent.mkdir()
        metrics_file.write_bytes((ROOT / metrics_file).read_bytes())
        git("config", "core.logAllRefUpdates", "false")
        tag = Path(".git/refs/tags/classifier#production#1")
        tagged = git("rev-parse", "classifier#production#1")
        here = Revision(WORKSPACE, None)
        yield {
            "costs": (paths.RUN, read_costs),
            "statement": (paths.VERIFIED, lambda _: tell_rebuild(here)),
            "rwlock": (supervision.RWLOCK, lambda _: supervision.read_running()),
            "lock": (LOCK, lambda _: (read_stages(here), list(restoring.list_outputs("train")))),
            "manifest": (paths.BASE / MANIFEST, lambda file: Manifest.read(file.parent)),
            "record": (paths.MERGED / CLASSIFIER, read_record),
            "seal": (checkpoint / checkpoints.SEAL, lambda _: checkpoints.is_sealed(checkpoint)),
            "folder": (Path("listed.dir"), integrity.read_folder),
            "figures": (metrics_file, lambda file: metrics.read(file, metrics.Export)),
            "prefect": (Path("prefect.db"), find_damage),
            "tag": (tag, lambda _: registry.find_in_use(Path())),
            "tagged": (
                Path(".git/objects", tagged[:2], tagged[2:]),
                lambda _: registry.find_in_use(Path()),
            ),
        }


KINDS = [
    "costs", "statement", "rwlock", "lock", "manifest", "record", "seal", "folder", "figures",
    "prefect", "tag", "tagged",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bookkeeping_is_told_or_counts_as_none(
    kept: dict[str, tuple[Path, Read]], kind: str
) -> None:
    assert set(KINDS) == set(kept)
    file, read = kept[kind]
    whole = file.read_bytes()
    read(file)  # as it is, nothing is said of it
    file.chmod(0o644)  # git makes its objects read-only
    draw = random.Random(kind)
    try:
        for _ in range(TIMES):
            file.write_bytes(damage(whole, draw))
            try:
                read(file)
            except (InputError, FlowError) as error:
                assert str(error)
    finally:
        file.write_bytes(whole)


def test_a_damaged_database_of_prefect_is_known(kept: dict[str, tuple[Path, Read]]) -> None:
    file, read = kept["prefect"]
    whole = file.read_bytes()
    assert read(file) == ""
    try:
        for damaged in (whole[:5000], b"x" * 9000, whole[:4096] + bytes(len(whole) - 4096)):
            file.write_bytes(damaged)
            assert read(file)
    finally:
        file.write_bytes(whole)
