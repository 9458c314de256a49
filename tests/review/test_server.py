"""Only who was given the address reads or writes; the page works without a script."""

import html
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import requests

from reprotune.core.errors import InputError
from reprotune.data.decisions import read_decisions, read_log
from reprotune.review.log import DecisionFile
from reprotune.review.page import Page
from reprotune.review.queue import Queue
from reprotune.review.server import Server
from reprotune.review.session import Form, Session
from tests.review.conftest import CLASSES, FINDINGS, IDS, Start

GUIDE = "# Classes\n\n- **good** is <script>alert(1)</script> [good](https://example.org)\n"


@pytest.fixture
def server(start: Start, tmp_path: Path) -> Iterator[Server]:
    guidelines = tmp_path / "guidelines.md"
    guidelines.write_text(GUIDE)
    with Server(start("ann"), Page(guidelines)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def post(server: Server, name: str, /, **form: object) -> requests.Response:
    return requests.post(f"{server.address}{name}", data=form, timeout=30)


def test_a_row_is_shown_with_all_that_a_reviewer_needs(server: Server) -> None:
    answer = requests.get(server.address, timeout=30)
    page = re.sub(r"\s+", " ", answer.text)
    for part in (
        "the same words twice",
        'Its label: <b class="class" dir="auto">good</b>',
        'dir="auto" tabindex="0">the same',  # a long text is scrolled by keys
        "0 of 4 decided",
        "Is its label right?",
        "Most similar rows",
        'role="status" aria-live="polite"',
        "<strong>good</strong> is &lt;script&gt;alert(1)&lt;/script&gt; [good](https://example.org)",
        'value="label:bad" data-key="1"',
        'value="label:good" data-key="2"',
        "What the machine says is a guess",
    ):
        assert part in page, part
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?! src=\"page\.js\")|style=|onclick|https?://(?!example)", page)


def test_a_text_is_shown_and_not_obeyed(server: Server) -> None:
    page = requests.get(f"{server.address}?row={IDS[5]}", timeout=30).text
    assert "&lt;b&gt;sales&lt;/b&gt; fell, \\u202eand nobody" in page
    hostile = requests.get(
        f"{server.address}?text=%22%3E%3Cscript%3E&show=nonsense&issue=%3Cb%3E", timeout=30
    ).text
    assert "<script>" not in hostile and "&#34;&gt;&lt;script&gt;" in hostile


def test_an_answer_leads_to_the_next_row_without_a_script(server: Server, file: Path) -> None:
    first = requests.get(server.address, timeout=30).text
    fields = dict(re.findall(r'<input type="hidden" name="(id|seen)" value="(.*?)">', first))
    answer = post(server, "decide", **fields, answer="label:bad", note="sure")
    assert answer.history[0].status_code == 303 and "Written: it is bad (sure)." in answer.text
    assert f'data-row="{IDS[1]}"' in answer.text and "Is its label right?" not in answer.text
    assert read_decisions(file)["note"].tolist() == ["sure"]
    undone = post(server, "undo")
    assert f'data-row="{IDS[0]}"' in undone.text and len(read_decisions(file)) == 0


def test_any_name_of_a_class_comes_back_from_a_form(server: Server, start: Start) -> None:
    names = ["a\nb", "c\rd", "50%25", "</button><script>", 'k"', "\u202eevil", "keep", "label:x"]
    server.session = start("bob", classes=names)
    for number, name in enumerate(names[: len(IDS)]):
        page = requests.get(f"{server.address}?row={IDS[number]}", timeout=30).text
        sent = html.unescape(re.findall(r'name="answer" value="(label:.*?)"', page, re.S)[number])
        told = post(server, "decide", id=IDS[number], answer=re.sub(r"\r\n|\r|\n", "\r\n", sent))
        assert "Written: " in told.text and "<script>" not in told.text
        assert server.session.file.opinions.settle(IDS[number])[0].label == name
    typed = post(server, "decide", id=IDS[0], answer="", typed="50", seen=page_seen(server))
    assert "Written: it is 50%25" in typed.text


def test_second_opinions_are_offered_where_others_have_answered(
    server: Server, start: Start
) -> None:
    for row in IDS:
        done = post(server, "decide", id=row, answer="keep", seen="").text
    assert "If you are done" in done and "second opinions" not in done
    server.session = start("bob")
    assert "second opinions" in requests.get(server.address, timeout=30).text


def page_seen(server: Server) -> str:
    """What a page of the first row says that it has seen."""
    page = requests.get(f"{server.address}?row={IDS[0]}", timeout=30).text
    return re.findall(r'name="seen" value="(.*?)"', page)[0]


def test_a_text_of_millions_of_characters_leaves_a_page_that_opens(
    server: Server, file: Path
) -> None:
    texts = ["\u202e\0<b> " * 50_000, "short"]
    rows = pd.DataFrame({"id": IDS[:2], "text": texts, "label": "bad", "role": "train"})
    queue = Queue(rows, FINDINGS[:0])
    server.session = Session(queue, DecisionFile(file), "ann", CLASSES)
    page = requests.get(f"{server.address}?issue=any&row={IDS[0]}", timeout=30).text
    assert len(page) < 300_000 and "and 280000 characters more" in page
    page = requests.get(f"{server.address}?issue=any&row={IDS[1]}", timeout=30).text
    assert "characters more" not in page


def test_what_is_no_answer_is_told_and_writes_nothing(server: Server, file: Path) -> None:
    before = file.read_bytes()
    assert "Not written: no answer was chosen" in post(server, "decide", id=IDS[0], answer="").text
    assert "no class is called" in post(server, "decide", id=IDS[0], answer="label:poor").text
    assert "not in the data" in post(server, "decide", id="x", answer="keep").text
    assert "Nothing is left to undo" in post(server, "undo").text
    assert post(server, "drop").status_code == 404
    assert requests.get(f"{server.address}../../etc/passwd", timeout=30).status_code in {403, 404}
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1.evil.example:{port}"},
    ],
)
def test_another_page_of_the_browser_can_neither_read_nor_write(
    server: Server, file: Path, headers: dict[str, str]
) -> None:
    sent = {name: value.format(port=server.server_port) for name, value in headers.items()}
    form = {"id": IDS[0], "answer": "keep"}
    post = requests.post(f"{server.address}decide", data=form, headers=sent, timeout=30)
    got = requests.get(server.address, headers=sent, timeout=30)
    assert (post.status_code, got.status_code) == (403, 403)
    assert "same words" not in got.text and len(read_decisions(file)) == 0


def test_nothing_is_told_without_the_secret_of_this_session(server: Server, file: Path) -> None:
    root = f"http://127.0.0.1:{server.server_port}"
    for path in ("", "/", "/x/", f"/{server.token[:-1]}/", "/page.js", "/%00/"):
        assert requests.get(root + path, timeout=30).status_code == 403
    form = {"id": IDS[0], "answer": "keep"}
    told = requests.post(f"{root}/of-yesterday/decide", data=form, timeout=30)
    assert told.status_code == 403 and "Open the address that" in told.text
    assert len(read_decisions(file)) == 0
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("line", ["GET * HTTP/1.1", "GET //[ HTTP/1.1", "PUT / HTTP/1.1", "\xff"])
def test_a_request_that_is_none_ends_with_an_answer(
    server: Server, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as asked:
        host = f"Host: 127.0.0.1:{server.server_port}\r\nConnection: close"
        asked.sendall(f"{line}\r\n{host}\r\n\r\n".encode("latin-1"))
        assert re.search(rb"HTTP/1.1 (403|400|501)|Error code: 400", asked.recv(1000))
    assert "Traceback" not in capsys.readouterr().err


def test_a_note_is_one_line_whatever_is_in_it(server: Server, file: Path) -> None:
    post(server, "decide", id=IDS[0], answer="keep", note="=a\r\nb,\x00\x1b[31m\u202e")
    assert read_log(file)[-1].note == "=a b,\\u0000\\u001b[31m\\u202e"
    assert len(file.read_bytes().splitlines()) == 2


def test_what_is_wrong_with_the_file_is_told_on_the_page(server: Server, file: Path) -> None:
    file.write_text("id;nonsense\n")
    told = post(server, "decide", id=IDS[0], answer="keep")
    assert told.status_code == 409 and "its first row is 'id,nonsense', not 'id,act" in told.text
    assert file.read_text() == "id;nonsense\n"


def test_the_figures_page_tells_how_reviewers_agree(server: Server, start: Start) -> None:
    assert (
        "No row was decided by two people"
        in requests.get(f"{server.address}figures", timeout=30).text
    )
    for session in (start("bob"), start("cyd")):
        for row, answer in ((IDS[0], "keep"), (IDS[1], "label:good"), (IDS[5], "keep")):
            session.decide(Form(row, answer, "", "", ()))
    server.session.follow()
    page = requests.get(f"{server.address}figures", timeout=30).text
    assert "3 of 4 doubted rows are decided: 1 of them had a wrong label" in page
    assert "bob, cyd" in page and "<td>3</td><td>100 %</td><td>1.00</td>" in page


def test_a_port_that_is_taken_is_told(server: Server, start: Start) -> None:
    with pytest.raises(InputError, match=rf"port {server.server_port}: .*without --port"):
        Server(start("bob"), Page(), server.server_port)


def test_at_the_usual_port_of_http_no_browser_names_it(start: Start) -> None:
    with Server(start("ann"), Page()) as server:
        server.server_port = 80
        assert server.names == {"127.0.0.1", "localhost"}
