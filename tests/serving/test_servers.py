"""Which stock servers take an exported folder, and how they are started."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reprotune.cli import main
from reprotune.core.errors import InputError
from reprotune.core.seals import CLASSIFIER, seal
from reprotune.serving.servers import list_fitting, require_free, start


def put_model(folder: Path, name: str, kind: str) -> Path:
    folder.mkdir(exist_ok=True)
    config = {"architectures": [name], "model_type": kind}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / CLASSIFIER).write_text("{}")
    seal(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "kind", "fitting"),
    [
        ("BertForSequenceClassification", "bert", ["infinity", "vllm", "tei"]),
        ("DebertaV2ForSequenceClassification", "deberta-v2", ["infinity", "vllm", "tei"]),
        ("LlamaForSequenceClassification", "llama", ["infinity", "vllm", "sglang"]),
        ("GPT2ForSequenceClassification", "gpt2", ["infinity", "vllm", "sglang"]),
        ("LlamaForCausalLM", "llama", ["transformers", "vllm", "sglang"]),
    ],
)
def test_the_form_of_a_model_says_who_can_serve_it(
    tmp_path: Path, name: str, kind: str, fitting: list[str]
) -> None:
    assert list(list_fitting(put_model(tmp_path, name, kind))) == fitting


def test_the_first_that_is_installed_is_started_with_its_flags_on_a_port_that_is_free(
    tmp_path: Path,
) -> None:
    folder = put_model(tmp_path / "a model", "LlamaForSequenceClassification", "llama")
    program = tmp_path / "bin/vllm"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport sys; print(sys.argv[1:])\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1, port {port}: address already in use"):
            require_free("127.0.0.1", port)
    command = [sys.executable, "-m", "reprotune", "serve", "--model", str(folder)]
    command += ["--port", str(port)]
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"['serve', '{folder}', '--host', '127.0.0.1', '--port', '{port}']\n"
    (folder / "config.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--model", str(folder)])
    assert "config.json: not the file that was exported" in str(ended.value.code)


def test_no_server_and_no_model_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = put_model(tmp_path / "model", "BertForSequenceClassification", "bert")
    with pytest.raises(InputError, match=r"no server .* is installed \(infinity: pip install"):
        start(folder, None, "127.0.0.1", 8000)
    with pytest.raises(InputError, match=r"takes no encoder such as .*; infinity \| vllm"):
        start(folder, "transformers", "127.0.0.1", 8000)
    with pytest.raises(InputError, match="no exported model here"):
        list_fitting(tmp_path)
    main(["serve", "--model", str(folder), "--list"])
    told = " ".join(capsys.readouterr().out.split())
    assert "infinity no infinity_emb v2 --model-id" in told  # in an environment of its own
    assert "(pip install 'infinity-emb[server,torch]'" in told
