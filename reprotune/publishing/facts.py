"""What is known of the exported model, all of it from files that git or `dvc.lock` holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from huggingface_hub import ModelCard

from reprotune.comparison.lock import LOCK, read_pins, read_stages
from reprotune.comparison.revision import WORKSPACE, Revision, git, succeeds
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.core.seals import check_seal, hash_file
from reprotune.models.manifest import Manifest
from reprotune.production.keeping import hash_folder
from reprotune.project.checks import check_lock
from reprotune.sources.hub import Repository, describe
from reprotune.tables import metrics

PACKAGES = Path("requirements.lock")
OWN_LICENSE = "apache-2.0"  # of the built-in model and its headlines
COMMITTED = ("dvc.lock", "dvc.yaml", "params.yaml", "pins.yaml", "metrics", "reports")


@dataclass(frozen=True)
class Facts:
    """Figures, parameters, and the hashes by which the rest can be found again."""

    name: str  # owner/name on the Hub
    params: Params
    base: Manifest
    evaluation: metrics.Evaluation
    baselines: metrics.Baselines
    base_model: metrics.BaseModelFigures
    train: metrics.Train
    split: metrics.Split
    predictions: metrics.Predictions
    commit: str
    lock: str  # sha256 of dvc.lock
    folder: str  # DVC's hash of the exported one
    hashes: dict[str, str]  # path of a file or folder: DVC's hash
    pins: dict[str, str]  # package that computes numbers: version
    license: str | None  # of the model
    base_license: str | None
    languages: list[str]

    @classmethod
    def read(
        cls, name: str, license: str | None = None, languages: list[str] | None = None
    ) -> Self:
        """What is here.

        Raises:
            InputError: a file of it is not.
        """
        here = Revision(WORKSPACE, None)
        base = Manifest.read(paths.BASE)
        base_license, spoken = find_terms(base)
        files = [one for stage in read_stages(here).values() for one in (*stage.deps, *stage.outs)]
        return cls(
            name=name,
            params=load_params(),
            base=base,
            evaluation=metrics.read(paths.EVALUATE_METRICS, metrics.Evaluation),
            baselines=metrics.read(paths.BASELINE_METRICS, metrics.Baselines),
            base_model=metrics.read(paths.BASE_METRICS, metrics.BaseModelFigures),
            train=metrics.read(paths.TRAIN_METRICS, metrics.Train),
            split=metrics.read(paths.SPLIT_METRICS, metrics.Split),
            predictions=metrics.read(paths.PREDICTIONS_METRICS, metrics.Predictions),
            commit=git("rev-parse", "HEAD").strip(),
            lock=hash_file(LOCK),
            folder=hash_folder(paths.MERGED),
            hashes={one.path: str(one.md5) for one in files},
            pins=read_pins(here),
            license=license or base_license,
            base_license=base_license,
            languages=languages or spoken,
        )


def find_terms(base: Manifest) -> tuple[str | None, list[str]]:
    """License and languages of a base model, as its own card states them."""
    if base.kind == "builtin":
        return OWN_LICENSE, ["en"]
    if base.kind == "hub":
        found = describe(Repository(base.location, "model", str(base.revision))).card_data
    else:
        card = Path(base.location) / "README.md"
        found = ModelCard.load(card).data if card.is_file() else None
    spoken, license = (found.get(key) if found else None for key in ("language", "license"))
    languages = [spoken] if isinstance(spoken, str) else list(spoken or [])
    return str(license) if license else None, languages


def require_committed() -> None:
    """Only what the commit stands for is published.

    Raises:
        InputError: the folder is damaged, or is not the one of the committed lock; or the lock is
            not of these parameters and this code.
    """
    folder = paths.MERGED
    if not folder.is_dir():
        raise InputError(f"{folder}: no exported model here; dvc pull {folder}, or dvc repro")
    check_seal(folder)
    outs = [out for stage in read_stages(Revision(WORKSPACE, None)).values() for out in stage.outs]
    if not any(out.path == folder.as_posix() and out.md5 == hash_folder(folder) for out in outs):
        raise InputError(
            f"{folder}: not the folder that dvc.lock names; dvc checkout {folder} brings that "
            "back, dvc repro makes another"
        )
    if not succeeds("diff", "--quiet", "HEAD", "--", *COMMITTED):
        changed = git("diff", "--name-only", "HEAD", "--", *COMMITTED).split()
        raise InputError(
            f"{', '.join(changed[:5])}: not as committed, so nobody could rebuild what is "
            "published; git commit, then run this again"
        )
    found = check_lock()
    if not found.ok:
        raise InputError(found.sentence)
