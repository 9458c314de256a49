"""Stages, `reprotune` and `dvc` as commands, forked from a process that has their imports.

Those take two to ten seconds of a processor each time. What runs is the code and the folder of
whoever asks, in a process of its own; where a new interpreter is the point, a test starts one.
"""

import atexit
import contextlib
import gc
import importlib
import json
import logging
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

NAMES = ("python", "reprotune")
MODULES = ("dvc", "prefect", "reprotune", "stages.", "torch.")  # that `python -m` takes from here
IMPORTED = (
    "torch.distributed.run",
    "dvc.cli.parser",
    "dvc.repo.reproduce",
    "prefect.cli.worker",
    "prefect.workers.process",
    "pipelines.sweep",
    "matplotlib.figure",
    "scipy.stats",
)
OURS = ("pipelines", "reprotune", "stages", "tests")  # imported anew, from the folder of who asks
CLIENT = """#!{python} -IS
import json, os, socket, sys
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
if name == "python":
    arguments = arguments[arguments[:1] in (["-u"], ["-P"]):]  # as torchrun and flows start it
    module = arguments[1] if arguments[:1] == ["-m"] else ""
    if not module.startswith({modules}) or module.endswith(".supervision"):  # it knows its parents
        os.execv({python!r}, [{python!r}, *arguments])
    name, arguments = arguments[1], arguments[2:]
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
    asked.connect({address!r})
    here = os.path.join(os.path.dirname(sys.argv[0]), "python")
    job = json.dumps([here, name, arguments, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(asked, [job], [0, 1, 2])
    os._exit(int(asked.recv(16)))
"""


def serve(place: Path, user: int) -> None:
    """Answer the commands in the folder ``place``, which is for the PATH, until ``user`` ends."""
    made, address = place.with_suffix(".new"), "asked"
    made.mkdir()
    client = CLIENT.format(python=sys.executable, modules=MODULES, address=str(place / address))
    for name in NAMES:
        (made / name).write_text(client)
        (made / name).chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(str(made / address))
        door.listen()
        made.rename(place)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
        ended = os.pidfd_open(user)
        while ended not in select.select([door, ended], [], [])[0]:
            asked, _ = door.accept()
            with asked:
                if not os.fork():
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    answer(asked)


def answer(asked: socket.socket) -> None:
    """Fork the job, and say its exit code; it ends with who asked."""
    job, descriptors, *_ = socket.recv_fds(asked, 1 << 20, 3)
    if child := os.fork():
        if asked in select.select([asked, os.pidfd_open(child)], [], [])[0]:
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(BrokenPipeError):
            asked.send(b"%d" % code)
        os._exit(0)
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
    sys.executable, name, arguments, folder, environment = json.loads(job)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.environ.pop("DVC_STAGE", None)  # by which a stage looks for DVC among its parents
    for module in [module for module in sys.modules if module.partition(".")[0] in OURS]:
        del sys.modules[module]
    if name.startswith("prefect"):
        importlib.import_module("prefect.context").refresh_global_settings_context()
    else:
        logging.root.handlers.clear()  # that came with it
    sys.path[:0] = [folder]
    sys.argv = [name, *arguments]
    code: object = 0
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    leave(code)


def leave(code: object) -> NoReturn:
    """End as ``sys.exit``, but leave the modules to the kernel: to take them down takes seconds."""
    if not isinstance(code, int):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    from reprotune.core.arithmetic import fix_arithmetic
    from reprotune.core.libraries import prepare_libraries

    fix_arithmetic()  # as a stage does, before its imports
    prepare_libraries()
    stages = [f"stages.{file.stem}" for file in sorted(Path("stages").glob("[a-z]*.py"))]
    for module in [*stages, *IMPORTED]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # else each child would copy what the collector touches
    serve(Path(sys.argv[1]), int(sys.argv[2]))
