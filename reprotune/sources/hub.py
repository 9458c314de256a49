"""Files of Hugging Face repositories, each at the commit that is pinned.

They lie in the Hub's own cache (``HF_HOME``). A private or gated repository takes the Hub's
ordinary token, which appears in no message here.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from huggingface_hub import (
    DatasetInfo,
    HfApi,
    ModelInfo,
    constants,
    get_token,
    hf_hub_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)
from huggingface_hub.hf_api import BlobLfsInfo

from reprotune.core.errors import InputError

COMMIT = re.compile(r"[0-9a-f]{40}")
TIMEOUT = 10  # seconds for an answer
LOGIN = "log in with `hf auth login` or set HF_TOKEN"


class Repository(NamedTuple):
    """A repository of the Hub at one revision."""

    name: str  # owner/name
    kind: Literal["model", "dataset"]
    revision: str  # a commit; where it is resolved, a branch or tag

    def __str__(self) -> str:
        return f"{self.kind} {self.name} at {self.revision}"


class Entry(NamedTuple):
    """A file of a repository as the Hub describes it."""

    name: str
    size: int  # bytes
    sha256: str | None  # of large files
    blob: str  # git's own hash


def endpoint() -> str:
    return os.environ.get("HF_ENDPOINT") or constants.ENDPOINT


def describe(repository: Repository, files: bool = False) -> ModelInfo | DatasetInfo:
    """What the Hub says of a repository."""
    api = HfApi(endpoint())
    ask = api.model_info if repository.kind == "model" else api.dataset_info
    with explain(repository):
        return ask(
            repository.name,
            revision=repository.revision,
            timeout=TIMEOUT,
            files_metadata=files,
        )


def find_newest(repository: Repository) -> str:
    """The commit that the revision stands for now."""
    return str(describe(repository).sha)


def list_files(repository: Repository) -> list[Entry]:
    """The files of a repository at its commit."""
    return [
        Entry(
            file.rfilename,
            file.size or 0,
            file.lfs.sha256 if isinstance(file.lfs, BlobLfsInfo) else None,
            file.blob_id or "",
        )
        for file in describe(repository, files=True).siblings or []
    ]


def fetch(repository: Repository, names: Collection[str]) -> dict[str, Path]:
    """These files, from the cache or the Hub; what is downloaded is checked by its hash.

    Raises:
        InputError: says what the Hub answered and what to do; nothing half-downloaded is used.
    """
    if not COMMIT.fullmatch(repository.revision):
        raise InputError(
            f"{repository}: the revision is no commit (40 hexadecimal digits), so another day it "
            "may be something else; `reprotune outdated` says which commit it is now"
        )
    found = {name: find_cached(repository, name) for name in names}
    if not all(found.values()):
        known = {entry.name: entry for entry in list_files(repository)}
        if missing := sorted(set(names) - set(known)):
            raise InputError(f"{repository}: has no {', '.join(missing)}; it has {sorted(known)}")
        for name in (name for name, path in found.items() if path is None):
            found[name] = download(repository, known[name])
    return {name: path for name, path in found.items() if path}


def find_cached(repository: Repository, name: str) -> Path | None:
    with explain(repository):
        path = try_to_load_from_cache(
            repository.name, name, revision=repository.revision, repo_type=repository.kind
        )
    return Path(path) if isinstance(path, str) else None


def download(repository: Repository, entry: Entry) -> Path:
    with explain(repository):
        path = Path(
            hf_hub_download(
                repository.name,
                entry.name,
                revision=repository.revision,
                repo_type=repository.kind,
                endpoint=endpoint(),
                etag_timeout=TIMEOUT,
            )
        )
    if not matches(path, entry):
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise InputError(
            f"{repository}: {entry.name} arrived as something else (a proxy's page, or damaged); "
            "it was removed: try again, or see HF_ENDPOINT and the proxy"
        )
    return path


def matches(path: Path, entry: Entry) -> bool:
    """Whether a file has the hash that the Hub lists: sha256, or git's for small files."""
    size = path.stat().st_size
    digest = hashlib.sha256() if entry.sha256 else hashlib.sha1(b"blob %d\0" % size)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return size == entry.size and digest.hexdigest() == (entry.sha256 or entry.blob)


@contextmanager
def explain(repository: Repository) -> Iterator[None]:
    """Turn what the Hub and the network raise into one message that says what to do."""
    try:
        yield
    except GatedRepoError:
        message = f"its terms must be accepted on {endpoint()} by your account; then {LOGIN}"
    except RepositoryNotFoundError:
        message = f"no such repository, or a private one; check its name, or {LOGIN}"
    except RevisionNotFoundError:
        message = "no such revision (any more); see its commits on the Hub"
    except RemoteEntryNotFoundError:
        message = "a file is not there (any more); see its files on the Hub"
    except HfHubHTTPError as error:
        status = error.response.status_code
        message = f"the Hub answers {status}; " + (
            f"your token is refused: {LOGIN}" if status in (401, 403) else "try again later"
        )
    except HFValidationError as error:
        message = f"no name of a repository: {redact(error)}"
    except (OfflineModeIsEnabled, LocalEntryNotFoundError, HTTPError, XetDownloadError) as error:
        message = (
            f"{endpoint()} cannot be reached ({redact(error)}); try again, what has arrived is kept"
        )
    except OSError as error:
        message = f"a download failed ({redact(error)}); try again, what has arrived is kept"
    else:
        return
    raise InputError(f"{repository}: {message}")


def redact(error: Exception) -> str:
    """The first line of an error, without the token."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    token = get_token()
    return text.replace(token, "[token]") if token else text
