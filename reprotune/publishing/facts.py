"""What is known of the exported model, all of it from files that git or `dvc.lock` holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from huggingface_hub import CardData, ModelCard

from reprotune.comparison.lock import LOCK, read_pins, read_stages
from reprotune.comparison.revision import WORKSPACE, Revision, git, succeeds
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.params.data import Download
from reprotune.core.params_file import load_params
from reprotune.core.seals import check_seal, hash_file
from reprotune.models.manifest import Manifest
from reprotune.production.keeping import hash_folder
from reprotune.project.checks import check_lock
from reprotune.sources.hub import Repository, describe
from reprotune.tables import metrics

PACKAGES = Path("requirements.lock")
OWN_LICENSE = "apache-2.0"  # of the built-in model and its headlines
PARTS = {"train": paths.TRAIN, "validation": paths.VALIDATION, "test": paths.TEST}
COMMITTED = ("dvc.lock", "dvc.yaml", "params.yaml", "pins.yaml", "metrics", "reports")


@dataclass(frozen=True)
class Release:
    """What a model and its data have in common: the commit that they stand for."""

    kind: ClassVar[Literal["model", "dataset"]]
    name: str  # owner/name on the Hub
    params: Params
    split: metrics.Split
    commit: str
    lock: str  # sha256 of dvc.lock
    hashes: dict[str, str]  # path of a file or folder: DVC's hash
    license: str | None  # of what is published
    languages: list[str]


def read_release(name: str) -> dict[str, Any]:
    """All of a release but its terms."""
    stages = read_stages(Revision(WORKSPACE, None)).values()
    files = [one for stage in stages for one in (*stage.deps, *stage.outs)]
    return {
        "name": name,
        "params": load_params(),
        "split": metrics.read(paths.SPLIT_METRICS, metrics.Split),
        "commit": git("rev-parse", "HEAD").strip(),
        "lock": hash_file(LOCK),
        "hashes": {one.path: str(one.md5) for one in files},
    }


@dataclass(frozen=True)
class Facts(Release):
    """Of a model: figures, and the hashes by which the rest can be found again."""

    kind = "model"
    base: Manifest
    evaluation: metrics.Evaluation
    baselines: metrics.Baselines
    base_model: metrics.BaseModelFigures
    train: metrics.Train
    predictions: metrics.Predictions
    folder: str  # DVC's hash of the exported one
    pins: dict[str, str]  # package that computes numbers: version
    base_license: str | None
    data_license: str | None

    @classmethod
    def read(
        cls, name: str, license: str | None = None, languages: list[str] | None = None
    ) -> Self:
        """What is here.

        Raises:
            InputError: a file of it is not.
        """
        common = read_release(name)
        base = Manifest.read(paths.BASE)
        base_license, spoken = find_terms(base)
        return cls(
            **common,
            base=base,
            evaluation=metrics.read(paths.EVALUATE_METRICS, metrics.Evaluation),
            baselines=metrics.read(paths.BASELINE_METRICS, metrics.Baselines),
            base_model=metrics.read(paths.BASE_METRICS, metrics.BaseModelFigures),
            train=metrics.read(paths.TRAIN_METRICS, metrics.Train),
            predictions=metrics.read(paths.PREDICTIONS_METRICS, metrics.Predictions),
            folder=hash_folder(paths.MERGED),
            pins=read_pins(Revision(WORKSPACE, None)),
            license=license or base_license,
            base_license=base_license,
            data_license=find_data_terms(common["params"].download)[0],
            languages=languages or spoken,
        )


@dataclass(frozen=True)
class Data(Release):
    """Of the curated splits: what happened to the rows on the way."""

    kind = "dataset"
    download: metrics.Download
    roles: metrics.Roles
    audit: metrics.Audit
    curate: metrics.Curate
    date: str  # of the commit

    @classmethod
    def read(
        cls, name: str, license: str | None = None, languages: list[str] | None = None
    ) -> Self:
        """What is here.

        Raises:
            InputError: a file of it is not.
        """
        common = read_release(name)
        known, spoken = find_data_terms(common["params"].download)
        return cls(
            **common,
            download=metrics.read(paths.DOWNLOAD_METRICS, metrics.Download),
            roles=metrics.read(paths.ROLES_METRICS, metrics.Roles),
            audit=metrics.read(paths.AUDIT_METRICS, metrics.Audit),
            curate=metrics.read(paths.CURATE_METRICS, metrics.Curate),
            date=git("show", "-s", "--format=%cs", "HEAD").strip(),
            license=license or known,
            languages=languages or spoken,
        )


def find_terms(base: Manifest) -> tuple[str | None, list[str]]:
    """License and languages of a base model, as its own card states them.

    Raises:
        InputError: the card's metadata cannot be read.
    """
    if base.kind == "builtin":
        return OWN_LICENSE, ["en"]
    if base.kind == "hub":
        pinned = Repository(base.location, "model", str(base.revision))
        return read_terms(describe(pinned).card_data)
    card = Path(base.location) / "README.md"
    try:
        return read_terms(ModelCard.load(card).data if card.is_file() else None)
    except Exception as error:  # of PyYAML, which only huggingface_hub asks for, or of its values
        told = " ".join(str(error).split())
        raise InputError(
            f"{card}: the lines between its two --- are no metadata ({told}); "
            "correct or remove them"
        ) from None


def find_data_terms(download: Download) -> tuple[str | None, list[str]]:
    """License and languages of the examples, if their own card states them; files have none."""
    if download.kind == "builtin":
        return OWN_LICENSE, ["en"]
    if download.kind == "hub":
        pinned = Repository(str(download.repository), "dataset", str(download.revision))
        return read_terms(describe(pinned).card_data)
    return None, []


def read_terms(card: CardData | None) -> tuple[str | None, list[str]]:
    spoken, license = (card.get(key) if card else None for key in ("language", "license"))
    languages = [spoken] if isinstance(spoken, str) else list(spoken or [])
    if isinstance(license, list):
        license = ", ".join(license)
    return str(license) if license else None, languages


def require_committed() -> None:
    """Only the model that the commit stands for is published.

    Raises:
        InputError: the folder is damaged, or is not the one of the committed lock; or the lock is
            not of these parameters and this code.
    """
    folder = paths.MERGED
    if not folder.is_dir():
        raise InputError(f"{folder}: no exported model here; dvc pull {folder}, or dvc repro")
    check_seal(folder)
    require_locked(folder, hash_folder(folder))
    require_clean()


def require_committed_data() -> None:
    """Only the splits that the commit stands for are published.

    Raises:
        InputError: a file is not here, or is not the one of the committed lock; or the lock is
            not of these parameters and this code.
    """
    for file in PARTS.values():
        if not file.is_file():
            raise InputError(f"{file}: no such file; dvc pull {file}, or dvc repro split")
        require_locked(file, hash_file(file, "md5"))
    require_clean()


def require_locked(path: Path, found: str) -> None:
    """Raise InputError unless dvc.lock names what is here."""
    outs = [out for stage in read_stages(Revision(WORKSPACE, None)).values() for out in stage.outs]
    if not any(out.path == path.as_posix() and out.md5 == found for out in outs):
        kind = "folder" if path.is_dir() else "file"
        raise InputError(
            f"{path}: not the {kind} that dvc.lock names; dvc checkout {path} brings that "
            "back, dvc repro makes another"
        )


def require_clean() -> None:
    """Raise InputError unless all is committed, and the lock of these parameters and this code."""
    if not succeeds("diff", "--quiet", "--no-ext-diff", "HEAD", "--", *COMMITTED):
        changed = git("diff", "--name-only", "HEAD", "--", *COMMITTED).splitlines()
        raise InputError(
            f"{', '.join(changed[:5])}: not as committed, so nobody could rebuild what is "
            "published; git commit, then run this again"
        )
    found = check_lock()
    if not found.ok:
        raise InputError(found.sentence)
