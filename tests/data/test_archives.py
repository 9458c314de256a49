"""A file comes out of a zip archive as it went in; archives built to do harm are refused."""

import io
import re
import struct
import zipfile

import pytest

from reprotune.core.errors import InputError
from reprotune.data.reading.archives import divide, read_member

TEXT = "Größe@neutral\n".encode("latin-1")


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(("location", "parts"), [
    ("a.csv", ("a.csv", "")),
    ("data/a.zip", ("data/a.zip", "")),
    ("data/a-v1.0.zip/a-v1.0/b.txt", ("data/a-v1.0.zip", "a-v1.0/b.txt")),
    ("https://host/a.zip/b.txt", ("https://host/a.zip", "b.txt")),
])  # fmt: skip
def test_a_location_is_divided_at_the_archive(location: str, parts: tuple[str, str]) -> None:
    assert divide(location) == parts


def test_a_member_comes_out_as_it_went_in() -> None:
    assert read_member(zipped({"d/a.txt": TEXT, "b": b""}), "d/a.txt", "x.zip") == TEXT


@pytest.mark.parametrize("name", ["../a.txt", "/etc/a.txt", "d/../../a.txt"])
def test_names_that_lead_out_are_refused_even_beside_good_ones(name: str) -> None:
    with pytest.raises(InputError, match=f"lead out of it, such as '{re.escape(name)}'"):
        read_member(zipped({"a.txt": TEXT, name: b"bad"}), "a.txt", "x.zip")


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(InputError, match=r"unpacks from \d+ to 50000000 bytes"):
        read_member(zipped({"a.txt": bytes(50_000_000)}), "a.txt", "x.zip")


def test_a_bomb_that_hides_its_size_unpacks_no_further_than_it_says() -> None:
    raw = zipped({"a.txt": bytes(50_000_000)}).replace(
        struct.pack("<L", 50_000_000), struct.pack("<L", 1000)
    )
    with pytest.raises(InputError, match="not readable as a zip archive"):
        read_member(raw, "a.txt", "x.zip")


@pytest.mark.parametrize(("raw", "message"), [
    (b"<!DOCTYPE html>", "not readable as a zip archive"),
    (zipped({"a.txt": TEXT * 100})[:60], "not readable as a zip archive"),
    (zipped({"a.txt": TEXT * 100}).replace(TEXT[:2], b"xx"), None),
    (zipped({"b.txt": TEXT}), r"has no 'a\.txt'; it has \['b\.txt'\]"),
], ids=["a page", "cut off", "damaged", "another member"])  # fmt: skip
def test_what_is_no_such_archive_is_refused(raw: bytes, message: str | None) -> None:
    if message is None:
        raw = raw[:40] + bytes([raw[40] ^ 0xFF]) + raw[41:]
        message = "not readable as a zip archive"
    with pytest.raises(InputError, match=message):
        read_member(raw, "a.txt", "x.zip")
