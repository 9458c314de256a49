"""Signatures of exported folders with a key of one's own, in the format of OpenSSF's model-signing.

A hash says that a folder is whole, a signature also whose it is. No service is asked.
"""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reprotune.core.errors import InputError
from reprotune.core.io import whole_file

INSIDE = "model.sig"  # where others look for it; an export's is beside, for DVC owns that folder
PASSWORD = "REPROTUNE_KEY_PASSWORD"


def place_signature(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.sig")


def sign(folder: Path, key: Path, signature: Path) -> None:
    """Sign every file of a folder with a private key (PEM, of an elliptic curve).

    Raises:
        InputError: there is no such key or folder, or the extra is not installed.
    """
    hashing, signing, _ = load_library()
    if not folder.is_dir():
        raise InputError(f"{folder}: no exported model here; `dvc repro` makes one")
    make = signing.Config().set_hashing_config(see_all(hashing, signature)).use_elliptic_key_signer
    password = os.environb.get(PASSWORD.encode())
    signer = use(key, lambda: make(private_key=key, password=password))
    with whole_file(signature) as partial:
        signer.sign(folder.absolute(), partial)


def verify(folder: Path, key: Path) -> None:
    """See that a folder has the very files that were signed, by the owner of a public key.

    Raises:
        InputError: a file is another, is missing or was added, or another key has signed.
    """
    hashing, _, verifying = load_library()
    beside = place_signature(folder)
    signature = folder / INSIDE if (folder / INSIDE).is_file() else beside
    if not signature.is_file():
        raise InputError(f"{folder}: not signed: there is no {folder / INSIDE} and no {beside}")
    make = verifying.Config().set_hashing_config(see_all(hashing, signature))
    verifier = use(key, lambda: make.use_elliptic_key_verifier(public_key=key))
    try:
        verifier.verify(folder.absolute(), signature)
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{folder}: not what the owner of {key} signed ({told}); take the folder and "
            f"{signature} again from where they come from"
        ) from None


def see_all(hashing: Any, signature: Path) -> Any:
    """All files count, git's too, but for the signature; DVC may have linked them."""
    found = hashing.Config().set_ignored_paths(paths=[signature.absolute()], ignore_git_paths=False)
    return found.set_allow_symlinks(True)


def use(key: Path, take: Callable[[], Any]) -> Any:
    """What takes a key.

    Raises:
        InputError: it is none.
    """
    try:
        return take()
    except Exception as error:
        kind = "no such file" if not key.is_file() else str(error)
        raise InputError(f"{key}: no key of an elliptic curve in PEM ({kind})") from None


def load_library() -> tuple[Any, Any, Any]:
    """Raises InputError if the extra is not installed."""
    if not (find_spec("model_signing") and find_spec("OpenSSL")):
        raise InputError("model-signing is not installed; pip install 'reprotune[signing]'")
    from model_signing import hashing, signing, verifying

    return hashing, signing, verifying
