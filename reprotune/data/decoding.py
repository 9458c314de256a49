"""From bytes to text, and what to try when they are no text."""

import codecs
from pathlib import Path

from charset_normalizer import from_bytes

from reprotune.params import InputError

CLOSE = 0.02  # difference of coherence that tells nothing
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(path: Path, encoding: str) -> str:
    """The text of a file, without a byte-order mark.

    Raises:
        InputError: says which byte in which line is wrong, and which encoding to try.
    """
    raw = path.read_bytes()
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise InputError(
            f"download.encoding: {encoding!r} is no encoding that Python knows"
        ) from None
    guess = "utf-16" if raw.startswith(UTF16) else "utf-8"
    if raw.startswith((codecs.BOM_UTF8, *UTF16)) and not name.startswith(guess):
        raise InputError(
            f"{path}: starts with the byte-order mark of {guess}; set download.encoding: {guess}"
        )
    try:
        text = raw.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: byte 0x{raw[error.start]:02x} at offset {error.start}, in line {line}, is "
            f"not {encoding}; try download.encoding: {guess_encoding(raw)}"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(
            f"{path}: line {line} holds a NUL character, as damaged files and those in UTF-16 do; "
            "remove it, or try download.encoding: utf-16"
        )
    if not name.startswith("utf") and not raw.isascii() and is_utf8(raw):
        raise InputError(
            f"{path}: is in UTF-8, and would be garbled as {encoding}; set download.encoding: utf-8"
        )
    return text


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def guess_encoding(raw: bytes) -> str:
    """The most likely encoding, as charset-normalizer sees it; among equals the commonest."""
    if is_utf8(raw):
        return "utf-8"
    matches = list(from_bytes(raw))
    if not matches:
        return "latin-1"
    best = max(match.coherence for match in matches if match.chaos <= matches[0].chaos)
    equal = {
        codecs.lookup(name).name
        for match in matches
        if match.chaos <= matches[0].chaos and match.coherence >= best - CLOSE
        for name in (match.encoding, *match.could_be_from_charset)
    }
    common = (name for name in ("latin-1", "cp1252") if codecs.lookup(name).name in equal)
    return next(common, matches[0].encoding)
