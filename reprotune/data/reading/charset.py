"""From bytes to text, and what to try when they are no text."""

import codecs
import re
from contextlib import suppress

from charset_normalizer import from_bytes

from reprotune.core.errors import InputError
from reprotune.data.reading.bad_rows import UNDECODED, count_allowed

FEW = 0.01  # share of bytes beyond ASCII that tells nothing: Western then
WHOLE = 0.9  # share of the characters beyond ASCII that are whole in a damaged file in UTF-8
MANY = 0.1  # share of such signs that no right encoding makes
START = 1 << 16  # bytes that show whether two make a character
ASCII = 0.1  # share of the characters that are, in any text: spaces, line breaks, figures
CLOSE = 0.02  # difference of coherence that tells nothing
MARKS = {  # byte-order marks; the longer first, for one begins with another
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
UNDECODABLE = re.compile(f"[{chr(UNDECODED)}-{chr(UNDECODED + 255)}]")
AMID = re.compile(r"(?<=[^\W\d_])[¹²³¿¡£¥¦¤±¶¬×÷¼½¾¢©®§](?=[^\W\d_])")
LIKELY = [  # what files are in, if not in Unicode: a rarer guess is mostly wrong
    *("latin_1", "cp1252", "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp1253", "iso8859_7"),
    *("cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874", "cp437", "cp850", "cp866"),
    *("mac_roman", "cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr", "cp949"),
    *("utf_16", "utf_32"),
]


def mark_bytes(error: UnicodeError) -> tuple[str, int]:
    """Put a character that no text has in the place of each byte that is none."""
    assert isinstance(error, UnicodeDecodeError)
    wrong = error.object[error.start : error.end]
    return "".join(chr(UNDECODED + byte) for byte in wrong), error.end


codecs.register_error("mark_bytes", mark_bytes)


def decode(raw: bytes, path: str, encoding: str, bad_rows: float) -> str:
    """The text of a file, without a byte-order mark; ``path`` is what messages call it.

    A byte that is not in the encoding becomes a character from ``UNDECODED`` on.

    Raises:
        InputError: more than the share ``bad_rows`` of the lines has such bytes, or NUL: says
            which is the first, and which encoding to try.
    """
    try:
        name = codecs.lookup(encoding).name
        marked = raw[:4].decode(name, "ignore").startswith("\ufeff")
    except LookupError:
        raise InputError(
            f"download.encoding: {encoding!r} is no encoding that Python knows"
        ) from None
    if (mark := find_mark(raw)) not in (None, name.removesuffix("-sig")) and not marked:
        raise InputError(
            f"{path}: starts with the byte-order mark of {mark}; set download.encoding: {mark}"
        )
    try:
        text = raw.decode(name)
    except UnicodeDecodeError as error:
        text = raw.decode(name, "mark_bytes")
        if is_in_many_lines(UNDECODABLE.pattern, text, bad_rows):
            line = raw[: error.start].count(b"\n") + 1
            raise InputError(
                f"{path}: byte 0x{raw[error.start]:02x} at offset {error.start}, in line {line}, "
                f"is not {encoding}; try download.encoding: {guess_encoding(raw)}"
            ) from None
    text = text.removeprefix("\ufeff")
    if "\0" in text and is_in_many_lines("\0", text, bad_rows):
        line = text[: text.index("\0")].count("\n") + 1
        wide = find_wide(raw)
        raise InputError(
            f"{path}: line {line} holds a NUL character, as damaged files and those in UTF-16 or "
            "UTF-32 do; remove it, or "
            f"{f'set download.encoding: {wide}' if wide else 'save it as UTF-8'}"
        )
    if not name.startswith("utf") and not raw.isascii() and is_utf8(raw):
        raise InputError(
            f"{path}: is in UTF-8, and would be garbled as {encoding}; set download.encoding: utf-8"
        )
    return text


def is_in_many_lines(character: str, text: str, bad_rows: float) -> bool:
    """Whether more lines than may be bad hold a character (a pattern)."""
    lines = text.count("\n") + 1
    return len(re.findall(f"{character}.*", text)) > count_allowed(lines, bad_rows)


def find_mark(raw: bytes) -> str | None:
    """The encoding whose byte-order mark comes first, if any."""
    return next((name for mark, name in MARKS.items() if raw.startswith(mark)), None)


def find_wide(raw: bytes) -> str | None:
    """UTF-32 or UTF-16 without a mark.

    Four bytes of other texts are no character at all in UTF-32. In UTF-16, ASCII's other bytes,
    which are 0, all come first or all second.
    """
    for name in ("utf-32-le", "utf-32-be"):
        with suppress(UnicodeDecodeError):
            top = raw[: min(START, len(raw) // 4 * 4)].decode(name)
            if top and "\0" not in top:
                return name
    first, second = raw[:START:2].count(0), raw[1:START:2].count(0)
    if first + second < ASCII * min(len(raw), START) / 2:
        return None
    if min(first, second) > FEW * (first + second):
        return None
    return "utf-16-be" if first > second else "utf-16-le"


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_damaged_utf8(raw: bytes) -> bool:
    """Whether nearly all that is beyond ASCII is whole in UTF-8, as it never is in others."""
    text = raw.decode("utf-8", "mark_bytes")
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    return len(UNDECODABLE.findall(text)) < (1 - WHOLE) * beyond


def has_signs_in_words(text: str) -> bool:
    """Whether many of the characters beyond ASCII are signs amid letters, as in z³oty for złoty."""
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    return len(AMID.findall(text)) > MANY * beyond


def guess_encoding(raw: bytes) -> str:
    """The most likely encoding, as charset-normalizer sees it; among equals the commonest."""
    if mark := find_mark(raw) or find_wide(raw):
        return mark
    if is_utf8(raw) or is_damaged_utf8(raw):
        return "utf-8"
    beyond = raw.translate(None, bytes(range(128)))
    if len(beyond) < FEW * len(raw):
        return "cp1252" if any(byte < 0xA0 for byte in beyond) else "latin-1"
    found = list(from_bytes(raw, cp_isolation=LIKELY))
    matches = [match for match in found if not has_signs_in_words(str(match))] or found
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
