"""The exported classifier as ONNX, in fp32 and in int8: no form leaves that says something else."""

import json
import logging
import shutil
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from reprotune.classifier import Classifier
from reprotune.core.errors import InputError
from reprotune.core.io import parse_json, whole_folder
from reprotune.core.printing import count_of
from reprotune.core.seals import CLASSIFIER, SEAL, hash_file, seal
from reprotune.export.parity import ask_afresh
from reprotune.models.exported import CERTAINTIES
from reprotune.publishing import stock_onnx

FP32, INT8 = "model.onnx", "model_quantized.onnx"  # as other tools call them
OWN = ("README.md", CERTAINTIES, CLASSIFIER, SEAL)  # of the export, and not of this folder
MANIFEST = "onnx.json"
TIED = 1e-4  # of probabilities: so close, either class is right in fp32
LARGE = 1_900_000_000  # bytes; above, weights do not fit into one file of ONNX
PACKAGES = ("torch", "onnx", "onnxruntime")


@dataclass(frozen=True)
class Form:
    """A file, and how far it is from the exported model on the same texts."""

    name: str
    bytes: int
    agreement: float  # share of equal predictions; ties are equal
    change_max: float  # of a probability
    seconds: float  # of processors, for a thousand texts


def require_extra() -> None:
    """Raise InputError if a package of the extra is not here."""
    if missing := [name for name in ("onnx", "onnxruntime", "onnxscript") if not find_spec(name)]:
        raise InputError(f"{', '.join(missing)}: not installed; pip install 'reprotune[onnx]'")


def convert(
    model: Path, target: Path, texts: list[str], size: int, threads: int, differing: float
) -> Iterator[Form]:
    """Make ``target`` of the export ``model``; what differs on more texts than allowed is left out.

    ``differing`` is the share of the predictions that int8 may change; fp32 may change none. Each
    form is told as it is known, that of the export first.

    Raises:
        InputError: there is no classifier, it has no form in ONNX, or that says something else; or
            the folder holds what is not of this command. It is as it was.
    """
    require_extra()
    require_own(target)
    torch.set_num_threads(threads)
    classifier = Classifier.load(model)
    if not classifier.encoder.has_head:
        raise InputError(
            f"{model} is a causal model, ONNX is made of classifiers; set export.form classifier, "
            "then dvc repro export"
        )
    begun = time.process_time()
    known = classifier.predict_proba(texts, size)
    weights = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    yield Form(str(model), weights, 1.0, 0.0, (time.process_time() - begun) * 1000 / len(texts))
    given = {"texts": texts, "batch_size": size, "threads": threads}
    with whole_folder(target) as partial:
        for file in model.iterdir():
            if file.name not in OWN and not file.name.startswith("model"):
                shutil.copyfile(file, partial / file.name)
        write_fp32(classifier, partial / FP32)
        del classifier  # no two models in memory at once
        forms = [ask(partial, FP32, known, given)]
        yield forms[0]
        if forms[0].agreement < 1:
            raise InputError(
                f"{FP32} says something else than {model} on {1 - forms[0].agreement:.2%} of "
                f"{count_of(len(texts), 'text')}, by up to {forms[0].change_max:.4f}; nothing was "
                "written"
            )
        write_int8(partial)
        small = ask(partial, INT8, known, given)
        yield small
        if 1 - small.agreement <= differing:
            forms.append(small)
        else:
            for file in partial.glob(f"{INT8}*"):
                file.unlink()
        write_manifest(model, partial, forms, len(texts))


def require_own(target: Path) -> None:
    """Raise InputError if there is more in a folder than was written here: it would be gone."""
    try:
        noted = {*parse_json((target / SEAL).read_bytes())}
    except (OSError, ValueError, TypeError):
        noted = set()
    own = noted | {SEAL} if MANIFEST in noted else set()
    if target.is_dir() and (others := sorted({file.name for file in target.iterdir()} - own)):
        raise InputError(
            f"{target}: holds {others[0]!r}, which this command did not write and would remove; "
            "name a new folder by --target, or move it away"
        )


def write_fp32(classifier: Classifier, file: Path) -> None:
    """Trace the model in main memory; batches and lengths are free.

    Raises:
        InputError: it does something that ONNX, or torch's exporter, does not know.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision
    ids = torch.tensor([[*range(1, 6)], [*range(2, 7)]])
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's, of torch's own code
            made: Any = torch.onnx.export(
                Logits(classifier.model.cpu()).eval(),
                (ids, torch.ones_like(ids)),
                input_names=["input_ids", "attention_mask"],
                output_names=["logits"],
                dynamic_shapes=(free, free),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        kind = type(classifier.model).__name__
        raise InputError(
            f"torch {version('torch')} makes no ONNX of a {kind}: {str(error).splitlines()[0]}"
        ) from None
    made.save(file)


class Logits(torch.nn.Module):
    """A model that answers with nothing else."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        said = self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
        logits: torch.Tensor = said.logits
        return logits


def write_int8(folder: Path) -> None:
    """Weights of each channel in eight bits; activations as they come."""
    from onnxruntime.quantization import quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)  # it advises to prepare the model, in vain
    size = sum(file.stat().st_size for file in folder.glob(f"{FP32}*"))
    quantize_dynamic(
        folder / FP32, folder / INT8, per_channel=True, use_external_data_format=size > LARGE
    )


def ask(folder: Path, name: str, known: np.ndarray, given: dict[str, Any]) -> Form:
    """How a form answers, in a fresh process that knows neither torch nor us."""
    asked = {"folder": str(folder.resolve()), "file": name}
    try:
        answers = ask_afresh(Path(stock_onnx.__file__), given | asked)
    except InputError as reason:
        raise InputError(f"onnxruntime fails with {name}: {reason}") from None
    found = softmax(np.array(answers["logits"]), axis=1)
    rows = np.arange(len(known))
    lost = known.max(axis=1) - known[rows, found.argmax(axis=1)]
    return Form(
        name,
        sum(file.stat().st_size for file in folder.glob(f"{name}*")),
        float((lost <= TIED).mean()),
        float(np.abs(found - known).max()),
        answers["seconds"] * 1000 / len(known),
    )


def write_manifest(model: Path, folder: Path, forms: list[Form], rows: int) -> None:
    """What the files were made of, by what, and how they were judged; then the hash of each."""
    told = [{k: v for k, v in asdict(form).items() if k != "seconds"} for form in forms]
    made = {
        "export": {"sha256.json": hash_file(model / SEAL)},
        "packages": {name: version(name).split("+")[0] for name in PACKAGES},
        "rows": rows,
        "forms": told,
    }
    (folder / MANIFEST).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    seal(folder)
