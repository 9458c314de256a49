"""Every line is on the disk, whole, whoever else writes and whatever happens."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reprotune.core.errors import InputError
from reprotune.data.decisions import COLUMNS, Entry, read_log
from reprotune.review.log import DecisionFile
from tests.core.test_space import ON_SMALL_DISK
from tests.projects import ROOT

WRITER = """
import sys
from pathlib import Path
from reprotune.data.decisions import Entry
from reprotune.review.log import DecisionFile
file = DecisionFile(Path(sys.argv[1]))
for n in range(int(sys.argv[3])):
    row = f"{sys.argv[2]}{n:015x}"
    file.append([Entry(row, "keep", "", sys.argv[2], "", file.next_date(sys.argv[2]))])
    print(row, flush=True)
"""
FILL = """
from pathlib import Path
from reprotune.core.errors import InputError
from reprotune.data.decisions import Entry, read_log
from reprotune.review.log import DecisionFile
path, filler, number = Path("decisions.csv"), Path("filler"), 0
filler.write_bytes(bytes(100_000))
file = DecisionFile(path)
try:
    while True:
        date = file.next_date("ann")
        file.append([Entry(f"{number:016x}", "keep", "", "ann", "note " * 300, date)])
        number += 1
except InputError as error:
    print(error)
print(number)
print(len(read_log(path)))
filler.unlink()
file.append([Entry("f" * 16, "keep", "", "ann", "", file.next_date("ann"))])
print(len(read_log(path)))
"""


def entry(number: int, note: str = "", date: str = "") -> Entry:
    return Entry(f"{number:016x}", "keep", "", "ann", note, date)


def write(file: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(file), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow  # processes with their imports
def test_no_line_of_two_writers_at_once_is_lost(file: Path) -> None:
    writers = [write(file, name, 40) for name in "ab"]
    said = {row for one in writers for row in one.communicate()[0].split()}
    assert {one.id for one in read_log(file)} == said and len(said) == 80


@pytest.mark.slow  # a process with its imports
def test_kill_9_loses_no_line_that_was_reported(file: Path) -> None:
    writer = write(file, "a", 10_000)
    assert writer.stdout
    said = [writer.stdout.readline().strip() for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.read().split()
    found = [one.id for one in read_log(file)]
    assert found[: len(said)] == said and len(found) <= len(said) + 1


@pytest.mark.slow  # a process with its imports
def test_a_full_disk_is_said_and_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", ON_SMALL_DISK]
    done = subprocess.run(
        [*command, sys.executable, FILL],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no disk of its own here: {done.stderr}")
    told, before, after, later = done.stdout.splitlines()
    assert told.startswith("decisions.csv: the disk is full: needs more than the")
    assert before == after and int(later) == int(before) + 1


@pytest.mark.parametrize(
    "left",
    [
        "id;action;label;reviewer;note\n{0};keep;;bob;\n",
        "id,action,label,reviewer,note,\n{0},keep,,bob,,\n",
        "id,action,label,reviewer,note\n{0},keep,,bob,",
        "\ufeffid,action,label,reviewer,note,date\r\n{0},keep,,bob,,\r\n",
    ],
)
def test_a_file_that_excel_or_a_hand_left_is_appended_to_all_the_same(
    file: Path, left: str
) -> None:
    file.write_text(left.format(entry(1).id), "utf-8", newline="")
    DecisionFile(file).append([entry(2)])
    assert [(one.id, one.reviewer) for one in read_log(file)] == [
        (entry(1).id, "bob"),
        (entry(2).id, "ann"),
    ]
    assert file.read_text("utf-8").splitlines()[0] == ",".join(COLUMNS)


def test_what_becomes_of_the_file_meanwhile_is_taken_up_or_said(file: Path) -> None:
    decisions = DecisionFile(file)
    decisions.append([entry(1)])
    other = file.with_name("other.csv")
    other.write_text(f"id,action,label,reviewer,note\n{entry(7).id},keep,,bob,\n")
    other.replace(file)  # as git does
    decisions.append([entry(2)])
    assert [one.id for one in read_log(file)] == [entry(7).id, entry(2).id]
    file.write_text("nonsense\n")
    with pytest.raises(InputError):
        decisions.append([entry(3)])
    assert file.read_text() == "nonsense\n"
    file.unlink()
    with pytest.raises(InputError, match="no such file"):
        decisions.append([entry(3)])


def test_notes_come_back_as_they_were_and_no_spreadsheet_runs_them(file: Path) -> None:
    notes = ["=1+1", "'=x", 'a "quoted", comma; semicolon', "naïve ☃", "-"]
    DecisionFile(file).append([entry(n, note) for n, note in enumerate(notes)])
    assert [one.note for one in read_log(file)] == notes
    assert not any(line.split(",")[4].startswith("=") for line in file.read_text().splitlines())


def test_dates_only_rise_even_if_the_clock_was_set_back(file: Path) -> None:
    late = "9998-12-31T23:59:59.997Z"
    decisions = DecisionFile(file)
    decisions.append([entry(1, date=late)])
    decisions = DecisionFile(file)
    dates = [late, *(decisions.next_date("ann") for _ in range(2))]
    assert dates == sorted(set(dates))
    with pytest.raises(InputError, match=r"dated 9998-12-31T23:59:59.999Z; write when it was said"):
        decisions.next_date("ann")
    assert decisions.next_date("bob") < "9998", "another's clock"
