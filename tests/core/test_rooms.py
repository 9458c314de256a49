"""The rooms of the library that a project pins, against the code that is installed."""

from pathlib import Path

import pytest

from reprotune.core import rooms
from reprotune.core.errors import InputError


def test_another_line_or_another_place_in_a_room_is_another_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "PACKAGE", tmp_path)
    (tmp_path / "data").mkdir()
    hash_room = rooms.hash_room.__wrapped__
    hashes = [hash_room("data")]
    (tmp_path / "data/one.py").write_text("1")
    hashes.append(hash_room("data"))
    (tmp_path / "data/one.py").write_text("2")
    hashes.append(hash_room("data"))
    (tmp_path / "data/one.py").rename(tmp_path / "data/two.py")
    hashes.append(hash_room("data"))
    assert len(set(hashes)) == 4
    (tmp_path / "data/note.txt").write_text("no code")
    (tmp_path / "data/.#two.py").write_text("of an editor")
    assert hash_room("data") == hashes[-1]


def test_packages_and_rooms_are_told_apart_whatever_wrote_them() -> None:
    pins = {"tables": {"numpy": "2.4"}, "reprotune": {"tables": "ab"}, "torch": "2.13"}
    found = dict(rooms.list_pinned(pins))
    assert found == {"numpy": "2.4", "reprotune.tables": "ab", "torch": "2.13"}
    assert dict(rooms.list_pinned({"reprotune.tables": "ab"})) == {"reprotune.tables": "ab"}
    assert [rooms.find_room(name) for name in found] == [None, "tables", None]


def test_a_room_of_other_code_than_the_pins_stops(tmp_path: Path) -> None:
    rooms.require_pinned(tmp_path)
    pins = tmp_path / "pins.yaml"
    pins.write_text("tables: {numpy: '0'}\n")
    rooms.require_pinned(tmp_path)
    known = rooms.hash_room("data")
    pins.write_text(f"reprotune: {{data: '{known}', tables: '0000', gone: '1111'}}\n")
    with pytest.raises(InputError, match=r"in tables, gone; `reprotune upgrade` takes it"):
        rooms.require_pinned(tmp_path)
