"""A file from an address is the one with the hash, whole, or the message says why not."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reprotune.core.errors import InputError
from reprotune.sources import http
from tests import hub
from tests.hub import Hub, Repo

ROWS = b"text,label\n" + b"".join(b"Profit rose by %d %%,positive\n" % n for n in range(50_000))
HASH = hashlib.sha256(ROWS).hexdigest()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(http, "TIMEOUT", (1, 1))
    with hub.served() as served:
        yield served


def at(stand_in: Hub, content: bytes = ROWS, fault: str = "", faults: int = 10**9) -> str:
    stand_in.plain["rows.csv"] = Repo({"": {"": content}}, {}, fault=fault, faults=faults)
    return f"{stand_in.address}/rows.csv"


def test_a_file_is_fetched_once(stand_in: Hub, tmp_path: Path) -> None:
    url = at(stand_in)
    for _ in range(2):
        assert http.fetch(url, HASH, tmp_path).read_bytes() == ROWS
    assert len(stand_in.requests) == 1


@pytest.mark.parametrize("faults", [1, 2])
def test_a_download_that_was_cut_off_goes_on(stand_in: Hub, tmp_path: Path, faults: int) -> None:
    url = at(stand_in, fault="truncated", faults=faults)
    assert http.fetch(url, HASH, tmp_path).read_bytes() == ROWS


def test_what_an_earlier_call_left_is_not_fetched_again(stand_in: Hub, tmp_path: Path) -> None:
    url = at(stand_in, fault="truncated")
    with pytest.raises(InputError, match="what has arrived is kept"):
        http.fetch(url, HASH, tmp_path)
    kept = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert [file.suffix for file in tmp_path.iterdir()] == [".partial"]
    assert len(ROWS) / 2 < kept < len(ROWS)
    at(stand_in)
    assert http.fetch(url, HASH, tmp_path).read_bytes() == ROWS


def test_another_content_is_refused_and_removed(stand_in: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"its sha256 is .*download.files says {HASH}"):
        http.fetch(at(stand_in, ROWS[:-1]), HASH, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_another_content_is_fetched_anew(stand_in: Hub, tmp_path: Path) -> None:
    partial = tmp_path / f"{HASH}.partial"
    partial.write_bytes(b"something else")
    assert http.fetch(at(stand_in), HASH, tmp_path).read_bytes() == ROWS
    partial.write_bytes(ROWS[:9])
    (tmp_path / HASH).unlink()
    changed = ROWS[9:]
    with pytest.raises(InputError, match=hashlib.sha256(changed).hexdigest()):
        http.fetch(at(stand_in, changed), HASH, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_damaged_since_is_fetched_again(stand_in: Hub, tmp_path: Path) -> None:
    (tmp_path / HASH).write_bytes(b"\0" * len(ROWS))
    assert http.fetch(at(stand_in), HASH, tmp_path).read_bytes() == ROWS


@pytest.mark.parametrize(("fault", "message"), [
    ("page", "it is a web page: take the address of the file itself"),
    ("broken", "the server answers 500"),
    ("slow", "no answer for 1 seconds|cannot be fetched.*[Tt]imed? ?out"),
])  # fmt: skip
def test_a_fault_is_named_and_no_file_is_there(
    stand_in: Hub, tmp_path: Path, fault: str, message: str
) -> None:
    url = at(stand_in, fault=fault)
    with pytest.raises(InputError, match=message):
        http.fetch(url, HASH, tmp_path)
    assert not (tmp_path / HASH).exists()


@pytest.mark.parametrize(("url", "message"), [
    ("http://127.0.0.1:9/a.csv", "cannot be fetched.*refused"),
    ("ftp://host/a.csv", "begins with https"),
    ("data/a.csv", "not an address"),
    ("https://me:secret@host/a.csv", "^host: the address holds a name or password"),
])  # fmt: skip
def test_an_address_that_leads_nowhere_is_refused(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        http.fetch(url, HASH, tmp_path)
    assert "secret" not in str(caught.value)


def test_a_page_that_is_not_there_is_named(stand_in: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the server answers 404"):
        http.fetch(f"{stand_in.address}/absent.csv", HASH, tmp_path)


def test_the_hash_of_what_an_address_holds_now(stand_in: Hub) -> None:
    assert http.hash_current(at(stand_in)) == HASH
