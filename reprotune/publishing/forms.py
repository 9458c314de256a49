"""`reprotune onnx`: its options, and what it prints."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

from reprotune.core import paths
from reprotune.core.options import AsJson, taking
from reprotune.core.printing import say


@dataclass(frozen=True)
class Wanted:
    """Of what ONNX is made, and how far it may be from that."""

    model: Annotated[Path, Option(help="Folder of an exported classifier.")] = paths.MERGED
    target: Annotated[Path, Option(help="Folder to write.")] = paths.ONNX
    differing: Annotated[
        float, Option(min=0, max=1, help="Share of the predictions that int8 may change.")
    ] = 0.01
    as_json: AsJson = False


@taking(Wanted)
def onnx(wanted: Wanted) -> None:
    """Write the classifier as ONNX, in fp32 and in int8.

    A fresh process without torch asks both about the test rows: fp32 has to predict what the
    export predicts. int8 is left out, and the exit code 1, if it changes more than --differing.
    The JSON has ok, folder, and forms with name, bytes, agreement, change_max and seconds (of
    processors, for a thousand texts).
    """
    from reprotune.core.params_file import load_params
    from reprotune.publishing.onnx import INT8, convert
    from reprotune.tables import schemas

    params = load_params()
    texts = list(schemas.read(paths.TEST, schemas.Split)["text"])
    size = params.predictions.batch_size
    forms = []
    if not wanted.as_json:
        say(f"{'':22}  {'bytes':>15}  {'agreement':>9}  {'CPU, 1,000 texts':>16}")
    for form in convert(wanted.model, wanted.target, texts, size, params.threads, wanted.differing):
        forms.append(form)
        if not wanted.as_json:
            took = f"{form.seconds:.2f} s"
            say(f"{form.name:22}  {form.bytes:>15,}  {form.agreement:>9.2%}  {took:>16}")
    ok = (wanted.target / INT8).is_file()
    if wanted.as_json:
        told = {"ok": ok, "folder": str(wanted.target), "forms": [asdict(one) for one in forms]}
        say(json.dumps(told))
    elif not ok:
        say(
            f"{INT8} is left out: it changes {1 - forms[-1].agreement:.2%} of the predictions, "
            f"--differing allows {wanted.differing:.2%}",
            sys.stderr,
        )
    if not ok:
        sys.exit(1)
