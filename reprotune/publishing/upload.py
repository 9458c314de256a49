"""Put the published folder on the Hub, in one commit or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitInfo, HfApi, get_token
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
)

from reprotune.core.errors import InputError
from reprotune.publishing.facts import Facts
from reprotune.sources.hub import LOGIN, TIMEOUT, Repository, endpoint, explain, redact

SEEN = {True: "private", False: "public"}


def upload(facts: Facts, folder: Path, is_private: bool, as_pull_request: bool) -> CommitInfo:
    """Commit the folder; what an upload that broke off has brought over is not sent again.

    Raises:
        InputError: says what the Hub answered; the repository is as it was.
    """
    if not get_token():
        raise InputError(f"no token of the Hub; {LOGIN}")
    api = HfApi(endpoint())
    with telling(facts.name):
        require_place(api, facts.name, is_private)
        return api.upload_folder(
            repo_id=facts.name,
            folder_path=folder,
            commit_message=f"Model of commit {facts.commit[:10]}",
            commit_description=f"dvc.lock sha256 {facts.lock}",
            create_pr=as_pull_request,
        )


def require_place(api: HfApi, name: str, is_private: bool) -> None:
    """Make the repository, if it is not there.

    Raises:
        InputError: it is there, and others see it who should not, or the other way round.
    """
    try:
        found = api.model_info(name, timeout=TIMEOUT)
    except RepositoryNotFoundError:
        api.create_repo(name, private=is_private, exist_ok=True)
        return
    if found.private != is_private:
        hint = "without --public" if found.private else "with --public"
        raise InputError(
            f"{name} is {SEEN[bool(found.private)]}: run this {hint}, or change its settings "
            f"on {endpoint()}; nothing was sent"
        )


@contextmanager
def telling(name: str) -> Iterator[None]:
    """One sentence for what goes wrong; what is known of downloads is told as there."""
    with explain(Repository(name, "model", "main")):
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
