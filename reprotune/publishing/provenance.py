"""An in-toto statement (SLSA provenance) that binds the published files to what made them."""

import json
from pathlib import Path
from typing import Any

from reprotune.comparison.lock import LOCK
from reprotune.core import paths
from reprotune.core.seals import hash_file
from reprotune.publishing.facts import PACKAGES, Facts

FILE = "provenance.intoto.json"
BUILD = "https://dvc.org/doc/command-reference/repro"


def write_provenance(facts: Facts, folder: Path) -> None:
    """Of every file that is there; the same bytes for the same commit."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": file.name, "digest": {"sha256": hash_file(file)}} for file in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {"stage": "export", "folder": str(paths.MERGED)},
                "internalParameters": {"packages": facts.pins},
                "resolvedDependencies": list_dependencies(facts),
            },
            "runDetails": {"builder": {"id": "https://pypi.org/project/reprotune"}},
        },
    }
    (folder / FILE).write_text(json.dumps(statement, indent=2) + "\n", encoding="utf-8")


def list_dependencies(facts: Facts) -> list[dict[str, Any]]:
    """The commit, the lock and the packages; the base's files; what DVC hashed on the way."""
    held = [file for file in (LOCK, PACKAGES) if Path(file).is_file()]
    return [
        {"name": "commit", "digest": {"gitCommit": facts.commit}},
        *({"name": str(one), "digest": {"sha256": hash_file(Path(one))}} for one in held),
        *(
            {"name": f"{facts.base.location}/{one.name}", "digest": {"sha256": one.sha256}}
            for one in facts.base.files
        ),
        *(
            {"name": path, "digest": {"dvcMd5": found}}
            for path, found in sorted(facts.hashes.items())
        ),
    ]
