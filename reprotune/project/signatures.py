"""A signature of an exported folder by a key of one's own: OpenSSF Model Signing."""

from pathlib import Path
from typing import Any

from reprotune.core.errors import InputError

SIGNATURE = "model.sig"
IGNORED = [
    SIGNATURE,
    ".cache",
]  # the Hub's client leaves .cache/huggingface; no model is read there
HINT = "openssl ecparam -name prime256v1 -genkey -noout -out KEY makes one"


def load_library() -> Any:
    """Raise InputError if it is not installed."""
    try:
        import model_signing
    except ImportError:
        raise InputError("signatures need pip install 'reprotune[sign]'") from None
    return model_signing


def sign(folder: Path, key: Path) -> None:
    """Write ``model.sig``, which holds the hash of every other file.

    Raises:
        InputError: there is no such key.
    """
    library = load_library()
    require_key(key, "PRIVATE KEY")
    try:
        signing = library.signing.Config().use_elliptic_key_signer(private_key=key)
        signing.set_hashing_config(choose_hashing(library)).sign(folder, folder / SIGNATURE)
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"{key}: cannot sign ({tell(error)}); {HINT}") from None


def verify(folder: Path, key: Path) -> None:
    """Hold every file of a folder against its signature.

    Raises:
        InputError: a file was changed, added or taken away, or another key signed it, or none.
    """
    library = load_library()
    require_key(key, "PUBLIC KEY")
    signature = folder / SIGNATURE
    if not signature.is_file():
        raise InputError(f"{signature}: no such file, so nobody signed {folder}; do not use it")
    try:
        checking = library.verifying.Config().use_elliptic_key_verifier(public_key=key)
        checking.set_hashing_config(choose_hashing(library)).verify(folder, signature)
    except Exception as error:  # whatever a forged file makes the library stumble over
        raise InputError(
            f"{folder}: not what was signed by the owner of {key} ({tell(error)}); do not use it"
        ) from None


def choose_hashing(library: Any) -> Any:
    """The same for both sides: nothing that the signature itself says is left out."""
    hashing = library.hashing.Config().use_file_serialization(hashing_algorithm="sha256")
    return hashing.set_ignored_paths(paths=IGNORED, ignore_git_paths=False)


def require_key(key: Path, kind: str) -> None:
    """Raise InputError if a file is no key of this kind."""
    try:
        text = key.read_text("ascii")
    except (OSError, ValueError):
        text = ""
    if kind not in text:
        raise InputError(
            f"{key}: no {kind.lower()} in PEM; {HINT}, and `openssl ec -in KEY -pubout "
            "-out KEY.pub` the public one"
        )


def tell(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
