"""Files from an address, told apart by their hash."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from reprotune.core.errors import InputError
from reprotune.core.io import put_in_place
from reprotune.core.seals import hash_file

TIMEOUT = (10, 60)  # seconds to connect, and between two parts of the answer
ATTEMPTS = 3
BLOCK = 1 << 16


def fetch(url: str, sha256: str, folder: Path) -> Path:
    """The file with this hash, from ``folder`` or else from the address.

    An interrupted download goes on where it stopped, in this call or a later one; if that was of
    another content, it begins anew. What a power cut has damaged is fetched again.

    Raises:
        InputError: what the server answered, or that the hash is another; no such file is kept.
    """
    whole, partial = folder / sha256, folder / f"{sha256}.partial"
    if whole.is_file() and hash_file(whole) == sha256:
        return whole
    check_address(url)
    folder.mkdir(parents=True, exist_ok=True)
    is_begun = partial.is_file()
    while (actual := complete(url, partial)) != sha256:
        page = partial.open("rb").read(512).lstrip().lower().startswith((b"<!doctype", b"<html"))
        partial.unlink()
        if not is_begun:
            raise InputError(
                f"{url}: its sha256 is {actual}, download.files says {sha256}"
                f"{'; it is a web page: take the address of the file itself' if page else ''}; "
                "correct the hash if the change is meant"
            )
        is_begun = False
    put_in_place(partial, whole)
    return whole


def complete(url: str, partial: Path) -> str:
    """Fetch what the partial file lacks, in some attempts; the hash of it all."""
    with explain(url):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                append(url, partial)
                break
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                if attempt == ATTEMPTS:
                    raise
    return hash_file(partial)


def append(url: str, partial: Path) -> None:
    """Fetch what the partial file still lacks."""
    have = partial.stat().st_size if partial.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is lacking, or the file is another: its hash will tell
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        with partial.open("ab" if resumed else "wb") as file:
            for block in answer.iter_content(BLOCK):
                file.write(block)


def hash_current(url: str) -> str:
    """The sha256 of what the address holds now."""
    check_address(url)
    value = hashlib.sha256()
    with explain(url), requests.get(url, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        for block in answer.iter_content(BLOCK):
            value.update(block)
    return value.hexdigest()


def check_address(url: str) -> None:
    """Raise InputError unless it is an http or https address without a password."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InputError(f"{url}: not an address; it begins with https:// or http://")
    if parts.username or parts.password:
        raise InputError(
            f"{parts.hostname}: the address holds a name or password, which would be in git; put "
            "them into ~/.netrc"
        )


@contextmanager
def explain(url: str) -> Iterator[None]:
    """Turn what the network raises into one message that says what to do."""
    try:
        yield
    except requests.HTTPError as error:
        assert error.response is not None
        status = error.response.status_code
        raise InputError(
            f"{url}: the server answers {status} {error.response.reason}; check the address"
            f"{', or put your access into ~/.netrc' if status in (401, 403) else ''}"
        ) from None
    except requests.Timeout:
        raise InputError(
            f"{url}: no answer for {TIMEOUT[1]} seconds; try again, what has arrived is kept"
        ) from None
    except requests.RequestException as error:
        raise InputError(
            f"{url}: cannot be fetched ({type(error).__name__}: {find_cause(error)}); try again, "
            "what has arrived is kept"
        ) from None


def find_cause(error: BaseException) -> str:
    """The innermost cause, which says it plainest."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error)
