"""Put the published folder on the Hub, in one commit or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from huggingface_hub import CommitInfo, HfApi, get_token
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
)

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.seals import SEAL
from reprotune.core.signing import INSIDE
from reprotune.publishing.facts import Release
from reprotune.sources.hub import (
    LOGIN,
    TIMEOUT,
    Repository,
    endpoint,
    explain,
    fetch,
    list_files,
    redact,
)

SEEN = {True: "private", False: "public"}


def upload(release: Release, folder: Path, is_private: bool, as_pull_request: bool) -> CommitInfo:
    """Commit the folder; what an upload that broke off has brought over is not sent again.

    Raises:
        InputError: says what the Hub answered; the repository is as it was.
    """
    if not get_token():
        raise InputError(f"no token of the Hub; {LOGIN}")
    api = HfApi(endpoint())
    with telling(release):
        there = find_place(api, release, is_private)
        return api.upload_folder(
            repo_id=release.name,
            repo_type=release.kind,
            folder_path=folder,
            commit_message=f"{release.kind.capitalize()} of commit {release.commit[:10]}",
            commit_description=f"dvc.lock sha256 {release.lock}",
            create_pr=as_pull_request,
            delete_patterns=[*map(escape, list_outdated(there, folder))] if there else None,
        )


def find_place(api: HfApi, release: Release, is_private: bool) -> Repository | None:
    """The repository as it is; None if it was not there, and is made.

    Raises:
        InputError: it is there, and others see it who should not, or the other way round.
    """
    name, kind = release.name, release.kind
    ask = api.model_info if kind == "model" else api.dataset_info
    try:
        found = ask(name, timeout=TIMEOUT)
    except RepositoryNotFoundError:
        api.create_repo(name, repo_type=kind, private=is_private, exist_ok=True)
        return None
    if found.private != is_private:
        hint = "without --public" if found.private else "with --public"
        raise InputError(
            f"{name} is {SEEN[bool(found.private)]}: run this {hint}, or change its settings "
            f"on {endpoint()}; nothing was sent"
        )
    return Repository(name, kind, str(found.sha))


def list_outdated(there: Repository, folder: Path) -> set[str]:
    """The files that an earlier push has sent and this one has not.

    A loader would take them with the new ones: whole weights before those in shards. What people
    have put there is none of ours.
    """
    known = {entry.name for entry in list_files(there)}
    sent = {INSIDE}
    if SEAL in known:
        with suppress(ValueError, TypeError):  # of somebody else
            sent |= {*parse_json(fetch(there, [SEAL])[SEAL].read_bytes())}
    return sent & known - {file.name for file in folder.iterdir()}


@contextmanager
def telling(release: Release) -> Iterator[None]:
    """One sentence for what goes wrong; what is known of downloads is told as there."""
    name = release.name
    with explain(Repository(name, release.kind, "main")):
        try:
            yield
        except RuntimeError as error:  # of a thread
            cause = error.__cause__
            if not isinstance(cause, HfHubHTTPError | HTTPError | OSError):
                raise InputError(
                    f"{name}: the upload failed ({redact(error)}); try again"
                ) from None
            error.__cause__ = error.__context__ = None  # else the chain is a circle
            raise cause from None
        except HfHubHTTPError as error:
            if found := explain_refusal(error):
                raise InputError(f"{name}: {found}") from None
            raise
        except ValueError as error:
            if isinstance(error, InputError | HTTPError):
                raise
            raise InputError(f"{name}: the Hub refuses it ({redact(error)})") from None


def explain_refusal(error: HfHubHTTPError) -> str | None:
    status = error.response.status_code
    if status == 403:
        return "the Hub answers 403; your token may not write there: give it the right, or another"
    if status in (409, 412):
        return f"the Hub answers {status}; another change came at the same time: run this again"
    return None
