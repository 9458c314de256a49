"""Stock servers: which of them takes an exported folder, and the command that starts it."""

import os
import shlex
import shutil
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from rich.markup import escape
from rich.table import Table

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json

ENCODER, DECODER, CAUSAL = "encoder", "decoder with a head", "causal model"
DECODERS = ("ForCausalLM", "LMHeadModel")
TWOFOLD = ("bert", "roberta", "electra", "camembert", "xlm-roberta")  # can be causal, but are not


@dataclass(frozen=True)
class Stock:
    """A server of others."""

    program: str
    command: str  # with {model}, {host} and {port}
    takes: Sequence[str]
    install: str
    module: str | None = None  # which the program needs, too

    @property
    def is_here(self) -> bool:
        found = shutil.which(self.program) is not None
        return found and (self.module is None or find_spec(self.module) is not None)


SERVERS = {
    "transformers": Stock(
        "transformers",
        "transformers serve {model} --host {host} --port {port}",
        (CAUSAL,),
        "pip install 'reprotune[serve]'",
        module="openai",
    ),
    "infinity": Stock(
        "infinity_emb",
        "infinity_emb v2 --model-id {model} --host {host} --port {port} --engine torch "
        "--no-bettertransformer --no-compile",
        (ENCODER, DECODER),
        "pip install 'infinity-emb[server,torch]', in an environment of its own",
    ),
    "vllm": Stock(
        "vllm",
        "vllm serve {model} --host {host} --port {port}",
        (ENCODER, DECODER, CAUSAL),
        "pip install vllm, in an environment of its own",
    ),
    "sglang": Stock(
        "sglang",
        "python -m sglang.launch_server --model-path {model} --host {host} --port {port}",
        (DECODER, CAUSAL),
        "pip install sglang, in an environment of its own",
    ),
    "tei": Stock(
        "text-embeddings-router",
        "text-embeddings-router --model-id {model} --hostname {host} --port {port}",
        (ENCODER,),
        "brew install text-embeddings-inference, or its container",
    ),
}


def find_form(folder: Path) -> str:
    """Encoder, decoder with a head, or causal model.

    Raises:
        InputError: there is no exported model.
    """
    try:
        config = parse_json((folder / "config.json").read_bytes())
        (name,) = config["architectures"]
        kind = config["model_type"]
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(f"{folder}: no exported model here; `dvc repro` makes one") from None
    if not name.endswith("ForSequenceClassification"):
        return CAUSAL
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAN

    return DECODER if CAN.get(kind, "").endswith(DECODERS) and kind not in TWOFOLD else ENCODER


def write_command(server: Stock, folder: Path, host: str, port: int) -> list[str]:
    return shlex.split(
        server.command.format(model=shlex.quote(str(folder)), host=shlex.quote(host), port=port)
    )


def describe(folder: Path, host: str, port: int) -> Table:
    """For people: each server that takes the folder, whether it is here, and its command.

    Also of one that is not here, for it may be in an environment of its own.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("server", "here", "command, and how to install what is not here"):
        table.add_column(name, overflow="fold")
    for name, server in list_fitting(folder).items():
        told = shlex.join(write_command(server, folder, host, port))
        shown = ("yes", told) if server.is_here else ("no", f"{told}\n({server.install})")
        table.add_row(name, *map(escape, shown))
    return table


def list_fitting(folder: Path) -> dict[str, Stock]:
    form = find_form(folder)
    return {name: server for name, server in SERVERS.items() if form in server.takes}


def require_free(host: str, port: int) -> None:
    """Raise InputError if no server can listen there: it would say so after it loaded the model."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            tried.bind(address)
    except OSError as error:
        raise InputError(
            f"{host}, port {port}: {str(error.strerror).lower()}; another one by --host and --port"
        ) from None


def start(folder: Path, wanted: str | None, host: str, port: int) -> NoReturn:
    """Become the server that is wanted, or the first that takes the folder and is installed.

    Raises:
        InputError: it does not take the folder, none is installed, or the address is taken.
    """
    fitting = list_fitting(folder)
    if wanted and wanted not in fitting:
        raise InputError(
            f"{wanted} takes no {find_form(folder)} such as {folder}; {' | '.join(fitting)} do"
        )
    asked = {wanted: fitting[wanted]} if wanted else fitting
    for server in asked.values():
        if server.is_here:
            require_free(host, port)
            command = write_command(server, folder, host, port)
            sys.stderr.flush()
            os.execvp(command[0], command)
    hints = "; ".join(f"{name}: {server.install}" for name, server in asked.items())
    raise InputError(f"no server for {folder} is installed ({hints})")
