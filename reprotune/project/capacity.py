"""Whether the base model fits this machine: its memory, its GPU."""

import os
from pathlib import Path

import psutil

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.project.findings import OK, STOP, WARN, Finding
from reprotune.project.machine import time_product
from reprotune.sources import hub
from reprotune.sources.hub import Repository

GIB = 1 << 30
LESS = "lower train.micro_batch_size or prompt.max_tokens, or use a smaller base model"
LESS_ON_GPU = "set model.quantization nf4, train.activation_checkpointing or prompt.max_tokens"
FOR_GPUS = 5e8  # parameters, from which on a CPU takes days
CGROUPS = [  # where a container says its limit, by the version of cgroups
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
]


def name_repository(params: Params) -> Repository:
    return Repository(params.model.location, "model", str(params.model.revision))


def count_parameters(params: Params) -> int:
    """Parameters of the base model, from the headers of its files or, at the Hub, their size."""
    from reprotune.models.pinning import local, needed, parameter_count, weight_files

    if params.model.kind == "hub":  # mostly two bytes each
        entries = needed(name_repository(params))
        return sum(e.size for e in entries if Path(e.name).suffix in (".safetensors", ".bin")) // 2
    folder = local(params.model.location, paths.SOURCE_MODELS)
    return sum(parameter_count(folder / name) for name in weight_files(folder))


def find_config(params: Params) -> Path:
    """The folder with the configuration of the base model; of the Hub it is fetched, no weights.

    Who may not have the model hears it here.
    """
    from reprotune.models.pinning import local

    if params.model.kind == "hub":
        return hub.fetch(name_repository(params), ["config.json"])["config.json"].parent
    return local(params.model.location, paths.SOURCE_MODELS)


def check_memory(params: Params) -> Finding:
    """Main memory against an estimate for the hungriest stage."""
    import torch

    from reprotune.project.memory import ON_GPU, estimate_memory

    gpu = torch.cuda.mem_get_info()[1] if torch.cuda.is_available() else 0
    parameters = count_parameters(params)
    need = estimate_memory(params, parameters, find_config(params), gpu)
    limits = [file.read_text().strip() for file in CGROUPS if file.is_file()]
    total = min([psutil.virtual_memory().total, *map(int, filter(str.isdecimal, limits))])
    free = min(psutil.virtual_memory().available, total) / GIB
    detail = f"about {need:.1f} GiB are needed, {free:.1f} of {total / GIB:.1f} GiB are free"
    if 0 < gpu < ON_GPU * parameters and need > free:
        return Finding(WARN, "memory", f"{detail}: enough to train on the GPU, not to export")
    if need > total / GIB:
        return Finding(STOP, "memory", f"{detail}; {LESS}")
    return (
        Finding(WARN, "memory", f"{detail}; {LESS}")
        if need > free
        else Finding(OK, "memory", detail)
    )


def check_device(params: Params) -> Finding:
    """GPU or CPU, whether the number format suits it, and a GPU's memory the training."""
    import torch

    from reprotune.project.gpu import explain_unfit, explain_unused

    dtype = params.model.compute_dtype
    if torch.cuda.is_available():
        return check_gpu(params, explain_unfit(dtype))
    detail = f"no GPU: {os.cpu_count()} CPU cores, {params.threads} threads"
    if unused := explain_unused():
        return Finding(WARN, "device", f"{detail}; {unused}")
    if dtype == "float16":
        return Finding(STOP, "device", f"{detail}; model.compute_dtype float16 is trained in on a "
                       "GPU alone: use float32 or bfloat16")  # fmt: skip
    if dtype != "float32" and (times := time_product(dtype) / time_product("float32")) > 1:
        return Finding(WARN, "device", f"{detail}; model.compute_dtype {dtype} multiplies "
                       f"{times:.0f} times slower than float32 here")  # fmt: skip
    if takes_days(params):
        return Finding(WARN, "device", f"{detail}; training such a model takes days")
    return Finding(OK, "device", detail)


def check_gpu(params: Params, unfit: str) -> Finding:
    """The memory of a GPU that can compute against estimates for training and export."""
    import torch

    from reprotune.project.memory import ON_GPU, estimate_training

    name, (free, total) = torch.cuda.get_device_name(), torch.cuda.mem_get_info()
    detail = f"{name}, {free / GIB:.1f} of {total / GIB:.1f} GiB are free"
    if unfit:
        return Finding(STOP, "device", f"{detail}; {unfit}")
    parameters = count_parameters(params)
    need = estimate_training(params, parameters, find_config(params)) * GIB
    detail += f", training takes about {need / GIB:.1f} or more"
    if need > free:
        level = STOP if need > total else WARN
        return Finding(level, "device", f"{detail}; {LESS_ON_GPU}")
    if (merging := ON_GPU * parameters) > total:
        return Finding(WARN, "device", f"{detail}; export merges in float32 and needs over "
                       f"{merging / GIB:.1f} GiB: `dvc repro evaluate` here, then the rest on the "
                       "CPU, `CUDA_VISIBLE_DEVICES= dvc repro`")  # fmt: skip
    return Finding(OK, "device", detail)


def takes_days(params: Params) -> bool:
    """Whether this machine is too slow to train the base model."""
    import torch

    return not torch.cuda.is_available() and count_parameters(params) > FOR_GPUS
